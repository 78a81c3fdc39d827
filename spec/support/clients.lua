-- SPDX-License-Identifier: MIT
-- Clients of a sandbox, quick ones, and the plainest request.

local gptimage = require "gptimage"

local M = {}

--- The key that they use: no output of anything may hold it.
M.KEY = "sk-very-secret-5f1a"

local function merged(fields, more)
  for key, value in pairs(more or {}) do
    fields[key] = value
  end
  return fields
end

--- A client of the sandbox's task service that asks more often than the real ones like it.
function M.starmagic(sandbox, more)
  return assert(gptimage.client(merged({
    base_url = sandbox.starmagic, api_key = M.KEY,
    poll = { first = 0.05, min = 0.05, max = 0.1 },
  }, more)))
end

--- A client of the sandbox's synchronous service.
function M.magick(sandbox, more)
  return M.starmagic(sandbox, merged({ provider = "magick", base_url = sandbox.magick }, more))
end

--- What a client says in its log: give it `log.write`, read `log.events` and `log.found`.
function M.new_log()
  local log = { events = {} }
  function log.write(event) log.events[#log.events + 1] = event end
  --- Those of one kind; of these the ones whose message has `pattern`.
  function log.found(event, pattern)
    local found = {}
    for _, line in ipairs(log.events) do
      if line.event == event and line.message:find(pattern or "") then found[#found + 1] = line end
    end
    return found
  end
  return log
end

--- Options of a client that tries again soon and writes into `log`.
function M.impatient(log, more)
  return merged({ retry = { base = 0.02, cap = 0.2 }, log = log.write }, more)
end

--- A plain request.
function M.request(more)
  return merged({ model = "gpt-image-2-beta", prompt = "a small boat", size = "1:1" }, more)
end

return M
