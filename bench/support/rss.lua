-- SPDX-License-Identifier: MIT
-- Resident memory of this process, in MiB, as the kernel counts it.
local M = {}

local function status(name, file)
  for line in io.lines("/proc/self/" .. (file or "status")) do
    local kib = line:match("^" .. name .. ":%s+(%d+)")
    if kib then return tonumber(kib) / 1024 end
  end
end

--- What there is now.
function M.now() return status "VmRSS" end

--- Of it, what no other process could share: not the code of libraries.
function M.own() return status("Private_Dirty", "smaps_rollup") end

--- The most there was.
function M.most() return status "VmHWM" end

return M
