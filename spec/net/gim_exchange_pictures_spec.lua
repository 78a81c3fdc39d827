-- SPDX-License-Identifier: MIT
-- Tests src/net/gim_exchange.c through clients: pictures in base64 that come with the answer, whole
-- and cut, at their own pace.
local base64 = require "gptimage.sandbox.base64"
local files = require "spec.support.files"
local services = require "spec.support.service"
local window = require "gptimage.core_test"

local PICTURE = services.PICTURE
local service

local function start(handlers, options)
  service = services.start(handlers)
  service:client(options)
end

after_each(function()
  if service then service:close() end
  service = nil
end)

local JSON = { "Content-Type: application/json" }

-- A service whose POSTs are answered by `submit`; the synchronous one, where pictures come at once.
local function start_magick(submit, options)
  options = options or {}
  options.provider = "magick"
  start({ submit = submit }, options)
end

local function request(more)
  more = more or {}
  more.model = more.model or "gpt-image-2"
  return more
end

describe("pictures in the answer", function()
  it("come out of base64 byte by byte as out of one piece", function()
    local first, second = services.picture(3001, 64, 32, 3), services.picture(777, 16, 16, 9)
    local reply = services.base64_reply(first, second)
    for _, size in ipairs { 1000000, 997, 61 } do
      start_magick(function(conn)
        conn:send(("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"):format(#reply))
        for at = 1, #reply, size do
          conn:send(reply:sub(at, at + size - 1))
          coroutine.yield()
        end
      end)
      local result = assert(service:generate(request { n = 2 }))
      assert.equal("yes", result.billed)
      assert.equal(2, #result.images)
      assert.equal(first, result.images[1]:data())
      assert.equal(second, result.images[2]:data())
      assert.same({ 64, 32 }, { result.images[1].width, result.images[1].height })
      assert.equal(777, result.images[2].size)
      assert.equal("png", result.images[2].format)
      assert.equal(0, #service.downloads)
      service:close()
    end
  end)

  it("get room on the disk for what the answer's length leaves to each", function()
    local MB = 1024 * 1024
    local function reserved(length, n, header)
      local folder <close> = files.folder()
      local text = base64.encode(services.picture(600000))
      start_magick(function(conn)
        conn:send("HTTP/1.1 200 OK\r\n" .. (header or "") .. length .. "\r\n\r\n"
          .. '{"created":1764000000,"data":[{"b64_json":"' .. text)
        conn:closed()
        return false
      end)
      local task = assert(service.clients[1]:submit(services.request { model = "gpt-image-2", n = n,
        output = folder.path .. "/{index}.{format}" }))
      local blocks = service:drive(function()
        local name = next(window.list(folder.path))
        local there = name and window.blocks(folder.path .. "/" .. name) or 0
        return there > 0 and there
      end)
      task:cancel()
      service:close()
      return blocks
    end
    local none = reserved("Connection: close", 1)
    if none < 2 * MB then pending "files are memory here" return end
    assert.is_true(none < 4 * MB)
    for _, case in ipairs {
      { "Content-Length: 16000000", 1, 12000000 }, { "Content-Length: 64000000", 4, 12000000 },
      { "Content-Length: 536000000", 1, 32 * MB + 512 * 1024 }, -- may be a lie
      { "Content-Length: 2000000000", 1, none },
      { "Content-Length: 16000000", 1, none, "Content-Encoding: br\r\n" },
    } do
      local blocks = reserved(case[1], case[2], case[4])
      assert.is_true(math.abs(blocks - case[3]) < MB, case[1] .. ": " .. blocks)
    end
  end)

  it("that are whole survive a cut, and were billed", function()
    local reply = services.base64_reply(PICTURE, services.picture(5000))
    start_magick(function(conn)
      conn:send(("HTTP/1.1 200 OK\r\nX-Request-Id: req-7\r\nContent-Length: %d\r\n\r\n%s")
        :format(#reply, reply:sub(1, 2000)))
      return false
    end)
    local folder <close> = files.folder()
    local result = assert(service:generate(request { n = 2, size = "1024x1024",
      output = folder.path .. "/{index}.{format}" }))
    assert.equal("yes", result.billed)
    assert.equal(1, #result.images)
    assert.equal(PICTURE, result.images[1]:data())
    assert.equal("cut", result.warnings[1].rule)
    assert.equal("req-7", result.request_id)
    assert.is_nil(result.raw)
    assert.same({ "1.png" }, folder:files())
    assert.equal(1, #service.posts)
  end)

  it("that are whole survive bad base64 behind them, and broken JSON", function()
    local good = base64.encode(PICTURE)
    for _, reply in ipairs {
      '{"data":[{"b64_json":"' .. good .. '"},{"b64_json":"@@@@"}]}',
      '{"data":[{"b64_json":"' .. good .. '"},{"b64_json":"iVBO',
      '{"data":[{"b64_json":"' .. good .. '"},{{{',
      '{"pictures":[{"b64_json":"' .. good .. '"}]}',
    } do
      start_magick(function(conn) conn:reply(reply) end)
      local result, err = service:generate(request { n = 2 })
      assert(result, tostring(err) .. " " .. reply:sub(-20))
      assert.equal("yes", result.billed)
      assert.equal(PICTURE, result.images[1]:data())
      assert.equal(1, #result.images)
      assert.equal(1, #service.posts)
      service:close()
    end
  end)

  it("of which none is whole are an error that may have been billed", function()
    for _, reply in ipairs { '{"data":[{"b64_json":"@@@@"}]}', '{"data":[{"b64_json":"iVBORw0' } do
      start_magick(function(conn) conn:reply(reply) end)
      local result, err = service:generate(request())
      assert.is_nil(result)
      assert.equal("protocol", err.kind)
      assert.equal("maybe", err.billed)
      assert.equal(1, #service.posts)
      service:close()
    end
  end)

  it("may be links where bytes were asked, and bytes where links were", function()
    start_magick(function(conn, _, number, s)
      if number == 1 then
        return conn:reply('{"data":[{"url":"' .. s.url .. '/x.png","b64_json":""}]}', nil, JSON)
      end
      return conn:reply(services.base64_reply(PICTURE), nil, JSON)
    end)
    local folder <close> = files.folder()
    for _, format in ipairs { "b64_json", "url" } do
      local result = assert(service:generate(request { response_format = format,
        output = folder.path .. "/" .. format .. ".{format}" }))
      assert.equal(folder.path .. "/" .. format .. ".png", result.images[1].path)
      assert.equal(PICTURE, result.images[1]:data())
    end
    assert.same({ "b64_json.png", "url.png" }, folder:files())
  end)

  it("that find no memory go to a temporary file, and are not lost", function()
    local large = services.picture(300000)
    start_magick(function(conn) conn:reply(services.base64_reply(large, PICTURE)) end,
      { memory_limit = 1000 })
    local result = assert(service:generate(request { n = 2 }))
    assert.equal(large, result.images[1]:data())
    assert.equal(PICTURE, result.images[2]:data())
  end)

  it("of a task that is given by the synchronous service are waited for", function()
    start({ submit = services.defaults.submit }, { provider = "magick" })
    local result = assert(service:generate(request()))
    assert.equal(services.ID, result.id)
    assert.equal(1, #service.polls)
  end)
end)
