-- SPDX-License-Identifier: MIT
-- Tests src/net/gim_depot.c through clients: a file is uploaded once, however many requests name
-- it.
local pictures = require "spec.support.pictures"
local program = require "spec.support.program"
local services = require "spec.support.service"

local PNG = pictures.png { width = 32, height = 24 }

local service, client, folder

local function start(handlers, options)
  service = services.start(handlers)
  options = options or {}
  options.files_url = service.url
  client = service:client(options)
end

before_each(function() folder = program.folder() end)

after_each(function()
  if service then service:close() end
  service = nil
  folder:close()
end)

local function write(name, bytes)
  local path = folder.path .. "/" .. name
  local file <close> = assert(io.open(path, "wb"))
  file:write(bytes or PNG)
  return path
end

local function shell(command)
  assert(os.execute("cd " .. program.quote(folder.path) .. " && " .. command))
end

local function submit(images, by)
  return assert((by or client):submit { model = "gpt-image-2", prompt = "night", images = images })
end

local function edit(images) return service:finish(submit(images)) end

-- The links that POST number `n` has, as what follows /uploads/.
local function links(n)
  local found = {}
  for name in service.posts[n].body:gmatch "/uploads/([^\"]*)" do found[#found + 1] = name end
  return found
end

describe("a file", function()
  it("is uploaded once, for requests that come together and for later ones", function()
    start()
    local path = write "a.png"
    local tasks = {}
    for i = 1, 20 do tasks[i] = submit { path } end
    for _, task in ipairs(tasks) do assert(service:finish(task)) end
    assert(edit { path, path })
    assert.equal(1, #service.uploads)
    assert.equal(21, #service.posts)
    for n = 1, 20 do assert.same({ "1.png" }, links(n)) end
    assert.same({ "1.png", "1.png" }, links(21))
  end)

  it("is the same by whatever name", function()
    start()
    local path = write "a.png"
    shell "ln a.png b.png; ln -s b.png c.png"
    assert(edit { path, folder.path .. "/b.png", folder.path .. "/c.png",
      folder.path .. "/../" .. folder.path:match "[^/]+$" .. "/a.png" })
    assert.equal(1, #service.uploads)
    assert.same({ "1.png", "1.png", "1.png", "1.png" }, links(1))
  end)

  it("is another one once it was changed, touched or replaced", function()
    start()
    local path = write "a.png"
    shell "touch -d @1700000000 a.png"
    assert(edit { path })
    for n, change in ipairs { "touch -d @1700000001 a.png", "cp -p a.png b.png && mv b.png a.png",
      "printf x >> a.png && touch -d @1700000001 a.png" } do
      shell(change)
      assert(edit { path })
      assert.equal(n + 1, #service.uploads, change)
    end
    assert(edit { path })
    assert.equal(4, #service.uploads)
  end)

  it("is uploaded by each client for itself", function()
    start()
    local path = write "a.png"
    local other = service:client { files_url = service.url }
    assert(edit { path })
    assert(service:finish(submit({ path }, other)))
    assert.equal(2, #service.uploads)
  end)

  it("is uploaded again before its link ends", function()
    local life = 3600 - 5
    start { upload = function(conn, _, number, s)
      local at = os.date("!%Y-%m-%dT%H:%M:%SZ", os.time() + life)
      conn:reply(s:uploaded(number, (',"expires_at":"%s"'):format(at)), nil,
        { "Content-Type: application/json" })
    end }
    local path = write "a.png"
    assert(edit { path })
    life = 3600 + 60
    assert(edit { path })
    assert.equal(2, #service.uploads)
    assert(edit { path })
    assert.equal(2, #service.uploads)
    assert.same({ "2.png" }, links(3))
  end)

  for code, again in pairs { image_processing_error = true, content_policy_violation = false } do
    it("is uploaded anew when the service may have lost it: " .. code, function()
      start { poll = function(conn, head, number, s)
        if number > 1 then return services.defaults.poll(conn, head, number, s) end
        conn:reply(('{"id":"%s","status":"failed","error":{"code":"%s","message":"x"}}')
          :format(services.ID, code), nil, { "Content-Type: application/json" })
      end }
      local path = write "a.png"
      local _, err = edit { path }
      assert.equal(code, err.code)
      assert(edit { path })
      assert.equal(again and 2 or 1, #service.uploads)
    end)
  end

  it("keeps one link of a thousand, and the one that was used last", function()
    start()
    local first, second = write "first.png", write "second.png"
    assert(edit { first })
    assert(edit { second })
    for batch = 1, 64 do
      local images = {}
      for i = 1, 16 do
        images[i] = write(("%d-%d.png"):format(batch, i))
      end
      if batch == 64 then images[16], images[15] = nil, nil end
      assert(edit { first })
      assert(edit(images))
    end
    local before = #service.uploads
    assert.equal(2 + 63 * 16 + 14, before)
    assert(edit { first })
    assert.equal(before, #service.uploads)
    assert(edit { write "more.png" })
    assert(edit { first })
    assert.equal(before + 1, #service.uploads)
    assert(edit { second })
    assert.equal(before + 2, #service.uploads)
  end)
end)

describe("bytes", function()
  it("are uploaded for each request that has them", function()
    start()
    assert(edit { { data = PNG }, { data = PNG } })
    assert(edit { { data = PNG } })
    assert.equal(3, #service.uploads)
    assert.same({ "3.png" }, links(2))
  end)
end)

describe("an upload that several wait for", function()
  local go

  local function held()
    go = nil
    start { upload = function(conn, request, number, s)
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
    local path = write "a.png"
    local first, second, third = submit { path }, submit { path }, submit { path }
    service:drive(function() return #service.uploads == 1 end)
    assert.equal("uploading", first.status)
    first:cancel()
    for _ = 1, 5 do service:step() end
    go = true
    assert(service:finish(second))
    assert(service:finish(third))
    assert.equal(1, #service.uploads)
    assert.equal(2, #service.posts)
    assert.equal("cancelled", first.status)
    assert.equal("no", first.billed)
  end)

  it("fails for all of them", function()
    held()
    local path = write "a.png"
    local tasks = { submit { path }, submit { path }, submit { path } }
    service:drive(function() return #service.uploads == 1 end)
    go = "fail"
    for _, task in ipairs(tasks) do
      local result, err = service:finish(task)
      assert.is_nil(result)
      assert.equal("invalid", err.kind)
      assert.equal("no", err.billed)
    end
    assert.equal(1, #service.uploads)
    assert.equal(0, #service.posts)
    go = true
    assert(edit { path })
    assert.equal(2, #service.uploads)
  end)

  it("ends when the last has left, and begins anew for the next", function()
    local closed = 0
    start { upload = function(conn, request, number, s)
      if number > 1 then return services.defaults.upload(conn, request, number, s) end
      conn:closed()
      closed = closed + 1
      return false
    end }
    local path = write "a.png"
    local first, second = submit { path }, submit { path, path }
    service:drive(function() return #service.uploads == 1 end)
    first:cancel()
    second:cancel()
    service:drive(function() return closed == 1 end)
    assert(edit { path })
    assert.equal(2, #service.uploads)
  end)

  it("is not begun when all have left before its turn", function()
    start({ submit = function(conn) conn:closed() return false end }, { max_requests = 1 })
    local busy = assert(client:submit(services.request()))
    service:drive(function() return #service.posts == 1 end)
    local first, second = submit { write "a.png" }, submit { write "b.png" }
    first:cancel()
    second:cancel()
    busy:cancel()
    for _ = 1, 20 do service:step() end
    assert.equal(0, #service.uploads)
    assert.equal(0, client:step())
  end)
end)
