-- SPDX-License-Identifier: MIT
-- Tests src/core/gim_split.c through the test window.
local window = require "gptimage.core_test"
local mime = require "mime"
local cuts = require "spec.support.cuts"
local Random = require "spec.support.random"

local function encode(bytes) return (mime.b64(bytes)) end

-- What one way to cut a body gave, without what may depend on the cuts.
local function facts(result, err, partial, again)
  local all = result or partial
  local seen = { skeleton = all.skeleton, order = all.order, offset = all.offset, err = err,
    again = again }
  for i, bytes in ipairs(all) do seen[i] = bytes end
  return seen
end

describe("gim_split", function()
  for name, case in pairs {
    ["nothing"] = { "", "" },
    ["no pictures"] = { '{"id":"a","n":[1,{}]}', '{"id":"a","n":[1,{}]}' },
    ["one picture"] = { '{"b64_json":"aGVsbG8="}', '{"b64_json":"<image 0>"}', "hello" },
    ["two pictures"] = { '{"d":[{"b64_json":"aGk="},{"b64_json":"eW8="}]}',
      '{"d":[{"b64_json":"<image 0>"},{"b64_json":"<image 1>"}]}', "hi", "yo" },
    ["nested pictures"] = { '{"b64_json":{"b64_json":["x",{"b64_json":"aGk="}]}}',
      '{"b64_json":{"b64_json":["x",{"b64_json":"<image 0>"}]}}', "hi" },
    ["a repeated key"] = { '{"b64_json":"aGk=","b64_json":"eW8="}',
      '{"b64_json":"<image 0>","b64_json":"<image 1>"}', "hi", "yo" },
    ["the key as a value"] = { '{"k":"b64_json","x":"aGk="}', '{"k":"b64_json","x":"aGk="}' },
    ["the key in a list"] = { '["b64_json","aGk="]', '["b64_json","aGk="]' },
    ["keys that are only like it"] = { '{"b64_jso":"aGk=","b64_jsonn":"aGk=","B64_json":"aGk="}',
      '{"b64_jso":"aGk=","b64_jsonn":"aGk=","B64_json":"aGk="}' },
    ["a long key"] = { '{"' .. ("b64_json"):rep(9) .. '":"a"}',
      '{"' .. ("b64_json"):rep(9) .. '":"a"}' },
    ["an escaped key"] = { [[{"b64\u005fjson":"aGk="}]], [[{"b64\u005fjson":"<image 0>"}]], "hi" },
    ["a wholly escaped key"] = { [[{"\u0062\u0036\u0034\u005F\u006a\u0073\u006F\u006e":"aGk="}]],
      [[{"\u0062\u0036\u0034\u005F\u006a\u0073\u006F\u006e":"<image 0>"}]], "hi" },
    ["a broken escape in a key"] = { [[{"b64\u005":"aGk=","b64_json\":"x"}]],
      [[{"b64\u005":"aGk=","b64_json\":"x"}]] },
    ["an escaped quote in a key"] = { [[{"\"b64_json":"aGk=","b64_json\\":"x"}]],
      [[{"\"b64_json":"aGk=","b64_json\\":"x"}]] },
    ["a value that looks like a member"] = { [[{"p":"\"b64_json\":\"aGk=\""}]],
      [[{"p":"\"b64_json\":\"aGk=\""}]] },
    ["white space everywhere"] = { '\n{ "b64_json" \r\n\t:\n "aGk=" , "a" : 1 }\n',
      '\n{ "b64_json" \r\n\t:\n "<image 0>" , "a" : 1 }\n', "hi" },
    ["null, numbers, lists and an empty string"] = {
      '{"b64_json":null,"b64_json":1.5,"b64_json":["aGk="],"b64_json":"","b64_json":true}',
      '{"b64_json":null,"b64_json":1.5,"b64_json":["aGk="],"b64_json":"","b64_json":true}' },
    ["escaped slashes"] = { [[{"b64_json":"\/\/8="}]], '{"b64_json":"<image 0>"}', "\xFF\xFF" },
    ["escaped letters"] = { [[{"b64_json":"\u002b\u002F8\u003d"}]],
      '{"b64_json":"<image 0>"}', "\xFB\xFF" },
    ["escaped line breaks"] = { [[{"b64_json":"aGVs\r\nbG8=\n"}]], '{"b64_json":"<image 0>"}',
      "hello" },
    ["raw line breaks"] = { '{"b64_json":"aGVs\r\nbG8=\n"}', '{"b64_json":"<image 0>"}', "hello" },
    ["only line breaks"] = { [[{"b64_json":"\n"}]], '{"b64_json":"<image 0>"}', "" },
    ["no padding"] = { '{"b64_json":"aGVsbG8"}', '{"b64_json":"<image 0>"}', "hello" },
    ["a data URI"] = { '{"b64_json":"data:image/png;base64,aGk="}', '{"b64_json":"<image 0>"}',
      "hi" },
    ["a data URI in escapes"] = {
      [[{"b64_json":"\u0064ata:image\/png;charset=x;BASE64\u002CaGk="}]],
      '{"b64_json":"<image 0>"}', "hi" },
    ["a short data URI"] = { '{"b64_json":"DATA:;base64,aGk="}', '{"b64_json":"<image 0>"}', "hi" },
    ["a picture that begins like a data URI"] = { '{"b64_json":"data"}',
      '{"b64_json":"<image 0>"}', "\x75\xAB\x5A" },
    ["a picture like half a data URI"] = { '{"b64_json":"datQ"}', '{"b64_json":"<image 0>"}',
      "\x75\xAB\x50" },
    ["no JSON"] = { '<p class="b64_json">"a\n:"</p>', '<p class="b64_json">"a\n:"</p>' },
    ["an unfinished string"] = { '{"a":"b', '{"a":"b' },
    ["an unfinished key"] = { '{"b64_json":', '{"b64_json":' },
    ["an unopened picture"] = { '{"b64_json":"', '{"b64_json":"' },
    ["events"] = { 'data: {"b64_json":"aGk="}\n\ndata: {"b64_json":"eW8="}\n\ndata: [DONE]\n',
      'data: {"b64_json":"<image 0>"}\n\ndata: {"b64_json":"<image 1>"}\n\ndata: [DONE]\n',
      "hi", "yo" },
  } do
    it("splits " .. name .. ", however it is cut", function()
      local order = {}
      for i = 3, #case do
        order[#order + 1] = ("B%d %sE%d "):format(i - 3,
          case[i] ~= "" and ("D%d "):format(i - 3) or "", i - 3)
      end
      cuts.each(case[1], function(pieces, cut)
        local result, err = window.split(pieces)
        assert.is_nil(err, cut)
        assert.same({ skeleton = case[2], order = table.concat(order), offset = #case[1],
          table.unpack(case, 3) }, facts(result), cut)
        -- As it comes it is checked no other than as a whole.
        assert.equal(window.json_check(case[2]) == true, result.json, cut)
      end)
    end)
  end

  for body, expected in pairs {
    ['{"b64_json":"aG!v"}'] = { 15, "no base64 at character 2: not in the alphabet" },
    ['{"b64_json":"aGVs!"}'] = { 17, "no base64 at character 4: not in the alphabet", "hel" },
    ['{"b64_json":"aGVs\\u0021"}'] = { 17, "no base64 at character 4: not in the alphabet", "hel" },
    ['{"b64_json":"aGVs\\u20ac"}'] = { 17, "no base64 at character 4: not in the alphabet", "hel" },
    ['{"b64_json":"aGVs\\\\"}'] = { 17, "no base64 at character 4: not in the alphabet", "hel" },
    ['{"b64_json":"aGVs\\""}'] = { 17, "no base64 at character 4: not in the alphabet", "hel" },
    ['{"b64_json":"aGVs\\x"}'] = { 17, "an escape that JSON does not have", "hel" },
    ['{"b64_json":"aGVs\\u00g1"}'] = { 17, "an escape that JSON does not have", "hel" },
    ['{"b64_json":"aGVs\\u00"}'] = { 17, "an escape that JSON does not have", "hel" },
    ['{"b64_json":"aGVs bG8="}'] = { 17, "no base64 at character 4: not in the alphabet", "hel" },
    ['{"b64_json":"aGVs\0"}'] = { 17, "no base64 at character 4: not in the alphabet", "hel" },
    ['{"b64_json":"aGk=aGk="}'] = { 17, "no base64 at character 4: more after the padding", "hi" },
    ['{"b64_json":"aGl="}'] = { 16, "no base64 at character 3: bits are left over" },
    ['{"b64_json":"aGVsb"}'] = { 18, "no base64 at character 5: a single character is left over",
      "hel" },
    ['{"b64_json":"<image 0>"}'] = { 13, "no base64 at character 0: not in the alphabet" },
    ['{"b64_json":"data:image/png,aGk="}'] = { 27, "a data URI without base64" },
    ['{"b64_json":"data:,"}'] = { 18, "a data URI without base64" },
    ['{"b64_json":"data:image/png"}'] = { 27, "a data URI that does not begin" },
    ['{"b64_json":"data:' .. ("x"):rep(100) .. '"}'] = { 77, "a data URI that does not begin" },
    ['{"b64_json":"dat!"}'] = { 16, "no base64 at character 3: not in the alphabet" },
    ['{"b64_json":"aGVs'] = { 17, "the reply ends in it: it was cut", "hel" },
    ['{"b64_json":"a'] = { 14, "the reply ends in it: it was cut" },
    ['{"b64_json":"aGVs\\u00'] = { 21, "the reply ends in it: it was cut", "hel" },
  } do
    it(("says where %q is wrong, however it is cut"):format(body:sub(1, 60)), function()
      cuts.each(body, function(pieces, cut)
        local seen = facts(window.split(pieces))
        assert.same({ "protocol", expected[1], "picture 1 of the reply: " .. expected[2] },
          { seen.err.kind, seen.err.offset, seen.err.message }, cut)
        assert.same({ expected[3] or "", "protocol", expected[1] },
          { seen[1], seen.again, seen.offset }, cut)
      end)
    end)
  end

  it("counts the picture that is wrong", function()
    local body = '{"b64_json":"aGk=","a":"b64_json","b64_json":"aGk"}{"b64_json":"?"'
    local _, err = window.split { body }
    assert.same("picture 3 of the reply: no base64 at character 0: not in the alphabet",
      err.message)
  end)

  it("keeps no more than its limit, to the byte, however it is cut", function()
    local body = '{"a":"bcd","b64_json":"aGVsbG8=","e":1}'
    local whole = assert(window.split { body })
    for max = 0, #whole.skeleton do
      local expected
      cuts.each(body, function(pieces, cut)
        local seen = facts(window.split(pieces, { max = max }))
        expected = expected or seen
        assert.same(expected, seen, cut)
      end)
      assert.same(whole.skeleton:sub(1, max), expected.skeleton)
      if max == #whole.skeleton then
        assert.is_nil(expected.err)
      else
        assert.same({ "too_big", expected.offset, "too_big" },
          { expected.err.kind, expected.err.offset, expected.again })
        assert.same(("the reply without its pictures is over %d bytes"):format(max),
          expected.err.message)
      end
    end
  end)

  it("takes 128 pictures and not one more", function()
    local one = '{"b64_json":"aGk="},'
    local result = assert(window.split { one:rep(128) })
    assert.same({ 128, "hi" }, { #result, result[128] })
    local _, err, partial = window.split { one:rep(129) }
    assert.same({ "too_big", "the reply has too many pictures", 128 * #one + 13 },
      { err.kind, err.message, err.offset })
    assert.same(128, #partial)
  end)

  it("stops where the sink refuses, with its word", function()
    local body = '{"b64_json":"' .. encode(("x"):rep(100)) .. '"}'
    for fail_at = 0, 99, 9 do
      cuts.each(body, function(pieces)
        local result, err, _, again = window.split(pieces, { fail_at = fail_at })
        assert.is_nil(result)
        assert.same({ "io", "the picture could not be put away", "io" },
          { err.kind, err.message, again })
      end)
    end
  end)

  it("hands over pieces of 16 KiB at most", function()
    local random = Random.new(2)
    local bytes = random:bytes(100000)
    local result = assert(window.split { '{"b64_json":"' .. encode(bytes) .. '"}' })
    assert.is_true(result[1] == bytes)
    assert.is_true(result.longest <= 16384 and result.longest > 8000)
  end)

  it("survives every failing allocation", function()
    local body = '{"x":"' .. ("y"):rep(2000) .. '","b64_json":"aGVsbG8=","z":1}'
    local n, without, left = 0, 0
    repeat
      n = n + 1
      window.fail_allocation(n)
      local result, err = window.split(cuts.pieces(body, 100))
      left = window.fail_allocation(0)
      if result then
        assert.same({ "hello", true }, { result[1], result.json })
        without = without + (left == 0 and 1 or 0)
      else
        assert.same("no_memory", err.kind)
      end
    until left > 0
    assert.is_true(n > 5)
    assert.same(1, without) -- the index of the skeleton is done without
  end)

  it("knows its placeholders from everything else", function()
    for text, number in pairs {
      ["<image 0>"] = 0, ["<image 7>"] = 7, ["<image 127>"] = 127, ["<image 128>"] = -1,
      ["<image 00>"] = -1, ["<image 01>"] = -1, ["<image >"] = -1, ["<image -1>"] = -1,
      ["<image 1"] = -1, ["<image 1>x"] = -1, ["image 1"] = -1, [""] = -1, ["<image 1x>"] = -1,
      ["<image 99999999999999999999>"] = -1, ["<image 1 >"] = -1, ["<image "] = -1,
    } do
      assert.same(number, window.split_placeholder(text), text)
    end
  end)

  it("finds the same in random bodies, whatever the cuts", function()
    local random = Random.new(64206)
    local words = { '"', "\\", "b64_json", '"b64_json"', ":", '"b64_json":"', "aGk=", "data:", ",",
      ";base64,", "\\u002b", "\\n", "{", "}", "AAAA", "=", " ", "\n", "\\u00", "\0", "\xFF" }
    for _ = 1, 3000 do
      local body = {}
      for i = 1, random:below(14) do body[i] = random:pick(words) end
      body = table.concat(body)
      local max = random:below(3) == 1 and random:below(40) or 1000
      local whole = facts(window.split({ body }, { max = max }))
      assert.same(whole, facts(window.split(cuts.bytes(body), { max = max })), body)
      local pieces = cuts.pieces(body, random:below(6))
      assert.same(whole, facts(window.split(pieces, { max = max })), body)
    end
  end)

  it("remembers nothing of a response once it is reset", function()
    local bodies = { "", "{}", '{"b64_json":"aGk="}', '{"b64_json":"aG', '{"b64_json":"!"}', "{",
      '"\\', '{"b64_js', ("["):rep(100), ("[1,"):rep(60) .. "1", "[" .. ("1,"):rep(5000) .. "1]",
      '{"a":"' .. ("x"):rep(10000) .. '"}', '[true,fal', '{"b64_json":"data:image/png;base64,aG' }
    for _, before in ipairs(bodies) do
      for _, body in ipairs(bodies) do
        for _, pieces in ipairs { { body }, #body < 100 and cuts.bytes(body) or nil } do
          local fresh = { window.split(pieces) }
          assert.same(fresh, { window.split(pieces, { before = before }) }, before .. "|" .. body)
        end
      end
    end
  end)

  it("is no slower where the text is full of escapes", function()
    local line = encode(("z"):rep(57)) .. "\\n"
    local body = '{"b64_json":"' .. line:rep(40000) .. '"}'
    local begin = os.clock()
    local result = assert(window.split { body })
    assert.is_true(os.clock() - begin < 2)
    assert.same(57 * 40000, #result[1])
  end)
end)
