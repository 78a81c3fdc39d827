-- SPDX-License-Identifier: MIT
-- The C rules against the sandbox's own Lua rules: two people's reading of the same pages. 20,000
-- random requests, the same on every machine, must get the same verdict from both. The sandbox
-- judges the body that plan would send with strict = false. Where the body differs from the
-- request on purpose, that is asserted field by field.
local gptimage = require "gptimage"
local json = require "gptimage.sandbox.json"
local sandbox = require "gptimage.sandbox.rules"
local Random = require "spec.support.random"

local REQUESTS = 20000

local models = {
  starmagic = { "gpt-image-2-beta", "gpt-image-1.5", "gpt-image-2" },
  evolink = { "gpt-image-2-beta", "gpt-image-1.5", "gpt-image-2" },
  magick = { "gpt-image-2" },
}
local providers = { "starmagic", "evolink", "magick" }

local ratios = {}
for ratio in ("1:1 1:2 2:1 1:3 3:1 2:3 3:2 3:4 4:3 4:5 5:4 9:16 16:9 9:21 21:9"):gmatch "%S+" do
  ratios[#ratios + 1] = ratio
  ratios[ratio] = true
end

local odd_sizes = { "", "auto ", "AUTO", "Auto", "1:4", "4:1", "16:10", "32:18", "0:1", "16:9:1",
  "016:9", " 16:9", "1024", "1024x", "x1024", "1024X1024", "1024*1024", "1024 x 1024", "-16x1024",
  "1.5:1", "1024x1024x3", "1024×", "×1024", "01024x1024", "99999999999x1024", "1e3x1024", "large",
  "16：9", "１０２４x1024" }
local edges = { 16, 640, 655, 656, 720, 816, 1023, 1024, 1040, 1080, 1280, 1536, 1632, 1920, 2048,
  2160, 2304, 2880, 2896, 3824, 3839, 3840, 3841, 3856, 4096, 9999 }

local hosts = {
  -- public
  "example.com", "EXAMPLE.com", "example.com.", "cdn.example.co.uk", "localhost.example.com",
  "internal.example.com", "8.8.8.8", "1.1.1.1", "172.15.0.1", "172.32.0.1", "100.128.0.1",
  "192.167.0.1", "[2606:4700::1111]", "[2a00:1450::1]", "[::ffff:8.8.8.8]", "[64:ff9b::808:808]",
  "[2002:808:808::1]", "xn--bcher-kva.example",
  -- not public
  "127.0.0.1", "127.255.255.254", "10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255",
  "192.168.0.1", "169.254.169.254", "100.64.0.1", "100.127.255.255", "0.0.0.0", "192.0.2.1",
  "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
  "0177.0.0.1", "0x7f.0.0.1", "0x7f.1", "127.1", "10.1", "2130706433", "017700000001",
  "0x7f000001", "0300.0250.1", "192.168.257", "127.0.0.1.", "localhost", "LOCALHOST", "localhost.",
  "a.localhost", "printer.local", "db.internal", "metadata.google.internal.", "[::1]", "[::]",
  "[fc00::1]", "[fd12::1]", "[fe80::1]", "[fec0::1]", "[ff02::1]", "[2001:db8::1]", "[2001::1]",
  "[::ffff:127.0.0.1]", "[::ffff:a00:1]", "[::127.0.0.1]", "[64:ff9b::127.0.0.1]",
  "[64:ff9b:1::1]", "[2002:7f00:1::]", "[2002:a00:1::]", "[100::1]", "[3fff::1]",
  -- no hosts
  "", ".", "a..b", ".a.b", "exa%6dple.com", "127%2e0.0.1", "bücher.example", "a,b.example",
  "me@example.com", "me:pw@example.com", "example.com@127.0.0.1", "1.2.3.256", "1.2.3.4.5",
  "[::g]", "[::1", "[::1%25eth0]", "[]", "example.com\\@127.0.0.1", "a b.example",
}
local schemes = { "https", "https", "https", "https", "https", "http", "HTTPS", "ftp", "file",
  "data", "" }
local ports = { "", "", "", "", ":443", ":8443", ":1", ":65535", ":65536", ":0", ":", ":x", ":-1" }
local paths = { "", "/", "/a.png", "/a.JPG", "/a.jpeg?x=1", "/a.webp#f", "/a.gif", "/a.bmp?x=.png",
  "/a.tiff", "/a.svg", "/a.heic", "/a.avif", "/download", "/download?id=7.gif", "/a.php",
  "/a.png/b", "/a.gif/", "/%20.png", "/é.png", "/a b.png", "/a\\b.png", "?x=1.gif", "/.gif",
  "/a.b.GIF" }

local function link(random)
  if random:below(3) > 1 then return "https://example.com/a.png" end
  local text = random:pick(schemes) .. "://" .. random:pick(hosts) .. random:pick(ports)
    .. random:pick(paths)
  if random:below(40) == 1 then text = text .. "/" .. ("x"):rep(2000 + random:below(60)) end
  return text
end

local function pixels(random)
  local kind = random:below(4)
  local w, h
  if kind == 1 then
    w, h = random:pick(edges), random:pick(edges)
  elseif kind == 2 then
    w, h = random:below(4000), random:below(4000)
  else
    w, h = 16 * random:below(245), 16 * random:below(245)
  end
  return w .. random:pick { "x", "x", "x", "×" } .. h
end

local function size(random)
  local kind = random:below(10)
  if kind == 1 then return random:pick(odd_sizes) end
  if kind == 2 then return random:pick { "1024x1024", "1024x1536", "1536x1024", "1024×1536" } end
  if kind <= 5 then return pixels(random) end
  if kind == 6 then return "auto" end
  return random:pick(ratios)
end

local function links(random)
  local list = {}
  local kind = random:below(8)
  local count = kind == 1 and 0 or kind == 2 and 15 + random:below(3) or random:below(3)
  for i = 1, count do list[i] = count > 4 and "https://example.com/a.png" or link(random) end
  return list
end

local prompts = { "A sunset", "一只橘猫坐在窗台上看夕阳,水彩画风格", "one\ntwo\t\"three\" \\ \1", "",
  " ", ("word "):rep(500) }

-- {field, one in so many requests has it, how it is drawn}
local drawn = {
  { "size", 2, size },
  { "resolution", 3, function(random)
    return random:pick { "1K", "2K", "4K", "1K", "2K", "4K", "1k", "2k", "4k", "8K", "", "2" }
  end },
  { "quality", 4, function(random)
    return random:pick { "low", "medium", "high", "low", "high", "auto", "HIGH", "", "hd" }
  end },
  { "n", 4, function(random)
    return random:pick { 1, 1, 1, 2, 3, 4, 10, 11, 0, -1, 64, 128, 129, math.maxinteger }
  end },
  { "image_urls", 6, links },
  { "callback_url", 6, link },
  { "mask_url", 30, link },
  { "background", 30, function(random)
    return random:pick { "opaque", "transparent", "transparent", "auto", "" }
  end },
  { "output_format", 30, function(random)
    return random:pick { "png", "jpeg", "webp", "gif", "" }
  end },
  { "response_format", 20, function(random)
    return random:pick { "url", "b64_json", "png" }
  end },
}

local function draw(random)
  local provider = random:pick(providers)
  local model = random:pick(models[provider])
  if random:below(12) == 1 then model = random:pick { "gpt-image-9", "gpt-image-2 ", "", "x" } end
  local request = { model = model, prompt = random:pick(prompts) }
  if random:below(3) > 1 then request.prompt = "A sunset" end
  if random:below(200) == 1 then request.prompt = ("猫"):rep(31998 + random:below(4)) end
  if random:below(60) == 1 then request.prompt = nil end
  if random:below(60) == 1 then request.model = nil end
  for _, field in ipairs(drawn) do
    if random:below(field[2]) == 1 then request[field[1]] = field[3](random) end
  end
  if provider == "magick" then -- pictures are parts of a form there: spec/edit_spec.lua
    request.image_urls, request.mask_url = nil, nil
  end
  return provider, request, random:below(4) == 1 and "budget" or "anchor"
end

local function show(provider, request)
  local parts = { provider }
  for key, value in pairs(request) do
    if type(value) == "table" then value = table.concat(value, " , ") end
    parts[#parts + 1] = key .. "=" .. tostring(value):sub(1, 200)
  end
  table.sort(parts)
  return table.concat(parts, "; ")
end

local function has_rule(list, field, rule)
  for _, issue in ipairs(list) do
    if issue.rule == rule and (field == nil or issue.field == field) then return true end
  end
  return false
end

-- What strict = false does not lift: there is no body that the sandbox could judge.
local safety = { required = true, range = true, too_long = true }

-- What magick's gateway passes unread and we refuse: a field that it would ignore, silently.
local function is_unread_by_magick(provider, err)
  if provider ~= "magick" then return false end
  for _, issue in ipairs(err.issues) do
    if issue.rule ~= "not_a_field" and not (issue.field == "resolution" and issue.rule == "one_of")
    then
      return false
    end
  end
  return true
end

-- The body against the request: what was given is there, but for four rewrites.
local function check_body(provider, request, loose, sizes, counts)
  local body = json.decode(loose.body)
  for key in pairs(body) do assert(request[key] ~= nil, "sent without being asked: " .. key) end
  for key, value in pairs(request) do
    local sent = body[key]
    if key == "size" and provider == "magick" and has_rule(loose.warnings, "size", "solved") then
      local width, height = sandbox.pixels("starmagic", { model = "gpt-image-2", size = value,
        resolution = request.resolution }, { sizes = sizes })
      assert(sent == width .. "x" .. height, "solved: " .. sent)
      counts.solved = counts.solved + 1
    elseif key == "size" and value:find "^[1-9]%d*×[1-9]%d*$" then
      assert(sent == value:gsub("×", "x"), "cross: " .. sent)
      counts.cross = counts.cross + 1
    elseif key == "resolution" and sent == nil then
      local solved = has_rule(loose.warnings, "size", "solved")
      assert(solved or has_rule(loose.warnings, "resolution", "ignored"), "resolution lost")
      assert(solved or not ratios[request.size], "resolution ignored with a ratio")
      counts.ignored = counts.ignored + 1
    elseif key == "n" and sent == nil then
      assert(value == 1 and request.model == "gpt-image-2-beta", "n lost")
      counts.single = counts.single + 1
    elseif type(value) == "table" then
      assert(json.is_array(sent) and #sent == #value, "image_urls")
      for i, url in ipairs(value) do assert(sent[i] == url, "image_urls") end
    else
      assert(sent == value, key .. ": " .. tostring(sent))
    end
  end
end

-- Pixels, tier and price of what both accept.
local function check_pixels(provider, request, plan, sizes)
  local width, height, tier, factor = sandbox.pixels(provider, plan.body, { sizes = sizes })
  if plan.width then
    assert(plan.width == width and plan.height == height, ("pixels: %dx%d"):format(width, height))
  end
  if request.model == "gpt-image-2-beta" then
    assert(plan.tier == tier, "tier")
    assert(plan.price.factor == factor, "price factor")
  elseif plan.price.factor then
    assert(math.abs(plan.price.factor - factor * plan.n) < 1e-9, "price factor")
  end
end

describe("20,000 random requests", function()
  it("get the same verdict from the C rules and from the sandbox's", function()
    local random = Random.new(20241106)
    local counts = { accepted = 0, refused = 0, safety = 0, unread = 0, solved = 0, cross = 0,
      ignored = 0, single = 0 }
    local seen = {}
    for i = 1, REQUESTS do
      local provider, request, sizes = draw(random)
      local plan, err = gptimage.plan(request, { provider = provider, sizes = sizes })
      local loose, problem = gptimage.plan(request, { provider = provider, sizes = sizes,
        strict = false })
      local ok, message = pcall(function()
        if not loose then
          assert(not plan, "strict accepts what the other refuses")
          for _, issue in ipairs(problem.issues) do
            assert(safety[issue.rule], "no matter of safety: " .. issue.rule)
          end
          counts.safety = counts.safety + 1
          return
        end
        local accepted, refusal = sandbox.check(provider, loose.body)
        check_body(provider, request, loose, sizes, counts)
        if not plan and accepted and is_unread_by_magick(provider, err) then
          counts.unread = counts.unread + 1
          return
        end
        assert((plan ~= nil) == (accepted == true), plan and "only the sandbox refuses: "
          .. (refusal and refusal.message or "") or "only the C rules refuse: " .. tostring(err))
        seen[provider .. " " .. (plan and plan.known_model and plan.model or "another")
          .. " " .. tostring(plan ~= nil)] = true
        if plan then
          assert(plan.body == loose.body, "strict = false sends something else")
          if plan.known_model then check_pixels(provider, request, plan, sizes) end
        end
        counts[plan and "accepted" or "refused"] = counts[plan and "accepted" or "refused"] + 1
      end)
      if not ok then
        error(("request %d: %s\n%s"):format(i, message, show(provider, request)), 0)
      end
    end
    for name, least in pairs { accepted = 5000, refused = 5000, safety = 100, unread = 100,
      solved = 300, cross = 200, ignored = 500, single = 100 } do
      assert.is_true(counts[name] >= least, ("only %d %s"):format(counts[name], name))
    end
    for provider, names in pairs(models) do
      for _, name in ipairs(names) do
        assert.is_true(seen[provider .. " " .. name .. " true"], name)
        assert.is_true(seen[provider .. " another false"], name)
      end
    end
  end)
end)

describe("where the body is not the request", function()
  local function sent(fields, provider)
    local request = { model = "gpt-image-2", prompt = "x" }
    for name, value in pairs(fields) do request[name] = value end
    return json.decode(assert(gptimage.plan(request, { provider = provider or "starmagic" })).body)
  end

  it("is the multiplication sign, sent as x: all but gpt-image-2 refuse the sign", function()
    for _, model in ipairs { "gpt-image-2-beta", "gpt-image-1.5" } do
      local body = sent { model = model, size = "1024×1536" }
      assert.same("1024x1536", body.size)
      assert.is_true(sandbox.check("starmagic", body))
      body.size = "1024×1536"
      assert.is_nil((sandbox.check("starmagic", body)))
    end
  end)

  it("is a ratio on magick, solved to pixels by gpt-image-2's table", function()
    for _, ratio in ipairs(ratios) do
      for _, resolution in ipairs { "1K", "2K", "4K" } do
        local width, height = sandbox.pixels("evolink", sent { size = ratio,
          resolution = resolution })
        local body = sent({ size = ratio, resolution = resolution }, "magick")
        assert.same(width .. "x" .. height, body.size)
        assert.is_nil(body.resolution)
      end
    end
  end)

  it("is a resolution that says nothing", function()
    for _, fixed in ipairs { "auto", "1024x1024" } do
      for _, provider in ipairs(providers) do
        assert.is_nil(sent({ size = fixed, resolution = "2K" }, provider).resolution)
      end
    end
    assert.is_nil(sent { resolution = "2K" }.resolution)
  end)

  it("is an n of 1 where the model has no n", function()
    assert.is_nil(sent { model = "gpt-image-2-beta", n = 1 }.n)
    assert.same(1, sent { model = "gpt-image-1.5", n = 1 }.n)
  end)
end)

-- No page says anything about these: we take no chances, the sandbox takes them.
describe("where the C rules are stricter than the sandbox", function()
  it("is about hosts that are no public names, or that parsers read differently", function()
    for _, url in ipairs { "https://intranet/", "https://router.home.arpa/",
      "https://x.localdomain/", "https://0x08080808/", "https://134744072/", "https://8.8.2056/",
      "https://example.com../", "https://example.com:0443/",
      "https://" .. ("a"):rep(64) .. ".com/" } do
      local request = { model = "gpt-image-2", prompt = "x", callback_url = url }
      assert.is_nil((gptimage.plan(request)), url)
      assert.is_true((sandbox.check("starmagic", json.encode(request))), url)
    end
  end)
end)
