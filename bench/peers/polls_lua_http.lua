-- SPDX-License-Identifier: MIT
-- lua-http on cqueues, lua-cjson. usage: polls_lua_http.lua COUNT POLLS BASE_URL
-- As polls.lua: COUNT tasks at once, each one POST and POLLS queries, a second apart. It keeps no
-- connections; so many at once as a descriptor limit of 1024 leaves.
local cjson = require "cjson"
local condition = require "cqueues.condition"
local cqueues = require "cqueues"
local http_request = require "http.request"
local rss = require "bench.support.rss"

local count, polls, base_url = tonumber(arg[1]), tonumber(arg[2]), arg[3]
local body = cjson.encode {
  model = "gpt-image-2-beta", prompt = ("a lighthouse "):rep(40):sub(1, 500), size = "16:9",
  resolution = "2K",
}
local free, freed = 200, condition.new()

local function call(path, post)
  while free == 0 do freed:wait() end
  free = free - 1
  local request = http_request.new_from_uri(base_url .. path)
  request.headers:upsert("authorization", "Bearer bench")
  if post then
    request.headers:upsert(":method", "POST")
    request.headers:upsert("content-type", "application/json")
    request:set_body(body)
  end
  local _, stream = assert(request:go(60))
  local text = assert(stream:get_body_as_string(60))
  stream:shutdown()
  free = free + 1
  freed:signal(1)
  return cjson.decode(text)
end

local done = 0
local function one()
  local task = call("/v1/images/generations", true)
  for _ = 1, polls do
    cqueues.sleep(1)
    task = call("/v1/tasks/" .. task.id)
  end
  assert(task.status == "completed")
  done = done + 1
end

local controller = cqueues.new()
local cpu, wall, memory = os.clock(), cqueues.monotime(), rss.now()
for _ = 1, count do controller:wrap(one) end
assert(controller:loop())
assert(done == count)
print(os.clock() - cpu, cqueues.monotime() - wall, rss.most() - memory)
