-- SPDX-License-Identifier: MIT
-- Tests src/core/gim_split_payload.c through the test window: payloads that are
-- long enough for vectors, in every cut and by every instruction set, against
-- programs that know nothing of each other (lua-cjson and LuaSocket's mime; the
-- system's base64).
local window = require "gptimage.core_test"
local cjson = require "cjson"
local mime = require "mime"
local cuts = require "spec.support.cuts"
local Random = require "spec.support.random"

local random = Random.new(20)
local POOL = random:bytes(60000)

local function some_bytes(n)
  local at = random:below(#POOL - n)
  return POOL:sub(at, at + n - 1)
end

-- Ways in which services and proxies write base64 into JSON.
local WAYS = {
  function(text) return text end,
  function(text) return (text:gsub("/", "\\/")) end,
  function(text)
    return (text:gsub("[+/=]", function(c) return ("\\u%04x"):format(c:byte()) end))
  end,
  function(text) return (text:gsub(("."):rep(76), "%0\\n")) end,
  function(text)
    text = text:gsub(("."):rep(random:below(90)), "%0\n")
    return (text:gsub("/", "\\/"):gsub("\n", "\\r\\n"))
  end,
  function(text)
    return (text:gsub(".", function(c)
      return random:below(9) == 1 and ("\\u%04X"):format(c:byte()) or nil
    end))
  end,
  function(text)
    local often = random:below(70)
    return (text:gsub(".", function(c)
      return random:below(often) == 1 and (c == "/" and "\\/" or c .. "\\n") or nil
    end))
  end,
}

local function write(bytes)
  return random:pick(WAYS)((mime.b64(bytes)))
end

-- What the same body gives to others: its JSON, and each payload's bytes.
local function judge(body)
  local pictures = {}
  for i, item in ipairs(cjson.decode(body).data) do
    pictures[i] = mime.unb64((item.b64_json:gsub("[\r\n]", ""):gsub("^data:.-,", "")))
  end
  return pictures
end

local function body_of(sizes)
  local items = {}
  for i, size in ipairs(sizes) do
    items[i] = ('{"revised_prompt":"a \\"b64_json\\" \\/ \\u00e9","b64_json":"%s%s"}'):format(
      random:below(8) == 1 and "data:image\\/png;base64," or "", write(some_bytes(size)))
  end
  return ('{"created":1,"data":[%s],"usage":null}'):format(table.concat(items, ","))
end

local function random_pieces(body)
  if random:below(4) == 1 then return { body } end
  local pieces, at, most = {}, 1, random:below(6) == 1 and 7 or #body
  while at <= #body do
    local n = random:below(most)
    pieces[#pieces + 1] = body:sub(at, at + n - 1)
    at = at + n
  end
  return pieces
end

local function facts(result, err, partial)
  local seen = { err = err, table.unpack(result or partial) }
  seen.skeleton, seen.offset = (result or partial).skeleton, (result or partial).offset
  return seen
end

describe("gim_split_payload", function()
  it("gives what cjson and mime make of 10,000 random bodies, in random pieces, by every "
    .. "instruction set", function()
    local simds = window.simds()
    for round = 1, 10000 do
      local sizes = {}
      for i = 1, random:below(3) do
        sizes[i] = random:below(round % 100 == 0 and 20000 or round % 3 == 0 and 12 or 300)
      end
      local body = body_of(sizes)
      local expected = judge(body)
      for _, simd in ipairs(simds) do
        local result = assert(window.split(random_pieces(body), { simd = simd }))
        assert(#result == #expected)
        for i, bytes in ipairs(expected) do
          if result[i] ~= bytes then assert.same(bytes, result[i], simd .. ": " .. body) end
        end
      end
    end
  end)

  it("finds the same fault at the same byte in 3,000 spoilt bodies", function()
    for _ = 1, 3000 do
      local body = body_of { random:below(200), random:below(200) }
      local at = random:below(#body)
      local bad = random:pick { "\\", '"', "=", "!", "\0", "\xFF", "\\/", "\\u0021", "\\x", "\n",
        "A", "" }
      body = body:sub(1, at - 1) .. bad .. body:sub(at + 1)
      local expected = facts(window.split({ body }, { simd = "scalar" }))
      for _, simd in ipairs(window.simds()) do
        local pieces = random_pieces(body)
        assert.same(expected, facts(window.split(pieces, { simd = simd })), body)
      end
    end
  end)

  for number, way in ipairs(WAYS) do
    it("does not see where a body is cut, written in way " .. number, function()
      local bytes = some_bytes(170)
      local body = ('{"data":[{"b64_json":"%s"}]}'):format(way((mime.b64(bytes))))
      assert.same({ bytes }, judge(body))
      for _, simd in ipairs(window.simds()) do
        cuts.each(body, function(pieces, cut)
          local result = assert(window.split(pieces, { simd = simd }))
          if result[1] ~= bytes then assert.same(bytes, result[1], simd .. " " .. cut) end
        end)
      end
    end)
  end

  it("gives what the system's base64 gives", function()
    local path = os.tmpname()
    for _, size in ipairs { 0, 1, 2, 3, 57, 4095, 16384, 50000 } do
      local bytes = some_bytes(size)
      local file = assert(io.open(path, "wb"))
      file:write(bytes)
      file:close()
      local output = assert(io.popen("base64 " .. path))
      local text = output:read "a"
      output:close()
      for _, way in ipairs(WAYS) do
        local body = '{"b64_json":"' .. way((text:gsub("\n", ""))) .. '\\n"}'
        local raw = '{"b64_json":"' .. text .. '\n"}'
        for _, simd in ipairs(window.simds()) do
          assert.is_true(bytes == window.split({ body }, { simd = simd })[1])
          assert.is_true(bytes == window.split({ raw }, { simd = simd })[1])
        end
      end
    end
    os.remove(path)
  end)

  it("says where text is bad behind thousands of escapes, to the byte", function()
    for _, escape in ipairs { "\\/", "\\u002f", "\\n", "/" } do
      for _, length in ipairs { 1, 100, 4096, 4097, 9000, 30000 } do
        local text = ("AAA" .. escape):rep(length)
        local body = '{"b64_json":"' .. text .. '\\u0021AAAA"}'
        for _, simd in ipairs(window.simds()) do
          for _, pieces in ipairs { { body }, cuts.pieces(body, 16384), cuts.pieces(body, 999) } do
            local _, err = window.split(pieces, { simd = simd })
            assert.same(13 + #text, err.offset)
          end
        end
      end
    end
  end)

  it("does not see where a body full of escaped slashes is cut, nor an escape in it", function()
    local bytes = some_bytes(900)
    local text = mime.b64(bytes):gsub("[/w]", "/")
    local escaped = text:gsub("/", "\\/")
    for _, escape in ipairs { "", "\\/", "\\u002b", "\\u002F", "\\\\/", "\\", "\\u00",
      "\\/\\/\\/\\/" } do
      for _, place in ipairs { 4, 700, 730, 1100 } do
        local at = escaped:find("\\/", place, true)
        local body = ('{"b64_json":"%s%s%s"}'):format(escaped:sub(1, at - 1), escape,
          escaped:sub(at))
        local expected = facts(window.split({ body }, { simd = "scalar" }))
        if escape == "" then assert.same(mime.unb64(text), expected[1]) end
        if escape:find "^\\\\" and escape ~= "\\" then
          assert.same(13 + at - 1, expected.err.offset)
        end
        for _, simd in ipairs(window.simds()) do
          for cut = 12 + at - 70, 12 + at + 70 do
            if cut > 0 then
              local pieces = { body:sub(1, cut), body:sub(cut + 1) }
              assert.same(expected, facts(window.split(pieces, { simd = simd })))
            end
          end
        end
      end
    end
  end)
end)
