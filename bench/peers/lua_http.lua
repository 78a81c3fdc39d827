-- SPDX-License-Identifier: MIT
-- lua-http on cqueues, lua-cjson and LuaSocket's mime.
-- usage: lua_http.lua ROUNDS BASE_URL FOLDER COUNT
local http_request = require "http.request"
local mime = require "mime"
local cjson = require "cjson"
local cqueues = require "cqueues"

local rounds, base_url, folder, count = tonumber(arg[1]), arg[2], arg[3], tonumber(arg[4])

for number = 1, rounds do
  local paths = {}
  local began = cqueues.monotime()
  local request = http_request.new_from_uri(base_url .. "/v1/images/generations")
  request.headers:upsert(":method", "POST")
  request.headers:upsert("content-type", "application/json")
  request:set_body(cjson.encode { model = "gpt-image-2", prompt = "A lighthouse", n = count })
  local _, stream = assert(request:go(60))
  local body = assert(stream:get_body_as_string(60))
  for i, image in ipairs(cjson.decode(body).data) do
    local path = ("%s/lua_http-%d-%d.png"):format(folder, number, i)
    local file <close> = assert(io.open(path, "wb"))
    assert(file:write((mime.unb64(image.b64_json))))
    paths[i] = path
  end
  print(("%.3f"):format((cqueues.monotime() - began) * 1e3))
  if number < rounds then
    for _, path in ipairs(paths) do os.remove(path) end
  end
end
