-- SPDX-License-Identifier: MIT
-- Tests src/net/gim_depot.c through clients: a file is uploaded once, however many requests name
-- it.
local editing = require "spec.support.editing"
local services = require "spec.support.service"
local window = require "gptimage.core_test"

local PNG = editing.PNG
local e

before_each(function() e = editing.open() end)
after_each(function() e:close() end)

-- The links that POST number `n` has, as what follows /uploads/.
local function links(n)
  local found = {}
  for name in e.service.posts[n].body:gmatch "/uploads/([^\"]*)" do found[#found + 1] = name end
  return found
end

describe("a file", function()
  it("is uploaded once, for requests that come together and for later ones", function()
    e:tasks()
    local path = e:write "a.png"
    local tasks = {}
    for i = 1, 20 do tasks[i] = e:submit { path } end
    for _, task in ipairs(tasks) do assert(e.service:finish(task)) end
    assert(e:edit { path, path })
    assert.equal(1, #e.service.uploads)
    assert.equal(21, #e.service.posts)
    for n = 1, 20 do assert.same({ "1.png" }, links(n)) end
    assert.same({ "1.png", "1.png" }, links(21))
  end)

  it("is the same by whatever name", function()
    e:tasks()
    local path = e:write "a.png"
    e:shell "ln a.png b.png; ln -s b.png c.png"
    assert(e:edit { path, e.folder:at "b.png", e.folder:at "c.png",
      e.folder.path .. "/../" .. e.folder.path:match "[^/]+$" .. "/a.png" })
    assert.equal(1, #e.service.uploads)
    assert.same({ "1.png", "1.png", "1.png", "1.png" }, links(1))
  end)

  it("is another one once it was changed, touched or replaced", function()
    e:tasks()
    local path = e:write "a.png"
    e:shell "touch -d @1700000000 a.png"
    assert(e:edit { path })
    for n, change in ipairs { "touch -d @1700000001 a.png", "cp -p a.png b.png && mv b.png a.png",
      "printf x >> a.png && touch -d @1700000001 a.png" } do
      e:shell(change)
      assert(e:edit { path })
      assert.equal(n + 1, #e.service.uploads, change)
    end
    assert(e:edit { path })
    assert.equal(4, #e.service.uploads)
  end)

  it("is another one where size and time of writing were made the same", function()
    e:tasks()
    local path = e:write "a.png"
    e:shell "touch -d @1700000000 a.png"
    assert(e:edit { path })
    local before = window.look { path = path }
    local after
    repeat -- the clock of files ticks now and then
      e:write("a.png", PNG:sub(1, -2) .. "x")
      e:shell "touch -d @1700000000 a.png"
      after = window.look { path = path }
    until after.changed_ns ~= before.changed_ns
    for _, name in ipairs { "inode", "size", "modified_ns" } do
      assert.equal(before[name], after[name])
    end
    assert(e:edit { path })
    assert.equal(2, #e.service.uploads)
  end)

  it("is uploaded by each client for itself", function()
    e:tasks()
    local path = e:write "a.png"
    local other = e.service:client { files_url = e.service.url }
    assert(e:edit { path })
    assert(e.service:finish(e:submit({ path }, nil, other)))
    assert.equal(2, #e.service.uploads)
  end)

  it("is uploaded again before its link ends", function()
    local life = 3600 - 5
    e:tasks { upload = function(conn, _, number, s)
      local at = os.date("!%Y-%m-%dT%H:%M:%SZ", os.time() + life)
      conn:reply(s:uploaded(number, (',"expires_at":"%s"'):format(at)), nil,
        { "Content-Type: application/json" })
    end }
    local path = e:write "a.png"
    assert(e:edit { path })
    life = 3600 + 60
    assert(e:edit { path })
    assert.equal(2, #e.service.uploads)
    assert(e:edit { path })
    assert.equal(2, #e.service.uploads)
    assert.same({ "2.png" }, links(3))
  end)

  for code, again in pairs { image_processing_error = true, content_policy_violation = false } do
    it("is uploaded anew when the service may have lost it: " .. code, function()
      e:tasks { poll = function(conn, head, number, s)
        if number > 1 then return services.defaults.poll(conn, head, number, s) end
        conn:reply(('{"id":"%s","status":"failed","error":{"code":"%s","message":"x"}}')
          :format(services.ID, code), nil, { "Content-Type: application/json" })
      end }
      local path = e:write "a.png"
      local _, err = e:edit { path }
      assert.equal(code, err.code)
      assert(e:edit { path })
      assert.equal(again and 2 or 1, #e.service.uploads)
    end)
  end

  it("keeps one link of a thousand, and the one that was used last", function()
    e:tasks()
    local first, second = e:write "first.png", e:write "second.png"
    assert(e:edit { first })
    assert(e:edit { second })
    for batch = 1, 64 do
      local images = {}
      for i = 1, 16 do
        images[i] = e:write(("%d-%d.png"):format(batch, i))
      end
      if batch == 64 then images[16], images[15] = nil, nil end
      assert(e:edit { first })
      assert(e:edit(images))
    end
    local before = #e.service.uploads
    assert.equal(2 + 63 * 16 + 14, before)
    assert(e:edit { first })
    assert.equal(before, #e.service.uploads)
    assert(e:edit { e:write "more.png" })
    assert(e:edit { first })
    assert.equal(before + 1, #e.service.uploads)
    assert(e:edit { second })
    assert.equal(before + 2, #e.service.uploads)
  end)
end)

describe("bytes", function()
  it("are uploaded for each request that has them", function()
    e:tasks()
    assert(e:edit { { data = PNG }, { data = PNG } })
    assert(e:edit { { data = PNG } })
    assert.equal(3, #e.service.uploads)
    assert.same({ "3.png" }, links(2))
  end)
end)

describe("an upload that several wait for", function()
  local go

  local function held()
    go = nil
    e:tasks { upload = function(conn, request, number, s)
      local gone = conn:wait(function()
        -- What the other side does is seen by reading.
        conn.socket:settimeout(0)
        local _, err = conn.socket:receive(0)
        return go or err == "closed" and "gone"
      end)
      if gone == "gone" or go == "fail" then
        if gone ~= "gone" then
          conn:reply('{"success":false,"code":400,"msg":"no"}', "400 No",
            { "Content-Type: application/json" })
        end
        return
      end
      services.defaults.upload(conn, request, number, s)
    end }
  end

  it("goes on when one of them leaves, and serves the others", function()
    held()
    local path = e:write "a.png"
    local first, second, third = e:submit { path }, e:submit { path }, e:submit { path }
    e.service:drive(function() return #e.service.uploads == 1 end)
    assert.equal("uploading", first.status)
    first:cancel()
    for _ = 1, 5 do e.service:step() end
    go = true
    assert(e.service:finish(second))
    assert(e.service:finish(third))
    assert.equal(1, #e.service.uploads)
    assert.equal(2, #e.service.posts)
    assert.equal("cancelled", first.status)
    assert.equal("no", first.billed)
  end)

  it("fails for all of them", function()
    held()
    local path = e:write "a.png"
    local tasks = { e:submit { path }, e:submit { path }, e:submit { path } }
    e.service:drive(function() return #e.service.uploads == 1 end)
    go = "fail"
    for _, task in ipairs(tasks) do
      local result, err = e.service:finish(task)
      assert.is_nil(result)
      assert.equal("invalid", err.kind)
      assert.equal("no", err.billed)
    end
    assert.equal(1, #e.service.uploads)
    assert.equal(0, #e.service.posts)
    go = true
    assert(e:edit { path })
    assert.equal(2, #e.service.uploads)
  end)

  it("ends when the last has left, and begins anew for the next", function()
    local closed = 0
    e:tasks { upload = function(conn, request, number, s)
      if number > 1 then return services.defaults.upload(conn, request, number, s) end
      conn:closed()
      closed = closed + 1
      return false
    end }
    local path = e:write "a.png"
    local first, second = e:submit { path }, e:submit { path, path }
    e.service:drive(function() return #e.service.uploads == 1 end)
    first:cancel()
    second:cancel()
    e.service:drive(function() return closed == 1 end)
    assert(e:edit { path })
    assert.equal(2, #e.service.uploads)
  end)

  it("is not begun when all have left before its turn", function()
    e:tasks({ submit = function(conn) conn:closed() return false end }, { max_requests = 1 })
    local busy = assert(e.client:submit(services.request()))
    e.service:drive(function() return #e.service.posts == 1 end)
    local first, second = e:submit { e:write "a.png" }, e:submit { e:write "b.png" }
    first:cancel()
    second:cancel()
    busy:cancel()
    for _ = 1, 20 do e.service:step() end
    assert.equal(0, #e.service.uploads)
    assert.equal(0, e.client:step())
  end)
end)
