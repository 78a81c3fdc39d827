-- SPDX-License-Identifier: MIT
-- Wrong requests, and the exact error that each gives: what a user reads, word by word.
local gptimage = require "gptimage"

local LONG = ("a"):rep(32001)
local PNG = "https://example.com/a.png"
local MAGICK = { provider = "magick" }

local function links(n)
  local list = {}
  for i = 1, n do list[i] = PNG end
  return list
end

-- {fields over {model = "gpt-image-2", prompt = "x"} (false: none), what tostring(err) says behind
-- "invalid: ", or what is raised behind "bad argument #1 to 'plan' ", options}
local not_public = "the host is not on the public internet, the service cannot reach it "
  .. "(allow_private sends it); got "

local refused = {
  { { model = "absent" }, "a model is required (field model)" },
  { { model = "" }, "a model is required (field model)" },
  { { model = "a\nb" }, "model holds a control character; got a?b (field model)" },
  { { model = "\xFF" }, "model is not valid UTF-8 (byte 1) (field model)" },
  { { prompt = "absent" }, "a prompt is required (field prompt)" },
  { { prompt = "" }, "the prompt is empty (field prompt)" },
  { { prompt = "caf\xE9" }, "prompt is not valid UTF-8 (byte 4) (field prompt)" },
  { { prompt = LONG },
    "a prompt of gpt-image-2 has at most 32000 characters; got 32001 characters (field "
      .. "prompt)" },
  { { size = "" }, "a size is auto, a ratio like 16:9 or pixels like 1024x1536 (field size)" },
  { { size = "large" },
    "a size is auto, a ratio like 16:9 or pixels like 1024x1536; got large (field size)" },
  { { size = "1920x1080" },
    "the height is no multiple of 16; got 1920x1080, nearest 1920x1088 or 16:9 (field size)" },
  { { size = "1080x1920" },
    "the width is no multiple of 16; got 1080x1920, nearest 1088x1920 or 9:16 (field size)" },
  { { size = "1000x1000" },
    "width and height are no multiple of 16; got 1000x1000, nearest 1008x1008 or 1:1 (field "
      .. "size)" },
  { { size = "4096x2160" },
    "an edge is at most 3840 pixels long; got 4096x2160, nearest 3840x2160 or 2:1 (and 1 "
      .. "more problem) (field size)" },
  { { size = "512x512" },
    "262144 pixels are fewer than 655360; got 512x512, nearest 816x816 or 1:1 (field size)" },
  { { size = "3840x3840" },
    "14745600 pixels are more than 8294400; got 3840x3840, nearest 2880x2880 or 1:1 (field "
      .. "size)" },
  { { size = "3840x1024" },
    "the long edge is more than 3 times the short one; got 3840x1024, nearest 3744x1248 or "
      .. "3:1 (field size)" },
  { { size = "1024X1024" },
    "a size is auto, a ratio like 16:9 or pixels like 1024x1536; got 1024X1024, nearest "
      .. "1024x1024 (field size)" },
  { { size = "1024 x 1024" },
    "a size is auto, a ratio like 16:9 or pixels like 1024x1536; got 1024 x 1024, nearest "
      .. "1024x1024 (field size)" },
  { { size = "16/9" },
    "a size is auto, a ratio like 16:9 or pixels like 1024x1536; got 16/9, nearest 16:9 "
      .. "(field size)" },
  { { size = "16:10" }, "gpt-image-2 has no such ratio; got 16:10, nearest 3:2 (field size)" },
  { { size = "4:1" }, "gpt-image-2 has no such ratio; got 4:1, nearest 3:1 (field size)" },
  { { size = "0x0" },
    "a size is auto, a ratio like 16:9 or pixels like 1024x1536; got 0x0 (field size)" },
  { { size = "-1024x1024" },
    "a size is auto, a ratio like 16:9 or pixels like 1024x1536; got -1024x1024 (field size)" },
  { { size = "1024" },
    "a size is auto, a ratio like 16:9 or pixels like 1024x1536; got 1024 (field size)" },
  { { size = "a\0b" },
    "size holds a control character; got a?b (and 1 more problem) (field size)" },
  { { model = "gpt-image-1.5", size = "auto" },
    "size of gpt-image-1.5 is one of 1:1, 2:3, 3:2, 1024x1024, 1024x1536, 1536x1024; got "
      .. "auto (field size)" },
  { { model = "gpt-image-1.5", size = "16:9" },
    "size of gpt-image-1.5 is one of 1:1, 2:3, 3:2, 1024x1024, 1024x1536, 1536x1024; got "
      .. "16:9, nearest 3:2 (field size)" },
  { { model = "gpt-image-1.5", size = "2048x2048" },
    "size of gpt-image-1.5 is one of 1:1, 2:3, 3:2, 1024x1024, 1024x1536, 1536x1024; got "
      .. "2048x2048, nearest 1024x1024 or 1:1 (field size)" },
  { { resolution = "8K", size = "1:1" },
    "resolution of gpt-image-2 is one of 1K, 2K, 4K; got 8K (field resolution)" },
  { { resolution = "2", size = "1:1" },
    "resolution of gpt-image-2 is one of 1K, 2K, 4K; got 2, nearest 2K (field resolution)" },
  { { model = "gpt-image-2-beta", resolution = "2k", size = "1:1" },
    "resolution of gpt-image-2-beta is one of 1K, 2K, 4K; got 2k, nearest 2K (field "
      .. "resolution)" },
  { { model = "gpt-image-1.5", resolution = "1K" },
    "gpt-image-1.5 of starmagic has no resolution (field resolution)" },
  { { quality = "auto" },
    "quality of gpt-image-2 is one of low, medium, high; got auto (field quality)" },
  { { quality = "HIGH" },
    "quality of gpt-image-2 is one of low, medium, high; got HIGH, nearest high (field "
      .. "quality)" },
  { { model = "gpt-image-2-beta", quality = "high" },
    "gpt-image-2-beta of starmagic has no quality (field quality)" },
  { { n = 0 }, "n of gpt-image-2 is from 1 to 10; got 0, nearest 1 (field n)" },
  { { n = -3 }, "n of gpt-image-2 is from 1 to 10; got -3, nearest 1 (field n)" },
  { { n = 11 }, "n of gpt-image-2 is from 1 to 10; got 11, nearest 10 (field n)" },
  { { n = 1000000 }, "n is at most 10; got 1000000, nearest 10 (field n)" },
  { { model = "gpt-image-2-beta", n = 2 },
    "gpt-image-2-beta makes one picture at a time; got 2, nearest 1 (field n)" },
  { { model = "gpt-image-1.5", n = 4 },
    "gpt-image-1.5 makes one picture at a time; got 4, nearest 1 (field n)" },
  { { response_format = "url" },
    "gpt-image-2 of starmagic has no response_format (field response_format)" },
  { { response_format = "png" },
    "response_format of gpt-image-2 is one of url, b64_json; got png (field response_format)",
    MAGICK },
  { { n = 200 }, "n is at most 128; got 200, nearest 128 (field n)", MAGICK },
  { { image_urls = {} },
    "image_urls of gpt-image-2 holds 1 to 16 links; got 0, nearest 1 (field image_urls)" },
  { { image_urls = links(17) },
    "image_urls of gpt-image-2 holds 1 to 16 links; got 17, nearest 16 (field image_urls)" },
  { { image_urls = { "photo.png" } },
    "the link does not begin with http:// or https://; got photo.png (field image_urls[1])" },
  { { image_urls = { PNG, "data:image/png;base64,AAAA" } },
    "the link does not begin with http:// or https://; got data:image/png;base64,AAAA (field "
      .. "image_urls[2])" },
  { { image_urls = { "https://example.com/a.gif" } },
    "the service does not take .gif pictures; got https://example.com/a.gif, nearest png "
      .. "(field image_urls[1])" },
  { { image_urls = { "http://localhost/a.png" } },
    not_public .. "http://localhost/a.png (field image_urls[1])" },
  { { image_urls = { "https://me:pw@example.com/a.png" } },
    "the link holds a user name or password (field image_urls[1])" },
  { { image_urls = { "https://example.com/a b.png" } },
    "the link holds a space, a control character or a backslash; got https://example.com/a "
      .. "b.png (field image_urls[1])" },
  { { image_urls = { "http://example.com/a.png" } },
    "only https links are opened; got http://example.com/a.png (field image_urls[1])", MAGICK },
  { { callback_url = "http://example.com/" },
    "only https links are opened; got http://example.com/ (field callback_url)" },
  { { callback_url = "https://10.0.0.1/" },
    not_public .. "https://10.0.0.1/ (field callback_url)" },
  { { callback_url = "https://0x7f.1/" },
    "the host is a number that programs read as different addresses; got https://0x7f.1/ "
      .. "(field callback_url)" },
  { { callback_url = "https://[::ffff:127.0.0.1]/" },
    not_public .. "https://[::ffff:127.0.0.1]/ (field callback_url)" },
  { { callback_url = "https://example.com:99999/" },
    "the link has a port that is no number from 1 to 65535; got https://example.com:99999/ "
      .. "(field callback_url)" },
  { { callback_url = "https://" .. LONG:sub(1, 60) .. ".com/" .. LONG:sub(1, 2000) },
    "the link has 2073 characters, at most 2048 are allowed; got "
      .. "https://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa (field callback_url)" },
  { { callback_url = "https://example.com\\@10.0.0.1/" },
    "the link holds a space, a control character or a backslash (field callback_url)" },
  { { callback_url = "https://bücher.example/" },
    "the link has no host, or one with characters that no host has; got "
      .. "https://bücher.example/ (field callback_url)" },
  { { callback_url = "https://example.com/" },
    "gpt-image-2 of magick has no callback_url; to send it all the same, put it into extra "
      .. "(field callback_url)", MAGICK },
  { { mask_url = "https://example.com/m.jpg", image_urls = { PNG } },
    "the service does not take .jpg pictures; got https://example.com/m.jpg, nearest png "
      .. "(field mask_url)" },
  { { background = "blue" },
    "background of gpt-image-2 is one of opaque, transparent; got blue (field background)" },
  { { background = "transparent", output_format = "jpeg" },
    "a transparent background needs another output_format than jpeg; got transparent, "
      .. "nearest png or webp (field background)" },
  { { output_format = "gif" },
    "output_format of gpt-image-2 is one of png, jpeg, webp; got gif (field output_format)" },
  { { model = "gpt-image-2-beta", background = "opaque" },
    "gpt-image-2-beta of starmagic has no background (field background)" },
  { { extra = { prompt = "y" } },
    "prompt is a field of its own, and cannot be in extra; got prompt (field extra)" },
  { { }, "an edit needs at least one picture (field images)", { edit = true } },
  { { image_urls = { PNG } },
    "edit_path begins with a slash, holds no space and has less than 256 bytes; got edits "
      .. "(field edit_path)", { edit_path = "edits" } },
  { { prompt = "", size = "7:7", n = 99, quality = "best" },
    "the prompt is empty (and 3 more problems) (field prompt)" },
}

local raised = {
  { nil, "bad argument #1 to 'plan' (table expected, got nil)" },
  { "a sunset", "bad argument #1 to 'plan' (table expected, got string)" },
  { { promt = "x" }, "bad argument #1 to 'plan' (unknown field 'promt'; did you mean 'prompt'?)" },
  { { seed = 7 }, "bad argument #1 to 'plan' (unknown field 'seed')" },
  { { "a sunset" }, "bad argument #1 to 'plan' (unknown field [1])" },
  { { prompt = 7 }, "bad argument #1 to 'plan' (field 'prompt': string expected, got number)" },
  { { n = "1" }, "bad argument #1 to 'plan' (field 'n': integer expected, got string)" },
  { { n = 1.5 }, "bad argument #1 to 'plan' (field 'n': integer expected, got 1.5)" },
  { { size = { 1024, 1024 } },
    "bad argument #1 to 'plan' (field 'size': string expected, got table)" },
  { { image_urls = PNG },
    "bad argument #1 to 'plan' (field 'image_urls': table expected, got string)" },
  { { image_urls = { PNG, false } },
    "bad argument #1 to 'plan' (field 'image_urls': a sequence of strings expected, element "
      .. "2 is a boolean)" },
  { { image_urls = { first = PNG } },
    "bad argument #1 to 'plan' (field 'image_urls': a sequence of strings expected)" },
  { { timeout = -1 },
    "bad argument #1 to 'plan' (field 'timeout': a number from 0 to 1e9 expected, got -1)" },
  { { timeout = 0 }, "bad argument #1 to 'plan' (field 'timeout': more than 0 expected)" },
  { { timeout = "5" },
    "bad argument #1 to 'plan' (field 'timeout': number of seconds expected, got string)" },
  { { strict = "no" }, "bad argument #1 to 'plan' (field 'strict': boolean expected, got string)" },
  { { output = true }, "bad argument #1 to 'plan' (field 'output': string expected, got boolean)" },
  { { on_progress = "print" },
    "bad argument #1 to 'plan' (field 'on_progress': function expected, got string)" },
  { { extra = "seed" }, "bad argument #1 to 'plan' (field 'extra': table expected, got string)" },
}

local function request(fields)
  local full = { model = "gpt-image-2", prompt = "x" }
  for name, value in pairs(fields) do
    if value == "absent" then value = nil end
    full[name] = value
  end
  return full
end

describe("a wrong request", function()
  for i, case in ipairs(refused) do
    it(("number %d is refused: %s"):format(i, case[2]), function()
      local plan, err = gptimage.plan(request(case[1]), case[3])
      assert.is_nil(plan)
      assert.same("invalid: " .. case[2], tostring(err))
      assert.same({ "invalid", "no", false }, { err.kind, err.billed, err.retryable })
      assert.is_true(#err.issues > 0)
      for _, issue in ipairs(err.issues) do
        assert.is_true(#issue.field > 0 and #issue.rule > 0 and #issue.message > 0)
      end
    end)
  end

  for i, case in ipairs(raised) do
    it(("number %d raises: %s"):format(#refused + i, case[2]), function()
      local fields = type(case[1]) == "table" and request(case[1]) or case[1]
      local ok, message = pcall(gptimage.plan, fields, case[3])
      assert.is_false(ok)
      assert.same(case[2], (message:gsub("^[^:]*:%d+: ", "")))
    end)
  end

  it("is one of at least 60 kinds", function()
    assert.is_true(#refused + #raised >= 60)
  end)
end)
