-- SPDX-License-Identifier: MIT
-- Tests lua/gptimage/sandbox/json.lua.

local json = require "gptimage.sandbox.json"

describe("the sandbox's JSON", function()
  it("keeps apart what other readers make one", function()
    local value = json.decode('{"list":[],"object":{},"one":1,"float":1.0,"null":null,'
      .. '"big":9007199254740993}')
    assert.is_true(json.is_array(value.list))
    assert.is_false(json.is_array(value.object))
    assert.equal("integer", math.type(value.one))
    assert.equal("float", math.type(value.float))
    assert.equal(json.null, value.null)
    assert.equal(9007199254740993, value.big)
  end)

  it("writes what it has read, keys in their order", function()
    local text = '{"b":[1,-2.5,"x\\n\\"\\\\"],"a":{"z":null,"y":[],"x":{}},"t":true,"f":false}'
    assert.equal(text, json.encode(json.decode(text)))
  end)

  it("reads escapes and surrogate pairs", function()
    assert.equal("é/😀\n\u{7F}", json.decode('"\\u00e9\\/\\ud83d\\ude00\\n\u{7F}"'))
  end)

  it("writes in the styles that faults ask for", function()
    local value = json.object("b", "a/b", "a", json.array { 1 })
    assert.equal('{"b":"a\\/b","a":[1]}', json.encode(value, { escape_slashes = true }))
    assert.equal('{"a":[1],"b":"a/b"}', json.encode(value, { reverse_keys = true }))
    assert.equal('{\n  "b": "a/b",\n  "a": [\n    1\n  ]\n}', json.encode(value, { pretty = true }))
  end)

  local deep = ("["):rep(100) .. ("]"):rep(100)
  for _, text in ipairs { "", " ", "01", "+1", "1.", ".5", "-", "1e", "[1,]", "[1 2]", '{"a":1,}',
    '{"a" 1}', "{a:1}", "{'a':1}", "nul", "True", "1 2", "[1]x", '"a', '"\1"', '"\\x"', '"\\u12"',
    '"\\ud800"', '"\\udc00"', '"\\ud800\\u0041"', '"\255"', '"\xED\xA0\x80"', "NaN", "Infinity",
    "0x10", deep } do
    it(("refuses %q"):format(text:sub(1, 20)), function()
      local value, message = json.decode(text)
      assert.is_nil(value)
      assert.is_string(message)
    end)
  end
end)
