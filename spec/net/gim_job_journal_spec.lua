-- SPDX-License-Identifier: MIT
-- Tests src/net/gim_job_journal.c through clients: what a job tells its journal, and when it waits.
-- Where the disk or memory fails that is in spec/support/programs/job_journal.lua.
local base64 = require "gptimage.sandbox.base64"
local files = require "spec.support.files"
local journals = require "gptimage.journal"
local lfs = require "lfs"
local program = require "spec.support.program"
local services = require "spec.support.service"
local window = require "gptimage.core_test"

local ID, PICTURE = services.ID, services.PICTURE

describe("a job with a journal", function()
  local service, folder

  before_each(function() folder = files.folder() end)
  after_each(function()
    if service then service:close() end
    service = nil
    folder:close()
  end)

  local function at(name) return folder.path .. "/" .. name end

  local function start(handlers, options)
    options = options or {}
    options.journal = at "jobs.jsonl"
    service = services.start(handlers)
    return service:client(options)
  end

  local function entries()
    local list = {}
    for entry in assert(journals.lines(at "jobs.jsonl")) do list[#list + 1] = entry end
    return list
  end

  local function events()
    local list = {}
    for i, entry in ipairs(entries()) do list[i] = entry.event end
    return table.concat(list, " ")
  end

  local function base64_reply(bytes)
    return '{"data":[{"b64_json":"' .. base64.encode(bytes) .. '"}]}'
  end

  it("sends nothing before its intent is in the file", function()
    local seen
    local client = start { submit = function(conn)
      seen = events()
      services.defaults.submit(conn)
    end }
    assert(service:generate { output = at "a.png" })
    assert.equal("intent", seen)
    client:close()
    assert.equal("intent accepted done saved", events())
    local list = entries()
    assert.same({ ID, ID }, { list[2].id, list[3].id })
    assert.equal(at "a.png", list[4].path)
  end)

  it("has its slot from when its intent is on the way to the disk", function()
    local now, most = 0, 0
    local client = start({ submit = function(conn)
      now = now + 1
      most = math.max(most, now)
      for _ = 1, 5 do coroutine.yield() end
      now = now - 1
      services.defaults.submit(conn)
    end }, { max_requests = 1 })
    local tasks = {}
    for i = 1, 6 do tasks[i] = assert(client:submit(services.request())) end
    for _, task in ipairs(tasks) do assert(service:finish(task)) end
    assert.same({ 6, 1 }, { #service.posts, most })
  end)

  it("writes its intent once, however often it is sent", function()
    local client = start { submit = function(conn, _, number)
      if number < 3 then return conn:reply("{}", "429 Slow down") end
      services.defaults.submit(conn)
    end }
    assert(service:generate { output = at "a.png" })
    assert.equal(3, #service.posts)
    client:close()
    assert.equal("intent accepted done saved", events())
  end)

  it("keeps pictures that came in the answer until they are filed", function()
    local client = start({ submit = function(conn) conn:reply(base64_reply(PICTURE)) end },
      { provider = "magick" })
    assert(service:generate { model = "gpt-image-2", output = at "a.png" })
    client:close()
    assert.equal("intent arrived done saved", events())
    assert.same({ "a.png", "jobs.jsonl" }, folder:files())
  end)

  it("keeps pictures that a query brought, too", function()
    local client = start { poll = function(conn, _, _, s)
      conn:reply(s:completed(('[{"b64_json":"%s"}]'):format(base64.encode(PICTURE))))
    end }
    local result = assert(service:generate())
    local list = entries()
    client:close()
    assert.equal("intent accepted arrived done saved", events())
    assert.truthy(result.images[1].path:find("jobs%.jsonl%.d/" .. list[1].key .. "%-1%.png$"))
    assert.equal(PICTURE, result.images[1]:data())
  end)

  it("writes a picture that is saved later under the key of its request", function()
    local client = start()
    local result, _, task = service:generate()
    assert(service:spawn(function() return result.images[1]:save(at "late.png") end))
    client:close()
    assert.equal("intent accepted done saved", events())
    local saved = entries()[4]
    assert.same({ task.key, 1, at "late.png" }, { saved.key, saved.index, saved.path })
  end)

  it("tells how it ended when nothing was charged, or nothing more can be asked", function()
    for status, billed in pairs { ["400 No"] = "no", ["500 Oh"] = "maybe" } do
      local client = start { submit = function(conn) conn:reply("{}", status) end }
      assert.is_nil((service:generate()))
      client:close()
      local list = entries()
      assert.equal("intent failed", events())
      assert.equal(billed, list[2].billed)
      service:close()
      os.remove(at "jobs.jsonl")
    end
  end)

  local function run(case)
    local outcome = program.run("spec/support/programs/job_journal.lua",
      { arguments = { case, folder.path } })
    assert.equal(0, outcome.status, outcome.output)
    return outcome.output
  end

  it("is not sent when its intent cannot be recorded, and the next one is", function()
    local said = run "unrecorded"
    assert.truthy(said:find "^io no 0\n2 yes 1\n", said)
    assert.truthy(said:find "intent arrived arrived done saved saved\n$", said)
  end)

  it("gives its slot back when it is cancelled while the disk is slow", function()
    local said = run "cancelled"
    assert.truthy(said:find "^cancelled no 0\n", said)
    assert.truthy(said:find "intent failed[intent failed]*\n$", said)
  end)

  it("brings pictures to where they go when the folder beside the journal is gone", function()
    local client = start({ submit = function(conn)
      assert(lfs.rmdir(at "jobs.jsonl.d"))
      conn:reply(base64_reply(PICTURE))
    end }, { provider = "magick" })
    local result = assert(service:generate { model = "gpt-image-2", output = at "a.png" })
    client:close()
    assert.equal(PICTURE, result.images[1]:data())
    assert.equal("intent done saved", events())
    assert.same({}, entries()[2].images[1]) -- nothing to bring until it was filed
  end)

  it("holds pictures within reach when there is room nowhere, and says they are paid", function()
    local said = run "full"
    for _, call in ipairs { "pwrite", window.has_descriptor and "rename" or nil } do
      assert.truthy(said:find(call .. " io yes\ntrue\ntrue\nintent done\n", 1, true), said)
    end
  end)

  it("says of what file the disk did not keep it, also when the client is closed", function()
    assert.matches('^The disk does not keep ".+gim_%x+%-%d.%l+", of which the journal now says '
      .. "nothing: Input/output error %(%d such so far%).\ntrue\n$", run "unkept")
  end)

  it("loses no picture without a word, whichever allocation fails", function()
    assert.equal("true true 0\n", run "memory")
  end)
end)
