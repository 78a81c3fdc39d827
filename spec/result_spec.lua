-- SPDX-License-Identifier: MIT
-- Tests lua/gptimage/result.lua, and what gptimage.lua does to a request, on a fake core.

local fake_core = require "spec.support.fake_core"

local fake, gptimage, client

before_each(function()
  fake = fake_core.new()
  gptimage = fake.require "gptimage"
  client = assert(gptimage.client { api_key = "sk-secret" })
end)

after_each(function()
  fake.restore()
end)

-- A finished task whose outcome is `fields` over a plain one.
local function finished(fields)
  local task = assert(client:submit { model = "m", prompt = "p" })
  local outcome = { id = "task-x", billed = "yes", warnings = {}, images = { {}, {} },
    body = '{"id":"task-x","results":[]}' }
  for key, value in pairs(fields or {}) do
    outcome[key] = value
  end
  fake.at(1, function() fake.finish(task, outcome) end)
  return assert(task:wait()), task
end

describe("a result", function()
  it("reads raw when first asked, once, and shows no body", function()
    local result = finished { body = '{"a":[1,"two"],"b":null}' }
    assert.is_nil(rawget(result, "raw"))
    assert.is_nil(result.body)
    local raw = result.raw
    assert.equal("two", raw.a[2])
    assert.equal(require("cjson").null, raw.b)
    assert.equal(raw, result.raw)
    assert.is_nil(result.anything_else)
  end)

  it("reads raw behind a byte order mark, as the core does", function()
    local result = finished { body = '\xEF\xBB\xBF{"a":1}' }
    assert.same({ a = 1 }, result.raw)
    assert.same({}, result.warnings)
  end)

  it("has no raw and a warning where cjson cannot read the reply", function()
    local result = finished { body = '{"a":tru' }
    assert.is_nil(result.raw)
    assert.is_nil(result.raw)
    assert.equal(1, #result.warnings)
    assert.equal("raw", result.warnings[1].field)
    assert.equal("gptimage.issue", getmetatable(result.warnings[1]).__name)
    assert.truthy(result.warnings[1].message:find("^cjson cannot read the reply: "))
  end)

  it("keeps what raw is read from where cjson is missing, and says so each time", function()
    local result = finished { body = '{"a":1}' }
    local loaded = package.loaded["gptimage.json"]
    package.loaded["gptimage.json"] = nil
    package.preload["gptimage.json"] = function() error("no cjson") end
    finally(function()
      package.loaded["gptimage.json"], package.preload["gptimage.json"] = loaded, nil
    end)
    for _ = 1, 2 do
      assert.error_matches(function() return result.raw end, "no cjson")
    end
    package.preload["gptimage.json"] = nil
    assert.equal(1, result.raw.a)
  end)

  it("has no raw where the service sent no body", function()
    local task = assert(client:submit { model = "m", prompt = "p" })
    fake.at(1, function() fake.finish(task, { id = "x", billed = "yes" }) end)
    local result = assert(task:wait())
    assert.is_nil(result.raw)
    assert.same({}, result.warnings)
    assert.same({}, result.images)
  end)
end)

describe("image:save", function()
  it("fetches the picture to the path, and returns the path", function()
    local result, task = finished()
    assert.equal("out/a.png", (result.images[2]:save("out/a.png")))
    assert.same({ task = task, index = 2, path = "out/a.png" }, fake.fetched)
    assert.equal("out/a.png", result.images[2].path)
  end)

  it("counts as live until it is done, so that a loop of steps goes on for it", function()
    local task = assert(client:submit { model = "m", prompt = "p", size = 5 })
    local saved
    task:on_done(function(_, result)
      client:spawn(function() saved = result.images[1]:save("a.png") end)
    end)
    while client:step(1) > 0 do end
    assert.equal("a.png", saved)
  end)

  it("leaves the path where the picture was filed first", function()
    local result = finished { images = { { path = "out/first.png" } } }
    assert.equal("second.png", (result.images[1]:save("second.png")))
    assert.equal("out/first.png", result.images[1].path)
  end)

  it("yields in a spawned coroutine and blocks elsewhere", function()
    local result = finished()
    local before = fake.now
    local saved = {}
    for index = 1, 2 do
      client:spawn(function()
        saved[index] = result.images[index]:save(index .. ".png")
      end)
    end
    client:run()
    assert.same({ "1.png", "2.png" }, saved)
    assert.equal(1, fake.now - before)
    result.images[1]:save("3.png")
    assert.equal(2, fake.now - before)
  end)

  it("tries again what could not be brought, and forgets the error when it could", function()
    local failed = { kind = "io", message = "disk full" }
    local result = finished { images = { { error = failed } } }
    local image = result.images[1]
    assert.equal("a.png", (image:save("a.png")))
    assert.is_nil(image.error)
    assert.equal(16, image.width)
  end)

  it("returns what went wrong with the fetch", function()
    local result = finished()
    fake.core.outcome = nil
    local failure = fake.error("io", "disk full")
    fake.core.fetch = function() return nil, failure end
    assert.same({ n = 2, nil, failure }, table.pack(result.images[1]:save("a.png")))
  end)

  it("raises on a path that is none and on a call without colon, naming the line", function()
    local image = finished().images[1]
    for _, bad in ipairs { 5, "", {} } do
      local ok, message = pcall(function() image:save(bad) end)
      assert.is_false(ok)
      assert.truthy(message:find("result_spec.lua:%d+: bad argument #1 to 'save' %(name of a file"),
        message)
    end
    local ok, message = pcall(function() image.save("a.png") end)
    assert.is_false(ok)
    assert.truthy(message:find("result_spec.lua:%d+: bad argument #1 to 'save' %(image expected"))
  end)

  it("raises outside the coroutines of an attached loop", function()
    local result = finished()
    fake.require("gptimage.loop").attach(client, {
      name = "fake", place = "nowhere", inside = function() return false end })
    local ok, message = pcall(function() result.images[1]:save("a.png") end)
    assert.is_false(ok)
    assert.truthy(message:find("result_spec.lua:%d+: image:save would block the loop 'fake'"),
      message)
    assert.is_nil(fake.fetched)
  end)

  it("raises once the client is closed", function()
    local result = finished()
    client:close()
    local ok, message = pcall(function() result.images[1]:save("a.png") end)
    assert.is_false(ok)
    assert.truthy(message:find("result_spec.lua:%d+: image:save: client is closed"), message)
  end)
end)

describe("image:data", function()
  it("gives the bytes that are within reach, and fetches them where they are not", function()
    local result = finished()
    local before = fake.now
    assert.equal("bytes of 1", (result.images[1]:data()))
    assert.equal(1, fake.now - before)
    assert.equal("bytes of 1", (result.images[1]:data()))
    assert.equal(1, fake.now - before)
  end)

  it("returns what went wrong", function()
    local result = finished()
    local failure = fake.error("network", "cut")
    fake.core.read = function() return nil, failure end
    assert.same({ n = 2, nil, failure }, table.pack(result.images[1]:data()))
    fake.core.read = function() return nil end
    local bytes, err = result.images[1]:data()
    assert.is_nil(bytes)
    assert.equal("io", err.kind)
  end)
end)

describe("a client's options", function()
  local function with_environment(values, f)
    local getenv = os.getenv
    -- luacheck: push ignore 122
    os.getenv = function(name) return values[name] end
    local ok, err = pcall(f)
    os.getenv = getenv
    -- luacheck: pop
    assert(ok, err)
  end

  it("take key and address from the environment, by provider", function()
    local keys = { STARMAGIC_API_KEY = "s", EVOLINK_API_KEY = "e", MAGICK_API_KEY = "m",
      GPTIMAGE_BASE_URL = "http://127.0.0.1:1" }
    with_environment(keys, function()
      assert(gptimage.client())
      assert.equal("s", fake.options.api_key)
      assert.equal("http://127.0.0.1:1", fake.options.base_url)
      for provider, key in pairs { starmagic = "s", evolink = "e", magick = "m" } do
        assert(gptimage.client { provider = provider })
        assert.equal(key, fake.options.api_key)
      end
      assert(gptimage.client { api_key = "mine", base_url = "http://127.0.0.1:2" })
      assert.equal("mine", fake.options.api_key)
      assert.equal("http://127.0.0.1:2", fake.options.base_url)
    end)
  end)

  it("without a key are refused with an error that names the variable", function()
    with_environment({ MAGICK_API_KEY = "" }, function()
      for provider, variable in pairs { starmagic = "$STARMAGIC_API_KEY",
        evolink = "$EVOLINK_API_KEY", magick = "$MAGICK_API_KEY" } do
        local none, err = gptimage.client { provider = provider }
        assert.is_nil(none)
        assert.equal("auth", err.kind)
        assert.equal("no", err.billed)
        assert.is_false(err.retryable)
        assert.truthy(err.message:find(variable, 1, true))
        assert.equal("auth: " .. err.message, tostring(err))
      end
    end)
  end)

  it("with an empty key do not quietly take the environment's", function()
    with_environment({ STARMAGIC_API_KEY = "s" }, function()
      local none, err = gptimage.client { api_key = "" }
      assert.is_nil(none)
      assert.equal("auth", err.kind)
    end)
  end)

  it("are not changed, and leave no key behind in what Lua can see", function()
    local given = { api_key = "sk-very-secret" }
    local one = assert(gptimage.client(given))
    assert.same({ api_key = "sk-very-secret" }, given)
    local seen = {}
    local function search(value)
      if type(value) == "string" then
        assert.is_nil(value:find("sk-very-secret", 1, true))
      elseif type(value) == "table" and not seen[value] then
        seen[value] = true
        for key, item in pairs(value) do
          search(key)
          search(item)
        end
      end
    end
    fake.options = nil
    search(fake.core.data(one))
    search(tostring(one))
  end)

  it("that are no table raise, naming the line", function()
    local ok, message = pcall(function() gptimage.client("sk-secret") end)
    assert.is_false(ok)
    assert.truthy(message:find("result_spec.lua:%d+: bad argument #1 to 'client'"), message)
    assert.is_nil(message:find("sk-secret", 1, true))
  end)
end)

describe("extra", function()
  local function text_of(extra)
    return gptimage.plan { model = "m", prompt = "p", extra = extra }.body
  end

  it("is sent as JSON, and the caller's request stays as it was", function()
    local request = { model = "m", prompt = "p", extra = { style = { "a", "b" }, seed = 7 } }
    local body = gptimage.plan(request).body
    assert.same({ style = { "a", "b" }, seed = 7 }, require("cjson").decode(body))
    assert.is_table(request.extra)
  end)

  it("keeps numbers that cjson writes exactly", function()
    assert.equal('{"seed":99999999999999}', text_of { seed = 99999999999999 })
    assert.equal('{"strength":0.25}', text_of { strength = 0.25 })
    assert.equal('{"big":1e+30}', text_of { big = 1e30 })
    assert.truthy(text_of { third = 1 / 3 })
  end)

  it("raises instead of sending something else, naming field and line", function()
    local cycle = {}
    cycle.again = cycle
    local refused = {
      { { seed = 12345678901234567 }, "extra.seed" },
      { { list = { 1, 2, 2 ^ 60 + 1024 } }, "extra.list[3]" },
      { { deep = { er = { math.huge } } }, "extra.deep.er[1]" },
      { { x = 0 / 0 }, "extra.x" },
      { { f = print }, "extra.f" },
      { { mixed = { 1, name = 2 } }, "extra.mixed" },
      { { holes = { 1, nil, 3 } }, "extra.holes" },
      { { keys = { [1.5] = 1 } }, "extra.keys" },
      { { "a list" }, "extra" },
      { cycle, "nested too deeply" },
    }
    for _, case in ipairs(refused) do
      for _, call in ipairs {
        function() gptimage.plan { model = "m", prompt = "p", extra = case[1] } end,
        function() client:submit { model = "m", prompt = "p", extra = case[1] } end,
        function() client:generate { model = "m", prompt = "p", extra = case[1] } end,
      } do
        local ok, message = pcall(call)
        -- Where the codec is exact, an integer is no reason to refuse.
        if not ok or not case[2]:find("seed") then
          assert.is_false(ok, case[2])
          assert.truthy(message:find(case[2], 1, true), message)
          assert.truthy(message:find("^spec/result_spec.lua:%d+: bad argument #1 to '"), message)
        end
      end
    end
    assert.equal(0, #fake.started)
  end)

  it("is not swayed by what the program told cjson", function()
    local cjson = require "cjson"
    local before = cjson.encode_number_precision()
    cjson.encode_number_precision(3)
    finally(function() cjson.encode_number_precision(before) end)
    assert.equal('{"seed":123456}', text_of { seed = 123456 })
  end)
end)
