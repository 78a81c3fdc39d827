-- SPDX-License-Identifier: MIT
-- Tests src/net/gim_final.c through the test window: names that are no file's to take. That files
-- take, number and refuse names is in gim_file_spec.lua.
local files = require "spec.support.files"
local window = require "gptimage.core_test"

describe("the policy replace", function()
  local folder

  before_each(function() folder = files.folder() end)
  after_each(function() folder:close() end)

  local function replaced(name)
    local file = assert(window.file(folder.path))
    assert(file:write "new")
    local where, err = file:commit(name, "replace")
    file:free()
    return where, err
  end

  it("takes the place of a file, and of a link itself", function()
    for _, name in ipairs { "file", "target" } do folder:write(name, "old") end
    window.symlink("target", folder:at "link")
    window.symlink("nowhere", folder:at "dangling")
    for _, name in ipairs { "file", "link", "dangling" } do
      assert.equal(folder:at(name), replaced(name))
      assert.equal("new", folder:read(name))
    end
    assert.equal("old", folder:read "target")
    assert.same({ "dangling", "file", "link", "target" }, folder:files())
  end)

  it("leaves alone what is no file, and links to that", function()
    window.mkdir(folder:at "folder")
    folder:shell "mkfifo pipe"
    window.symlink(folder:at "pipe", folder:at "to pipe")
    window.symlink("folder", folder:at "to folder")
    for name, kind in pairs {
      folder = "folder", pipe = "FIFO", ["to pipe"] = "FIFO", ["to folder"] = "folder",
    } do
      local where, err = replaced(name)
      assert.is_nil(where, name)
      assert.equal("io", err.kind)
      assert.equal(('"%s" is a %s: only files are replaced'):format(folder:at(name), kind),
        err.message)
    end
    assert.same({ "folder", "pipe", "to folder", "to pipe" }, folder:files())
  end)
end)
