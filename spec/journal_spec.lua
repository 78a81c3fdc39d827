-- SPDX-License-Identifier: MIT
-- The option `journal`, against the sandbox: what is written, when, and what happens where that
-- cannot be. spec/recover_spec.lua reads it again, spec/crash_spec.lua kills programs.

local clients = require "spec.support.clients"
local gptimage = require "gptimage"
local journal = require "gptimage.journal"
local journals = require "spec.support.journals"
local program = require "spec.support.program"
local sandboxed = require "spec.support.sandboxed"
local sandboxes = require "spec.support.sandbox"
local window = require "gptimage.core_test"

local request, base64, gist = journals.request, journals.base64, journals.gist

describe("a client with a journal", function()
  local at = sandboxed { latency = 0.1 }
  local J

  before_each(function() J = journals.new(at.sandbox) end)
  after_each(function() J.close() end)

  describe("writes", function()
    it("its intent, what it was accepted as, the links and where they were saved", function()
      local client = J.open()
      local result = assert(client:generate(request { output = J.path "{key}.{format}" }))
      local key = result.images[1].path:match("(gim_%x+)%.png$")
      client:close()
      local list = J.entries()
      assert.equal("intent", list[1].event)
      assert.same({ intent = 1, accepted = 1, done = 1, saved = 1 }, J.events(key))
      assert.equal("a small boat", list[1].request.prompt)
      assert.equal(J.path "{key}.{format}", list[1].output)
      assert.equal(result.id, list[2].id)
      assert.equal(result.images[1].url, list[3].images[1].url)
      assert.equal(result.images[1].expires_at, list[3].images[1].expires_at)
      assert.equal(result.images[1].path, list[4].path)
      assert.equal(result.images[1].size, list[4].size)
    end)

    it("no key of the service, and lets nobody else read the prompts", function()
      local client = J.open()
      assert(client:generate(request()))
      client:close()
      local file <close> = assert(io.open(J.path(), "rb"))
      assert.is_nil(file:read("a"):find(clients.KEY, 1, true))
      assert.equal(tonumber("600", 8), window.list(J.folder.path)["jobs.jsonl"])
    end)

    it("the key that the request is sent with", function()
      local client = J.open()
      local task = assert(client:submit(request()))
      task:wait()
      assert.equal(task.key, at.sandbox:requests({ kind = "submit" })[1].idempotency_key
        or at.sandbox:ledger().entries[1].key)
      client:close()
      assert.equal(task.key, J.entries()[1].key)
    end)

    it("a picture in base64 beside itself, where there is no output", function()
      local client = J.magick()
      local result = assert(client:generate(base64 { n = 2 }))
      client:close()
      for index, image in ipairs(result.images) do
        assert.truthy(image.path:find(J.path() .. ".d/gim_%x+%-" .. index .. "%.png$"))
        assert.equal(1024, (program.png_size(image.path)))
      end
      assert.same({ intent = 1, arrived = 2, done = 1, saved = 2 }, J.events())
      local left = 0
      for _ in pairs(window.list(J.path() .. ".d")) do left = left + 1 end
      assert.equal(2, left)
    end)

    it("such a picture to its output, and leaves no copy and no folder behind", function()
      local client = J.magick()
      local result = assert(client:generate(base64 { output = J.path "{key}.{format}" }))
      assert.equal(1024, (program.png_size(result.images[1].path)))
      client:close()
      assert.equal(2, #J.folder:files()) -- the picture and the journal
    end)

    it("an end for what fails, and a new intent for each submission anew", function()
      at.sandbox:fault { match = { kind = "submit" }, times = 2,
        fault = { fail = "generation_timeout" } }
      local client = J.open()
      local result = assert(client:generate(request { resubmit = 1 }) == nil)
      assert.is_true(result)
      client:close()
      assert.same({ intent = 2, accepted = 2, failed = 2 }, J.events())
      local report, tasks = J.open():recover()
      assert.same({ finished = 2 }, gist(report))
      assert.same({}, tasks)
    end)

    it("nothing for what the rules refuse, and nothing for plain attaches", function()
      local client = J.open()
      assert.is_nil((client:generate(request { quality = "blurred" })))
      local id = (function()
        local other <close> = clients.starmagic(at.sandbox)
        return assert(other:generate(request())).id
      end)()
      assert(client:attach(id):wait())
      client:close()
      assert.same({}, J.entries())
    end)

    it("the intents of many tasks, before any of them leaves", function()
      local client = J.open { max_requests = 4 }
      for _ = 1, 20 do assert(client:submit(request())) end
      client:run()
      client:close()
      assert.same({ intent = 20, accepted = 20, done = 20 }, J.events())
      assert.equal(20, at.sandbox:ledger().charged)
    end)

    it("nothing of what waits for a slot: a crash must not call that a maybe", function()
      local client = J.open { max_requests = 3 }
      for _ = 1, 20 do assert(client:submit(request())) end
      local most = 0
      repeat
        client:step(0.01)
        local counts = J.events()
        most = math.max(most, (counts.intent or 0) - (counts.accepted or 0) - (counts.done or 0))
      until #client:tasks() == 0
      assert.is_true(most <= 3)
    end)
  end)

  it("never makes its host wait for the disk, only its requests, and those together", function()
    local result = program.run("spec/support/programs/slow_disk.lua",
      { arguments = { J.path(), at.sandbox.starmagic, 1000 } })
    local longest, first, syncs, billed = result.output:match("^(%d+) (%d+) (%d+) ([%a ]+)\n")
    assert.equal("yes yes yes yes yes", billed, result.output)
    assert.is_true(tonumber(longest) < 1000, "a step took " .. longest .. " ms")
    assert.is_true(tonumber(first) >= 1000, "sent after " .. first .. " ms")
    assert.is_true(tonumber(syncs) <= 8, syncs .. " syncs")
  end)

  it("belongs to the parent alone after a fork", function()
    local client = J.open()
    local task = assert(client:submit(request()))
    local ok, said = window.in_child(function()
      local fine, err = pcall(client.recover, client)
      client:close()
      collectgarbage()
      return tostring(fine) .. " " .. tostring(err)
    end)
    assert.is_true(ok, said)
    assert.truthy(said:find("^false .*client belongs to the parent process"), said)
    assert.equal("yes", assert(task:wait()).billed)
    client:close()
    assert.same({ intent = 1, accepted = 1, done = 1 }, J.events())
  end)

  describe("says so", function()
    it("when another client or process has its journal", function()
      J.open()
      local client, err = gptimage.client { base_url = at.sandbox.starmagic, api_key = "k",
        journal = J.path() }
      assert.is_nil(client)
      assert.same({ "io", "journal", "no" }, { err.kind, err.field, err.billed })
      assert.truthy(err.message:find("in use by another client or process", 1, true))
    end)

    it("when its folder is missing or read-only", function()
      for _, name in ipairs { J.path "none/jobs.jsonl", "/proc/jobs.jsonl", J.folder.path } do
        local client, err = gptimage.client { base_url = at.sandbox.starmagic, api_key = "k",
          journal = name }
        assert.is_nil(client)
        assert.same({ "io", "journal" }, { err.kind, err.field })
      end
    end)

    it("when there is no journal to recover from", function()
      local client <close> = clients.starmagic(at.sandbox)
      assert.has_error(function() client:recover() end,
        "client has no journal to recover from: give it the option 'journal'")
      for path, reason in pairs {
        [J.path "none"] = "No such file", [J.path ""] = "Is a directory",
      } do
        local none, err = journal.lines(path)
        assert.is_nil(none)
        assert.equal("io", err.kind)
        assert.matches(reason, err.message)
        assert.truthy(err.message:find(path, 1, true))
      end
    end)

    it("when the disk is full, before anything is sent, and goes on once there is room", function()
      local client = J.open()
      window.with_file_limit(20, function()
        local result, err = client:generate(request())
        assert.is_nil(result)
        assert.same({ "io", "no" }, { err.kind, err.billed })
        assert.truthy(err.message:find("journal", 1, true))
      end)
      assert.equal(0, at.sandbox:ledger().submits)
      assert(client:generate(request()))
      client:close()
      assert.equal(1, at.sandbox:ledger().submits)
      assert.same({ linked = 1, finished = 1 }, gist(J.open():recover()))
    end)

    it("when the disk fills up later: a warning, and the task goes on", function()
      local warnings = {}
      local client = J.open { log = function(event)
        if event.event == "warning" then warnings[#warnings + 1] = event.message end
      end }
      local task = assert(client:submit(request()))
      while not task.id do client:step(0.05) end
      sandboxes.wait_for(function() return J.events().accepted end)
      local file = assert(io.open(J.path(), "rb"))
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
      assert.same({ intent = 1, accepted = 1, done = 1 }, J.events())
    end)

    it("in the result when its line could not be written", function()
      local client = J.open()
      local task = assert(client:submit(request()))
      while not task.id do client:step(0.05) end
      sandboxes.wait_for(function() return J.events().accepted end)
      os.remove(J.path())
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
end)
