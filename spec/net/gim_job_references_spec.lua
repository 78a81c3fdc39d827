-- SPDX-License-Identifier: MIT
-- Tests src/net/gim_job_references.c through clients: the pictures of a request on their way
-- to where its POST needs them.
local editing = require "spec.support.editing"
local pictures = require "spec.support.pictures"
local services = require "spec.support.service"
local window = require "gptimage.core_test"

local PNG, LARGE, JSON = editing.PNG, editing.LARGE, editing.JSON
local e

before_each(function() e = editing.open() end)
after_each(function() e:close() end)

describe("a form", function()
  it("has texts and pictures as they are meant, with names and types by their bytes", function()
    e:forms { reference = function(conn, request)
      conn:reply(request.target:find "mask" and pictures.png { width = 32, height = 24,
        alpha = function(x) return x < 9 and 0 or 255 end } or pictures.webp(32, 24))
    end }
    assert(e:edit({ e:write("Großes Bild.gif"), { data = pictures.jpeg(32, 24) },
      e:link "r.PNG?sig=1" }, { mask = e:link "mask", n = 2, size = "1024x1024" }))
    local request = e.service.posts[1]
    assert.equal("/v1/images/edits", request.target)
    assert.is_nil(request.headers.expect)
    assert.equal(#request.body, tonumber(request.headers["content-length"]))
    local names, bodies = editing.parts_of(request)
    local text, files = {}, {}
    for i, name in ipairs(names) do
      if name:find " " then files[#files + 1] = name else text[name] = bodies[i] end
    end
    assert.same({ model = "gpt-image-2", prompt = "night", n = "2", size = "1024x1024" }, text)
    assert.same({ "image[] Gro_es_Bild.png image/png", "image[] image-2.jpeg image/jpeg",
      "image[] r.webp image/webp", "mask mask.png image/png" }, files)
    assert.equal(PNG, bodies[#bodies - 3])
    assert.equal(pictures.jpeg(32, 24), bodies[#bodies - 2])
    assert.equal(pictures.webp(32, 24), bodies[#bodies - 1])
    for _, reference in ipairs(e.service.references) do
      assert.is_nil(reference.headers.authorization)
      assert.is_nil(reference.raw:find(services.KEY, 1, true))
    end
    assert.equal(0, #e.service.uploads)
  end)

  it("calls a single picture image", function()
    e:forms()
    assert(e:edit { e:write "a.png" })
    assert.equal("image a.png image/png", (editing.parts_of(e.service.posts[1]))[3])
  end)

  it("is sent again whole where nothing was accepted, from files, memory and links", function()
    local count = 0
    e:forms { submit = function(conn, _, number)
      count = number
      if number < 3 then return conn:reply("", "429 Slow", { "retry-after-ms: 1" }) end
      e:answer(conn)
    end }
    assert(e:edit { e:write "a.png", { data = PNG }, e:link "b" })
    assert.equal(3, count)
    assert.equal(1, #e.service.references)
    for i = 1, 3 do
      local _, bodies = editing.parts_of(e.service.posts[i])
      assert.same({ PNG, PNG, PNG }, { bodies[3], bodies[4], bodies[5] })
    end
  end)

  it("is sent again when it broke half-way, and not once it was whole", function()
    local heads = 0
    e:forms { head = function(conn, _, kind)
      if kind ~= "submit" then return end
      heads = heads + 1
      if heads == 1 then
        conn:body(100000)
        conn:reset()
        return false
      end
    end, submit = function(conn) conn:reset() return false end }
    local result, err = e:edit { e:write("large.png", LARGE) }
    assert.is_nil(result)
    assert.equal("network", err.kind)
    assert.equal("maybe", err.billed)
    assert.same({ 2, 1 }, { heads, #e.service.posts })
  end)

  it("is described in the journal, and only once its pictures are there", function()
    local go
    local path = e.folder.path .. "/jobs.jsonl"
    local function journal()
      local file <close> = io.open(path, "rb")
      return file and file:read "a" or ""
    end
    e:forms({ reference = function(conn)
      conn:wait(function() return go end)
      conn:reply(PNG)
    end }, { journal = path })
    local task = e:submit { e:link "a?token=secret", e:write "b.png", { data = PNG } }
    e.service:drive(function() return #e.service.references == 1 end)
    for _ = 1, 5 do e.service:step() end
    assert.equal("uploading", task.status)
    assert.is_nil(journal():find("intent", 1, true))
    go = true
    assert(e.service:finish(task))
    e.client:close()
    assert.truthy(journal():find('"event":"intent"', 1, true))
    assert.truthy(journal():find('"prompt":"night"', 1, true))
    assert.truthy(journal():find("b.png", 1, true))
    assert.is_nil(journal():find("IHDR", 1, true))
  end)
end)

describe("links", function()
  local function refused(handler, images, more)
    e:forms({ reference = handler }, { retry = { max = 1, base = 0, cap = 0 } })
    images = images or { e:link "a.png" }
    for i, name in ipairs(images) do
      if not name:find "/" then images[i] = e:link(name) end
    end
    more = more or {}
    more.mask = more.mask and e:link(more.mask)
    local result, err, task = e:edit(images, more)
    assert.is_nil(result)
    assert.equal("no", err.billed)
    assert.equal("failed", task.status)
    assert.equal(0, #e.service.posts)
    return err
  end

  local function gives(bytes, status, headers)
    return function(conn) conn:reply(bytes, status, headers) end
  end

  it("that lead nowhere end the request before it is paid", function()
    for status, kind in pairs { ["404 Gone"] = "not_found", ["403 No"] = "not_found",
      ["401 Who"] = "protocol", ["500 Oops"] = "server", ["429 Slow"] = "rate_limited" } do
      local err = refused(gives("", status))
      assert.equal(kind, err.kind)
      assert.equal("images[1]", err.field)
      assert.matches("^images%[1%] could not be downloaded: ", err.message)
      assert.is_nil(err.message:find("24 hours", 1, true))
      local tries = (kind == "server" or kind == "rate_limited") and 2 or 1
      assert.equal(tries, #e.service.references, status)
      e.service:close()
    end
  end)

  it("that give no picture are refused", function()
    local err = refused(gives("<html>Please log in to see this picture</html>"))
    assert.equal("protocol", err.kind)
    assert.truthy(err.message:find("not a picture", 1, true))
  end)

  it("that give more than a picture may have are not read to their end", function()
    local sent = 0
    local err = refused(function(conn)
      conn:send("HTTP/1.1 200 OK\r\nContent-Length: 52428801\r\n\r\n" .. LARGE)
      sent = sent + 1
      conn:closed()
      return false
    end)
    assert.equal("too_big", err.kind)
    assert.truthy(err.message:find("52428801", 1, true))
  end)

  it("that give a picture of the wrong type or form are judged as files are", function()
    local err = refused(gives(pictures.gif(32, 24)))
    assert.same({ "invalid", "images[1]" }, { err.kind, err.field })
    e.service:close()
    local masks = { ["no alpha"] = PNG, ["other size"] = pictures.png { width = 31, height = 24,
      alpha = true }, ["a JPEG"] = pictures.jpeg(32, 24) }
    for name, mask in pairs(masks) do
      for _, late in ipairs { false, true } do
        local held
        err = refused(function(conn, request)
          local is_mask = request.target:find "mask"
          if (late and is_mask) or (not late and not is_mask) then
            conn:wait(function() return held end)
          end
          held = true
          conn:reply(is_mask and mask or PNG)
        end, { "a.png" }, { mask = "mask.png" })
        assert.same({ "invalid", "mask" }, { err.kind, err.field }, name)
        e.service:close()
      end
    end
    e.service = nil
  end)

  it("that break off half-way are gone on with", function()
    e:forms { reference = function(conn, request, number)
      if number == 1 then
        conn:send(("HTTP/1.1 200 OK\r\nETag: \"x\"\r\nContent-Length: %d\r\n\r\n%s"):format(#LARGE,
          LARGE:sub(1, 2000000)))
        conn:close()
        return false
      end
      local from = tonumber(request.headers.range:match "bytes=(%d+)%-")
      conn:reply(LARGE:sub(from + 1), "206 Partial Content",
        { ("Content-Range: bytes %d-%d/%d"):format(from, #LARGE - 1, #LARGE), "ETag: \"x\"" })
    end }
    assert(e:edit { e:link "large.png" })
    assert.equal(2, #e.service.references)
    local _, bodies = editing.parts_of(e.service.posts[1])
    assert.is_true(bodies[3] == LARGE)
  end)

  it("of many requests do not take every descriptor", function()
    local go, most = nil, 0
    e:forms({ submit = function(conn)
      conn:wait(function() return go end)
      e:answer(conn)
    end }, { max_requests = 4 })
    local list, images = {}, {}
    for i = 1, 16 do images[i] = e:link("a" .. i) end
    local before = window.open_fds()
    for i = 1, 20 do list[i] = e:submit(images) end
    list[21] = e:submit { e:link "alone" }
    e.service:drive(function()
      most = math.max(most, window.open_fds() - before)
      return #e.service.references >= 128
    end)
    for _ = 1, 50 do
      e.service:step()
      most = math.max(most, window.open_fds() - before)
    end
    assert.equal(128, #e.service.references)
    assert.is_true(most < 128 + 60, tostring(most))
    list[20]:cancel()
    list[3]:cancel()
    go = true
    for i, task in ipairs(list) do
      local result = e.service:finish(task, 30)
      assert.equal(i ~= 3 and i ~= 20, result ~= nil)
    end
    assert.equal(#e.service.posts, 19)
    e.client:close()
    assert.same({}, e:leftovers())
  end)
end)

describe("a file that changes", function()
  -- The picture waits for its turn behind a request that is held.
  local function behind(begin, name)
    e[begin](e, { submit = function(conn, _, number, s)
      if number == 1 then
        conn:wait(function() return s.go end)
      end
      services.defaults.submit(conn)
    end }, { max_requests = 1 })
    local held = assert(e.client:submit { model = "gpt-image-2", prompt = "first" })
    e.service:drive(function() return #e.service.posts == 1 end)
    local task = e:submit { e:write(name) }
    for _ = 1, 5 do e.service:step() end
    return task, held
  end

  for how, begin in pairs { upload = "tasks", form = "forms" } do
    for what, change in pairs {
      ["is written anew"] = function() e:write("a.png", PNG .. "more") end,
      ["is removed"] = function() os.remove(e.folder.path .. "/a.png") end,
      ["becomes a pipe"] = function()
        os.execute(("cd '%s' && rm a.png && mkfifo a.png"):format(e.folder.path))
      end,
    } do
      it("and " .. what .. " before its " .. how .. " is not sent", function()
        local task, held = behind(begin, "a.png")
        change()
        e.service.go = true
        assert(e.service:finish(held))
        local result, err = e.service:finish(task)
        assert.is_nil(result)
        assert.same({ "io", "no" }, { err.kind, err.billed })
        assert.truthy(err.message:find('a.png"', 1, true), err.message)
        assert.same({ 1, 0 }, { #e.service.posts, #e.service.uploads })
      end)
    end

    it("while its " .. how .. " is sent breaks that off, and nothing is billed", function()
      local reading
      e[begin](e, { head = function(conn, _, kind)
        if kind ~= "upload" and kind ~= "submit" then return end
        conn:body(100000)
        reading = true
        conn:wait(function() return e.service.go end)
      end })
      e.service.server.listener:setoption("recv-buffer-size", 4096)
      local task = e:submit { e:write("a.png", LARGE) }
      e.service:drive(function() return reading end)
      for _ = 1, 20 do e.service:step() end
      local file <close> = assert(io.open(e.folder.path .. "/a.png", "ab"))
      file:write "more"
      file:flush()
      e.service.go = true
      local result, err = e.service:finish(task)
      assert.is_nil(result)
      assert.same({ "io", "no" }, { err.kind, err.billed })
      assert.truthy(err.message:find("changed while it was sent", 1, true), err.message)
      assert.same({ 0, 0 }, { #e.service.posts, #e.service.uploads })
    end)
  end
end)

it("a request that is paid for again does not upload again", function()
  local polled = 0
  e:tasks({ poll = function(conn, head, number, s)
    polled = polled + 1
    if polled == 1 then
      return conn:reply(('{"id":"%s","status":"failed","error":{"code":"generation_timeout",'
        .. '"message":"x","type":"task_error"}}'):format(services.ID), nil, JSON)
    end
    services.defaults.poll(conn, head, number, s)
  end })
  assert(e:edit({ e:write "a.png" }, { resubmit = 1 }))
  assert.same({ 1, 2 }, { #e.service.uploads, #e.service.posts })
  assert.equal(e.service.posts[1].body, e.service.posts[2].body)
end)

it("a request with as many pictures as any may have, and a mask, gets the link of each", function()
  e:tasks({ upload = function(conn, request, _, s)
    conn:reply(s:uploaded(request.body:match 'filename="(.-)%.png"'), nil, JSON)
  end })
  local images, links = {}, {}
  for i = 1, 64 do
    images[i] = e:write("a" .. i .. ".png")
    links[i] = ('"%s/uploads/a%d.png"'):format(e.service.url, i)
  end
  local mask = e:write("m.png", pictures.png { width = 32, height = 24,
    alpha = function(x) return x < 9 and 0 or 255 end })
  assert(e:edit(images, { strict = false, mask = mask }))
  local body = e.service.posts[1].body
  assert.equal("[" .. table.concat(links, ",") .. "]", body:match '"image_urls":(%b[])')
  assert.equal(e.service.url .. "/uploads/m.png", body:match '"mask_url":"(.-)"')
end)
