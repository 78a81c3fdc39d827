-- SPDX-License-Identifier: MIT
-- Tests src/net/gim_writer.c and src/net/gim_thread.c through the test window: jobs that are held
-- stand for a disk that does not answer.
local window = require "gptimage.core_test"

describe("gim_writer", function()
  local writer, before

  before_each(function()
    collectgarbage()
    before = window.open_fds()
    writer = window.writer()
  end)

  after_each(function()
    writer:free()
    assert.equal(before, window.open_fds())
  end)

  it("has neither thread nor descriptor before there is something to do", function()
    assert.equal(before, window.open_fds())
    assert.is_true(writer:start())
    assert.is_true(window.open_fds() > before)
    assert.is_true(writer:start())
  end)

  it("does jobs in their order, while its owner goes on", function()
    assert.is_true(writer:start())
    local jobs = {}
    for i = 1, 100 do jobs[i] = writer:put(i == 50) end
    writer:wait_for(49)
    assert.is_true(writer:has_done(49))
    assert.is_false(writer:has_done(50))
    assert.is_false(writer:has_done(100))
    writer:let(50)
    writer:wait_for(100)
    assert.same(jobs, writer:order())
    assert.is_true(writer:has_done(50))
  end)

  it("sleeps between jobs, and is woken by each", function()
    assert.is_true(writer:start())
    for i = 1, 100 do
      writer:put()
      writer:wait_for(i)
      assert.equal(i, #writer:order())
    end
  end)

  describe("tells", function()
    it("who asked for a job, and only of that one", function()
      assert.is_true(writer:start())
      for _ = 1, 3 do writer:put(true) end
      assert.is_false(writer:is_awaited())
      assert.is_nil(writer:rings())
      assert.is_true(writer:await(2))
      assert.is_true(writer:is_awaited())
      writer:let(1)
      writer:wait_for(1)
      assert.is_false(writer:rings())
      writer:let(2)
      assert.is_true(writer:rings(5000))
      assert.equal(0, writer:told(2))
      writer:tell()
      assert.equal(1, writer:told(2))
      assert.is_false(writer:is_awaited())
      assert.is_nil(writer:rings()) -- nobody has to listen any more
      writer:let(3)
      writer:wait_for(3)
      assert.same({ 0, 1, 0 }, { writer:told(1), writer:told(2), writer:told(3) })
    end)

    it("nobody of what is done already", function()
      assert.is_true(writer:start())
      writer:put()
      writer:wait_for(1)
      assert.is_false(writer:await(1))
      assert.is_false(writer:is_awaited())
    end)

    it("those whose jobs are done, and not yet the others", function()
      assert.is_true(writer:start())
      for _ = 1, 3 do writer:put(true) end
      for i = 1, 3 do assert.is_true(writer:await(i)) end
      writer:let(1)
      assert.is_true(writer:rings(5000))
      writer:tell()
      assert.same({ 1, 0, 0 }, { writer:told(1), writer:told(2), writer:told(3) })
      assert.is_false(writer:rings())
      writer:let(2)
      writer:let(3)
      writer:wait_for(3)
      assert.is_true(writer:rings(5000))
      writer:tell()
      assert.same({ 1, 1, 1 }, { writer:told(1), writer:told(2), writer:told(3) })
    end)

    it("nobody who does not want to know any more", function()
      assert.is_true(writer:start())
      writer:put(true)
      assert.is_true(writer:await(1))
      writer:forget(1)
      writer:forget(1)
      assert.is_false(writer:is_awaited())
      writer:let(1)
      writer:wait_for(1)
      writer:tell()
      assert.equal(0, writer:told(1))
      assert.is_nil(writer:rings())
    end)

    it("who waits for a job that is no more, too", function()
      assert.is_true(writer:start())
      writer:put(true)
      writer:put(true)
      assert.is_true(writer:await(1))
      assert.is_true(writer:await(2))
      writer:let(1)
      writer:wait_for(1)
      writer:retire(1)
      assert.is_true(writer:rings(5000))
      writer:tell()
      assert.same({ 1, 0 }, { writer:told(1), writer:told(2) })
    end)

    it("at once, having waited, where nobody can listen", function()
      assert.is_true(writer:start())
      writer:deafen()
      writer:put()
      assert.is_false(writer:await(1))
      assert.is_true(writer:has_done(1))
      assert.equal(0, writer:told(1))
    end)
  end)

  it("stops when all is done, and does not start again", function()
    assert.is_true(writer:start())
    for _ = 1, 20 do writer:put() end
    writer:await(20)
    writer:stop()
    assert.equal(20, #writer:order())
    assert.equal(before, window.open_fds())
    assert.is_true(writer:has_done(20))
    assert.is_false(writer:await(20))
    assert.is_false(writer:start())
    writer:stop()
  end)

  it("needs not have been started to be stopped", function()
    writer:stop()
    assert.is_false(writer:start())
  end)

  it("is there once there are descriptors again, and tells of the trouble once", function()
    window.with_descriptor_limit(3, function()
      for _ = 1, 3 do
        assert.is_false(writer:start())
        assert.same({ 1, 24 }, { writer:troubles() })
      end
    end)
    assert.equal(before, window.open_fds())
    assert.is_true(writer:start())
    assert.equal(1, writer:put())
    writer:wait_for(1)
    assert.equal(1, (writer:troubles()))
  end)

  it("is none where there are no descriptors, or no threads", function()
    for _, forbidden in ipairs { { eventfd2 = 24, pipe2 = 24 }, { clone3 = 11, clone = 11 } } do
      local fine, said = window.in_child(function()
        local open = window.open_fds()
        local own = window.writer()
        if not window.forbid(forbidden) then return "not allowed" end
        for _ = 1, 2 do assert(not own:start()) end
        local troubles, errno = own:troubles()
        assert(troubles == 1 and errno == (forbidden.clone or 24))
        own:free()
        assert(window.open_fds() == open)
        return "none"
      end)
      assert.is_true(fine, said)
      if said == "not allowed" then pending "not allowed here" end
    end
  end)

  it("leaves the parent's thread alone in a child after fork", function()
    assert.is_true(writer:start())
    writer:put(true)
    local fine, said = window.in_child(function()
      assert(not writer:start())
      assert(not writer:has_done(1))
      writer:wait_for(1) -- returns, or this hangs
      assert(not writer:await(1))
      writer:stop()
      return "left"
    end)
    assert.is_true(fine, said)
    writer:let(1)
    writer:wait_for(1)
    assert.same({ 1 }, writer:order())
  end)

  it("says so when memory is short", function()
    window.fail_allocation(1)
    local none = window.writer()
    window.fail_allocation(0)
    assert.is_nil(none)
  end)
end)
