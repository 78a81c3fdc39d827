-- SPDX-License-Identifier: MIT
-- Tests src/net/gim_net.c through the test window: slots, the one descriptor, the alarm, budgets,
-- cancelling, starting and cancelling from on_done. And what it stands on: gim_clock, gim_library.
local window = require "gptimage.core_test"
local misbehave = require "spec.support.misbehave"
local netted = require "spec.support.netted"
local socket = require "socket"
local needs_descriptor = require "spec.support.needs_descriptor"

describe("gim_net", function()
  local on, net, server

  local function open(options, script)
    net, server = on:open(options, script)
  end

  before_each(function() on = netted.begin() end)

  after_each(function() on:finish() end)

  local function start(request, on_done)
    return on:start(request, on_done)
  end

  local silent = netted.silent

  describe("gives slots", function()
    it("up to max_requests in all, and says no beyond", function()
      open({ max_requests = 2 }, silent)
      assert.is_true(net:has_slot "paid")
      assert(start { class = "paid", post = true, body = "x" })
      assert(start { class = "paid", post = true, body = "x" })
      assert.is_false(net:has_slot "paid")
      assert.is_false(net:has_slot "poll")
      local id, err = start { class = "poll" }
      assert.is_nil(id)
      assert.equal("too_big", err.kind)
      assert.equal(2, net:active())
    end)

    it("of three, two to paid requests, and one to the others together", function()
      open({ max_requests = 3 }, silent)
      assert(start { class = "paid", post = true, body = "x" })
      assert.is_true(net:has_slot "paid")
      local second = assert(start { class = "paid", post = true, body = "x" })
      assert.is_false(net:has_slot "paid")
      local poll = assert(start { class = "poll" })
      assert.is_false(net:has_slot "download")
      net:cancel(second)
      assert.is_true(net:has_slot "paid")
      assert.is_true(net:has_slot "download")
      net:cancel(poll)
      assert(start { class = "download" })
      assert(start { class = "poll" })
    end)

    it("but keeps the last ones for classes that have none, from four on", function()
      open({ max_requests = 4 }, silent)
      local ids = {}
      for i = 1, 2 do ids[i] = assert(start { class = "paid", post = true, body = "x" }) end
      assert.is_false(net:has_slot "paid")
      assert.is_true(net:has_slot "poll")
      assert.is_true(net:has_slot "download")
      ids[3] = assert(start { class = "poll" })
      assert.is_false(net:has_slot "poll")
      assert.is_false(net:has_slot "paid")
      ids[4] = assert(start { class = "download" })
      for _, class in ipairs { "paid", "poll", "download" } do
        assert.is_false(net:has_slot(class))
      end
      net:cancel(ids[1])
      assert.is_true(net:has_slot "download")
      net:cancel(ids[3])
      assert.is_false(net:has_slot "paid" and net:has_slot "poll" and net:active() > 2)
      assert.is_true(net:has_slot "poll")
    end)

    it("back before on_done, so that it can start the next", function()
      open { max_requests = 1 }
      local count = 0
      local function again()
        count = count + 1
        if count < 5 then assert(start({ class = "poll" }, again)) end
      end
      assert(start({ class = "poll" }, again))
      misbehave.drive(net, { server }, function() return count == 5 end)
      assert.equal(1, server.connections)
      assert.equal(5, #server.requests)
    end)
  end)

  describe("has one descriptor that", function()
    it("is not readable while nothing is due, and costs no time then", function()
      open()
      assert.is_false(net:readable())
      assert.equal(-1, net:timeout_ms())
      local clock = window.now_ms()
      assert.is_true(net:step(30))
      assert.is_true(window.now_ms() - clock >= 29)
    end)

    it("is readable when a transfer was started, and when its reply comes", function()
      needs_descriptor(pending)
      local answer = false
      open({}, function(conn)
        conn:request()
        conn:wait(function() return answer end)
        conn:reply "ok"
        conn:closed()
      end)
      local outcome
      assert(start({ class = "paid", post = true, body = "x" }, function(o) outcome = o end))
      assert.is_true(net:readable())
      assert.equal(0, net:timeout_ms())
      misbehave.drive(net, { server }, function() return #server.requests == 1 end)
      -- libcurl's own timers settle, then the request waits and so does the descriptor
      local quiet = false
      misbehave.drive(net, {}, function() quiet = quiet or not net:readable() return quiet end)
      answer = true
      server:step()
      assert.same(net, socket.select({ net }, nil, 2)[1]) -- as a host's loop sees it
      misbehave.drive(net, { server }, function() return outcome end)
      assert.equal("ok", outcome.status)
      for _ = 1, 100 do
        if not net:readable() then break end
        net:step(0)
      end
      assert.is_false(net:readable())
    end)

    it("is readable at the alarm, and at the latest alarm alone", function()
      needs_descriptor(pending)
      open()
      net:alarm(5000)
      assert.is_true(net:timeout_ms() > 4000)
      net:alarm(20)
      assert.is_false(net:readable())
      assert.is_true(net:readable(2000))
      assert.equal(0, net:timeout_ms())
      net:alarm()
      assert.is_false(net:readable())
      assert.equal(-1, net:timeout_ms())
    end)

    it("ends a long step at the alarm", function()
      open()
      local clock = window.now_ms()
      net:alarm(30)
      net:step(60000)
      local took = window.now_ms() - clock
      assert.is_true(took >= 29 and took < 30000, "took " .. took)
    end)

    it("ends a long step at a signal, and nothing is lost", function()
      local answer = false
      open({}, function(conn)
        conn:request()
        conn:wait(function() return answer end)
        conn:reply "ok"
      end)
      local outcome
      start({}, function(o) outcome = o end)
      misbehave.drive(net, { server }, function() return #server.requests == 1 end)
      local clock = window.now_ms()
      assert.is_true(window.with_signal(50, function()
        local fine = true
        for _ = 1, 20 do -- timers of libcurl end steps, too
          fine = fine and net:step(60000)
          if window.now_ms() - clock >= 45 then break end
        end
        return fine
      end))
      assert.is_true(window.now_ms() - clock < 30000)
      answer = true
      misbehave.drive(net, { server }, function() return outcome end)
      assert.equal("ok", outcome.status)
    end)
  end)

  describe("under a budget", function()
    it("stops soon, says that work is left, and brings everything home", function()
      local body = ("x"):rep(300000)
      open({ max_requests = 40 }, function(conn) conn:request() conn:reply(body) end)
      local done = 0
      for _ = 1, 30 do
        start({ class = "poll" }, function(o)
          assert(o.status == "ok" and o.body == body)
          done = done + 1
        end)
      end
      local undrained, deadline = 0, socket.gettime() + 10
      while done < 30 do
        assert(socket.gettime() < deadline, "not all came home")
        server:step()
        assert.is_true(net:step(0, 1))
        if not net:is_drained() then
          undrained = undrained + 1
          assert.is_true(net:readable())
          assert.equal(0, net:timeout_ms())
        end
      end
      assert.is_true(undrained > 10)
      while not net:is_drained() do net:step(0) end
    end)

    it("serves all sockets in turn", function()
      -- endless replies, each read a little per step: none may starve
      open({ max_requests = 20 }, function(conn)
        conn:request()
        conn:send "HTTP/1.1 200 OK\r\n\r\n"
        while conn:send(("x"):rep(20000)) do coroutine.yield() end
      end)
      local ids = {}
      for i = 1, 8 do ids[i] = assert(start({ class = "poll", fail_data = "cancelled",
        fail_after = 200000 }, function(o) ids[i] = o.status end)) end
      local function all()
        for i = 1, 8 do if type(ids[i]) ~= "string" then return false end end
        return true
      end
      local deadline = socket.gettime() + 10
      while not all() do
        assert(socket.gettime() < deadline, "one starved")
        server:step()
        net:step(0, 1)
      end
      for i = 1, 8 do assert.equal("cancelled", ids[i]) end
    end)
  end)

  describe("cancels", function()
    local function at(stage, script, ready, request)
      it("a transfer " .. stage, function()
        open({}, script)
        request.url = request.make_url and request.make_url() or nil
        local id = assert(start(request, function() error "cancelled transfers have no end" end))
        misbehave.drive(net, { server }, function() return ready(server, id) end)
        assert.is_number(net:cancel(id))
        assert.equal(0, net:active())
        for _ = 1, 5 do
          net:step(1)
          server:step()
        end
        -- the net goes on
        server:close()
        server = on:serve()
        assert.equal("ok", misbehave.fetch(net, { server }, { url = server.url .. "/" }).status)
      end)
    end

    local function paid() return { class = "paid", post = true, body = ("x"):rep(5000000) } end

    at("that was only just started", silent, function() return true end, paid())
    at("while its name is being resolved", silent, function() net:step(0) return true end,
      { make_url = function() return "http://localhost:" .. server.port .. "/" end })
    at("while its body goes out", function(conn) conn:head() conn:closed() end,
      function(_, id) return net:handed(id) > 0 end, paid())
    at("that waits for its reply", silent, function(s) return #s.requests == 1 end,
      { class = "poll" })
    at("in the middle of its reply", function(conn)
      conn:request()
      conn:send "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"
      conn.server.sent = true
      conn:closed()
    end, function(s) return s.sent end, { class = "download" })

    it("and says how much of the body had gone", function()
      open({}, function(conn) conn:head() conn:closed() end)
      local id = assert(start { class = "paid", post = true, body = "12345" })
      misbehave.drive(net, { server }, function() return net:handed(id) == 5 end)
      assert.equal(5, net:cancel(id))
    end)

    it("all that are left when it is freed", function()
      open({}, silent)
      for _ = 1, 5 do
        start({ class = "paid", post = true, body = "x" }, function() error "freed" end)
      end
      misbehave.drive(net, { server }, function() return #server.requests == 5 end)
    end)
  end)

  describe("lets on_done", function()
    it("cancel others that have ended as well, whose end is then not told", function()
      open { max_requests = 8 }
      local ids, ended = {}, 0
      local ready = misbehave.server(function(conn) conn:request() conn:reply "x" conn:closed() end)
      for i = 1, 6 do
        ids[i] = assert(net:start({ class = "poll", url = ready.url .. "/" }, function()
          ended = ended + 1
          for j = 1, 6 do
            if j ~= i then pcall(net.cancel, net, ids[j]) end
          end
        end))
      end
      -- all six replies are in the sockets before the step that sees them
      for _ = 1, 200 do
        ready:step()
        if #ready.requests < 6 then net:step(1) end
        if #ready.requests == 6 then break end
      end
      for _ = 1, 3 do ready:step() end
      misbehave.drive(net, { ready }, function() return net:active() == 0 end)
      ready:close()
      assert.equal(1, ended)
    end)

    it("start in the other class and in its own", function()
      open { max_requests = 3 }
      local order = {}
      assert(start({ class = "paid", post = true, body = "x" }, function()
        order[#order + 1] = "paid"
        assert(start({ class = "poll" }, function()
          order[#order + 1] = "poll"
          assert(start({ class = "download" }, function() order[#order + 1] = "download" end))
        end))
      end))
      misbehave.drive(net, { server }, function() return #order == 3 end)
      assert.same({ "paid", "poll", "download" }, order)
    end)

    it("not step again", function()
      open()
      local answer
      start({}, function() answer = { net:step(0) } end)
      misbehave.drive(net, { server }, function() return answer end)
      assert.is_nil(answer[1])
      assert.equal("invalid", answer[2].kind)
    end)
  end)

  describe("is made", function()
    it("or not, when memory is short, and leaves nothing behind", function()
      local made
      for n = 1, 40 do
        window.fail_allocation(n)
        local other, err = window.net { proxy = "http://p:1", user_agent = "u" }
        window.fail_allocation(0)
        if other then
          other:free()
          made = n
          break
        end
        assert.equal("no_memory", err.kind)
        assert.equal(on.before, window.open_fds())
      end
      assert.is_true(made and made > 3)
    end)

    it("not with a ca_file that is none", function()
      local none, err = window.net { ca_file = "/nowhere/ca.pem" }
      assert.is_nil(none)
      assert.same({ "invalid", "ca_file" }, { err.kind, err.field })
      assert.matches("/nowhere/ca.pem", err.message)
      none, err = window.net { ca_file = "Makefile" }
      assert.is_nil(none)
      assert.matches("no certificate", err.message)
      none, err = window.net { ca_file = "/tmp" }
      assert.is_nil(none)
      assert.equal("invalid", err.kind)
    end)
  end)
end)
