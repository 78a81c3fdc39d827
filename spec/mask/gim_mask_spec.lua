-- SPDX-License-Identifier: MIT
-- Tests src/mask/ through its test window, and lua/gptimage/mask.lua on top of it.

local cuts = require "spec.support.cuts"
local files = require "spec.support.files"
local gptimage = require "gptimage"
local mask = require "gptimage.mask"
local pictures = require "spec.support.pictures"
local program = require "spec.support.program"
local thumbnail = require "gptimage.sandbox.thumbnail"
local read_picture = require("gptimage.sandbox.pictures").read
local window = require "gptimage.mask_test"

local drawn = pictures.drawn

-- The alpha of each pixel of a PNG, as rows of "." (0), "#" (255) and "+": by the sandbox's own
-- decoder, which shares nothing with libpng.
local function shape_of(path)
  local bytes = files.read(path)
  local picture = read_picture(bytes)
  assert.is_nil(picture.problem)
  local cells = assert(thumbnail.make(bytes, picture, 4096))
  local rows = {}
  for y = 0, cells.rows - 1 do
    local row = {}
    for x = 1, cells.columns do
      local alpha = cells.alphas[y * cells.columns + x]
      row[x] = alpha == 0 and "." or alpha == 255 and "#" or "+"
    end
    rows[y + 1] = table.concat(row)
  end
  return table.concat(rows, "\n")
end

describe("gptimage.mask", function()
  local folder
  before_each(function() folder = files.folder() end)
  after_each(function() folder:close() end)

  local function at(name) return folder.path .. "/" .. name end

  it("is a part of gptimage", function()
    assert.equal(mask, gptimage.mask)
  end)

  it("makes rectangles", function()
    local path = assert(mask.rectangle { image_width = 6, image_height = 4, x = 1, y = 2,
      width = 3, height = 1, output = at "m.png" })
    assert.equal(at "m.png", path)
    assert.equal("######\n######\n#...##\n######", shape_of(path))
    local picture = read_picture(files.read(path))
    assert.same({ 6, 8 }, { picture.color, picture.depth }) -- RGBA, which every service reads
    assert.same({ "m.png" }, folder:files())
  end)

  it("leaves out what is outside of the picture", function()
    assert(mask.rectangle { image_width = 4, image_height = 3, x = -5, y = 1, width = 7,
      height = 2147483647, output = at "m.png" })
    assert.equal("####\n..##\n..##", shape_of(at "m.png"))
  end)

  it("makes ellipses by the centres of pixels", function()
    assert(mask.ellipse { image_width = 8, image_height = 7, x = 1, y = 1, width = 6, height = 5,
      output = at "m.png" })
    assert.equal("########\n##....##\n#......#\n#......#\n#......#\n##....##\n########",
      shape_of(at "m.png"))
  end)

  it("takes the size from a picture of any kind", function()
    for name, bytes in pairs { ["a.png"] = pictures.png { width = 9, height = 5 },
      ["b.jpg"] = pictures.jpeg(9, 5), ["c.webp"] = pictures.webp(9, 5) } do
      files.write(at(name), bytes)
      assert(mask.rectangle { image = at(name), x = 0, y = 0, width = 1, height = 1,
        output = at "m.png" })
      assert.same({ width = 9, height = 5, transparent = 1, opaque = 44, partial = 0 },
        (assert(mask.check { mask = at "m.png", image = at(name) })))
    end
  end)

  it("makes a mask of what is transparent already", function()
    files.write(at "cut.png", drawn "..##\n++##")
    assert(mask.from_alpha { image = at "cut.png", output = at "m.png" })
    assert.equal("..##\n..##", shape_of(at "m.png"))
    assert(mask.from_alpha { image = at "cut.png", threshold = 100, output = at "m.png" })
    assert.equal("..##\n####", shape_of(at "m.png"))
  end)

  it("inverts, also in place, and twice is as before", function()
    files.write(at "m.png", drawn ".###\n+#..")
    assert(mask.invert { mask = at "m.png", output = at "m.png" })
    assert.equal("#...\n+.##", shape_of(at "m.png"))
    assert(mask.invert { mask = at "m.png", output = at "m.png" })
    assert.equal(".###\n+#..", shape_of(at "m.png"))
    assert.same({ "m.png" }, folder:files())
  end)

  -- PNGs of all kinds with one transparent pixel: {bit depth, colour type, palette and
  -- transparency, rows}.
  local kinds = {
    ["1 bit of a palette"] = { 1, 3, { { "PLTE", "\0\0\0\255\255\255" }, { "tRNS", "\0" } },
      "\0\x7F" },
    ["2 bits of grey with a key"] = { 2, 0, { { "tRNS", "\0\0" } }, "\0\x3F\xFF" },
    ["8 bits of grey with alpha"] = { 8, 4, {}, "\0\9\0" .. ("\9\255"):rep(7) },
    ["8 bits of colour with a key"] = { 8, 2, { { "tRNS", "\0\1\0\2\0\3" } },
      "\0\1\2\3" .. ("\4\5\6"):rep(7) },
    ["16 bits of colour with alpha"] = { 16, 6, {},
      "\0" .. ("\0"):rep(8) .. ("\255"):rep(56) },
  }
  for name, kind in pairs(kinds) do
    it("reads " .. name, function()
      local chunks = ""
      for _, chunk in ipairs(kind[3]) do chunks = chunks .. pictures.chunk(chunk[1], chunk[2]) end
      files.write(at "a.png", pictures.SIGNATURE .. pictures.header(8, 1, kind[1], kind[2])
        .. chunks .. pictures.chunk("IDAT", pictures.store(kind[4])) .. pictures.chunk("IEND", ""))
      assert.same({ width = 8, height = 1, transparent = 1, opaque = 7, partial = 0 },
        (assert(mask.check { mask = at "a.png" })))
      assert.same({ width = 8, height = 1, transparent = true, opaque = true, partial = false,
        whole = false }, (assert(mask.look { data = files.read(at "a.png") })))
      assert(mask.from_alpha { image = at "a.png", output = at "m.png" })
      assert.equal(".#######", shape_of(at "m.png"))
    end)
  end

  -- Adam7 of 3 x 2 pixels of grey and alpha, the first one transparent: passes 1, 6, 6 and 7.
  local interlaced = pictures.SIGNATURE .. pictures.header(3, 2, 8, 4, true)
    .. pictures.chunk("IDAT", pictures.store("\0\9\0" .. "\0\9\255" .. "\0\9\255"
      .. "\0\9\255\9\255\9\255")) .. pictures.chunk("IEND", "")

  it("looks at interlaced masks, and says what to do to change them", function()
    files.write(at "i.png", interlaced)
    assert.same({ width = 3, height = 2, transparent = 1, opaque = 5, partial = 0 },
      (assert(mask.check { mask = at "i.png" })))
    local path, err = mask.invert { mask = at "i.png", output = at "m.png" }
    assert.is_nil(path)
    assert.equal("the PNG is interlaced: save it without that", err.message)
  end)

  it("is as deep as a photo without memory for it", function()
    local function resident()
      for line in io.lines "/proc/self/status" do
        local kilobytes = line:match("^VmHWM:%s+(%d+)")
        if kilobytes then return tonumber(kilobytes) end
      end
    end
    assert(mask.rectangle { image_width = 64, image_height = 64, x = 0, y = 0, width = 9,
      height = 9, output = at "m.png" })
    collectgarbage()
    local before = resident()
    assert(mask.ellipse { image_width = 6000, image_height = 4000, x = 100, y = 100, width = 3000,
      height = 3000, output = at "big.png" })
    assert(mask.invert { mask = at "big.png", output = at "big.png" })
    assert.is_true(resident() - before < 4096, resident() - before) -- 24 megapixels are 96 MB
  end)

  describe("refuses", function()
    local good = { image_width = 6, image_height = 4, x = 1, y = 1, width = 2, height = 2 }

    local function draw(change)
      local options = { output = at "m.png" }
      for _, part in ipairs { good, change } do
        for name, value in pairs(part) do options[name] = value end
      end
      return mask.rectangle(options)
    end

    local function refused(kind, message, path, err)
      assert.is_nil(path)
      assert.same({ kind, message, "no", false }, { err.kind,
        (err.message:gsub(folder.path:gsub("%p", "%%%0"), "F")), err.billed, err.retryable })
      assert.same({}, (function()
        local left = {}
        for _, name in ipairs(folder:files()) do
          if name == "m.png" or name:find("part$") then left[#left + 1] = name end
        end
        return left
      end)())
    end

    for name, case in pairs {
      ["a part that covers all"] = { { x = 0, y = 0, width = 6, height = 4 },
        "no pixel of the mask is opaque: nothing would stay as it is" },
      ["a part outside of the picture"] = { { x = 6 },
        "no pixel of the mask is wholly transparent: nothing would be painted anew" },
      ["a part without width"] = { { width = 0 }, "width and height of the part must be above 0, "
        .. "and all four numbers within 2147483647" },
      ["a part of less than no height"] = { { height = -1 }, "width and height of the part must "
        .. "be above 0, and all four numbers within 2147483647" },
      ["numbers that overflow"] = { { x = math.maxinteger }, "width and height of the part must "
        .. "be above 0, and all four numbers within 2147483647" },
      ["numbers that underflow"] = { { y = math.mininteger }, "width and height of the part must "
        .. "be above 0, and all four numbers within 2147483647" },
    } do
      it(name, function() refused("invalid", case[2], draw(case[1])) end)
    end

    it("more pixels than services take", function()
      refused("too_big",
        "23171 x 4 pixels; the services take 23170 at an edge and 178956970 in all",
        draw { image_width = 23171 })
      refused("too_big",
        "20000 x 20000 pixels; the services take 23170 at an edge and 178956970 in all",
        draw { image_width = 20000, image_height = 20000 })
    end)

    it("to write where it cannot", function()
      local path, err = draw { output = "/proc/nowhere/m.png" }
      assert.is_nil(path)
      assert.equal("io", err.kind)
      files.write(at "file", "x")
      assert.equal("io", select(2, draw { output = at "file/m.png" }).kind)
      assert.equal("invalid", select(2, draw { output = folder.path .. "/" }).kind)
      assert.equal("invalid", select(2, draw { output = at ".." }).kind)
      os.execute("mkdir " .. at "m.d")
      assert.equal("io", select(2, draw { output = at "m.d" }).kind)
    end)

    it("pictures that cannot be read", function()
      local function with(image)
        return mask.rectangle { image = image, x = 0, y = 0, width = 1, height = 1,
          output = at "m.png" }
      end
      refused("io", 'cannot open "F/none.png": No such file or directory', with(at "none.png"))
      refused("io", '"F" is no file', with(folder.path))
      os.execute("ln -s loop.png " .. at "loop.png; mkfifo " .. at "pipe.png")
      refused("io", 'cannot open "F/loop.png": Too many levels of symbolic links',
        with(at "loop.png"))
      refused("io", '"F/pipe.png" is no file', with(at "pipe.png"))
      local size = '"F/a.png" is no PNG, JPEG or WebP whose size can be read'
      for _, bytes in ipairs { "", "text", pictures.gif(3, 4), pictures.jpeg(3, 4):sub(1, 20) } do
        files.write(at "a.png", bytes)
        refused("invalid", size, with(at "a.png"))
      end
    end)

    -- What is wrong with a PNG, for all functions that read one.
    local function all_refuse(kind, message)
      refused(kind, message, mask.check { mask = at "a.png" })
      refused(kind, message, mask.look { mask = at "a.png" })
      refused(kind, message:gsub('^"F/a.png"', "it"), mask.look { data = files.read(at "a.png") })
      refused(kind, message, mask.invert { mask = at "a.png", output = at "m.png" })
      refused(kind, message, mask.from_alpha { image = at "a.png", output = at "m.png" })
    end

    it("what is no PNG with alpha", function()
      local function try(bytes, message, kind)
        files.write(at "a.png", bytes)
        all_refuse(kind or "invalid", message)
      end
      local whole = drawn ".##\n###"
      try("", '"F/a.png" is no PNG')
      try(pictures.jpeg(3, 2), '"F/a.png" is no PNG')
      try(whole:sub(1, 8), "the PNG is damaged: no header")
      try(pictures.png { width = 3, height = 2 },
        "the PNG has no alpha channel, so that nothing of it is transparent")
      try(whole:sub(1, 8) .. pictures.chunk("IEND", ""), "the PNG is damaged: no header")
      try(whole:sub(1, 8) .. pictures.header(0, 2, 8, 6), "the PNG is damaged: no pixels")
      local limits = " pixels; the services take 23170 at an edge and 178956970 in all"
      try(whole:sub(1, 8) .. pictures.header(60000, 60000, 8, 6),
        "the PNG declares 60000 x 60000" .. limits, "too_big")
      try(whole:sub(1, 8) .. pictures.header(0xFFFFFFFF, 1, 8, 6),
        "the PNG declares 4294967295 x 1" .. limits, "too_big")
      try(whole:gsub("IDAT", "IDAt", 1), "the PNG is damaged: IDAt: CRC error")
      try(whole:sub(1, 8) .. pictures.header(3, 2, 9, 6) .. whole:sub(34),
        "the PNG is damaged: Invalid IHDR data")
    end)

    it("masks that are all of one kind", function()
      files.write(at "a.png", drawn "...\n...")
      refused("invalid", "no pixel of the mask is opaque: nothing would stay as it is",
        mask.check { mask = at "a.png" })
      files.write(at "a.png", drawn "++#\n###")
      refused("invalid", "no pixel of the mask is opaque: nothing would stay as it is",
        mask.invert { mask = at "a.png", output = at "m.png" })
      refused("invalid",
        "no pixel of the mask is wholly transparent: nothing would be painted anew",
        mask.from_alpha { image = at "a.png", threshold = 9, output = at "m.png" })
    end)

    it("masks of another size than the picture", function()
      files.write(at "a.png", drawn ".##\n###")
      files.write(at "b.jpg", pictures.jpeg(3, 3))
      refused("invalid", "the mask has 3 x 2 pixels, the picture 3 x 3: they must be the same",
        mask.check { mask = at "a.png", image = at "b.jpg" })
    end)

    it("a PNG that ends at any byte, or has any byte changed, without harm", function()
      local whole = drawn ".##\n#+#"
      for n = 0, #whole - 1 do
        files.write(at "a.png", whole:sub(1, n))
        local path, err = mask.invert { mask = at "a.png", output = at "m.png" }
        assert.is_nil(path, n)
        assert.equal("invalid", err.kind)
        mask.look { data = whole:sub(1, n) }
      end
      for i = 1, #whole do
        files.write(at "a.png", whole:sub(1, i - 1) .. string.char(whole:byte(i) ~ 0x55)
          .. whole:sub(i + 1))
        local path, err = mask.from_alpha { image = at "a.png", output = at "m.png" }
        assert.is_nil(path, i)
        assert.truthy(err.kind == "invalid" or err.kind == "too_big")
        mask.look { data = files.read(at "a.png") }
      end
      assert.same({ "a.png" }, folder:files())
      for n = 1, #interlaced - 1 do
        files.write(at "a.png", interlaced:sub(1, n))
        assert.is_nil((mask.check { mask = at "a.png" }))
      end
    end)

    it("data of more rows than it declares as little as of fewer", function()
      local rows = pictures.store(("\0\1\2\3\0"):rep(1) .. ("\0\1\2\3\255"):rep(1))
      files.write(at "a.png", pictures.SIGNATURE .. pictures.header(1, 3, 8, 6)
        .. pictures.chunk("IDAT", rows) .. pictures.chunk("IEND", ""))
      assert.is_nil((mask.check { mask = at "a.png" }))
    end)
  end)

  describe("raises", function()
    local function message(f, options)
      local ok, text = pcall(f, options)
      assert.is_false(ok)
      return (text:gsub("^.-:%d+: ", ""))
    end

    it("where options are wrong, and names them", function()
      local part = { x = 1, y = 1, width = 1, height = 1, image_width = 2, image_height = 2,
        output = "m" }
      local function with(name, value)
        local copy = {}
        for key, old in pairs(part) do copy[key] = old end
        copy[name] = value
        return copy
      end
      assert.equal("bad argument #1 to 'rectangle' (table expected, got string)",
        message(mask.rectangle, "x"))
      assert.truthy(message(mask.ellipse, with("widht", 1)):find(
        "unknown option 'widht'; did you mean 'width'?", 1, true))
      assert.truthy(message(mask.rectangle, with("x", "1")):find("integer expected, got string", 1,
        true))
      assert.truthy(message(mask.rectangle, with("x", 1.5)):find("option 'x'", 1, true))
      assert.truthy(message(mask.rectangle, with("image", "a.png")):find("either image", 1, true))
      assert.truthy(message(mask.rectangle, with("image_width", 0)):find("1 and more", 1, true))
      assert.truthy(message(mask.rectangle, with("image_width", 1 << 40)):find("1 and more", 1,
        true))
      assert.truthy(message(mask.rectangle, with("output", "")):find("a file name is needed", 1,
        true))
      assert.truthy(message(mask.rectangle, with("output", "a\0b")):find("holds no NUL", 1, true))
      part.x = nil
      assert.truthy(message(mask.rectangle, part):find("say which part", 1, true))
      assert.truthy(message(mask.from_alpha, { image = "a", output = "b", threshold = 0 })
        :find("(option 'threshold': 1 to 255)", 1, true))
      assert.truthy(message(mask.check, {}):find("option 'mask'", 1, true))
      assert.truthy(message(mask.invert, { mask = "a" }):find("option 'output'", 1, true))
      for _, options in ipairs { {}, { mask = "a", data = "b" } } do
        assert.truthy(message(mask.look, options):find("either mask (a file) or data", 1, true))
      end
      assert.truthy(message(mask.look, { mask = "" }):find("option 'mask'", 1, true))
    end)

    it("at the line of the caller", function()
      local ok, text = pcall(function() mask.check {} end)
      assert.is_false(ok)
      assert.truthy(text:find("gim_mask_spec.lua:%d+: "))
    end)
  end)

  it("says when there is no memory, at every allocation, and leaves nothing behind", function()
    files.write(at "a.png", drawn ".##\n#+#")
    for name, make in pairs {
      check = function() return window.check { mask = at "a.png", image = at "a.png" } end,
      look = function() return window.look { mask = at "a.png" } end,
      ["look at bytes"] = function() return window.look { data = drawn ".##\n#+#" } end,
      invert = function() return window.invert { mask = at "a.png", output = at "m.png" } end,
      ellipse = function()
        return window.ellipse { image = at "a.png", x = 0, y = 0, width = 1, height = 1,
          output = at "m.png" }
      end,
    } do
      local n = 0
      repeat
        n = n + 1
        window.fail_allocation(n)
        local made, kind = make()
        local left = window.fail_allocation(0)
        if left == 0 and not made then
          assert.equal("no_memory", kind, name .. " " .. n)
          assert.same({ "a.png" }, folder:files())
        end
      until left > 0
      assert.is_true(n > 3, name)
      os.remove(at "m.png")
    end
  end)

  it("is read by the same bytes however they lie on disk", function()
    -- Chunks of data of one byte each: libpng asks for them one by one.
    local whole = drawn ".##\n#+#"
    local data = whole:match("IDAT(.*)....\0\0\0\0IEND")
    cuts.each(data, function(pieces)
      local chunks = {}
      for i, piece in ipairs(pieces) do chunks[i] = pictures.chunk("IDAT", piece) end
      files.write(at "a.png",
        whole:sub(1, 33) .. table.concat(chunks) .. pictures.chunk("IEND", ""))
      assert.same({ width = 3, height = 2, transparent = 1, opaque = 4, partial = 1 },
        (assert(mask.check { mask = at "a.png" })))
    end)
  end)
end)

describe("gptimage.mask without its module", function()
  it("says what brings it", function()
    local folder <close> = files.folder()
    files.write(folder.path .. "/x.lua", [[
      package.preload["gptimage.mask_core"] = function() error("no libpng here") end
      print(pcall(function() return require("gptimage").mask end))]])
    local run = program.run(folder.path .. "/x.lua", {})
    assert.truthy(run.output:find("false\tgptimage.mask needs the module gptimage.mask_core, which "
      .. "is built where libpng is", 1, true), run.output)
  end)
end)
