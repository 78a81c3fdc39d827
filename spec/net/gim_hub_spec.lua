-- SPDX-License-Identifier: MIT
-- Tests src/net/gim_hub.c and gim_hub_log.c through clients: what their jobs share.
local core = require "gptimage.core"
local misbehave = require "spec.support.misbehave"
local services = require "spec.support.service"
local socket = require "socket"
local window = require "gptimage.core_test"

describe("a client's requests", function()
  it("have keys of their own", function()
    local service <close> = services.start()
    local client = service:client { max_requests = 1 }
    local seen = {}
    for _ = 1, 200 do
      local key = assert(client:submit(services.request())).key
      assert.truthy(key:find("^gim_" .. ("[0-9a-f]"):rep(32) .. "$"))
      assert.is_nil(seen[key])
      seen[key] = true
    end
  end)

  it("share memory for pictures, and give it back", function()
    local base64 = require "gptimage.sandbox.base64"
    local large = services.picture(60000)
    local reply = '{"data":[{"b64_json":"' .. base64.encode(large) .. '"}]}'
    local service <close> = services.start { submit = function(conn) conn:reply(reply) end }
    service:client { provider = "magick", memory_limit = 70000 }
    local lfs = require "lfs"
    local function temporary_files()
      local count = 0
      for name in lfs.dir("/proc/self/fd") do
        local target = lfs.symlinkattributes("/proc/self/fd/" .. name, "target")
        if target and target:find("deleted") then count = count + 1 end
      end
      return count
    end
    collectgarbage() -- what earlier specs left
    collectgarbage()
    local before = temporary_files()
    local first = assert(service:generate { model = "gpt-image-2" })
    assert.equal(before, temporary_files())
    local second = assert(service:generate { model = "gpt-image-2" })
    assert.equal(before + 1, temporary_files())
    assert.equal(large, first.images[1]:data())
    assert.equal(large, second.images[1]:data())
    first, second = nil, nil -- luacheck: ignore
    collectgarbage()
    collectgarbage()
    assert.equal(before, temporary_files())
    local third = assert(service:generate { model = "gpt-image-2" })
    assert.equal(before, temporary_files())
    assert.equal(large, third.images[1]:data())
  end)
end)

describe("a client's proxy", function()
  local NAMES = { "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy",
    "NO_PROXY" }
  local before, server

  local function set(values)
    for _, name in ipairs(NAMES) do window.setenv(name, values[name]) end
  end

  before_each(function()
    before = {}
    for _, name in ipairs(NAMES) do before[name] = os.getenv(name) end
    server = misbehave.server(function(conn)
      conn:request()
      conn:reply("{}", "404 Not Found", { "Content-Type: application/json" })
    end)
  end)

  after_each(function()
    set(before)
    server:close()
  end)

  local function asks(client)
    assert(core.attach(client, "task-x"))
    local deadline = socket.gettime() + 5
    repeat
      core.step(client, 0)
      server:step()
      assert.is_true(socket.gettime() < deadline)
    until server.requests[1]
    core.close(client)
    return server.requests[1].target
  end

  it("is the environment's from when it was made", function()
    set { http_proxy = server.url }
    local client = assert(core.client { api_key = services.KEY,
      base_url = "http://service.invalid", allow_private = true })
    assert.equal("http://service.invalid/v1/tasks/task-x", asks(client))
    set {}
    client = assert(core.client { api_key = services.KEY, base_url = server.url })
    set { all_proxy = "http://127.0.0.1:1" }
    server.requests = {}
    assert.equal("/v1/tasks/task-x", asks(client))
  end)
end)

describe("a client's log", function()
  it("keeps the newest records of a host that does not step", function()
    local service <close> = services.start()
    local client = service:client { log = function() end, max_requests = 1 }
    for _ = 1, 5000 do
      -- Each begins and ends with a record, without a step.
      assert(core.attach(client, "task-x")):cancel()
    end
    local _, _, logs = core.step(client, 0)
    assert.equal(4096, #logs)
    assert.equal("state", logs[4096].event)
    assert.equal("task-x", logs[4096].task)
    assert.is_nil((select(3, core.step(client, 0))))
  end)

  it("is empty where nobody reads it", function()
    local service <close> = services.start()
    local client = service:client()
    assert(core.attach(client, "task-x")):cancel()
    local live, events, logs = core.step(client, 0)
    assert.equal(0, live)
    assert.equal("done", events[2])
    assert.is_nil(logs)
  end)
end)
