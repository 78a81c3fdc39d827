-- SPDX-License-Identifier: MIT
-- Tests src/net/gim_file.c through the test window.
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

  describe("tries a folder", function()
    it("and leaves nothing in it", function()
      assert.is_true(window.try_folder(folder.path))
      assert.same({}, folder:files())
    end)

    it("and makes what is missing, also with slashes at odd places", function()
      for _, name in ipairs { "a", "b/c/d", "e//f/", "g/./h", "b/c/x" } do
        assert.is_true(window.try_folder(folder:at(name)))
        assert.same({}, window.list(folder:at(name)))
      end
    end)

    it("and takes the current one for an empty name", function()
      assert.is_true(window.try_folder "")
      assert.is_true(window.try_folder ".")
    end)

    it("and makes no file where one could be made just now", function()
      -- To make one changes the folder's time.
      local function made_one(name, again)
        assert.is_true(os.execute(("touch -d @1000000000 '%s'"):format(name)))
        assert.is_true(window.try_folder(name, again))
        local pipe <close> = assert(io.popen(("stat -c %%Y '%s'"):format(name)))
        return pipe:read "n" ~= 1000000000
      end
      local one, two = folder:at "one", folder:at "two"
      assert.is_true(window.try_folder(one) and window.try_folder(two))
      assert.is_true(made_one(one, false))
      assert.is_false(made_one(one, true))
      assert.is_true(made_one(two, true)) -- another one
      assert.is_true(made_one(one, true))
      assert.is_true(os.rename(two, folder:at "three") and os.rename(one, two))
      assert.is_false(made_one(two, true)) -- the same under another name
      assert.is_true(window.try_folder(one, true)) -- was away, and is made
      assert.is_true(made_one(two, true))
      -- Permission is looked at all the same; for root there is none.
      if io.popen("id -u"):read "n" ~= 0 then
        assert.is_true(os.execute(("chmod a-w '%s'"):format(two)))
        local done, err = window.try_folder(two, true)
        assert.is_nil(done)
        assert.matches("Permission denied", err.message)
      end
    end)

    it("and says why it cannot be used, by its name", function()
      folder:write("file", "x")
      for name, pattern in pairs {
        [folder:at "file"] = "Not a directory",
        [folder:at "file/below"] = "Not a directory",
        [("x"):rep(300)] = "too long",
        [("x/"):rep(3000)] = "too long",
        ["/proc/nothing/here"] = "No such file",
      } do
        local done, err = window.try_folder(name)
        assert.is_nil(done)
        assert.equal("io", err.kind)
        assert.matches(pattern, err.message)
        if #name < 100 then assert.is_truthy(err.message:find(name, 1, true), err.message) end
      end
    end)
  end)

  describe("writes", function()
    it("under a hidden temporary name that its end without a commit removes", function()
      local file = assert(window.file(folder.path))
      assert.is_true(file:write "bytes")
      assert.equal(1, #folder:files())
      assert.matches("^%.gptimage%-%x+%.part$", folder:files()[1])
      file:free()
      assert.same({}, folder:files())
    end)

    it("everything, however it is cut", function()
      local text = {}
      for i = 1, 70000 do text[i] = ("%08d\n"):format(i) end
      text = table.concat(text) -- 630,000 bytes: over two gathered writes
      for _, size in ipairs { 1000, 16384, GATHER - 1, GATHER, GATHER + 1, 600000, #text } do
        local file = assert(window.file(folder.path))
        file:expect(size % 2 == 0 and #text or 10 * #text)
        for i = 1, #text, size do assert(file:write(text:sub(i, i + size - 1))) end
        assert.equal(#text, file:size())
        local name = assert(file:commit("a.png", "replace"))
        assert.equal(folder:at "a.png", name)
        assert.is_true(files.read(name) == text)
        file:free()
      end
      assert.same({ "a.png" }, folder:files())
    end)

    it("files without a name, which go with them", function()
      local file = assert(window.file())
      assert(file:write(("x"):rep(GATHER + 5)))
      assert.equal("xxxxx", file:read(GATHER, 100))
      local name, err = file:commit("a", "number")
      assert.is_nil(name)
      assert.equal("io", err.kind)
      file:free()
    end)

    it("to $TMPDIR, and to /tmp where that takes no file", function()
      local tmpdir = os.getenv "TMPDIR"
      folder:write("file", "")
      for _, name in ipairs { "", "nowhere", "file" } do
        window.setenv("TMPDIR", folder:at(name))
        local file, err = window.file()
        window.setenv("TMPDIR", tmpdir)
        assert.is_nil(err)
        assert.is_true(file:write "x")
        file:free()
      end
      assert.same({ "file" }, folder:files())
    end)

    it("with the permissions that the umask leaves", function()
      local mask = window.umask(tonumber("027", 8))
      local file = assert(window.file(folder.path))
      window.umask(mask)
      assert(file:commit("a", "refuse"))
      assert.equal(tonumber("640", 8), window.list(folder.path).a)
    end)

    it("nothing after the commit", function()
      local file = assert(window.file(folder.path))
      assert(file:write "x")
      assert(file:commit("a", "refuse"))
      local done, err = file:write "y"
      assert.is_nil(done)
      assert.equal("io", err.kind)
      assert.is_nil((file:truncate()))
      assert.is_nil((file:commit("b", "refuse")))
      assert.equal("x", file:read(0, 10))
      file:free()
      assert.same({ "a" }, folder:files())
    end)
  end)

  describe("reads", function()
    it("what is written and what is only gathered, and both at once in two calls", function()
      local file = assert(window.file(folder.path))
      local text = ("a"):rep(GATHER) .. "bcd"
      assert(file:write(text))
      assert.equal("aa", file:read(GATHER - 2, 100))
      assert.equal("bcd", file:read(GATHER, 100))
      assert.equal("cd", file:read(GATHER + 1, 2))
      assert.equal("", file:read(#text, 10))
      assert.equal("", file:read(#text + 100, 10))
      assert.equal("", file:read(-1, 10))
      assert(file:write "e") -- reading has moved nothing
      assert(file:commit("a", "refuse"))
      assert.is_true(folder:read "a" == text .. "e")
      assert.equal("bcde", file:read(GATHER, 100))
      file:free()
    end)

    it("nothing after it was emptied", function()
      local file = assert(window.file(folder.path))
      assert(file:write(("a"):rep(GATHER + 10)))
      assert.is_true(file:truncate())
      assert.equal(0, file:size())
      assert.equal("", file:read(0, 10))
      assert(file:write "new")
      assert(file:commit("a", "refuse"))
      file:free()
      assert.equal("new", folder:read "a")
    end)
  end)

  describe("commits", function()
    local function committed(name, overwrite, text)
      local file = assert(window.file(folder.path))
      assert(file:write(text or "new"))
      local result, err = file:commit(name, overwrite)
      file:free()
      return result, err
    end

    it("over another file only when told to", function()
      folder:write("a.png", "old")
      assert.equal(folder:at "a-2.png", committed("a.png", "number"))
      assert.equal(folder:at "a-3.png", committed("a.png", "number"))
      assert.equal("old", folder:read "a.png")
      local name, err = committed("a.png", "refuse")
      assert.is_nil(name)
      assert.equal("io", err.kind)
      assert.matches("a.png\" is there already", err.message)
      assert.equal("old", folder:read "a.png")
      assert.equal(folder:at "a.png", committed("a.png", "replace"))
      assert.equal("new", folder:read "a.png")
      assert.same({ "a-2.png", "a-3.png", "a.png" }, folder:files())
    end)

    it("numbers before the last extension", function()
      for name, numbered in pairs {
        ["b"] = "b-2", ["c.tar.gz"] = "c.tar-2.gz", [".hidden"] = ".hidden-2", ["d."] = "d-2.",
      } do
        folder:write(name, "old")
        assert.equal(folder:at(numbered), committed(name, "number"))
      end
    end)

    it("not over links and folders, and follows no link", function()
      folder:write("target", "old")
      window.symlink(folder:at "target", folder:at "link")
      window.symlink(folder:at "nowhere", folder:at "dangling")
      window.mkdir(folder:at "folder")
      for _, name in ipairs { "link", "dangling", "folder" } do
        assert.equal(folder:at(name .. "-2"), committed(name, "number"))
        assert.is_nil((committed(name, "refuse")))
      end
      assert.equal(folder:at "link", committed("link", "replace"))
      assert.equal("old", folder:read "target")
      local name, err = committed("folder", "replace")
      assert.is_nil(name)
      assert.equal("io", err.kind)
    end)

    it("has room for the number in the longest name, between two characters", function()
      for name, numbered in pairs {
        [("x"):rep(251) .. ".png"] = ("x"):rep(249) .. "-2.png",
        [("x"):rep(255)] = ("x"):rep(253) .. "-2",
        [("ä"):rep(125) .. "x.png"] = ("ä"):rep(124) .. "-2.png",
        ["." .. ("x"):rep(254)] = "." .. ("x"):rep(252) .. "-2",
      } do
        assert.equal(folder:at(name), committed(name, "number"))
        assert.equal(folder:at(numbered), committed(name, "number"))
      end
    end)

    it("refuses names that are none, and those that are too long", function()
      for _, name in ipairs { "", ".", "..", "a/b", "/a", ("x"):rep(256), ("x"):rep(5000) } do
        local result, err = committed(name, "number")
        assert.is_nil(result)
        assert.equal("io", err.kind)
      end
      local file = assert(window.file(folder.path))
      local result, err = file:commit("abc", "number", #folder.path + 4) -- no room for the path
      assert.is_nil(result)
      assert.equal("io", err.kind)
      assert.equal(folder:at "abc", file:commit("abc", "number", #folder.path + 5))
      file:free()
    end)

    it("gives up numbering at 10,000", function()
      folder:write("a", "")
      for i = 2, 9999 do folder:write("a-" .. i, "") end
      assert.equal(folder:at "a-10000", committed("a", "number"))
      local name, err = committed("a", "number")
      assert.is_nil(name)
      assert.matches("9999 numbered names after it are taken", err.message)
    end)

    it("notices that the folder was moved or removed", function()
      for _, how in ipairs { "moved", "removed", "another" } do
        window.mkdir(folder:at "sub")
        local file = assert(window.file(folder:at "sub"))
        assert.is_true(file:in_place())
        assert(file:write "kept")
        if how == "removed" then
          files.remove(folder:at "sub")
        else
          os.rename(folder:at "sub", folder:at "elsewhere")
          if how == "another" then window.mkdir(folder:at "sub") end
        end
        assert.is_false(file:in_place())
        local name, err = file:commit("a", "number")
        assert.is_nil(name)
        assert.matches("is not where it was", err.message)
        assert.equal("kept", file:read(0, 10))
        file:free()
        for _, sub in ipairs { "sub", "elsewhere" } do
          files.remove(folder:at(sub))
        end
      end
    end)

    it("names relative folders as they were given", function()
      local fine, said = window.in_child(function()
        window.chdir(folder.path)
        local results = {}
        for _, name in ipairs { "", ".", "sub", "sub/" } do
          assert(window.try_folder(name))
          local file = assert(window.file(name))
          results[#results + 1] = assert(file:commit("a", "number"))
          file:free()
        end
        local file = assert(window.file "sub")
        window.chdir "/"
        local result, err = file:commit("b", "number")
        assert(not result and err.message:find "not where it was")
        file:free()
        return table.concat(results, " ")
      end)
      assert.is_true(fine, said)
      assert.equal("a ./a-2 sub/a sub/a-2", said)
    end)

    it("on systems without an exclusive rename, and without links, too", function()
      for _, forbidden in ipairs {
        { renameat2 = 22 }, { renameat2 = 38 }, { renameat2 = 22, linkat = 1 },
      } do
        local fine, said = window.in_child(function()
          if not window.forbid(forbidden) then return "not allowed" end
          folder:write("a", "old")
          assert(committed("a", "number") == folder:at "a-2")
          assert(not committed("a", "refuse"))
          assert(committed("b", "refuse") == folder:at "b")
          assert(committed("a", "replace") == folder:at "a")
          assert(folder:read "a-2" == "new" and folder:read "b" == "new")
          return table.concat(folder:files(), " ")
        end)
        assert.is_true(fine, said)
        assert.equal("a a-2 b", said)
        for _, name in ipairs(folder:files()) do os.remove(folder:at(name)) end
      end
    end)
  end)

  it("is not removed by a child after fork", function()
    local file = assert(window.file(folder.path))
    assert(file:write "mine")
    assert.is_true((window.in_child(function() file:free() end)))
    assert.equal(folder:at "a", file:commit("a", "refuse"))
    file:free()
    assert.equal("mine", folder:read "a")
  end)

  it("says so when memory is short, and leaves nothing behind", function()
    for n = 1, 2 do
      window.fail_allocation(n)
      local file, err = window.file(folder.path)
      window.fail_allocation(0)
      assert.is_nil(file)
      assert.equal("no_memory", err.kind)
    end
    assert.same({}, folder:files())
    local file = assert(window.file(folder.path))
    window.fail_allocation(1)
    local done, err = file:write "x"
    window.fail_allocation(0)
    assert.is_nil(done)
    assert.equal("no_memory", err.kind)
    assert.equal(0, file:size())
    assert.is_true(file:write "x")
    file:free()
  end)
end)
