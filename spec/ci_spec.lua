-- SPDX-License-Identifier: MIT
-- Tests .ci/: a check that catches nothing is worse than none. Each spec breaks
-- one rule of the house, alone, and expects the complaint about it alone.

local files = require "spec.support.files"
local floors = dofile ".ci/floors.lua"

local LICENSE = "/* SPDX-License-Identifier: MIT */\n"

-- A header as it should be; what is not nil in `change` replaces a part of it.
local function header(name, floor, change)
  change = change or {}
  local guard = name:gsub("%.", "_")
  local parts = {
    change.license or LICENSE,
    change.banner or ("/*\n** %s - does one thing   [floor %s]\n*/\n"):format(name, floor),
    change.guard or ("#ifndef %s\n#define %s\n\n"):format(guard, guard),
    change.includes or "", "\n",
    change.push or "#pragma GCC visibility push(hidden)\n", "\n",
    change.body or "/* Does it. */\nvoid act(void);\n", "\n",
    change.pop or "#pragma GCC visibility pop\n", "\n",
    change.last or "#endif\n",
  }
  return table.concat(parts)
end

local function source(includes)
  return LICENSE .. includes
end

-- A house with one room on each of some floors, where all is well.
local function house(changes)
  local texts = {
    ["src/core/gim_base.h"] = header("gim_base.h", 0),
    ["src/core/gim_base.c"] = source '#include "gim_base.h"\n\n#include <string.h>\n',
    ["src/core/gim_json.h"] = header("gim_json.h", 2, { includes = '#include "gim_base.h"\n' }),
    ["src/core/gim_json.c"] = source '#include "gim_json.h"\n',
    ["src/core/gim_split.h"] = header("gim_split.h", 2, { includes = '#include "gim_base.h"\n' }),
    ["src/net/gim_net.h"] = header("gim_net.h", 6, { includes = '#include "gim_base.h"\n' }),
    ["src/net/gim_net.c"] = source '#include "gim_net.h"\n#include <curl/curl.h>\n',
    ["src/bind/lgim_error.h"] = header("lgim_error.h", 9, { includes = "#include <lua.h>\n" }),
    ["src/bind/lgim_window.c"] = LICENSE .. "/*\n** lgim_window.c - for specs   [floor 10]\n*/\n"
      .. '#include "lgim_error.h"\n',
    ["lua/gptimage.lua"] = "return {}\n",
  }
  for path, text in pairs(changes or {}) do texts[path] = text end
  return texts
end

local function complaints(changes)
  return floors(house(changes))
end

describe("floors.lua", function()
  it("has nothing to say about a house in order", function()
    assert.same({}, complaints())
  end)

  it("refuses an include from the same floor", function()
    assert.same({ 'src/core/gim_json.c: [floor 2] may not include "gim_split.h" [floor 2]' },
      complaints {
        ["src/core/gim_json.c"] = source '#include "gim_json.h"\n#include "gim_split.h"\n',
      })
  end)

  it("refuses an include from a higher floor, also in a header and with odd spaces", function()
    assert.same({ 'src/core/gim_base.h: [floor 0] may not include "gim_json.h" [floor 2]' },
      complaints { ["src/core/gim_base.h"] = header("gim_base.h", 0,
        { includes = '  #  include\t"gim_json.h"\n' }) })
  end)

  it("is not misled by an include in a comment", function()
    assert.same({}, complaints { ["src/core/gim_base.h"] = header("gim_base.h", 0,
      { includes = '/*\n#include "gim_json.h"\n*/\n' }) })
  end)

  it("keeps src/core from knowing src/net, whatever the floors say", function()
    assert.same({ 'src/core/gim_json.c: may not include "gim_wait.h": src/core/ knows nothing of '
      .. "src/net/" },
      complaints {
        ["src/net/gim_wait.h"] = header("gim_wait.h", 1),
        ["src/core/gim_json.c"] = source '#include "gim_json.h"\n#include "gim_wait.h"\n',
      })
  end)

  it("wants a .c file's own header first", function()
    assert.same({ 'src/core/gim_json.c: includes "gim_base.h" first, its own header "gim_json.h" '
      .. "must come first" },
      complaints {
        ["src/core/gim_json.c"] = source '#include "gim_base.h"\n#include "gim_json.h"\n',
      })
    assert.same({ 'src/core/gim_json.c: must include its own header "gim_json.h" first' },
      complaints { ["src/core/gim_json.c"] = source "static int one;\n" })
  end)

  it("lets the files of one header share it, and a private header of theirs", function()
    assert.same({}, complaints {
      ["src/net/gim_net_private.h"] = header("gim_net_private.h", 6,
        { includes = '#include "gim_net.h"\n' }),
      ["src/net/gim_net_pool.c"] = source '#include "gim_net_private.h"\n',
    })
  end)

  it("refuses an include that is no header of the house", function()
    assert.same({ 'src/core/gim_json.c: includes "gim_jsn.h", which is no header of src/' },
      complaints {
        ["src/core/gim_json.c"] = source '#include "gim_json.h"\n#include "gim_jsn.h"\n',
      })
  end)

  for name, home in pairs { ["curl/curl.h"] = "src/net/", ["curl/multi.h"] = "src/net/",
    ["lua.h"] = "src/bind/", ["lauxlib.h"] = "src/bind/", ["lualib.h"] = "src/bind/" } do
    it("keeps <" .. name .. "> in " .. home, function()
      assert.same({ ("src/core/gim_json.c: may not include <%s>, which stays in %s")
        :format(name, home) },
        complaints {
          ["src/core/gim_json.c"] = source('#include "gim_json.h"\n#include <' .. name .. ">\n"),
        })
    end)
  end

  it("lets src/mask see libpng, and its binding Lua, and nobody see src/mask", function()
    local mask = header("gim_mask.h", 8)
    assert.same({}, complaints {
      ["src/mask/gim_mask.h"] = mask,
      ["src/mask/gim_mask.c"] = source '#include "gim_mask.h"\n#include <png.h>\n',
      ["src/mask/lgim_mask.h"] = header("lgim_mask.h", 10, { includes = "#include <lua.h>\n" }),
      ["src/mask/lgim_mask.c"] = source '#include "lgim_mask.h"\n#include "lgim_error.h"\n',
    })
    assert.same({
      'src/bind/lgim_error.c: may not include "gim_mask.h": src/bind/ knows nothing of src/mask/',
      "src/core/gim_json.c: may not include <png.h>, which stays in src/mask/",
      "src/mask/gim_mask.c: may not include <lua.h>, which stays in src/bind/",
    }, complaints {
      ["src/mask/gim_mask.h"] = mask,
      ["src/mask/gim_mask.c"] = source '#include "gim_mask.h"\n#include <lua.h>\n',
      ["src/core/gim_json.c"] = source '#include "gim_json.h"\n#include <png.h>\n',
      ["src/bind/lgim_error.c"] = source '#include "lgim_error.h"\n#include "gim_mask.h"\n',
    })
  end)

  it("keeps libcurl's types out of the headers of src/net", function()
    assert.same({ "src/net/gim_net.h: may not include <curl/curl.h>: no header shows a type of "
      .. "libcurl" },
      complaints { ["src/net/gim_net.h"] = header("gim_net.h", 6,
        { includes = "#include <curl/curl.h>\n" }) })
  end)

  it("wants a floor in every header, and in a .c file that has none", function()
    assert.same({ "src/core/gim_split.h: its banner names no [floor N]" },
      complaints { ["src/core/gim_split.h"] = header("gim_split.h", 2,
        { banner = "/*\n** gim_split.h - does one thing\n*/\n" }) })
    assert.same({ "src/bind/lgim_core.c: its banner names no [floor N]" },
      complaints { ["src/bind/lgim_core.c"] = source "#include <lua.h>\n" })
  end)

  it("wants the floor to be one of the folder's", function()
    assert.same({ "src/core/gim_split.h: [floor 6] is not one of src/core/: 0 to 5" },
      complaints { ["src/core/gim_split.h"] = header("gim_split.h", 6) })
    assert.same({ "src/bind/lgim_window.c: [floor 9]: the test window lives on floor 10 or above" },
      complaints { ["src/bind/lgim_window.c"] = LICENSE
        .. "/*\n** lgim_window.c - for specs   [floor 9]\n*/\n#include <lua.h>\n" })
  end)

  it("wants the licence line and a banner with the file's name", function()
    assert.same({ "src/net/gim_net.c: the first line must be /* SPDX-License-Identifier: MIT */" },
      complaints { ["src/net/gim_net.c"] = '#include "gim_net.h"\n' })
    assert.same({ "src/core/gim_split.h: the second thing must be the banner "
      .. "'** gim_split.h - what it is'" },
      complaints { ["src/core/gim_split.h"] = header("gim_split.h", 2,
        { banner = "/*\n** gim_json.h - a copy   [floor 2]\n*/\n" }) })
  end)

  it("wants an include guard with the file's name around everything", function()
    local said = { "src/core/gim_split.h: no include guard gim_split_h around all of it" }
    assert.same(said, complaints { ["src/core/gim_split.h"] = header("gim_split.h", 2,
      { guard = "#ifndef gim_json_h\n#define gim_json_h\n\n" }) })
    assert.same(said, complaints { ["src/core/gim_split.h"] = header("gim_split.h", 2,
      { guard = "#include <stddef.h>\n#ifndef gim_split_h\n#define gim_split_h\n" }) })
  end)

  it("wants functions hidden behind the includes, and the rest of the world not", function()
    local said = { "src/core/gim_split.h: no '#pragma GCC visibility push(hidden)' behind the "
      .. "includes, with its pop before #endif" }
    for _, change in ipairs { { push = "" }, { pop = "" },
      { push = "#pragma GCC visibility push(hidden)\n#include <stddef.h>\n" } } do
      assert.same(said, complaints { ["src/core/gim_split.h"] = header("gim_split.h", 2, change) })
    end
    assert.same({}, complaints { ["src/core/gim_split.h"] = header("gim_split.h", 2,
      { push = "", pop = "", body = "#define GIM_ONE 1\n" }) })
  end)

  it("wants a word about each function", function()
    local function said(body)
      local found = complaints {
        ["src/core/gim_split.h"] = header("gim_split.h", 2, { body = body }),
      }
      for i, complaint in ipairs(found) do
        found[i] = complaint:match "^src/core/gim_split.h: nothing is said about ([%w_]+):"
      end
      return found
    end
    assert.same({ "act" }, said "void act(void);\n")
    assert.same({ "act" }, said "/* About something else. */\n\nvoid act(void);\n")
    assert.same({ "act" }, said "/* One number. */\nextern const int one;\n\nvoid act(void);\n")
    assert.same({ "halt" }, said "void act(void); /* Does it. */\nvoid halt(void);\n")
    assert.same({ "act" }, said("typedef struct room {\n  int x; /* one */\n} room;\n\n"
      .. "MUST_CHECK room *act(int n, /* how often */\n                     room *r);\n"))
    assert.same({}, said "/* Opens and closes. */\nvoid act(void);\nvoid halt(void);\n")
    assert.same({}, said("typedef int (*callback)(void *ud);\n\n"
      .. "/* Does it. */\nint act(callback c);\n"))
    assert.same({}, said "/* Does\n** it. */\n#define ONE 1\nint act(void); /* twice */\n")
  end)

  it("complains about a file over 450 lines, of whatever language", function()
    assert.same({}, complaints { ["lua/gptimage.lua"] = ("\n"):rep(450) })
    assert.same({ "lua/gptimage.lua: 451 lines, over 450: split it by idea" },
      complaints { ["lua/gptimage.lua"] = ("\n"):rep(451) })
  end)

  it("holds comments to the columns that .clang-format has for code, in characters", function()
    local function said(line)
      return complaints { [".clang-format"] = "IndentWidth: 2\nColumnLimit: 50\n",
        ["examples/embed/x.c"] = "int x;\n" .. line .. "\n" }
    end
    local comment = "/* " .. ("ä"):rep(44) .. " */"
    assert.same({}, said(comment))
    assert.same({ "examples/embed/x.c: line 2 has 51 columns, over 50" }, said(comment .. " "))
    assert.same({}, complaints { ["examples/embed/x.c"] = ("x"):rep(200) .. "\n" })
  end)

  it("counts no lines of what is no text", function()
    assert.same({}, complaints { ["examples/pictures/x.png"] = "\137PNG\0" .. ("\n"):rep(500) })
  end)
end)

-- A folder of this spec's own, and what a command printed and returned in it.
local folder

local function run(command, ...)
  -- A sanitizer that was loaded for our module has no business in a compiler.
  command = "unset LD_PRELOAD; " .. command:format(...)
  local pipe = assert(io.popen("{ " .. command .. "; } 2>&1"))
  local output = pipe:read "a"
  local ok, _, status = pipe:close()
  return output:gsub(folder.path:gsub("%p", "%%%0"), "F"), ok and 0 or status
end

local function new_folder() folder = files.folder() end
local function remove_folder() folder:close() end

describe("counts.lua", function()
  before_each(new_folder)
  after_each(remove_folder)

  local function counts(names)
    local paths = names:gsub("%a+", function(name) return files.quote(folder:at(name)) end)
    return run("lua5.4 .ci/counts.lua " .. paths)
  end

  it("adds up the runs", function()
    folder:write("plain", "passed 300\nfailed 0\nskipped 0\n")
    folder:write("asan", "passed 299\nfailed 0\nskipped 1\n")
    assert.same({ "300 passed, 0 failed\n", 0 }, { counts "plain" })
    assert.same({ "599 passed, 0 failed, 1 skipped\n", 0 }, { counts "plain asan" })
  end)

  it("fails when one test failed, also when 256 did", function()
    folder:write("plain", "passed 300\nfailed 256\nskipped 0\n")
    assert.same({ "300 passed, 256 failed\n", 1 }, { counts "plain" })
  end)

  it("fails when a run died or was none", function()
    folder:write("plain", "passed 300\nfailed 0\nskipped 0\n")
    folder:write("cut", "passed 3")
    assert.same({ "F/asan: no counts, the run did not reach its end\n300 passed, 1 failed\n", 1 },
      { counts "plain asan" })
    assert.same({ "F/cut: no counts, the run did not reach its end\n300 passed, 1 failed\n", 1 },
      { counts "cut plain" })
    assert.same({ "0 passed, 0 failed\n", 1 }, { counts "" })
  end)

  it("fails when no test ran", function()
    folder:write("plain", "passed 300\nfailed 0\nskipped 0\n")
    folder:write("none", "passed 0\nfailed 0\nskipped 0\n")
    assert.same({ "F/none: no test passed\n300 passed, 0 failed\n", 1 }, { counts "plain none" })
  end)
end)

describe("the looks at what was compiled", function()
  setup(new_folder)
  teardown(remove_folder)

  local function compile(name, text)
    folder:write(name .. ".c", text)
    local output, status = run("cd '%s' && cc -fPIC -c %s.c && cc -shared -o %s.so %s.o && "
      .. "rm -f %s.a && ar rcs %s.a %s.o", folder.path, name, name, name, name, name, name)
    assert.same({ "", 0 }, { output, status })
    return folder:at(name)
  end

  it("allow one exported name and not a second", function()
    local good = compile("good", "int luaopen_gptimage_core(void) { return 0; }\n")
    local bad = compile("bad", "int luaopen_gptimage_core(void) { return 0; }\nint gim_act;\n")
    local mask = compile("mask_core", "int luaopen_gptimage_mask_core(void) { return 0; }\n")
    assert.same({ "", 0 }, { run(".ci/exports.sh '%s.so'", mask) })
    local none = compile("none", "static int one;\nint *luaopen(void);\n")
    assert.same({ "", 0 }, { run(".ci/exports.sh '%s.so'", good) })
    assert.same({ "F/bad.so: exports must be luaopen_gptimage_core alone, but are:\n"
      .. "  gim_act\n  luaopen_gptimage_core\n", 1 },
      { run(".ci/exports.sh '%s.so' '%s.so'", good, bad) })
    assert.same({ "F/none.so: exports must be luaopen_gptimage_core alone, but are:\n"
      .. "  (none)\n", 1 },
      { run(".ci/exports.sh '%s.so'", none) })
  end)

  it("find what is static and can change, and let constants be", function()
    local constant = compile("constant", "static const char *const names[] = { \"a\", \"b\" };\n"
      .. "const char *name(int i) { return names[i]; }\n")
    assert.same({ "", 0 }, { run(".ci/objects.sh '%s.a'", constant) })
    local static = compile("static", "static int count;\nint next(void) { return ++count; }\n"
      .. "int step(void) { static _Thread_local int at = 1; return ++at; }\n")
    local output, status = run(".ci/objects.sh '%s.a'", static)
    assert.same(1, status)
    assert.truthy(output:find("static.o: count\n", 1, true))
    assert.truthy(output:find "static.o: at")
  end)

  it("find what a library may not call, also when it is fortified", function()
    local quiet = compile("quiet", "#include <stdio.h>\n#include <string.h>\n"
      .. "int act(char *to, int n) { return snprintf(to, 9, \"%d\", n) + (int)strlen(to); }\n")
    assert.same({ "", 0 }, { run(".ci/objects.sh '%s.a'", quiet) })
    local loud = compile("loud", "#include <stdio.h>\n#include <stdlib.h>\n"
      .. "int __printf_chk(int flag, const char *text, ...);\n"
      .. "void act(void) { __printf_chk(1, \"%d\", 1); fprintf(stderr, \"x%d\", 2); exit(1); }\n")
    local output, status = run(".ci/objects.sh '%s.a'", loud)
    assert.same(1, status)
    for _, name in ipairs { "printf", "fprintf", "stderr", "exit" } do
      assert.truthy(output:find("loud.o: " .. name .. "\n", 1, true), name)
    end
  end)
end)

describe("documented.lua", function()
  local read, check = dofile ".ci/docs/annotations.lua", dofile ".ci/documented.lua"
  local path

  before_each(function() path = os.tmpname() end)
  after_each(function() os.remove(path) end)

  local GOOD = [[
---@class house
---@field name string  on the door
local house = {}

---Lets somebody in.
---@param who string|"nobody"  by name
---@param times integer?
---@return room? room, string err  why not
function house.enter(who, times) end

---A room.
---
---With a door.
---@class room
local room = {}

---@alias house.state "open"|"shut"

---Shuts the door.
---@param f? fun(room: room, n: integer): any, string?  is called
---@return table<integer, room>? rooms  all of them,
---                      and more
function room:shut(f) end
]]

  local function parse(text)
    local file <close> = assert(io.open(path, "w"))
    file:write(text)
    file:close()
    return read(path)
  end

  it("reads what the language server reads", function()
    local classes, aliases = parse(GOOD)
    local room = classes[2]
    assert.same({ name = "name", type = "string", optional = false, text = "on the door" },
      classes[1].fields[1])
    local enter, shut = classes[1].functions[1], room.functions[1]
    assert.same({ { name = "who", type = 'string|"nobody"', optional = false, text = "by name" },
      { name = "times", type = "integer", optional = true } }, enter.params)
    assert.same({ { type = "room?", name = "room" },
      { type = "string", name = "err", text = "why not" } }, enter.returns)
    assert.equal("A room.\n\nWith a door.", room.text)
    assert.same({ name = "f", type = "fun(room: room, n: integer): any, string", optional = true,
      text = "is called" }, shut.params[1])
    assert.same({ type = "table<integer, room>?", name = "rooms",
      text = "all of them, and more" }, shut.returns[1])
    assert.is_true(shut.method)
    assert.same({ "house.state", '"open"|"shut"' }, { aliases[1].name, aliases[1].type })
  end)

  it("has nothing to say where everything is documented", function()
    local function exists() end
    assert.same({}, check(parse("---What it is.\n" .. GOOD),
      { house = { enter = exists, _private = exists, number = 5 }, room = { shut = exists } }))
  end)

  it("names what is not", function()
    local function broken(line, by)
      local from, to = GOOD:find(line, 1, true)
      local text = "---What it is.\n" .. GOOD:sub(1, from - 1) .. by .. GOOD:sub(to + 1)
      local found = check(parse(text), {})
      assert.equal(1, #found, table.concat(found, "\n"))
      return found[1]:sub(#path + 2)
    end
    assert.equal("10: nothing is said about enter", broken("---Lets somebody in.", ""))
    assert.equal("12: nothing is said about room",
      broken("---A room.\n---\n---With a door.\n", ""))
    assert.equal("9: argument times of enter has no @param",
      broken("---@param times integer?\n", ""))
    assert.equal("10: enter has no argument times", broken("(who, times)", "(who)"))
    assert.same({ "room.open is not documented" },
      check(parse("---What it is.\n" .. GOOD), { room = { open = print } }))
  end)
end)
