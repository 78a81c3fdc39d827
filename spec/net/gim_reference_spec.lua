-- SPDX-License-Identifier: MIT
-- Tests src/net/gim_reference.c through the test window: what is seen of a file or of bytes.
local files = require "spec.support.files"
local window = require "gptimage.core_test"
local pictures = require "spec.support.pictures"

local folder

before_each(function() folder = files.folder() end)
after_each(function() folder:close() end)

local function facts(seen)
  return { seen.trouble, seen.type, seen.width, seen.height, seen.alpha, seen.size, seen.mime }
end

describe("gim_reference sees", function()
  local cases = {
    ["an opaque PNG"] = { pictures.png { width = 64, height = 48 }, "png", 64, 48, false,
      "image/png" },
    ["a PNG with alpha"] = { pictures.png { width = 7, height = 9, alpha = true }, "png", 7, 9,
      true, "image/png" },
    ["a JPEG"] = { pictures.jpeg(640, 480), "jpeg", 640, 480, false, "image/jpeg" },
    ["a WebP"] = { pictures.webp(31, 33), "webp", 31, 33, false, "image/webp" },
    ["a GIF"] = { pictures.gif(12, 13), "gif", 12, 13, false, "image/gif" },
  }
  for name, case in pairs(cases) do
    it(name .. ", in a file and in memory alike", function()
      local bytes, kind, width, height, alpha, mime = table.unpack(case)
      local expected = { "fine", kind, width, height, alpha, #bytes, mime }
      assert.same(expected, facts(window.look { path = folder:write("a." .. kind, bytes) }))
      assert.same(expected, facts(window.look { data = bytes }))
    end)
  end

  it("which file it is, and when it was written", function()
    local path = folder:write("a.png", pictures.png { width = 2, height = 2 })
    folder:shell "ln a.png b.png; ln -s b.png c.png; cp a.png d.png; touch -d @1700000000.25 a.png"
    local seen = window.look { path = path }
    assert.equal(1700000000250000000, seen.modified_ns)
    for _, name in ipairs { "b.png", "c.png" } do
      local other = window.look { path = folder.path .. "/" .. name }
      assert.same({ seen.device, seen.inode, seen.size, seen.modified_ns },
        { other.device, other.inode, other.size, other.modified_ns })
    end
    assert.not_equal(seen.inode, window.look { path = folder.path .. "/d.png" }.inode)
  end)

  it("a header that stands behind much else, and reads no more than it needs", function()
    local far = pictures.SIGNATURE .. pictures.header(8, 8, 8, 2)
      .. pictures.chunk("iCCP", ("x"):rep(300000)) .. pictures.chunk("tRNS", "\0\0\0\0\0\0")
    local bytes = far .. pictures.chunk("IDAT", ("y"):rep(5000000))
    local seen = window.look { path = folder:write("far.png", bytes) }
    assert.same({ "fine", "png", 8, 8, true, #bytes, "image/png" }, facts(seen))
    assert.is_true(seen.settled)
    assert.is_false(seen.whole)
  end)

  it("no more than a beginning, where the header never ends", function()
    for name, bytes in pairs {
      ["small chunks"] = pictures.SIGNATURE .. pictures.header(8, 8, 8, 2)
        .. pictures.chunk("tEXt", ""):rep(200000),
      ["fill bytes"] = "\255\216" .. ("\255"):rep(3000000),
      ["markers"] = "\255\216" .. ("\255\208"):rep(1500000),
    } do
      for _, seen in ipairs { window.look { path = folder:write("endless", bytes) },
        window.look { data = bytes } } do
        assert.same({ name, #bytes, false, false }, { name, seen.size, seen.settled, seen.whole })
      end
    end
  end)

  it("a header whose parts stand far from each other", function()
    local segment = "\255\225" .. (">s2"):pack(("x"):rep(65533)):gsub("^..", "\255\255")
    local jpeg = pictures.jpeg(32, 24)
    for _, bytes in ipairs { jpeg:sub(1, 2) .. segment:rep(100) .. jpeg:sub(3),
      pictures.SIGNATURE .. pictures.header(32, 24, 8, 2)
        .. pictures.chunk("iCCP", ("x"):rep(9000000)) .. pictures.chunk("IDAT", "") } do
      for _, seen in ipairs { window.look { path = folder:write("far", bytes) },
        window.look { data = bytes } } do
        assert.same({ 32, 24, true }, { seen.width, seen.height, seen.settled })
      end
    end
    local cut = pictures.SIGNATURE .. pictures.header(8, 8, 8, 2)
      .. pictures.chunk("iCCP", ("x"):rep(3000000))
    for n = #cut - 5, #cut do
      local seen = window.look { data = cut:sub(1, n) }
      assert.same({ 8, true, false }, { seen.width, seen.whole, seen.settled })
    end
  end)

  local MEGABYTE = 1024 * 1024
  local EXIF = "\xFF\xD8" .. "\xFF\xE1" .. (">s2"):pack("Exif\0\0\xFF\xD8thumbnail\xFF\xD9..")
    :gsub("^..", function(length) return (">I2"):pack((">I2"):unpack(length) + 2) end)

  -- A picture of `type` with about `n` bytes, as cameras and editors make them.
  local function large(type, n)
    if type == "png" then
      local pieces = { pictures.SIGNATURE, pictures.header(64, 48, 8, 2) }
      for _ = 1, n // 8192 + 1 do
        pieces[#pieces + 1] = (">I4"):pack(8192) .. "IDAT" .. ("z"):rep(8192) .. "\0\0\0\0"
      end
      return table.concat(pieces) .. pictures.chunk("IEND", "")
    elseif type == "jpeg" then
      return EXIF .. pictures.jpeg(64, 48, n):sub(3)
    end
    local data = ("z"):rep(n)
    local body = pictures.webp(64, 48):sub(9) .. "VP8 " .. ("<s4"):pack(data)
    return "RIFF" .. ("<s4"):pack(body)
  end

  local function is_cut(bytes)
    local file = window.look { path = folder:write("large", bytes) }
    assert.same({ "fine", 64, 48 }, { file.trouble, file.width, file.height })
    assert.equal(file.cut, window.look { data = bytes }.cut)
    return file.cut
  end

  for _, type in ipairs { "png", "jpeg", "webp" } do
    it("that a " .. type .. " has no end, be it small or large", function()
      for _, n in ipairs { 20, 5000, MEGABYTE, 3 * MEGABYTE } do
        local bytes = large(type, n)
        assert.is_false(is_cut(bytes), n)
        for _, short in ipairs { 1, 2, 9, 19, n // 2, n } do
          assert.is_true(is_cut(bytes:sub(1, -1 - short)), n .. " without " .. short)
        end
      end
    end)

    it("that a " .. type .. " has an end with something behind it", function()
      for _, n in ipairs { 20, 5000, 3 * MEGABYTE } do
        local bytes = large(type, n)
        for _, behind in ipairs { 1, 32, 33, 300000 } do
          assert.is_false(is_cut(bytes .. ("\0"):rep(behind)), n .. " and " .. behind)
        end
      end
      -- The mark across the pieces that it is looked for in.
      for behind = MEGABYTE - 40, MEGABYTE - 20 do
        assert.is_false(is_cut(large(type, 100) .. ("\0"):rep(behind)))
      end
    end)
  end

  it("no missing end where the type has none, or the size is not there", function()
    local stream = "RIFF\0\0\0\0" .. large("webp", 3 * MEGABYTE):sub(9)
    assert.is_false(is_cut(stream:sub(1, -100)))
    assert.is_false(is_cut(pictures.gif(64, 48)))
    assert.is_false(window.look { data = large("png", 20):sub(1, 20) }.cut)
  end)

  it("what is cut, empty or no picture", function()
    local png = pictures.png { width = 64, height = 48 }
    for _, bytes in ipairs { "", "\137", png:sub(1, 11), "hello, this is no picture at all" } do
      for _, seen in ipairs { window.look { path = folder:write("x", bytes) },
        window.look { data = bytes } } do
        assert.same({ true, "fine", #bytes, true }, { seen.seen, seen.trouble, seen.size,
          seen.whole })
        assert.is_nil(seen.type)
        assert.not_equal("application/octet-stream", seen.mime)
      end
    end
    local cut = window.look { path = folder:write("x", png:sub(1, 20)) }
    assert.same({ "png", 0, 0, true }, { cut.type, cut.width, cut.height, cut.whole })
  end)

  it("nothing of a link", function()
    local seen = window.look { link = "https://example.com/a.png" }
    assert.same({ false, "fine" }, { seen.seen, seen.trouble })
  end)
end)

describe("gim_reference says why a file cannot be read:", function()
  local function trouble(path) return window.look { path = path }.trouble end

  it("it is not there", function()
    folder:write("file", "x")
    assert.equal("missing", trouble(folder.path .. "/none.png"))
    assert.equal("missing", trouble(folder.path .. "/no/folder.png"))
    assert.equal("missing", trouble(folder.path .. "/file/below.png"))
    folder:shell "ln -s none.png dangling.png"
    assert.equal("missing", trouble(folder.path .. "/dangling.png"))
  end)

  it("links lead to each other", function()
    folder:shell "ln -s a.png b.png; ln -s b.png a.png"
    assert.equal("loop", trouble(folder.path .. "/a.png"))
  end)

  it("it is a folder", function()
    assert.equal("directory", trouble(folder.path))
    assert.equal("directory", trouble(folder.path .. "/."))
  end)

  it("it is a pipe or a socket, which is not waited for", function()
    folder:shell "mkfifo pipe.png"
    assert.equal("special", trouble(folder.path .. "/pipe.png"))
    local listener = require "cqueues.socket".listen { path = folder.path .. "/socket.png" }
    assert(listener:listen())
    assert.equal("special", trouble(folder.path .. "/socket.png"))
    listener:close()
  end)

  it("nobody may read it", function()
    local path = folder:write("closed.png", pictures.png { width = 2, height = 2 })
    folder:shell "chmod 000 closed.png"
    local file = io.open(path, "rb")
    if file then -- by root, who may
      file:close()
      assert.equal("fine", trouble(path))
    else
      assert.equal("denied", trouble(path))
    end
  end)

  it("its path is none", function()
    for _, path in ipairs { "", "a\0b", "a\nb.png", ("x"):rep(4096) } do
      assert.is_false(window.look { path = path }.seen)
    end
    assert.equal("unreadable", trouble(("x"):rep(1000)))
  end)

  it("and leaves no descriptor open", function()
    folder:shell "mkfifo pipe.png; ln -s l.png l.png"
    folder:write("a.png", pictures.png { width = 2, height = 2 })
    local before = window.open_fds()
    for _, name in ipairs { "a.png", "pipe.png", "l.png", "none", "" } do
      window.look { path = folder.path .. "/" .. name }
    end
    assert.equal(before, window.open_fds())
  end)
end)
