-- SPDX-License-Identifier: MIT
-- Tests src/net/gim_file_room.c through the test window's files: room on the disk that is reserved,
-- given back and gone.
local files = require "spec.support.files"
local window = require "gptimage.core_test"

local GATHER = 256 * 1024

describe("gim_file", function()
  local folder, before

  before_each(function()
    collectgarbage()
    folder = files.folder()
    before = window.open_fds()
  end)

  after_each(function()
    collectgarbage()
    assert.equal(before, window.open_fds())
    folder:close()
  end)

  describe("what is expected to become", function()
    local MB = 1024 * 1024

    local function blocks() return window.blocks(folder:at(folder:files()[1])) end

    -- Is it of use here to reserve blocks? Not where files are memory.
    local function reserves()
      local file = assert(window.file(folder.path))
      assert(file:write(("x"):rep(GATHER)))
      local more = blocks() > GATHER + MB
      file:free()
      if not more then pending "files are memory here" end
      return more
    end

    it("so many bytes into blocks that were reserved, from the first write on", function()
      if not reserves() then return end
      local file = assert(window.file(folder.path))
      file:expect(20 * MB)
      assert.equal(0, blocks())
      assert(file:write(("x"):rep(GATHER - 1)))
      assert.equal(0, blocks())
      assert(file:write "x")
      local reserved = blocks()
      assert.is_true(reserved >= 20 * MB and reserved <= 21 * MB, tostring(reserved))
      for _ = 1, 20 * MB // GATHER - 1 do assert(file:write(("x"):rep(GATHER))) end
      assert.equal(reserved, blocks())
      file:free()
    end)

    it("no more of the disk than 32 MiB ahead, whatever was promised", function()
      if not reserves() then return end
      local file = assert(window.file(folder.path))
      file:expect(500 * MB)
      for i = 1, 8 do
        assert(file:write(("x"):rep(GATHER)))
        assert.is_true(blocks() <= i * GATHER + 33 * MB)
      end
      file:free()
    end)

    it("gives back blocks that were reserved and not used, settled or committed", function()
      for _, how in ipairs { "settle", "commit" } do
        for _, size in ipairs { 5, GATHER, GATHER + 1, 2 * GATHER + 4096 } do
          local file = assert(window.file(folder.path))
          file:expect(50 * MB)
          assert(file:write(("x"):rep(size)))
          if how == "settle" then
            file:settle()
          else
            assert(file:commit("a", "replace"))
          end
          assert.is_true(blocks() <= size + 64 * 1024, how .. size)
          file:free()
        end
      end
    end)

    it("nonsense: as if nothing had been said", function()
      for _, n in ipairs { 0, -1, math.mininteger, math.maxinteger, 1 } do
        local file = assert(window.file(folder.path))
        file:expect(n)
        assert(file:write(("x"):rep(2 * GATHER)))
        assert.is_true(blocks() <= 4 * MB)
        assert(file:commit("a", "replace"))
        file:free()
      end
    end)

    it("all the same where no blocks can be reserved, or the disk has no more", function()
      for _, errno in ipairs { 28, 95, 4 } do -- ENOSPC, EOPNOTSUPP, EINTR
        local fine, said = window.in_child(function()
          if not window.forbid { fallocate = errno } then return "not allowed" end
          local file = assert(window.file(folder.path))
          file:expect(4 * MB)
          for _ = 1, 16 do assert(file:write(("x"):rep(GATHER))) end
          assert(window.blocks(folder:at(folder:files()[1])) <= 4 * MB + 65536)
          assert(file:commit("a", "replace"))
          assert(#folder:read "a" == 4 * MB)
          return "written"
        end)
        assert.is_true(fine, said)
        if said == "not allowed" then pending "not allowed here" end
      end
    end)
  end)

  describe("settles", function()
    it("by writing what is gathered: it can be read, written on and committed", function()
      local file = assert(window.file(folder.path))
      assert(file:write(("a"):rep(GATHER) .. "tail"))
      assert.equal(GATHER, #folder:read(folder:files()[1]))
      file:settle()
      assert.equal(GATHER + 4, #folder:read(folder:files()[1]))
      assert.equal("atail", file:read(GATHER - 1, 1) .. file:read(GATHER, 100))
      file:settle() -- again, and nothing happens
      assert(file:write " and more")
      assert.equal("tail and more", file:read(GATHER, 4) .. file:read(GATHER + 4, 100))
      assert(file:commit("a", "refuse"))
      file:settle()
      file:free()
      assert.is_true(folder:read "a" == ("a"):rep(GATHER) .. "tail and more")
    end)

    it("nothing into nothing", function()
      local file = assert(window.file(folder.path))
      file:settle()
      assert.equal(0, file:size())
      assert(file:commit("a", "refuse"))
      file:free()
      assert.equal("", folder:read "a")
    end)

    it("and keeps gathered what finds no room: write and commit say so", function()
      local file = assert(window.file(folder.path))
      assert(file:write "gathered")
      window.with_file_limit(0, function() file:settle() end)
      assert.equal("gathered", file:read(0, 100))
      for _, try in ipairs {
        function() return file:write "x" end, function() return file:commit("a", "refuse") end,
      } do
        local done, err = try()
        assert.is_nil(done)
        assert.equal("io", err.kind)
      end
      file:settle()
      assert.equal("gathered", file:read(0, 100))
      file:free()
      assert.same({}, folder:files())
    end)
  end)

  describe("when the disk is full", function()
    local function fill(file, limit)
      return window.with_file_limit(limit, function()
        for i = 1, 100 do
          local done, err = file:write(("x"):rep(9999) .. ("%05d"):format(i))
          if not done then return err end
        end
      end)
    end

    it("says so, keeps what it had, and counts nothing of what failed", function()
      for _, limit in ipairs { 0, 1000, GATHER, GATHER + 4096 } do
        local file = assert(window.file(folder.path))
        local err = fill(file, limit)
        assert.equal("io", err.kind)
        assert.is_truthy(err.message:find(folder.path, 1, true))
        local size = file:size()
        assert.equal(0, size % 10004)
        assert.is_true(size >= limit - 10004)
        local text = ""
        while #text < size do
          local more = file:read(#text, 65536)
          assert.is_true(#more > 0)
          text = text .. more
        end
        assert.equal(size, #text)
        for i = 1, size // 10004 do
          assert.equal(("%05d"):format(i), text:sub(i * 10004 - 4, i * 10004))
        end
        -- final, until it is emptied
        assert.is_nil((file:write "more"))
        assert.is_nil((file:commit("a", "number")))
        assert.is_true(file:truncate())
        assert.is_true(file:write "small")
        assert(file:commit("a", "replace"))
        file:free()
        assert.equal("small", folder:read "a")
      end
      assert.same({ "a" }, folder:files())
    end)

    it("says so in the commit, too, which may be repeated when there is room", function()
      local file = assert(window.file(folder.path))
      assert(file:write "gathered")
      local name, err = window.with_file_limit(0, function() return file:commit("a", "number") end)
      assert.is_nil(name)
      assert.equal("io", err.kind)
      assert.equal("gathered", file:read(0, 100))
      file:free()
      assert.same({}, folder:files())
    end)

    it("says so by the system's own words on a disk that really is", function()
      local fine, said = window.in_child(function()
        if not window.small_disk(folder.path, 65536) then return "not allowed" end
        local file = assert(window.file(folder.path))
        local done, err = file:write(("x"):rep(3 * GATHER))
        assert(not done and err.kind == "io")
        file:free()
        return err.message
      end)
      assert.is_true(fine, said)
      if said == "not allowed" then pending "mounts of its own are not allowed here" return end
      assert.matches("cannot write in folder .*: No space left", said)
    end)
  end)
end)
