-- SPDX-License-Identifier: MIT
-- Journals as such, through the test window, in a folder of their own:
--
--   local J = require("spec.support.journal_window").new()   -- for one `it`
--   J.put "one\n"
--   local journal = J.open()
--   assert.same({ "one" }, J.texts(journal))
--   J.close()                                                -- journals, folder
--
-- A name that is left out is the journal's.

local files = require "spec.support.files"
local window = require "gptimage.core_test"

local M = {}

function M.new()
  local J = { folder = files.folder() }
  local opened = {}

  function J.path(name) return J.folder:at(name or "jobs.jsonl") end

  function J.read(name) return files.read(J.path(name)) end

  function J.put(text, name) return files.write(J.path(name), text) end

  ---Closes it in the end; returns it.
  function J.keep(journal)
    opened[#opened + 1] = journal
    return journal
  end

  function J.open(name) return J.keep(assert(window.journal(J.path(name)))) end

  ---What its lines say.
  function J.texts(journal)
    local list = {}
    for index, line in ipairs(assert(journal:read())) do list[index] = line.text end
    return list
  end

  function J.close()
    window.disk_fault()
    for _, journal in ipairs(opened) do journal:close() end
    J.folder:close()
  end

  return J
end

return M
