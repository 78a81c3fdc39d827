-- SPDX-License-Identifier: MIT
-- Tests lua/gptimage/masking.lua: the look at a mask before a request is judged.

local files = require "spec.support.files"
local masking = require "gptimage.masking"
local pictures = require "spec.support.pictures"
local program = require "spec.support.program"

local drawn = pictures.drawn

if not pcall(require, "gptimage.mask_core") then
  describe("a look at masks", function()
    pending("needs libpng: gptimage.mask_core was not built")
  end)
  return
end

describe("a look at a request's mask", function()
  local folder
  setup(function() folder = files.folder() end)
  teardown(function() folder:close() end)

  it("tells what is wrong with its pixels, in a file and in memory", function()
    for rows, fault in pairs { ["##\n##"] = "opaque", [".."] = "transparent",
      ["+."] = "transparent", ["++"] = "transparent", [".#"] = false, ["+#"] = false,
      ["#+.\n###"] = false } do
      local bytes = drawn(rows)
      local path = files.write(folder.path .. "/m.png", bytes)
      for _, mask in ipairs { path, { data = bytes }, { data = bytes, name = "m.png" } } do
        assert.equal(fault or nil, masking.fault { mask = mask }, rows)
      end
    end
    local half = drawn(("##\n"):rep(40)):sub(1, -100)
    assert.equal("damaged", masking.fault { mask = { data = half } })
  end)

  it("leaves to others what is no mask that can be opened", function()
    local path = files.write(folder.path .. "/a.jpg", pictures.jpeg(3, 3))
    for _, request in ipairs { {}, { mask = "" }, { mask = folder.path .. "/none.png" },
      { mask = folder.path }, { mask = "https://example.com/m.png" }, { mask = "HTTP://x/m.png" },
      { mask = 7 }, { mask = {} }, { mask = { data = 7 } }, { mask = "a\0b" } } do
      assert.is_nil(masking.fault(request))
    end
    assert.is_nil(masking.fault(nil))
    assert.is_nil(masking.fault("x"))
    -- Its header says so already: gim_source names that instead.
    assert.equal("damaged", masking.fault { mask = path })
  end)

  it("does nothing where strict is false", function()
    local mask = { data = drawn "##" }
    assert.equal("opaque", masking.fault { mask = mask, strict = true })
    assert.is_nil(masking.fault { mask = mask, strict = false })
  end)

  it("needs the module that decodes PNGs, and does without", function()
    files.write(folder.path .. "/x.lua", [[
      package.preload["gptimage.mask_core"] = function() error("no libpng here") end
      local gptimage = require "gptimage"
      local data = io.open(arg[1], "rb"):read("a")
      print(gptimage.plan({ model = "gpt-image-2", prompt = "x", images = { { data = data } },
        mask = { data = data } }, { provider = "magick" }).endpoint)]])
    local path = files.write(folder.path .. "/opaque.png", drawn "##")
    local run = program.run(folder.path .. "/x.lua", { arguments = { path } })
    assert.equal("/v1/images/edits\n", run.output)
  end)
end)
