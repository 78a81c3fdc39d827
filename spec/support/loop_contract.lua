-- SPDX-License-Identifier: MIT
-- What every adapter under gptimage.loop does, on its real loop and against the sandbox. For a
-- describe block of busted:
--
--   require("spec.support.loop_contract")(hosts.luv)

local assert = require "luassert"
local busted = require "busted"
local clients = require "spec.support.clients"
local sandboxes = require "spec.support.sandbox"

local it, before_each, after_each = busted.it, busted.before_each, busted.after_each
local request = clients.request

return function(new_host)
  local sandbox, host, made

  busted.setup(function()
    sandbox = sandboxes.start { latency = 0.05 }
  end)

  busted.teardown(function()
    sandbox:stop()
  end)

  before_each(function()
    sandbox:reset()
    host = new_host()
    made = {}
  end)

  after_each(function()
    for _, client in ipairs(made) do
      client:close()
    end
  end)

  local function new_client(more)
    local client = clients.starmagic(sandbox, more)
    made[#made + 1] = client
    return client
  end

  -- How often something was raised, and that it says `text`.
  local function assert_raised(text, times)
    assert.equal(times or 1, #host.raised, table.concat(host.raised, "\n"))
    for _, message in ipairs(host.raised) do
      assert.truthy(message:find(text, 1, true), message)
    end
  end

  it("yields in the loop's coroutines, so that tasks run side by side, and lets the loop end",
    function()
      local client = new_client()
      local handle = host.attach(client)
      local done = 0
      for _ = 1, 3 do
        host.spawn(handle, function()
          local result = assert(client:generate(request()))
          done = done + 1
          assert(result.images[1]:data())
        end)
      end
      host.spawn(handle, function() assert(assert(client:submit(request())):await()) end)
      host.run()
      assert.same({}, host.raised)
      assert.equal(3, done)
      local submitted, before_download = 0, nil
      for _, record in ipairs(sandbox:requests()) do
        if record.kind == "submit" then
          submitted = submitted + 1
        elseif record.kind == "download" then
          before_download = before_download or submitted
        end
      end
      assert.equal(4, before_download)
      assert.equal(4, sandbox:ledger().charged)
    end)

  it("raises outside them, names what to use, and sends nothing", function()
    local client = new_client()
    local handle = host.attach(client)
    local messages = {}
    local function try()
      local ok, message = pcall(client.generate, client, request())
      assert.is_false(ok)
      messages[#messages + 1] = message
    end
    try()
    host.later(0, function() coroutine.wrap(try)() end) -- a coroutine, but not the loop's
    host.spawn(handle, function() coroutine.wrap(try)() end)
    host.run()
    assert.same({}, host.raised)
    assert.equal(3, #messages)
    for _, message in ipairs(messages) do
      assert.truthy(message:find(("would block the loop '%s'"):format(host.name), 1, true), message)
      assert.truthy(message:find("client:submit with task:on_done", 1, true))
    end
    assert.equal(0, sandbox:ledger().accepted)
  end)

  it("watches nothing while nothing is live", function()
    local client = new_client()
    host.attach(client)
    host.run()
    local count = 0
    local function again(_, result)
      assert(result)
      count = count + 1
      if count < 3 then
        assert(client:submit(request())):on_done(again)
      end
    end
    assert(client:submit(request())):on_done(again)
    host.run()
    assert.equal(3, count)
    host.run()
    assert.same({}, host.raised)
  end)

  it("ends when the last task was brought home by hand", function()
    local client = new_client()
    host.attach(client)
    local task = assert(client:submit(request()))
    host.later(0.01, function() assert(task:wait()) end)
    host.run()
    assert.is_true(task:done())
    assert.same({}, host.raised)
  end)

  it("never passes on what callbacks raise, and calls the others all the same", function()
    local client = new_client()
    local handle = host.attach(client)
    local called = 0
    for number = 1, 2 do
      local task = assert(client:submit(request()))
      task:on_done(function() error("callback " .. number, 0) end)
      task:on_done(function() called = called + 1 end)
    end
    client:spawn(function() error("callback of spawn", 0) end)
    host.spawn(handle, function()
      assert(client:generate(request()))
      called = called + 1
    end)
    host.run()
    assert.equal(3, called)
    assert_raised("callback", 3)
  end)

  it("gives what callbacks raise to on_error where there is one", function()
    local taken = {}
    local client = new_client { on_error = function(err) taken[#taken + 1] = err end }
    host.attach(client)
    assert(client:submit(request())):on_done(function() error("mine", 0) end)
    host.run()
    assert.same({ "mine" }, taken)
    assert.same({}, host.raised)
  end)

  it("drives several clients at once", function()
    local order = {}
    for index = 1, 3 do
      local client = new_client()
      local handle = host.attach(client, { budget = 0.001 })
      host.spawn(handle, function()
        assert(client:generate(request()))
        order[#order + 1] = index
      end)
    end
    host.run()
    assert.same({}, host.raised)
    assert.equal(3, #order)
  end)

  it("lets a coroutine wait for the tasks of several clients", function()
    local one, two = new_client(), new_client()
    local handle = host.attach(one)
    host.attach(two)
    local billed
    host.spawn(handle, function()
      billed = assert(one:generate(request())).billed .. assert(two:generate(request())).billed
    end)
    host.run()
    assert.equal("yesyes", billed)
  end)

  it("yields for all, race and map, and cancels their tasks when an error leaves them", function()
    local client = new_client()
    local handle = host.attach(client)
    local paid, winner, sizes, raised
    host.spawn(handle, function()
      local results = client:all { request(), request() }
      paid = results[1].billed .. results[2].billed
      local _
      _, winner = client:race { { model = "gpt-image-2-beta", prompt = "" }, request() }
      sizes = client:map({ request(), request() }, function(result)
        return #assert(result.images[1]:data())
      end, { concurrency = 1 })
      local ok, message = pcall(client.map, client, { request(), request() }, function()
        error("enough", 0)
      end)
      raised = not ok and message
      assert.equal(0, #client:tasks())
    end)
    host.run()
    assert.same({}, host.raised)
    assert.equal("yesyes", paid)
    assert.equal(2, winner)
    assert.truthy(sizes[1] > 0 and sizes[2] > 0)
    assert.equal("enough", raised)
  end)

  it("is detached by close: in a callback, in a coroutine, from outside", function()
    local kinds = {}
    for index, close in ipairs {
      function(client, _)
        assert(client:submit(request())):on_done(function() client:close() end)
      end,
      function(client, handle)
        client:spawn(function()
          host.spawn(handle, function() client:close() end)
        end)
      end,
      function(client) host.later(0.05, function() client:close() end) end,
    } do
      sandbox:fault { match = { kind = "query" }, fault = { latency = 2 } }
      local client = new_client()
      local handle = host.attach(client)
      host.spawn(handle, function()
        local task = assert(client:submit(request()))
        local _, err = task:await()
        kinds[index] = err and err.kind or "result"
      end)
      close(client, handle)
      host.run()
      assert.is_true(client:closed())
      handle:detach()
      sandbox:reset()
    end
    assert.same({}, host.raised)
    assert.truthy(kinds[1])
    assert.equal("cancelled", kinds[2])
    assert.equal("cancelled", kinds[3])
  end)

  it("lets go when told so, also in a callback, and can be attached again", function()
    local client = new_client()
    local handle = host.attach(client)
    local other = assert(client:submit(request { prompt = "second" }))
    assert(client:submit(request())):on_done(function() handle:detach() end)
    sandbox:fault { match = { kind = "query", path = nil }, times = 1, fault = { latency = 0.1 } }
    host.run()
    assert.is_nil(host.raised[1])
    assert.truthy(other:wait())
    assert.truthy(client:generate(request())) -- blocks: no loop is there
    local again <close> = host.attach(client)
    local billed
    host.spawn(again, function() billed = assert(client:generate(request())).billed end)
    host.run()
    assert.equal("yes", billed)
  end)

  it("refuses a second loop, strange options and closed clients, naming the caller's line",
    function()
      local client = new_client()
      host.attach(client)
      local closed = new_client()
      closed:close()
      for text, arguments in pairs {
        ["already driven by the loop"] = { client },
        ["unknown option 'bugdet'"] = { new_client(), { bugdet = 1 } },
        ["client is closed"] = { closed },
        ["client expected"] = { {} },
      } do
        local ok, message = pcall(function()
          local handle = host.attach(table.unpack(arguments))
          return handle
        end)
        assert.is_false(ok)
        assert.truthy(message:find("%w+.lua:%d+: ") and message:find(text, 1, true), message)
        assert.is_nil(message:find("gptimage/loop.lua", 1, true), message)
      end
    end)
end
