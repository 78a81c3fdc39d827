-- SPDX-License-Identifier: MIT
-- Tests src/net/gim_sockets.c through the test window, against sockets of this process.
local window = require "gptimage.core_test"
local socket = require "socket"

local TIMEOUT = 10

describe("gim_sockets", function()
  local sockets, listener, opened, before

  -- A socket of `sockets` and its other end: { fd, port, far }.
  local function pair()
    local fd = assert(sockets:open())
    local _, port = listener:getsockname()
    local own = assert(sockets:connect(fd, math.tointeger(tonumber(port))))
    local one = { fd = fd, port = own, far = assert(listener:accept()) }
    one.far:settimeout(TIMEOUT)
    opened[one] = true
    return one
  end

  local function close(one)
    assert.equal(0, sockets:close(one.fd))
    one.fd = nil
  end

  local function segments(one)
    return window.segments(one.far:getfd())
  end

  local function write(one, ...)
    for _, bytes in ipairs { ... } do assert.equal(#bytes, window.write(one.fd, bytes)) end
  end

  before_each(function()
    collectgarbage()
    before = window.open_fds()
    opened = {}
    listener = assert(socket.bind("127.0.0.1", 0))
    sockets = assert(window.sockets())
  end)

  after_each(function()
    for one in pairs(opened) do
      if one.fd then close(one) end
      one.far:close()
    end
    listener:close()
    sockets = nil
    collectgarbage()
    assert.equal(before, window.open_fds())
  end)

  it("sends what is written while a socket is corked in one packet, when the cork is drawn",
    function()
      local one = pair()
      write(one, "two ", "packets, ")
      assert.equal("two packets, ", one.far:receive(13))
      assert.equal(2, segments(one))
      sockets:cork(one.port)
      write(one, "one ", "alone")
      sockets:uncork()
      assert.equal("one alone", one.far:receive(9))
      assert.equal(3, segments(one))
    end)

  it("sends at once again once the cork was drawn, and corks anew", function()
    local one = pair()
    for round = 1, 3 do
      sockets:cork(one.port)
      sockets:cork(one.port)
      write(one, "a", "b")
      sockets:uncork()
      sockets:uncork()
      write(one, "c")
      assert.equal("abc", one.far:receive(3))
      assert.equal(2 * round, segments(one))
    end
  end)

  it("draws the corks of many, and of no other, whatever their order", function()
    local all = {}
    for i = 1, 40 do all[i] = pair() end -- more than there is room for at first
    for i = 40, 1, -3 do sockets:cork(all[i].port) end
    for i = 1, 40 do write(all[i], "a", "b") end
    sockets:uncork()
    for i = 1, 40 do
      assert.equal("ab", all[i].far:receive(2))
      assert.equal((40 - i) % 3 == 0 and 1 or 2, segments(all[i]))
    end
  end)

  it("does nothing about ports that none of them has", function()
    local one = pair()
    for _, port in ipairs { 0, -1, 65536, select(2, listener:getsockname()) + 0 } do
      sockets:cork(math.tointeger(port))
    end
    write(one, "a", "b")
    assert.equal("ab", one.far:receive(2))
    assert.equal(2, segments(one))
  end)

  it("asks for the port of one that is not connected yet later", function()
    local fd = assert(sockets:open())
    local one = pair()
    sockets:cork(one.port)
    sockets:uncork()
    local _, port = listener:getsockname()
    local late = { fd = fd, port = sockets:connect(fd, math.tointeger(tonumber(port))),
      far = assert(listener:accept()) }
    opened[late] = true
    sockets:cork(late.port)
    write(late, "a", "b")
    sockets:uncork()
    assert.equal("ab", late.far:receive(2))
    assert.equal(1, segments(late))
  end)

  it("sends the rest of one that is closed while it is corked, and forgets it", function()
    local one, other = pair(), pair()
    sockets:cork(one.port)
    sockets:cork(other.port)
    write(one, "last ", "words")
    write(other, "a", "b")
    close(one)
    assert.equal("last words", one.far:receive "*a")
    sockets:uncork()
    assert.equal("ab", other.far:receive(2))
    assert.equal(1, segments(other))
  end)

  it("does not take a descriptor for another that had its number", function()
    local one = pair()
    local fd, port = one.fd, one.port
    sockets:cork(port)
    close(one)
    local other = pair()
    assert.equal(fd, other.fd)
    sockets:cork(port) -- of the one that is gone
    write(other, "a", "b")
    sockets:uncork()
    assert.equal("ab", other.far:receive(2))
    assert.equal(2, segments(other))
  end)

  it("opens none that a program which is started would inherit", function()
    local one = pair()
    local pipe = assert(io.popen("ls -l /proc/self/fd"))
    local listed = pipe:read "a"
    pipe:close()
    assert.is_nil(listed:find((" %d -> socket:"):format(one.fd), 1, true), listed)
  end)

  it("says why there is none", function()
    local fd, errno = sockets:open(-1)
    assert.is_nil(fd)
    assert.equal(97, errno) -- EAFNOSUPPORT
  end)
end)
