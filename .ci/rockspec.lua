-- SPDX-License-Identifier: MIT
-- A rockspec names each source and each module; here the lists are compared with
-- what is in src/, lua/ and bin/. `rockspec.lua --write` (make rockspec) writes
-- the lists of sources and modules anew.

local PATH = "gptimage-scm-1.rockspec"
local complaints = 0

local function complain(...)
  complaints = complaints + 1
  io.stderr:write(PATH, ": ", string.format(...), "\n")
end

local function list(command)
  local found = {}
  local output <close> = assert(io.popen(command))
  for line in output:lines() do found[#found + 1] = line end
  table.sort(found)
  return found
end

local function set_of(values)
  local set = {}
  for _, value in ipairs(values) do
    if set[value] then complain("%s is listed twice", value) end
    set[value] = true
  end
  return set
end

local sources = list "find src -name '*.c' ! -name 'lgim_window*' ! -path 'src/mask/*'"
local lua_files = list "find lua -name '*.lua'"

local function module_name(path)
  return (path:gsub("^lua/", ""):gsub("%.lua$", ""):gsub("/init$", ""):gsub("/", "."))
end

local function rewrite()
  local input <close> = assert(io.open(PATH))
  local text = input:read "a"
  local lines = {}
  for _, source in ipairs(sources) do
    lines[#lines + 1] = ('        "%s",\n'):format(source)
  end
  local head, tail = text:match "^(.-\n      sources = {\n).-(      },\n.*)$"
  text = head .. table.concat(lines) .. tail
  lines = {}
  for _, path in ipairs(lua_files) do
    lines[#lines + 1] = ('    ["%s"] = "%s",\n'):format(module_name(path), path)
  end
  -- The module in C comes first and ends with the first brace of its depth.
  head, tail = text:match '^(.-\n    %["gptimage%.core"%] = {\n.-\n    },\n).-(  },\n  install.*)$'
  local output <close> = assert(io.open(PATH, "w"))
  output:write(head, table.concat(lines), tail)
end

if arg[1] == "--write" then rewrite() end

local rockspec = {}
assert(loadfile(PATH, "t", rockspec))()

local core = rockspec.build.modules["gptimage.core"]
local listed = set_of(core.sources)
for _, source in ipairs(sources) do
  if not listed[source] then complain('missing in sources: "%s",', source) end
  listed[source] = nil
end
for source in pairs(listed) do complain("no such source: %s", source) end

local modules = {}
for name, path in pairs(rockspec.build.modules) do
  if path ~= core then modules[name] = path end
end
for _, path in ipairs(lua_files) do
  local name = module_name(path)
  if modules[name] ~= path then complain('missing in modules: ["%s"] = "%s",', name, path) end
  modules[name] = nil
end
for name in pairs(modules) do complain("no such module: %s", name) end

local programs = {}
for name, path in pairs(rockspec.build.install.bin) do programs[path] = name end
for _, path in ipairs(list "find bin -type f") do
  if programs[path] ~= path:match "[^/]+$" then complain("missing in install.bin: %s", path) end
  programs[path] = nil
end
for path in pairs(programs) do complain("no such program: %s", path) end

-- The module for masks has a rockspec of its own; of the house's other sources it
-- lists those that it uses, as src/mask/mask.mk does.
local mask = {}
assert(loadfile("gptimage-mask-scm-1.rockspec", "t", mask))()
local mask_sources = set_of(mask.build.modules["gptimage.mask_core"].sources)
local makefile <close> = assert(io.open("src/mask/mask.mk"))
local wanted = list "find src/mask -name '*.c' ! -name 'lgim_window*'"
for source in makefile:read "a":gmatch "src/[%w_/]+%.c" do wanted[#wanted + 1] = source end
for _, source in ipairs(wanted) do
  if not mask_sources[source] then complain('missing in gptimage-mask: "%s",', source) end
  mask_sources[source] = nil
end
for source in pairs(mask_sources) do complain("not a source of gptimage-mask: %s", source) end

if complaints > 0 then io.stderr:write("`make rockspec` writes the lists anew\n") end
os.exit(complaints == 0)
