-- SPDX-License-Identifier: MIT
-- What a power failure may leave of a folder. window.disk_trace writes down every call that changes
-- it; this replays the calls and makes of them the disks that are allowed afterwards:
--
--   local disk = power.disk(folder)                 -- what is there now is safe
--   for _, call in ipairs(power.calls(trace)) do
--     disk:apply(call)
--     local image = disk:image(power.lost)          -- path -> bytes, or false for a folder
--     power.put(folder, image)                      -- and there it is
--   end
--
-- The rules are POSIX's, which promise least: bytes of a file are safe when they were in it at the
-- beginning of an fsync (fdatasync) of it that has succeeded. A name in a folder is made, moved or
-- removed for good by an fsync of that folder; the file's own fsync says nothing of its name, and
-- the folder's nothing of the names above it. Everything else may be lost or kept, each for itself
-- and in any order; but a rename or link takes place as a whole, or not at all.

local window = require "gptimage.core_test"

local M = {}

-- -------- the trace --------

local function int(text)
  return math.tointeger(tonumber(text))
end

---The calls in the file `path`, up to the last that is whole.
---@return table[] calls  what, number, path, other, data, and `at`: where it ends in the file
function M.calls(path)
  local file <close> = assert(io.open(path, "rb"))
  local text = file:read("a")
  local calls, at = {}, 1
  while true do
    local what, number, path_n, other_n, data_n, from = text:match(
      "^(%l+) (%-?%d+) (%d+) (%d+) (%d+)\n()", at)
    if not what then return calls end
    local first, second, third = int(path_n), int(other_n), int(data_n)
    local to = from + first + second + third
    if to - 1 > #text then return calls end
    calls[#calls + 1] = {
      what = what, number = int(number), path = text:sub(from, from + first - 1),
      other = text:sub(from + first, from + first + second - 1),
      data = text:sub(from + first + second, to - 1), at = to - 1,
    }
    at = to
  end
end

-- -------- the disk --------

-- A file is {now =, safe =} in bytes. A folder is {now =, safe =}, tables of what lies in it by
-- name, and `changes`: what was done to names since `safe`, in order.

local Disk = {}
Disk.__index = Disk

local function folder_node()
  return { folder = true, now = {}, safe = {}, changes = {} }
end

local function copy(map)
  local made = {}
  for name, node in pairs(map) do made[name] = node end
  return made
end

local function is_folder(path)
  local file <close> = io.open(path .. "/.", "rb")
  return file ~= nil
end

local function load(path)
  local node = folder_node()
  for name in pairs(window.list(path)) do
    if is_folder(path .. "/" .. name) then
      node.now[name] = load(path .. "/" .. name)
    else
      local file <close> = assert(io.open(path .. "/" .. name, "rb"))
      local bytes = file:read("a")
      node.now[name] = { now = bytes, safe = bytes }
    end
  end
  node.safe = copy(node.now)
  return node
end

---The folder `root` as it is now, all of it safe.
function M.disk(root)
  return setmetatable({ root = root, top = load(root), syncs = {} }, Disk)
end

-- The folder that a path lies in and its name there; the top has neither.
local function locate(self, path)
  local node, last = self.top, nil
  for name in path:sub(#self.root + 1):gmatch "[^/]+" do
    if last then node = node and node.now[last] end
    last = name
  end
  return node, last
end

-- nil: it has no name any more, or none of ours.
local function find(self, path)
  local folder, name = locate(self, path)
  if not name then return folder end
  return folder and folder.now and folder.now[name]
end

-- `made` is name -> node; false removes the name. All at once, or not at all.
local function change(folder, made)
  folder.changes[#folder.changes + 1] = made
  for name, node in pairs(made) do folder.now[name] = node or nil end
end

local does = {}

function does.create(self, call)
  local folder, name = locate(self, call.path)
  change(folder, { [name] = { now = "", safe = "" } })
end

function does.mkdir(self, call)
  local folder, name = locate(self, call.path)
  change(folder, { [name] = folder_node() })
end

function does.unlink(self, call)
  local folder, name = locate(self, call.path)
  change(folder, { [name] = false })
end

does.rmdir = does.unlink

function does.link(self, call)
  local folder, name = locate(self, call.other)
  change(folder, { [name] = find(self, call.path) })
end

function does.rename(self, call)
  local from, old = locate(self, call.path)
  local to, new = locate(self, call.other)
  assert(from == to, "a rename from folder to folder is not provided for")
  change(to, { [old] = false, [new] = from.now[old] })
end

function does.append(self, call)
  local file = find(self, call.path)
  if file then file.now = file.now .. call.data end
end

function does.write(self, call)
  local file = find(self, call.path)
  if not file then return end
  local before = file.now:sub(1, call.number)
  before = before .. ("\0"):rep(call.number - #before)
  file.now = before .. call.data .. file.now:sub(call.number + #call.data + 1)
end

function does.truncate(self, call)
  local file = find(self, call.path)
  if not file then return end
  file.now = file.now:sub(1, call.number) .. ("\0"):rep(call.number - #file.now)
end

-- One folder or file is synced by one thread at a time.
function does.sync(self, call)
  local node = find(self, call.path)
  if node and node.folder then
    self.syncs[call.number] = { node = node, now = copy(node.now), changes = #node.changes }
  elseif node then
    self.syncs[call.number] = { node = node, now = node.now }
  end
end

function does.synced(self, call)
  local sync = self.syncs[call.number]
  if not sync then return end
  self.syncs[call.number] = nil
  local node = sync.node
  node.safe = sync.now
  if node.folder then
    node.changes = table.move(node.changes, sync.changes + 1, #node.changes, 1, {})
  end
end

---Does one call of a trace.
function Disk:apply(call)
  does[call.what](self, call)
end

-- -------- after the failure --------

-- Which changes of names are kept, and what of a file's bytes.

---Nothing is left but what is safe.
M.lost = { name = function() return false end, bytes = function(file) return file.safe end }

---All names, and no bytes: as file systems do that keep a log of names alone.
M.names = { name = function() return true end, bytes = M.lost.bytes }

local function zeros(file)
  return file.safe .. ("\0"):rep(#file.now - #file.safe)
end

---All names and sizes, and zeros for the bytes.
M.zeros = { name = M.names.name, bytes = zeros }

---Names that were removed are, all else is lost.
M.removed = {
  name = function(made)
    for _, node in pairs(made) do
      if node then return false end
    end
    return true
  end,
  bytes = M.lost.bytes,
}

---All bytes, and no names.
M.bytes = { name = M.lost.name, bytes = function(file) return file.now end }

---Everything: as if the process alone had died.
M.kept = { name = M.names.name, bytes = M.bytes.bytes }

---Each change of a name and each file for itself, by lot.
---@param random {below: fun(self, most: integer): integer}
function M.lot(random)
  local shares = random:below(3)
  return {
    name = function() return random:below(4) > shares end,
    bytes = function(file)
      local way = random:below(5)
      if way == 1 then return file.safe end
      if way == 2 then return zeros(file) end
      if way == 3 and #file.now > #file.safe then
        return file.now:sub(1, #file.safe + random:below(#file.now - #file.safe))
      end
      return file.now
    end,
  }
end

local function collect(node, path, policy, image)
  local names = copy(node.safe)
  for _, made in ipairs(node.changes) do
    if policy.name(made) then
      for name, what in pairs(made) do names[name] = what or nil end
    end
  end
  local sorted = {}
  for name in pairs(names) do sorted[#sorted + 1] = name end
  table.sort(sorted) -- lots are drawn in the same order each time
  for _, name in ipairs(sorted) do
    local inner = path .. "/" .. name
    if names[name].folder then
      image[inner] = false
      collect(names[name], inner, policy, image)
    else
      image[inner] = policy.bytes(names[name])
    end
  end
end

---What is there after the failure: path below the root ("/a/b") -> bytes, or false for a folder.
function Disk:image(policy)
  local image = {}
  collect(self.top, "", policy, image)
  return image
end

---One text for one image, to know those that were seen.
function M.digest(image)
  local parts = {}
  for path, bytes in pairs(image) do
    parts[#parts + 1] = ("%s\0%s\0"):format(path, bytes and #bytes .. "\0" .. bytes or "")
  end
  table.sort(parts)
  return table.concat(parts)
end

local function clear(path)
  for name in pairs(window.list(path)) do
    local inner = path .. "/" .. name
    if is_folder(inner) then clear(inner) end
    assert(os.remove(inner))
  end
end

---Makes the folder `root` what the image says.
function M.put(root, image)
  local paths = {}
  for path in pairs(image) do paths[#paths + 1] = path end
  table.sort(paths) -- a folder before what lies in it
  clear(root)
  for _, path in ipairs(paths) do
    if image[path] == false then
      assert(window.mkdir(root .. path, 448)) -- 0700
    else
      local file <close> = assert(io.open(root .. path, "wb"))
      file:write(image[path])
    end
  end
end

return M
