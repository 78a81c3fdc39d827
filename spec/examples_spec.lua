-- SPDX-License-Identifier: MIT
-- Runs every file of examples/ as a user would, against the sandbox, and looks at what it prints
-- and leaves behind.

local files = require "spec.support.files"
local needs_descriptor = require "spec.support.needs_descriptor"
local program = require "spec.support.program"
local sandboxes = require "spec.support.sandbox"

describe("the example", function()
  local sandbox, tried

  setup(function()
    sandbox = sandboxes.start { latency = 0.3 }
    tried = {}
  end)

  teardown(function()
    sandbox:stop()
  end)

  before_each(function()
    sandbox:reset()
  end)

  local function run(name, folder, arguments, status, magick, files_url)
    tried[name] = true
    local result = program.run("examples/" .. name, {
      folder = folder.path, arguments = arguments,
      env = { GPTIMAGE_BASE_URL = magick and sandbox.magick or sandbox.starmagic,
        FILES_URL = files_url or sandbox.files, STARMAGIC_API_KEY = "sk-example",
        MAGICK_API_KEY = "sk-example" },
    })
    assert.equal(status or 0, result.status, result.output)
    assert.is_nil(result.output:find("sk-example", 1, true))
    return result.output
  end

  it("01_blocking saves a picture of the size it prints", function()
    local folder <close> = files.folder()
    local output = run("01_blocking.lua", folder)
    local name, width, height = output:match("^(%S+%.png): (%d+) x (%d+) pixels")
    assert.is_string(name, output)
    local w, h = program.png_size(folder.path .. "/" .. name)
    assert.same({ tonumber(width), tonumber(height) }, { w, h })
    assert.same({ name }, folder:files())
    assert.truthy(output:find("billed: yes", 1, true))
    assert.equal(1, sandbox:ledger().charged)
  end)

  it("02_coroutine runs its three tasks side by side", function()
    local folder <close> = files.folder()
    local output = run("02_coroutine.lua", folder)
    for _, name in ipairs { "cat", "harbour", "kite" } do
      assert.truthy(output:find(name .. ": " .. name .. "%-%S+%.png\n"), output)
    end
    assert.truthy(output:find("all done\n$"))
    assert.equal(3, #folder:files())
    local submitted, last = {}, nil
    for _, record in ipairs(sandbox:requests()) do
      if record.kind == "submit" then
        submitted[#submitted + 1] = record
      elseif record.kind == "download" then
        last = last or #submitted
      end
    end
    assert.equal(3, last, "all were submitted before the first was done")
  end)

  it("03_step_loop keeps its frames going", function()
    local folder <close> = files.folder()
    sandbox:fault { match = { kind = "submit" }, fault = { latency = 3 } } -- seen at work once
    local output = run("03_step_loop.lua", folder)
    assert.truthy(output:find("saved as tavern.png\n", 1, true), output)
    assert.truthy(output:find("%d+ %% %(%a+%)\n"), output)
    assert.truthy(output:find("the frames never stopped\n", 1, true))
    assert.same({ "tavern.png" }, folder:files())
  end)

  it("04_errors pays for what it got and for nothing else", function()
    sandbox:fault {
      match = { kind = "submit" }, fault = { fail = "content_policy_violation" } }
    local folder <close> = files.folder()
    local output = run("04_errors.lua", folder)
    assert.truthy(output:find("invalid: ", 1, true), output)
    assert.truthy(output:find("size = 1000x1000 breaks '%S+'; nearest: %S+"), output)
    assert.truthy(output:find("the service's code: content_policy_violation", 1, true), output)
    assert.truthy(output:find("timeout: still running after 0.05 s", 1, true), output)
    assert.truthy(output:find("then it was there: task%-unified%S+%.png, billed: yes"), output)
    assert.equal(1, #folder:files())
    local ledger = sandbox:ledger()
    assert.equal(2, ledger.accepted)
    assert.equal(1, ledger.charged)
  end)

  it("05_recover gets the picture of a run that crashed, without paying again", function()
    local folder <close> = files.folder()
    local output = run("05_recover.lua", folder, { "crash" }, 1)
    assert.truthy(output:find("0 still running, 0 to download, 0 finished\n", 1, true), output)
    assert.truthy(output:find("submitted, and now the power fails\n$"), output)
    output = run("05_recover.lua", folder)
    assert.truthy(output:find("^1 still running, 0 to download, 0 finished\n"), output)
    local name = output:match("recovered (%S+%.png), billed: yes\n")
    assert.is_string(program.png_size(folder.path .. "/" .. name) and name, output)
    output = run("05_recover.lua", folder)
    assert.equal("0 still running, 0 to download, 1 finished\n", output)
    assert.equal(1, sandbox:ledger().accepted)
  end)

  it("06_budget keeps its budget, also where it pays again for what failed", function()
    sandbox:fault {
      match = { kind = "submit" }, fault = { fail = "generation_timeout" } }
    local folder <close> = files.folder()
    local output = run("06_budget.lua", folder)
    assert.truthy(output:find("A harbour     quota: It would cost 2.5 credits, and 10 of the "
      .. "budget of 10", 1, true), output)
    assert.truthy(output:find("Spent 10.0 credits of 10.0\n", 1, true), output)
    assert.truthy(output:find("sent 5, paid 4, saved 4, given back 1, at risk 0", 1, true), output)
    assert.equal(4, #folder:files())
    local ledger = sandbox:ledger()
    assert.same({ 5, 4, 1, 10 },
      { ledger.accepted, ledger.charged, ledger.failed, ledger.credits.charged })
  end)

  it("07_edit edits a file and a link, on both services", function()
    for _, case in ipairs { { "starmagic", "generations", { "upload", "result" } },
      { "magick", "edits", { "part", "part" } } } do
      sandbox:reset()
      local folder <close> = files.folder()
      local output = run("07_edit.lua", folder, { case[1] }, 0, case[1] == "magick")
      assert.same({ "morning.png", "night.png" }, folder:files())
      assert.truthy(output:find("plan: /v1/images/" .. case[2] .. "\n", 1, true), output)
      assert.truthy(output:find("the edit: night.png, billed: yes\n$"), output)
      local submits = sandbox:requests { kind = "submit" }
      local sources = {}
      for i, reference in ipairs(submits[3].references) do sources[i] = reference.source end
      assert.same(case[3], sources)
      assert.equal(3, sandbox:ledger().charged)
    end
  end)

  it("07_edit pays nothing where the file could not be uploaded", function()
    local folder <close> = files.folder()
    local output = run("07_edit.lua", folder, {}, 1, false, "")
    assert.truthy(output:find("FILES_URL is not set", 1, true), output)
    assert.equal(0, #sandbox:requests())
  end)

  it("08_mask makes masks, looks at them and uses them", function()
    local folder <close> = files.folder()
    local output = run("08_mask.lua", folder, {}, 0, true)
    assert.same({ "around.png", "balloon.png", "dusk.png", "hills.png", "mask.png" },
      folder:files())
    local paint, keep = output:match("mask.png: 1024 x 1024, (%d+) pixels to paint, (%d+) to keep")
    assert.equal(1024 * 1024, tonumber(paint) + tonumber(keep))
    assert.truthy(output:find(("around.png: 1024 x 1024, %s pixels to paint, %s to keep"):format(
      keep, paint), 1, true), output)
    assert.truthy(output:find("nil\tinvalid: no pixel of the mask", 1, true), output)
    assert.truthy(output:find("made balloon.png\nmade dusk.png\n$"), output)
    local submits = sandbox:requests { kind = "submit" }
    assert.same({ "mask.png", "around.png" },
      { submits[2].mask.filename, submits[3].mask.filename })
    assert.equal(3, sandbox:ledger().charged)
  end)

  it("10_luv keeps its timers going and ends by itself", function()
    local folder <close> = files.folder()
    local output = run("10_luv.lua", folder)
    assert.truthy(output:find("a callback: lighthouse%-%S+%.png\n"), output)
    assert.truthy(output:find("a coroutine: fox.png\n", 1, true), output)
    local ticks = tonumber(output:match("by itself after (%d+) ticks\n$"))
    assert.truthy(ticks and ticks > 5, output)
    assert.equal(2, #folder:files())
    assert.equal(2, sandbox:ledger().charged)
  end)

  it("11_cqueues answers in the order of the requests, and races", function()
    local folder <close> = files.folder()
    local output = run("11_cqueues.lua", folder)
    for index, prompt in ipairs { "A red kite over a meadow", "A harbour at night",
      "An owl with spectacles" } do
      assert.truthy(output:find(("%s: picture-%d.png\n"):format(prompt, index), 1, true), output)
    end
    assert.truthy(output:find("the race: number [12]\n"), output)
    assert.truthy(tonumber(output:match("(%d+) heartbeats meanwhile\n$")) > 5, output)
    assert.same({ "picture-1.png", "picture-2.png", "picture-3.png" }, folder:files())
  end)

  it("12_poll serves its visitor while it waits, and does not spin", function()
    tried["12_poll.lua"] = true
    needs_descriptor(pending)
    local folder <close> = files.folder()
    local output = run("12_poll.lua", folder)
    assert.truthy(output:find("the visitor was told: welcome\n", 1, true), output)
    local name, rounds = output:match("\n(%S+%.png) after (%d+) rounds\n$")
    assert.same({ name }, folder:files())
    assert.truthy(tonumber(rounds) < 100, output)
  end)

  it("13_game shows its portraits without a slow frame", function()
    local folder <close> = files.folder()
    local output = run("13_game.lua", folder)
    for _, name in ipairs { "Ada", "Grace", "Hedy" } do
      assert.truthy(output:find(("frame %%d+ shows %s: %%d+ bytes\n"):format(name)), output)
    end
    assert.truthy(output:find("frames, the slowest step took %d+%.%d ms\n$"), output)
    assert.same({}, folder:files())
  end)

  it("14_soak drops no frame", function()
    local folder <close> = files.folder()
    local output = run("14_soak.lua", folder, { "24", "." })
    assert.truthy(output:find("^24 pictures, %d+%.%d MB, in %d+%.%d s\n"), output)
    assert.truthy(output:find("\nframes dropped: none\n$"), output)
    assert.equal(24, #folder:files())
    assert.equal(24, sandbox:ledger().charged)
  end)

  it("15_glib has its picture from GLib's main loop", function()
    tried["15_glib.lua"] = true
    if not package.searchpath("lgi", package.path) then
      pending("lgi is not installed for Lua 5.4 (luarocks --lua-version=5.4 install lgi)")
    end
    local folder <close> = files.folder()
    local output = run("15_glib.lua", folder)
    assert.truthy(tonumber(output:match("^lighthouse%.png\n(%d+) ticks meanwhile\n$")) > 5, output)
    assert.same({ "lighthouse.png" }, folder:files())
  end)

  it("demo, which make demo runs, shows both services and checks what it saved", function()
    tried["demo.lua"] = true
    local folder <close> = files.folder()
    local result = program.run("examples/demo.lua", { folder = folder.path })
    local output = result.output
    assert.equal(0, result.status, output)
    assert.truthy(output:find("2736 x 1536 pixels, tier 2K", 1, true), output)
    assert.truthy(output:find("1024 x 1024 pixels", 1, true))
    assert.truthy(output:find("一只橘猫坐在窗台上看夕阳,水彩画风格", 1, true))
    local progress = select(2, output:gsub("\n  progress ", ""))
    assert.truthy(progress >= 3, output)
    local checked = {}
    for path in output:gmatch("\n  saved +(%S+),") do
      checked[#checked + 1] = { program.png_size(folder.path .. "/" .. path) }
    end
    assert.same({ { 2736, 1536 }, { 1024, 1024 } }, checked)
  end)

  it("demo fails loudly where no sandbox can be started", function()
    local folder <close> = files.folder()
    local copy = folder.path .. "/examples"
    assert(os.execute("mkdir " .. copy .. " && cp examples/demo.lua " .. copy))
    local result = program.run(copy .. "/demo.lua", { folder = folder.path })
    assert.equal(1, result.status)
    assert.truthy(result.output:find("demo failed: the sandbox did not start", 1, true),
      result.output)
  end)

  it("is tried here, whichever it is", function()
    local pipe <close> = assert(io.popen("ls -1 examples/*.lua", "r"))
    for path in pipe:lines() do
      local name = path:match("[^/]+$")
      assert.is_true(tried[name], name .. " is not run by this spec")
    end
  end)
end)
