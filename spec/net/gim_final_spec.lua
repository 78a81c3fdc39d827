-- SPDX-License-Identifier: MIT
-- Tests src/net/gim_final.c through the test window: names that are no file's to take. That files
-- take, number and refuse names is in gim_file_spec.lua.
local program = require "spec.support.program"
local window = require "gptimage.core_test"

describe("the policy replace", function()
  local folder

  before_each(function() folder = program.folder() end)
  after_each(function() folder:close() end)

  local function path(name) return folder.path .. "/" .. name end

  local function replaced(name)
    local file = assert(window.file(folder.path))
    assert(file:write "new")
    local where, err = file:commit(name, "replace")
    file:free()
    return where, err
  end

  local function read(name)
    local file <close> = assert(io.open(path(name), "rb"))
    return file:read "a"
  end

  it("takes the place of a file, and of a link itself", function()
    for _, name in ipairs { "file", "target" } do
      local file <close> = assert(io.open(path(name), "wb"))
      file:write "old"
    end
    window.symlink("target", path "link")
    window.symlink("nowhere", path "dangling")
    for _, name in ipairs { "file", "link", "dangling" } do
      assert.equal(path(name), replaced(name))
      assert.equal("new", read(name))
    end
    assert.equal("old", read "target")
    assert.same({ "dangling", "file", "link", "target" }, folder:files())
  end)

  it("leaves alone what is no file, and links to that", function()
    window.mkdir(path "folder")
    assert(os.execute("mkfifo '" .. path "pipe" .. "'"))
    window.symlink(path "pipe", path "to pipe")
    window.symlink("folder", path "to folder")
    for name, kind in pairs {
      folder = "folder", pipe = "FIFO", ["to pipe"] = "FIFO", ["to folder"] = "folder",
    } do
      local where, err = replaced(name)
      assert.is_nil(where, name)
      assert.equal("io", err.kind)
      assert.equal(('"%s" is a %s: only files are replaced'):format(path(name), kind), err.message)
    end
    assert.same({ "folder", "pipe", "to folder", "to pipe" }, folder:files())
  end)
end)
