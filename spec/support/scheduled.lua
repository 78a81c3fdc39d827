-- SPDX-License-Identifier: MIT
-- What the specs of the scheduler share: the Lua layer on a fake core, and short words for what
-- they do with it.
--
--   local scheduled = require "spec.support.scheduled"
--   local on = scheduled.begin()           -- fake, gptimage, wait
--   local client = on.client { on_error = ... }
--   client:submit(scheduled.request(5))    -- a task of five seconds
--   on.fake.restore()

local fake_core = require "spec.support.fake_core"

local M = {}

--- A request whose task takes `seconds` (nil: until the spec ends it) and ends well, or "fail"s.
function M.request(seconds, quality)
  return { model = "gpt-image-2", prompt = "x", size = seconds, quality = quality }
end

--- A host's own coroutine, driven by hand.
function M.host_coroutine(f)
  local co = coroutine.create(f)
  return function(...)
    local ok, value = coroutine.resume(co, ...)
    assert(ok, value)
    return value
  end, co
end

function M.begin()
  local fake = fake_core.new()
  local gptimage = fake.require "gptimage"
  local function client(more)
    local options = { api_key = "sk-secret" }
    for key, value in pairs(more or {}) do
      options[key] = value
    end
    return assert(gptimage.client(options))
  end
  return { fake = fake, gptimage = gptimage, wait = fake.require "gptimage.wait", client = client }
end

return M
