-- SPDX-License-Identifier: MIT
-- Tests src/bind/lgim_models.c: how the rows of gim_model reach Lua. What the rows say is in
-- gim_model_spec, the cells of sizes are in plan_spec.
local core = require "gptimage.core"

local RATIOS = { "1:1", "3:2", "2:3", "4:3", "3:4", "5:4", "4:5", "16:9", "9:16", "21:9", "9:21",
  "2:1", "1:2", "3:1", "1:3" }

local function model(provider, name)
  for _, row in ipairs(core.models(provider)) do
    if row.name == name then return row end
  end
end

describe("core.models", function()
  it("goes through the providers in order, or gives one alone", function()
    local all = {}
    for i, row in ipairs(core.models()) do all[i] = row.provider .. " " .. row.name end
    assert.same({ "starmagic gpt-image-2-beta", "starmagic gpt-image-1.5", "starmagic gpt-image-2",
      "evolink gpt-image-2-beta", "evolink gpt-image-1.5", "evolink gpt-image-2",
      "magick gpt-image-2" }, all)
    for provider, count in pairs { starmagic = 3, evolink = 3, magick = 1 } do
      local rows = core.models(provider)
      assert.equal(count, #rows)
      for _, row in ipairs(rows) do assert.equal(provider, row.provider) end
    end
  end)

  it("says all that a row has, sizes by rule", function()
    assert.same({
      name = "gpt-image-2", provider = "starmagic", advisory = false,
      fields = { "model", "prompt", "size", "resolution", "quality", "image_urls", "n",
        "callback_url" },
      newer_fields = { "mask_url", "background", "output_format" },
      size = { auto = true, ratios = RATIOS, multiple_of = 16, edge_max = 3840,
        pixels_min = 655360, pixels_max = 8294400, ratio_max = 3, procedure = "anchor",
        procedure_option = true },
      qualities = { "low", "medium", "high" }, response_formats = {},
      backgrounds = { "opaque", "transparent" }, output_formats = { "png", "jpeg", "webp" },
      n_max = 10, prompt_max = 32000, image_urls_min = 1, image_urls_max = 16,
      reference_max_bytes = 52428800,
      prices = { unit = "medium 1024x1024", qualities = { low = 0.11, medium = 1.0, high = 4.0 } },
      defaults = { size = "auto", resolution = "1K", quality = "medium", n = 1 },
    }, model("starmagic", "gpt-image-2"))
  end)

  it("says sizes by list, and nothing of what nobody knows", function()
    assert.same({
      name = "gpt-image-1.5", provider = "evolink", advisory = false,
      fields = { "model", "prompt", "size", "quality", "image_urls", "n", "callback_url" },
      newer_fields = {},
      size = { auto = false, list = { "1:1", "2:3", "3:2", "1024x1024", "1024x1536",
        "1536x1024" } },
      qualities = { "low", "medium", "high" }, response_formats = {}, backgrounds = {},
      output_formats = {}, n_max = 1, prompt_tokens = 2000, image_urls_min = 1,
      image_urls_max = 16, reference_max_bytes = 52428800, prices = {},
      defaults = { quality = "high", n = 1 },
    }, model("evolink", "gpt-image-1.5"))
  end)

  it("says prices by tier, and whether limits are advice", function()
    local beta, magick = model("starmagic", "gpt-image-2-beta"), model("magick", "gpt-image-2")
    assert.same({ unit = "1K tier", tiers = { ["1K"] = 1.0, ["2K"] = 1.7, ["4K"] = 2.6 } },
      beta.prices)
    assert.same({ "budget", false }, { beta.size.procedure, beta.size.procedure_option })
    assert.same({ true, {}, {}, { "url", "b64_json" } },
      { magick.advisory, magick.prices, magick.defaults, magick.response_formats })
  end)

  it("gives tables that are the caller's own", function()
    core.models()[1].fields[1] = "changed"
    assert.equal("model", core.models()[1].fields[1])
  end)
end)

describe("core.sizes", function()
  it("gives every ratio in each tier, in the order of the rule", function()
    local rows = core.sizes("starmagic", "gpt-image-2-beta")
    assert.equal(3 * #RATIOS, #rows)
    for i, row in ipairs(rows) do
      local resolution = ({ "1K", "2K", "4K" })[(i - 1) % 3 + 1]
      assert.same({ RATIOS[(i - 1) // 3 + 1], resolution, resolution },
        { row.ratio, row.resolution, row.tier })
    end
    assert.same({ size = "1:3", ratio = "1:3", resolution = "4K", tier = "4K", width = 1280,
      height = 3840, factor = 2.6, scaled_down = true }, rows[#rows])
  end)

  it("gives a list as it is, without tiers and prices", function()
    local rows = core.sizes("starmagic", "gpt-image-1.5")
    assert.equal(6, #rows)
    assert.same({ size = "2:3", ratio = "2:3", width = 1024, height = 1536, scaled_down = false },
      rows[2])
    assert.same({ size = "1024x1536", width = 1024, height = 1536, scaled_down = false }, rows[5])
  end)

  it("takes the model's procedure, unless another is named and the row lets choose", function()
    local function portrait(...)
      for _, row in ipairs(core.sizes(...)) do
        if row.ratio == "9:16" and row.resolution == "2K" then
          return row.width .. "x" .. row.height
        end
      end
    end
    for procedure, cell in pairs { anchor = "1152x2048", budget = "1536x2736" } do
      assert.equal(cell, portrait("starmagic", "gpt-image-2", procedure))
      assert.equal("1536x2736", portrait("starmagic", "gpt-image-2-beta", procedure))
    end
    assert.equal("1152x2048", portrait("starmagic", "gpt-image-2"))
    assert.equal("1536x2736", portrait("starmagic", "gpt-image-2-beta"))
  end)

  it("returns an error that names the provider and the model it does not have", function()
    local rows, err = core.sizes("magick", "dall-e")
    assert.is_nil(rows)
    assert.same({ "invalid", "model", "no" }, { err.kind, err.field, err.billed })
    assert.equal("magick has no model 'dall-e' in its table", err.message)
  end)

  it("raises on names of none and on what is no name", function()
    for message, call in pairs {
      ["bad argument #1 to 'sizes' (no provider is called 'openai'; there are starmagic, evolink "
        .. "and magick)"] = function() core.sizes("openai", "gpt-image-2") end,
      ["bad argument #3 to 'sizes' ('anchor' or 'budget' expected)"] = function()
        core.sizes("starmagic", "gpt-image-2", "nearest")
      end,
      ["bad argument #2 to 'sizes' (string expected, got number)"] = function()
        core.sizes("starmagic", 2)
      end,
      ["bad argument #1 to 'models' (no provider is called 'StarMagic'; there are starmagic, "
        .. "evolink and magick)"] = function() core.models "StarMagic" end,
    } do
      local ok, said = pcall(call)
      assert.is_false(ok)
      assert.equal(message, (said:gsub("^[^ ]+:%d+: ", "")))
    end
  end)
end)
