-- SPDX-License-Identifier: MIT
-- Who is measured: us, what users would pick instead, and what cannot be had for
-- less. Each has a function that gives its command, and says what it needs.
local output = require("bench.support.harness").output

local function python()
  for _, program in ipairs { "/usr/bin/python3", "python3" } do
    if output(program .. " -c 'import requests; print(1)'") == "1" then return program end
  end
end

return function()
  local here, lua = "bench/peers/", "lua5.4"
  local modules = os.getenv "GPTIMAGE_NPM" or ""
  local py = python()
  local function program(...)
    local head = { ... }
    return function(rounds, url, out, count)
      local words = table.move(head, 1, #head, 1, {})
      return table.move({ rounds, url, out, count }, 1, 4, #words + 1, words)
    end
  end
  local function version_of(interpreter, flag, code)
    return output(("%s %s '%s'"):format(interpreter, flag, code))
  end
  local peers = {
    {
      key = "ours", name = "gptimage", command = program(lua, here .. "ours.lua"),
      version = version_of(lua, "-e", 'print(require("gptimage").version)'),
    },
    {
      key = "openai", name = "openai (npm)",
      command = function(rounds, url, out, count)
        return { "node", here .. "openai.mjs", rounds, url, out, count, modules }
      end,
      version = version_of("node", "-p",
        ('require("%s/node_modules/openai/package.json").version'):format(modules)),
    },
    {
      key = "requests", name = "python3-requests", command = program(py, here .. "requests.py"),
      version = py and version_of(py, "-c", "import requests; print(requests.__version__)") or "",
    },
    {
      key = "pipeline", name = "curl, jq, base64", command = program("sh", here .. "pipeline.sh"),
      version = output "command -v curl split base64 >/dev/null && jq --version",
    },
    {
      key = "luasocket", name = "LuaSocket, cjson, mime",
      command = program(lua, here .. "luasocket.lua"),
      version = version_of(lua, "-e", 'require "mime" print(require("socket")._VERSION)'),
    },
    {
      key = "lua_http", name = "lua-http, cjson, mime",
      command = program(lua, here .. "lua_http.lua"),
      version = version_of(lua, "-e", 'require "mime" print(require("http.version").version)'),
    },
  }
  local there, missing = {}, {}
  for _, peer in ipairs(peers) do
    table.insert(peer.version ~= "" and there or missing, peer)
  end
  return there, missing
end
