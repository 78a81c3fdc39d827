-- SPDX-License-Identifier: MIT
-- Runs examples/embed, an application in C that hosts Lua and steps a client from its own epoll,
-- against the sandbox.

local files = require "spec.support.files"
local program = require "spec.support.program"
local sandboxes = require "spec.support.sandbox"

-- Where `make embed` put it: beside the modules that this run tests.
local core = assert(package.searchpath("gptimage.core", package.cpath))
local host = core:gsub("[^/]+/[^/]+$", "embed/host")

describe("the application in C", function()
  local sandbox

  setup(function() sandbox = sandboxes.start { latency = 0.3 } end)
  teardown(function() sandbox:stop() end)

  local function run(script, folder)
    return program.run(script, { folder = folder.path, host = host,
      env = { GPTIMAGE_BASE_URL = sandbox.starmagic, STARMAGIC_API_KEY = "sk-embedded" } })
  end

  it("has its picture, and its own work done meanwhile", function()
    local folder <close> = files.folder()
    local result = run("examples/embed/picture.lua", folder)
    assert.equal(0, result.status, result.output)
    local ticks, steps = result.output:match(
      "^lighthouse%.png, billed: yes\nhost: (%d+) ticks of its own, (%d+) steps\n$")
    assert.is_string(ticks, result.output)
    assert.truthy(tonumber(ticks) >= 10, result.output)
    assert.truthy(tonumber(steps) < 1000, "it spins: " .. result.output)
    assert.same({ "lighthouse.png" }, folder:files())
    assert.is_number(program.png_size(folder.path .. "/lighthouse.png"))
    assert.equal(1, sandbox:ledger().charged)
  end)

  it("hears what goes wrong in Lua", function()
    local folder <close> = files.folder()
    for text, message in pairs {
      ["error 'no script'"] = "no script",
      ["return 5"] = "script.lua returns no client",
      [ [[local client = assert(require "gptimage".client {})
        client:spawn(error, "in a coroutine") return client]] ] = "in a coroutine",
    } do
      local path = folder.path .. "/script.lua"
      local file <close> = assert(io.open(path, "w"))
      file:write(text)
      file:close()
      local result = run(path, folder)
      assert.equal(1, result.status, result.output)
      assert.truthy(result.output:find(message, 1, true), result.output)
    end
  end)
end)
