-- SPDX-License-Identifier: MIT
-- Tests src/core/gim_json.c, gim_json_write.c and gim_escape.c through the
-- test window. lua-cjson is the judge where it is one.
local window = require "gptimage.core_test"
local cjson = require "cjson"
local Random = require "spec.support.random"

local null = cjson.null
local DEEP = 64

-- What `cjson` says: a table, or nil where it refuses.
local function judge(text)
  local decoder = cjson.new()
  decoder.decode_max_depth(DEEP)
  decoder.decode_invalid_numbers(false)
  local ok, value = pcall(decoder.decode, text)
  if ok then return { value } end
  return nil
end

describe("the JSON reader", function()
  for text, value in pairs {
    ["null"] = null, ["true"] = true, ["false"] = false, ["0"] = 0, ["-0"] = 0, ["-1.5e+2"] = -150,
    ['""'] = "", ['"a"'] = "a", ["[]"] = {}, ["{}"] = {}, [" [ ] "] = {}, ["{ \n}"] = {},
    [" \t\r\n1 \t\r\n"] = 1, ["\u{FEFF}1"] = 1, ["[1,[2,[3]],{}]"] = { 1, { 2, { 3 } }, {} },
    ['{"a":1,"b":{"c":[true,null]}}'] = { a = 1, b = { c = { true, null } } },
    ['{"a":1,"a":2}'] = { a = 2 }, ['{"\\u0061":1,"a":2,"\\u0061":3}'] = { a = 3 },
    ['{"":1}'] = { [""] = 1 },
    [ [["\"\\\/\b\f\n\r\t"]] ] = "\"\\/\b\f\n\r\t",
    [ [["\u0041\u00e4\u20AC\uD83D\uDE00\u0000"]] ] = "A\u{E4}\u{20AC}\u{1F600}\0",
    [ [["\ud83d"]] ] = "\u{FFFD}", [ [["\ude00"]] ] = "\u{FFFD}", [ [["\ud83dx"]] ] = "\u{FFFD}x",
    [ [["\ud83d\n"]] ] = "\u{FFFD}\n", [ [["\ud83d\u0041"]] ] = "\u{FFFD}A",
    [ [["\ud83d\ud83d\ude00"]] ] = "\u{FFFD}\u{1F600}",
    [ [["\ude00\ud83d"]] ] = "\u{FFFD}\u{FFFD}",
    ['"\u{E4}\u{20AC}\u{1F600}\x7F\u{2028}"'] = "\u{E4}\u{20AC}\u{1F600}\x7F\u{2028}",
    ['["]","}","{\\"[",",",":"]'] = { "]", "}", '{"[', ",", ":" },
  } do
    it(("reads %s"):format(text), function()
      assert.same({ value }, { (window.json_read(text)) })
    end)
  end

  for text, expected in pairs {
    [""] = { 0, "the text ends where a value belongs" },
    [" "] = { 1, "the text ends where a value belongs" },
    ["\u{FEFF}"] = { 3, "the text ends where a value belongs" },
    ["nul"] = { 3, "unknown word" }, ["nulL"] = { 3, "unknown word" },
    ["tru"] = { 3, "unknown word" }, ["NaN"] = { 0, "no value begins like this" },
    ["nullx"] = { 4, "more than one value" }, ["1 2"] = { 2, "more than one value" },
    ["{}{}"] = { 2, "more than one value" }, ["1\0"] = { 1, "more than one value" },
    ["01"] = { 1, "more than one value" }, ["-"] = { 1, "digit expected" },
    ["-a"] = { 1, "digit expected" }, ["1."] = { 2, "digit expected" },
    ["1.e1"] = { 2, "digit expected" }, [".5"] = { 0, "no value begins like this" },
    ["+1"] = { 0, "no value begins like this" }, ["1e"] = { 2, "digit expected" },
    ["1e+"] = { 3, "digit expected" }, ["0x10"] = { 1, "more than one value" },
    ["Infinity"] = { 0, "no value begins like this" }, ["'a'"] = { 0, "no value begins like this" },
    ["["] = { 1, "the text ends where a value belongs" },
    ["[1"] = { 2, "',' or ']' expected" }, ["[1,"] = { 3, "the text ends where a value belongs" },
    ["[1,]"] = { 3, "no value begins like this" }, ["[,1]"] = { 1, "no value begins like this" },
    ["[1 2]"] = { 3, "',' or ']' expected" }, ["[1}"] = { 2, "',' or ']' expected" },
    ["]"] = { 0, "no value begins like this" }, ["[1]]"] = { 3, "more than one value" },
    ["{"] = { 1, "a key in quotes expected" }, ["{1:2}"] = { 1, "a key in quotes expected" },
    ["{a:1}"] = { 1, "a key in quotes expected" }, ['{"a"}'] = { 4, "':' expected" },
    ['{"a":}'] = { 5, "no value begins like this" }, ['{"a":1'] = { 6, "',' or '}' expected" },
    ['{"a":1,}'] = { 7, "a key in quotes expected" }, ['{"a":1]'] = { 6, "',' or '}' expected" },
    ['{"a"1}'] = { 4, "':' expected" }, ["{,}"] = { 1, "a key in quotes expected" },
    ['"'] = { 1, "the text ends in a string" }, ['"a'] = { 2, "the text ends in a string" },
    ['"\\'] = { 2, "unknown escape" }, ['"\\x"'] = { 2, "unknown escape" },
    ['"\\"'] = { 3, "the text ends in a string" }, ['"\\u12"'] = { 5, "\\u needs 4 hex digits" },
    ['"\\u12g4"'] = { 5, "\\u needs 4 hex digits" },
    ['"a\nb"'] = { 2, "control character in a string" },
    ['"\0"'] = { 1, "control character in a string" },
    ['"\x1F"'] = { 1, "control character in a string" },
    ['"\xFF"'] = { 1, "not UTF-8" }, ['"a\xC3"'] = { 2, "not UTF-8" },
    ['"\xC0\x80"'] = { 1, "not UTF-8" }, ['"\xED\xA0\x80"'] = { 1, "not UTF-8" },
    ['{"\xFF":1}'] = { 2, "not UTF-8" },
    ["/* */1"] = { 0, "no value begins like this" },
    ["\u{A0}1"] = { 0, "no value begins like this" },
    ["<html>"] = { 0, "no value begins like this" },
  } do
    it(("refuses %q and says where"):format(text), function()
      local value, err = window.json_read(text)
      assert.is_nil(value)
      assert.same({ "protocol", expected[1],
        ("no JSON at byte %d: %s"):format(expected[1], expected[2]) },
        { err.kind, err.offset, err.message })
    end)
  end

  it("refuses every beginning of a text that is not the whole of it", function()
    local text = [[{"a":[1.5e3,true,null,"\u00e4\n",{"b":{}}],"c":-0}]]
    for i = 0, #text - 1 do assert.is_nil((window.json_read(text:sub(1, i)))) end
    assert.is_truthy((window.json_read(text)))
  end)

  it("holds the depth it was given", function()
    for _, brackets in ipairs { { "[", "]" }, { '{"a":', "}" } } do
      for depth = 1, 70 do
        local inner = brackets[1] == "[" and "" or "1"
        local text = brackets[1]:rep(depth) .. inner .. brackets[2]:rep(depth)
        local good, err = window.json_check(text)
        assert.same(depth <= DEEP, good == true)
        if not good then assert.same("too_big", err.kind) end
      end
    end
    assert.is_true(window.json_check(("["):rep(1024) .. ("]"):rep(1024), 100000))
    local _, err = window.json_check(("["):rep(1000000), 100000)
    assert.same({ "too_big", 1024 }, { err.kind, err.offset })
    assert.is_true(window.json_check("1", 0))
    assert.is_nil((window.json_check("[]", 0)))
    assert.is_nil((window.json_check("[]", -1)))
  end)

  it("holds the number of values it was given, those in one another counted each", function()
    for text, count in pairs {
      ["1"] = 1, ["[]"] = 1, ["{}"] = 1, ["[1,2]"] = 3, ['{"a":[{}],"b":"c"}'] = 4,
      ["[[[]],[true,null]]"] = 6, [' { "a" : { "b" : 1 } } '] = 3,
    } do
      assert.is_true(window.json_check(text, DEEP, count), text)
      local good, err = window.json_check(text, DEEP, count - 1)
      assert.is_nil(good)
      assert.same({ "too_big", "too many values" }, { err.kind, err.message:match ": (.*)$" })
    end
  end)

  it("sees what ends or spoils a string wherever it stands", function()
    for n = 0, 40 do
      for _, one in ipairs { '\\"', "\\\\", "\\n", "\\u00e4", "\\ud83d\\ude00", "\u{E4}",
        "\u{20AC}", "\u{FFFD}", "\u{1F600}", "\u{20AC}\u{E4}\u{20AC}", "\x7F", " " } do
        local text = ("a"):rep(n) .. one .. ("b"):rep(40 - n)
        for _, whole in ipairs { '"' .. text .. '"', '["' .. text .. '" ,"' .. text .. '"]',
          '{"' .. text .. '":"' .. text .. '"}' } do
          assert.same(cjson.decode(whole), window.json_read(whole))
        end
      end
      for one, problem in pairs { ["\n"] = "control character in a string", ["\0"] =
        "control character in a string", ["\xFF"] = "not UTF-8", ["\x80"] = "not UTF-8",
        ["\xE2\x82"] = "not UTF-8", ["\xED\xA0\x80"] = "not UTF-8",
        ["\xE1\x80\x80\xE2\x82"] = "not UTF-8" } do
        local _, err = window.json_check('"' .. ("a"):rep(n) .. one .. ("b"):rep(40 - n) .. '"')
        local offset = n + 1 + (#one == 5 and 3 or 0)
        assert.same({ "protocol", offset, problem },
          { err.kind, err.offset, err.message:match ": (.*)$" })
      end
    end
  end)

  it("passes over any number of backslashes and blanks", function()
    for n = 0, 40 do
      local slashes, blanks = ("\\"):rep(2 * n), (" \n\t\r"):rep(n)
      local text = '{"a' .. slashes .. '":"' .. slashes .. '"' .. blanks .. ',' .. blanks
        .. '"b":' .. blanks .. '[1' .. blanks .. ',2]' .. (" "):rep(n) .. "}"
      assert.same('"' .. slashes .. '"', window.json_member(text, "a" .. ("\\"):rep(n)))
      assert.same(2, window.json_count(assert(window.json_member(text, "b"))))
      assert.is_nil((window.json_check('"' .. slashes .. "\\")))
    end
  end)

  it("finds the end of a string whatever rows of backslashes and quotes are in it", function()
    local units = { "\\\\", '\\"', "\\/", "a", "\u{E4}", '\\\\\\"', "\\u0022", "\\n" }
    local random = Random.new(11)
    for round = 1, 1000 do
      local parts = {}
      for i = 1, random:below(200) do
        -- Rows of one kind, which begin at any place of a block and end in any of another.
        local unit = random:pick(units)
        parts[i] = random:below(4) == 1 and unit:rep(random:below(70)) or unit
      end
      local text = '"' .. table.concat(parts) .. '"'
      local list = ("[%s,{%s:%s},%s]"):format(text, text, text, text)
      local expected = cjson.decode(list)
      assert.same(expected, (window.json_read(list)), "round " .. round)
    end
  end)

  it("finds members, the last one where a key is repeated", function()
    local text = [[ { "a" : 1 , "b" : [ {"a":2} , "," ] , "\u0061" : "x" , "c" : null } ]]
    assert.same('"x"', window.json_member(text, "a"))
    assert.same('[ {"a":2} , "," ]', window.json_member(text, "b"))
    assert.same("null", window.json_member(text, "c"))
    assert.is_nil(window.json_member(text, "d"))
    assert.is_nil(window.json_member(text, ""))
    for _, other in ipairs { "[1]", '"a"', "1", "null" } do
      assert.is_nil(window.json_member(other, "a"))
    end
    assert.same({ 4, 2, 0, 0, 0, 0 }, { window.json_count(text), window.json_count "[1,[2,3]]",
      window.json_count "[ ]", window.json_count "{}", window.json_count "1",
      window.json_count '"ab"' })
  end)

  it("reads numbers exactly or not at all", function()
    for text, expected in pairs {
      ["1"] = { 1, 1000000 }, ["1.0"] = { 1, 1000000 }, ["1e3"] = { 1000, 1000000000 },
      ["2.5"] = { nil, 2500000 }, ["1764000000123456789"] = { 1764000000123456789 },
      ["9223372036854775807"] = { math.maxinteger }, ["9223372036854775808"] = {},
      ["-9223372036854775808"] = { math.mininteger }, ["0.1"] = { nil, 100000 },
      ["1e19"] = {}, ["-0"] = { 0, 0 }, ["0.0000005"] = { nil, 1 }, ['"1"'] = {}, ["true"] = {},
      ["null"] = {}, ["[1]"] = {},
    } do
      local int, micro = window.json_number(text)
      assert.same({ expected[1], expected[2] }, { int, micro }, text)
    end
  end)

  it("copies strings by the rules of shown text, and others not at all", function()
    assert.same({ "a?\u{E4}b", true }, { window.json_copy([["a\n\u00e4b"]], 20) })
    assert.same({ "a?", true }, { window.json_copy([["a\n\u00e4b"]], 4) })
    assert.same({ "a?\u{E4}", true }, { window.json_copy([["a\n\u00e4b"]], 5) })
    assert.same({ "ab", true }, { window.json_copy('"abcdef"', 3) })
    assert.same({ "", true }, { window.json_copy('"abc"', 1) })
    assert.same({ "", true }, { window.json_copy('""', 4) })
    assert.same({ "", false }, { window.json_copy("12", 4) })
  end)

  it("appends a string whole or not at all", function()
    assert.same("xa\nb", window.json_string([["a\nb"]], 4))
    assert.same({ nil, "too_big", "x" }, { window.json_string([["a\nb"]], 3) })
    assert.same({ nil, "invalid", "x" }, { window.json_string("1", 100) })
    local long = '"' .. ("ab\\n"):rep(200) .. '"'
    for n = 1, 2 do
      window.fail_allocation(n)
      local text, kind, held = window.json_string(long, 100000)
      window.fail_allocation(0)
      assert.same({ nil, "no_memory", n == 1 and "" or "x" }, { text, kind, held })
    end
  end)

  it("compares strings unescaped", function()
    assert.is_true((window.json_is([["a\u0062\n"]], "ab\n")))
    assert.is_true((window.json_is('""', "")))
    assert.is_false((window.json_is('"ab"', "a")))
    assert.is_false((window.json_is('"a"', "ab")))
    assert.is_false((window.json_is("1", "1")))
    assert.same({ false, true }, { window.json_is("null", "null") })
  end)

  it("takes a megabyte in its stride", function()
    for _, text in ipairs {
      "[" .. ('{"a":[1,2,"\\n"]},'):rep(60000) .. "1]",
      '"' .. ("\\\\"):rep(500000) .. '"',
      "{" .. ('"a":"b",'):rep(130000) .. '"z":1}',
    } do
      local begin = os.clock()
      assert.is_true(window.json_check(text))
      assert.same(text:sub(1, 1) == "{" and "1" or nil, (window.json_member(text, "z")))
      window.json_count(text)
      assert.is_true(os.clock() - begin < 2)
    end
  end)
end)

describe("the JSON writer", function()
  it("escapes quotes, backslashes and controls, and nothing else", function()
    assert.same([["a/\"\\\b\f\n\r\t\u0001\u001f]] .. "\x7F\u{2028}\u{1F600}\"",
      window.json_write_string('a/"\\\b\f\n\r\t\1\x1F\x7F\u{2028}\u{1F600}'))
    assert.same('""', window.json_write_string "")
    assert.same([["\u0000"]], window.json_write_string "\0")
  end)

  it("escapes them wherever they stand, and the byte behind them only where it needs it", function()
    for n = 0, 80 do
      for _, odd in ipairs { '"', "\\", "\1", "\31", " ", "!", "#", "[", "]", "\127" } do
        for _, behind in ipairs { "", "!", "#", "]", " ", "\u{A2}" } do
          local text = ("a"):rep(n) .. odd .. behind .. ("b"):rep(80 - n)
          local escaped = text:gsub('["\\]', "\\%0"):gsub("[\1\31]", function(c)
            return ("\\u%04x"):format(c:byte())
          end)
          assert.same('"' .. escaped .. '"', window.json_write_string(text))
        end
      end
    end
  end)

  it("refuses what is no UTF-8, and writes nothing of what does not fit", function()
    for _, text in ipairs { "\xFF", "a\xC3", "\xED\xA0\x80" } do
      assert.same({ nil, "invalid", "" }, { window.json_write_string(text) })
    end
    for n = 0, 80 do -- wherever it stands
      for _, bad in ipairs { "\xFF", "\xC3", "\xE2\x82", "\xED\xA0\x80" } do
        local text = ("a"):rep(n) .. bad .. ("b"):rep(80 - n)
        assert.same({ nil, "invalid", "" }, { window.json_write_string(text) })
      end
      local good = ("a"):rep(n) .. "\u{20AC}" .. ("b"):rep(80 - n)
      assert.same('"' .. good .. '"', window.json_write_string(good))
    end
    assert.same('"ab"', window.json_write_string("ab", 4))
    for limit = 0, 7 do
      assert.same({ nil, "too_big", "" }, { window.json_write_string("ab\1", limit) })
    end
    window.fail_allocation(1)
    local text, kind = window.json_write_string "ab"
    window.fail_allocation(0)
    assert.same({ nil, "no_memory" }, { text, kind })
  end)

  it("writes integers whole", function()
    for _, value in ipairs { 0, -1, 1764000000123456789, math.maxinteger, math.mininteger } do
      assert.same(("%d"):format(value), window.json_write_int(value))
    end
  end)
end)

describe("random JSON", function()
  local random = Random.new(8259)
  local spaces = { "", "", "", " ", "\n", "\t", "\r\n" }
  local letters = { "a", "b", " ", "/", "\\\\", "\\\"", "\\/", "\\n", "\\u00e4", "\\u20ac",
    "\\ud83d\\ude00", "\u{E4}", "\u{20AC}", "\u{1F600}", "{", "]", ",", ":" }

  local function space() return random:pick(spaces) end

  local function text_of(most)
    local out = {}
    for i = 1, random:below(most) - 1 do out[i] = random:pick(letters) end
    return '"' .. table.concat(out) .. '"'
  end

  local function number()
    local out = random:below(2) == 1 and "-" or ""
    out = out .. (random:below(3) == 1 and "0" or ("%d"):format(random:below(100000)))
    if random:below(3) == 1 then out = out .. "." .. ("%03d"):format(random:below(1000) - 1) end
    if random:below(4) > 1 then return out end
    return out .. random:pick { "e", "E", "e+", "E-" } .. random:below(9)
  end

  local function value(depth)
    local kind = random:below(depth > 4 and 5 or 8)
    if kind == 1 then return random:pick { "true", "false", "null" } end
    if kind <= 3 then return number() end
    if kind <= 5 then return text_of(8) end
    local out = {}
    for i = 1, random:below(5) - 1 do
      local key = kind == 6 and text_of(4) .. space() .. ":" .. space() or ""
      out[i] = key .. value(depth + 1) .. space()
    end
    out = table.concat(out, "," .. space())
    if kind == 6 then return "{" .. space() .. out .. "}" end
    return "[" .. space() .. out .. "]"
  end

  it("reads like lua-cjson: 2,000 texts", function()
    for _ = 1, 2000 do
      local text = space() .. value(0) .. space()
      local expected = judge(text)
      assert.is_truthy(expected, text)
      assert.same(expected, { (window.json_read(text)) }, text)
    end
  end)

  -- cjson is lenient in places (raw controls, bytes that are no UTF-8, numbers
  -- like 01, halves of surrogate pairs): only one direction holds everywhere.
  it("accepts nothing that lua-cjson refuses: 4,000 damaged texts", function()
    local refused = 0
    local dirt = { '"', "\\", "{", "}", "[", "]", ",", ":", "0", "-", ".", "e", "\\u", "\xFF", "\n",
      "", " ", "t", "null" }
    for _ = 1, 4000 do
      local text = value(0)
      local at = random:below(#text + 1)
      text = text:sub(1, at - 1) .. random:pick(dirt) .. text:sub(at + random:below(2) - 1)
      local read, err = window.json_read(text)
      if err then
        refused = refused + 1
        assert.same("protocol", err.kind)
        assert.is_true(err.offset >= 0 and err.offset <= #text)
      else
        local expected = judge(text)
        if not text:find("\\u[dD]") then assert.same(expected, { read }, text) end
      end
    end
    assert.is_true(refused > 1000)
  end)

  it("reads back whatever the writer wrote", function()
    for _ = 1, 500 do
      local codes = {}
      for i = 1, random:below(20) - 1 do
        local code = random:below(4) == 1 and random:below(0x10FFFF) or random:below(300) - 1
        codes[i] = utf8.char(code >= 0xD800 and code <= 0xDFFF and 0xFFFD or code)
      end
      local text = table.concat(codes)
      assert.same(text, (window.json_read(window.json_write_string(text))))
      assert.same(text, cjson.decode("[" .. window.json_write_string(text) .. "]")[1])
    end
  end)

  it("never crashes on garbage", function()
    for _ = 1, 3000 do window.json_read(random:bytes(random:below(40))) end
  end)
end)
