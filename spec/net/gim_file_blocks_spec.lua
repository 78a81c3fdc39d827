-- SPDX-License-Identifier: MIT
-- Tests src/net/gim_file_blocks.c, and what of src/net/gim_file.c is done behind, through the test
-- window's files: on a disk that answers when it is told to, and on one that fails.
local behind = require "spec.support.behind"
local window = require "gptimage.core_test"

local BLOCK = 4096 -- what is gathered here
local BLOCKS = 6
local ENOSPC = 28

describe("gim_file, written behind,", function()
  local on, folder, writer

  before_each(function()
    on = behind.begin()
    folder, writer = on.folder, on.writer
  end)

  after_each(function() on:finish() end)

  local function open(where)
    return assert(window.file(where or folder.path, writer, BLOCK))
  end

  -- `n` bytes that can be told apart.
  local function text(n)
    local list = {}
    for i = 1, n // 8 + 1 do list[i] = ("%07d\n"):format(i) end
    return table.concat(list):sub(1, n)
  end

  local function all(file)
    local list, at = {}, 0
    while true do
      local more = assert(file:read(at, 10000))
      if #more == 0 then return table.concat(list) end
      list[#list + 1] = more
      at = at + #more
    end
  end

  -- Until everything that was handed over by now is done.
  local function catch_up()
    if writer:start() then writer:wait_for(writer:put()) end
  end

  local function commit(file, name, overwrite)
    local path, err = file:commit(name, overwrite or "refuse")
    if not path and err.kind == "timeout" then
      catch_up()
      path, err = file:commit(name, overwrite or "refuse")
    end
    return path, err
  end

  it("needs no thread for what is smaller than a block", function()
    local open_before = window.open_fds()
    local file = open()
    assert(file:write(text(BLOCK - 1)))
    file:settle()
    assert.equal(folder:at "a", file:commit("a", "refuse"))
    file:free()
    assert.equal(open_before, window.open_fds())
    assert.equal(text(BLOCK - 1), folder:read "a")
  end)

  it("holds everything, however it is cut", function()
    for _, total in ipairs { BLOCK, BLOCK + 1, 3 * BLOCK, 30 * BLOCK + 77 } do
      for _, piece in ipairs { 1000, BLOCK - 1, BLOCK, BLOCK + 1, 10 * BLOCK } do
        local file = open()
        for at = 1, total, piece do
          assert(file:write(text(total):sub(at, math.min(total, at + piece - 1))))
        end
        assert.is_true(all(file) == text(total))
        assert.equal(folder:at "a", commit(file, "a", "replace"))
        assert.is_true(all(file) == text(total))
        file:free()
        assert.is_true(folder:read "a" == text(total))
      end
    end
    assert.same({ "a" }, folder:files())
  end)

  it("can be read while nothing of it is on the disk, and takes no more than its blocks", function()
    window.disk_hold(true)
    local file = open()
    local taken = 0
    while file:takes(1000) do
      assert(file:write(text(1000)))
      taken = taken + 1000
    end
    assert.is_true(taken > (BLOCKS - 1) * BLOCK and taken <= BLOCKS * BLOCK)
    assert.equal("", folder:read(folder:files()[1]))
    assert.is_true(all(file) == text(1000):rep(taken // 1000))
    assert.is_false(file:is_written())
    assert.is_true(file:await())
    assert.equal(0, file:told())
    window.disk_hold(false)
    assert.is_true(writer:rings(5000))
    writer:tell()
    assert.equal(1, file:told())
    assert.is_true(file:takes(1000))
    catch_up()
    assert.is_true(file:is_written())
    assert.is_false(file:await())
    assert.is_true(all(file) == text(1000):rep(taken // 1000))
    file:free()
  end)

  it("waits where it is made to take more than it says", function()
    local file = open()
    assert(file:write(text(100 * BLOCK)))
    assert.is_true(all(file) == text(100 * BLOCK))
    assert.equal(folder:at "a", commit(file, "a"))
    file:free()
    assert.is_true(folder:read "a" == text(100 * BLOCK))
  end)

  it("is named once it is written, and not before", function()
    window.disk_hold(true)
    local file = open()
    assert(file:write(text(3 * BLOCK + 5)))
    for _ = 1, 3 do
      local name, err = file:commit("a", "refuse")
      assert.is_nil(name)
      assert.equal("timeout", err.kind)
    end
    assert.is_false(file:in_place() and folder:files()[1] == "a")
    local done, err = file:write "more"
    assert.is_nil(done)
    assert.equal("io", err.kind)
    assert.is_nil((file:truncate()))
    assert.is_true(all(file) == text(3 * BLOCK + 5))
    assert.is_true(file:await())
    window.disk_hold(false)
    assert.is_true(writer:rings(5000))
    writer:tell()
    assert.equal(1, file:told())
    assert.equal(folder:at "a", file:commit("a", "refuse"))
    assert.is_true(all(file) == text(3 * BLOCK + 5))
    file:free()
    assert.same({ "a" }, folder:files())
  end)

  it("keeps its first name where it was asked for two", function()
    local file = open()
    assert(file:write(text(2 * BLOCK)))
    window.disk_hold(true)
    assert.equal("timeout", select(2, file:commit("one", "refuse")).kind)
    window.disk_hold(false)
    catch_up()
    local name, err = file:commit("another", "refuse")
    assert.is_nil(name)
    assert.equal("io", err.kind)
    file:free()
    assert.same({ "one" }, folder:files())
  end)

  it("may be named otherwise where the first name was refused", function()
    folder:write("a", "old")
    local file = open()
    assert(file:write(text(2 * BLOCK)))
    local name, err = commit(file, "a")
    assert.is_nil(name)
    assert.matches("is there already", err.message)
    assert.equal(folder:at "a-2", commit(file, "a", "number"))
    file:free()
    assert.equal("old", folder:read "a")
    assert.is_true(folder:read "a-2" == text(2 * BLOCK))
  end)

  it("says that its folder is not where it was", function()
    window.mkdir(folder:at "sub")
    local file = open(folder:at "sub")
    assert(file:write(text(2 * BLOCK)))
    os.rename(folder:at "sub", folder:at "elsewhere")
    local name, err = commit(file, "a", "number")
    assert.is_nil(name)
    assert.matches("is not where it was", err.message)
    assert.is_true(all(file) == text(2 * BLOCK))
    file:free()
    catch_up()
    assert.same({}, window.list(folder:at "elsewhere"))
  end)

  it("settles: it can be read, written on and committed", function()
    for _, more in ipairs { 0, 5, BLOCK } do
      local file = open()
      assert(file:write(text(2 * BLOCK + more)))
      file:settle()
      file:settle()
      assert.is_true(all(file) == text(2 * BLOCK + more))
      catch_up()
      writer:tell()
      assert.equal(2 * BLOCK + more, #folder:read(folder:files()[1]))
      assert(file:write " and more")
      assert.is_true(all(file) == text(2 * BLOCK + more) .. " and more")
      file:settle()
      assert(file:write " still")
      assert.equal(folder:at "a", commit(file, "a", "replace"))
      file:free()
      assert.is_true(folder:read "a" == text(2 * BLOCK + more) .. " and more still")
      os.remove(folder:at "a")
    end
  end)

  it("starts over empty", function()
    local file = open()
    assert(file:write(text(5 * BLOCK)))
    assert(file:truncate())
    assert.equal(0, file:size())
    assert(file:write(text(2 * BLOCK)))
    assert.equal(folder:at "a", commit(file, "a"))
    file:free()
    assert.is_true(folder:read "a" == text(2 * BLOCK))
  end)

  describe("when a write fails", function()
    local TOTAL = 9

    it("at any block: says so later, loses nothing, and names nothing", function()
      for at = 0, TOTAL - 1 do
        window.die_at(0)
        window.disk_fault("pwrite", ENOSPC, at)
        local file = open()
        local size, err = 0, nil
        for _ = 1, TOTAL do
          local done, problem = file:write(text(BLOCK))
          if not done then err = problem break end
          size = size + BLOCK
        end
        if not err then
          local name
          name, err = commit(file, "a")
          assert.is_nil(name)
        end
        assert.equal("io", err.kind)
        assert.matches("No space left", err.message)
        assert.is_truthy(err.message:find(folder.path, 1, true))
        catch_up()
        window.disk_fault()
        assert.equal(size, file:size())
        assert.is_true(all(file) == text(BLOCK):rep(size // BLOCK))
        -- final, though the disk has room again
        assert.is_nil((file:write "x"))
        assert.is_nil((file:commit("a", "refuse")))
        assert.is_true(file:takes(1)) -- nobody is to wait for it
        assert.is_true(file:truncate())
        assert(file:write(text(2 * BLOCK)))
        assert.equal(folder:at "b", commit(file, "b", "replace"))
        file:free()
        assert.is_true(folder:read "b" == text(2 * BLOCK))
      end
      assert.same({ "b" }, folder:files())
    end)

    it("nothing behind it is written", function()
      window.disk_hold(true)
      window.die_at(0)
      window.disk_fault("pwrite", ENOSPC, 2)
      local file = open()
      assert(file:write(text(5 * BLOCK)))
      window.disk_hold(false)
      catch_up()
      assert.equal(3, window.disk_calls "pwrite")
      assert.is_true(all(file) == text(5 * BLOCK))
      file:free()
    end)

    it("in part, at a limit, what there is counts", function()
      local file = open()
      window.with_file_limit(BLOCK + 1000, function()
        window.disk_hold(true)
        assert(file:write(text(3 * BLOCK)))
        window.disk_hold(false)
        catch_up()
      end)
      assert.is_nil((file:write "x"))
      assert.is_true(all(file) == text(3 * BLOCK))
      file:free()
    end)

    it("settled before it is known: the commit says so", function()
      local file = open()
      window.disk_fault("pwrite", ENOSPC, 1)
      window.disk_hold(true)
      assert(file:write(text(2 * BLOCK + 9)))
      file:settle()
      window.disk_hold(false)
      catch_up()
      writer:tell()
      window.disk_fault()
      assert.is_true(all(file) == text(2 * BLOCK + 9))
      local name, err = commit(file, "a")
      assert.is_nil(name)
      assert.equal("io", err.kind)
      file:free()
      catch_up()
      assert.same({}, folder:files())
    end)
  end)

  describe("ends", function()
    it("at any moment, and leaves nothing: neither file, nor descriptor", function()
      for _, held in ipairs { true, false } do
        for blocks = 1, BLOCKS do
          for _, how in ipairs { "gathering", "settled", "named" } do
            window.disk_hold(held)
            local file = open()
            assert(file:write(text(blocks * BLOCK - (how == "gathering" and 1 or 0))))
            if how == "settled" then file:settle() end
            if how == "named" and held then file:commit("a", "refuse") end
            file:free()
            window.disk_hold(false)
            catch_up()
            assert.same({}, folder:files())
          end
        end
      end
    end)

    it("of one that has a name: it keeps that", function()
      local file = open()
      assert(file:write(text(3 * BLOCK)))
      file:commit("a", "refuse")
      catch_up()
      file:free() -- nobody asked what came of it
      catch_up()
      assert.same({ "a" }, folder:files())
      assert.is_true(folder:read "a" == text(3 * BLOCK))
    end)

    it("after its writer: all is written, and what comes is written at once", function()
      local one, two, three = open(), open(), open()
      for _, file in ipairs { one, two, three } do assert(file:write(text(3 * BLOCK + 1))) end
      one:commit("one", "refuse")
      writer:stop()
      assert.equal(folder:at "one", one:commit("one", "refuse"))
      assert(two:write(text(BLOCK)))
      assert.equal(folder:at "two", commit(two, "two"))
      for _, file in ipairs { one, two, three } do file:free() end
      assert.same({ "one", "two" }, folder:files())
      assert.is_true(folder:read "two" == text(3 * BLOCK + 1) .. text(BLOCK))
    end)

    it("in a child after fork: the parent's goes on", function()
      local file = open()
      window.disk_hold(true)
      assert(file:write(text(3 * BLOCK + 1)))
      assert.is_true((window.in_child(function() file:free() end)))
      window.disk_hold(false)
      assert.equal(folder:at "a", commit(file, "a"))
      file:free()
      assert.is_true(folder:read "a" == text(3 * BLOCK + 1))
    end)
  end)

  it("makes do with the blocks that it has when memory is short", function()
    local file = open()
    assert(file:write(text(BLOCK - 1)))
    window.fail_allocation(1)
    local done, err = file:write(text(1) .. text(20 * BLOCK))
    window.fail_allocation(0)
    assert(done, err and err.message)
    assert.is_true(all(file) == text(BLOCK - 1) .. text(1) .. text(20 * BLOCK))
    window.fail_allocation(1)
    local name
    name, err = file:commit("a", "refuse")
    window.fail_allocation(0)
    assert.is_nil(name)
    assert.equal("no_memory", err.kind)
    assert.equal(folder:at "a", commit(file, "a"))
    file:free()
  end)
end)
