-- SPDX-License-Identifier: MIT
-- Tests src/core/gim_json_check.c and the index of gim_json.c through the test
-- window. What the whole text says, without an index, is the measure: that is
-- judged by gim_json_spec.
local window = require "gptimage.core_test"
local cuts = require "spec.support.cuts"
local Random = require "spec.support.random"

-- The same from each way to cut the text, and from the index.
local function same(text, pieces, name, depth, values)
  local whole, err = window.json_read(text, depth, values)
  local value, told, again = window.json_pieces(pieces, depth, values)
  if err then
    assert.is_nil(value, name)
    assert.same(err, told, ("%q, %s"):format(text, name))
    assert.equal(err.kind, again)
  else
    assert.same(whole, value, ("%q, %s"):format(text, name))
    assert.is_true(told)
  end
  return err == nil
end

describe("JSON that comes in pieces", function()
  for _, text in ipairs {
    '{"created":1764000000,"id":"task-1","status":"pending","progress":4e1,"usage":{"a":2.5e-3}}',
    ' \u{FEFF}{}', '\u{FEFF} [ ] \n', '\xEF\xBB', '\xEF\xBBx', '\xEF', "", " ", "1", "-0.5E+10 ",
    "-", "0.", "1e", "1e+", "01", "[true,false,null]", "tru", "nulx", "[1,2", "[1 2]", "[1,]",
    "{,}", '{"a"', '{"a":', '{"a":1,',
    '{"a" : [ {"b":{}} , "" ] , "c":"d"} ', '{"a":1}x', "[]]", '["a]',
    [==["\"\\\/\b\f\n\r\t\u00e4\ud83d\ude00\uD83D"]==], [["\x"]], [["\u12]], [["\u12g4"]], '"a\nb"',
    '"\u{E4}\u{20AC}\u{1F600}"', '"\xC3"', '"\xE2\x82"', '"\xE2\x28\xA1"', '"\xED\xA0\x80"',
    '"\xC0\x80"', '"\x80"', '"\xF0\x9F\x98', '"\xF5\x80\x80\x80"', '"a\xFF"', '"\0"', "[\0]",
    '{"a":' .. (" "):rep(40) .. '"' .. ("x"):rep(50) .. '\\u0041' .. ("\u{E4}"):rep(20) .. '"}',
    ("[{\"k\":"):rep(20) .. "7" .. ("}]"):rep(20),
  } do
    it(("is read the same however it is cut: %q"):format(text:sub(1, 60)), function()
      cuts.each(text, function(pieces, name) same(text, pieces, name) end)
    end)
  end

  it("holds the depth and the number of values it was given, and says where", function()
    local text = '[[[1,{"a":[2]},3],4]]'
    for limit = 1, 9 do
      cuts.each(text, function(pieces, name)
        same(text, pieces, name, limit)
        same(text, pieces, name, 64, limit)
      end)
    end
  end)

  -- What grows moves: 40 and 4,000 values are more than fit at first.
  it("is walked by its index, however many values there are", function()
    for _, count in ipairs { 1, 31, 32, 33, 40, 4000 } do
      local out = {}
      for i = 1, count do out[i] = ('{"key %d":[%d,"v",{}]}'):format(i, i) end
      local text = "[" .. table.concat(out, ",") .. "]"
      same(text, cuts.pieces(text, 1000), count .. " values")
    end
  end)

  it("is read without an index where there is no memory for that", function()
    local text = '{"a":[' .. ("1,"):rep(100) .. '{"b":"c"}],"d":null}'
    local whole = window.json_read(text)
    local without, n, left = 0, 0
    repeat
      n = n + 1
      window.fail_allocation(n)
      local ok, value, indexed = pcall(window.json_pieces, { text })
      left = window.fail_allocation(0)
      if ok then
        assert.same(whole, value)
        if not indexed then without = without + 1 end
      end
    until left > 0
    assert.is_true(without >= 2) -- the first nodes, and more of them
  end)

  it("is read the same when it is damaged: 3,000 texts in random pieces", function()
    local random = Random.new(2)
    local parts = { "{", "}", "[", "]", ",", ":", '"', '"a"', '"b\\n"', "1", "-2.5e3", "true",
      "null", " ", "\n", '"\\u00e4"', '"\u{20AC}"', "\\", "\xE2\x82", '{"a":1}', "[1,2]",
      '{"b":[', "]}" }
    local base = '{"id":"t-1","x":[1,{"y":"\\u00e4\u{E4}","z":null}],"n":-1.5e2}'
    local good = 0
    for _ = 1, 3000 do
      local text = base
      for _ = 1, random:below(3) - 1 do
        local at = random:below(#text)
        text = text:sub(1, at) .. random:pick(parts) .. text:sub(at + random:below(3))
      end
      local pieces, at = {}, 1
      while at <= #text do
        local n = random:below(9)
        pieces[#pieces + 1] = text:sub(at, at + n - 1)
        at = at + n
      end
      if same(text, pieces, "in pieces") then good = good + 1 end
    end
    assert.is_true(good > 900 and good < 2500, good)
  end)
end)
