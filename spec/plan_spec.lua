-- SPDX-License-Identifier: MIT
-- gptimage.plan, gptimage.models and gptimage.sizes, as programs use them.
local gptimage = require "gptimage"
local Random = require "spec.support.random"

-- The tables of the services' pages, 1K 2K 4K; portrait swaps width and height.
local pages = {
  ["gpt-image-2"] = {
    ["1:1"] = "1024x1024 2048x2048 2880x2880", ["2:1"] = "2048x1024 2048x1024 3840x1920",
    ["3:1"] = "3072x1024 2048x688 3840x1280", ["3:2"] = "1536x1024 2048x1360 3520x2336",
    ["4:3"] = "1360x1024 2048x1536 3312x2480", ["5:4"] = "1280x1024 2048x1632 3216x2560",
    ["16:9"] = "1824x1024 2048x1152 3840x2160", ["21:9"] = "2384x1024 2048x880 3840x1648",
  },
  ["gpt-image-2-beta"] = {
    ["1:1"] = "1024x1024 2048x2048 2880x2880", ["2:1"] = "1456x720 2896x1456 3840x1920",
    ["3:1"] = "1776x592 3552x1184 3840x1280", ["3:2"] = "1248x832 2512x1680 3520x2352",
    ["4:3"] = "1184x880 2368x1776 3312x2480", ["5:4"] = "1152x912 2288x1824 3216x2576",
    ["16:9"] = "1360x768 2736x1536 3840x2160", ["21:9"] = "1568x672 3136x1344 3840x1632",
  },
}

local function expected_cells(rows)
  local cells, count = {}, 0
  for ratio, row in pairs(rows) do
    local a, b = ratio:match "(%d+):(%d+)"
    local resolutions = { "1K", "2K", "4K" }
    for width, height in row:gmatch "(%d+)x(%d+)" do
      local resolution = table.remove(resolutions, 1)
      cells[ratio .. " " .. resolution] = width .. "x" .. height
      cells[b .. ":" .. a .. " " .. resolution] = height .. "x" .. width
      count = count + 1
    end
  end
  assert.same(24, count)
  return cells
end

local function plan(fields, options)
  local request = { model = "gpt-image-2", prompt = "A beautiful colorful sunset over the ocean" }
  for name, value in pairs(fields) do request[name] = value end
  return gptimage.plan(request, options)
end

describe("gptimage.sizes", function()
  for model, rows in pairs(pages) do
    it("is the table of " .. model .. "'s page, with portrait swaps, and plan agrees", function()
      for _, provider in ipairs(model == "gpt-image-2"
        and { "starmagic", "evolink", "magick" } or { "starmagic", "evolink" }) do
        local expected, got = expected_cells(rows), {}
        for _, row in ipairs(gptimage.sizes(provider, model)) do
          local cell = row.size .. " " .. row.resolution
          got[cell] = row.width .. "x" .. row.height
          local made = assert(plan({ model = model, size = row.size, resolution = row.resolution },
            { provider = provider }))
          assert.same({ row.width, row.height, row.tier, row.factor },
            { made.width, made.height, made.tier, made.price.factor }, cell)
          assert.same({ row.size, row.resolution }, { row.ratio, row.tier })
        end
        assert.same(expected, got)
      end
    end)
  end

  it("gives gpt-image-2 beta's table when asked", function()
    local got = {}
    for _, row in ipairs(gptimage.sizes("evolink", "gpt-image-2", "budget")) do
      got[row.size .. " " .. row.resolution] = row.width .. "x" .. row.height
    end
    assert.same(expected_cells(pages["gpt-image-2-beta"]), got)
    local made = assert(plan({ size = "16:9", resolution = "2K" }, { sizes = "budget" }))
    assert.same({ 2736, 1536 }, { made.width, made.height })
  end)

  it("lists the six sizes of 1.5", function()
    local got = {}
    for i, row in ipairs(gptimage.sizes("starmagic", "gpt-image-1.5")) do
      got[i] = ("%s %dx%d"):format(row.size, row.width, row.height)
      assert.same(row.size:find ":" and row.size or nil, row.ratio)
      assert.is_nil(row.tier)
    end
    assert.same({ "1:1 1024x1024", "2:3 1024x1536", "3:2 1536x1024", "1024x1024 1024x1024",
      "1024x1536 1024x1536", "1536x1024 1536x1024" }, got)
  end)

  it("says tier, factor and what was scaled down", function()
    local rows = {}
    for _, row in ipairs(gptimage.sizes("starmagic", "gpt-image-2-beta")) do
      rows[row.size .. " " .. row.resolution] = row
    end
    assert.same({ "2K", 1.7, false }, { rows["1:1 2K"].tier, rows["1:1 2K"].factor,
      rows["1:1 2K"].scaled_down })
    assert.is_true(rows["21:9 4K"].scaled_down)
    local two = gptimage.sizes("starmagic", "gpt-image-2")[1]
    assert.same({ "1:1", "1K", "1K", 1.0 }, { two.size, two.resolution, two.tier, two.factor })
  end)

  it("returns an error for a model that is not in the table, and raises on misuse", function()
    local rows, err = gptimage.sizes("magick", "gpt-image-2-beta")
    assert.is_nil(rows)
    assert.same({ "invalid", "model" }, { err.kind, err.field })
    assert.has_error(function() gptimage.sizes("openai", "gpt-image-2") end)
    assert.has_error(function() gptimage.sizes("starmagic", "gpt-image-2", "nearest") end)
    assert.has_error(function() gptimage.sizes() end)
    assert.has_error(function() gptimage.sizes("starmagic", 2) end)
  end)
end)

describe("gptimage.models", function()
  it("is data about every provider, or one", function()
    assert.same(7, #gptimage.models())
    assert.same("gpt-image-2", gptimage.models("magick")[1].name)
    assert.has_error(function() gptimage.models("openai") end)
    assert.has_error(function() gptimage.models(1) end)
  end)
end)

describe("gptimage.plan", function()
  it("says what goes where, without a key and a network", function()
    local made = assert(plan { size = "16:9", resolution = "2K" })
    assert.same({ "starmagic", "POST", "/v1/images/generations", 2048, 1152, "2K", 1, false },
      { made.provider, made.method, made.endpoint, made.width, made.height, made.tier, made.n,
        made.edit })
    assert.same('{"model":"gpt-image-2","prompt":"A beautiful colorful sunset over the ocean",'
      .. '"size":"16:9","resolution":"2K"}', made.body)
    assert.same({ quality = "medium", n = 1 }, made.assumes)
    assert.same({}, made.warnings)
  end)

  it("knows the tiers of beta", function()
    local function tier(size, resolution)
      local made = assert(plan { model = "gpt-image-2-beta", size = size, resolution = resolution })
      return ("%s %s"):format(made.tier, made.price.factor)
    end
    assert.same("1K 1.0", tier())
    assert.same("1K 1.0", tier("auto", "4K"))
    assert.same("1K 1.0", tier("16:9"))
    assert.same("2K 1.7", tier("16:9", "2K"))
    assert.same("4K 2.6", tier("9:16", "4K"))
    assert.same("1K 1.0", tier("1280x1328")) -- 1,699,840
    assert.same("2K 1.7", tier("1040x1648")) -- 1,713,920
    assert.same("2K 1.7", tier("1536x2864")) -- 4,399,104
    assert.same("4K 2.6", tier("2096x2112")) -- 4,426,752
  end)

  it("gives a price for each picture of gpt-image-2 at 1024x1024, and none elsewhere", function()
    local function factor(fields) return assert(plan(fields)).price.factor end
    assert.same(1.0, factor { size = "1024x1024" })
    assert.same(4.0, factor { size = "1:1", quality = "high" })
    assert.same(0.33, factor { size = "1:1", quality = "low", n = 3 })
    assert.is_nil(factor { size = "auto" })
    assert.is_nil(factor {})
    assert.is_nil(factor { size = "16:9", quality = "low" })
    assert.is_nil(factor { model = "gpt-image-1.5", size = "1:1" })
    assert.same({ unit = "medium 1024x1024" }, assert(plan {}).price)
    assert.same({}, assert(plan({}, { provider = "magick" })).price)
  end)

  it("turns prices into credits", function()
    local prices = { ["gpt-image-2-beta"] = 2.5, ["gpt-image-2"] = 0.1 }
    local function credits(fields)
      return assert(plan(fields, { prices = prices })).price.credits
    end
    assert.same(6.5, credits { model = "gpt-image-2-beta", size = "1:1", resolution = "4K" })
    assert.same(0.033, credits { size = "1:1", quality = "low", n = 3 })
    assert.is_nil(credits { size = "16:9" })
    assert.is_nil(credits { model = "gpt-image-1.5" })
    for _, bad in ipairs { { 1 }, { a = "1" }, { a = -1 }, { a = 0 / 0 }, { a = math.huge } } do
      assert.has_error(function() plan({}, { prices = bad }) end)
    end
  end)

  it("shows what the service will take for what was left out", function()
    local function assumes(fields) return assert(plan(fields)).assumes end
    assert.same({ size = "auto", n = 1 }, assumes { model = "gpt-image-2-beta" })
    assert.same({ resolution = "1K", n = 1 }, assumes { model = "gpt-image-2-beta", size = "1:1" })
    assert.same({ quality = "high", n = 1 }, assumes { model = "gpt-image-1.5" })
    assert.same({ size = "auto", quality = "medium", n = 1 }, assumes {})
    assert.same({}, assumes { size = "1024x1024", quality = "low", n = 2 })
    assert.same({}, assert(plan({}, { provider = "magick" })).assumes)
    assert.same({}, assumes { model = "new" })
  end)

  it("takes a request as generate does, with what only a client uses", function()
    assert(plan { output = "out/{id}.png", timeout = 5, on_progress = print, strict = true,
      extra = { seed = 7 } })
    assert.matches('"seed":7}$', assert(plan { extra = { seed = 7 } }).body)
    local made = assert(plan({ size = "1920x1080", strict = false }))
    assert.same("multiple_of_16", made.warnings[1].rule)
    assert.is_nil(plan({ size = "1920x1080", strict = true }, { strict = false }))
  end)

  it("names what it would take itself, whatever size was refused", function()
    local random, refused = Random.new(64), 0
    for i = 1, 3000 do
      local most = ({ 16, 256, 4096, 16384, 999999, 99999999 })[i % 6 + 1]
      local w = random:below(most)
      local h = i % 5 == 0 and w or random:below(most)
      local asked = { model = i % 2 == 0 and "gpt-image-2" or "gpt-image-2-beta",
        size = w .. "x" .. h }
      local accepted, err = plan(asked)
      if not accepted then
        refused = refused + 1
        local pixels, ratio = err.issues[1].nearest:match "^(%d+x%d+) or (%d+:%d+)$"
        local nearest = assert(plan { model = asked.model, size = pixels }, asked.size)
        assert(plan { model = asked.model, size = ratio }, asked.size)
        local square, tall = nearest.width == nearest.height, nearest.width < nearest.height
        if w == h then
          assert.same({ true, "1:1" }, { square, ratio }, asked.size)
        elseif not square then
          assert.same(w < h, tall, asked.size)
        end
      end
    end
    assert(refused > 2000, refused)
  end)

  it("raises on misuse, naming what is wrong", function()
    for expected, call in pairs {
      ["bad argument #1 to 'plan' %(table expected, got nil%)"] = function() gptimage.plan() end,
      ["bad argument #1 to 'plan' %(unknown field 'promt'; did you mean 'prompt'%?%)"] =
        function() plan { promt = "x" } end,
      ["%(field 'n': integer expected, got string%)"] = function() plan { n = "1" } end,
      ["%(field 'n': integer expected, got 2.5%)"] = function() plan { n = 2.5 } end,
      ["%(field 'prompt': string expected, got number%)"] = function() plan { prompt = 7 } end,
      ["%(field 'image_urls': table expected, got string%)"] =
        function() plan { image_urls = "https://a.b" } end,
      ["%(field 'image_urls': a sequence of strings expected, element 2 is a number%)"] =
        function() plan { image_urls = { "https://a.b", 2 } } end,
      ["%(field 'image_urls': a sequence of strings expected%)"] =
        function() plan { image_urls = { a = "https://a.b" } } end,
      ["bad argument #2 to 'plan' %(unknown option 'provder'; did you mean 'provider'%?%)"] =
        function() plan({}, { provder = "magick" }) end,
      ["option 'provider': no provider is called 'openai'"] =
        function() plan({}, { provider = "openai" }) end,
      ["option 'sizes': 'anchor' or 'budget' expected"] =
        function() plan({}, { sizes = "exact" }) end,
      ["option 'strict': boolean expected, got number"] = function() plan({}, { strict = 0 }) end,
    } do
      local ok, message = pcall(call)
      assert.is_false(ok)
      assert.matches(expected, message)
    end
    assert(plan { n = 3.0 })
  end)

  it("does not change the request", function()
    local request = { model = "gpt-image-2", prompt = "x", size = "1024×1024", extra = { a = 1 } }
    assert(gptimage.plan(request))
    assert.same({ model = "gpt-image-2", prompt = "x", size = "1024×1024", extra = { a = 1 } },
      request)
  end)
end)
