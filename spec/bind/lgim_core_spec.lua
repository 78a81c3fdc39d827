-- SPDX-License-Identifier: MIT
-- Tests src/bind/lgim_core.c: the module, how its objects end with the Lua state in whatever order,
-- in a child after fork, and when memory is out.
local core = require "gptimage.core"
local files = require "spec.support.files"
local needs_descriptor = require "spec.support.needs_descriptor"
local program = require "spec.support.program"
local services = require "spec.support.service"
local window = require "gptimage.core_test"

local folder

before_each(function()
  folder = files.folder()
end)

after_each(function()
  folder:close()
end)

-- Runs a program behind a prelude, in a process of its own.
local function run(text, arguments)
  local path = folder.path .. "/program.lua"
  local file <close> = assert(io.open(path, "w"))
  file:write [[
    local core = require "gptimage.core"
    local gptimage = require "gptimage"
    local base64 = require "gptimage.sandbox.base64"
    local services = require "spec.support.service"
    local service, client
    local folder = arg[1]
    local function silent(conn) conn:closed() return false end
    local function start(handlers, options)
      service = services.start(handlers)
      client = service:client(options)
    end
    local function submit(more) return assert(client:submit(services.request(more))) end
  ]]
  file:write(text)
  file:flush()
  local result = program.run(path, { arguments = arguments or { folder.path } })
  os.remove(path)
  return result
end

local function runs(text)
  local result = run(text)
  assert.equal("done\n", result.output)
  assert.equal(0, result.status)
end

describe("the module", function()
  it("has what the Lua layer is built on, and exports nothing else", function()
    local names = {}
    for name, value in pairs(core) do names[#names + 1] = name .. " " .. type(value) end
    table.sort(names)
    for _, name in ipairs { "attach function", "body function", "client function",
      "close function", "data function", "edit function", "error_metatable table",
      "fetch function", "generate function", "idle function", "issue_metatable table",
      "libcurl string", "listen function", "methods table", "models function", "now function",
      "opened function", "outcome function", "plan function", "read function", "sizes function",
      "step function", "version string", "waiter function", "wake function", "watch function" } do
      local found
      for _, other in ipairs(names) do found = found or other == name end
      assert.is_true(found, name)
    end
    assert.truthy(core.version:find("^%d+%.%d+%.%d+$"))
    assert.truthy(core.libcurl:find("^%d+%.%d+%.%d+"))
  end)

  it("takes no object of another kind", function()
    for name, f in pairs(core) do
      if type(f) == "function" and name ~= "now" and name ~= "models" and name ~= "sizes"
        and name ~= "plan" and name ~= "client" and name ~= "idle"
        and name ~= "opened" and name ~= "listen" then
        for _, value in ipairs { io.stdout, {}, "x", 7, true } do
          local ok, message = pcall(f, value, 1, 1)
          assert.is_false(ok, name)
          assert.is_string(message)
        end
        assert.is_false((pcall(f)))
      end
    end
    for _, methods in pairs(core.methods) do
      for name, f in pairs(methods) do
        assert.is_false((pcall(f, io.stdout)), name)
        assert.is_false((pcall(f)), name)
      end
    end
    -- The short ways: who is no client takes the long one, which says so.
    for _, short in ipairs { core.idle, core.opened, core.listen } do
      for _, value in ipairs { io.stdout, {}, "x", 7, true } do
        assert.equal(0, select("#", short(value)))
      end
      assert.equal(0, select("#", short()))
    end
    assert.equal("locked", getmetatable(assert(core.client { api_key = "k" })))
  end)

  it("makes clients that outlive the coroutine they were made in", function()
    local client
    coroutine.wrap(function() client = assert(core.client { api_key = "k" }) end)()
    collectgarbage()
    collectgarbage()
    assert.is_false(client:closed())
    core.close(client)
  end)
end)

describe("closing the Lua state", function()
  for name, text in pairs {
    ["with a client that did nothing"] = [[ start() ]],
    ["with a task before its first step"] = [[ start() submit() ]],
    ["with a request under way"] = [[
      start { submit = silent }
      submit()
      service:drive(function() return #service.posts == 1 end) ]],
    ["with a name that is being resolved"] = [[
      client = assert(gptimage.client { api_key = "k", base_url = "https://name.invalid" })
      submit()
      client:step() client:step() ]],
    ["with queries and queues"] = [[
      start({ poll = silent }, { max_requests = 3 })
      for _ = 1, 20 do submit() end
      service:drive(function() return #service.polls == 1 end) ]],
    ["with a download to a file under way"] = [[
      start { download = function(conn)
        conn:send("HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n" .. services.PICTURE)
        silent(conn)
      end }
      submit { output = folder .. "/x.png" }
      service:drive(function() return #service.downloads == 1 end)
      for _ = 1, 20 do service:step() end ]],
    ["with finished tasks, results and pictures in memory"] = [[
      start({ submit = function(conn) conn:reply('{"data":[{"b64_json":"'
        .. base64.encode(services.PICTURE) .. '"}]}') end }, { provider = "magick" })
      kept = { service:generate { model = "gpt-image-2" } }
      assert(kept[1]) ]],
    ["with a picture that is being fetched"] = [[
      start { download = silent }
      local result, _, task = service:generate()
      fetch = assert(core.fetch(task, 1))
      service:drive(function() return #service.downloads == 1 end) ]],
    ["with a picture that is being fetched, its task dropped"] = [[
      start { download = silent }
      do
        local result, _, task = service:generate()
        assert(core.fetch(task, 1, folder .. "/x.png"))
      end
      service:drive(function() return #service.downloads == 1 end)
      collectgarbage() collectgarbage() ]],
    ["with a picture that is being copied"] = [[
      start({ submit = function(conn) conn:reply('{"data":[{"b64_json":"'
        .. base64.encode(services.picture(3000000)) .. '"}]}') end }, { provider = "magick" })
      local result, _, task = service:generate({ model = "gpt-image-2" }, 60)
      assert(core.fetch(task, 1, folder .. "/x.png"))
      client:step() ]],
    ["with coroutines that wait"] = [[
      start { submit = silent }
      client:spawn(function() client:generate(services.request()) error "never" end)
      service:drive(function() return #service.posts == 1 end) ]],
    ["with a closed client and its tasks"] = [[
      start { submit = silent }
      kept = { submit(), submit() }
      service:drive(function() return #service.posts == 2 end)
      client:close() ]],
    ["with a client that is closed by a finalizer of the user's"] = [[
      start { submit = silent }
      local task = submit()
      late = setmetatable({}, { __gc = function()
        pcall(task.cancel, task) pcall(client.close, client) pcall(tostring, task)
        pcall(function() return task.id, task.billed, task.client end)
        pcall(client.submit, client, services.request())
      end })
      service:drive(function() return #service.posts == 1 end) ]],
    ["with an older finalizer that finds everything gone"] = [[
      local held = {}
      early = setmetatable({}, { __gc = function()
        assert(not pcall(held.client.step, held.client))
        assert(not pcall(held.task.cancel, held.task))
        assert(tostring(held.task) and tostring(held.client))
        pcall(held.client.close, held.client)
      end })
      start { submit = silent }
      held.client, held.task = client, submit()
      service:drive(function() return #service.posts == 1 end) ]],
    ["with what the collector left, generation by generation"] = [[
      collectgarbage "generational"
      start { download = silent }
      for i = 1, 10 do
        local result, _, task = service:generate()
        assert(core.fetch(task, 1))
        if i % 3 == 0 then service:client() end
        if i % 4 == 0 then collectgarbage "step" end
      end
      service = nil ]],
    ["with an error"] = [[ start { submit = silent } submit() client:step()
      print "done" os.exit(0, true) ]],
  } do
    it(name .. " crashes nothing and leaves nothing", function()
      runs(text .. '\nprint "done"\n')
      assert.same({}, folder:files())
    end)
  end
end)

describe("a host that closes our descriptor", function()
  it("is told by step, and by no crash or endless loop", function()
    needs_descriptor(pending)
    runs [[
      local socket = require "socket"
      start { submit = silent }
      local task = submit()
      service:drive(function() return #service.posts == 1 end)
      local thief = socket.tcp()
      thief:close()
      thief:setfd(client:fd())
      thief:close()
      for _ = 1, 3 do
        local ok, message = pcall(client.step, client, 1)
        assert(not ok and message:find("step failed: waiting for sockets failed", 1, true), message)
      end
      task:cancel()
      local result, err = task:wait()
      assert(err.kind == "cancelled" and err.billed == "maybe")
      client:close()
      print "done"
    ]]
  end)
end)

describe("a child after fork", function()
  it("can do nothing with what is its parent's, and the parent goes on", function()
    local service <close> = services.start { poll = function(conn, head, number, s)
      if number == 1 then
        conn:wait(function() return s.go end)
      end
      return services.defaults.poll(conn, head, number, s)
    end }
    local client = service:client()
    service.go = true
    local result, _, finished = service:generate {}
    service.polls = {}
    service.go = nil
    local task = assert(client:submit(services.request()))
    service:drive(function() return #service.polls == 1 end)
    local calls = {
      ["task%.id: task"] = function() return task.id end,
      ["image:data: task"] = function() result.images[1]:data() end,
      ["image:save: task"] = function() result.images[1]:save "x" end,
    }
    for kind, object in pairs { client = client, task = task } do
      for name in pairs(core.methods[kind]) do
        if name ~= "close" and name ~= "closed" then
          calls[kind .. ":" .. name .. ": " .. kind] = function() object[name](object, print) end
        end
      end
    end
    for name, call in pairs {
      outcome = function() core.outcome(finished) end, read = function() core.read(finished, 1) end,
      fetch = function() core.fetch(finished, 1) end, watch = function() core.watch(task, true) end,
    } do
      calls["task:" .. name .. ": task"] = call
    end
    for name, call in pairs(calls) do
      local fine, message = window.in_child(call)
      assert.is_false(fine, name)
      assert.matches("lgim_core_spec.lua:%d+: " .. name .. " belongs to the parent process$",
        message)
    end
    local fine, said = window.in_child(function()
      assert(client.foreign == true)
      assert(client:closed() == false)
      assert(tostring(client) and tostring(task))
      client:close()
      client, task, finished, result = nil, nil, nil, nil
      service.clients = {}
      collectgarbage()
      collectgarbage()
      -- A client of the child's own works.
      local other = assert(core.client { api_key = "k" })
      core.close(other)
      return "fine"
    end)
    assert.equal("fine", said)
    assert.is_true(fine)
    assert.is_false(client.foreign)
    service.go = true
    assert.equal("yes", assert(service:finish(task)).billed)
    assert.equal(2, #service.posts)
  end)
end)

describe("jobs whose allocations fail", function()
  for _, flow in ipairs { "task", "base64", "temporary", "attach", "refused",
    "kept", "journal", "recover", "upload", "form" } do
    it("one by one (" .. flow .. ") end in an error, pay once and leave nothing", function()
      local result = program.run("spec/support/programs/starved.lua",
        { arguments = { flow, folder.path } })
      local count = math.tointeger(tonumber(result.output:match "^(%d+)\t"))
      assert(count, result.output)
      assert.is_true(count > 20)
    end)
  end
end)
