-- SPDX-License-Identifier: MIT
-- What a program does under a limit on the size of its files (`ulimit -f`): for the spec of
-- gim_file_limit. `file_limit.lua CASE` prints "fine", or says what was wrong. The signal that goes
-- with the limit (SIGXFSZ) would end it: nothing here is told to live on.

local files = require "spec.support.files"
local gptimage = require "gptimage"
local services = require "spec.support.service"

local LARGE = services.picture(1500001, 2048, 2048)

local folder <close> = files.folder()
local path, journal = folder.path .. "/a.png", folder.path .. "/jobs.jsonl"

-- What the system says of SIGXFSZ, here: pending, blocked, ignored, caught.
local function signal()
  local found = {}
  local status = files.read "/proc/thread-self/status"
  for _, name in ipairs { "SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt" } do
    local set = tonumber(status:match(name .. ":%s*(%x+)"), 16)
    found[#found + 1] = ("%s %d"):format(name, set >> 24 & 1)
  end
  return table.concat(found, ", ")
end

local function start()
  return services.start {
    submit = function(conn) conn:reply(services.base64_reply(LARGE)) end,
  }
end

local function request()
  return services.request { model = "gpt-image-2", output = path }
end

local cases = {}

-- The picture is larger than a file may be: what is paid stays within reach.
local function picture(budget)
  local service <close> = start()
  local client <close> = service:client { provider = "magick" }
  local task = assert(client:submit(request()))
  while not task:done() do
    client:step(budget and 0 or 0.01, budget)
    service.server:step()
  end
  local result, err = task:wait()
  assert(result == nil and err.kind == "io" and err.billed == "yes", err)
  assert(err.message:find("File too large", 1, true), err)
  local image = err.result.images[1]
  assert(image:data() == LARGE)
  local saved, again = image:save(folder.path .. "/b.png")
  assert(saved == nil and again.kind == "io", again)
  assert(io.open(path) == nil, "half a picture")
end

function cases.picture() picture() end

function cases.behind() picture(0.001) end

-- The journal does not take the intent: nothing is sent.
function cases.journal()
  local service <close> = start()
  local client <close> = service:client { provider = "magick", journal = journal }
  local result, err = service:finish(assert(client:submit(request())))
  assert(result == nil and err.kind == "io" and err.billed == "no", err)
  assert(#service.posts == 0)
end

-- One whose last line is torn gets its end when it is opened, and one with much that is over is
-- written anew: by whoever opens it.
function cases.open(name)
  local client, err = gptimage.client { journal = name, api_key = "k" }
  assert(client == nil and err.kind == "io", err)
end

-- The limit is the host's affair where the host writes.
function cases.host()
  local file = assert(io.open(path, "wb"))
  file:write(LARGE)
  file:close()
end

local before = signal()
cases[arg[1]](arg[2])
assert(before == signal(), signal())
print "fine"
