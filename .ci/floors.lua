-- SPDX-License-Identifier: MIT
-- Keeps the house in order: who may include whom, and what every C file owes
-- its reader. `lua5.4 .ci/floors.lua` reads the tree in the current folder and
-- fails with one line for each complaint; loaded with dofile it gives
-- check(files), for spec/ci_spec.lua.

local LINES_MAX = 450

-- The floors of each folder, and the folders it may include from. The test window
-- lives on floor 10 or above. src/mask/ is a module of its own: nobody includes it.
local FOLDER = {
  ["src/core/"] = { first = 0, last = 5, sees = { ["src/core/"] = true } },
  ["src/net/"] = { first = 1, last = 11, sees = { ["src/core/"] = true, ["src/net/"] = true } },
  ["src/bind/"] = { first = 9, last = 15,
    sees = { ["src/core/"] = true, ["src/net/"] = true, ["src/bind/"] = true } },
  ["src/mask/"] = { first = 7, last = 15,
    sees = { ["src/core/"] = true, ["src/net/"] = true, ["src/bind/"] = true,
      ["src/mask/"] = true } },
}

-- System headers that belong to one folder.
local ONLY = {
  ["^curl/"] = "src/net/",
  ["^lua%.h$"] = "src/bind/",
  ["^lauxlib%.h$"] = "src/bind/",
  ["^lualib%.h$"] = "src/bind/",
  ["^png%.h$"] = "src/mask/",
}

-- Files of src/mask/ with this beginning are its binding to Lua.
local MASK_BINDING = "^src/mask/lgim_"

local function base_name(path)
  return path:match "[^/]+$"
end

local function folder_of(path)
  return path:match "^src/%w+/"
end

-- The banner: the first block comment behind the licence line.
local function banner_of(text)
  return text:match "^/%* SPDX[^\n]*%*/\n(/%*\n.-%*/)"
end

local function floor_of(text)
  local banner = banner_of(text)
  return banner and tonumber(banner:match "%[floor (%d+)%]")
end

-- The header whose promises a .c file keeps: the one of its name, or, where
-- one header has several .c files, the longest name before an underscore:
-- gim_net_pool.c belongs to gim_net_pool.h or else to gim_net.h.
local function own_header(path, headers)
  local stem = path:gsub("%.c$", "")
  while true do
    if headers[stem .. ".h"] then return stem .. ".h" end
    local shorter = stem:match "^(.+)_[^_/]*$"
    if not shorter or not base_name(shorter):find "_" then return nil end
    stem = shorter
  end
end

local function includes_of(text)
  local found = {}
  -- A commented-out include is not one; string literals hold none.
  for line in (text:gsub("/%*.-%*/", "") .. "\n"):gmatch "(.-)\n" do
    local quote, name = line:match '^%s*#%s*include%s*([<"])([^>"]+)[>"]'
    if name then found[#found + 1] = { own = quote == '"', name = name } end
  end
  return found
end

-- Cuts a header into comments, directives and declarations, in order. Each
-- is {kind=, text=, first=, last=} with its first and last line number.
local function pieces_of(text)
  local pieces, at, line = {}, 1, 1
  local function take(kind, to)
    local piece = text:sub(at, to)
    local _, breaks = piece:gsub("\n", "")
    pieces[#pieces + 1] = { kind = kind, text = piece, first = line, last = line + breaks }
    at, line = to + 1, line + breaks
  end
  while true do
    local gap = text:match("^%s*", at)
    line = line + select(2, gap:gsub("\n", ""))
    at = at + #gap
    if at > #text then return pieces end
    if text:find("^/%*", at) then
      take("comment", select(2, text:find("%*/", at + 2)) or #text)
    elseif text:find("^#", at) then
      local stop = at
      repeat
        stop = (text:find("\n", stop + 1, true) or #text + 1)
      until text:sub(stop - 1, stop - 1) ~= "\\" or stop > #text
      take("directive", stop - 1)
    else
      -- To the `;` outside of braces; comments inside are skipped.
      local depth, i = 0, at
      while i <= #text do
        local c = text:sub(i, i)
        if text:find("^/%*", i) then
          i = select(2, text:find("%*/", i + 2)) or #text
        elseif c == "{" then
          depth = depth + 1
        elseif c == "}" then
          depth = depth - 1
        elseif c == ";" and depth == 0 then
          break
        end
        i = i + 1
      end
      take("declaration", math.min(i, #text))
    end
  end
end

local function function_name(declaration)
  local text = declaration:gsub("/%*.-%*/", " ")
  if text:find "^%s*typedef" or text:find "[{=]" then return nil end
  return text:match "([%a_][%w_]*)%s*%("
end

-- LuaRocks compiles without -fvisibility=hidden. What a system header declares
-- must stay visible, so the pragma stands behind the includes and is popped.
local function hides_its_functions(text)
  local behind = text:gsub("/%*.-%*/", ""):match "^.*\n#%s*include[^\n]*\n(.*)$" or text
  return behind:find("#pragma GCC visibility push(hidden)", 1, true)
    and behind:find "\n#pragma GCC visibility pop%s+#endif%s*$"
end

-- A function is told about by the comment right above it, by one that ends
-- its line, or by the comment above the functions it stands with (no empty
-- line between them: _init and _free, say).
local function functions_of(text)
  local all, untold, pieces, told = {}, {}, pieces_of(text), false
  for i, piece in ipairs(pieces) do
    local before, after = pieces[i - 1], pieces[i + 1]
    if not before or piece.first > before.last + 1 then told = false end
    if piece.kind == "comment" then
      -- What stands behind a declaration tells about that one alone.
      told = not (before and before.kind == "declaration" and before.last == piece.first)
    elseif piece.kind == "declaration" then
      local behind = after and after.kind == "comment" and after.first == piece.last
      local name = function_name(piece.text)
      if name then all[#all + 1] = name end
      if name and not told and not behind then untold[#untold + 1] = name end
    end
  end
  return all, untold
end

-- files: path -> text. Gives a sorted list of complaints, empty when all is well.
local function check(files)
  local complaints, headers, floors = {}, {}, {}
  -- clang-format breaks code, and leaves comments as they are. Lua is luacheck's.
  local columns = tonumber((files[".clang-format"] or ""):match "ColumnLimit: (%d+)")
  local function complain(path, ...)
    complaints[#complaints + 1] = path .. ": " .. string.format(...)
  end

  local function check_columns(path, text, most)
    local number = 0
    for line in text:gmatch "([^\n]*)\n" do
      number = number + 1
      local width = utf8.len(line) or #line
      if width > most then
        complain(path, "line %d has %d columns, over %d", number, width, most)
      end
    end
  end

  local by_name = {}
  for path, text in pairs(files) do
    local _, lines = text:gsub("\n", "")
    local is_text = not text:find("\0", 1, true) -- pictures have no lines
    if is_text and lines > LINES_MAX then
      complain(path, "%d lines, over %d: split it by idea", lines, LINES_MAX)
    end
    if columns and path:find "%.[ch]$" then check_columns(path, text, columns) end
    if path:find "^src/.*%.h$" then
      headers[path] = true
      floors[path] = floor_of(text)
      by_name[base_name(path)] = path
    end
  end

  -- What belongs to one header may meet on its floor: its .c files, and private
  -- headers (gim_net_private.h) beside the public one.
  local function family(path)
    if path:find "%.c$" then return own_header(path, headers) end
    return own_header(path:gsub("_[^_/]*%.h$", ".c"), headers)
  end

  local function check_banner(path, text, is_header)
    if not text:find "^/%* SPDX%-License%-Identifier: MIT %*/\n" then
      complain(path, "the first line must be /* SPDX-License-Identifier: MIT */")
    end
    local banner = banner_of(text)
    if is_header and not (banner and banner:sub(1, 90):find(
        "^/%*\n%*%* " .. base_name(path):gsub("%p", "%%%0") .. " %- ")) then
      complain(path, "the second thing must be the banner '** %s - what it is'", base_name(path))
    end
  end

  local function check_guard(path, text)
    local guard = base_name(path):gsub("%.", "_")
    local code = text:gsub("/%*.-%*/", "")
    if not code:find("^%s*#ifndef " .. guard .. "\n#define " .. guard .. "\n")
      or not code:find "#endif%s*$" then
      complain(path, "no include guard %s around all of it", guard)
    end
  end

  local function check_includes(path, text, mine, own)
    local folder = folder_of(path)
    for i, include in ipairs(includes_of(text)) do
      local target = include.own and by_name[include.name]
      local related = target and own and (target == own or family(target) == own)
      if i == 1 and own and not related then
        complain(path, 'includes "%s" first, its own header "%s" must come first',
          include.name, base_name(own))
      end
      if include.own then
        if not target then
          complain(path, 'includes "%s", which is no header of src/', include.name)
        elseif FOLDER[folder] and not FOLDER[folder].sees[folder_of(target)] then
          complain(path, 'may not include "%s": %s knows nothing of %s', include.name, folder,
            folder_of(target))
        elseif not related and target ~= family(path) and mine
          and not (floors[target] and floors[target] < mine) then
          complain(path, '[floor %d] may not include "%s" [floor %s]', mine, include.name,
            floors[target] or "unknown")
        end
      else
        for pattern, home in pairs(ONLY) do
          local bound = home == "src/bind/" and path:find(MASK_BINDING)
          if include.name:find(pattern) and folder ~= home and not bound then
            complain(path, "may not include <%s>, which stays in %s", include.name, home)
          end
        end
        if include.name:find "^curl/" and path:find "%.h$" and folder == "src/net/" then
          complain(path, "may not include <%s>: no header shows a type of libcurl", include.name)
        end
      end
    end
    if own and #includes_of(text) == 0 then
      complain(path, 'must include its own header "%s" first', base_name(own))
    end
  end

  for path, text in pairs(files) do
    local is_header = path:find "^src/.*%.h$"
    if is_header or path:find "^src/.*%.c$" then
      local own = not is_header and own_header(path, headers) or nil
      local mine = floor_of(text) or own and floors[own]
      check_banner(path, text, is_header)
      local folder = FOLDER[folder_of(path) or ""]
      if not folder then
        complain(path, "is in no folder that has floors")
      elseif not mine then
        -- A header without a floor is complained about once, not again by its .c.
        if not own then complain(path, "its banner names no [floor N]") end
      elseif mine < folder.first or mine > folder.last then
        complain(path, "[floor %d] is not one of %s: %d to %d", mine, folder_of(path),
          folder.first, folder.last)
      elseif base_name(path):find "^lgim_window" and mine < 10 then
        complain(path, "[floor %d]: the test window lives on floor 10 or above", mine)
      end
      check_includes(path, text, mine, own)
      if is_header then
        check_guard(path, text)
        local all, untold = functions_of(text)
        if #all > 0 and not hides_its_functions(text) then
          complain(path, "no '#pragma GCC visibility push(hidden)' behind the includes, "
            .. "with its pop before #endif")
        end
        for _, name in ipairs(untold) do
          complain(path, "nothing is said about %s: the comment goes above it", name)
        end
      end
    end
  end
  table.sort(complaints)
  return complaints
end

local function read_tree()
  local files = {}
  local list = assert(io.popen("find src lua spec examples bench bin .ci -type f "
    .. "! -path 'spec/data/*' ! -name '*.o' 2>/dev/null"))
  for path in list:lines() do
    local file <close> = assert(io.open(path, "rb"))
    files[path] = file:read "a"
  end
  list:close()
  local file <close> = assert(io.open ".clang-format")
  files[".clang-format"] = file:read "a"
  return files
end

if arg and arg[0] and arg[0]:find "floors%.lua$" then
  local files = read_tree()
  if not next(files) then
    io.stderr:write("floors.lua: there are no files here, is this the project's folder?\n")
    os.exit(1)
  end
  local complaints = check(files)
  for _, complaint in ipairs(complaints) do io.stderr:write(complaint, "\n") end
  os.exit(#complaints == 0)
end

return check
