-- SPDX-License-Identifier: MIT
-- Files, and folders of a spec's own that go with all that is in them:
--
--   local folder <close> = files.folder()
--   local path = folder:write("a.png", bytes)       -- folder:at "a.png"
--   assert.equal(bytes, folder:read "a.png")
--   assert.same({ "a.png" }, folder:files())

local lfs = require "lfs"

local M = {}

---A word as the shell wants it.
function M.quote(word)
  return "'" .. tostring(word):gsub("'", "'\\''") .. "'"
end

---All that stands in a file.
---@return string
function M.read(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read "a"
end

---Bytes that this process has read so far, from files and sockets.
---@return integer
function M.bytes_read()
  return math.tointeger(M.read("/proc/self/io"):match "rchar: (%d+)")
end

---Writes a file, over what was there.
---@return string path
function M.write(path, bytes)
  local file <close> = assert(io.open(path, "wb"))
  assert(file:write(bytes))
  return path
end

---The names in a folder, sorted.
---@return string[]
function M.names(path)
  local names = {}
  for name in lfs.dir(path) do
    if name ~= "." and name ~= ".." then
      names[#names + 1] = name
    end
  end
  table.sort(names)
  return names
end

---Removes a file, or a folder and all that is in it.
function M.remove(path)
  assert(os.execute("rm -rf -- " .. M.quote(path)))
end

local methods = {}
local metatable = { __index = methods, __close = function(self) self:close() end }

---The path of a name in it.
function methods:at(name) return self.path .. "/" .. name end

function methods:read(name) return M.read(self:at(name)) end

---@return string path
function methods:write(name, bytes) return M.write(self:at(name), bytes) end

---Names of the files in it, sorted.
function methods:files() return M.names(self.path) end

---Runs a command of the shell in it.
function methods:shell(command)
  assert(os.execute("cd " .. M.quote(self.path) .. " && " .. command))
end

---Removes it and all that is in it. Idempotent.
function methods:close()
  if self.path then
    M.remove(self.path)
    self.path = nil
  end
end

---A new empty folder; its path is `path`.
function M.folder()
  local pipe <close> = assert(io.popen("mktemp -d", "r"))
  return setmetatable({ path = assert(pipe:read "l", "no temporary folder") }, metatable)
end

return M
