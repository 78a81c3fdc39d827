-- SPDX-License-Identifier: MIT
-- Tests src/bind/lgim_plan.c through the test window; what users see is in spec/plan_spec.lua.
local pictures = require "spec.support.pictures"
local window = require "gptimage.core_test"

local function credits(price, fields)
  local request = { model = "gpt-image-2", prompt = "x", size = "1:1" }
  for name, value in pairs(fields or {}) do request[name] = value end
  return assert(window.plan(request, { prices = { ["gpt-image-2"] = price } })).price.credits
end

describe("credits", function()
  it("are exact to the millionth, from nothing to the largest price", function()
    assert.same(0.0, credits(0))
    assert.same(0.000001, credits(0.000001))
    assert.same(0.1, credits(0.1))
    assert.same(2.5, credits(2.5))
    assert.same(0.0, credits(0.000001, { quality = "low" })) -- 0.11 millionths
    assert.same(0.000001, credits(0.000001, { quality = "low", n = 5 }))
    assert.same(4e10, credits(1e9, { quality = "high", n = 10 }))
    assert.same(123456789.87654, credits(123456789.87654))
  end)

  it("need a table of sensible numbers", function()
    local request = { model = "gpt-image-2", prompt = "x" }
    for _, prices in ipairs { { 1 }, { a = "1" }, { a = -0.1 }, { a = 0 / 0 }, { a = 1e9 + 1 },
      { a = {} } } do
      local ok, message = pcall(window.plan, request, { prices = prices })
      assert.is_false(ok)
      assert.equal("bad argument #2 to 'plan' (option 'prices': a table {[model] = credits} with "
        .. "numbers from 0 to 1e9 expected)", message)
    end
    assert(window.plan(request, { prices = {} }))
  end)
end)

describe("plans", function()
  it("leave nothing behind when they are collected", function()
    local function use()
      for _ = 1, 200 do
        assert(window.plan { model = "new", prompt = ("a"):rep(100000) })
        assert.is_nil(window.plan { model = "new", prompt = "", n = 1000 })
      end
      collectgarbage()
      collectgarbage()
      return collectgarbage("count")
    end
    use()
    local before = use()
    assert.is_true(use() - before < 100)
  end)
end)

describe("plans are refused", function()
  local function asked(more)
    local request = { model = "gpt-image-2-beta", prompt = "x" }
    for name, value in pairs(more) do request[name] = value end
    return window.plan(request)
  end

  it("where submit would raise for what is said about money", function()
    for _, case in ipairs { { { price = -1 }, "field 'price': credits from 0 to 1e9" },
      { { price = 1 / 0 }, "field 'price'" }, { { resubmit = -1 }, "field 'resubmit'" },
      { { resubmit = 101 }, "field 'resubmit': an integer from 0 to 100 expected, got 101" } } do
      local ok, message = pcall(asked, case[1])
      assert.is_false(ok)
      assert.truthy(message:find("bad argument #1 to 'plan' (" .. case[2], 1, true), message)
    end
    assert(asked { price = 0, resubmit = 100 })
  end)

  it("where submit would find no name in output", function()
    for _, output in ipairs { "", "{foo}.png", "{id", "a}", "{id}/x.png", "a\0b", "a/.." } do
      local plan, err = asked { output = output }
      assert.is_nil(plan)
      assert.same({ "invalid", "output", "no" }, { err.kind, err.field, err.billed })
    end
    assert(asked { output = "out/{id}-{index}.{format}" })
    assert(asked { output = "out/" })
  end)

  it("with the request's own faults first", function()
    local _, err = asked { output = "{foo}", size = "1x1" }
    assert.equal("size", err.field)
  end)
end)

describe("plans of edits", function()
  local photo, mask = pictures.png { width = 6, height = 4 },
    pictures.png { width = 6, height = 4, alpha = function(x) return x * 40 end }
  local request = { model = "gpt-image-2", prompt = "x", mask = { data = mask },
    images = { { data = photo, name = "my photo.jpg" }, "https://example.com/a.png" } }

  it("say what would be uploaded, and where its links come", function()
    local made = assert(window.plan(request, { files_url = "https://files.example" }))
    assert.same('{"model":"gpt-image-2","prompt":"x","image_urls":["<my_photo.png>",'
      .. '"https://example.com/a.png"],"mask_url":"<mask.png>"}', made.body)
    assert.same({ { field = "images[1]", name = "my_photo.png", mime = "image/png", size = #photo,
      width = 6, height = 4 }, { field = "mask", name = "mask.png", mime = "image/png",
      size = #mask, width = 6, height = 4 } }, made.uploads)
    assert.same({ true, false, "/v1/images/generations" },
      { made.edit, made.multipart, made.endpoint })
  end)

  it("say what a form would hold", function()
    local made = assert(window.plan(request, { provider = "magick" }))
    assert.same('{"model":"gpt-image-2","prompt":"x","images":["my_photo.png",'
      .. '"https://example.com/a.png"],"mask":"mask.png"}', made.body)
    assert.same({ true, true, "/v1/images/edits", 2 },
      { made.edit, made.multipart, made.endpoint, #made.uploads })
  end)

  it("know a file service where the provider's is known, or one is named", function()
    assert.is_table(window.plan(request, { provider = "evolink" }))
    local made, err = window.plan(request)
    assert.is_nil(made)
    assert.same({ "images[1]", "files_url_required", "no" },
      { err.field, err.issues[1].rule, err.billed })
  end)

  it("upload nothing where all are links", function()
    local made = assert(window.plan { model = "gpt-image-2", prompt = "x",
      images = { "https://example.com/a.png" } })
    assert.same({ {}, false }, { made.uploads, made.multipart })
  end)
end)

describe("sizes and models", function()
  it("are new tables each time", function()
    local models, sizes = window.models(), window.sizes("starmagic", "gpt-image-2")
    models[1].fields[1], sizes[1].width = "broken", 0
    assert.same("model", window.models()[1].fields[1])
    assert.same(1024, window.sizes("starmagic", "gpt-image-2")[1].width)
  end)
end)
