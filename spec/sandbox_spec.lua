-- SPDX-License-Identifier: MIT
-- Tests lua/gptimage/sandbox.lua and its server, task service, files, tasks and control, over real
-- HTTP; and the helper with which all specs start it.

local cjson = require "cjson"
local files = require "spec.support.files"
local png = require "spec.support.png"
local raw = require "spec.support.raw_http"
local socket = require "socket"
local support = require "spec.support.sandbox"

local KEY = raw.KEY

local function exists(path)
  local file = io.open(path)
  return file and file:close() or false
end

local get, post = raw.get, raw.post
local beta = { model = "gpt-image-2-beta", prompt = "A sunset", size = "16:9", resolution = "2K" }

describe("gptimage sandbox", function()
  it("serves after less than a second of work, its children's too", function()
    local sandbox <close> = support.start { tls = true }
    local words = {}
    for word in files.read("/proc/" .. sandbox.pid .. "/stat"):match("%) (.*)"):gmatch "%S+" do
      words[#words + 1] = word
    end
    local work = 0 -- utime, stime, cutime, cstime: proc(5), in hundredths of a second
    for i = 12, 15 do work = work + words[i] end
    assert.is_true(work > 0 and work < 100, work .. " hundredths")
  end)

  it("runs twice at once without clashing, and leaves nothing behind", function()
    local first = support.start { tls = true }
    local second = support.start { tls = true }
    assert.not_equal(first.origin, second.origin)
    assert.not_equal(first.ca_file, second.ca_file)
    assert.is_true(exists("/proc/" .. first.pid .. "/stat"))
    assert.is_true(exists(first.ca_file))
    local pids, bundles = { first.pid, second.pid }, { first.ca_file, second.ca_file }
    first:stop()
    first:stop()
    second:stop()
    for i = 1, 2 do
      assert.is_false(exists("/proc/" .. pids[i] .. "/stat"))
      assert.is_false(exists(bundles[i]))
    end
  end)

  it("stops on SIGTERM, on SIGINT and when it is asked to, in mid-work too", function()
    for _, how in ipairs { "TERM", "INT", "stop" } do
      local sandbox = support.start { tls = true, latency = 1000 }
      post(sandbox.starmagic .. "/v1/images/generations", beta)
      if how == "stop" then
        raw.request("POST", sandbox.origin .. "/_sandbox/stop", { body = "" })
      else
        assert(os.execute(("kill -%s %d"):format(how, sandbox.pid)))
      end
      support.wait_for(function() return not exists(sandbox.ca_file) end)
      sandbox:stop()
      assert.is_false(exists("/proc/" .. sandbox.pid .. "/stat"))
    end
  end)

  it("listens where it is told to, on IPv6 too", function()
    local sandbox <close> = support.start { host = "::1" }
    assert.truthy(sandbox.origin:find("^http://%[::1%]:%d+$"))
    local reply = post(sandbox.starmagic .. "/v1/images/generations", beta)
    assert.equal(200, reply.status)
  end)

  it("says what is wrong with its options, and with a port that is taken", function()
    local function complaint(words)
      local pipe = io.popen("exec env -u LD_PRELOAD lua5.4 bin/gptimage sandbox " .. words
        .. " 2>&1")
      local text = pipe:read("a")
      local ok = pipe:close()
      assert.falsy(ok)
      return text
    end
    assert.truthy(complaint("--port x"):find("a port is expected", 1, true))
    assert.truthy(complaint("--speed 0"):find("above 0", 1, true))
    assert.truthy(complaint("--bogus"):find("unknown option", 1, true))
    local sandbox <close> = support.start()
    local port = sandbox.origin:match("%d+$")
    assert.truthy(complaint("--port " .. port):find("cannot listen", 1, true))
  end)
end)

describe("the command line", function()
  -- Its output, the standard error stream behind it, and its exit status.
  local function gptimage(words)
    local pipe = io.popen("env -u LD_PRELOAD lua5.4 bin/gptimage " .. words .. "; echo $?")
    local output, status = pipe:read("a"):match("^(.-)(%d+)\n$")
    pipe:close()
    return output, tonumber(status)
  end

  it("shows how it is used when it is told nothing, and that this is not enough", function()
    assert.same({ "", 1 }, { gptimage "2>/dev/null" })
    local help, status = gptimage "2>&1"
    assert.equal(1, status)
    assert.truthy(help:find("^Usage: gptimage "), help)
    assert.truthy(help:find("\n   sandbox +Serve both image services"), help)
    assert.same({ (gptimage "--help 2>&1"), 0 }, { help, 0 })
    assert.equal(0, select(2, gptimage "--help"))
  end)

  it("tells its version", function()
    assert.same({ "gptimage " .. require("gptimage").version .. "\n", 0 }, { gptimage "--version" })
  end)

  it("says what to do with each line that the sandbox prints", function()
    local help = gptimage "sandbox --help"
    local sandbox <close> = support.start { tls = true }
    for name in pairs(sandbox) do
      if name ~= "pid" and name ~= "pipe" and not name:find "_tls$" then
        assert.truthy(help:find("\n   [%l_, ]*%f[%w]" .. name .. "%f[%W][^\n]*%l"), name)
      end
    end
  end)
end)

describe("a handshake that fails", function()
  -- What the sandbox prints until a client with TLS fails and another one is served.
  local function output_of(option)
    local pipe = io.popen("exec env -u LD_PRELOAD lua5.4 bin/gptimage sandbox --tied --tls "
      .. option .. " 2>&1")
    local urls = {}
    for line in pipe:lines() do
      local name, value = line:match "^(%S+) ?(.*)$"
      urls[name] = value
      if name == "ready" then break end
    end
    local connection = assert(socket.connect("127.0.0.1", tonumber(urls.origin_tls:match "%d+$")))
    connection:send "this is no TLS\r\n\r\n"
    connection:settimeout(10)
    connection:receive "*a" -- it is given up by then
    connection:close()
    raw.request("POST", urls.origin .. "/_sandbox/stop", { body = "" })
    local rest = pipe:read "a"
    pipe:close()
    return rest
  end

  it("is told of when that is asked for", function()
    assert.equal("", output_of "")
    assert.truthy(output_of "--verbose":find "^sandbox: wrap: starttls: [^\n]+\n$")
  end)
end)

describe("the sandbox's task service", function()
  local sandbox
  setup(function() sandbox = support.start { tls = true, latency = 100 } end)
  teardown(function() sandbox:stop() end)
  before_each(function() sandbox:reset() end)

  local function submit(body, headers)
    return post(sandbox.starmagic .. "/v1/images/generations", body or beta, headers)
  end

  it("takes a request, works on it, and gives a picture of exactly its size", function()
    local reply = submit()
    assert.equal(200, reply.status)
    assert.truthy(reply.headers["x-request-id"])
    local task = reply.json
    assert.truthy(task.id:find("^task%-unified%-%d+%-%w%w%w%w%w%w%w%w$"))
    assert.same({ "gpt-image-2-beta", "image.generation.task", 0, "pending", "image", true, 100,
      "per_call", 4.25, "default" }, { task.model, task.object, task.progress, task.status,
      task.type, task.task_info.can_cancel, task.task_info.estimated_time,
      task.usage.billing_rule, task.usage.credits_reserved, task.usage.user_group })
    local url = sandbox.starmagic .. "/v1/tasks/" .. task.id
    local seen = {}
    for _, seconds in ipairs { 0, 30, 30, 30 } do
      sandbox:advance(seconds)
      local told = get(url).json
      assert.is_nil(told.results)
      seen[#seen + 1] = ("%s %d"):format(told.status, told.progress // 10 * 10)
    end
    assert.same({ "pending 0", "processing 30", "processing 60", "processing 90" }, seen)
    sandbox:advance(20)
    local told = get(url).json
    assert.same({ "completed", 100, false, 1 },
      { told.status, told.progress, told.task_info.can_cancel, #told.results })
    local picture = raw.request("GET", told.results[1])
    assert.equal("image/png", picture.headers["content-type"])
    local width, height = png.size(picture.body)
    assert.same({ 2736, 1536 }, { width, height })
    local ledger = sandbox:ledger()
    assert.same({ 1, 1, 1, 0, 0, 5, 1, 1, 4.25 },
      { ledger.submits, ledger.accepted, ledger.charged, ledger.refunded, ledger.refused,
        ledger.polls, ledger.downloads, ledger.downloaded, ledger.credits.charged })
    local entry = ledger.entries[1]
    assert.same({ task.id, "charged", 2736, 1536, true, 5, 1 },
      { entry.task, entry.state, entry.width, entry.height, entry.replied, entry.polls,
        entry.downloaded })
  end)

  it("gives n pictures, each its own, and bills each", function()
    local task = submit({ model = "gpt-image-2", prompt = "x", n = 3, quality = "high" }).json
    assert.equal(12, task.usage.credits_reserved)
    sandbox:advance(100)
    local results = get(sandbox.starmagic .. "/v1/tasks/" .. task.id).json.results
    assert.equal(3, #results)
    assert.not_equal(raw.request("GET", results[1]).body, raw.request("GET", results[2]).body)
    assert.equal(12, sandbox:ledger().credits.charged)
  end)

  it("serves EvoLink's name too", function()
    local task = post(sandbox.evolink .. "/v1/images/generations", beta).json
    assert.equal(task.id, get(sandbox.evolink .. "/v1/tasks/" .. task.id).json.id)
  end)

  it("refuses with its own error shape, and takes nothing for it", function()
    local reply = submit { model = "gpt-image-2-beta", prompt = "x", size = "1920x1080" }
    assert.equal(400, reply.status)
    assert.same({ "invalid_request", "invalid_request_error", "size" },
      { reply.json.error.code, reply.json.error.type, reply.json.error.param })
    assert.equal(400, submit("{").status)
    reply = get(sandbox.starmagic .. "/v1/tasks/nonsense")
    assert.same({ 400, "invalid_task_id", "task_id" },
      { reply.status, reply.json.error.code, reply.json.error.param })
    reply = get(sandbox.starmagic .. "/v1/tasks/task-unified-1-abcdefgh")
    assert.same({ 404, "task_not_found" }, { reply.status, reply.json.error.code })
    for _, path in ipairs { "/v1/nothing", "/v1/tasks/x/cancel", "/v1/images/edits" } do
      reply = post(sandbox.starmagic .. path, {})
      assert.equal(404, reply.status)
      assert.equal(("No such endpoint: POST %s (the sandbox has magick at %s)"):format(path,
        sandbox.magick), reply.json.error.message)
    end
    assert.equal(404, get(sandbox.origin .. "/v1/tasks").status)
    local ledger = sandbox:ledger()
    assert.same({ 2, 2, 0 }, { ledger.submits, ledger.refused, ledger.accepted })
  end)

  it("wants a key", function()
    local url = sandbox.starmagic .. "/v1/images/generations"
    local reply = raw.request("POST", url, { body = cjson.encode(beta) })
    assert.equal(401, reply.status)
    assert.same({ "unauthorized", "authentication_error" },
      { cjson.decode(reply.body).error.code, cjson.decode(reply.body).error.type })
  end)

  it("lists, asks for many, and tells credits and models", function()
    local first, second = submit().json.id, submit().json.id
    sandbox:advance(100)
    local list = get(sandbox.starmagic .. "/v1/tasks?status=completed&page=1&page_size=1").json
    assert.same({ 2, 1, second, true }, { list.total, #list.data, list.data[1].id,
      list.data[1].has_results })
    assert.is_nil(list.data[1].results)
    local many = post(sandbox.starmagic .. "/v1/tasks/batch",
      { task_ids = { first, "task-unified-unknown", second } }).json
    assert.same({ first, second }, { many.data[1].id, many.data[2].id })
    local ids = {}
    for i = 1, 51 do ids[i] = first end
    assert.equal(400, post(sandbox.starmagic .. "/v1/tasks/batch", { task_ids = ids }).status)
    assert.equal(8.5, get(sandbox.starmagic .. "/v1/credits").json.data.token.used_credits)
    assert.equal(3, #get(sandbox.starmagic .. "/v1/models").json.data)
  end)

  it("records what arrived, and never the key", function()
    submit(nil, { ["user-agent"] = "spec", authorization = "Bearer very-secret" })
    local record = sandbox:requests({ kind = "submit" })[1]
    assert.same({ "POST", "/starmagic/v1/images/generations", "1.1", "starmagic", 200, "spec",
      "Bearer ***" }, { record.method, record.path, record.http, record.service, record.status,
      record.headers["user-agent"], record.headers.authorization })
    assert.equal(64, #record.body_sha256)
    assert.equal(#cjson.encode(beta), record.body_bytes)
    assert.is_nil(cjson.encode(sandbox:requests()):find("very-secret", 1, true))
    local connection = raw.connect(sandbox.starmagic)
    for _ = 1, 2 do
      connection:request("GET", "/starmagic/v1/models", { headers = KEY })
    end
    connection:close()
    local records = sandbox:requests({ kind = "other" })
    assert.same({ false, true }, { records[1].reused, records[2].reused })
    assert.equal(records[1].connection, records[2].connection)
    assert.not_equal(records[1].connection, record.connection)
  end)

  it("speaks HTTP/2 and HTTP/1.1 over TLS, under its own authority", function()
    for _, version in ipairs { 2, 1.1 } do
      local options = { headers = KEY, body = cjson.encode(beta), ca_file = sandbox.ca_file,
        version = version }
      local reply = raw.request_tls("POST", sandbox.starmagic_tls .. "/v1/images/generations",
        options)
      assert.same({ 200, version }, { reply.status, reply.version })
      sandbox:advance(100)
      local id = cjson.decode(reply.body).id
      reply = raw.request_tls("GET", sandbox.starmagic_tls .. "/v1/tasks/" .. id,
        { headers = KEY, ca_file = sandbox.ca_file, version = version })
      local link = cjson.decode(reply.body).results[1]
      assert.truthy(link:find("^https://127"))
      local picture = raw.request_tls("GET", link, { ca_file = sandbox.ca_file, version = version })
      local width, height = png.size(picture.body)
      assert.same({ 2736, 1536 }, { width, height })
    end
    assert.equal("2", sandbox:requests()[1].http)
    assert.equal("1.1", sandbox:requests()[4].http)
  end)

  describe("its links", function()
    local link, whole, etag
    before_each(function()
      local task = submit({ model = "gpt-image-2", prompt = "x" }).json
      sandbox:advance(100)
      link = get(sandbox.starmagic .. "/v1/tasks/" .. task.id).json.results[1]
      local reply = raw.request("GET", link)
      whole, etag = reply.body, reply.headers.etag
    end)

    it("need no key, and answer HEAD", function()
      local head = raw.request("HEAD", link)
      assert.same({ 200, tostring(#whole), "bytes", "" }, { head.status,
        head.headers["content-length"], head.headers["accept-ranges"], head.body })
      assert.equal(405, raw.request("POST", link, { body = "" }).status)
    end)

    it("serve ranges, unless the file is another", function()
      local size = #whole
      for range, expected in pairs {
        ["bytes=0-99"] = { 0, 99 }, ["bytes=100-"] = { 100, size - 1 },
        ["bytes=-10"] = { size - 10, size - 1 }, ["bytes=5-99999999"] = { 5, size - 1 },
      } do
        local reply = raw.request("GET", link, { headers = { range = range, ["if-range"] = etag } })
        assert.equal(206, reply.status)
        assert.equal(whole:sub(expected[1] + 1, expected[2] + 1), reply.body)
        assert.equal(("bytes %d-%d/%d"):format(expected[1], expected[2], size),
          reply.headers["content-range"])
      end
      for _, headers in ipairs { { range = "bytes=0-1", ["if-range"] = '"other"' },
        { range = "lines=0-1" }, { range = "bytes=3-1" }, { range = "bytes=0-1,4-5" } } do
        assert.equal(200, raw.request("GET", link, { headers = headers }).status)
      end
      local reply = raw.request("GET", link, { headers = { range = "bytes=" .. size .. "-" } })
      assert.same({ 416, "bytes */" .. size }, { reply.status, reply.headers["content-range"] })
    end)

    it("count as downloaded only when they came to their end", function()
      local before = sandbox:ledger().downloaded
      raw.request("GET", link, { headers = { range = "bytes=0-99" } })
      raw.request("HEAD", link)
      assert.equal(before, sandbox:ledger().downloaded)
      raw.request("GET", link, { headers = { range = "bytes=100-" } })
      assert.equal(before + 1, sandbox:ledger().downloaded)
    end)

    it("live for 24 hours", function()
      sandbox:advance(24 * 3600 - 10)
      assert.equal(200, raw.request("GET", link).status)
      sandbox:advance(11)
      assert.equal(404, raw.request("GET", link).status)
      assert.equal(404, raw.request("GET", (link:gsub("files/%x%x%x%x", "files/0000"))).status)
    end)
  end)
end)
