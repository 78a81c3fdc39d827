-- SPDX-License-Identifier: MIT
-- Tests src/net/gim_job_references.c through clients: every phase in which a request whose
-- pictures are brought first may come to an end.
local editing = require "spec.support.editing"
local window = require "gptimage.core_test"

local LARGE, PNG = editing.LARGE, editing.PNG
local e

before_each(function() e = editing.open() end)
after_each(function()
  local left = e:leftovers()
  e:close()
  assert.same({}, left)
end)

describe("a request that comes to an end", function()
  local function silent(conn) conn:closed() return false end
  local function slow(conn, _, kind)
    if kind == "upload" or kind == "submit" then conn:wait(function() return conn.gone end) end
  end
  local phases = {
    { name = "while its upload waits for a slot", begin = "tasks", status = "uploading",
      handlers = { submit = silent }, options = { max_requests = 1 },
      before = function() e.client:submit { model = "gpt-image-2", prompt = "first" } end,
      reached = function() return #e.service.posts == 1 end },
    { name = "while its upload is being sent", begin = "tasks", status = "uploading",
      handlers = { head = slow }, narrow = true,
      reached = function() return e.service.server.connections == 2 end },
    { name = "while its upload is not answered", begin = "tasks", status = "uploading",
      handlers = { upload = silent }, reached = function() return #e.service.uploads == 2 end },
    { name = "between two tries of an upload", begin = "tasks", status = "uploading",
      handlers = { upload = function(conn) conn:reply("", "503 Busy") end },
      options = { retry = { base = 1000, cap = 1000, max = 3 } }, late = "server",
      reached = function() return #e.service.uploads == 2 end },
    { name = "while a link is downloaded", begin = "forms", status = "uploading", link = true,
      handlers = { reference = function(conn)
        conn:send("HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n" .. LARGE)
        conn:closed()
        return false
      end }, reached = function() return #e.service.references == 2 end },
    { name = "while its form is being sent", begin = "forms", status = "submitting", narrow = true,
      link = true, handlers = { head = slow },
      reached = function(task) return task.status == "submitting" end },
    { name = "while its form is not answered", begin = "forms", status = "submitting", link = true,
      handlers = { submit = silent }, billed = "maybe",
      reached = function() return #e.service.posts == 1 end },
  }

  local function reach(phase, more)
    e[phase.begin](e, phase.handlers, phase.options)
    if phase.narrow then e.service.server.listener:setoption("recv-buffer-size", 4096) end
    if phase.before then phase.before() end
    local bytes = phase.narrow and LARGE or PNG
    local images = { e:write("a.png", bytes), { data = bytes } }
    if phase.link then images = { images[1], e:link "b.png", e:link "c.png" } end
    local task = e:submit(images, more)
    e.service:drive(function() return phase.reached(task) end)
    for _ = 1, 10 do e.service:step() end
    return task
  end

  for _, phase in ipairs(phases) do
    local billed = phase.billed or "no"

    it(phase.name .. " by its cancelling lets go of everything", function()
      local task = reach(phase)
      assert.equal(phase.status, task.status)
      assert.equal(billed, task.billed)
      task:cancel()
      assert.equal(0, e:open_files())
      local result, err = task:wait()
      assert.is_nil(result)
      assert.same({ "cancelled", billed }, { err.kind, err.billed })
      local uploads, posts = #e.service.uploads, #e.service.posts
      for _ = 1, 20 do e.service:step() end
      assert.same({ uploads, posts }, { #e.service.uploads, #e.service.posts })
    end)

    it(phase.name .. " by its deadline says what may be billed", function()
      local task = reach(phase, { timeout = phase.late and 20 or 0.7 })
      e.service:drive(function() return task:done() end)
      local result, err = task:wait()
      assert.is_nil(result)
      -- A try that could not begin in time is not waited for.
      assert.same({ phase.late or "timeout", billed }, { err.kind, err.billed })
      assert.is_true(err.retryable)
      assert.equal(0, e:open_files())
    end)

    it(phase.name .. " by the end of its client lets go of everything", function()
      local task = reach(phase)
      e.client:close()
      assert.equal(0, e:open_files())
      local _, err = task:wait()
      assert.same({ "cancelled", billed }, { err.kind, err.billed })
    end)

    it(phase.name .. " does not end when a child of fork closes what it inherited", function()
      local task = reach(phase)
      local before = e:open_files()
      local pid, from = window.fork(function() e.client:close() end)
      local fine, said = window.join(pid, from)
      assert.is_true(fine, said)
      assert.equal(before, e:open_files())
      assert.is_false(task:done())
      task:cancel()
    end)
  end
end)
