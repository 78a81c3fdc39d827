-- SPDX-License-Identifier: MIT
-- Tests lua/gptimage/sandbox/callbacks.lua with a receiver on loopback.

local cjson = require "cjson"
local raw = require "spec.support.raw_http"
local socket = require "socket"
local support = require "spec.support.sandbox"

local get, post = raw.get, raw.post

describe("the sandbox's callbacks", function()
  local sandbox, receiver, url
  setup(function() sandbox = support.start { latency = 10, allow_private = true, speed = 100 } end)
  teardown(function() sandbox:stop() end)
  before_each(function()
    sandbox:reset()
    receiver = assert(socket.bind("127.0.0.1", 0))
    receiver:settimeout(10)
    url = ("http://127.0.0.1:%d/hook"):format(select(2, receiver:getsockname()))
  end)
  after_each(function() receiver:close() end)

  -- Takes one call back and answers it.
  local function receive(status)
    local peer = assert(receiver:accept())
    peer:settimeout(10)
    local head, length = assert(peer:receive("*l")), 0
    repeat
      local line = assert(peer:receive("*l"))
      length = tonumber(line:lower():match("^content%-length: (%d+)")) or length
    until line == ""
    local body = peer:receive(length)
    peer:send(("HTTP/1.1 %d X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"):format(status))
    peer:close()
    return cjson.decode(body), head
  end

  local function submit(fault)
    if fault then
      sandbox:fault { match = { kind = "submit" }, fault = fault }
    end
    local body = { model = "gpt-image-2-beta", prompt = "x", callback_url = url }
    return post(sandbox.starmagic .. "/v1/images/generations", body).json.id
  end

  it("come once, after billing, if the receiver says 2xx, and show what a query shows", function()
    local id = submit()
    local told, head = receive(204)
    assert.equal("POST /hook HTTP/1.1", head)
    assert.equal(1, sandbox:ledger().charged)
    assert.same(get(sandbox.starmagic .. "/v1/tasks/" .. id).json, told)
    support.wait_for(function() return sandbox:ledger().called_back == 1 end)
    local entry = sandbox:ledger().entries[1]
    assert.equal(204, entry.callbacks[1].status)
    assert.equal(1, #entry.callbacks)
  end)

  it("come for failed and for cancelled tasks as well", function()
    submit { fail = "service_error" }
    assert.equal("failed", (receive(200)).status)
    submit { cancel = true }
    assert.equal("cancelled", (receive(200)).status)
  end)

  it("are tried four times, 1, 2 and 4 seconds apart", function()
    submit()
    for _ = 1, 4 do
      receive(500)
    end
    local entry = support.wait_for(function()
      local first = sandbox:ledger().entries[1]
      return #first.callbacks == 4 and first
    end)
    local times = {}
    for i = 2, 4 do
      times[i - 1] = entry.callbacks[i].at - entry.callbacks[i - 1].at
    end
    assert.is_true(times[1] >= 1 and times[2] >= 2 and times[3] >= 4, table.concat(times, " "))
    local ledger = sandbox:ledger()
    assert.same({ 4, 0 }, { ledger.callbacks, ledger.called_back })
  end)

  it("go to private addresses only if allowed", function()
    local strict <close> = support.start { latency = 0 }
    local reply = post(strict.starmagic .. "/v1/images/generations",
      { model = "gpt-image-2-beta", prompt = "x", callback_url = url })
    assert.same({ 400, "callback_url" }, { reply.status, reply.json.error.param })
  end)
end)
