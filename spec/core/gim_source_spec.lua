-- SPDX-License-Identifier: MIT
-- Tests src/core/gim_source.c through the test window: what a picture is called, and sent as.
local pictures = require "spec.support.pictures"
local source = require "gptimage.core_test".source

local PNG, JPEG = pictures.png { width = 8, height = 8 }, pictures.jpeg(8, 8)
local WEBP, GIF = pictures.webp(8, 8), pictures.gif(8, 8)

describe("what a string is", function()
  it("is a link where it begins with http:// or https://, in any case", function()
    for _, text in ipairs { "http://", "https://", "HTTP://a", "hTTpS://a.b/c.png" } do
      assert.is_true(source { file = text }.link, text)
    end
    for _, text in ipairs { "", "http", "http:/", "http:/a", "https:/", "./https://a", " http://a",
      "ftp://a", "httpx://a", "photo.png", "data:image/png;base64,AA" } do
      assert.is_false(source { file = text }.link, text)
    end
    local whole = "https://"
    for cut = 0, #whole do
      assert.same(cut == #whole, source { file = whole:sub(1, cut) }.link)
    end
  end)

  it("is a path where it can be opened", function()
    for _, text in ipairs { "a", "/tmp/ä b.png", ("x"):rep(4095), "\xFF\xFE" } do
      assert.is_true(source { file = text }.path)
    end
    for _, text in ipairs { "", "a\0.png", "a\nb", "\127", "\31", ("x"):rep(4096) } do
      assert.is_false(source { file = text }.path)
    end
  end)

  it("is called by its field, and its number where it has one", function()
    assert.same("images[12]", source { file = "a", number = 12 }.title)
    assert.same("mask", source { file = "a", field = "mask", number = 0 }.title)
    assert.same("image_urls[3]",
      source { link = "http://a", field = "image_urls", number = 3 }.title)
  end)
end)

describe("the name that a service is told", function()
  it("is the plain base name, with the ending of what the bytes are", function()
    for path, name in pairs {
      ["photo.png"] = "photo.png", ["/a/b/photo.png"] = "photo.png", ["PHOTO.PNG"] = "PHOTO.PNG",
      ["photo"] = "photo.png", ["photo.jpg"] = "photo.png", ["photo.tar.gz"] = "photo.tar.gz.png",
      ["my photo (1).png"] = "my_photo_1_.png", ["фото.png"] = "image-1.png",
      ["../../etc/passwd"] = "passwd.png", [".png"] = "png.png", ["..png"] = "image-1.png",
      ["-rf.png"] = "rf.png", [".hidden.png"] = "hidden.png", ["a/"] = "image-1.png",
      ['"; x=".png'] = "_x_.png", ["a\\b.png"] = "a_b.png", ["über.png"] = "_ber.png",
      [("x"):rep(300) .. ".png"] = ("x"):rep(82) .. ".png",
    } do
      assert.same(name, source { file = path, head = PNG }.name, path)
    end
    assert.same("a.jpg", source { file = "a.jpg", head = JPEG }.name)
    assert.same("a.JPEG", source { file = "a.JPEG", head = JPEG }.name)
    assert.same("a.jpeg", source { file = "a.png", head = JPEG }.name)
    assert.same("a.webp", source { file = "a.jpeg", head = WEBP }.name)
    assert.same("a.gif", source { file = "a", head = GIF }.name)
  end)

  it("comes from the caller's name of bytes, from whatever system", function()
    assert.same("a.png", source { bytes = PNG, head = PNG, name = "C:\\pictures\\a.png" }.name)
    assert.same("a.webp", source { bytes = WEBP, head = WEBP, name = "/x/a.png" }.name)
    assert.same("image-7.webp", source { bytes = WEBP, head = WEBP, number = 7 }.name)
    assert.same("mask.png", source { bytes = PNG, head = PNG, field = "mask", number = 0 }.name)
  end)

  it("comes from a link's path, not from its host or query", function()
    for link, name in pairs {
      ["https://a.b/c/photo.png"] = "photo.png", ["https://a.b/photo.jpg?x=/y.gif"] = "photo.png",
      ["https://a.b/d#e.png"] = "d.png", ["https://a.b"] = "image-1.png",
      ["https://a.b/"] = "image-1.png", ["https://a.b?c/d.png"] = "image-1.png",
      ["https://a.b/x/"] = "image-1.png", ["https:///"] = "image-1.png",
    } do
      assert.same(name, source { link = link, head = PNG }.name, link)
    end
  end)

  it("never makes application/octet-stream of it", function()
    for head, mime in pairs { [PNG] = "image/png", [JPEG] = "image/jpeg", [WEBP] = "image/webp",
      [GIF] = "image/gif" } do
      for _, path in ipairs { "a", "a.png", "a.bin", "a.avif" } do
        assert.same(mime, source { file = path, head = head }.mime)
      end
    end
    -- What is sent unknown, with strict = false, keeps its ending, or is called what gateways take.
    for path, pair in pairs { ["a.avif"] = { "a.avif", "image/avif" },
      ["a.HEIC"] = { "a.HEIC", "image/heic" }, ["a.tif"] = { "a.tif", "image/tiff" },
      ["a.jpg"] = { "a.jpg", "image/jpeg" }, ["a"] = { "a.png", "image/png" },
      ["a.exe"] = { "a.exe.png", "image/png" } } do
      local it = source { file = path, head = "something else" }
      assert.same(pair, { it.name, it.mime }, path)
    end
  end)

  it("is short, plain and has a name before its ending, whatever it is made from", function()
    local random = require("spec.support.random").new(7)
    for _ = 1, 2000 do
      local bytes = {}
      for i = 1, random:below(120) do bytes[i] = string.char(random:below(255)) end
      local name = source { file = table.concat(bytes), head = PNG }.name
      assert.matches("^[%w_][%w._-]*%.[pP][nN][gG]$", name)
      assert.is_true(#name < 88)
    end
  end)
end)
