-- SPDX-License-Identifier: MIT
-- The option `journal` and client:recover, against the sandbox. spec/crash_spec.lua kills programs;
-- here they end in every other way.

local clients = require "spec.support.clients"
local gptimage = require "gptimage"
local journal = require "gptimage.journal"
local program = require "spec.support.program"
local sandboxes = require "spec.support.sandbox"
local socket = require "socket"
local window = require "gptimage.core_test"

local DAY = 24 * 3600

describe("a client with a journal", function()
  local sandbox, folder, open_clients

  setup(function() sandbox = sandboxes.start { latency = 0.1 } end)
  teardown(function() sandbox:stop() end)

  before_each(function()
    sandbox:reset()
    folder = program.folder()
    open_clients = {}
  end)

  after_each(function()
    for _, client in ipairs(open_clients) do client:close() end
    folder:close()
  end)

  local function path(name) return folder.path .. "/" .. (name or "jobs.jsonl") end

  local function open(options, make)
    options = options or {}
    options.journal = options.journal or path()
    options.retry = { base = 0.02, cap = 0.1 }
    local client = (make or clients.starmagic)(sandbox, options)
    open_clients[#open_clients + 1] = client
    return client
  end

  local function magick(options) return open(options, clients.magick) end

  -- Small, and quick to draw.
  local function request(more)
    more = more or {}
    more.model, more.size = "gpt-image-2", "1024x1024"
    return clients.request(more)
  end

  local function base64(more)
    more = more or {}
    more.response_format = "b64_json"
    return request(more)
  end

  local function entries(name)
    local list = {}
    for entry in assert(journal.lines(path(name))) do list[#list + 1] = entry end
    return list
  end

  -- event -> how often, of one key or of all.
  local function events(key)
    local counts = {}
    for _, entry in ipairs(entries()) do
      if not key or entry.key == key then
        counts[entry.event] = (counts[entry.event] or 0) + 1
      end
    end
    return counts
  end

  local function put(lines, name)
    local file <close> = assert(io.open(path(name), "ab"))
    file:write(table.concat(lines, "\n"), "\n")
  end

  local function intent(key, more)
    more = more or {}
    return ('{"event":"intent","key":"%s","time":%d,"v":1,"provider":"starmagic","base_url":"%s",'
      .. '"path":"/v1/images/generations"%s,"overwrite":"number","request":{"model":"m",'
      .. '"prompt":"a boat"}}'):format(key, more.time or os.time(), more.base_url
      or sandbox.starmagic, more.output and (',"output":"%s"'):format(more.output) or "")
  end

  local function done(key, url, time)
    return ('{"event":"done","key":"%s","time":%d,"id":"t","images":[{"url":"%s",'
      .. '"expires_at":%d}]}'):format(key, time or os.time(), url, (time or os.time()) + DAY)
  end

  -- What a report counts or lists, without what is 0 or empty.
  local function gist(report)
    local short = {}
    for name, value in pairs(report) do
      local count = type(value) == "table" and #value or value
      if count > 0 then short[name] = count end
    end
    return short
  end

  local function a_link()
    local client <close> = clients.starmagic(sandbox)
    return assert(client:generate(request())).images[1].url
  end

  describe("writes", function()
    it("its intent, what it was accepted as, the links and where they were saved", function()
      local client = open()
      local result = assert(client:generate(request { output = path "{key}.{format}" }))
      local key = result.images[1].path:match("(gim_%x+)%.png$")
      client:close()
      local list = entries()
      assert.equal("intent", list[1].event)
      assert.same({ intent = 1, accepted = 1, done = 1, saved = 1 }, events(key))
      assert.equal("a small boat", list[1].request.prompt)
      assert.equal(path "{key}.{format}", list[1].output)
      assert.equal(result.id, list[2].id)
      assert.equal(result.images[1].url, list[3].images[1].url)
      assert.equal(result.images[1].expires_at, list[3].images[1].expires_at)
      assert.equal(result.images[1].path, list[4].path)
      assert.equal(result.images[1].size, list[4].size)
    end)

    it("no key of the service, and lets nobody else read the prompts", function()
      local client = open()
      assert(client:generate(request()))
      client:close()
      local file <close> = assert(io.open(path(), "rb"))
      assert.is_nil(file:read("a"):find(clients.KEY, 1, true))
      assert.equal(tonumber("600", 8), window.list(folder.path)["jobs.jsonl"])
    end)

    it("the key that the request is sent with", function()
      local client = open()
      local task = assert(client:submit(request()))
      task:wait()
      assert.equal(task.key, sandbox:requests({ kind = "submit" })[1].idempotency_key
        or sandbox:ledger().entries[1].key)
      client:close()
      assert.equal(task.key, entries()[1].key)
    end)

    it("a picture in base64 beside itself, where there is no output", function()
      local client = magick()
      local result = assert(client:generate(base64 { n = 2 }))
      client:close()
      for index, image in ipairs(result.images) do
        assert.truthy(image.path:find(path() .. ".d/gim_%x+%-" .. index .. "%.png$"))
        assert.equal(1024, (program.png_size(image.path)))
      end
      assert.same({ intent = 1, arrived = 2, done = 1, saved = 2 }, events())
      local left = 0
      for _ in pairs(window.list(path() .. ".d")) do left = left + 1 end
      assert.equal(2, left)
    end)

    it("such a picture to its output, and leaves no copy and no folder behind", function()
      local client = magick()
      local result = assert(client:generate(base64 { output = path "{key}.{format}" }))
      assert.equal(1024, (program.png_size(result.images[1].path)))
      client:close()
      assert.equal(2, #folder:files()) -- the picture and the journal
    end)

    it("an end for what fails, and a new intent for each submission anew", function()
      sandbox:fault { match = { kind = "submit" }, times = 2,
        fault = { fail = "generation_timeout" } }
      local client = open()
      local result = assert(client:generate(request { resubmit = 1 }) == nil)
      assert.is_true(result)
      client:close()
      assert.same({ intent = 2, accepted = 2, failed = 2 }, events())
      local report, tasks = open():recover()
      assert.same({ finished = 2 }, gist(report))
      assert.same({}, tasks)
    end)

    it("nothing for what the rules refuse, and nothing for plain attaches", function()
      local client = open()
      assert.is_nil((client:generate(request { quality = "blurred" })))
      local id = (function()
        local other <close> = clients.starmagic(sandbox)
        return assert(other:generate(request())).id
      end)()
      assert(client:attach(id):wait())
      client:close()
      assert.same({}, entries())
    end)

    it("the intents of many tasks, before any of them leaves", function()
      local client = open { max_requests = 4 }
      for _ = 1, 20 do assert(client:submit(request())) end
      client:run()
      client:close()
      assert.same({ intent = 20, accepted = 20, done = 20 }, events())
      assert.equal(20, sandbox:ledger().charged)
    end)

    it("nothing of what waits for a slot: a crash must not call that a maybe", function()
      local client = open { max_requests = 3 }
      for _ = 1, 20 do assert(client:submit(request())) end
      local most = 0
      repeat
        client:step(0.01)
        local counts = events()
        most = math.max(most, (counts.intent or 0) - (counts.accepted or 0) - (counts.done or 0))
      until #client:tasks() == 0
      assert.is_true(most <= 3)
    end)
  end)

  describe("says so", function()
    it("when another client or process has its journal", function()
      open()
      local client, err = gptimage.client { base_url = sandbox.starmagic, api_key = "k",
        journal = path() }
      assert.is_nil(client)
      assert.same({ "io", "journal", "no" }, { err.kind, err.field, err.billed })
      assert.truthy(err.message:find("in use by another client or process", 1, true))
    end)

    it("when its folder is missing or read-only", function()
      for _, name in ipairs { path "none/jobs.jsonl", "/proc/jobs.jsonl", folder.path } do
        local client, err = gptimage.client { base_url = sandbox.starmagic, api_key = "k",
          journal = name }
        assert.is_nil(client)
        assert.same({ "io", "journal" }, { err.kind, err.field })
      end
    end)

    it("when there is no journal to recover from", function()
      local client <close> = clients.starmagic(sandbox)
      assert.has_error(function() client:recover() end,
        "client has no journal to recover from: give it the option 'journal'")
      assert.is_nil((journal.lines(path "none")))
    end)

    it("when the disk is full, before anything is sent, and goes on once there is room", function()
      local client = open()
      window.with_file_limit(20, function()
        local result, err = client:generate(request())
        assert.is_nil(result)
        assert.same({ "io", "no" }, { err.kind, err.billed })
        assert.truthy(err.message:find("journal", 1, true))
      end)
      assert.equal(0, sandbox:ledger().submits)
      assert(client:generate(request()))
      client:close()
      assert.equal(1, sandbox:ledger().submits)
      assert.same({ linked = 1, finished = 1 }, gist(open():recover()))
    end)

    it("when the disk fills up later: a warning, and the task goes on", function()
      local warnings = {}
      local client = open { log = function(event)
        if event.event == "warning" then warnings[#warnings + 1] = event.message end
      end }
      local task = assert(client:submit(request()))
      while not task.id do client:step(0.05) end
      sandboxes.wait_for(function() return events().accepted end)
      local file = assert(io.open(path(), "rb"))
      local size = file:seek("end")
      file:close()
      local result = window.with_file_limit(size, function()
        local result = assert(task:wait())
        sandboxes.wait_for(function()
          client:step(0.05)
          return #warnings > 0
        end)
        return result
      end)
      assert.equal("yes", result.billed)
      assert.truthy(warnings[1]:find("cannot be written", 1, true))
      client:close() -- there is room again
      assert.same({ intent = 1, accepted = 1, done = 1 }, events())
    end)

    it("in the result when its line could not be written", function()
      local client = open()
      local task = assert(client:submit(request()))
      while not task.id do client:step(0.05) end
      sandboxes.wait_for(function() return events().accepted end)
      os.remove(path())
      local late = assert(client:submit(request()))
      local _, err = late:wait()
      assert.same({ "io", "no" }, { err.kind, err.billed })
      local result = assert(task:wait())
      local found
      for _, warning in ipairs(result.warnings) do
        found = found or warning.field == "journal" and warning.rule == "unwritten"
      end
      assert.is_true(found)
    end)
  end)

  describe("recovers", function()
    it("nothing from an empty or new journal", function()
      local report, tasks = open():recover()
      assert.same({}, gist(report))
      assert.same({}, tasks)
    end)

    it("a task that its client let go of, with its key and output", function()
      local client = open()
      local task = assert(client:submit(request { output = path "{key}-{index}.{format}" }))
      while not task.id do client:step(0.05) end
      client:close()
      assert.equal("maybe", task.billed)
      client = open()
      local report, tasks = client:recover()
      assert.same({ attached = 1 }, gist(report))
      assert.same({ task.key, task.id }, { tasks[1].key, tasks[1].id })
      local told
      tasks[1]:on_done(function(_, result) told = result end)
      client:run()
      assert.equal(path(task.key .. "-1.png"), told.images[1].path)
      assert.equal("yes", told.billed)
      client:close()
      assert.same({ finished = 1 }, gist(open():recover()))
      assert.equal(1, sandbox:ledger().charged)
    end)

    it("links that were never saved, until somebody saves them", function()
      local client = open()
      local id = assert(client:generate(request())).id
      client:close()
      client = open()
      local report, tasks = client:recover()
      assert.same({ linked = 1 }, gist(report))
      local result = assert(tasks[1]:wait())
      assert.same({ id, "yes" }, { result.id, result.billed })
      assert.equal(path "late.png", result.images[1]:save(path "late.png"))
      client:close()
      assert.same({ finished = 1 }, gist(open():recover()))
    end)

    it("links into the output, and knows what was saved before", function()
      local first, second = a_link(), a_link()
      put { intent("k", { output = path "{key}-{index}.{format}" }),
        ('{"event":"done","key":"k","time":%d,"id":"t","images":[{"url":"%s","expires_at":0},'
          .. '{"url":"%s","expires_at":0}]}'):format(os.time(), first, second),
        ('{"event":"saved","key":"k","time":1,"index":1,"path":"%s","size":4}')
          :format(path "mine.png") }
      local file <close> = assert(io.open(path "mine.png", "wb"))
      file:write("1234")
      file:flush()
      local report, tasks = open():recover()
      assert.same({ downloading = 1 }, gist(report))
      local result = assert(tasks[1]:wait())
      assert.same({ path "mine.png", path "k-2.png" },
        { result.images[1].path, result.images[2].path })
      assert.equal(1024, (program.png_size(path "k-2.png")))
    end)

    it("links by their age; a clock that went backwards makes none old", function()
      local link, now = a_link(), os.time()
      put { intent "old", done("old", link, now - DAY - 10),
        intent "young", done("young", link, now - DAY + 60),
        intent "future", done("future", link, now + 10 * DAY),
        intent "epoch", done("epoch", link, 0) }
      local report, tasks = open():recover()
      assert.same({ linked = 2, lost = 2 }, gist(report))
      local found = {}
      for _, task in ipairs(tasks) do found[task.key] = true end
      assert.same({ young = true, future = true }, found)
      assert.equal("a boat", report.lost[1].prompt)
    end)

    it("what was never answered as a maybe, until that was told in order", function()
      put { intent("k", { time = 1700000000 }),
        intent "f", '{"event":"failed","key":"f","time":1,"kind":"timeout","billed":"maybe"}' }
      local code = ([[
        local client = assert(require("gptimage").client { base_url = %q, api_key = "k",
          journal = %q })
        io.write(#client:recover().maybe)
        os.exit(0, false)]]):format(sandbox.starmagic, path())
      local script = path "die.lua"
      local file = assert(io.open(script, "wb"))
      file:write(code)
      file:close()
      assert.equal("2", program.run(script, {}).output)
      local client = open()
      local report, tasks = client:recover()
      assert.same({}, tasks)
      assert.same({ maybe = 2 }, gist(report))
      assert.same({ maybe = 2 }, gist(client:recover()), "told again by the same client")
      table.sort(report.maybe, function(a, b) return a.key < b.key end)
      assert.same({ key = "k", time = 1700000000, model = "m", prompt = "a boat",
        provider = "starmagic", base_url = sandbox.starmagic }, report.maybe[2])
      assert.equal("timeout", report.maybe[1].kind)
      client:close()
      assert.same({ finished = 2 }, gist(open():recover()))
      assert.equal(0, sandbox:ledger().submits)
    end)

    it("what belongs to another service for a client of that alone", function()
      put { intent("k", { base_url = "https://other.example" }),
        '{"event":"accepted","key":"k","time":1,"id":"task-1"}' }
      for _ = 1, 2 do
        local client = open()
        local report, tasks = client:recover()
        assert.same({ elsewhere = 1 }, gist(report))
        assert.same({}, tasks)
        assert.equal("https://other.example", report.elsewhere[1].base_url)
        client:close()
      end
    end)

    it("a task that the service does not know as a maybe, after asking once", function()
      put { intent "k",
        '{"event":"accepted","key":"k","time":1,"id":"task-unified-1700000000-abcdefgh"}' }
      local client = open()
      local report, tasks = client:recover()
      assert.same({ attached = 1 }, gist(report))
      local _, err = tasks[1]:wait()
      assert.same({ "not_found", "maybe" }, { err.kind, err.billed })
      client:close()
      report = open():recover()
      assert.same({ maybe = 1 }, gist(report))
      assert.equal("not_found", report.maybe[1].kind)
    end)

    it("what cannot be filed now the next time", function()
      put { intent("k", { output = "/proc/none/{key}.png" }), done("k", a_link()) }
      local client = open()
      local report, tasks = client:recover()
      assert.same({ failed = 1 }, gist(report))
      assert.same({}, tasks)
      assert.same({ "io", "yes" }, { report.failed[1].error.kind, report.failed[1].error.billed })
      client:close()
      assert.same({ failed = 1 }, gist(open():recover()))
    end)

    it("pictures of an answer that was never finished, if they are whole", function()
      window.mkdir(path "m.jsonl.d")
      local bytes
      do
        local client <close> = magick { journal = path "other.jsonl" }
        bytes = assert(assert(client:generate(base64())).images[1]:data())
      end
      local function picture(name, text)
        local file <close> = assert(io.open(path "m.jsonl.d/" .. name, "wb"))
        file:write(text)
      end
      local line = intent("gim_a", { base_url = sandbox.magick, output = path "{key}-{index}.png" })
      put({ line }, "m.jsonl")
      picture("gim_a-0.arrived", bytes)
      picture("gim_a-2.arrived", bytes)
      picture("gim_a-1.arrived", bytes:sub(1, -20)) -- the power failed before it was synced
      picture("gim_b-0.arrived", bytes)             -- of a request that is over
      picture(".gptimage-0123456789abcdef.part", "x")
      picture("mine.png", bytes)
      local client = magick { journal = path "m.jsonl" }
      local report, tasks = client:recover()
      assert.same({ filed = 1 }, gist(report))
      local result = assert(tasks[1]:wait())
      assert.equal(2, #result.images)
      assert.equal("yes", result.billed)
      for _, image in ipairs(result.images) do
        assert.equal(bytes, assert(image:data()))
        assert.same({ 1024, "png" }, { image.width, image.format })
      end
      client:close()
      client = magick { journal = path "m.jsonl" }
      assert.same({ finished = 1 }, gist(client:recover()))
      local left = window.list(path "m.jsonl.d")
      assert.is_not_nil(left["mine.png"])
      for name in pairs(left) do assert.is_nil(name:find("%.part$")) end
      assert.is_nil(left["gim_a-0.arrived"])
      assert.is_nil(left["gim_b-0.arrived"])
    end)

    it("whatever stands between its lines", function()
      put { "", "# a comment", "\0\255garbage", '{"event":"upgraded","key":"k","to":2}', intent "k",
        '{"event":"accepted","key":"k"', "[]" }
      do
        local file <close> = assert(io.open(path(), "ab"))
        file:write('{"event":"accepted","key":"k","time":1,"i') -- torn
      end
      local client = open()
      assert.same({ maybe = 1 }, gist(client:recover()))
      assert(client:generate(request()))
      client:close()
      client = open()
      assert.same({ linked = 1, finished = 1 }, gist(client:recover()))
    end)

    it("from a million lines in under five seconds, and makes them fewer", function()
      local file = assert(io.open(path(), "wb"))
      file:setvbuf("full", 1 << 20)
      local link = "https://example.com/picture.png"
      local now = os.time()
      file:write("# kept\n")
      for i = 1, 249999 do
        local key = ("gim_%032x"):format(i)
        file:write(intent(key), "\n",
          '{"event":"accepted","key":"', key, '","time":1,"id":"task-', i, '"}\n',
          done(key, link, now), "\n")
        if i % 25000 ~= 0 then
          file:write('{"event":"saved","key":"', key,
            '","time":1,"index":1,"path":"x.png","size":1}\n')
        end
      end
      file:write('{"event":"inte')
      local size = file:seek("end")
      file:close()
      local started = socket.gettime()
      local client = open()
      local report, tasks = client:recover()
      local took = socket.gettime() - started
      assert.same({ linked = 9, finished = 249990 }, gist(report))
      assert.equal(9, #tasks)
      -- The sanitizers, which are loaded first, make it three times slower.
      assert.is_true(took < (os.getenv "LD_PRELOAD" and 20 or 5), ("it took %.1f s"):format(took))
      client:close()
      local after = assert(io.open(path(), "rb"))
      assert.is_true(after:seek("end") < size / 1000)
      after:seek("set", 0)
      assert.equal("# kept", after:read("l"))
      after:close()
    end)
  end)
end)
