-- SPDX-License-Identifier: MIT
-- Clients with a journal in a folder of their own, and journals written by hand:
--
--   local J = require("spec.support.journals").new(sandbox)   -- for one `it`
--   local client = J.open { max_requests = 3 }
--   J.put { J.intent("k"), J.done("k", link) }
--   J.close()                                                 -- clients, folder

local clients = require "spec.support.clients"
local files = require "spec.support.files"
local journal = require "gptimage.journal"

local M = {}

M.DAY = 24 * 3600

--- Small, and quick to draw.
function M.request(more)
  more = more or {}
  more.model, more.size = "gpt-image-2", "1024x1024"
  return clients.request(more)
end

function M.base64(more)
  more = more or {}
  more.response_format = "b64_json"
  return M.request(more)
end

--- What a report counts or lists, without what is 0 or empty.
function M.gist(report)
  local short = {}
  for name, value in pairs(report) do
    local count = type(value) == "table" and #value or value
    if count > 0 then short[name] = count end
  end
  return short
end

function M.new(sandbox)
  local J = { folder = files.folder() }
  local opened = {}

  function J.path(name) return J.folder:at(name or "jobs.jsonl") end

  function J.open(options, make)
    options = options or {}
    options.journal = options.journal or J.path()
    options.retry = { base = 0.02, cap = 0.1 }
    local client = (make or clients.starmagic)(sandbox, options)
    opened[#opened + 1] = client
    return client
  end

  function J.magick(options) return J.open(options, clients.magick) end

  function J.close()
    for _, client in ipairs(opened) do client:close() end
    J.folder:close()
  end

  --- The lines of a journal.
  function J.entries(name)
    local list = {}
    for entry in assert(journal.lines(J.path(name))) do list[#list + 1] = entry end
    return list
  end

  --- event -> how often, of one key or of all. Half of the last line is passed over: a client that
  --- writes it now is not done.
  function J.events(key)
    local counts, entries = {}, J.entries()
    for number, entry in ipairs(entries) do
      local under_way = number == #entries and entry.text
      if not under_way and (not key or entry.key == key) then
        counts[entry.event] = (counts[entry.event] or 0) + 1
      end
    end
    return counts
  end

  --- Adds lines to a journal that nobody has open.
  function J.put(lines, name)
    local file <close> = assert(io.open(J.path(name), "ab"))
    file:write(table.concat(lines, "\n"), "\n")
  end

  function J.intent(key, more)
    more = more or {}
    return ('{"event":"intent","key":"%s","time":%d,"v":1,"provider":"starmagic","base_url":"%s",'
      .. '"path":"/v1/images/generations"%s,"overwrite":"number","request":{"model":"m",'
      .. '"prompt":"a boat"}}'):format(key, more.time or os.time(), more.base_url
      or sandbox.starmagic, more.output and (',"output":"%s"'):format(more.output) or "")
  end

  function J.done(key, url, time)
    time = time or os.time()
    return ('{"event":"done","key":"%s","time":%d,"id":"t","images":[{"url":"%s",'
      .. '"expires_at":%d}]}'):format(key, time, url, time + M.DAY)
  end

  --- A link of the sandbox's to a picture.
  function J.link()
    local client <close> = clients.starmagic(sandbox)
    return assert(client:generate(M.request())).images[1].url
  end

  return J
end

return M
