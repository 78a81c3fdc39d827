-- The rockspec lists each source and each module by hand, for LuaRocks can't
-- do otherwise; here the lists are compared with what is in src/, lua/ and bin/.
-- What is missing is printed as the line that is to be added.

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

local rockspec = {}
assert(loadfile(PATH, "t", rockspec))()

local core = rockspec.build.modules["gptimage.core"]
local listed = set_of(core.sources)
for _, source in ipairs(list "find src -name '*.c' ! -name 'lgim_window*'") do
  if not listed[source] then complain('missing in sources: "%s",', source) end
  listed[source] = nil
end
for source in pairs(listed) do complain("no such source: %s", source) end

local modules = {}
for name, path in pairs(rockspec.build.modules) do
  if path ~= core then modules[name] = path end
end
for _, path in ipairs(list "find lua -name '*.lua'") do
  local name = path:gsub("^lua/", ""):gsub("%.lua$", ""):gsub("/init$", ""):gsub("/", ".")
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

os.exit(complaints == 0)
