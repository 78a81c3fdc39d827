-- SPDX-License-Identifier: MIT
-- Tests src/net/gim_file.c through the test window.
local window = require "gptimage.core_test"

local GATHER = 256 * 1024

describe("gim_file", function()
  local folder, before

  local function path(name) return folder .. "/" .. name end

  local function contents(name)
    local file = assert(io.open(name, "rb"))
    local all = file:read "a"
    file:close()
    return all
  end

  local function put(name, text)
    local file = assert(io.open(path(name), "wb"))
    file:write(text)
    file:close()
  end

  local function names()
    local list = {}
    for name in pairs(window.list(folder)) do list[#list + 1] = name end
    table.sort(list)
    return list
  end

  local function remove(where)
    for name in pairs(window.list(where)) do
      local full = where .. "/" .. name
      if not os.remove(full) then remove(full) end
    end
    window.rmdir(where)
  end

  before_each(function()
    collectgarbage()
    folder = window.folder()
    before = window.open_fds()
  end)

  after_each(function()
    collectgarbage()
    assert.equal(before, window.open_fds())
    remove(folder)
  end)

  describe("tries a folder", function()
    it("and leaves nothing in it", function()
      assert.is_true(window.try_folder(folder))
      assert.same({}, names())
    end)

    it("and makes what is missing, also with slashes at odd places", function()
      for _, name in ipairs { "a", "b/c/d", "e//f/", "g/./h", "b/c/x" } do
        assert.is_true(window.try_folder(path(name)))
        assert.same({}, window.list(path(name)))
      end
    end)

    it("and takes the current one for an empty name", function()
      assert.is_true(window.try_folder "")
      assert.is_true(window.try_folder ".")
    end)

    it("and says why it cannot be used, by its name", function()
      put("file", "x")
      for name, pattern in pairs {
        [path "file"] = "Not a directory",
        [path "file/below"] = "Not a directory",
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
      local file = assert(window.file(folder))
      assert.is_true(file:write "bytes")
      assert.equal(1, #names())
      assert.matches("^%.gptimage%-%x+%.part$", names()[1])
      file:free()
      assert.same({}, names())
    end)

    it("everything, however it is cut", function()
      local text = {}
      for i = 1, 70000 do text[i] = ("%08d\n"):format(i) end
      text = table.concat(text) -- 630,000 bytes: over two gathered writes
      for _, size in ipairs { 1000, 16384, GATHER - 1, GATHER, GATHER + 1, 600000, #text } do
        local file = assert(window.file(folder))
        file:expect(size % 2 == 0 and #text or 10 * #text)
        for i = 1, #text, size do assert(file:write(text:sub(i, i + size - 1))) end
        assert.equal(#text, file:size())
        local name = assert(file:commit("a.png", "replace"))
        assert.equal(path "a.png", name)
        assert.is_true(contents(name) == text)
        file:free()
      end
      assert.same({ "a.png" }, names())
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

    it("to $TMPDIR, and says so when that is no folder", function()
      local tmpdir = os.getenv "TMPDIR"
      window.setenv("TMPDIR", path "nowhere")
      local file, err = window.file()
      window.setenv("TMPDIR", folder)
      local there = window.file()
      window.setenv("TMPDIR", tmpdir)
      assert.is_nil(file)
      assert.matches("nowhere", err.message)
      assert.is_true(there:write "x")
      assert.same({}, names())
      there:free()
    end)

    it("with the permissions that the umask leaves", function()
      local mask = window.umask(tonumber("027", 8))
      local file = assert(window.file(folder))
      window.umask(mask)
      assert(file:commit("a", "refuse"))
      assert.equal(tonumber("640", 8), window.list(folder).a)
    end)

    it("nothing after the commit", function()
      local file = assert(window.file(folder))
      assert(file:write "x")
      assert(file:commit("a", "refuse"))
      local done, err = file:write "y"
      assert.is_nil(done)
      assert.equal("io", err.kind)
      assert.is_nil((file:truncate()))
      assert.is_nil((file:commit("b", "refuse")))
      assert.equal("x", file:read(0, 10))
      file:free()
      assert.same({ "a" }, names())
    end)
  end)

  describe("reads", function()
    it("what is written and what is only gathered, and both at once in two calls", function()
      local file = assert(window.file(folder))
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
      assert.is_true(contents(path "a") == text .. "e")
      assert.equal("bcde", file:read(GATHER, 100))
      file:free()
    end)

    it("nothing after it was emptied", function()
      local file = assert(window.file(folder))
      assert(file:write(("a"):rep(GATHER + 10)))
      assert.is_true(file:truncate())
      assert.equal(0, file:size())
      assert.equal("", file:read(0, 10))
      assert(file:write "new")
      assert(file:commit("a", "refuse"))
      file:free()
      assert.equal("new", contents(path "a"))
    end)
  end)

  describe("commits", function()
    local function committed(name, overwrite, text)
      local file = assert(window.file(folder))
      assert(file:write(text or "new"))
      local result, err = file:commit(name, overwrite)
      file:free()
      return result, err
    end

    it("over another file only when told to", function()
      put("a.png", "old")
      assert.equal(path "a-2.png", committed("a.png", "number"))
      assert.equal(path "a-3.png", committed("a.png", "number"))
      assert.equal("old", contents(path "a.png"))
      local name, err = committed("a.png", "refuse")
      assert.is_nil(name)
      assert.equal("io", err.kind)
      assert.matches("a.png\" is there already", err.message)
      assert.equal("old", contents(path "a.png"))
      assert.equal(path "a.png", committed("a.png", "replace"))
      assert.equal("new", contents(path "a.png"))
      assert.same({ "a-2.png", "a-3.png", "a.png" }, names())
    end)

    it("numbers before the last extension", function()
      for name, numbered in pairs {
        ["b"] = "b-2", ["c.tar.gz"] = "c.tar-2.gz", [".hidden"] = ".hidden-2", ["d."] = "d-2.",
      } do
        put(name, "old")
        assert.equal(path(numbered), committed(name, "number"))
      end
    end)

    it("not over links and folders, and follows no link", function()
      put("target", "old")
      window.symlink(path "target", path "link")
      window.symlink(path "nowhere", path "dangling")
      window.mkdir(path "folder")
      for _, name in ipairs { "link", "dangling", "folder" } do
        assert.equal(path(name .. "-2"), committed(name, "number"))
        assert.is_nil((committed(name, "refuse")))
      end
      assert.equal(path "link", committed("link", "replace"))
      assert.equal("old", contents(path "target"))
      local name, err = committed("folder", "replace")
      assert.is_nil(name)
      assert.equal("io", err.kind)
    end)

    it("refuses names that are none, and those that are too long", function()
      for _, name in ipairs { "", ".", "..", "a/b", "/a", ("x"):rep(256), ("x"):rep(5000) } do
        local result, err = committed(name, "number")
        assert.is_nil(result)
        assert.equal("io", err.kind)
      end
      local file = assert(window.file(folder))
      local result, err = file:commit("abc", "number", #folder + 4) -- no room for the path
      assert.is_nil(result)
      assert.equal("io", err.kind)
      assert.equal(path "abc", file:commit("abc", "number", #folder + 5))
      file:free()
    end)

    it("gives up numbering at 10,000", function()
      put("a", "")
      for i = 2, 9999 do put("a-" .. i, "") end
      assert.equal(path "a-10000", committed("a", "number"))
      local name, err = committed("a", "number")
      assert.is_nil(name)
      assert.matches("9999 numbered names after it are taken", err.message)
    end)

    it("notices that the folder was moved or removed", function()
      for _, how in ipairs { "moved", "removed", "another" } do
        window.mkdir(path "sub")
        local file = assert(window.file(path "sub"))
        assert.is_true(file:in_place())
        assert(file:write "kept")
        if how == "removed" then
          for name in pairs(window.list(path "sub")) do os.remove(path("sub/" .. name)) end
          window.rmdir(path "sub")
        else
          os.rename(path "sub", path "elsewhere")
          if how == "another" then window.mkdir(path "sub") end
        end
        assert.is_false(file:in_place())
        local name, err = file:commit("a", "number")
        assert.is_nil(name)
        assert.matches("is not where it was", err.message)
        assert.equal("kept", file:read(0, 10))
        file:free()
        for _, sub in ipairs { "sub", "elsewhere" } do
          if window.list(folder)[sub] then remove(path(sub)) end
        end
      end
    end)

    it("names relative folders as they were given", function()
      local fine, said = window.in_child(function()
        window.chdir(folder)
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
          put("a", "old")
          assert(committed("a", "number") == path "a-2")
          assert(not committed("a", "refuse"))
          assert(committed("b", "refuse") == path "b")
          assert(committed("a", "replace") == path "a")
          assert(contents(path "a-2") == "new" and contents(path "b") == "new")
          return table.concat(names(), " ")
        end)
        assert.is_true(fine, said)
        assert.equal("a a-2 b", said)
        for _, name in ipairs(names()) do os.remove(path(name)) end
      end
    end)
  end)

  it("is not removed by a child after fork", function()
    local file = assert(window.file(folder))
    assert(file:write "mine")
    assert.is_true((window.in_child(function() file:free() end)))
    assert.equal(path "a", file:commit("a", "refuse"))
    file:free()
    assert.equal("mine", contents(path "a"))
  end)

  it("says so when memory is short, and leaves nothing behind", function()
    for n = 1, 2 do
      window.fail_allocation(n)
      local file, err = window.file(folder)
      window.fail_allocation(0)
      assert.is_nil(file)
      assert.equal("no_memory", err.kind)
    end
    assert.same({}, names())
    local file = assert(window.file(folder))
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
