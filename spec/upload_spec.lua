-- SPDX-License-Identifier: MIT
-- Pictures on their way up: big ones, slow ones, and all that can happen to them. Nothing is billed
-- before the paid request, and a form that broke half-way was not accepted.

local cjson = require "cjson"
local edits = require "spec.support.edits"
local files = require "spec.support.files"
local pictures = require "spec.support.pictures"
local program = require "spec.support.program"
local sandboxes = require "spec.support.sandbox"

local sanitized = (os.getenv "LD_PRELOAD" or ""):find("asan", 1, true) ~= nil
local MEGABYTE = 1024 * 1024

describe("an upload", function()
  local sandbox, folder
  setup(function()
    sandbox = sandboxes.start { latency = 0, tls = true, allow_private = true, file_quota = 1000 }
  end)
  teardown(function() sandbox:stop() end)
  before_each(function()
    sandbox:reset()
    folder = files.folder()
  end)
  after_each(function() folder:close() end)

  local photo = pictures.png { width = 30, height = 20 }

  -- A PNG of so many bytes, most of them behind its end, where no reader looks.
  local function big(name, bytes)
    local path = files.write(folder.path .. "/" .. name, photo)
    assert(os.execute(("truncate -s %d %s"):format(bytes, path)))
    return path
  end

  local function open(service, more)
    return edits.client(sandbox, service, "1.1", more)
  end

  local function run(client, images, more)
    local request = edits.request { images = images }
    for name, value in pairs(more or {}) do request[name] = value end
    local result, err = client:edit(request)
    local ledger = sandbox:ledger()
    if not result then
      return { err.kind, err.billed, ledger.accepted, ledger.uploaded }, err
    end
    return { "ok", result.billed, ledger.accepted, ledger.uploaded }, result
  end

  local function fault(how, times, match)
    match = match or { kind = "upload" }
    sandbox:fault { match = match, times = times or 1, fault = how }
  end

  describe("of 49 MB", function()
    for _, case in ipairs { { "starmagic", "", "1.1" }, { "magick", "", "1.1" },
      { "magick", "_tls", "2" } } do
      local service, suffix, http = table.unpack(case)
      it(("takes no memory and stops no loop: %s, HTTP/%s"):format(service, http), function()
        local path = big("big.png", 49 * MEGABYTE)
        local run_of = program.run("spec/support/programs/upload.lua", { folder = folder.path,
          arguments = { service, sandbox[service .. suffix], sandbox.files, path,
            big("small.png", 2000), suffix ~= "" and sandbox.ca_file or nil } })
        local billed, memory, steps, longest = run_of.output:match("^(%S+)\t(%d+)\t(%d+)\t(%S+)\n$")
        assert.equal("yes", billed, run_of.output)
        assert.is_true(tonumber(steps) > 40, run_of.output) -- fewer where the system takes more
        if not sanitized then
          assert.is_true(tonumber(memory) < 4 * MEGABYTE, run_of.output)
          assert.is_true(tonumber(longest) < 50, run_of.output)
        end
        local arrived = edits.arrived(sandbox)
        assert.same({ 49 * MEGABYTE, http },
          { arrived.record.references[1].bytes, arrived.record.http })
      end)
    end
  end)

  -- What befalls one upload, and what befalls all of them: kind, billed, accepted, uploaded.
  for name, case in pairs {
    ["reset before it was read"] = { { reset = "before" }, "network" },
    ["reset half-way"] = { { reset = "middle" }, "network" },
    ["an end half-way"] = { { reset = "middle", how = "close" }, "network" },
    ["reset when it was read"] = { { reset = "read" }, "network" },
    ["500"] = { { status = 500 }, "server" },
    ["503 with Retry-After"] = { { status = 503, retry_after = 0.02 }, "server" },
    ["a proxy's page"] = { { html = 502 }, "server" },
    ["429 with Retry-After"] = { { status = 429, retry_after = 0.02 }, "rate_limited" },
    ["an empty 429"] = { { status = 429, empty = true }, "rate_limited" },
    ["success: false of the service's own trouble"] = { { success_false = 500 }, "server" },
    ["no answer in time"] = { { stall = "head" }, "timeout" },
    ["half an answer"] = { { cut = 20 }, "network" },
  } do
    it("is tried again, and ends without a bill: " .. name, function()
      local client <close> = open("starmagic", {
        timeout = { upload = case[2] == "timeout" and 1 or 60 },
        retry = { max = 2, base = 0.01, cap = 0.02 } })
      fault(case[1])
      local megabytes = case[2] == "timeout" and 0 or 3
      local seen, what = run(client, { big("a.png", megabytes * MEGABYTE + 2000) })
      assert.same({ "ok", "yes", 1 }, { seen[1], seen[2], seen[3] }, tostring(what))
      sandbox:release()
      sandbox:reset()
      fault(case[1], -1)
      seen, what = run(client, { big("b.png", megabytes * MEGABYTE + 2001) })
      assert.same({ case[2], "no", 0 }, { seen[1], seen[2], seen[3] }, tostring(what))
      -- libcurl may add one of its own, where a reused connection broke before the body
      local tries = #sandbox:requests { kind = "upload" }
      assert.is_true(tries == 3 or tries == 4, tries)
      assert.equal(0, #sandbox:requests { kind = "submit" })
      sandbox:disarm()
    end)
  end

  -- What no other try would change.
  for name, case in pairs {
    ["a wrong key"] = { { status = 401 }, "auth" },
    ["a key that may not"] = { { status = 403, error = { message = "forbidden" } }, "auth" },
    ["no money"] = { { status = 402 }, "quota" },
    ["too much"] = { { status = 413 }, "too_big" },
    ["a picture that the service does not want"] = { { status = 400 }, "invalid" },
    ["success: false, with HTTP 200"] = { { success_false = 400 }, "invalid" },
    ["success: false, the key"] = { { success_false = 401 }, "auth" },
    ["a page"] = { { status = 200, body = "<html>welcome</html>", content_type = "text/html" },
      "protocol" },
    ["nothing"] = { { status = 200, empty = true }, "protocol" },
    ["no link"] = { { status = 200, body = { success = true, data = {} } }, "protocol" },
    ["a link that is none"] = { { status = 200, body = { success = true,
      data = { file_url = "ftp://example.com/a.png" } } }, "protocol" },
    ["a link with a password"] = { { status = 200, body = { success = true,
      data = { file_url = "https://a:b@example.com/a.png" } } }, "protocol" },
  } do
    it("is not repeated: " .. name, function()
      local client <close> = open("starmagic")
      fault(case[1], -1)
      local seen, what = run(client, { big("a.png", 2000) })
      assert.same({ case[2], "no", 0, 0 }, seen, tostring(what))
      assert.is_false(what.retryable)
      assert.equal(1, #sandbox:requests { kind = "upload" })
      assert.is_nil(tostring(what):find("sk-very-secret", 1, true))
      sandbox:disarm()
    end)
  end

  it("meets the quota of the service, and says what to do", function()
    local full <close> = sandboxes.start { latency = 0, allow_private = true, file_quota = 1 }
    local client <close> = edits.client(full, "starmagic", "1.1")
    local result, err = client:edit(edits.request { images = { big("a.png", 2000),
      big("b.png", 2001) } })
    assert.is_nil(result)
    assert.same({ "quota", "no", 403, false },
      { err.kind, err.billed, err.status, err.retryable })
    assert.truthy(err.message:find("File quota exceeded: 1 of 1 files are used", 1, true),
      err.message)
    assert.truthy(err.message:find("Delete files at the file service", 1, true), err.message)
    assert.equal(0, full:ledger().submits)
  end)

  it("is slow, and goes on", function()
    local client <close> = open("starmagic")
    fault { sip = { bytes = 8192, seconds = 0.01 } }
    assert.same({ "ok", "yes", 1, 1 }, (run(client, { big("a.png", 200000) })))
  end)

  it("is cancelled with its task, at once", function()
    local client <close> = open("starmagic")
    fault({ sip = { bytes = 1024, seconds = 0.2 } }, -1)
    local task = assert(client:submit(edits.request { images = { big("a.png", 3 * MEGABYTE) } }))
    assert.equal("uploading", task.status)
    sandboxes.wait_for(function()
      client:step(0.01)
      return #sandbox:requests { kind = "upload" } == 1
    end)
    task:cancel()
    local result, err = task:wait()
    assert.is_nil(result)
    assert.same({ "cancelled", "no" }, { err.kind, err.billed })
    client:run()
    assert.same({ 0, 0 }, { sandbox:ledger().submits, sandbox:ledger().uploaded })
    sandbox:disarm()
  end)

  it("goes on for the other task when one of two is cancelled", function()
    local client <close> = open("starmagic")
    fault { sip = { bytes = 65536, seconds = 0.02 } }
    local request = edits.request { images = { big("a.png", MEGABYTE) } }
    local first, second = assert(client:submit(request)), assert(client:submit(request))
    sandboxes.wait_for(function()
      client:step(0.01)
      return #sandbox:requests { kind = "upload" } == 1
    end)
    first:cancel()
    assert.equal("yes", assert(second:wait()).billed)
    assert.same({ 1, 1 }, { sandbox:ledger().submits, sandbox:ledger().uploaded })
  end)

  it("ends with the task's time", function()
    local client <close> = open("starmagic")
    fault({ sip = { bytes = 1024, seconds = 0.5 } }, -1)
    local seen, err = run(client, { big("a.png", MEGABYTE) }, { timeout = 0.3 })
    assert.same({ "timeout", "no", 0, 0 }, seen, tostring(err))
    sandbox:disarm()
  end)

  it("is made again when the service has lost the file", function()
    local client <close> = open("starmagic")
    local path = big("a.png", 2000)
    assert.same({ "ok", "yes", 1, 1 }, (run(client, { path })))
    sandbox:advance(73 * 3600)
    local seen, err = run(client, { path })
    assert.same({ "invalid", "no" }, { seen[1], seen[2] }, tostring(err))
    assert.equal("image_processing_error", err.code)
    seen = run(client, { path })
    assert.same({ "ok", "yes", 3, 2 }, seen)
  end)

  it("is not counted on when its link ends soon", function()
    local client <close> = open("starmagic")
    local path = big("a.png", 2000)
    local link = edits.publish(sandbox, { name = "a.png", bytes = photo, type = "image/png" })
    fault { status = 200, body = { success = true, code = 200, data = { file_url = link,
      expires_at = os.date("!%Y-%m-%dT%H:%M:%SZ", os.time() + 600) } } }
    assert.same({ "ok", "yes", 1, 1 }, (run(client, { path })))
    assert.same({ "ok", "yes", 2, 2 }, (run(client, { path })))
    assert.same({ "ok", "yes", 3, 2 }, (run(client, { path })))
  end)

  for _, service in ipairs { "starmagic", "magick" } do
    it("notices a file that has gone, or changed, since it was looked at: " .. service, function()
      local client <close> = open(service)
      for name, change in pairs {
        gone = "rm %s", shorter = "truncate -s 1000 %s", longer = "truncate -s 4000 %s",
        newer = "touch -d '2020-01-01' %s",
        another = "cp %s %s.new && mv %s.new %s",
      } do
        local path = big(name .. ".png", 2000)
        local task = assert(client:submit(edits.request { images = { path } }))
        assert(os.execute((change:gsub("%%s", path))))
        local result, err = task:wait()
        assert.is_nil(result, name)
        assert.same({ "io", "no" }, { err.kind, err.billed }, name .. ": " .. tostring(err))
      end
      assert.equal(0, sandbox:ledger().submits)
    end)
  end

  it("notices a file that shrinks while it is sent", function()
    for _, service in ipairs { "starmagic", "magick" } do
      local client <close> = open(service)
      local kind = service == "starmagic" and "upload" or "submit"
      local path = big("a.png", 30 * MEGABYTE)
      fault({ sip = { bytes = 65536, seconds = 0.05 } }, -1, { kind = kind })
      local task = assert(client:submit(edits.request { images = { path } }))
      sandboxes.wait_for(function()
        client:step(0.01)
        return #sandbox:requests { kind = kind } == 1
      end)
      os.execute("truncate -s 5000 " .. path)
      local result, err = task:wait()
      assert.is_nil(result)
      assert.same({ "io", "no" }, { err.kind, err.billed }, tostring(err))
      assert.equal(0, sandbox:ledger().accepted)
      sandbox:disarm()
    end
  end)

  describe("of a form that is paid", function()
    -- Kind, billed, accepted at the gateway, paid POSTs that came there.
    for name, case in pairs {
      ["reset half-way, once"] = { { reset = "middle" }, 1, "ok yes 1 2" },
      ["reset half-way, always"] = { { reset = "middle" }, -1, "network no 0 3" },
      ["an end half-way, once"] = { { reset = "middle", how = "close" }, 1, "ok yes 1 2" },
      ["reset when all was read"] = { { reset = "read" }, 1, "network maybe 0 1" },
      ["a reply that was lost"] = { { reset = "accepted" }, 1, "network maybe 1 1" },
      ["500"] = { { status = 500 }, 1, "server maybe 0 1" },
      ["429"] = { { status = 429, retry_after = 0.02 }, 1, "ok yes 1 2" },
      ["a proxy's page"] = { { html = 504 }, 1, "server maybe 0 1" },
      ["an early 413"] = { { status = 413, early = true }, 1, "too_big no 0 1" },
    } do
      it("is judged by what had left: " .. name, function()
        local client <close> = open("magick", { retry = { max = 2, base = 0.01, cap = 0.02 } })
        fault(case[1], case[2], { kind = "submit" })
        local seen, what = run(client, { big("a.png", 20 * MEGABYTE) })
        local posts = #sandbox:requests { kind = "submit" }
        assert.equal(case[3], ("%s %s %d %d"):format(seen[1], seen[2], seen[3], posts),
          tostring(what))
        sandbox:disarm()
      end)
    end
  end)

  it("is told in the log, without the key", function()
    local lines = {}
    local client <close> = open("starmagic", { log = function(event)
      lines[#lines + 1] = cjson.encode(event)
    end })
    assert.same({ "ok", "yes", 1, 1 }, (run(client, { big("a.png", 2000) })))
    local log = table.concat(lines, "\n")
    assert.truthy(log:find("upload", 1, true), log)
    assert.is_nil(log:find("sk-very-secret", 1, true))
  end)
end)
