-- SPDX-License-Identifier: MIT
-- Tests src/net/gim_sink.c through the test window, where its files are written behind: on a disk
-- that answers when it is told to, and on one that fails.
local behind = require "spec.support.behind"
local files = require "spec.support.files"
local window = require "gptimage.core_test"

local KB = 1024
local BLOCK = 64 * KB
local ENOSPC = 28

describe("gim_sink, written behind,", function()
  local on, folder, writer

  before_each(function()
    on = behind.begin()
    folder, writer = on.folder, on.writer
  end)

  after_each(function() on:finish() end)

  local function sink_of(limit, where)
    local pool = window.pool(limit, true, false, writer)
    return window.sink(pool, where), pool
  end

  -- `n` pieces of 1000 bytes that can be told apart.
  local function piece(i) return ("."):rep(990) .. ("%09d\n"):format(i) end

  local function feed(sink, from, to)
    for i = from, to do assert(sink:write(piece(i))) end
  end

  local function check(sink, count)
    assert.equal(count * 1000, sink:size())
    local at, list = 0, {}
    while at < count * 1000 do
      list[#list + 1] = assert(sink:read(at, 100000))
      at = at + #list[#list]
    end
    local text = table.concat(list)
    for i = 1, count do
      if text:sub(i * 1000 - 999, i * 1000) ~= piece(i) then error("piece " .. i .. " is wrong") end
    end
  end

  local function catch_up()
    if writer:start() then writer:wait_for(writer:put()) end
  end

  local function commit(sink, where, name, slice)
    local calls = 0
    while true do
      local path, err = sink:commit(where, name, "number", slice)
      calls = calls + 1
      if path or err.kind ~= "timeout" then return path, err, calls end
      if sink:await() then
        catch_up()
        writer:tell()
      end
      assert.is_true(calls < 100)
    end
  end

  it("takes what its blocks hold, and says when there is room again", function()
    local sink = sink_of(0, folder.path)
    window.disk_hold(true)
    assert.is_true(sink:takes(16 * KB)) -- nothing is open yet
    local n = 0
    while sink:takes(1000) do
      n = n + 1
      feed(sink, n, n)
    end
    assert.is_true(n * 1000 > 5 * BLOCK and n * 1000 <= 6 * BLOCK)
    assert.is_false(sink:is_written())
    check(sink, n)
    assert.is_true(sink:await())
    window.disk_hold(false)
    assert.is_true(writer:rings(5000))
    writer:tell()
    assert.equal(1, sink:told())
    assert.is_true(sink:takes(1000))
    feed(sink, n + 1, 1000)
    assert.equal(folder:at "a", (commit(sink, folder.path, "a")))
    check(sink, 1000)
    sink:free()
    assert.equal(1000000, #folder:read "a")
  end)

  it("loses nothing when a write into its folder fails: into memory", function()
    for at = 0, 8, 2 do
      local sink, pool = sink_of(10000 * KB, folder.path)
      window.disk_fault("pwrite", ENOSPC, at)
      local n = 0
      repeat -- until it was told of it
        n = n + 1
        feed(sink, n, n)
        if n % 100 == 0 then catch_up() end
        local _, err = sink:trouble()
      until err or n == 1000
      window.disk_fault()
      assert.equal("io", select(2, sink:trouble()).kind)
      check(sink, n)
      feed(sink, n + 1, 1200)
      sink:settle()
      check(sink, 1200)
      assert.equal(1200000, pool:used())
      catch_up()
      assert.same({}, folder:files())
      local other <close> = files.folder()
      assert.equal(other.path .. "/a", (commit(sink, other.path, "a")))
      assert.equal(1200000, #files.read(other.path .. "/a"))
      sink:free()
      catch_up()
    end
  end)

  it("loses nothing when its last writes fail, and is filed there once there is room", function()
    local sink = sink_of(0, folder.path)
    window.disk_hold(true) -- it learns of no failure before all is handed over
    feed(sink, 1, 300)
    sink:settle()
    window.disk_fault("pwrite", ENOSPC, 2)
    assert.equal("timeout", select(2, sink:commit(folder.path, "a", "number")).kind)
    window.disk_hold(false)
    assert.equal("io", select(2, commit(sink, folder.path, "a")).kind)
    check(sink, 300)
    assert.equal("io", select(2, commit(sink, folder.path, "a")).kind)
    window.disk_fault()
    assert.equal(folder:at "a", (commit(sink, folder.path, "a")))
    check(sink, 300)
    sink:free()
    catch_up()
    assert.same({ "a" }, folder:files())
    assert.equal(300000, #folder:read "a")
  end)

  it("loses nothing then: into a temporary file when memory has no room", function()
    local fine, said = window.in_child(function()
      if not window.small_disk(folder.path, 512 * KB) then return "not allowed" end
      local own = window.writer()
      local pool = window.pool(100 * KB, true, false, own)
      local sink = window.sink(pool, folder.path)
      feed(sink, 1, 2000)
      check(sink, 2000)
      assert(select(2, sink:trouble()).message:find "No space left")
      assert(pool:used() == 0)
      sink:free()
      own:free()
      return "kept"
    end)
    assert.is_true(fine, said)
    if said == "not allowed" then pending "mounts of its own are not allowed here" end
  end)

  it("goes into a temporary file where there is no folder, and memory has no room", function()
    local sink = sink_of(100 * KB)
    feed(sink, 1, 1000)
    check(sink, 1000)
    assert.equal(folder:at "a", (commit(sink, folder.path, "a", 1000 * KB)))
    sink:free()
    assert.equal(1000000, #folder:read "a")
  end)

  it("copies by turns with the thread, and leaves no half files", function()
    local sink = sink_of(10000 * KB)
    feed(sink, 1, 3000)
    window.disk_hold(true)
    local path, err = sink:commit(folder.path, "a", "number", 1000 * KB)
    assert.is_nil(path)
    assert.equal("timeout", err.kind)
    assert.is_true(sink:await()) -- not to be asked again before
    window.disk_hold(false)
    assert.is_true(writer:rings(5000))
    writer:tell()
    assert.equal(1, sink:told())
    assert.equal(folder:at "a", (commit(sink, folder.path, "a", 1000 * KB)))
    assert.equal(3000000, #folder:read "a")
    check(sink, 3000)
    sink:commit(folder.path, "b", "number", 1000 * KB)
    sink:free()
    catch_up()
    assert.same({ "a" }, folder:files())
  end)

  it("is filed twice, though the first name is only being taken", function()
    local sink = sink_of(0, folder.path)
    feed(sink, 1, 300)
    sink:settle()
    window.disk_hold(true)
    assert.equal("timeout", select(2, sink:commit(folder.path, "one", "number")).kind)
    window.disk_hold(false)
    catch_up()
    assert.equal(folder:at "two", (commit(sink, folder.path, "two")))
    check(sink, 300)
    sink:free()
    assert.same({ "one", "two" }, folder:files())
    assert.equal(folder:read "one", folder:read "two")
  end)

  it("starts over, and ends, with blocks on their way", function()
    local sink = sink_of(0, folder.path)
    window.disk_hold(true)
    feed(sink, 1, 300)
    assert(sink:restart())
    assert.equal(0, sink:size())
    feed(sink, 1, 200)
    check(sink, 200)
    window.disk_hold(false)
    check(sink, 200)
    sink:free()
    catch_up()
    assert.same({}, folder:files())
  end)

  it("tells who waited for blocks that it let go of", function()
    local sink = sink_of(0, folder.path)
    window.disk_hold(true)
    feed(sink, 1, 300)
    assert.is_true(sink:await())
    assert(sink:restart())
    window.disk_hold(false)
    catch_up()
    assert.is_true(writer:rings(5000))
    writer:tell()
    assert.equal(1, sink:told())
    sink:free()
  end)
end)
