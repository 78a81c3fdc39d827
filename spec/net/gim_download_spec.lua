-- SPDX-License-Identifier: MIT
-- Tests src/net/gim_download.c through clients: links that lead anywhere, and hosts that send
-- anything.
local core = require "gptimage.core"
local files = require "spec.support.files"
local services = require "spec.support.service"

local PICTURE = services.picture(20000)

local service, folder, client

-- A service whose task is completed with `links` and whose downloads are answered by `download`.
local function start(download, links, options)
  service = services.start {
    download = download,
    poll = function(conn, _, _, s)
      conn:reply(s:completed(links or { s.url .. "/pictures/1.png" }))
    end,
  }
  client = service:client(options)
end

local function generate(more)
  more = more or {}
  if more.output == nil then more.output = folder.path .. "/{index}.{format}" end
  return service:generate(more)
end

before_each(function()
  folder = files.folder()
end)

after_each(function()
  if service then
    for _, download in ipairs(service.downloads) do
      -- Whatever happens: whoever serves pictures is not told the key.
      assert.is_nil(download.headers.authorization)
      assert.is_nil(download.raw:find(services.KEY, 1, true))
      assert.equal("image/*", download.headers.accept)
    end
    service:close()
  end
  local left = folder:files()
  folder:close()
  assert.same({}, left) -- no half of anything
  service = nil
end)

-- The only picture arrived whole.
local function assert_filed(result, bytes)
  assert.equal("yes", result.billed)
  assert.is_nil(result.images[1].error)
  local file <close> = assert(io.open(result.images[1].path, "rb"))
  assert.equal(bytes or PICTURE, file:read("a"))
  assert.same({ "1.png" }, folder:files())
  os.remove(result.images[1].path)
end

-- It was paid and did not arrive: `kind`, after so many requests.
local function assert_failed(result, err, kind, text, requests)
  assert.is_nil(result)
  assert.equal(kind, err.kind)
  assert.truthy(err.message:find(text, 1, true), err.message)
  assert.equal("yes", err.billed)
  assert.equal(services.ID, err.task_id)
  assert.equal(kind, err.result.images[1].error.kind)
  assert.is_string(err.result.images[1].url)
  assert.is_nil(err.result.images[1].path)
  assert.equal(requests, #service.downloads)
end

describe("a download", function()
  it("follows redirects, absolute and relative, hop by hop", function()
    for _, case in ipairs {
      { "301 Moved", "%s/there.png", "/there.png" }, { "302 Found", "/there.png", "/there.png" },
      { "303 See Other", "other.png?a=b#c", "/pictures/other.png?a=b" },
      { "307 T", "../up.png", "/up.png" }, { "308 P", "//127.0.0.1:%d/x", "/x" },
    } do
      start(function(conn, head, _, s)
        if head.target == "/pictures/1.png" then
          local location = case[2]:gsub("%%s", s.url):gsub("%%d", s.server.port)
          return conn:reply("moved", case[1], { "Location: " .. location })
        end
        conn:reply(PICTURE)
      end)
      assert_filed(assert(generate()))
      assert.equal(case[3], service.downloads[2].target)
      service:close()
    end
  end)

  it("does not go round in circles", function()
    start(function(conn) conn:reply("", "302 Found", { "Location: /again" }) end)
    local result, err = generate()
    assert_failed(result, err, "protocol", "redirects more than 5 times", 6)
    assert.is_false(err.retryable)
  end)

  it("follows no redirect to a host that is private, or to plain http", function()
    local other = services.start()
    local port = other.server.port
    for _, location in ipairs {
      "http://localhost:" .. port .. "/x", "http://[::1]:" .. port .. "/x",
      "https://192.168.1.1/x", "https://10.0.0.1/", "https://[fd00::1]/x",
      "https://169.254.169.254/", "http://files.example.com/x", "https://2130706433/x",
      "http://0x7f.1:" .. port .. "/x", "http://127%2e0.0.1:" .. port .. "/x",
      "ftp://files.example.com/x", "file:///etc/passwd", "https://user@files.example.com/x",
      "https://files.example.com\\@127.0.0.1/", "https://127%2e0.0.1/x", "http://", "\1",
      "gopher://127.0.0.1:" .. port .. "/", "https://printer.local/x",
    } do
      start(function(conn) conn:reply("", "302 Found", { "Location: " .. location }) end)
      local result, err = generate()
      assert.is_nil(result, location)
      assert.equal("protocol", err.kind, location)
      assert.equal("yes", err.billed)
      assert.is_true(#service.downloads == 1, location)
      service:close()
    end
    other.server:step()
    assert.equal(0, other.server.connections)
    other:close()
  end)

  it("of a link to a private host is refused unless allow_private says otherwise", function()
    local other = services.start { download = function(conn) conn:reply(PICTURE) end }
    local link = "http://localhost:" .. other.server.port .. "/x.png"
    start(nil, { link })
    local result, err = generate()
    assert_failed(result, err, "protocol", "allow_private", 0)
    other.server:step()
    assert.equal(0, other.server.connections)
    service:close()

    start(nil, { link }, { allow_private = true })
    local task = assert(client:submit(services.request {
      output = folder.path .. "/{index}.{format}" }))
    service:drive(function() other.server:step() return task:done() end)
    assert_filed(assert(task:wait()))
    assert.equal(1, #other.downloads)
    assert.is_nil(other.downloads[1].headers.authorization)
    other:close()
  end)

  it("of a link that is plain http on a public host is refused", function()
    start(nil, { "http://files.example.com/x.png" })
    local result, err = generate()
    assert_failed(result, err, "protocol", "plain http", 0)
  end)

  it("of a link that has expired says so, once, after its task was asked for a new one", function()
    for _, status in ipairs { 403, 404, 410 } do
      start(function(conn) conn:reply("<Error>Request has expired</Error>", status .. " No") end)
      local result, err = generate()
      assert_failed(result, err, "not_found", "links live 24 hours", 2)
      assert.truthy(err.message:find("So does the new one", 1, true))
      assert.equal(status, err.status)
      assert.equal(2, #service.polls)
      service:close()
    end
  end)

  it("by a new link does not go on with what the old one gave", function()
    service = services.start {
      poll = function(conn, _, number, s)
        conn:reply(s:completed { ("%s/pictures/%d.png"):format(s.url, number) })
      end,
      download = function(conn, head, number)
        if number == 1 then
          conn:send(("HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nContent-Length: %d\r\n\r\n%s")
            :format(#PICTURE, PICTURE:sub(1, 9000)))
          return false
        end
        if head.target == "/pictures/1.png" then
          assert(head.headers.range)
          return conn:reply("", "410 Gone")
        end
        assert(not head.headers.range and not head.headers["if-range"])
        conn:reply(PICTURE, nil, { 'ETag: "v1"' })
      end,
    }
    client = service:client()
    assert_filed(assert(generate()))
    assert.equal(3, #service.downloads)
    assert.equal(2, #service.polls)
  end)

  it("is tried again after 5xx, 408 and 429, and comes", function()
    for _, status in ipairs { "500 Oh", "502 Bad", "503 Later", "408 Slow", "429 Many" } do
      local times = {}
      start(function(conn, _, number)
        times[number] = core.now()
        if number == 1 then return conn:reply("<html>", status, { "retry-after-ms: 30" }) end
        conn:reply(PICTURE)
      end)
      assert_filed(assert(generate()))
      assert.is_true(times[2] - times[1] >= 0.029)
      service:close()
    end
  end)

  it("of other statuses is no picture", function()
    for _, status in ipairs { "400 Bad", "401 Who", "206 Part", "304 Same", "418 Tea" } do
      start(function(conn) conn:reply(status:sub(1, 3) == "304" and "" or PICTURE, status) end)
      local result, err = generate()
      assert.is_nil(result)
      assert.equal("protocol", err.kind)
      assert.equal(1, #service.downloads)
      service:close()
    end
  end)

  it("that is cut goes on where it stopped", function()
    for _, how in ipairs { "close", "stall" } do
      start(function(conn, head, number)
        local from = head.headers.range and tonumber(head.headers.range:match "^bytes=(%d+)%-$")
        if number == 1 then
          assert(from == nil and head.headers["if-range"] == nil)
          conn:send(("HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nContent-Length: %d\r\n\r\n")
            :format(#PICTURE))
          conn:send(PICTURE:sub(1, 7000))
          if how == "stall" then conn:closed() end
          return false
        end
        assert.equal('"v1"', head.headers["if-range"])
        conn:reply(PICTURE:sub(from + 1), "206 Partial Content", { ('ETag: "v1"'),
          ("Content-Range: bytes %d-%d/%d"):format(from, #PICTURE - 1, #PICTURE) })
      end, nil, { timeout = { download = 0.1 } })
      assert_filed(assert(generate()))
      assert.equal(2, #service.downloads)
      assert.equal("bytes=7000-", service.downloads[2].headers.range)
      service:close()
    end
  end)

  local function cut_then(answer, etag)
    start(function(conn, head, number)
      if number == 1 then
        conn:send(("HTTP/1.1 200 OK\r\nETag: %s\r\nContent-Length: %d\r\n\r\n%s")
          :format(etag or '"v1"', #PICTURE, PICTURE:sub(1, 7000)))
        return false
      end
      return answer(conn, head, number)
    end)
  end

  it("begins anew where the host ignores the range, or the file is another", function()
    -- As long as the first one: put together wrongly, they would end as a picture does.
    local other = services.picture(#PICTURE, 64, 64, 99)
    for name, answer in pairs {
      ["200"] = function(conn) conn:reply(other) end,
      ["416"] = function(conn, head)
        if head.headers.range then return conn:reply("", "416 Range Not Satisfiable") end
        conn:reply(other)
      end,
      ["206 from elsewhere"] = function(conn, head)
        if head.headers.range then
          return conn:reply(other:sub(7001), "206 Partial Content",
            { ("Content-Range: bytes 6999-%d/%d"):format(#other - 2, #other) })
        end
        conn:reply(other)
      end,
      ["206 without saying from where"] = function(conn, head)
        if head.headers.range then return conn:reply(other:sub(7001), "206 Partial Content") end
        conn:reply(other)
      end,
    } do
      cut_then(answer)
      local result = assert(generate(), name)
      assert.equal(64, result.images[1].width, name)
      assert_filed(result, other)
      service:close()
    end
  end)

  it("asks for no range by a weak tag, or one that it could not keep", function()
    for _, etag in ipairs { 'W/"v1"', '"' .. ("x"):rep(300) .. '"', "" } do
      cut_then(function(conn) conn:reply(PICTURE) end, etag)
      assert_filed(assert(generate()))
      assert.is_nil(service.downloads[2].headers.range)
      assert.is_nil(service.downloads[2].headers["if-range"])
      service:close()
    end
  end)

  it("that goes on with something else than the picture notices", function()
    -- A page in place of the file, at 200: what was looked at is not there any more.
    local page = "<html>" .. ("maintenance "):rep(2000)
    cut_then(function(conn, _, number)
      if number == 2 then return conn:reply(page) end
      conn:reply(PICTURE)
    end)
    assert_filed(assert(generate()))
    assert.equal(3, #service.downloads)
  end)

  it("of a picture without its end begins anew, whatever its Content-Length said", function()
    local tag = 'ETag: "v1"'
    start(function(conn, head, number)
      assert(not head.headers.range)
      conn:reply(number < 3 and PICTURE:sub(1, -2) or PICTURE, nil, { tag })
    end)
    assert_filed(assert(generate()))
    assert.equal(3, #service.downloads)
    service:close()

    start(function(conn) conn:reply(PICTURE:sub(1, 15000), nil, { tag }) end, nil,
      { retry = { max = 2, base = 0 } })
    local result, err = generate()
    assert_failed(result, err, "protocol", "without its end: it was cut", 3)
    assert.is_true(err.retryable)
  end)

  it("of a length that nobody said goes on where it ended, if that was not the end", function()
    start(function(conn, head, number)
      if number == 1 then
        conn:send 'HTTP/1.1 200 OK\r\nConnection: close\r\nETag: "v1"\r\n\r\n'
        conn:send(PICTURE:sub(1, 9000))
        return false
      end
      assert.equal("bytes=9000-", head.headers.range)
      conn:reply(PICTURE:sub(9001), "206 Partial Content", { 'ETag: "v1"',
        ("Content-Range: bytes 9000-%d/%d"):format(#PICTURE - 1, #PICTURE) })
    end)
    assert_filed(assert(generate()))
  end)

  it("of a picture with more behind its end is whole", function()
    start(function(conn) conn:reply(PICTURE .. "\0appended by an editor") end)
    assert_filed(assert(generate()), PICTURE .. "\0appended by an editor")
  end)

  it("of what is no picture is tried again, then refused", function()
    for _, case in ipairs {
      { "<!DOCTYPE html><html><body>Just a moment...</body></html>", "begins with \"<!DOCTYPE" },
      { "", "is empty, or nearly so" }, { "\137PNG\r\n\26\n", "nearly so" },
      { "\31\139\8\0\0\0\0\0\0\3" .. PICTURE, "is not a picture" }, { ("\0"):rep(50), "????" },
    } do
      start(function(conn) conn:reply(case[1]) end, nil, { retry = { max = 2, base = 0 } })
      local result, err = generate()
      assert_failed(result, err, "protocol", case[2], 3)
      assert.is_nil(err.message:find("[\0-\31\127]"))
      service:close()
    end
  end)

  it("of a picture after a page of errors is forgiven", function()
    start(function(conn, _, number)
      if number < 3 then return conn:reply "<html>one moment please</html>" end
      conn:reply(PICTURE)
    end)
    assert_filed(assert(generate()))
  end)

  it("of a length that lies is never filed as if it were whole", function()
    start(function(conn, head)
      local from = tonumber((head.headers.range or "=0"):match "=(%d+)")
      if from >= #PICTURE then return conn:reply("", "416 Range Not Satisfiable") end
      conn:send(("HTTP/1.1 200 OK\r\nETag: \"v\"\r\nContent-Length: %d\r\n\r\n%s")
        :format(#PICTURE + 100, PICTURE))
      return false
    end)
    local result, err = generate()
    assert.is_nil(result)
    assert.equal("network", err.kind)
  end)

  it("that is said to be endless is refused before it begins", function()
    start(function(conn)
      conn:send "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"
      conn:closed()
      return false
    end)
    local result, err = generate()
    assert_failed(result, err, "too_big", "99999999999", 1)
  end)

  it("without a length ends with the connection", function()
    start(function(conn)
      conn:send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" .. PICTURE)
      return false
    end)
    assert_filed(assert(generate()))
  end)

  it("that stalls is given up after its time, and the picture stays paid", function()
    start(function(conn) conn:closed() return false end, nil,
      { timeout = { download = 0.05 }, retry = { max = 1, base = 0 } })
    local result, err = generate()
    assert_failed(result, err, "timeout", "did not answer within 0.05 s", 2)
    assert.is_true(err.retryable)
  end)

  it("that is still under way when the task's time is over is cut off", function()
    start(function(conn) conn:closed() return false end)
    local result, err = generate { timeout = 0.2 }
    assert_failed(result, err, "timeout", "before the pictures were saved", 1)
  end)

  it("of one of several does not spoil the others", function()
    service = services.start {
      download = function(conn, head)
        if head.target == "/2.png" then return conn:reply("gone", "404 Not Found") end
        conn:reply(PICTURE)
      end,
      poll = function(conn, _, _, s)
        conn:reply(s:completed { s.url .. "/1.png", s.url .. "/2.png", s.url .. "/3.png" })
      end,
    }
    service:client()
    local result = assert(generate { model = "gpt-image-2", n = 3 })
    assert.equal("yes", result.billed)
    assert.same({ "1.png", "3.png" }, folder:files())
    assert.is_nil(result.images[1].error)
    assert.equal("not_found", result.images[2].error.kind)
    assert.is_nil(result.images[2].path)
    assert.equal(service.url .. "/2.png", result.images[2].url)
    for _, name in ipairs(folder:files()) do os.remove(folder.path .. "/" .. name) end
  end)
end)
