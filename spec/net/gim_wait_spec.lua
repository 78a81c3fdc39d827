-- SPDX-License-Identifier: MIT
-- Tests src/net/gim_wait_epoll.c (gim_wait_poll.c where there is no epoll) through the window.
local window = require "gptimage.core_test"
local socket = require "socket"
local needs_descriptor = require "spec.support.needs_descriptor"

local IN, OUT, BOTH = 1, 2, 3

describe("gim_wait", function()
  local room, near, far, listener

  local function connect()
    local _, port = listener:getsockname()
    local a = assert(socket.connect("127.0.0.1", port))
    return a, assert(listener:accept())
  end

  before_each(function()
    room = assert(window.wait())
    listener = assert(socket.bind("127.0.0.1", 0))
    near, far = connect()
  end)

  after_each(function()
    for _, s in ipairs { near, far, listener } do s:close() end
    room = nil
    collectgarbage()
  end)

  it("reports a descriptor with its tag when it is ready, and again until it was read", function()
    assert.is_true(room:watch(near:getfd(), IN, 1))
    assert.same({}, room:collect(0))
    far:send "x"
    local expected = { { fd = near:getfd(), what = IN, tag = 1 } }
    assert.same(expected, room:collect(1000))
    assert.same(expected, room:collect(0))
    assert.equal("x", near:receive(1))
    assert.same({}, room:collect(0))
  end)

  it("tells writing from reading", function()
    assert.is_true(room:watch(near:getfd(), OUT))
    assert.equal(OUT, room:collect(0)[1].what)
    far:send "x"
    assert.is_true(room:watch(near:getfd(), BOTH))
    socket.select({ near }, nil, 1)
    assert.equal(BOTH, room:collect(0)[1].what)
    assert.is_true(room:watch(near:getfd(), IN))
    assert.equal(IN, room:collect(0)[1].what)
  end)

  it("is not interested any more when told so, in adopted descriptors and in others", function()
    for _, adopted in ipairs { false, true } do
      if adopted then assert.is_true(room:adopt(near:getfd())) end
      far:send "x"
      assert.is_true(room:watch(near:getfd(), IN))
      assert.equal(1, #room:collect(1000))
      assert.is_true(room:watch(near:getfd(), 0))
      assert.same({}, room:collect(0))
      assert.same({}, room:collect(0))
      assert.is_true(room:watch(near:getfd(), IN))
      assert.equal(1, #room:collect(0))
      assert.is_true(room:watch(near:getfd(), 0))
    end
  end)

  it("reports a hang-up as what was waited for", function()
    room:adopt(near:getfd())
    room:watch(near:getfd(), IN)
    far:setoption("linger", { on = true, timeout = 0 })
    far:close()
    assert.equal(IN, room:collect(1000)[1].what)
  end)

  it("does not report an adopted descriptor that nobody wants, nor spins on it", function()
    room:adopt(near:getfd())
    room:watch(near:getfd(), IN)
    room:watch(near:getfd(), 0)
    far:close()
    assert.same({}, room:collect(1000))
    local start = window.now_ms()
    assert.same({}, room:collect(30)) -- epoll has forgotten it: the whole time is waited
    assert.is_true(window.now_ms() - start >= 29)
  end)

  it("finds what is ready behind what nobody wants and behind the timer", function()
    local pairs_of = {}
    for i = 1, 4 do
      local a, b = connect()
      pairs_of[i] = { a, b }
      room:adopt(a:getfd())
      room:watch(a:getfd(), IN, i)
      b:send "x"
      socket.select({ a }, nil, 1)
    end
    for i = 1, 3 do room:watch(pairs_of[i][1]:getfd(), 0) end
    room:arm(0)
    assert.equal(4, room:collect(0, 1)[1].tag)
    for _, pair in ipairs(pairs_of) do
      room:release(pair[1]:getfd())
      pair[1]:close()
      pair[2]:close()
    end
  end)

  it("does not miss a number that comes back for another descriptor", function()
    for _, adopted in ipairs { true, false } do
      local a, b = connect()
      local number = a:getfd()
      if adopted then assert.is_true(room:adopt(number)) end
      assert.is_true(room:watch(number, IN, 1))
      if adopted then room:release(number) end
      a:close() -- what is not ours is closed without a word, as libcurl's resolver does
      local c, d = connect()
      if c:getfd() ~= number then c, d = d, c end
      assert.equal(number, c:getfd())
      if adopted then assert.is_true(room:adopt(number)) end
      assert.is_true(room:watch(number, IN, 2))
      d:send "x"
      assert.same({ { fd = number, what = IN, tag = 2 } }, room:collect(1000))
      if adopted then room:release(number) end
      for _, s in ipairs { b, c, d } do s:close() end
    end
  end)

  it("reports in turn, those first that waited longest", function()
    local places, pairs_of = {}, {}
    for i = 1, 5 do
      local a, b = connect()
      pairs_of[i] = { a, b }
      assert.is_true(room:adopt(a:getfd()))
      assert.is_true(room:watch(a:getfd(), IN, i))
      b:send "x"
      socket.select({ a }, nil, 1)
    end
    for round = 1, 15 do
      local tag = room:collect(0, 1)[1].tag
      places[round] = tag
      -- libcurl turns interest off and on again meanwhile
      assert.is_true(room:watch(pairs_of[tag][1]:getfd(), 0))
      assert.is_true(room:watch(pairs_of[tag][1]:getfd(), IN, tag))
    end
    for round = 6, 15 do assert.equal(places[round - 5], places[round]) end
    for _, pair in ipairs(pairs_of) do
      room:release(pair[1]:getfd())
      pair[1]:close()
      pair[2]:close()
    end
  end)

  it("does not spin on what was closed without a word", function()
    local a, b = connect()
    assert.is_true(room:watch(a:getfd(), IN, 1))
    a:close()
    assert.same({}, room:collect(0))
    local start = window.now_ms()
    assert.same({}, room:collect(30))
    assert.is_true(window.now_ms() - start >= 29)
    b:close()
  end)

  it("wakes at the time it was armed for, at once for 0, and not at all for -1", function()
    local start = window.now_ms()
    room:arm(start + 20)
    assert.same({}, room:collect(60000))
    local took = window.now_ms() - start
    assert.is_true(took >= 20 and took < 30000, "took " .. took)
    room:arm(0)
    start = window.now_ms()
    room:collect(60000)
    assert.is_true(window.now_ms() - start < 30000)
    room:arm(-1)
    start = window.now_ms()
    room:collect(20)
    assert.is_true(window.now_ms() - start >= 19)
  end)

  it("is idle while nothing is ready and the time has not come", function()
    assert.is_true(room:is_idle())
    room:arm(window.now_ms() + 10000)
    assert.is_true(room:is_idle())
    room:arm(0)
    assert.is_false(room:is_idle())
    room:arm(-1)
    for _, adopted in ipairs { false, true } do
      if adopted then assert.is_true(room:adopt(near:getfd())) end
      assert.is_true(room:watch(near:getfd(), IN))
      assert.is_true(room:is_idle())
      far:send "x"
      socket.select({ near }, nil, 1)
      assert.is_false(room:is_idle())
      assert.is_false(room:is_idle())
      assert.equal(1, #room:collect(0))
      assert.equal("x", near:receive(1))
      assert.is_true(room:is_idle())
      assert.is_true(room:watch(near:getfd(), 0))
    end
  end)

  it("is idle when only what nobody wants is ready, until somebody else would see that", function()
    room:adopt(near:getfd())
    room:watch(near:getfd(), IN)
    room:watch(near:getfd(), 0)
    far:close()
    socket.select({ near }, nil, 1)
    assert.is_true(room:is_idle())
    if room:fd() < 0 then return end -- nobody else can
    assert.is_false(room:is_idle())
    assert.same({}, room:collect(0))
    assert.is_true(room:is_idle())
  end)

  it("is not idle for a descriptor whose number was another's that went without a word", function()
    local a, b = connect()
    local number = a:getfd()
    assert.is_true(room:watch(number, IN, 1))
    a:close()
    local c, d = connect()
    if c:getfd() ~= number then c, d = d, c end
    assert.equal(number, c:getfd())
    assert.is_true(room:adopt(number))
    room:watch(number, IN, 2)
    assert.is_true(room:is_idle())
    d:send "x"
    socket.select({ c }, nil, 1)
    assert.is_false(room:is_idle())
    room:release(number)
    assert.is_true(room:is_idle())
    for _, s in ipairs { b, c, d } do s:close() end
  end)

  it("shows outside the time that it was armed for before", function()
    needs_descriptor(pending)
    room:arm(0)
    local fd = room:fd()
    local outside = { getfd = function() return fd end }
    assert.equal(outside, socket.select({ outside }, nil, 1)[1])
    room:arm(window.now_ms() + 20)
    assert.is_nil(socket.select({ outside }, nil, 0)[1])
    assert.equal(outside, socket.select({ outside }, nil, 1)[1])
    assert.is_false(room:is_idle())
  end)

  describe("where some are held", function()
    local outside

    before_each(function()
      local fd = room:fd()
      outside = fd >= 0 and { getfd = function() return fd end }
    end)

    -- Once is enough to see that somebody is ready, and to say no more of it.
    local function assert_silent()
      assert.same({}, room:collect(0))
      assert.same({}, room:collect(0))
      assert.is_true(room:is_idle())
      if outside then assert.is_nil(socket.select({ outside }, nil, 0)[1]) end
      local start = window.now_ms()
      assert.same({}, room:collect(30))
      assert.is_true(window.now_ms() - start >= 29)
    end

    for _, adopted in ipairs { true, false } do
      local whose = adopted and ", adopted" or ", not ours"

      it("says nothing of what is ready, until they are held no more" .. whose, function()
        if adopted then assert.is_true(room:adopt(near:getfd())) end
        assert.is_true(room:watch(near:getfd(), IN, 3))
        local a, b = connect()
        assert.is_true(room:watch(a:getfd(), IN, 7))
        for _ = 1, 3 do
          far:send "x"
          socket.select({ near }, nil, 1)
          room:hold(7)
          assert_silent()
          far:send "y" -- more of it is no news either
          assert_silent()
          b:send "z"
          assert.same({ { fd = a:getfd(), what = IN, tag = 7 } }, room:collect(1000))
          a:receive(1)
          assert_silent()
          room:hold(0)
          if outside then assert.equal(outside, socket.select({ outside }, nil, 1)[1]) end
          assert.same({ { fd = near:getfd(), what = IN, tag = 3 } }, room:collect(1000))
          near:receive(2)
          assert.same({}, room:collect(0))
        end
        for _, s in ipairs { a, b } do s:close() end
      end)

      it("nor of a hang-up" .. whose, function()
        if adopted then assert.is_true(room:adopt(near:getfd())) end
        assert.is_true(room:watch(near:getfd(), IN, 3))
        room:hold(7)
        far:setoption("linger", { on = true, timeout = 0 })
        far:close()
        socket.select({ near }, nil, 1)
        assert.same({}, room:collect(0))
        assert_silent()
        room:hold(0)
        assert.equal(IN, room:collect(1000)[1].what)
      end)

      it("hears what is wanted of them meanwhile" .. whose, function()
        if adopted then assert.is_true(room:adopt(near:getfd())) end
        assert.is_true(room:watch(near:getfd(), IN, 3))
        far:send "x"
        socket.select({ near }, nil, 1)
        room:hold(7)
        assert_silent()
        assert.is_true(room:watch(near:getfd(), BOTH, 3))
        assert_silent()
        assert.is_true(room:watch(near:getfd(), OUT, 3))
        assert_silent()
        room:hold(0)
        assert.equal(OUT, room:collect(1000)[1].what)
        room:hold(7)
        assert_silent()
        assert.is_true(room:watch(near:getfd(), 0))
        room:hold(0)
        assert_silent()
      end)

      it("does not take one for another that has its number" .. whose, function()
        local a, b = connect()
        local number = a:getfd()
        if adopted then assert.is_true(room:adopt(number)) end
        assert.is_true(room:watch(number, IN, 3))
        b:send "x"
        socket.select({ a }, nil, 1)
        room:hold(7)
        assert_silent()
        if adopted then room:release(number) end
        a:close()
        local c, d = connect()
        if c:getfd() ~= number then c, d = d, c end
        assert.equal(number, c:getfd())
        d:send "x"
        socket.select({ c }, nil, 1)
        room:hold(0)
        if adopted or outside then assert.same({}, room:collect(0)) end
        assert.is_true(room:watch(number, IN, 4))
        assert.same({ { fd = number, what = IN, tag = 4 } }, room:collect(1000))
        assert.is_true(room:watch(number, 0))
        for _, s in ipairs { b, c, d } do s:close() end
      end)
    end

    it("keeps its time", function()
      room:hold(7)
      room:arm(0)
      assert.is_false(room:is_idle())
      if outside then assert.equal(outside, socket.select({ outside }, nil, 1)[1]) end
    end)
  end)

  it("counts a signal as a time-out", function()
    local start = window.now_ms()
    local ready = window.with_signal(20, function() return room:collect(60000) end)
    assert.same({}, ready)
    assert.is_true(window.now_ms() - start < 30000)
  end)

  it("says no when a descriptor cannot be watched", function()
    assert.is_false(room:watch(-1, IN))
    assert.is_false(room:watch(1000000, IN))
    assert.is_false(room:adopt(-1))
  end)

  it("says no when there is no memory for a descriptor", function()
    window.fail_allocation(1)
    assert.is_false(room:adopt(near:getfd()))
    assert.is_true(room:adopt(near:getfd()))
    window.fail_allocation(1)
    local nothing, err = window.wait()
    assert.is_nil(nothing)
    assert.equal("no_memory", err.kind)
  end)

  it("leaves no descriptor behind", function()
    collectgarbage()
    local before = window.open_fds()
    do
      local other <const> = assert(window.wait())
      assert.same({}, other:collect(0))
      assert.equal(before + 2, window.open_fds())
    end
    collectgarbage()
    assert.equal(before, window.open_fds())
  end)
end)
