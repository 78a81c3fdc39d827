-- SPDX-License-Identifier: MIT
-- Tests lua/gptimage/sandbox/rules.lua and rules/*.lua against the services' pages.

local json = require "gptimage.sandbox.json"
local rules = require "gptimage.sandbox.rules"

local function with(base, more)
  local body = {}
  for name, value in pairs(base) do body[name] = value end
  for name, value in pairs(more) do body[name] = value end
  return json.encode(body)
end

local function list(...)
  return json.array { ... }
end

local function repeated(url, times)
  local urls = json.array {}
  for i = 1, times do urls[i] = url end
  return urls
end

local picture = "https://example.com/a.png"
local ratios = { "1:1", "1:2", "2:1", "1:3", "3:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4",
  "9:16", "16:9", "9:21", "21:9" }

local beta = { model = "gpt-image-2-beta", prompt = "A sunset" }
local image15 = { model = "gpt-image-1.5", prompt = "A sunset" }
local image2 = { model = "gpt-image-2", prompt = "A sunset" }

-- {base, more fields, the field refused or nil when accepted}
local cases = {
  { beta, {} }, { beta, { size = "auto" } }, { beta, { size = "auto", resolution = "4K" } },
  { beta, { size = "1920x1088" } }, { beta, { size = "1920x1080" }, "size" },
  { beta, { size = "3840x2160" } }, { beta, { size = "3856x2144" }, "size" },
  { beta, { size = "2160x3840" } }, { beta, { size = "3840x1264" }, "size" },
  { beta, { size = "3840x1280" } }, { beta, { size = "1024x640" } },
  { beta, { size = "1024x624" }, "size" }, { beta, { size = "2880x2896" }, "size" },
  { beta, { size = "1024×1024" }, "size" }, { beta, { size = "1024X1024" }, "size" },
  { beta, { size = "7:5" }, "size" }, { beta, { size = "AUTO" }, "size" },
  { beta, { size = "" }, "size" }, { beta, { size = 1024 }, "size" },
  { beta, { size = "01024x1024" }, "size" }, { beta, { size = " 1:1" }, "size" },
  { beta, { size = "99999999999999999999x16" }, "size" }, { beta, { size = "0x0" }, "size" },
  { beta, { resolution = "2K" } }, { beta, { resolution = "2k" }, "resolution" },
  { beta, { resolution = "8K" }, "resolution" },
  { beta, { size = "1024x1024", resolution = "4K" } },
  { beta, { n = 1 } }, { beta, { n = 2 }, "n" }, { beta, { n = "1" }, "n" },
  { beta, { n = json.null } }, { beta, { quality = "high" }, "quality" },
  { beta, { quality = json.null } }, { beta, { mask_url = picture }, "mask_url" },
  { beta, { background = "opaque" }, "background" },
  { beta, { output_format = "png" }, "output_format" },
  { beta, { response_format = "url" }, "response_format" }, { beta, { seed = 7 } },
  { beta, { image_urls = json.array {} } }, { beta, { image_urls = repeated(picture, 16) } },
  { beta, { image_urls = repeated(picture, 17) }, "image_urls" },
  { beta, { image_urls = json.object() }, "image_urls" },
  { beta, { image_urls = picture }, "image_urls" },
  { beta, { prompt = ("word "):rep(5000) } }, { beta, { prompt = "" }, "prompt" },
  { beta, { prompt = json.null }, "prompt" }, { beta, { prompt = 7 }, "prompt" },
  { beta, { prompt = " " } },

  { image15, {} }, { image15, { size = "2:3" } }, { image15, { size = "1536x1024" } },
  { image15, { size = "auto" }, "size" }, { image15, { size = "16:9" }, "size" },
  { image15, { size = "2048x2048" }, "size" }, { image15, { resolution = "1K" }, "resolution" },
  { image15, { quality = "low" } }, { image15, { quality = "auto" }, "quality" },
  { image15, { quality = "High" }, "quality" }, { image15, { n = 1 } },
  { image15, { n = 2 }, "n" }, { image15, { n = 1.5 }, "n" },
  { image15, { image_urls = json.array {} }, "image_urls" },
  { image15, { image_urls = list(picture) } },

  { image2, {} }, { image2, { size = "1024×1024" } }, { image2, { size = "3840×2160" } },
  { image2, { size = "1024x1024", resolution = "4k" } }, { image2, { resolution = "2k" } },
  { image2, { resolution = "K2" }, "resolution" }, { image2, { quality = "high" } },
  { image2, { quality = "auto" }, "quality" }, { image2, { n = 10 } }, { image2, { n = 11 }, "n" },
  { image2, { n = 0 }, "n" }, { image2, { n = -1 }, "n" }, { image2, { n = true }, "n" },
  { image2, { prompt = ("界"):rep(32000) } },
  { image2, { prompt = ("界"):rep(32001) }, "prompt" },
  { image2, { mask_url = picture } }, { image2, { mask_url = "https://example.com/m.jpg" },
    "mask_url" },
  { image2, { background = "transparent" } }, { image2, { background = "auto" }, "background" },
  { image2, { background = "transparent", output_format = "jpeg" }, "background" },
  { image2, { background = "transparent", output_format = "webp" } },
  { image2, { output_format = "gif" }, "output_format" },
  { image2, { image_urls = json.array {} }, "image_urls" },
  { image2, { image_urls = list(picture, 7) }, "image_urls" },

  { { prompt = "x" }, {}, "model" }, { { model = "", prompt = "x" }, {}, "model" },
  { { model = 1, prompt = "x" }, {}, "model" },
  { { model = "gpt-image-9", prompt = "x" }, { size = "whatever", n = 99 } },
  { { model = "gpt-image-9", prompt = "" }, {}, "prompt" },
}

local public = { "https://example.com/x", "https://example.com:8443/x?y#z", "https://8.8.8.8/",
  "https://[2606:4700::1111]/", "https://example.com./", "https://a.b-c.example/",
  "https://100.63.255.255/", "https://172.32.0.1/", "https://xn--fiqs8s.example/",
  "https://[::ffff:8.8.8.8]/", "https://[64:ff9b::808:808]/" }
local internal = { "https://localhost/", "https://LOCALHOST/", "https://localhost./",
  "https://x.localhost/", "https://printer.local/", "https://db.internal/",
  "https://127.0.0.1/", "https://127.1/", "https://127.0.0.1./", "https://0177.0.0.1/",
  "https://0x7f.0.0.1/", "https://0x7f000001/", "https://2130706433/", "https://017700000001/",
  "https://10.1.2.3/", "https://172.16.0.1/", "https://172.31.255.255/", "https://192.168.0.1/",
  "https://192.168.257/", "https://169.254.169.254/", "https://100.64.0.1/",
  "https://100.127.255.255/", "https://0.0.0.0/", "https://224.0.0.1/", "https://240.0.0.1/",
  "https://255.255.255.255/", "https://198.18.0.1/", "https://192.0.2.1/", "https://[::1]/",
  "https://[::]/", "https://[fe80::1]/", "https://[fc00::1]/", "https://[fd12::1]/",
  "https://[ff02::1]/", "https://[::ffff:127.0.0.1]/", "https://[::ffff:a00:1]/",
  "https://[64:ff9b::7f00:1]/", "https://[64:ff9b::192.168.0.1]/", "https://[2002:7f00:1::]/",
  "https://[2001:db8::1]/", "https://[::127.0.0.1]/" }
local malformed = { "http://example.com/x", "ftp://example.com/", "example.com/x", "", "https://",
  "https:///x", "https://user@example.com/", "https://example.com@127.0.0.1/",
  "https://user:pass@example.com/", "https://example.com\\@127.0.0.1/", "https://ex ample.com/",
  "https://example.com/a b", "https://example.com/\n", "https://127%2e0.0.1/", "https://例え.jp/",
  "https://example.com:0/", "https://example.com:99999/", "https://example.com:x/",
  "https://[::1/", "https://[fe80::1%25eth0]/", "https://1.2.3.4.5/", "https://256.1.1.1/",
  "https://a..b/", "https://example.com/" .. ("x"):rep(2048) }

describe("the sandbox's rules of the task service", function()
  for _, case in ipairs(cases) do
    local body = with(case[1], case[2])
    it((case[3] and "refuses " or "accepts ") .. body:sub(1, 90), function()
      for _, service in ipairs { "starmagic", "evolink" } do
        local ok, problem = rules.check(service, body)
        if case[3] then
          assert.is_nil(ok)
          assert.equal(case[3], problem.param)
          assert.equal(400, problem.http_status)
          assert.equal("invalid_request", problem.code)
          assert.equal("invalid_request_error", problem.type)
          assert.is_string(problem.message)
        else
          assert.same({ true, nil }, { ok, problem })
        end
      end
    end)
  end

  it("accepts the 15 ratios at every resolution", function()
    for _, ratio in ipairs(ratios) do
      for _, resolution in ipairs { "1K", "2K", "4K" } do
        for _, base in ipairs { beta, image2 } do
          assert(rules.check("starmagic", with(base, { size = ratio, resolution = resolution })))
        end
      end
    end
  end)

  it("refuses what is no JSON object", function()
    for _, text in ipairs { "", "[]", "null", "1", '"x"', "{", '{"prompt":"\255"}' } do
      local ok, problem = rules.check("starmagic", text)
      assert.is_nil(ok)
      assert.equal("invalid_request", problem.code)
    end
  end)

  it("takes Lua tables for what they stand for", function()
    assert(rules.check("starmagic", { model = "gpt-image-2", prompt = "x", n = 2.0,
      image_urls = { picture } }))
    assert.is_nil((rules.check("starmagic", { model = "gpt-image-2", prompt = "x", n = 2.5 })))
  end)

  it("takes callback links to public https hosts alone", function()
    for _, url in ipairs(public) do
      assert(rules.check("starmagic", with(beta, { callback_url = url })), url)
    end
    for _, urls in ipairs { internal, malformed } do
      for _, url in ipairs(urls) do
        local ok, problem = rules.check("starmagic", with(image2, { callback_url = url }))
        assert.is_nil(ok, url)
        assert.equal("callback_url", problem.param)
      end
    end
    assert(rules.check("starmagic", with(beta, { callback_url = "http://127.0.0.1:8080/x" }),
      { allow_private = true }))
  end)

  it("measures callback links at 2048 characters", function()
    local head = "https://example.com/"
    local longest = head .. ("x"):rep(2048 - #head)
    assert(rules.check("starmagic", with(beta, { callback_url = longest })))
    assert.is_nil((rules.check("starmagic", with(beta, { callback_url = longest .. "x" }))))
  end)

  it("takes image links that may lead to a picture", function()
    for _, url in ipairs { "http://example.com/a.JPG", "https://example.com/a.webp?x=.gif",
      "https://example.com/download?id=7", "https://example.com/a.php", "https://example.com",
      "https://example.com/a.tar.gz", "https://example.com/图.jpeg" } do
      assert(rules.check("starmagic", with(image2, { image_urls = list(url) })), url)
    end
    for _, url in ipairs { "data:image/png;base64,AAAA", "DATA:image/png;base64,AAAA",
      "https://example.com/a.gif", "https://example.com/a.SVG#x", "https://example.com/a.heic?b",
      "file:///etc/passwd", "https://127.0.0.1/a.png", "http://[::1]/a.png", "a.png",
      "https://user@example.com/a.png" } do
      local ok, problem = rules.check("starmagic", with(image2, { image_urls = list(url) }))
      assert.is_nil(ok, url)
      assert.equal("image_urls", problem.param)
    end
  end)
end)

describe("the sandbox's rules of the gateway", function()
  local base = { model = "gpt-image-2", prompt = "一只橘猫" }
  for _, case in ipairs {
    { {} }, { { n = 128 } }, { { n = 0 } }, { { size = "1024x1024", quality = "hd" } },
    { { size = "16:9" } }, { { size = "auto" } }, { { size = "1x1" } }, { { model = "any-model" } },
    { { response_format = "b64_json" } }, { { response_format = "" } }, { { anything = { 1 } } },
    { { image_urls = "x" } }, { { prompt = ("x"):rep(40000) } },
    { { n = 129 }, 500, "invalid_request" }, { { n = -1 }, 400, "invalid_request" },
    { { n = 1.5 }, 400, "invalid_request" }, { { n = "1" }, 400, "invalid_request" },
    { { size = "1024×1024" }, 500, "invalid_request" }, { { size = 1024 }, 400, "invalid_request" },
    { { prompt = "" }, 500, "invalid_request" }, { { prompt = json.null }, 500, "invalid_request" },
    { { model = json.null }, 400, "" }, { { model = "" }, 400, "" },
    { { response_format = "png" }, 400, "invalid_value" },
  } do
    local body = with(base, case[1])
    it((case[2] and "refuses " or "accepts ") .. body:sub(1, 70), function()
      local ok, problem = rules.check("magick", body)
      if case[2] then
        assert.is_nil(ok)
        assert.same({ case[2], case[3] }, { problem.http_status, problem.code })
      else
        assert.same({ true, nil }, { ok, problem })
      end
    end)
  end

  it("reads 1.0 as the gateway's own type does", function()
    assert.is_nil((rules.check("magick", '{"model":"m","prompt":"p","n":1.0}')))
    assert(rules.check("starmagic", '{"model":"gpt-image-1.5","prompt":"p","n":1.0}'))
  end)
end)

-- Both tables as the pages print them: landscape, by 1K, 2K, 4K.
local budget = {
  ["1:1"] = { "1024x1024", "2048x2048", "2880x2880" },
  ["2:1"] = { "1456x720", "2896x1456", "3840x1920" },
  ["3:1"] = { "1776x592", "3552x1184", "3840x1280" },
  ["3:2"] = { "1248x832", "2512x1680", "3520x2352" },
  ["4:3"] = { "1184x880", "2368x1776", "3312x2480" },
  ["5:4"] = { "1152x912", "2288x1824", "3216x2576" },
  ["16:9"] = { "1360x768", "2736x1536", "3840x2160" },
  ["21:9"] = { "1568x672", "3136x1344", "3840x1632" },
}
local anchor = {
  ["1:1"] = { "1024x1024", "2048x2048", "2880x2880" },
  ["2:1"] = { "2048x1024", "2048x1024", "3840x1920" },
  ["3:1"] = { "3072x1024", "2048x688", "3840x1280" },
  ["3:2"] = { "1536x1024", "2048x1360", "3520x2336" },
  ["4:3"] = { "1360x1024", "2048x1536", "3312x2480" },
  ["5:4"] = { "1280x1024", "2048x1632", "3216x2560" },
  ["16:9"] = { "1824x1024", "2048x1152", "3840x2160" },
  ["21:9"] = { "2384x1024", "2048x880", "3840x1648" },
}

describe("the sandbox's pictures", function()
  for name, case in pairs {
    ["gpt-image-2-beta"] = { budget, beta, {} }, ["gpt-image-2"] = { anchor, image2, {} },
    ["gpt-image-2 by budget"] = { budget, image2, { sizes = "budget" } },
  } do
    it("have the sizes of the table: " .. name, function()
      for ratio, row in pairs(case[1]) do
        for i, resolution in ipairs { "1K", "2K", "4K" } do
          local a, b = ratio:match("(%d+):(%d+)")
          local w, h = rules.pixels("starmagic",
            with(case[2], { size = ratio, resolution = resolution }), case[3])
          assert.equal(row[i], w .. "x" .. h)
          w, h = rules.pixels("starmagic",
            with(case[2], { size = b .. ":" .. a, resolution = resolution }), case[3])
          assert.equal(row[i], h .. "x" .. w)
        end
      end
    end)
  end

  for _, case in ipairs {
    -- service, base, more, width, height, tier, factor, credits
    { "starmagic", beta, {}, 1024, 1024, "1K", 1, 2.5 },
    { "starmagic", beta, { size = "auto", resolution = "4K" }, 1024, 1024, "1K", 1, 2.5 },
    { "starmagic", beta, { size = "16:9", resolution = "2K" }, 2736, 1536, "2K", 1.7, 4.25 },
    { "starmagic", beta, { size = "16:9", resolution = "4K" }, 3840, 2160, "4K", 2.6, 6.5 },
    { "starmagic", beta, { size = "1280x1328" }, 1280, 1328, "1K", 1, 2.5 },
    { "starmagic", beta, { size = "1296x1312" }, 1296, 1312, "2K", 1.7, 4.25 },
    { "starmagic", beta, { size = "2000x2192" }, 2000, 2192, "2K", 1.7, 4.25 },
    { "starmagic", beta, { size = "2000x2208", resolution = "1K" }, 2000, 2208, "4K", 2.6, 6.5 },
    { "starmagic", image15, {}, 1024, 1024, nil, 1, 1 },
    { "starmagic", image15, { size = "2:3", quality = "low" }, 1024, 1536, nil, 1, 1 },
    { "starmagic", image2, {}, 1024, 1024, nil, 1, 1 },
    { "starmagic", image2, { n = 3, quality = "low" }, 1024, 1024, nil, 0.11, 0.33 },
    { "starmagic", image2, { quality = "high", size = "1536×1024" }, 1536, 1024, nil, 4, 4 },
    { "starmagic", image2, { size = "2:1", resolution = "4k" }, 3840, 1920, nil, 1, 1 },
    { "magick", image2, { size = "1536x1024", n = 2 }, 1536, 1024, nil, 1, 2 },
    { "magick", image2, { size = "16:9", n = 0 }, 1024, 1024, nil, 1, 1 },
    { "magick", image2, { size = "99999x99999" }, 1024, 1024, nil, 1, 1 },
  } do
    local service, base, more, width, height, tier, factor, credits = table.unpack(case, 1, 8)
    local body = with(base, more)
    it(("are %dx%d and cost %s: %s"):format(width, height, credits, body), function()
      assert.same({ width, height, tier, factor }, { rules.pixels(service, body) })
      assert.equal(credits * 1000000 // 1, rules.price_micros(service, body))
    end)
  end
end)
