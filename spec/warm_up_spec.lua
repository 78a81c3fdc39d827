-- SPDX-License-Identifier: MIT
-- client:warm_up(): the first TLS connections' work, done when the host can afford it.
local gptimage = require "gptimage"
local sandboxes = require "spec.support.sandbox"

describe("client:warm_up", function()
  local sandbox

  setup(function() sandbox = sandboxes.start { tls = true } end)
  teardown(function() sandbox:stop() end)
  before_each(function() sandbox:reset() end)

  local function open(more)
    local options = { provider = "magick", api_key = "key", base_url = sandbox.magick_tls,
      ca_file = sandbox.ca_file }
    for name, value in pairs(more or {}) do options[name] = value end
    return assert(gptimage.client(options))
  end

  it("connects, asks for nothing and costs nothing", function()
    local client <close> = open()
    assert.is_true(client:warm_up())
    assert.is_true(client:warm_up())
    assert.equal(0, #sandbox:requests())
    local result = assert(client:generate { model = "gpt-image-2", prompt = "a fox",
      size = "1024x1024" })
    assert.equal(1, #result.images)
    assert.equal(1, sandbox:ledger().accepted)
  end)

  it("lets tasks go on, and their ends are told by the next step", function()
    local client <close> = open()
    local task = assert(client:submit { model = "gpt-image-2", prompt = "a fox",
      size = "1024x1024" })
    local told = 0
    task:on_done(function() told = told + 1 end)
    for _ = 1, 3 do assert.is_true(client:warm_up()) end
    assert.equal(0, told)
    client:run()
    assert.equal(1, told)
    assert.equal("yes", task.billed)
  end)

  it("says why it could not", function()
    local listener = assert(require "socket".bind("127.0.0.1", 0))
    local _, port = listener:getsockname()
    local client <close> = open { base_url = "https://127.0.0.1:" .. port,
      timeout = { connect = 0.1 } }
    local done, err = client:warm_up() -- the other side accepts and never says a word
    assert.is_nil(done)
    assert.same({ "timeout", "no" }, { err.kind, err.billed })
    listener:close()
    done, err = client:warm_up()
    assert.is_nil(done)
    assert.equal("network", err.kind)
    local stranger <close> = assert(gptimage.client { provider = "magick", api_key = "key",
      base_url = sandbox.magick_tls })
    done, err = stranger:warm_up()
    assert.is_nil(done)
    assert.matches("not trusted", err.message)
  end)

  it("is no method of a closed client", function()
    local client = open()
    client:close()
    assert.has_error(function() client:warm_up() end)
  end)
end)
