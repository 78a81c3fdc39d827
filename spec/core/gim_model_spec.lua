-- SPDX-License-Identifier: MIT
-- Tests src/core/gim_model.c through the test window.
local window = require "gptimage.core_test"

local function by_name(list)
  local names = {}
  for _, row in ipairs(list) do names[row.name] = row end
  return names
end

describe("gim_model", function()
  it("has the three providers, and no other", function()
    local star, evolink, magick = window.provider "starmagic", window.provider "evolink",
      window.provider "magick"
    assert.same({ "https://api.starmagic.ai", "", "STARMAGIC_API_KEY" },
      { star.base_url, star.files_url, star.key_variable })
    assert.same({ "https://api.evolink.ai", "https://files-api.evolink.ai", "EVOLINK_API_KEY" },
      { evolink.base_url, evolink.files_url, evolink.key_variable })
    assert.same({ "https://api.magickapi.com", "MAGICK_API_KEY", "/v1/images/edits" },
      { magick.base_url, magick.key_variable, magick.edit_path })
    for _, row in ipairs { star, evolink, magick } do
      assert.same({ "/v1/images/generations", "/v1/tasks/" }, { row.generate_path, row.task_path })
      assert.same(row ~= magick, row.tasks)
      assert.same(row ~= magick and 30000 or 600000, row.submit_timeout_ms)
      for _, code in ipairs(row.retry_codes) do assert.not_same("model_not_found", code) end
    end
    for _, name in ipairs { "", "StarMagic", "openai", "starmagic\0" } do
      assert.is_nil(window.provider(name))
    end
  end)

  it("gives the models of one provider or of all", function()
    assert.same(7, #window.models())
    assert.same(3, #window.models "starmagic")
    assert.same(3, #window.models "evolink")
    assert.same(1, #window.models "magick")
    assert.has_error(function() window.models "openai" end)
  end)

  it("has the limits of the pages", function()
    local star = by_name(window.models "starmagic")
    local beta, old, two = star["gpt-image-2-beta"], star["gpt-image-1.5"], star["gpt-image-2"]
    assert.same({ "model", "prompt", "size", "resolution", "image_urls", "callback_url" },
      beta.fields)
    assert.same({ "model", "prompt", "size", "quality", "image_urls", "n", "callback_url" },
      old.fields)
    assert.same({ "model", "prompt", "size", "resolution", "quality", "image_urls", "n",
      "callback_url" }, two.fields)
    assert.same({ "mask_url", "background", "output_format" }, two.newer_fields)
    assert.same({ unit = "1K tier", tiers = { ["1K"] = 1.0, ["2K"] = 1.7, ["4K"] = 2.6 } },
      beta.prices)
    assert.same({ unit = "medium 1024x1024", qualities = { low = 0.11, medium = 1.0, high = 4.0 } },
      two.prices)
    assert.same({}, old.prices)
    assert.same({ "1:1", "2:3", "3:2", "1024x1024", "1024x1536", "1536x1024" }, old.size.list)
    assert.is_false(old.size.auto)
    for _, row in ipairs { beta, two } do
      assert.same({ true, 15, 16, 3840, 655360, 8294400, 3 }, { row.size.auto, #row.size.ratios,
        row.size.multiple_of, row.size.edge_max, row.size.pixels_min, row.size.pixels_max,
        row.size.ratio_max })
    end
    assert.same({ "budget", false, "anchor", true }, { beta.size.procedure,
      beta.size.procedure_option, two.size.procedure, two.size.procedure_option })
    assert.same({ 1, 1, 10 }, { beta.n_max, old.n_max, two.n_max })
    assert.same({ 2000, 2000, 32000 }, { beta.prompt_tokens, old.prompt_tokens, two.prompt_max })
    assert.same({ 16, 16, 16 }, { beta.image_urls_max, old.image_urls_max, two.image_urls_max })
    assert.same({ nil, 52428800, 52428800 }, { beta.reference_max_bytes, old.reference_max_bytes,
      two.reference_max_bytes })
    assert.same({ size = "auto", resolution = "1K", n = 1 }, beta.defaults)
    assert.same({ quality = "high", n = 1 }, old.defaults)
    assert.same({ size = "auto", resolution = "1K", quality = "medium", n = 1 }, two.defaults)
  end)

  it("gives starmagic and evolink the same rows, and magick its six fields", function()
    local star, evolink = window.models "starmagic", window.models "evolink"
    for i, row in ipairs(evolink) do
      row.provider = "starmagic"
      assert.same(star[i], row)
    end
    local magick = window.models "magick"[1]
    assert.same({ "model", "prompt", "size", "quality", "n", "response_format" }, magick.fields)
    assert.is_true(magick.advisory)
    assert.same({ {}, {} }, { magick.prices, magick.defaults })
  end)
end)
