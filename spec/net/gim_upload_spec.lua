-- SPDX-License-Identifier: MIT
-- Tests src/net/gim_upload.c through clients: one picture to the file service, and what may come
-- of it. An upload is never paid, and nothing is paid for where it fails.
local editing = require "spec.support.editing"
local pictures = require "spec.support.pictures"
local services = require "spec.support.service"
local socket = require "socket"

local PNG, JSON, parts_of = editing.PNG, editing.JSON, editing.parts_of
local e

before_each(function() e = editing.open() end)
after_each(function() e:close() end)

describe("an upload", function()
  it("is one part, named and typed by its bytes, and its link goes into the request", function()
    e:tasks()
    assert(e:edit { e:write "My photo.jpg" })
    local request = e.service.uploads[1]
    assert.equal("/api/v1/files/upload/stream", request.target)
    assert.equal("Bearer " .. services.KEY, request.headers.authorization)
    assert.is_nil(request.headers.expect)
    assert.is_nil(request.headers["transfer-encoding"])
    assert.equal(#request.body, tonumber(request.headers["content-length"]))
    assert.same({ { "file My_photo.png image/png" }, { PNG } }, { parts_of(request) })
    assert.equal(1, #e.service.posts)
    assert.truthy(e.service.posts[1].body:find(
      '"image_urls":["' .. e.service.url .. '/uploads/1.png"]', 1, true))
    assert.equal("application/json", e.service.posts[1].headers["content-type"])
  end)

  it("comes below the path of files_url, and its bytes may be in memory", function()
    e:tasks()
    e.client = e.service:client { files_url = e.service.url .. "/evolink//" }
    assert(e:edit { { data = PNG, name = "../../etc/x y.gif" } })
    assert.equal("/evolink/api/v1/files/upload/stream", e.service.uploads[1].target)
    assert.same({ { "file x_y.png image/png" }, { PNG } }, { parts_of(e.service.uploads[1]) })
  end)

  it("keeps the order of the pictures, whichever is there first", function()
    local held, count = {}, 0
    e:tasks { upload = function(conn, request, number, s)
      count = count + 1
      held[number] = true
      -- The first that came is answered last.
      conn:wait(function() return number > 1 or #s.uploads == 3 and count == 3 and held.rest end)
      conn:reply(s:uploaded((request.body:match 'filename="(%w+)%.')), nil,
        JSON)
      if number == 3 then held.rest = true end
    end }
    local link = "https://example.com/between.webp"
    assert(e:edit({ e:write "a.png", link, { data = PNG, name = "b" }, e:write "c.png" }))
    local base = e.service.url .. "/uploads/"
    assert.truthy(e.service.posts[1].body:find(('"image_urls":["%sa.png","%s","%sb.png","%sc.png"]')
      :format(base, link, base, base), 1, true), e.service.posts[1].body)
  end)

  it("may have a link that JSON has to escape", function()
    e:tasks { upload = function(conn, _, _, s)
      conn:reply(('{"success":true,"data":{"file_url":"%s\\/a%%22b\\u002d.png?x=1&y=2"}}')
        :format(s.url), nil, JSON)
    end }
    assert(e:edit { e:write "a.png" })
    assert.truthy(e.service.posts[1].body:find(e.service.url .. "/a%22b-.png?x=1&y=2", 1, true))
  end)
end)

local function says(body, status)
  return function(conn) conn:reply(body, status, JSON) end
end

-- What the file service does, what kind of failure that is, and whether it is tried again.
local failures = {
  { "refuses the key", says('{"success":false,"code":401,"msg":"Invalid key"}', "401 No"), "auth" },
  { "says no with 200", says '{"success":false,"code":400,"msg":"Unsupported file type"}',
    "invalid" },
  { "has no room", says '{"success":false,"code":403,"msg":"File quota exceeded: 100 of 100"}',
    "quota" },
  { "wants money", says('{"success":false,"code":402,"msg":"Insufficient balance"}', "402 No"),
    "quota" },
  { "finds it too big", says('{"success":false,"code":413,"msg":"Too large"}', "413 Big"),
    "too_big" },
  { "is asked too often", says('{"success":false,"code":429,"msg":"Slow down"}', "429 Slow"),
    "rate_limited", true },
  { "fails", says('{"success":false,"code":500,"msg":"oops"}', "500 Oops"), "server", true },
  { "answers with a page", says("<html>Bad gateway</html>", "502 Bad Gateway"), "server", true },
  { "names no link", says '{"success":true,"code":200,"data":{}}', "protocol" },
  { "names what is no link", says '{"success":true,"data":{"file_url":"file:///etc/passwd"}}',
    "protocol" },
  { "sends no JSON", says "hello", "protocol" },
  { "sends no end", function(conn) conn:reply(('{"a":"%s"}'):format(("x"):rep(70000))) end,
    "too_big", false, "limit of 65536 bytes: is files_url a file service's?" },
  { "leads elsewhere", function(conn)
    conn:reply("", "307 Elsewhere", { "Location: https://example.com/" })
  end, "protocol", false, "Redirects are not followed: check files_url." },
  { "closes without an answer", function(conn) conn:close() return false end, "network", true },
  { "resets", function(conn) conn:reset() return false end, "network", true },
  { "never answers", function(conn) conn:closed() return false end, "timeout", true },
}

describe("the file service", function()
  for _, case in ipairs(failures) do
    local name, handler, kind, again, advice = table.unpack(case)
    it(name .. ": nothing is sent on and nothing billed", function()
      e:tasks({ upload = handler }, { retry = { max = 2, base = 0, cap = 0 },
        timeout = { upload = kind == "timeout" and 0.1 or 10 } })
      local result, err, task = e:edit { e:write "a.png" }
      assert.is_nil(result)
      assert.equal(kind, err.kind, tostring(err))
      assert.equal("no", err.billed)
      assert.equal("no", task.billed)
      assert.equal("images[1]", err.field)
      assert.matches("^images%[1%] could not be uploaded: ", err.message)
      assert.truthy(err.message:find(advice or "", 1, true), err.message)
      assert.equal("failed", task.status)
      assert.equal(again and 3 or 1, #e.service.uploads)
      assert.equal(0, #e.service.posts)
    end)

    if again then
      it(name .. " once, and takes the picture the next time", function()
        e:tasks({ upload = function(conn, request, number, s)
          if number == 1 then return handler(conn, request, number, s) end
          return services.defaults.upload(conn, request, number, s)
        end }, { timeout = { upload = kind == "timeout" and 0.1 or 10 } })
        assert.equal("yes", assert(e:edit { e:write "a.png" }).billed)
        assert.equal(2, #e.service.uploads)
        assert.same({ PNG }, select(2, parts_of(e.service.uploads[2])))
        assert.equal(1, #e.service.posts)
      end)
    end
  end

  it("breaks off half-way, and gets the whole picture anew", function()
    local heads = 0
    e:tasks { head = function(conn, _, kind)
      if kind ~= "upload" then return end
      heads = heads + 1
      if heads == 1 then
        conn:wait(function() return #conn.buffer > 1000 or conn:body(2000) end)
        conn:reset()
        return false
      end
    end }
    local large = pictures.png { width = 32, height = 24, filler = 4000000 }
    assert(e:edit { e:write("large.png", large) })
    assert.same({ 2, 1, 1 }, { heads, #e.service.uploads, #e.service.posts })
    assert.is_true(select(2, parts_of(e.service.uploads[1]))[1] == large)
  end)

  it("is asked again no sooner than it says", function()
    e:tasks { upload = function(conn, request, number, s)
      if number > 1 then return services.defaults.upload(conn, request, number, s) end
      conn:reply('{"success":false,"code":429,"msg":"x"}', "429 Slow",
        { "Content-Type: application/json", "retry-after-ms: 60" })
    end }
    local began = socket.gettime()
    assert(e:edit { e:write "a.png" })
    assert.is_true(socket.gettime() - began >= 0.06)
    assert.equal(2, #e.service.uploads)
  end)

  it("cannot make us show the key", function()
    local events = {}
    e:tasks({ upload = function(conn)
      conn:reply(('{"success":false,"code":400,"msg":"bad Authorization: Bearer %s"}')
        :format(services.KEY), "400 Bad", JSON)
    end }, { log = function(event) events[#events + 1] = event.message end })
    local _, err = e:edit { e:write "a.png" }
    e.service:step()
    assert.is_nil(tostring(err):find(services.KEY, 1, true))
    assert.is_nil(table.concat(events, "\n"):find(services.KEY, 1, true))
    assert.truthy(table.concat(events, "\n"):find('POST "a.png", ' .. #PNG .. " bytes", 1, true))
  end)

  it("gets no redirect followed, and nothing from elsewhere", function()
    local other <close> = services.start()
    e:tasks({ upload = function(conn)
      conn:reply("", "307 Elsewhere", { "Location: " .. other.url .. "/upload" })
    end })
    e:edit { e:write "a.png" }
    assert.equal(0, other.server.connections)
  end)
end)

describe("files_url", function()
  it("has to be named where the service's is not known", function()
    e:tasks()
    local task, err = e.service:client():submit { model = "gpt-image-2", prompt = "x",
      images = { e:write "a.png" } }
    assert.is_nil(task)
    assert.equal("invalid", err.kind)
    assert.equal("files_url_required", err.issues[1].rule)
    assert.truthy(err.message:find("files_url", 1, true))
    assert.equal("no", err.billed)
    assert.equal(0, e.service.server.connections)
  end)
end)
