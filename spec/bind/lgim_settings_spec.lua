-- SPDX-License-Identifier: MIT
-- Tests src/bind/lgim_settings.c: that every option of gptimage.client does what it says. What is
-- wrong with options is in wrong_options_spec.
local core = require "gptimage.core"
local files = require "spec.support.files"
local pictures = require "spec.support.pictures"
local sandboxes = require "spec.support.sandbox"
local services = require "spec.support.service"

local service

after_each(function()
  if service then service:close() end
  service = nil
end)

local function silent(conn)
  conn:closed()
  return false
end

describe("time limits", function()
  it("are each its own", function()
    local cases = {
      submit = { handlers = { submit = silent }, billed = "maybe" },
      download = { handlers = { download = silent }, billed = "yes", retry = true },
      task = { handlers = { poll = silent }, billed = "maybe" },
    }
    for name, case in pairs(cases) do
      local folder <close> = files.folder()
      service = services.start(case.handlers)
      service:client { timeout = { [name] = 0.1 }, retry = { max = 0 } }
      local began = core.now()
      local result, err = service:generate { output = folder.path .. "/x.png" }
      assert.is_nil(result, name)
      assert.equal("timeout", err.kind, name)
      assert.equal(case.billed, err.billed, name)
      assert.is_true(core.now() - began < 20, name)
      service:close()
    end
  end)

  it("may be longer than any clock", function()
    service = services.start()
    service:client { timeout = { connect = 1e9, submit = 1e9, poll = 1e9, download = 1e9,
      task = 1e9 }, retry = { max = 1000, base = 1e9, cap = 1e9 } }
    assert(service:generate())
  end)

  it("of a request counts before the client's", function()
    service = services.start { poll = silent }
    service:client { timeout = { task = 100 } }
    local _, err = service:generate { timeout = 0.1 }
    assert.equal("timeout", err.kind)
  end)

  it("to connect ends in a timeout, billed no", function()
    -- Nobody answers there, and nobody refuses: a listener whose queue is full.
    local socket = require "socket"
    local listener = assert(socket.bind("127.0.0.1", 0, 0))
    local _, port = listener:getsockname()
    local waiting = {}
    for i = 1, 4 do
      waiting[i] = socket.tcp()
      waiting[i]:settimeout(0)
      waiting[i]:connect("127.0.0.1", port)
    end
    service = services.start()
    service:client { base_url = "http://127.0.0.1:" .. port, timeout = { connect = 0.15 },
      retry = { max = 0 } }
    local result, err = service:generate()
    for _, one in ipairs(waiting) do one:close() end
    listener:close()
    assert.is_nil(result)
    assert.equal("timeout", err.kind)
    assert.equal("no", err.billed)
    assert.equal("no connection to 127.0.0.1:" .. port .. " within 0.15 s", err.message)
  end)
end)

describe("the file service", function()
  local photo = pictures.png { width = 6, height = 4 }

  it("is where files_url says", function()
    service = services.start()
    local beside <close> = services.start()
    service:client { files_url = beside.url .. "/below/" }
    local task = assert(service.clients[1]:submit(services.request {
      images = { { data = photo } } }))
    service:drive(function()
      beside.server:step()
      return task:done()
    end)
    assert(task:wait())
    assert.equal("/below/api/v1/files/upload/stream", beside.uploads[1].target)
    assert.equal("Bearer " .. services.KEY, beside.uploads[1].headers.authorization)
    assert.same({ 0, 1 }, { #service.uploads, #beside.uploads })
  end)

  it("is nobody that the caller did not name, where base_url is his own", function()
    service = services.start()
    for _, provider in ipairs { "starmagic", "evolink" } do
      local client = service:client { provider = provider }
      local task, err = client:submit(services.request { images = { { data = photo } } })
      assert.is_nil(task)
      assert.same({ "files_url_required", "no" }, { err.issues[1].rule, err.billed })
    end
    assert.same({ 0, 0 }, { #service.uploads, #service.posts })
  end)

  it("has a time limit of its own", function()
    service = services.start { upload = silent }
    service:client { files_url = service.url, timeout = { upload = 0.1 }, retry = { max = 0 } }
    local began = core.now()
    local result, err = service:generate { images = { { data = photo } } }
    assert.is_nil(result)
    assert.same({ "timeout", "no" }, { err.kind, err.billed })
    assert.is_true(core.now() - began < 20)
    assert.equal(0, #service.posts)
  end)
end)

describe("pacing", function()
  it("of polls is kept", function()
    local times = {}
    service = services.start { poll = function(conn, _, number, s)
      times[number] = core.now()
      if number < 4 then return conn:reply '{"status":"processing","progress":5}' end
      return services.defaults.poll(conn, nil, number, s)
    end }
    service:client { poll = { first = 0.02, min = 0.05, max = 0.06, jitter = 0 } }
    local began = core.now()
    assert(service:generate())
    assert.equal(4, #times)
    assert.is_true(times[1] - began >= 0.019)
    for i = 2, 4 do
      assert.is_true(times[i] - times[i - 1] >= 0.049, times[i] - times[i - 1])
    end
  end)

  it("of repetitions may be none", function()
    service = services.start { submit = function(conn) conn:reply("", "429 Slow") end }
    service:client { retry = { max = 0 } }
    assert.is_nil(service:generate())
    assert.equal(1, #service.posts)
  end)
end)

describe("providers", function()
  it("have paths of their own", function()
    for provider, path in pairs { starmagic = "/v1/images/generations",
      evolink = "/v1/images/generations", magick = "/v1/images/generations" } do
      service = services.start()
      local client = service:client { provider = provider, base_url = nil }
      assert.equal(provider, client.provider)
      assert(service:generate { model = "gpt-image-2" })
      assert.equal(path, service.posts[1].target)
      service:close()
    end
  end)

  it("lie below a base_url with a path", function()
    service = services.start { download = function(conn) conn:reply(services.PICTURE) end,
      poll = function(conn, _, _, s) conn:reply(s:completed { s.url .. "/x.png" }) end }
    service:client { base_url = service.url .. "/gate/way/" }
    assert(service:generate())
    assert.equal("/gate/way/v1/images/generations", service.posts[1].target)
    assert.equal("/gate/way/v1/tasks/" .. services.ID, service.polls[1].target)
  end)
end)

describe("the procedure for sizes", function()
  it("is told to the rules", function()
    local bodies = {}
    for _, sizes in ipairs { "anchor", "budget" } do
      service = services.start()
      service:client { provider = "magick", sizes = sizes }
      assert(service:generate { model = "gpt-image-2", size = "16:9", resolution = "1K" })
      bodies[sizes] = service.posts[1].body:match '"size":"([^"]+)"'
      service:close()
    end
    assert.same({ anchor = "1824x1024", budget = "1360x768" }, bodies)
  end)
end)

describe("a proxy", function()
  it("carries everything, when it is given", function()
    service = services.start()
    service:client { base_url = "http://127.0.0.9:9", proxy = service.url }
    local task = assert(service.clients[1]:submit(services.request()))
    service:drive(function() return #service.polls > 0 end)
    assert.equal("http://127.0.0.9:9/v1/images/generations", service.posts[1].target)
    task:cancel()
  end)
end)

describe("TLS", function()
  local sandbox

  setup(function()
    sandbox = sandboxes.start { tls = true, latency = 0.1 }
  end)

  teardown(function()
    sandbox:stop()
  end)

  before_each(function()
    sandbox:reset()
  end)

  local function client(more)
    local options = { base_url = sandbox.starmagic_tls, api_key = services.KEY,
      poll = { first = 0.05, min = 0.05, max = 0.1 } }
    for name, value in pairs(more or {}) do options[name] = value end
    return assert(require("gptimage").client(options))
  end

  it("is verified: without the CA nothing is sent, and nothing is tried again", function()
    local one <close> = client()
    local began = core.now()
    local result, err = one:generate(services.request())
    assert.is_nil(result)
    assert.equal("network", err.kind)
    assert.equal("no", err.billed)
    assert.is_false(err.retryable)
    assert.truthy(err.message:find("is not trusted", 1, true))
    assert.truthy(err.message:find("ca_file", 1, true))
    assert.is_true(core.now() - began < 20)
    assert.equal(0, sandbox:ledger().submits)
  end)

  it("with the CA brings pictures, over HTTP/2 where it is offered", function()
    local folder <close> = files.folder()
    local one <close> = client { ca_file = sandbox.ca_file }
    local result = assert(one:generate(services.request { output = folder.path .. "/{id}.png" }))
    assert.equal("yes", result.billed)
    assert.equal(1, #folder:files())
    local seen = {}
    for _, request in ipairs(sandbox:requests()) do
      seen[request.kind or request.method] = request.http
      local key = request.headers.authorization
      assert.is_true(request.path:find("^/starmagic/v1/") ~= nil or key == nil)
    end
    assert.same({ "2", "2", "1.1" }, { seen.submit, seen.poll, seen.download })
    assert.equal(1, sandbox:ledger().charged)
  end)

  it("keeps a lost reply from being paid twice over HTTP/2", function()
    for how, billed in pairs { rst = "maybe", cancel = "maybe", goaway = "maybe" } do
      sandbox:reset()
      sandbox:fault { match = { kind = "submit" }, fault = { reset = "accepted", how = how } }
      local one <close> = client { ca_file = sandbox.ca_file }
      local result, err = one:generate(services.request())
      assert.is_nil(result, how)
      assert.equal(billed, err.billed, how)
      assert.equal(1, sandbox:ledger().accepted, how)
    end
  end)
end)
