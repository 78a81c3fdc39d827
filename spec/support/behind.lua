-- SPDX-License-Identifier: MIT
-- A folder and a writer of the test window's, for files that are written behind: on a disk that
-- answers when it is told to (window.disk_hold), or fails (window.disk_fault).
--
--   local on = behind.begin()   -- before each case: on.folder, on.writer
--   on:finish()                 -- after each: no descriptor is left

local files = require "spec.support.files"
local luassert = require "luassert"
local window = require "gptimage.core_test"

---@class behind
---@field folder table
---@field writer table
---@field before integer  descriptors that were open when it began
local Behind = {}
Behind.__index = Behind

---@return behind
function Behind.begin()
  collectgarbage()
  local on = setmetatable({ before = window.open_fds() }, Behind)
  on.folder, on.writer = files.folder(), window.writer()
  return on
end

function Behind:finish()
  window.disk_hold(false)
  window.disk_fault()
  self.writer:free()
  self.folder:close()
  luassert.equal(self.before, window.open_fds())
end

return Behind
