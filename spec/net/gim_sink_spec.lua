-- SPDX-License-Identifier: MIT
-- Tests src/net/gim_sink.c through the test window.
local files = require "spec.support.files"
local window = require "gptimage.core_test"

local KB = 1024

describe("gim_sink", function()
  local folder, pool, before

  -- `n` pieces of 1000 bytes that can be told apart.
  local function piece(i) return ("."):rep(990) .. ("%09d\n"):format(i) end

  local function feed(sink, from, to)
    for i = from, to do
      local done, err = sink:write(piece(i))
      if not done then return i, err end
    end
  end

  local function check(sink, count)
    assert.equal(count * 1000, sink:size())
    local at, text = 0, {}
    while true do
      local more = assert(sink:read(at, 100000))
      if #more == 0 then break end
      text[#text + 1] = more
      at = at + #more
    end
    text = table.concat(text)
    assert.equal(count * 1000, #text)
    for i = 1, count do
      if text:sub(i * 1000 - 999, i * 1000) ~= piece(i) then error("piece " .. i .. " is wrong") end
    end
  end

  before_each(function()
    collectgarbage()
    folder = files.folder()
    pool = window.pool(1000 * KB)
    before = window.open_fds()
  end)

  after_each(function()
    collectgarbage()
    assert.equal(0, pool:used())
    assert.equal(before, window.open_fds())
    folder:close()
  end)

  it("opens nothing before the first byte", function()
    local sink = window.sink(pool, folder.path)
    assert.same({}, folder:files())
    assert.equal(before, window.open_fds())
    assert.equal(0, sink:size())
    assert.is_true(sink:write "")
    assert.same({}, folder:files())
    assert.is_true(sink:write "x")
    assert.equal(1, #folder:files())
    sink:free()
    assert.same({}, folder:files())
  end)

  it("writes into its folder and takes no memory for it", function()
    local sink = window.sink(pool, folder.path)
    sink:expect(700 * 1000)
    assert.is_nil(feed(sink, 1, 700))
    check(sink, 700)
    assert.equal(0, pool:used())
    assert.equal(folder:at "a.png", sink:commit(folder.path, "a.png", "refuse"))
    check(sink, 700) -- from the named file
    sink:free()
    assert.same({ "a.png" }, folder:files())
    assert.equal(700000, #folder:read "a.png")
  end)

  it("keeps a picture in memory where there is no folder, up to the limit", function()
    local sink = window.sink(pool)
    assert.is_nil(feed(sink, 1, 900))
    check(sink, 900)
    assert.is_true(pool:used() >= 900000 and pool:used() <= 1000 * KB)
    assert.equal(before, window.open_fds())
    assert.is_nil(feed(sink, 901, 2000)) -- beyond: a temporary file
    check(sink, 2000)
    -- what memory held stays there: copying it would take a frame
    assert.is_true(pool:used() >= 900000 and pool:used() <= 1000 * KB)
    assert.equal(before + 1, window.open_fds())
    assert.is_nil(sink:trouble())
    assert.equal(folder:at "a.png", sink:commit(folder.path, "a.png", "refuse"))
    assert.equal(2000000, #folder:read "a.png")
    check(sink, 2000)
    assert.is_true(sink:restart())
    assert.equal(0, pool:used())
    assert.equal(before, window.open_fds())
    assert.is_nil(feed(sink, 1, 900))
    check(sink, 900)
    sink:free()
  end)

  it("writes less at a time where a frame budget counts", function()
    for _, small in ipairs { false, true } do
      local own = window.pool(1000 * KB, small)
      local sink = window.sink(own, folder.path)
      assert.is_nil(feed(sink, 1, 100)) -- 100,000 bytes
      assert.equal(small and 64 * KB or 0, #folder:read(folder:files()[1]))
      check(sink, 100)
      sink:free()
    end
  end)

  it("reserves no blocks where a frame budget counts, but for what replaces others", function()
    local function blocks(...)
      local own = window.pool(1000 * KB, ...)
      local sink = window.sink(own, folder.path)
      sink:expect(10000 * KB)
      assert.is_nil(feed(sink, 1, 600))
      local found = window.blocks(folder:at(folder:files()[1]))
      sink:free()
      return found
    end
    assert.is_true(blocks(true) <= 1000 * KB)
    if blocks() < 9000 * KB then pending "files are memory here" return end
    assert.is_true(blocks(true, true) >= 9000 * KB)
  end)

  it("shares the limit with others", function()
    local a, b = window.sink(pool), window.sink(pool)
    assert.is_nil(feed(a, 1, 800))
    assert.is_nil(feed(b, 1, 800))
    check(a, 800)
    check(b, 800)
    assert.is_true(pool:used() <= 1000 * KB)
    assert.equal(before + 1, window.open_fds()) -- one of them is in a file
    a:free()
    b:free()
  end)

  it("takes memory of the size that is expected, at once", function()
    local sink = window.sink(pool)
    sink:expect(300 * 1000)
    assert.is_nil(feed(sink, 1, 1))
    assert.equal(300000, pool:used())
    assert.is_nil(feed(sink, 2, 300))
    assert.equal(300000, pool:used())
    sink:free()
  end)

  it("takes no more memory than 32 MiB ahead, whatever is promised", function()
    local own = window.pool(100 * KB * KB)
    local sink = window.sink(own)
    sink:expect(400 * KB * KB)
    assert(sink:write "x")
    assert.equal(32 * KB * KB, own:used())
    sink:settle()
    assert.equal(1, own:used())
    sink:free()
  end)

  it("settles for what it has: memory, blocks of the disk", function()
    local sink = window.sink(pool)
    sink:settle() -- nothing
    assert.is_nil(feed(sink, 1, 300))
    assert.is_true(pool:used() > 300000)
    sink:settle()
    assert.equal(300000, pool:used())
    check(sink, 300)
    assert.is_nil(feed(sink, 301, 310)) -- it goes on all the same
    check(sink, 310)
    sink:free()

    sink = window.sink(pool, folder.path)
    sink:expect(30 * KB * KB)
    assert.is_nil(feed(sink, 1, 300))
    sink:settle()
    assert.equal(300000, #folder:read(folder:files()[1]))
    assert.is_true(window.blocks(folder:at(folder:files()[1])) <= 400 * KB)
    check(sink, 300)
    assert.equal(folder:at "a", sink:commit(folder.path, "a", "refuse"))
    sink:free()
  end)

  it("settles beyond the limit of memory, too", function()
    local sink = window.sink(pool)
    assert.is_nil(feed(sink, 1, 2000))
    sink:settle()
    check(sink, 2000)
    sink:free()
  end)

  it("looks at the picture as it comes", function()
    local png = "\137PNG\r\n\26\n\0\0\0\13IHDR\0\0\7\208\0\0\4\176\8\2\0\0\0"
    local sink = window.sink(pool)
    for i = 1, #png do assert(sink:write(png:sub(i, i))) end
    assert.same({ "png", 2000, 1200 }, { sink:image() })
    assert.is_true(sink:restart())
    assert.same({ nil, 0, 0 }, { sink:image() })
    assert.equal(0, sink:size())
    assert.equal("", sink:read(0, 10))
    assert(sink:write "other")
    assert.equal("other", sink:read(0, 10))
    sink:free()
  end)

  it("knows whether the picture came to its end", function()
    local png = "\137PNG\r\n\26\n\0\0\0\3IDATabcCRC!\0\0\0\0IENDCRC!"
    for _, place in ipairs { folder.path, false } do
      local sink = window.sink(pool, place or nil)
      assert.is_false(sink:is_cut())
      assert(sink:write(png:sub(1, -2)))
      assert.is_true(sink:is_cut())
      assert(sink:write(png:sub(-1) .. "more"))
      assert.is_false(sink:is_cut())
      assert(sink:restart())
      assert.is_false(sink:is_cut())
      assert(sink:write(png:sub(1, 12)))
      assert.is_true(sink:is_cut())
      sink:free()
    end
  end)

  describe("when the folder fails", function()
    it("from the start, keeps the picture in memory and says what was wrong", function()
      local sink = window.sink(pool, folder:at "missing")
      assert.is_nil(feed(sink, 1, 100))
      check(sink, 100)
      local nothing, err = sink:trouble()
      assert.is_nil(nothing)
      assert.equal("io", err.kind)
      assert.is_truthy(err.message:find(folder:at "missing", 1, true))
      local name
      name, err = sink:commit(folder:at "missing", "a", "number")
      assert.is_nil(name)
      assert.equal("io", err.kind)
      window.mkdir(folder:at "missing")
      assert.equal(folder:at "missing/a", sink:commit(folder:at "missing", "a", "number"))
      sink:free()
      assert.equal(100000, #folder:read "missing/a")
    end)

    it("in the middle, loses nothing: into memory", function()
      local sink = window.sink(pool, folder.path)
      window.with_file_limit(300 * KB, function() assert.is_nil(feed(sink, 1, 900)) end)
      check(sink, 900)
      assert.equal("io", select(2, sink:trouble()).kind)
      assert.same({}, folder:files())
      assert.is_true(pool:used() > 0)
      sink:free()
    end)

    it("in the middle, loses nothing: into a temporary file when memory has no room", function()
      pool = window.pool(100 * KB)
      local fine, said = window.in_child(function()
        if not window.small_disk(folder.path, 512 * KB) then return "not allowed" end
        local sink = window.sink(pool, folder.path)
        assert(not feed(sink, 1, 2000))
        check(sink, 2000)
        assert(select(2, sink:trouble()).message:find "No space left")
        assert(pool:used() == 0)
        -- there is room elsewhere
        local other <close> = files.folder()
        local name, err = sink:commit(folder.path, "a", "number")
        assert(not name and err.kind == "io")
        name = assert(sink:commit(other.path, "a", "number"))
        assert(#files.read(name) == 2000000)
        sink:free()
        return "kept"
      end)
      assert.is_true(fine, said)
      if said == "not allowed" then pending "mounts of its own are not allowed here" end
    end)

    it("and all else as well: says so, for good, and what came before can be read", function()
      pool = window.pool(400 * KB)
      local sink = window.sink(pool, folder.path)
      local failed, err = window.with_file_limit(300 * KB, function()
        return feed(sink, 1, 900)
      end)
      assert.is_number(failed)
      assert.equal("io", err.kind)
      check(sink, failed - 1)
      local done, again = sink:write "x"
      assert.is_nil(done)
      assert.equal(err.message, again.message)
      assert.is_nil((sink:commit(folder.path, "a", "number")))
      assert.is_true(sink:restart())
      assert.is_nil(feed(sink, 1, 10))
      check(sink, 10)
      assert.is_nil(sink:trouble())
      assert.equal(folder:at "a", sink:commit(folder.path, "a", "number"))
      sink:free()
    end)
  end)

  describe("files a picture", function()
    it("that is in memory, in slices", function()
      local sink = window.sink(pool)
      assert.is_nil(feed(sink, 1, 500))
      local calls = 0
      local name, err
      repeat
        name, err = sink:commit(folder.path, "a.png", "number", 100 * KB)
        calls = calls + 1
      until name or err.kind ~= "timeout"
      assert.equal(folder:at "a.png", name)
      assert.equal(5, calls)
      assert.equal(500000, #files.read(name))
      check(sink, 500)
      sink:free()
      assert.same({ "a.png" }, folder:files())
    end)

    it("more than once, in its folder and in others", function()
      window.mkdir(folder:at "in")
      window.mkdir(folder:at "out")
      local sink = window.sink(pool, folder:at "in")
      assert.is_nil(feed(sink, 1, 300))
      assert.equal(folder:at "out/copy", sink:commit(folder:at "out", "copy", "number"))
      assert.equal(folder:at "in/a", sink:commit(folder:at "in", "a", "number"))
      assert.equal(folder:at "in/a-2", sink:commit(folder:at "in", "a", "number"))
      assert.equal(folder:at "out/copy-2", sink:commit(folder:at "out", "copy", "number"))
      sink:free()
      for _, name in ipairs { "out/copy", "out/copy-2", "in/a", "in/a-2" } do
        assert.equal(300000, #folder:read(name), name)
      end
    end)

    it("anew when another folder is wanted half-way, and leaves no half files", function()
      window.mkdir(folder:at "one")
      window.mkdir(folder:at "two")
      local sink = window.sink(pool)
      assert.is_nil(feed(sink, 1, 500))
      assert.equal("timeout", select(2, sink:commit(folder:at "one", "a", "number", 1000)).kind)
      assert.equal(folder:at "two/a", sink:commit(folder:at "two", "a", "number"))
      assert.same({}, window.list(folder:at "one"))
      assert.equal("timeout", select(2, sink:commit(folder:at "one", "a", "number", 1000)).kind)
      sink:free()
      assert.same({}, window.list(folder:at "one"))
      assert.equal(500000, #folder:read "two/a")
    end)

    it("also when its folder was moved and made again", function()
      window.mkdir(folder:at "sub")
      local sink = window.sink(pool, folder:at "sub")
      assert.is_nil(feed(sink, 1, 300))
      os.rename(folder:at "sub", folder:at "elsewhere")
      assert.is_nil((sink:commit(folder:at "sub", "a", "number")))
      window.mkdir(folder:at "sub")
      assert.equal(folder:at "sub/a", sink:commit(folder:at "sub", "a", "number"))
      sink:free()
      assert.equal(300000, #folder:read "sub/a")
      assert.same({}, window.list(folder:at "elsewhere"))
    end)

    it("or says that the name is taken, and can be told another", function()
      local sink = window.sink(pool)
      assert.is_nil(feed(sink, 1, 3))
      assert(sink:commit(folder.path, "a", "refuse"))
      assert.equal("io", select(2, sink:commit(folder.path, "a", "refuse")).kind)
      assert.equal(folder:at "b", sink:commit(folder.path, "b", "refuse"))
      sink:free()
      assert.same({ "a", "b" }, folder:files())
    end)
  end)

  it("survives every allocation that fails", function()
    local whole = 0
    for n = 1, 30 do
      window.fail_allocation(n)
      local sink = window.sink(pool, n % 2 == 0 and folder.path or nil)
      if sink then
        -- Another place takes what one could not; where memory is at its limit and a temporary
        -- file fails, it says so and keeps what it had.
        local failed, err = feed(sink, 1, 1500)
        if failed then
          window.fail_allocation(0)
          assert.equal("no_memory", err.kind)
          check(sink, failed - 1)
        else
          local name
          name, err = sink:commit(folder.path, "a", "replace")
          window.fail_allocation(0)
          if not name then
            assert.equal("no_memory", err.kind)
            name = assert(sink:commit(folder.path, "a", "replace"))
          end
          check(sink, 1500)
          assert.equal(1500000, #files.read(name))
          whole = whole + 1
        end
        sink:free()
      end
      window.fail_allocation(0)
    end
    assert.is_true(whole >= 20, "whole: " .. whole)
    assert.same({ "a" }, folder:files())
  end)
end)
