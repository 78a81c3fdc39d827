-- SPDX-License-Identifier: MIT
-- Tests src/core/gim_request.c through plan: from fields to a body, and every problem at once.
local window = require "gptimage.core_test"
local plan = window.plan

local BETA, OLD, TWO = "gpt-image-2-beta", "gpt-image-1.5", "gpt-image-2"
local PICTURE = "https://example.com/a.png"

local function with(fields)
  local request = { model = TWO, prompt = "x" }
  for name, value in pairs(fields) do request[name] = value end
  return request
end

-- What follows {"model":"gpt-image-2","prompt":"x" in the body.
local function rest(fields, options)
  local made = assert(plan(with(fields), options))
  return made.body:match '^{"model":"[^"]*","prompt":"x",?(.*)}$', made
end

local function rules(list)
  local names = {}
  for i, issue in ipairs(list) do names[i] = issue.field .. ":" .. issue.rule end
  return table.concat(names, " ")
end

local function refusal(fields, options)
  local made, err = plan(with(fields), options)
  assert.is_nil(made)
  assert.same({ "invalid", "no", false }, { err.kind, err.billed, err.retryable })
  return rules(err.issues), err
end

describe("the body", function()
  it("holds the fields that were given, in one order, and no other", function()
    assert.same("", rest {})
    assert.same('"size":"16:9","resolution":"2k","quality":"high",'
      .. '"image_urls":["https://example.com/a.png"],"mask_url":"https://example.com/m.png","n":3,'
      .. '"background":"opaque","output_format":"png","callback_url":"https://example.com/cb"',
      (rest { callback_url = "https://example.com/cb", output_format = "png", n = 3,
        background = "opaque", mask_url = "https://example.com/m.png", image_urls = { PICTURE },
        quality = "high", resolution = "2k", size = "16:9" }))
    assert.same('"size":"16:9","quality":"low","n":2,"response_format":"url"',
      (rest({ size = "16:9", quality = "low", n = 2, response_format = "url" },
        { strict = false })))
  end)

  it("has x where the caller wrote the multiplication sign", function()
    assert.same('"size":"1024x1536"', (rest { size = "1024×1536" }))
    assert.same('"size":"1024x1536"', (rest { model = OLD, size = "1024×1536" }))
    assert.same('"size":"7x5"', (rest { model = "new", size = "7×5" }))
    assert.same('"size":"12345678901x5"', (rest { model = "new", size = "12345678901×5" }))
    assert.same('"size":"1920x1080"', (rest({ size = "1920×1080" }, { strict = false })))
  end)

  it("leaves out a resolution that says nothing, and an n of 1 where there is no n", function()
    for _, size in ipairs { "auto", "1024x1024" } do
      local text, made = rest { size = size, resolution = "4K" }
      assert.same(('"size":"%s"'):format(size), text)
      assert.same("resolution:ignored", rules(made.warnings))
    end
    assert.same("", (rest { resolution = "4K" }))
    assert.same("", (rest { model = BETA, n = 1 }))
    assert.same('"n":1', (rest { model = OLD, n = 1 }))
    assert.same('"n":1', (rest { model = "new", n = 1 }))
  end)

  it("is within 4 MiB", function()
    local made, err = plan { model = "new", prompt = ("a"):rep(4 * 1024 * 1024) }
    assert.is_nil(made)
    assert.same("too_big", err.kind)
    assert.is_table(plan { model = "new", prompt = ("a"):rep(4 * 1024 * 1024 - 64) })
  end)
end)

describe("magick", function()
  local magick = { provider = "magick" }

  it("gets pixels for a ratio, from gpt-image-2's table", function()
    for resolution, size in pairs { ["1K"] = "1824x1024", ["2k"] = "2048x1152",
      ["4K"] = "3840x2160" } do
      local text, made = rest({ size = "16:9", resolution = resolution }, magick)
      assert.same(('"size":"%s"'):format(size), text)
      assert.same("size:solved", rules(made.warnings))
      assert.same(resolution:upper(), made.tier)
    end
    assert.same('"size":"1824x1024"', (rest({ size = "16:9" }, magick)))
    assert.same('"size":"2736x1536"',
      (rest({ size = "16:9", resolution = "2K" }, { provider = "magick", sizes = "budget" })))
  end)

  it("gets one request that works on both services", function()
    local fields = { size = "16:9", resolution = "4K", quality = "high", n = 2 }
    local task, straight = assert(plan(with(fields))), assert(plan(with(fields), magick))
    assert.same({ 3840, 2160 }, { task.width, task.height })
    assert.same({ 3840, 2160 }, { straight.width, straight.height })
  end)

  it("states no rules: what breaks ours elsewhere is a warning", function()
    local text, made = rest({ size = "1920x1080", quality = "hd", n = 50 }, magick)
    assert.same('"size":"1920x1080","quality":"hd","n":50', text)
    assert.same("size:multiple_of_16 quality:one_of n:range", rules(made.warnings))
    text, made = rest({ size = "16:10", resolution = "2K" }, magick)
    assert.same('"size":"16:10","resolution":"2K"', text)
    assert.same("size:ratio", rules(made.warnings))
  end)

  it("leaves out a resolution that says nothing, with the same warning for each reason", function()
    for _, size in ipairs { false, "auto", "1024x1024" } do
      local text, made = rest({ size = size or nil, resolution = "2K" }, magick)
      assert.same(size and ('"size":"%s"'):format(size) or "", text)
      assert.same("resolution:ignored", rules(made.warnings))
    end
    assert.same("resolution:one_of", (refusal({ resolution = "8K" }, magick)))
  end)

  it("takes six fields, and names extra for others", function()
    for field, value in pairs { callback_url = "https://example.com/", background = "opaque",
      output_format = "png" } do
      local names, err = refusal({ [field] = value }, magick)
      assert.same(field .. ":not_a_field", names)
      assert.matches("extra", err.message)
      assert.is_table(plan(with { [field] = value }, { provider = "magick", strict = false }))
    end
    assert.same("resolution:one_of", (refusal({ size = "16:9", resolution = "8K" }, magick)))
  end)

  it("takes other models with few checks", function()
    local text, made = rest({ model = "qwen-image", size = "7:5", n = 3 }, magick)
    assert.same('"size":"7:5","n":3', text)
    assert.same("model:unknown_model", rules(made.warnings))
    assert.same("background:not_a_field", (refusal({ model = "qwen-image", background = "opaque" },
      magick)))
  end)
end)

describe("edits", function()
  it("are requests with pictures, by whatever name", function()
    assert.is_true(select(2, rest { image_urls = { PICTURE } }).edit)
    assert.is_false(select(2, rest {}).edit)
    assert.is_true(assert(plan(with { image_urls = { PICTURE } }, { edit = true })).edit)
  end)

  it("insist on a picture", function()
    for _, options in ipairs { {}, { strict = false }, { provider = "magick" } } do
      options.edit = true
      assert.same("images:required", (refusal({}, options)))
      assert.same("image_urls:required", (refusal({ image_urls = {} }, options)))
    end
  end)

  it("go to the edit path, which must be one", function()
    local options = { edit_path = "/v2/edits" }
    assert.same("/v2/edits", select(2, rest({ image_urls = { PICTURE } }, options)).endpoint)
    assert.same("/v1/images/generations", select(2, rest({}, options)).endpoint)
    for _, path in ipairs { "", "v1", "/a b", "/" .. ("x"):rep(255) } do
      assert.same("edit_path:path", (refusal({ image_urls = { PICTURE } }, { edit_path = path })))
    end
    assert.same("edit_path:control_character",
      (refusal({ image_urls = { PICTURE } }, { edit_path = "/a\r\nb" })))
  end)

  it("have 1 to 16 pictures, or 0 to 16 for beta", function()
    local function urls(n)
      local list = {}
      for i = 1, n do list[i] = PICTURE end
      return list
    end
    for _, model in ipairs { BETA, OLD, TWO, "new" } do
      for n = 1, 16 do assert.is_table(plan(with { model = model, image_urls = urls(n) })) end
      local names, err = refusal { model = model, image_urls = urls(17) }
      assert.same({ "image_urls:too_many", "17", "16" },
        { names, err.issues[1].got, err.issues[1].nearest })
    end
    assert.same("image_urls:too_few", (refusal { image_urls = {} }))
    assert.same("image_urls:too_few", (refusal { model = OLD, image_urls = {} }))
    assert.same('"image_urls":[]', (rest { model = BETA, image_urls = {} }))
  end)

  it("name the link that is wrong", function()
    assert.same("image_urls[2]:internal image_urls[3]:image_format image_urls[4]:scheme",
      (refusal { image_urls = { PICTURE, "http://10.0.0.1/", "https://a.b/c.gif",
        "data:image/png;base64,AAAA" } }))
    assert.same("mask_url:image_format",
      (refusal { image_urls = { PICTURE }, mask_url = "https://a.b/c.jpg" }))
    assert.same("mask_url:newer_page mask_url:ignored",
      rules(select(2, rest { mask_url = PICTURE }).warnings))
  end)
end)

describe("callback_url", function()
  it("is https, public and at most 2048 characters long", function()
    local long = "https://example.com/" .. ("x"):rep(2028)
    assert.is_table(plan(with { callback_url = long }))
    assert.same("callback_url:too_long", (refusal { callback_url = long .. "x" }))
    assert.same("callback_url:https", (refusal { callback_url = "http://example.com/" }))
    for _, host in ipairs { "127.0.0.1", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
      "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "0177.0.0.1",
      "0x7f.0.0.1", "2130706433", "017700000001", "127.1", "[::1]", "[::]", "[fc00::1]",
      "[fe80::1]", "[ff02::1]", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]",
      "localhost", "localhost.", "a.localhost", "printer.local", "db.internal", "127.0.0.1.",
      "10.0.0.1.", "intranet" } do
      assert.same("callback_url:internal", (refusal { callback_url = "https://" .. host .. "/" }),
        host)
      assert.same("callback_url:internal",
        (refusal { callback_url = "https://" .. host .. ":8443/x" }), host)
    end
    for _, url in ipairs { "https://me@example.com/", "https://127.0.0.1@example.com/",
      "https://example.com:pw@10.0.0.1/" } do
      assert.same("callback_url:user_info", (refusal { callback_url = url }))
    end
  end)

  it("may be private and plain when that is allowed", function()
    local options = { allow_private = true }
    assert.is_table(plan(with { callback_url = "http://127.0.0.1:8080/cb" }, options))
    assert.is_table(plan(with { image_urls = { "http://192.168.0.1/a.png" } }, options))
    assert.same("callback_url:user_info", (refusal({ callback_url = "http://a@b.c/" }, options)))
  end)

  it("shows no signature in what was got", function()
    local _, err = refusal { callback_url = "https://10.0.0.1/cb?signature=secret" }
    assert.same("https://10.0.0.1/cb", err.issues[1].got)
    assert.is_nil(tostring(err):find "secret")
  end)
end)

describe("a refusal", function()
  it("lists every problem, the first one in the message", function()
    local names, err = refusal { prompt = "", size = "1920x1080", quality = "best", n = 11,
      image_urls = {}, callback_url = "ftp://x", response_format = "url" }
    assert.same("prompt:empty response_format:not_a_field size:multiple_of_16 quality:one_of "
      .. "n:range image_urls:too_few callback_url:scheme", names)
    assert.same("the prompt is empty (and 6 more problems)", err.message)
    assert.same("prompt", err.field)
    names, err = refusal { size = "1920x1080" }
    assert.same("size:multiple_of_16", names)
    assert.same("the height is no multiple of 16; got 1920x1080, nearest 1920x1088 or 16:9",
      err.message)
    assert.same({ field = "size", rule = "multiple_of_16", got = "1920x1080",
      message = "the height is no multiple of 16", nearest = "1920x1088 or 16:9" }, err.issues[1])
    assert.same("invalid: the height is no multiple of 16; got 1920x1080, "
      .. "nearest 1920x1088 or 16:9 (field size)", tostring(err))
  end)

  it("lists at most 32 and counts the rest", function()
    local links = {}
    for i = 1, 40 do links[i] = "ftp://x" end
    local _, err = refusal { image_urls = links }
    assert.same(32, #err.issues)
    assert.matches("and 40 more problems", err.message)
  end)

  it("becomes a warning when strict is off, and the request is sent as it is", function()
    local text, made = rest({ size = "1920x1080", quality = "best", n = 11, image_urls = {},
      callback_url = "http://localhost/", response_format = "url" }, { strict = false })
    assert.same('"size":"1920x1080","quality":"best","image_urls":[],"n":11,'
      .. '"response_format":"url","callback_url":"http://localhost/"', text)
    assert.same("response_format:not_a_field size:multiple_of_16 quality:one_of n:range "
      .. "image_urls:too_few callback_url:https callback_url:internal", rules(made.warnings))
    assert.same({ nil, nil, nil }, { made.width, made.price.factor, made.tier })
    made = assert(plan({}, { strict = false }))
    assert.same("{}", made.body)
  end)

  it("of safety is never lifted", function()
    for expected, fields in pairs {
      ["prompt:utf8"] = { prompt = "\xFF" },
      ["size:control_character"] = { size = "a\nb" },
      ["image_urls[1]:utf8"] = { image_urls = { "https://a.b/\xFF" } },
      ["image_urls[1]:character"] = { image_urls = { "https://a.b/\n" } },
      ["callback_url:too_long"] = { callback_url = "https://a.b/" .. ("x"):rep(9000) },
      ["extra:json"] = { extra = "[]" },
      ["extra:duplicate"] = { extra = '{"n":2}' },
      ["n:range"] = { n = 129 },
    } do
      assert.same(expected, (refusal(fields, { strict = false })))
    end
  end)
end)

describe("unknown models", function()
  it("are sent with a warning after the checks that all pages share", function()
    local text, made = rest { model = "gpt-image-9", size = "7:5", resolution = "16K",
      quality = "max", n = 20, background = "auto", response_format = "url" }
    assert.same('"size":"7:5","resolution":"16K","quality":"max","n":20,"background":"auto",'
      .. '"response_format":"url"', text)
    assert.same({ "gpt-image-9", false, 20, "model:unknown_model" },
      { made.model, made.known_model, made.n, rules(made.warnings) })
    assert.same("prompt:empty image_urls[1]:internal callback_url:https", (refusal {
      model = "gpt-image-9", prompt = "", image_urls = { "http://localhost/" },
      callback_url = "http://example.com/" }))
    assert.same("model:required", (refusal { model = "" }))
  end)
end)

describe("memory", function()
  it("may fail at any allocation, and nothing leaks or is half done", function()
    local requests = {
      with { size = "16:9", resolution = "4K", image_urls = { PICTURE }, mask_url = PICTURE,
        prompt = ("a"):rep(5000), extra = '{"a":1}' },
      with { prompt = "", size = "1920x1080", n = 99, callback_url = "x" },
    }
    for _, request in ipairs(requests) do
      local n = 0
      repeat
        n = n + 1
        window.fail_allocation(n)
        local made, err = plan(request)
        local left = window.fail_allocation(0)
        if left == 0 then
          assert.is_nil(made)
          assert.same("no_memory", err.kind)
        end
      until left > 0
      assert.is_true(n > 3)
      collectgarbage()
    end
  end)
end)
