-- SPDX-License-Identifier: MIT
-- Files that were sent to the sandbox, on disk: one temporary file without a name, cut into blocks.
--
-- Many uploads write to it at once and no memory grows with them; nothing of it is left behind,
-- however the sandbox ends. A blob can be asked for `#blob` and `blob:sub(first, last)` like a
-- string, and gives its blocks back when nobody holds it any more.

local M = {}

local BLOCK = 64 * 1024
local COLLECT_BLOCKS = 1024 -- so many new ones, and dropped blobs are looked for

local blob_methods = {}
local blob_mt = { __name = "sandbox.blob", __index = blob_methods }

local spool_methods = {}
local spool_mt = { __name = "sandbox.spool", __index = spool_methods }

function M.new()
  return setmetatable({ free = {}, blocks = 0, collected_at = 0 }, spool_mt)
end

-- The number of a block that nobody uses.
local function take(self)
  if #self.free == 0 and self.blocks - self.collected_at >= COLLECT_BLOCKS then
    collectgarbage() -- Lua sees small tables where there are megabytes on disk
    self.collected_at = self.blocks
  end
  if #self.free > 0 then
    return table.remove(self.free)
  end
  self.blocks = self.blocks + 1
  return self.blocks - 1
end

---An empty blob.
function spool_methods:open()
  if not self.file then
    self.file = assert(io.tmpfile())
    self.file:setvbuf("full", BLOCK)
  end
  return setmetatable({ spool = self, blocks = {}, stored = 0, tail = "" }, blob_mt)
end

---A blob of these bytes.
function spool_methods:keep(bytes)
  local blob = self:open()
  blob:write(bytes)
  return blob
end

---Appends bytes.
function blob_methods:write(bytes)
  local spool = self.spool
  local tail = self.tail .. bytes
  local at = 1
  while #tail - at + 1 >= BLOCK do
    local block = take(spool)
    assert(spool.file:seek("set", block * BLOCK))
    assert(spool.file:write(tail:sub(at, at + BLOCK - 1)))
    table.insert(self.blocks, block)
    self.stored = self.stored + BLOCK
    at = at + BLOCK
  end
  self.tail = tail:sub(at)
end

function blob_mt:__len()
  return self.stored + #self.tail
end

---Bytes `first` to `last`, as string.sub counts them; negative ones count from the end.
function blob_methods:sub(first, last)
  local size = #self
  last = last or -1
  first = first < 0 and math.max(1, size + 1 + first) or math.max(1, first)
  last = last < 0 and size + 1 + last or math.min(last, size)
  local pieces = {}
  local file = self.spool.file
  while first <= last and first <= self.stored do
    local index = (first - 1) // BLOCK
    local offset = (first - 1) % BLOCK
    local n = math.min(BLOCK - offset, last - first + 1)
    assert(file:seek("set", self.blocks[index + 1] * BLOCK + offset))
    pieces[#pieces + 1] = assert(file:read(n))
    first = first + n
  end
  if first <= last then
    pieces[#pieces + 1] = self.tail:sub(first - self.stored, last - self.stored)
  end
  return table.concat(pieces)
end

function blob_mt:__gc()
  table.move(self.blocks, 1, #self.blocks, #self.spool.free + 1, self.spool.free)
end

return M
