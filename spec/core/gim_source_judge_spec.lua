-- SPDX-License-Identifier: MIT
-- Tests src/core/gim_source_judge.c through the test window: what is wrong with a picture by what
-- was seen of it. Nothing is opened here.
local window = require "gptimage.core_test"
local judge = window.judge_source

local TWO, BETA = "gpt-image-2", "gpt-image-2-beta"

local function chunk(kind, data)
  return string.pack(">I4", #data) .. kind .. data .. "\1\2\3\4"
end

local function png(width, height, colour, more)
  return "\x89PNG\r\n\x1A\n" .. chunk("IHDR", string.pack(">I4I4BBBBB", width, height, 8,
    colour or 2, 0, 0, 0)) .. (more or "") .. chunk("IDAT", "")
end

local function jpeg(width, height)
  return "\xFF\xD8\xFF\xE0\0\4ab\xFF\xC0\0\17\8" .. string.pack(">I2I2", height, width)
    .. "\3" .. ("\1\x11\0"):rep(3)
end

local function webp(width, height)
  local data = string.pack("<I4I3I3", 0, width - 1, height - 1)
  return "RIFF" .. string.pack("<I4", #data + 12) .. "WEBPVP8X" .. string.pack("<I4", #data) .. data
end

local GIF = "GIF89a" .. string.pack("<I2I2", 8, 8) .. "\0\0\0;"
local PNG, ALPHA, JPEG, WEBP = png(64, 48), png(64, 48, 6), jpeg(64, 48), webp(64, 48)

local function rules(list)
  local names = {}
  for i, issue in ipairs(list) do names[i] = issue.rule end
  return table.concat(names, " ")
end

-- Issues, warnings and the first issue of a file with these first bytes.
local function look(seen, rule)
  rule = rule or {}
  rule.model = rule.model or TWO
  if seen.whole == nil then seen.whole = true end
  seen.file = seen.file or not (seen.bytes or seen.link) and "a.png" or nil
  local issues, warnings, err = judge(seen, rule)
  assert.same(#issues > 0, err ~= nil)
  return rules(issues), rules(warnings), issues[1], err
end

-- The same, but issues and warnings alone.
local function both(seen, rule)
  local names, warnings = look(seen, rule)
  return { names, warnings }
end

describe("a file", function()
  it("is well where it is a png, jpeg or webp", function()
    for path, head in pairs { ["a.png"] = PNG, ["a.jpg"] = JPEG, ["a.jpeg"] = JPEG,
      ["a.webp"] = WEBP, ["a"] = PNG } do
      assert.same({ "", "" }, both { file = path, head = head })
    end
  end)

  it("is refused where it could not be looked at, whatever strict says", function()
    for trouble, rule in ipairs { "missing", "link_loop", "unreadable", "directory", "not_a_file",
      "unreadable" } do
      for _, loose in ipairs { false, true } do
        local names, warnings, issue, err = look({ file = "x/a.png", trouble = trouble,
          number = 2 }, { loose = loose })
        assert.same({ rule, "", "images[2]", "x/a.png" },
          { names, warnings, issue.field, issue.got })
        assert.same({ "invalid", "images[2]" }, { err.kind, err.field })
        assert.same(issue.message .. "; got x/a.png", err.message)
      end
    end
  end)

  it("may pass where nobody could open it; other problems with it do not", function()
    for _, loose in ipairs { false, true } do
      local names, warnings, _, err = look({ file = "a.png", trouble = 7 }, { loose = loose })
      assert.same({ "exhausted", "" }, { names, warnings })
      assert.same({ "io", true }, { err.kind, err.retryable })
      assert.truthy(err.message:find("ulimit -n", 1, true))
    end
  end)

  it("is refused where it is empty, or its path is none, whatever strict says", function()
    for _, loose in ipairs { false, true } do
      assert.same("empty", (look({ file = "a.png", head = "" }, { loose = loose })))
      assert.same("empty", (look({ bytes = "", head = "" }, { loose = loose })))
      assert.same("empty", (look({ file = "" }, { loose = loose })))
      assert.same("bytes", (look({ file = "a\0b.png" }, { loose = loose })))
      for _, bytes in ipairs { PNG, JPEG, WEBP, GIF } do
        assert.same("bytes", (look({ file = bytes }, { loose = loose })))
      end
      assert.same("control_character", (look({ file = "a\nb.png" }, { loose = loose })))
      assert.same("path", (look({ file = ("x"):rep(4096) }, { loose = loose })))
    end
    assert.same("", (look { file = ("x"):rep(4095) }))
  end)

  it("is left alone where nobody looked", function()
    assert.same({ "", "" }, both { file = "a.gif" })
    assert.same({ "", "" }, both { bytes = "x" })
  end)

  it("is refused where its bytes are no picture, or a gif, unless strict is false", function()
    local names, _, issue = look { file = "a.png", head = "<html>not found</html>" }
    assert.same({ "image_format", "png, jpeg, webp" }, { names, issue.nearest })
    names, _, issue = look { file = "a.gif", head = GIF }
    assert.same({ "image_format", "gif" }, { names, issue.got })
    assert.same({ "", "image_format" }, both({ file = "a.gif", head = GIF }, { loose = true }))
    assert.same({ "", "image_format" }, both({ head = "?" }, { loose = true }))
  end)

  it("is refused where it ends or breaks within its header, at every cut", function()
    for name, head in pairs { png = PNG, jpeg = JPEG, webp = WEBP } do
      local seen = {}
      for cut = 1, #head do
        local names = look { file = "a." .. name, head = head:sub(1, cut) }
        seen[#seen + 1] = names
        if seen[#seen] == seen[#seen - 1] then seen[#seen] = nil end
        -- Where the look ended before the file did nobody knows.
        assert.is_true(names ~= "truncated" or "" == look { file = "a." .. name,
          head = head:sub(1, cut), whole = false, size = 1 << 20 })
      end
      assert.same({ "image_format", "truncated", "" }, seen, name)
    end
    assert.same("truncated", (look { head = PNG:gsub("IHDR", "IHDX") }))
    assert.same({ "", "truncated" }, both({ file = "a.jpg", head = JPEG:sub(1, 12) },
      { loose = true }))
    assert.same("truncated", (look { head = png(0, 48) }))
  end)

  it("is sent with a warning where it has no end", function()
    for type, head in pairs { png = PNG, jpeg = JPEG, webp = WEBP } do
      local seen = { file = "a." .. type, head = head, cut = true }
      assert.same({ "", "truncated" }, both(seen))
      local _, warning = judge(seen, { model = TWO })
      assert.same({ "images[1]", "the " .. type .. " has no end: it may have been cut" },
        { warning[1].field, warning[1].message })
    end
    assert.same({ "", "truncated" }, both({ head = ALPHA, field = "mask", number = 0, cut = true },
      { mask = true }))
    assert.same({ "mask_damaged", "" }, both({ head = ALPHA, field = "mask", number = 0, cut = true,
      pixels = 3 }, { mask = true }))
  end)

  it("has at most 50 MB, whichever megabytes those are", function()
    for _, model in ipairs { TWO, BETA, "new" } do
      for size, expected in pairs { [50000000] = { "", "" }, [50000001] = { "", "too_big" },
        [52428800] = { "", "too_big" }, [52428801] = { "too_big", "" },
        [1 << 40] = { "too_big", "" } } do
        assert.same(expected, both({ head = PNG, size = size }, { model = model }))
      end
    end
    assert.same({ "", "too_big" }, both({ head = PNG, size = 52428801 }, { loose = true }))
    assert.same("52428801 bytes", select(3, look { head = PNG, size = 52428801 }).got)
  end)

  it("declares no more pixels than services decode", function()
    for _, case in ipairs { { 23170, 7723, "" }, { 23171, 1, "edge_max" }, { 1, 23171, "edge_max" },
      { 13377, 13377, "" }, { 13377, 13378, "pixels_max" },
      { 0x7FFFFFFF, 0x7FFFFFFF, "edge_max" } } do
      local names, _, issue = look { head = png(case[1], case[2]) }
      assert.same(case[3], names, case[1] .. "x" .. case[2])
      if issue then assert.same(("%dx%d"):format(case[1], case[2]), issue.got) end
    end
    assert.same({ "", "edge_max" }, both({ head = png(23171, 1) }, { loose = true }))
  end)

  it("may lie about its type in its name: a warning", function()
    for path, head in pairs { ["a.jpg"] = PNG, ["a.PNG"] = WEBP, ["a.gif"] = JPEG,
      ["a.heic"] = JPEG } do
      assert.same({ "", "extension" }, both { file = path, head = head })
    end
    assert.same({ "", "extension" }, both { bytes = PNG, head = PNG, name = "a.jpg" })
    assert.same({ "", "" }, both { file = "a.txt", head = PNG })
  end)

  it("lists all that is wrong with it", function()
    assert.same({ "too_big edge_max", "extension" },
      both { file = "a.jpg", head = png(30000, 2), size = 60000000 })
  end)
end)

describe("a mask", function()
  local function mask(seen, rule)
    rule = rule or {}
    rule.mask = true
    seen.field, seen.number = "mask", 0
    return look(seen, rule)
  end

  local function both_of_mask(seen, rule)
    local names, warnings = mask(seen, rule)
    return { names, warnings }
  end

  it("is a PNG with alpha", function()
    assert.same({ "", "" }, both_of_mask { head = ALPHA })
    assert.same({ "", "" }, both_of_mask { head = png(64, 48, 4) })
    assert.same({ "", "" }, both_of_mask { head = png(64, 48, 3, chunk("tRNS", "\0")) })
    local names, _, issue = mask { head = PNG }
    assert.same({ "mask_alpha", "mask" }, { names, issue.field })
    assert.same("mask_alpha", (mask { head = png(64, 48, 3) }))
    for path, head in pairs { ["a.jpg"] = JPEG, ["a.webp"] = WEBP, ["a.gif"] = GIF } do
      names, _, issue = mask { file = path, head = head }
      assert.same({ "image_format", "png" }, { names, issue.nearest })
    end
    assert.same("image_format", (mask { head = "?" }))
    assert.same({ "", "mask_alpha" }, both_of_mask({ head = PNG }, { loose = true }))
  end)

  it("may have its transparency further behind than the look went", function()
    local early = PNG:sub(1, 33)
    assert.same("", (mask { head = early, whole = false, size = 1 << 21 }))
    assert.same("mask_alpha", (mask { head = early }))
  end)

  it("has the pixels of the first picture, where both are known", function()
    local first = { file = "a.png", head = PNG }
    assert.same("", (mask({ head = ALPHA }, { first = first })))
    local names, _, issue = mask({ head = png(48, 64, 6) }, { first = first })
    assert.same({ "mask_size", "48x64", "64x48" }, { names, issue.got, issue.nearest })
    assert.same({ "", "mask_size" }, both_of_mask({ head = png(64, 47, 6) },
      { first = first, loose = true }))
    assert.same("", (mask({ head = png(9, 9, 6) }, { first = { link = "https://a.b/c" } })))
    assert.same("", (mask({ head = png(9, 9, 6) },
      { first = { file = "a", head = PNG:sub(1, 20) } })))
    assert.same("mask_alpha mask_size", (mask({ head = png(9, 9) }, { first = first })))
  end)

  it("has pixels of both kinds, where somebody looked", function()
    for pixels, rule in ipairs { "mask_opaque", "mask_transparent", "mask_damaged" } do
      assert.same(rule, (mask { head = ALPHA, pixels = pixels }))
      assert.same({ "", rule }, both_of_mask({ head = ALPHA, pixels = pixels }, { loose = true }))
      assert.same("mask_alpha", (mask { head = PNG, pixels = pixels }))
    end
  end)

  it("of more than 4 MB is a warning where it goes out as a file", function()
    assert.same({ "", "too_big" }, both_of_mask { head = ALPHA, size = 4000001 })
    assert.same({ "", "" }, both_of_mask { head = ALPHA, size = 4000000 })
    assert.same({ "", "" }, both_of_mask({ head = ALPHA, size = 4000001 }, { links = true }))
  end)
end)

describe("a link", function()
  it("is judged as links are, and https alone where it is opened here", function()
    assert.same("", (look({ link = "http://example.com/a.png" }, { links = true })))
    assert.same("https", (look { link = "http://example.com/a.png" }))
    assert.same("", (look({ link = "http://10.0.0.1/a.png" }, { allow_private = true })))
    assert.same("internal", (look { link = "https://10.0.0.1/a.png" }))
    assert.same("user_info", (look { link = "https://a@b.c/a.png" }))
    assert.same("image_format", (look { link = "https://example.com/a.gif" }))
    assert.same("image_format", (look({ link = "https://example.com/a.jpg" }, { mask = true })))
    assert.same("", (look({ link = "https://example.com/a.png" }, { mask = true })))
  end)

  it("is judged as a file once it was downloaded", function()
    assert.same({ "", "extension" }, both { link = "https://example.com/a.jpg", head = PNG })
    assert.same("image_format", (look { link = "https://example.com/a.png", head = "<html>" }))
    assert.same("", (look { link = "http://127.0.0.1/a.png", head = PNG }))
  end)
end)
