-- SPDX-License-Identifier: MIT
-- Tests what makes a source tree usable where it stands: `make env`, and bin/gptimage by any way.
local files = require "spec.support.files"
local program = require "spec.support.program"

local function output_of(command)
  local pipe = assert(io.popen(command .. " 2>&1", "r"))
  local output = pipe:read "a"
  return output, select(3, pipe:close())
end

describe("make env", function()
  it("wins over what the shell says about Lua 5.4", function()
    local root = files.quote(program.root)
    local output, status = output_of("cd " .. root .. [[ && unset MAKEFLAGS MAKELEVEL LUA_INIT &&
      export LUA_PATH_5_4='/nowhere/?.lua' LUA_CPATH_5_4='/nowhere/?.so' &&
      eval "$(make -s env)" && lua5.4 -e 'print(package.path) print(package.cpath)']])
    assert.equal(0, status, output)
    assert.equal(program.root .. "/lua/?.lua;", output:sub(1, #program.root + 11))
    assert.is_nil(output:find("/nowhere", 1, true))
  end)
end)

describe("bin/gptimage", function()
  local folder

  before_each(function() folder = files.folder() end)
  after_each(function() folder:close() end)

  -- As a user's shell has it: nothing is installed, but for what this run was given.
  local function run(command)
    return output_of("cd " .. files.quote(folder.path) .. " && exec env -u LUA_PATH_5_4 LUA_PATH="
      .. files.quote("/usr/share/lua/5.4/?.lua;/usr/share/lua/5.4/?/init.lua;"
        .. "/usr/share/lua/5.1/?.lua;/usr/share/lua/5.1/?/init.lua") .. " " .. command)
  end

  it("finds the library by any path, and through a link to it", function()
    assert(os.execute(("ln -s %s/bin/gptimage %s && ln -s link %s"):format(
      files.quote(program.root), files.quote(folder.path .. "/link"),
      files.quote(folder.path .. "/it's a link"))))
    for _, path in ipairs { program.root .. "/bin/gptimage", "./link", "link", "./it's a link" } do
      local output, status = run("lua5.4 " .. files.quote(path) .. " --help")
      assert.equal(0, status, output)
      assert.truthy(output:find("sandbox", 1, true), output)
    end
  end)

  it("says what is missing where nothing was built yet", function()
    assert(os.execute(("cd %s && mkdir bin && cp %s/bin/gptimage bin && ln -s %s/lua lua"):format(
      files.quote(folder.path), files.quote(program.root), files.quote(program.root))))
    local output, status = run "LUA_CPATH='./?.so' lua5.4 bin/gptimage -V"
    assert.equal(1, status)
    assert.equal("gptimage: its module in C is neither installed nor built: `make build`\n", output)
  end)

  it("says what is missing where there is no library", function()
    local source, copy = program.root .. "/bin/gptimage", folder.path .. "/copy"
    assert(os.execute(("cp %s %s"):format(files.quote(source), files.quote(copy))))
    local output, status = run "lua5.4 ./copy --help"
    assert.equal(1, status)
    assert.equal("gptimage: the library is neither installed nor beside ./copy\n", output)
  end)
end)
