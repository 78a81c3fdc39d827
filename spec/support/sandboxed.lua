-- SPDX-License-Identifier: MIT
-- The sandbox of a spec, or of a block of it: started before its tests, reset before each of them,
-- stopped behind them.
--
--   local sandboxed = require "spec.support.sandboxed"
--   local at = sandboxed { latency = 0.2 }      -- options of spec.support.sandbox
--   ... at.sandbox:ledger(), at.client { … }, at.magick(), at.submits() ...
--   at.folder, at.output "{id}.png"             -- a folder for the test, if it asks for one

local busted = require "busted"
local clients = require "spec.support.clients"
local files = require "spec.support.files"
local sandboxes = require "spec.support.sandbox"

return function(options)
  local at = setmetatable({}, { __index = function(self, name)
    if name == "folder" then
      self.folder = files.folder()
      return self.folder
    end
  end })

  busted.setup(function() at.sandbox = sandboxes.start(options) end)
  busted.teardown(function() at.sandbox:stop() end)
  busted.before_each(function() at.sandbox:reset() end)
  busted.after_each(function()
    local folder = rawget(at, "folder")
    if folder then folder:close() end
    at.folder = nil
  end)

  ---Clients of its services, quick ones.
  function at.client(more) return clients.starmagic(at.sandbox, more) end
  function at.magick(more) return clients.magick(at.sandbox, more) end

  ---The paid requests that arrived.
  function at.submits() return at.sandbox:requests { kind = "submit" } end

  ---The path of a file in the folder; without a name a template.
  function at.output(name) return at.folder:at(name or "{id}-{index}.{format}") end

  return at
end
