-- SPDX-License-Identifier: MIT
-- Tests lua/gptimage/sandbox/multipart.lua and spool.lua: what uploads pass through.

local cuts = require "spec.support.cuts"
local multipart = require "gptimage.sandbox.multipart"
local pictures = require "spec.support.pictures"
local spool = require "gptimage.sandbox.spool"

-- Feeds a body in pieces; parts as {name, filename, content_type, body}, or nil and a message.
local function read(pieces, content_type)
  local reader, message = multipart.reader(content_type or "multipart/form-data; boundary=b0undary",
    function(part)
      part.body = ""
      return function(bytes) part.body = part.body .. bytes end
    end)
  if not reader then
    return nil, message
  end
  for _, piece in ipairs(pieces) do
    reader:feed(piece)
  end
  return reader:finish()
end

describe("forms", function()
  it("are read the same however they are cut", function()
    local text = pictures.form { { "prompt", "a\r\nb" }, { "empty", "" },
      { "image[]", "\r\n--b0undar\r\n-", filename = "a.png", type = "image/png" },
      { "last", "\r\n" } }
    local expected = {
      { name = "prompt", body = "a\r\nb" }, { name = "empty", body = "" },
      { name = "image[]", filename = "a.png", content_type = "image/png",
        body = "\r\n--b0undar\r\n-" },
      { name = "last", body = "\r\n" },
    }
    cuts.each(text, function(pieces) assert.same(expected, (assert(read(pieces)))) end)
  end)

  it("may have a preamble, an epilogue, spaces, and quotes in names", function()
    local parts = assert(read({ "hello\r\n--x y  \r\ncontent-disposition: Form-Data; "
      .. 'filename="a\\"b.png"; name=file\r\nX-More: 1\r\n\r\nbytes\r\n--x y--\r\nbye' },
      'multipart/form-data; charset=utf-8; boundary="x y"'))
    assert.same({ { name = "file", filename = 'a"b.png', body = "bytes" } }, parts)
  end)

  it("that are none are refused, and with them what is cut off", function()
    assert.same({ nil, "no multipart boundary param in Content-Type" },
      { read({}, "multipart/form-data") })
    local broken = { nil, "multipart: NextPart: EOF" }
    for _, text in ipairs { "", "nothing", "--b0undary", "--b0undary\r\n\r\n\r\n--b0undary--",
      "--b0undaryX\r\n", '--b0undary\r\nContent-Disposition: form-data; name="a',
      '--b0undary\r\nContent-Disposition: attachment; name="a"\r\n\r\nx\r\n--b0undary--',
      "--b0undary\r\nX: " .. ("y"):rep(20000) } do
      assert.same(broken, { read { text } }, text:sub(1, 60))
    end
    local whole = pictures.form { { "a", "b" }, { "f", "g", filename = "h" } }
    for n = 0, #whole - 3 do
      assert.same(broken, { read { whole:sub(1, n) } }, n)
    end
  end)
end)

describe("the spool", function()
  it("gives back what was written, like a string", function()
    local all = spool.new()
    local blob, other = all:open(), all:open()
    local text = {}
    for i = 1, 200 do
      local piece = (("%d "):format(i)):rep(i * 7)
      blob:write(piece)
      other:write("x")
      text[i] = piece
    end
    text = table.concat(text)
    assert.equal(#text, #blob)
    assert.equal(200, #other)
    assert.equal(text, blob:sub(1))
    for _, range in ipairs { { 1, 0 }, { 1, 1 }, { -10 }, { 65530, 65545 }, { 65537, 131072 },
      { #text - 5, #text + 9 }, { #text + 1, #text + 2 }, { -5, -2 }, { 0, 3 } } do
      assert.equal(text:sub(range[1], range[2] or -1), blob:sub(range[1], range[2]))
    end
    assert.equal(("x"):rep(200), other:sub(1))
  end)

  it("uses blocks again that nobody holds", function()
    local all = spool.new()
    for _ = 1, 5 do
      all:keep(("y"):rep(1000000))
      collectgarbage()
      collectgarbage()
    end
    assert.is_true(all.blocks <= 32, all.blocks)
  end)
end)
