-- SPDX-License-Identifier: MIT
-- Links that have expired, against the sandbox: whoever wants the picture, its task is asked for a
-- new link once, and nothing is paid again.

local journals = require "spec.support.journals"
local program = require "spec.support.program"
local sandboxed = require "spec.support.sandboxed"

local request = journals.request

describe("a link that has expired", function()
  local at = sandboxed { latency = 0 }
  local J

  before_each(function() J = journals.new(at.sandbox) end)

  after_each(function()
    assert.equal(1, at.sandbox:ledger().charged)
    J.close()
  end)

  -- The next `times` links that are followed are gone for good.
  local function gone(times)
    at.sandbox:fault { match = { kind = "download" }, times = times, fault = { gone = 410 } }
  end

  local function assert_picture(path)
    assert.equal(1024, (program.png_size(path)))
  end

  it("is replaced while a request is served", function()
    gone(1)
    local result = assert(J.open():generate(request { output = J.path "a.{format}" }))
    assert.equal("yes", result.billed)
    assert_picture(result.images[1].path)
    -- What the result names is what holds now.
    assert.equal(result.images[1].url, result.raw.results[1])
    assert.equal(J.path "b.png", result.images[1]:save(J.path "b.png"))
  end)

  it("is an error where its successor has expired as well", function()
    gone(2)
    local result, err = J.open():generate(request { output = J.path "a.{format}" })
    assert.is_nil(result)
    assert.same({ "not_found", 410, "yes" }, { err.kind, err.status, err.billed })
    assert.truthy(err.message:find("So does the new one", 1, true))
    -- Later there is one more chance.
    assert.equal(J.path "b.png", err.result.images[1]:save(J.path "b.png"))
  end)

  it("is replaced when the picture is saved later, or read", function()
    local result = assert(J.open():generate(request()))
    gone(1)
    assert.equal(J.path "a.png", result.images[1]:save(J.path "a.png"))
    assert_picture(J.path "a.png")
    result = assert(J.open { journal = J.path "other.jsonl" }:attach(result.id)):wait()
    gone(1)
    assert.equal("\137PNG", result.images[1]:data():sub(1, 4))
  end)

  it("is replaced where a task is attached to", function()
    local id = assert(J.open():generate(request())).id
    gone(1)
    local task = assert(J.open { journal = J.path "other.jsonl" }:attach(id,
      { output = J.path "a.{format}" }))
    assert_picture(assert(task:wait()).images[1].path)
  end)

  it("is replaced in the next life of the program", function()
    local client = J.open()
    assert(client:generate(request()))
    client:close()
    gone(1)
    local _, tasks = J.open():recover()
    local result = assert(tasks[1]:wait())
    assert.equal(J.path "a.png", result.images[1]:save(J.path "a.png"))
    assert_picture(J.path "a.png")
  end)

  -- The journal as it is after a day without the program: its task, or none that is known.
  local function a_day_later(id)
    local client = J.open { journal = J.path "first.jsonl" }
    local result = assert(client:generate(request()))
    client:close()
    J.put { J.intent("k", { output = J.path "{key}.{format}" }), (J.done("k",
      result.images[1].url, os.time() - journals.DAY - 60):gsub('"id":"t"', '"id":"'
      .. (id or result.id) .. '"')) }
  end

  it("is replaced a day later, too, where there is a place for the picture", function()
    a_day_later()
    gone(1)
    local client = J.open()
    local report, tasks = client:recover()
    assert.equal(1, report.downloading)
    assert.equal(J.path "k.png", assert(tasks[1]:wait()).images[1].path)
    assert_picture(J.path "k.png")
    client:close()
    assert.equal(1, J.open():recover().finished)
  end)

  it("is lost a day later where the task gives no new one, and not asked for again", function()
    a_day_later "task-unified-1700000000-abcdefgh"
    gone(1)
    local client = J.open()
    local _, tasks = client:recover()
    local _, err = tasks[1]:wait()
    assert.same({ "not_found", "yes", false }, { err.kind, err.billed, err.retryable })
    client:close()
    client = J.open()
    local report, more = client:recover()
    assert.same({ 0, 1 }, { #more, #report.lost })
    assert.equal("task-unified-1700000000-abcdefgh", report.lost[1].id)
    client:close()
    assert.equal(1, J.open():recover().finished)
  end)

  it("is asked for again in the next life where nobody answered in this one", function()
    a_day_later()
    gone(1)
    at.sandbox:fault { match = { kind = "poll" }, times = 20, fault = { html = 502 } }
    local client = J.open()
    local _, tasks = client:recover()
    local _, err = tasks[1]:wait()
    assert.same({ "not_found", "yes", true }, { err.kind, err.billed, err.retryable })
    client:close()
    at.sandbox:disarm()
    gone(1)
    assert.equal(1, J.open():recover().downloading)
  end)

  it("is asked for again in the next life where the key was refused in this one", function()
    a_day_later()
    gone(1)
    at.sandbox:fault { match = { kind = "poll" }, times = 1,
      fault = { status = 401, body = '{"error":{"code":"unauthorized","message":"No."}}' } }
    local client = J.open()
    local _, tasks = client:recover()
    local _, err = tasks[1]:wait()
    assert.same({ "not_found", "yes" }, { err.kind, err.billed })
    client:close()
    assert.equal(1, J.open():recover().downloading)
  end)

  it("is asked for again in the next life where this one ended before an answer", function()
    a_day_later()
    gone(1)
    at.sandbox:fault { match = { kind = "poll" }, times = 20, fault = { stall = "head" } }
    local asked = false
    local client = J.open { log = function(event)
      asked = asked or event.event == "request" and event.message == "GET the task"
    end }
    local _, tasks = client:recover()
    for _ = 1, 1000 do
      if asked then break end
      client:step(0.01)
    end
    assert.is_true(asked)
    client:close()
    local _, err = tasks[1]:wait()
    assert.same({ "cancelled", "yes" }, { err.kind, err.billed })
    at.sandbox:disarm()
    assert.equal(1, J.open():recover().downloading)
  end)

  it("is the end where the reply named no task", function()
    gone(1)
    local result, err = J.magick():generate(request { response_format = "url",
      output = J.path "a.{format}" })
    assert.is_nil(result)
    assert.same({ "not_found", "yes" }, { err.kind, err.billed })
    assert.truthy(err.message:find("There is no task that could be asked", 1, true))
  end)
end)
