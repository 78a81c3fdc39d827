-- SPDX-License-Identifier: MIT
-- Tests src/bind/lgim_result.c: what came of a task, as a plain table.
local base64 = require "gptimage.sandbox.base64"
local core = require "gptimage.core"
local files = require "spec.support.files"
local pictures = require "spec.support.pictures"
local services = require "spec.support.service"

local ID, PICTURE = services.ID, services.PICTURE

local service, client, folder

local function start(handlers, options)
  service = services.start(handlers)
  client = service:client(options)
end

before_each(function()
  folder = files.folder()
end)

after_each(function()
  if service then service:close() end
  service = nil
  folder:close()
end)

local function outcome(more)
  local task = assert(client:submit(services.request(more)))
  service:finish(task)
  local result, err = core.outcome(task)
  return result, err, task
end

describe("a result", function()
  it("is a plain table of what is known, and of nothing else", function()
    start { poll = function(conn, _, _, s)
      conn:reply(('{"id":"%s","status":"completed","created":1764000002,"model":"gpt-image-2-x",'
        .. '"results":["%s/x.png"],"usage":{"credits_used":0.000001}}'):format(ID, s.url), nil,
        { "X-Request-Id: req-1" })
    end }
    local before = os.time()
    local result, _, task = outcome { output = folder.path .. "/{id}.{format}" }
    local image = assert(result).images[1]
    assert.is_true(image.expires_at >= before + 86400 and image.expires_at <= os.time() + 86400)
    image.expires_at = nil
    assert.same({
      id = ID, model = "gpt-image-2-x", created = 1764000002, billed = "yes",
      usage = { credits_used = 1e-6 }, warnings = {}, request_id = "req-1",
      images = { { url = service.url .. "/x.png", path = folder.path .. "/" .. ID .. ".png",
        format = "png", size = #PICTURE, width = 1024, height = 1024 } },
    }, result)
    assert.equal("integer", math.type(result.created))
    assert.equal("integer", math.type(image.width))
    assert.is_nil(getmetatable(result))
    assert.equal("completed", require("cjson").decode(core.body(task)).status)
  end)

  it("has the model that was asked for where the service names none", function()
    start({ submit = function(conn)
      conn:reply('{"data":[{"b64_json":"' .. base64.encode(PICTURE)
        .. '","revised_prompt":"ein \\"Boot\\"\\u0000 \\ud83d\\ude00"}]}')
    end }, { provider = "magick" })
    local result, _, task = outcome { model = "gpt-image-2" }
    assert.equal("gpt-image-2", assert(result).model)
    assert.equal("one of tomorrow", assert(outcome { model = "one of tomorrow" }).model)
    assert.is_nil(result.id)
    assert.is_nil(result.usage)
    assert.is_nil(result.created)
    assert.is_nil(result.images[1].url)
    assert.is_nil(result.images[1].expires_at)
    assert.is_nil(result.images[1].path)
    assert.truthy(result.images[1].revised_prompt:find 'ein "Boot"')
    assert.equal('{"data":[{"b64_json":"<image 0>"', core.body(task):sub(1, 32))
  end)

  it("warns of what came otherwise than planned", function()
    start { download = function(conn) conn:reply(services.picture(600, 512, 256)) end }
    local result = assert(outcome { size = "1:1", output = folder.path .. "/x.png" })
    assert.same({ { field = "size", rule = "delivered", got = "512x256",
      message = "picture 1 has 512x256 pixels, planned were 1024x1024" } }, result.warnings)
    assert.same({ 512, 256 }, { result.images[1].width, result.images[1].height })
  end)

  it("repeats what the plan warned of, in the same words", function()
    start()
    local request = services.request { size = "1024x1024", resolution = "4K" }
    local plan = assert(core.plan(request))
    assert.is_true(#plan.warnings > 0)
    assert.same(plan.warnings, assert(outcome { size = "1024x1024", resolution = "4K" }).warnings)
  end)

  it("plans nothing for auto, and warns of nothing", function()
    start { download = function(conn) conn:reply(services.picture(600, 777, 333)) end }
    assert.same({}, assert(outcome { size = "auto", output = folder.path .. "/x.png" }).warnings)
  end)

  it("warns of more or fewer pictures than were asked for: each is billed", function()
    for asked, said in pairs { [1] = "2 pictures came, planned was 1", [2] = false,
      [3] = "2 pictures came, planned were 3" } do
      start { poll = function(conn, _, _, s)
        conn:reply(s:completed { s.url .. "/1.png", s.url .. "/2.png" })
      end }
      local result = assert(outcome { model = "gpt-image-2", n = asked })
      if said then
        assert.same({ "n", "delivered", "2", said }, { result.warnings[1].field,
          result.warnings[1].rule, result.warnings[1].got, result.warnings[1].message })
      else
        assert.same({}, result.warnings)
      end
      service:close()
    end
  end)

  it("warns of another format than was asked for, and names the file by what it is", function()
    for asked, kept in pairs { png = false, webp = false, jpeg = true } do
      start { download = function(conn) conn:reply(pictures.jpeg(64, 48)) end }
      local result = assert(outcome { model = "gpt-image-2", size = "auto", output_format = asked,
        output = folder.path .. "/" .. asked .. "/" })
      local warning = result.warnings[2]
      assert.matches("^output_format: ", tostring(result.warnings[1])) -- of newer pages
      if kept then
        assert.is_nil(warning)
      else
        assert.same({ field = "output_format", rule = "delivered", got = "jpeg",
          message = "picture 1 is a jpeg, asked for was " .. asked }, warning)
      end
      assert.matches("%-1%.jpeg$", result.images[1].path)
      service:close()
    end
  end)

  it("does so where extra asked, as it has to where the service names no such field", function()
    for asked, kept in pairs { webp = false, png = true, avif = true } do
      start({ submit = function(conn) conn:reply(services.base64_reply(PICTURE)) end },
        { provider = "magick" })
      local result = assert(outcome { model = "gpt-image-2", size = "auto",
        extra = { output_format = asked } })
      assert.same(kept and {} or { { field = "output_format", rule = "delivered", got = "png",
        message = "picture 1 is a png, asked for was webp" } }, result.warnings)
      service:close()
    end
  end)

  it("warns of no format where none was asked for, or none came", function()
    start { download = function(conn) conn:reply(pictures.jpeg(64, 48)) end }
    assert.same({}, assert(outcome { size = "auto", output = folder.path .. "/a.png" }).warnings)
    local result = assert(outcome { model = "gpt-image-2", size = "auto", output_format = "png" })
    assert.same(1, #result.warnings)
    result = assert(outcome { model = "tomorrow's", size = "auto", output_format = "avif",
      strict = false, output = folder.path .. "/b.png" })
    for _, warning in ipairs(result.warnings) do assert.not_equal("delivered", warning.rule) end
  end)

  it("says of pictures what they are, whatever they are called", function()
    local jpeg = "\255\216\255\224\0\16JFIF\0\1\1\0\0\1\0\1\0\0"
      .. "\255\192\0\17\8\1\0\2\0\3\1\34\0\2\17\1\3\17\1" .. ("x"):rep(200)
      .. "\255\217"
    local webp = "RIFF" .. ("<I4"):pack(222) .. "WEBPVP8X" .. ("<I4"):pack(10)
      .. "\0\0\0\0\255\1\0\255\0\0" .. ("x"):rep(200)
    for format, bytes in pairs { jpeg = jpeg, webp = webp } do
      start { download = function(conn) conn:reply(bytes, nil, { "Content-Type: image/png" }) end }
      local result = assert(outcome { output = folder.path .. "/x.{format}", size = "auto" })
      local image = result.images[1]
      assert.same({ format, 512, 256, folder.path .. "/x." .. format },
        { image.format, image.width, image.height, image.path })
      service:close()
    end
  end)
end)

describe("pictures beyond what is kept of one answer", function()
  it("are a warning", function()
    start { poll = function(conn)
      conn:reply(service:completed('["https://a.example/1"' .. (',"https://a.example/2"'):rep(129)
        .. "]"))
    end }
    local result = assert(outcome { size = "auto" })
    assert.equal(128, #result.images)
    local warning = result.warnings[#result.warnings]
    assert.same({ "images", "left_out" }, { warning.field, warning.rule })
    assert.equal("images: the answer names 2 pictures beyond these 128: their links are in "
      .. "result.raw", tostring(warning))
  end)
end)

describe("an error", function()
  it("of what was paid carries the result with the links", function()
    start { download = function(conn) conn:reply("", "403 Forbidden") end }
    local result, err = outcome { output = folder.path .. "/x.png" }
    assert.is_nil(result)
    assert.equal(core.error_metatable, getmetatable(err))
    assert.equal("yes", err.billed)
    assert.equal(ID, err.task_id)
    assert.equal(ID, err.result.id)
    assert.equal(1, #err.result.images)
    assert.equal(service.url .. "/pictures/1.png", err.result.images[1].url)
    assert.equal("not_found", err.result.images[1].error.kind)
    assert.equal(ID, err.result.images[1].error.task_id)
    assert.is_nil(tostring(err):find("\n"))
    assert.truthy(tostring(err):find("^not_found: .* %(HTTP 403, task " .. ID:gsub("%-", "%%-")
      .. "%)$"), tostring(err))
  end)

  it("of a disk that takes no picture says that it is paid, and how to get it", function()
    start { poll = function(conn, _, _, s)
      folder:shell "rm -r in && touch in" -- now no picture can be filed there
      return services.defaults.poll(conn, nil, nil, s)
    end }
    local _, err = outcome { output = folder:at "in/x.png" }
    assert.same({ "io", "yes" }, { err.kind, err.billed })
    assert.matches("Not a directory%. It is paid: image:save can write it elsewhere%.$",
      err.message)
    assert.is_nil(err.result.images[1].error.message:find("paid", 1, true))
  end)

  it("of what failed at the service carries its code, and no result", function()
    start { poll = function(conn)
      conn:reply(('{"id":"%s","status":"failed","error":{"code":"content_policy_violation",'
        .. '"message":"Content policy violation.\\nChange it.","type":"task_error"}}'):format(ID),
        nil, { "x-oneapi-request-id: one-7" })
    end }
    local result, err = outcome()
    assert.is_nil(result)
    assert.same({ "refused", "no", "content_policy_violation", ID, "one-7" },
      { err.kind, err.billed, err.code, err.task_id, err.request_id })
    assert.is_nil(err.result)
    assert.is_nil(tostring(err):find("\n"))
  end)
end)
