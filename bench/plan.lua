-- SPDX-License-Identifier: MIT
-- What it costs to check a request before it is paid for: gptimage.plan (rules,
-- pixels, price factor and body), beside lua-cjson writing the same fields, which
-- is the least that any client does. The two alternate; medians are shown.

local gptimage = require "gptimage"
local cjson = require "cjson"

local ROUNDS, CALLS = 15, 2000

local requests = {
  { "gpt-image-2-beta", { model = "gpt-image-2-beta", prompt = "A lighthouse in the morning",
    size = "16:9", resolution = "2K" } },
  { "gpt-image-2, long prompt", { model = "gpt-image-2", prompt = ("a lighthouse, "):rep(2000),
    size = "1536x1024", quality = "high" } },
}

local function median(values)
  table.sort(values)
  return values[(#values + 1) // 2]
end

-- Microseconds of processor time per call.
local function cost(call)
  collectgarbage()
  local began = os.clock()
  for _ = 1, CALLS do call() end
  return (os.clock() - began) / CALLS * 1e6
end

print(("%-26s %10s %10s %8s"):format("request", "plan us", "cjson us", "ratio"))
for _, case in ipairs(requests) do
  local name, request = table.unpack(case)
  assert(gptimage.plan(request))
  local plan, json = {}, {}
  for round = 1, ROUNDS do
    plan[round] = cost(function() return gptimage.plan(request) end)
    json[round] = cost(function() return cjson.encode(request) end)
  end
  local ours, theirs = median(plan), median(json)
  print(("%-26s %10.1f %10.1f %8.1f"):format(name, ours, theirs, ours / theirs))
end
