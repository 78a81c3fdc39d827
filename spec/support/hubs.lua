-- SPDX-License-Identifier: MIT
-- Hubs with a journal in a folder of their own, through the test window: for the specs of
-- gim_archive, gim_scribe and gim_recover.
--
--   local H = require("spec.support.hubs").new()       -- for one `it`
--   local hub = H.open()
--   H.put { H.intent "k", '{"event":"closed","key":"k"}' }   -- while no hub has it open
--   H.lines()                                          -- what stands in the journal
--   H.close()

local files = require "spec.support.files"
local journal = require "gptimage.journal"
local lfs = require "lfs"
local window = require "gptimage.core_test"

local M = {}

M.EACCES, M.EIO, M.ENOSPC = 13, 5, 28
M.BASE = "https://pictures.example"

function M.new()
  local H = { folder = files.folder() }
  local hubs = {}

  function H.path(name) return H.folder:at(name or "jobs.jsonl") end

  ---The folder beside the journal, or a file in it.
  function H.beside(name) return H.path "jobs.jsonl.d" .. (name and "/" .. name or "") end

  ---@return table? hub, table? err
  function H.try()
    local hub, err = window.hub { journal = H.path(), base_url = M.BASE }
    hubs[#hubs + 1] = hub
    return hub, err
  end

  function H.open() return assert(H.try()) end

  ---Closes it for good, so that the journal can be opened again.
  function H.shut(hub, ...)
    for _, scribe in ipairs { ... } do scribe:free() end
    hub:close()
  end

  function H.close()
    window.disk_fault()
    window.fail_allocation(0)
    hubs = nil
    collectgarbage()
    collectgarbage()
    H.folder:close()
  end

  ---A file in the folder beside the journal.
  function H.arrive(name, text)
    window.mkdir(H.beside())
    return files.write(H.beside(name), text or "picture")
  end

  ---Names in the folder beside the journal; nil: there is none.
  function H.files()
    return lfs.attributes(H.beside(), "mode") == "directory" and files.names(H.beside()) or nil
  end

  function H.put(lines)
    local file <close> = assert(io.open(H.path(), "ab"))
    file:write(table.concat(lines, "\n"), "\n")
  end

  function H.intent(key, more)
    return ('{"event":"intent","key":"%s","time":7,"v":1,"base_url":"%s","path":"/v1",%s'
      .. '"request":{"model":"m","prompt":"a boat"}}'):format(key, M.BASE, more or "")
  end

  ---The lines of the journal, as tables.
  function H.entries()
    local list = {}
    for entry in assert(journal.lines(H.path())) do list[#list + 1] = entry end
    return list
  end

  ---The events in it, in order, as one text.
  function H.events()
    local list = {}
    for i, entry in ipairs(H.entries()) do list[i] = entry.event or "?" end
    return table.concat(list, " ")
  end

  return H
end

return M
