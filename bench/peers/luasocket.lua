-- SPDX-License-Identifier: MIT
-- LuaSocket, lua-cjson and LuaSocket's mime.
-- usage: luasocket.lua ROUNDS BASE_URL FOLDER COUNT
local http = require "socket.http"
local ltn12 = require "ltn12"
local mime = require "mime"
local cjson = require "cjson"
local socket = require "socket"

local rounds, base_url, folder, count = tonumber(arg[1]), arg[2], arg[3], tonumber(arg[4])

for number = 1, rounds do
  local paths = {}
  local began = socket.gettime()
  local body = cjson.encode { model = "gpt-image-2", prompt = "A lighthouse", n = count }
  local pieces = {}
  assert(http.request {
    url = base_url .. "/v1/images/generations", method = "POST",
    headers = { ["content-type"] = "application/json", ["content-length"] = #body },
    source = ltn12.source.string(body), sink = ltn12.sink.table(pieces),
  })
  for i, image in ipairs(cjson.decode(table.concat(pieces)).data) do
    local path = ("%s/luasocket-%d-%d.png"):format(folder, number, i)
    local file <close> = assert(io.open(path, "wb"))
    assert(file:write((mime.unb64(image.b64_json))))
    paths[i] = path
  end
  print(("%.3f"):format((socket.gettime() - began) * 1e3))
  if number < rounds then
    for _, path in ipairs(paths) do os.remove(path) end
  end
end
