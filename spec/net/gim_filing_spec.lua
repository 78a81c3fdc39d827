-- SPDX-License-Identifier: MIT
-- Tests src/net/gim_filing.c through clients: pictures on their way to files, and folders that
-- do not wait for them.
local files = require "spec.support.files"
local lfs = require "lfs"
local services = require "spec.support.service"

local ID, PICTURE = services.ID, services.PICTURE
-- More than is copied within one step.
local LARGE = services.picture(3000001, 2048, 2048)

local service, client, folder

local function start(handlers, options)
  service = services.start(handlers)
  client = service:client(options)
end

-- The synchronous service, whose answer is these pictures.
local function start_magick(pictures, options)
  options = options or {}
  options.provider = "magick"
  local reply = services.base64_reply(table.unpack(pictures))
  start({ submit = function(conn) conn:reply(reply) end }, options)
end

local function descriptors()
  local count = 0
  for _ in lfs.dir("/proc/self/fd") do count = count + 1 end
  return count
end

before_each(function()
  folder = files.folder()
end)

after_each(function()
  if service then service:close() end
  service = nil
  folder:close()
end)

local function at(name)
  return folder.path .. "/" .. name
end

describe("the output", function()
  it("names what the service sent without leaving its folder", function()
    for _, id in ipairs { "../../../tmp/x", "..", ".", "/etc/passwd", "a\\u0000b", "con:ä?*", "-rf",
      ("x"):rep(256), ".hidden" } do
      start { submit = function(conn) conn:reply('{"id":"' .. id .. '","status":"pending"}') end }
      local result, err = service:generate { output = at "sub/{id}-{model}-{index}.{format}" }
      if result then
        local names = {}
        for name in lfs.dir(at "sub") do
          if name ~= "." and name ~= ".." then names[#names + 1] = name end
        end
        assert.equal(1, #names)
        assert.truthy(names[1]:find("^[%w_][%w._-]*%-gpt%-image%-2%-beta%-1%.png$"), names[1])
        assert.equal(at("sub/" .. names[1]), result.images[1].path)
        os.remove(result.images[1].path)
      else
        -- An id that is none: the task cannot be asked for.
        assert.equal("protocol", err.kind)
        assert.equal("maybe", err.billed)
      end
      assert.same({ "sub" }, folder:files())
      service:close()
    end
  end)

  it("is the request's key where there is no id", function()
    start_magick { PICTURE, LARGE }
    local result, _, task = service:generate { model = "gpt-image-2", n = 2,
      output = at "{id}.{format}" }
    assert.same({ task.key .. "-2.png", task.key .. ".png" }, folder:files())
    assert.equal(LARGE, files.read(result.images[2].path))
  end)

  it("is refused before paying where it cannot be written", function()
    start()
    files.write(at "file", "x")
    for output, kind in pairs {
      [at "file/x.png"] = "io", ["/proc/nowhere/x.png"] = "io", ["/dev/null/x.png"] = "io",
      [at "file/"] = "io", [at "new/.."] = "invalid", ["{idd}.png"] = "invalid",
      [at "{id}/x.png"] = "invalid", [at "a}b"] = "invalid", ["a\0b.png"] = "invalid",
      [""] = "invalid", [("x"):rep(5000)] = "invalid",
      [("y"):rep(4000) .. "/" .. ("z"):rep(90)] = "io",
      [at(("n"):rep(256))] = "invalid", [at("{id}-{format}" .. ("n"):rep(251))] = "invalid",
    } do
      local task, err = client:submit(services.request { output = output })
      assert.is_nil(task, output:sub(1, 40))
      assert.equal(kind, err.kind, output:sub(1, 40))
      assert.equal("no", err.billed)
      if kind == "invalid" then assert.equal("output", err.field) end
    end
    for _ = 1, 5 do service:step() end
    assert.equal(0, service.server.connections)
    assert.same({ "file" }, folder:files())
  end)

  it("never takes another's name, unless it is told to", function()
    files.write(at "a.png", "mine")
    for policy, expected in pairs { number = "a-2.png", replace = "a.png" } do
      start(nil, { overwrite = policy })
      local result = assert(service:generate { output = at "a.png" })
      assert.equal(at(expected), result.images[1].path)
      assert.equal(PICTURE, files.read(at(expected)))
      assert.equal(policy == "replace" and PICTURE or "mine", files.read(at "a.png"))
      os.remove(at "a-2.png")
      files.write(at "a.png", "mine")
      service:close()
    end
    os.remove(at "a.png")
    start({ submit = function(conn)
      files.write(at "a.png", "mine")
      services.defaults.submit(conn)
    end }, { overwrite = "refuse" })
    local result, err = service:generate { output = at "a.png" }
    assert.is_nil(result)
    assert.equal("io", err.kind)
    assert.equal("yes", err.billed)
    assert.equal("mine", files.read(at "a.png"))
    -- The bytes are there all the same, for as long as somebody may ask for them.
    assert.equal(PICTURE, err.result.images[1]:data())
    assert.equal(1, #service.downloads)
    assert.equal(at "b.png", service:spawn(function()
      return err.result.images[1]:save(at "b.png")
    end))
    assert.equal(PICTURE, files.read(at "b.png"))
    service:close()
    service, client, err = nil, nil, nil -- luacheck: ignore
    collectgarbage()
    collectgarbage()
    assert.same({ "a.png", "b.png" }, folder:files())
  end)

  it("is refused before paying where its name is known, and taken", function()
    files.write(at "a-2.png", "mine")
    assert(os.execute("mkfifo '" .. at "b.png" .. "'"))
    assert(lfs.link("nowhere", at "c-2.png", true))
    for name, case in pairs {
      ["a-{index}.png"] = { "refuse", 'a-2.png" is there already' },
      ["a.png"] = { "refuse", 'a-2.png" is there already' },
      ["b.png"] = { "replace", 'b.png" is a FIFO' },
      ["c.png"] = { "refuse", 'c-2.png" is there already' }, -- though the link leads nowhere
    } do
      local policy, text = table.unpack(case)
      start(nil, { overwrite = policy, provider = "magick" })
      local task, err = client:submit(services.request { model = "gpt-image-2", n = 2,
        output = at(name) })
      assert.is_nil(task)
      assert.equal("io", err.kind)
      assert.equal("no", err.billed)
      assert.truthy(err.message:find(text, 1, true), err.message)
      for _ = 1, 5 do service:step() end
      assert.equal(0, service.server.connections)
      assert.same({}, client:tasks())
      service:close()
    end
    assert.same({ "a-2.png", "b.png", "c-2.png" }, folder:files())
  end)

  it("may be too long a name once it is made, and the picture stays within reach", function()
    start()
    local result, err = service:generate { output = at("{id}" .. ("n"):rep(240)) }
    assert.is_nil(result)
    assert.equal("io", err.kind)
    assert.equal("The file name that `output` makes is longer than a name may be. It is paid: "
      .. "image:save can write it elsewhere.", err.message)
    assert.equal(PICTURE, err.result.images[1]:data())
    assert.equal(1, #service.downloads)
  end)
end)

describe("a folder that vanishes in mid-task", function()
  it("leaves the picture within reach, downloaded or decoded", function()
    for _, provider in ipairs { "starmagic", "magick" } do
      start({
        submit = function(conn)
          lfs.rmdir(at "out")
          if provider == "starmagic" then return services.defaults.submit(conn) end
          conn:reply(services.base64_reply(PICTURE))
        end,
      }, { provider = provider })
      local result, err = service:generate { model = "gpt-image-2", output = at "out/{index}.png" }
      assert.is_nil(result)
      assert.equal("io", err.kind)
      assert.equal("yes", err.billed)
      assert.truthy(err.message:find("out", 1, true))
      local image = err.result.images[1]
      assert.equal("io", image.error.kind)
      assert.equal(#PICTURE, image.size)
      assert.equal(PICTURE, image:data())
      assert.equal(at "there.png", service:spawn(function() return image:save(at "there.png") end))
      assert.equal(PICTURE, files.read(at "there.png"))
      assert.equal(provider == "starmagic" and 1 or 0, #service.downloads)
      os.remove(at "there.png")
      service:close()
    end
    assert.same({}, folder:files())
  end)

  it("while a picture arrives leaves nothing behind", function()
    local sent
    start { download = function(conn)
      conn:send(("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"):format(#LARGE))
      conn:send(LARGE:sub(1, 1500000))
      sent = true
      conn:wait(function() return sent == "moved" end)
      conn:send(LARGE:sub(1500001))
    end }
    local task = assert(client:submit(services.request { output = at "out/{index}.png" }))
    service:drive(function() return sent end)
    for _ = 1, 20 do service:step() end
    assert(os.rename(at "out", at "elsewhere"))
    sent = "moved"
    local result, err = service:finish(task)
    assert.is_nil(result)
    assert.equal("io", err.kind)
    assert.equal(LARGE, err.result.images[1]:data())
    service:close()
    service, task, err = nil, nil, nil -- luacheck: ignore
    client = nil
    collectgarbage()
    collectgarbage()
    assert.same({ "elsewhere" }, folder:files())
    local left = {}
    for name in lfs.dir(at "elsewhere") do
      if not name:find("^%.+$") then left[#left + 1] = name end
    end
    assert.same({}, left)
  end)
end)

describe("a picture without output", function()
  it("is fetched when it is wanted, once", function()
    start()
    local result = assert(service:generate())
    assert.equal(0, #service.downloads)
    local image = result.images[1]
    assert.is_nil(image.size)
    assert.equal(PICTURE, service:spawn(function() return image:data() end))
    assert.equal(PICTURE, service:spawn(function() return image:data() end))
    assert.equal(1, #service.downloads)
    assert.equal(#PICTURE, image.size)
    assert.equal("png", image.format)
    assert.equal(at "x.png", service:spawn(function() return image:save(at "x.png") end))
    assert.equal(1, #service.downloads)
    assert.equal(PICTURE, files.read(at "x.png"))
  end)

  it("is not fetched for a place that is no file's", function()
    start()
    local image = assert(service:generate()).images[1]
    assert(os.execute("mkfifo '" .. at "pipe" .. "'"))
    local path, err = service:spawn(function() return image:save(at "pipe") end)
    assert.is_nil(path)
    assert.equal("io", err.kind)
    assert.truthy(err.message:find("pipe\" is a FIFO: only files are replaced", 1, true))
    assert.equal("yes", err.billed)
    assert.equal(0, #service.downloads)
    assert.equal(at "x.png", service:spawn(function() return image:save(at "x.png") end))
  end)

  it("that was saved is read from its file, while that is there", function()
    start()
    local image = assert(service:generate()).images[1]
    assert.equal(at "x.png", service:spawn(function() return image:save(at "x.png") end))
    assert.equal(PICTURE, service:spawn(function() return image:data() end))
    assert.equal(1, #service.downloads)
    files.write(at "x.png", "edited by somebody")
    assert.equal(PICTURE, service:spawn(function() return image:data() end))
    assert.equal(2, #service.downloads)
    assert.equal("edited by somebody", files.read(at "x.png"))
  end)

  it("is saved by an explicit path over what is there, atomically", function()
    start()
    local image = assert(service:generate()).images[1]
    files.write(at "x.png", "old")
    assert.equal(at "x.png", service:spawn(function() return image:save(at "x.png") end))
    assert.equal(PICTURE, files.read(at "x.png"))
    assert.same({ "x.png" }, folder:files())
  end)

  it("cannot be saved where no file can be, and says why", function()
    start()
    local image = assert(service:generate()).images[1]
    for path, told in pairs { [at "sub/"] = { "invalid", "it is a folder: name a file in it" },
      [at "a\0b"] = { "invalid", "it is no file name" }, ["/dev/null/x"] = { "io", "" } } do
      local saved, err = service:spawn(function() return image:save(path) end)
      assert.is_nil(saved)
      assert.equal(told[1], err.kind, path)
      assert.truthy(err.message:find(told[2], 1, true), err.message)
      assert.equal("yes", err.billed)
    end
    assert.same({}, folder:files())
  end)

  it("in two places at once is copied by turns", function()
    start_magick { LARGE }
    local image = assert(service:generate { model = "gpt-image-2" }).images[1]
    local done = 0
    for i = 1, 4 do
      client:spawn(function()
        -- Different folders, so that each is a copy of its own.
        assert(image:save(at(i .. "/x.png")))
        done = done + 1
      end)
    end
    service:drive(function() return done == 4 end, 5)
    for i = 1, 4 do assert.equal(LARGE, files.read(at(i .. "/x.png"))) end
  end)

  it("is not held up by a copy that was given up", function()
    start_magick { LARGE }
    local core = require "gptimage.core"
    local result, _, task = service:generate { model = "gpt-image-2" }
    local given_up = assert(core.fetch(task, 1, at "1/x.png"))
    client:step() -- the first slice
    given_up:cancel()
    assert.equal(at "2/x.png", service:spawn(function()
      return result.images[1]:save(at "2/x.png")
    end, 5))
    assert.equal(LARGE, files.read(at "2/x.png"))
  end)
end)

describe("many pictures", function()
  it("that are filed hold no descriptors", function()
    start()
    local results = {}
    assert(service:generate { output = at "first.png" })
    local before = descriptors()
    for i = 1, 20 do
      results[i] = assert(service:generate { output = at "{id}-{index}.{format}" })
    end
    assert.is_true(descriptors() <= before + 1, "descriptors are left open")
    assert.equal(21, #folder:files())
    -- All of one name, and none lost.
    assert.equal(at(ID .. "-1-20.png"), results[20].images[1].path)
    for i = 1, 20 do assert.equal(PICTURE, results[i].images[1]:data()) end
    assert.is_true(descriptors() <= before + 1, "reading leaves descriptors open")
    assert.equal(21, #service.downloads)
  end)

  it("beyond the memory limit lie in temporary files, and in no folder", function()
    start_magick({ LARGE, LARGE, PICTURE }, { memory_limit = 4000000 })
    local result = assert(service:generate { model = "gpt-image-2", n = 3 })
    assert.equal(LARGE, result.images[1]:data())
    assert.equal(LARGE, result.images[2]:data())
    assert.equal(PICTURE, result.images[3]:data())
    assert.same({}, folder:files())
  end)

  it("that came and are gone say so, where there is no link", function()
    start_magick { PICTURE }
    local result = assert(service:generate { model = "gpt-image-2", output = at "x.png" })
    local image = result.images[1]
    assert.equal(PICTURE, image:data())
    os.remove(at "x.png")
    local data, err = service:spawn(function() return image:data() end)
    assert.is_nil(data)
    assert.equal("io", err.kind)
    assert.equal("The picture has no link, and its bytes are not where they were kept.",
      err.message)
    assert.equal("yes", err.billed)
  end)
end)

describe("bytes that are no picture", function()
  local PAGE = "<html>out of order</html>" .. (" "):rep(100)

  it("fail in the answer, but are paid and stay within reach", function()
    for _, output in ipairs { at "x-{index}.{format}", false } do
      start_magick { PICTURE, PAGE }
      local result = assert(service:generate { model = "gpt-image-2", n = 2,
        output = output or nil })
      assert.equal("yes", result.billed)
      assert.is_nil(result.images[1].error)
      local image = result.images[2]
      assert.equal("protocol", image.error.kind)
      assert.equal("yes", image.error.billed)
      assert.truthy(image.error.message:find('"<html>out of order', 1, true))
      assert.is_nil(image.path)
      assert.equal(PAGE, image:data())
      assert.is_nil(io.open(at "x-2.bin"))
      service:close()
    end
  end)

  it("fail likewise where the service cut them", function()
    local cut = PICTURE:sub(1, -13)
    start_magick { cut, PICTURE }
    local result = assert(service:generate { model = "gpt-image-2", n = 2,
      output = at "x-{index}.{format}" })
    assert.same({ "protocol", "yes" },
      { result.images[1].error.kind, result.images[1].error.billed })
    assert.truthy(result.images[1].error.message:find("without its end", 1, true))
    assert.equal(cut, result.images[1]:data())
    assert.is_nil(result.images[1].path)
    assert.equal(at "x-2.png", result.images[2].path)
    assert.is_nil(io.open(at "x-1.png"))
  end)

  it("and alone are an error, with the result beside it", function()
    start_magick { PAGE }
    local result, err = service:generate { model = "gpt-image-2", output = at "x.{format}" }
    assert.is_nil(result)
    assert.equal("protocol", err.kind)
    assert.equal("yes", err.billed)
    assert.is_false(err.retryable)
    assert.equal(PAGE, err.result.images[1]:data())
    assert.equal(at "page", assert(service:spawn(function()
      return err.result.images[1]:save(at "page")
    end)))
    assert.same({ "page" }, folder:files())
  end)
end)

describe("the log", function()
  it("tells tries that are repeated from those that are final", function()
    local events = {}
    start({ download = function(conn, _, number)
      conn:reply("", number == 1 and "503 Later" or "404 Gone")
    end }, { log = function(event) events[#events + 1] = event end })
    assert.is_nil(service:generate { output = at "x.png" })
    service:drive(function() return events[#events].event == "state" end)
    local found = {}
    for _, event in ipairs(events) do
      if event.message:find("^picture 1: ") then found[#found + 1] = event end
    end
    -- the second 404 is that of the new link
    assert.same({ "retry", "retry", "warning" },
      { found[1].event, found[2].event, found[3].event })
    assert.same({ 503, 404, 404 }, { found[1].status, found[2].status, found[3].status })
  end)
end)
