-- SPDX-License-Identifier: MIT
-- Doxygen's filter: prints a header with its plain comments in the form that Doxygen reads.
-- Usage: header.lua FILE
-- The banner is about the file, a comment behind a declaration about that, any other about what
-- follows; what functions share, standing together under one comment, is said of each.

local file <close> = assert(io.open(arg[1]))
local text = file:read "a"

-- Comments are prose: nothing in them is a command, a tag or a link.
local function prose(comment)
  local body = comment:gsub("^/%*+%s?", ""):gsub("%s*%*+/$", "")
  body = ("\n" .. body):gsub("\n%s*%*%* ?", "\n"):gsub("^\n", "")
  body = body:gsub("[\\@<>&#%%]", "\\%0"):gsub("::", "\\::")
  return (body:gsub("`([%w_]+)`", "\\c %1"))
end

local out, at, shared = {}, 1, nil
local name = arg[1]:match "[^/]+$"
local banner = true
while at <= #text do
  local first, last = text:find("/%*.-%*/", at)
  local code = text:sub(at, (first or 0) - 1)
  -- A function behind a macro or a function, with no empty line between: the comment is for both.
  if shared then
    local block, rest = code:match "^(.-)(\n\n.*)$"
    local taken = (block or code):find "^\n#" ~= nil
    block = (block or code):gsub("(\n)([%a_][^\n]*%b()[^;{}]*;)", function(line, declaration)
      local again = taken and "/** " .. shared .. " */\n" or ""
      taken = true
      return line .. again .. declaration
    end)
    code, shared = block .. (rest or ""), nil
  end
  out[#out + 1] = code
  if not first then break end
  local comment = text:sub(first, last)
  local said = prose(comment)
  local behind = code:find "[;,{%w%)}][ \t]*$" and not code:find "\n%s*$"
  if comment:find("SPDX", 1, true) or said:find "^private:" or said:find "^%-%-%-" then
    out[#out + 1] = comment
  elseif banner and said:find(name:gsub("%p", "%%%0") .. " %- ") then
    banner = false
    out[#out + 1] = "/** @file\n" .. said:gsub("^.- %- ", "", 1) .. "\n*/"
  elseif behind then
    out[#out + 1] = "/**< " .. said .. " */"
  else
    shared = said
    out[#out + 1] = "/** " .. said .. " */"
  end
  at = last + 1
end
io.write(table.concat(out))
