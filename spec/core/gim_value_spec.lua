-- SPDX-License-Identifier: MIT
-- Tests src/core/gim_value.c through gptimage.plan: one field at a time, judged by a model's row.
local plan = require "gptimage.core_test".plan

-- The rules broken by `fields` of a request, warnings in brackets.
local function rules(model, fields, provider)
  local request = { model = model, prompt = "A sunset" }
  for name, value in pairs(fields) do request[name] = value end
  local made, err = plan(request, { provider = provider })
  local names = {}
  for _, issue in ipairs(made and made.warnings or err.issues) do
    names[#names + 1] = issue.rule .. (issue.nearest and "=" .. issue.nearest or "")
  end
  return (made and "(" or "") .. table.concat(names, " ") .. (made and ")" or ""), made, err
end

local BETA, OLD, TWO = "gpt-image-2-beta", "gpt-image-1.5", "gpt-image-2"

describe("prompts", function()
  it("have something in them", function()
    assert.same("empty", rules(TWO, { prompt = "" }))
    assert.same("()", rules(TWO, { prompt = " " }))
    local _, err = plan { model = TWO }
    assert.same("required", err.issues[1].rule)
  end)

  it("are valid UTF-8, and may hold lines", function()
    assert.same("utf8", rules(TWO, { prompt = "caf\xE9" }))
    local _, made = rules(TWO, { prompt = "one\ntwo\t\"three\"\0\1 \\ /" })
    assert.matches([["prompt":"one\ntwo\t\"three\"\u0000\u0001 \\ /"]], made.body, 1, true)
  end)

  it("have at most 32,000 code points for gpt-image-2, whatever the bytes", function()
    for _, letter in ipairs { "a", "猫", "😀" } do
      assert.same("()", rules(TWO, { prompt = letter:rep(32000) }))
      assert.same("too_long", rules(TWO, { prompt = letter:rep(32001) }))
    end
    local _, _, err = rules(TWO, { prompt = ("a"):rep(32001) })
    assert.same("32001 characters", err.issues[1].got)
    assert.same("(too_long)", rules(TWO, { prompt = ("a"):rep(32001) }, "magick"))
  end)

  it("get a warning where the page counts tokens, never a refusal", function()
    for _, model in ipairs { BETA, OLD } do
      assert.same("()", rules(model, { prompt = ("a"):rep(2000) }))
      assert.same("(long_prompt)", rules(model, { prompt = ("a"):rep(2001) }))
      assert.same("(long_prompt)", rules(model, { prompt = ("猫"):rep(100000) }))
      -- Fewer characters than 2000, and more tokens.
      assert.same("()", rules(model, { prompt = ("猫"):rep(1538) }))
      assert.same("(long_prompt)", rules(model, { prompt = ("猫"):rep(1539) }))
      local _, made = rules(model, { prompt = ("😀"):rep(1001) })
      assert.matches("this prompt has 1001 characters, some 2002 tokens",
        made.warnings[1].message, 1, true)
    end
    assert.same("()", rules(TWO, { prompt = ("a"):rep(2001) }))
  end)
end)

describe("n", function()
  it("is 1 for beta and 1.5, 1 to 10 for gpt-image-2", function()
    for _, model in ipairs { BETA, OLD } do
      assert.same("()", rules(model, { n = 1 }))
      for _, n in ipairs { 0, 2, -1, 129, math.maxinteger, math.mininteger } do
        assert.same("range=1", rules(model, { n = n }))
      end
    end
    for n = 1, 10 do assert.same("()", rules(TWO, { n = n })) end
    assert.same("range=1", rules(TWO, { n = 0 }))
    assert.same("range=10", rules(TWO, { n = 11 }))
    assert.same("range=10", rules(TWO, { n = math.maxinteger }))
  end)

  it("is what the gateway takes on magick: 0 to 128", function()
    assert.same("()", rules(TWO, { n = 10 }, "magick"))
    assert.same("(range=10)", rules(TWO, { n = 11 }, "magick"))
    assert.same("(range=1)", rules(TWO, { n = 0 }, "magick"))
    assert.same("range=128", rules(TWO, { n = 129 }, "magick"))
    assert.same("range=1", rules(TWO, { n = -1 }, "magick"))
  end)

  it("is never over what one reply may hold, for unknown models too", function()
    assert.same("(unknown_model)", rules("new", { n = 128 }))
    assert.same("range=128", rules("new", { n = 129 }))
    assert.same("(unknown_model range=1)", rules("new", { n = 0 }))
  end)
end)

describe("choices", function()
  it("are the page's own, in its spelling", function()
    for _, quality in ipairs { "low", "medium", "high" } do
      assert.same("()", rules(TWO, { quality = quality }))
      assert.same("()", rules(OLD, { quality = quality }))
    end
    -- No service reads the sign but between two numbers, where it is sent as x.
    assert.same("size_format", rules(TWO, { size = "1024×" }, "magick"))
    assert.same("size_format", rules("new", { size = "×" }, "magick"))
    for quality, expected in pairs { auto = "one_of", High = "one_of=high", med = "one_of=medium",
      [""] = "one_of", hd = "one_of", ["high "] = "one_of" } do
      assert.same(expected, rules(TWO, { quality = quality }))
      assert.same("(" .. expected .. ")", rules(TWO, { quality = quality }, "magick"))
    end
    assert.same("one_of", rules(TWO, { response_format = "png" }, "magick"))
    assert.same("()", rules(TWO, { response_format = "b64_json" }, "magick"))
  end)

  it("of newer pages come with a warning", function()
    assert.same("(newer_page)", rules(TWO, { background = "opaque" }))
    assert.same("(newer_page newer_page)",
      rules(TWO, { background = "transparent", output_format = "webp" }))
    assert.same("one_of", rules(TWO, { output_format = "gif" }))
    assert.same("one_of", rules(TWO, { background = "auto" }))
    assert.same("conflict=png or webp",
      rules(TWO, { background = "transparent", output_format = "jpeg" }))
  end)
end)

describe("texts", function()
  it("hold no control characters and no bad UTF-8, in any field", function()
    for _, field in ipairs { "size", "resolution", "quality", "background", "output_format",
      "response_format", "mask_url", "callback_url", "model" } do
      for bad, rule in pairs { ["a\nb"] = "control_character", ["a\0"] = "control_character",
        ["\xFF"] = "utf8" } do
        for _, provider in ipairs { "starmagic", "magick" } do
          local _, err = plan({ model = "new", prompt = "x", [field] = bad },
            { provider = provider, strict = false })
          assert.is_table(err, field)
          local names = {}
          for _, issue in ipairs(err.issues) do names[issue.rule] = true end
          assert.is_true(names[rule] or names.character, field .. " " .. rule)
        end
      end
    end
  end)
end)

describe("extra", function()
  it("adds members as they are", function()
    local _, made = rules(TWO, { extra = '{"seed":7,"style":{"a":[1,2.50,null]} , "x":"\\u00e9"}' })
    assert.same('{"model":"gpt-image-2","prompt":"A sunset","seed":7,"style":{"a":[1,2.50,null]},'
      .. '"x":"\\u00e9"}', made.body)
    _, made = rules(TWO, { extra = "{}" })
    assert.same('{"model":"gpt-image-2","prompt":"A sunset"}', made.body)
  end)

  it("holds what the model does not have, and never what it has", function()
    assert.same("()", rules(TWO, { extra = '{"background":"opaque"}' }, "magick"))
    assert.same("()", rules(BETA, { extra = '{"quality":"high"}' }))
    assert.same("duplicate", rules(TWO, { extra = '{"prompt":"x"}' }))
    assert.same("duplicate", rules(TWO, { extra = '{"mod\\u0065l":"x"}' }))
    assert.same("duplicate duplicate", rules(TWO, { extra = '{"n":1,"background":"x"}' }))
  end)

  it("is an object of JSON", function()
    for _, text in ipairs { "", "[]", "7", "null", '"x"', "{", '{"a":1}x', "{a:1}",
      ('{"a":'):rep(65) .. "1" .. ("}"):rep(65) } do
      assert.same("json", rules(TWO, { extra = text }))
    end
  end)

  it("is UTF-8, as every text that is sent", function()
    for _, text in ipairs { '{"a":"\xFF"}', '{"\xED\xA0\x80":1}', "\x80" } do
      assert.same("utf8", rules(TWO, { extra = text }))
    end
  end)
end)
