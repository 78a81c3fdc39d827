-- SPDX-License-Identifier: MIT
-- client:recover, against the sandbox: journals that earlier clients left, and some made by hand.

local journals = require "spec.support.journals"
local program = require "spec.support.program"
local sandboxed = require "spec.support.sandboxed"
local window = require "gptimage.core_test"

local request, base64, gist = journals.request, journals.base64, journals.gist

describe("client:recover gives back", function()
  local at = sandboxed { latency = 0.1 }
  local J

  before_each(function() J = journals.new(at.sandbox) end)
  after_each(function() J.close() end)

  it("nothing from an empty or new journal", function()
    local report, tasks = J.open():recover()
    assert.same({}, gist(report))
    assert.same({}, tasks)
  end)

  it("a task that its client let go of, with its key and output", function()
    local client = J.open()
    local task = assert(client:submit(request { output = J.path "{key}-{index}.{format}" }))
    while not task.id do client:step(0.05) end
    client:close()
    assert.equal("maybe", task.billed)
    client = J.open()
    local report, tasks = client:recover()
    assert.same({ attached = 1 }, gist(report))
    assert.same({ task.key, task.id }, { tasks[1].key, tasks[1].id })
    local told
    tasks[1]:on_done(function(_, result) told = result end)
    client:run()
    assert.equal(J.path(task.key .. "-1.png"), told.images[1].path)
    assert.equal("yes", told.billed)
    client:close()
    assert.same({ finished = 1 }, gist(J.open():recover()))
    assert.equal(1, at.sandbox:ledger().charged)
  end)

  it("links that were never saved, until somebody saves them", function()
    local client = J.open()
    local id = assert(client:generate(request())).id
    client:close()
    client = J.open()
    local report, tasks = client:recover()
    assert.same({ linked = 1 }, gist(report))
    local result = assert(tasks[1]:wait())
    assert.same({ id, "yes" }, { result.id, result.billed })
    assert.equal(J.path "late.png", result.images[1]:save(J.path "late.png"))
    client:close()
    assert.same({ finished = 1 }, gist(J.open():recover()))
  end)

  it("links into the output, and knows what was saved before", function()
    local first, second = J.link(), J.link()
    J.put { J.intent("k", { output = J.path "{key}-{index}.{format}" }),
      ('{"event":"done","key":"k","time":%d,"id":"t","images":[{"url":"%s","expires_at":0},'
        .. '{"url":"%s","expires_at":0}]}'):format(os.time(), first, second),
      ('{"event":"saved","key":"k","time":1,"index":1,"path":"%s","size":4}')
        :format(J.path "mine.png") }
    local file <close> = assert(io.open(J.path "mine.png", "wb"))
    file:write("1234")
    file:flush()
    local report, tasks = J.open():recover()
    assert.same({ downloading = 1 }, gist(report))
    local result = assert(tasks[1]:wait())
    assert.same({ J.path "mine.png", J.path "k-2.png" },
      { result.images[1].path, result.images[2].path })
    assert.equal(1024, (program.png_size(J.path "k-2.png")))
  end)

  it("what is lost, and does not say that it can be saved", function()
    local gone = J.link():gsub("/files/%x+", "/files/0")
    J.put { J.intent("k", { output = J.path "{key}-{index}.{format}" }),
      ('{"event":"done","key":"k","time":%d,"images":[{},{"url":"%s","expires_at":0}]}')
        :format(os.time(), gone) }
    local _, tasks = J.open():recover()
    local _, err = tasks[1]:wait()
    assert.same({ "io", "yes" }, { err.kind, err.billed })
    assert.matches("is lost", err.message)
    assert.is_nil(err.message:find("image:save", 1, true))
    assert.is_nil((err.result.images[1]:save(J.path "x.png")))
  end)

  it("links by their age; a clock that went backwards makes none old", function()
    local link, now = J.link(), os.time()
    J.put { J.intent "old", J.done("old", link, now - journals.DAY - 10),
      J.intent "young", J.done("young", link, now - journals.DAY + 60),
      J.intent "future", J.done("future", link, now + 10 * journals.DAY),
      J.intent "epoch", J.done("epoch", link, 0) }
    local report, tasks = J.open():recover()
    assert.same({ linked = 2, lost = 2 }, gist(report))
    local found = {}
    for _, task in ipairs(tasks) do found[task.key] = true end
    assert.same({ young = true, future = true }, found)
    assert.equal("a boat", report.lost[1].prompt)
  end)

  it("what was never answered as a maybe, until that was told in order", function()
    J.put { J.intent("k", { time = 1700000000 }),
      J.intent "f", '{"event":"failed","key":"f","time":1,"kind":"timeout","billed":"maybe"}' }
    local code = ([[
      local client = assert(require("gptimage").client { base_url = %q, api_key = "k",
        journal = %q })
      io.write(#client:recover().maybe)
      os.exit(0, false)]]):format(at.sandbox.starmagic, J.path())
    local script = J.path "die.lua"
    local file = assert(io.open(script, "wb"))
    file:write(code)
    file:close()
    assert.equal("2", program.run(script, {}).output)
    local client = J.open()
    local report, tasks = client:recover()
    assert.same({}, tasks)
    assert.same({ maybe = 2 }, gist(report))
    assert.same({ maybe = 2 }, gist(client:recover()), "told again by the same client")
    table.sort(report.maybe, function(a, b) return a.key < b.key end)
    assert.same({ key = "k", time = 1700000000, model = "m", prompt = "a boat",
      provider = "starmagic", base_url = at.sandbox.starmagic }, report.maybe[2])
    assert.equal("timeout", report.maybe[1].kind)
    client:close()
    assert.same({ finished = 2 }, gist(J.open():recover()))
    assert.equal(0, at.sandbox:ledger().submits)
  end)

  it("what belongs to another service for a client of that alone", function()
    J.put { J.intent("k", { base_url = "https://other.example" }),
      '{"event":"accepted","key":"k","time":1,"id":"task-1"}' }
    for _ = 1, 2 do
      local client = J.open()
      local report, tasks = client:recover()
      assert.same({ elsewhere = 1 }, gist(report))
      assert.same({}, tasks)
      assert.equal("https://other.example", report.elsewhere[1].base_url)
      client:close()
    end
  end)

  it("a task that the service does not know as a maybe, after asking once", function()
    J.put { J.intent "k",
      '{"event":"accepted","key":"k","time":1,"id":"task-unified-1700000000-abcdefgh"}' }
    local client = J.open()
    local report, tasks = client:recover()
    assert.same({ attached = 1 }, gist(report))
    local _, err = tasks[1]:wait()
    assert.same({ "not_found", "maybe" }, { err.kind, err.billed })
    client:close()
    report = J.open():recover()
    assert.same({ maybe = 1 }, gist(report))
    assert.equal("not_found", report.maybe[1].kind)
  end)

  it("what cannot be filed now the next time", function()
    J.put { J.intent("k", { output = "/proc/none/{key}.png" }), J.done("k", J.link()) }
    local client = J.open()
    local report, tasks = client:recover()
    assert.same({ failed = 1 }, gist(report))
    assert.same({}, tasks)
    assert.same({ "io", "yes" }, { report.failed[1].error.kind, report.failed[1].error.billed })
    client:close()
    assert.same({ failed = 1 }, gist(J.open():recover()))
  end)

  it("pictures of an answer that was never finished, if they are whole", function()
    window.mkdir(J.path "m.jsonl.d")
    local bytes
    do
      local client <close> = J.magick { journal = J.path "other.jsonl" }
      bytes = assert(assert(client:generate(base64())).images[1]:data())
    end
    local function picture(name, text)
      local file <close> = assert(io.open(J.path "m.jsonl.d/" .. name, "wb"))
      file:write(text)
    end
    local line = J.intent("gim_a", { base_url = at.sandbox.magick,
      output = J.path "{key}-{index}.png" })
    J.put({ line, J.intent "gim_b", '{"event":"closed","key":"gim_b","time":1}' }, "m.jsonl")
    picture("gim_a-0.arrived", bytes)
    picture("gim_a-2.arrived", bytes)
    picture("gim_a-1.arrived", bytes:sub(1, -20)) -- the power failed before it was synced
    picture("gim_b-0.arrived", bytes)             -- of a request that is over
    picture("gim_c-0.arrived", bytes)             -- of one that no line is left of
    picture(".gptimage-0123456789abcdef.part", "x")
    picture("mine.png", bytes)
    local client = J.magick { journal = J.path "m.jsonl" }
    local report, tasks = client:recover()
    assert.same({ filed = 1, finished = 1 }, gist(report))
    local result = assert(tasks[1]:wait())
    assert.equal(2, #result.images)
    assert.equal("cut", result.warnings[1].rule)
    assert.equal("yes", result.billed)
    for _, image in ipairs(result.images) do
      assert.equal(bytes, assert(image:data()))
      assert.same({ 1024, "png" }, { image.width, image.format })
    end
    client:close()
    client = J.magick { journal = J.path "m.jsonl" }
    assert.same({ finished = 2 }, gist(client:recover()))
    local left = window.list(J.path "m.jsonl.d")
    assert.is_not_nil(left["mine.png"])
    for name in pairs(left) do assert.is_nil(name:find("%.part$")) end
    assert.is_nil(left["gim_a-0.arrived"])
    assert.is_nil(left["gim_b-0.arrived"])
    assert.is_not_nil(left["gim_c-0.arrived"])
  end)

  it("whatever stands between its lines", function()
    J.put { "", "# a comment", "\0\255garbage", '{"event":"upgraded","key":"k","to":2}',
      J.intent "k",
      '{"event":"accepted","key":"k"', "[]" }
    do
      local file <close> = assert(io.open(J.path(), "ab"))
      file:write('{"event":"accepted","key":"k","time":1,"i') -- torn
    end
    local client = J.open()
    assert.same({ maybe = 1 }, gist(client:recover()))
    assert(client:generate(request()))
    client:close()
    client = J.open()
    assert.same({ linked = 1, finished = 1 }, gist(client:recover()))
  end)

  it("from a million lines in with under five seconds of work, and makes them fewer", function()
    local file = assert(io.open(J.path(), "wb"))
    file:setvbuf("full", 1 << 20)
    local link = "https://example.com/picture.png"
    local now = os.time()
    file:write("# kept\n")
    for i = 1, 249999 do
      local key = ("gim_%032x"):format(i)
      file:write(J.intent(key), "\n",
        '{"event":"accepted","key":"', key, '","time":1,"id":"task-', i, '"}\n',
        J.done(key, link, now), "\n")
      if i % 25000 ~= 0 then
        file:write('{"event":"saved","key":"', key,
          '","time":1,"index":1,"path":"x.png","size":1}\n')
      end
    end
    file:write('{"event":"inte')
    local size = file:seek("end")
    file:close()
    local started = os.clock()
    local client = J.open()
    local report, tasks = client:recover()
    local took = os.clock() - started
    assert.same({ linked = 9, finished = 249990 }, gist(report))
    assert.equal(9, #tasks)
    -- The sanitizers, which are loaded first, make it three times slower.
    assert.is_true(took < (os.getenv "LD_PRELOAD" and 20 or 5), ("it took %.1f s"):format(took))
    client:close()
    local after = assert(io.open(J.path(), "rb"))
    assert.is_true(after:seek("end") < size / 1000)
    after:seek("set", 0)
    assert.equal("# kept", after:read("l"))
    after:close()
  end)
end)
