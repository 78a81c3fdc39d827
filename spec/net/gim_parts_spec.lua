-- SPDX-License-Identifier: MIT
-- Tests src/net/gim_parts.c through the test window: what arrives is what was given, from
-- files, strings and callbacks, once, and in constant memory.
local files = require "spec.support.files"
local window = require "gptimage.core_test"
local misbehave = require "spec.support.misbehave"

-- The parts of a body as they stand: head lines and content.
local function split(request)
  local boundary = request.headers["content-type"]:match "^multipart/form%-data; boundary=(%S+)$"
  assert(boundary, request.headers["content-type"])
  local parts, at = {}, 1
  local body = "\r\n" .. request.body
  while true do
    local from, to = body:find("\r\n--" .. boundary, at, true)
    assert(from, "no boundary")
    if at > 1 then
      local head, content = body:sub(at, from - 1):match "^(.-)\r\n\r\n(.*)$"
      parts[#parts + 1] = {
        head = head, content = content,
        field = head:match ' name="(.-)"', filename = head:match ' filename="(.-)"',
        mime = head:match "[Cc]ontent%-[Tt]ype: ([^\r\n]+)",
      }
    end
    at = to + 3
    if body:sub(to + 1, to + 2) == "--" then
      assert.equal("\r\n", body:sub(at))
      return parts
    end
  end
end

describe("gim_parts", function()
  local net, server, before, folder
  local written = 0

  setup(function() folder = files.folder() end)
  teardown(function() folder:close() end)

  local function file(content, name)
    written = written + 1
    return folder:write(name or ("file-%d.png"):format(written), content)
  end

  before_each(function()
    collectgarbage()
    before = window.open_fds()
    net = assert(window.net { proxy = "" })
  end)

  after_each(function()
    net:free()
    if server then server:close() end
    server = nil
    assert.equal(before, window.open_fds())
  end)

  local function serve(script)
    server = misbehave.server(script or misbehave.polite)
  end

  local function post(parts, more)
    local request = { class = "paid", post = true, url = server.url .. "/v1/images/edits",
      parts = parts, headers = { "Authorization: Bearer KEY" } }
    for name, value in pairs(more or {}) do request[name] = value end
    return misbehave.fetch(net, { server }, request)
  end

  describe("sends", function()
    it("strings, files and callbacks in their order, with names and types", function()
      serve()
      local picture = ("\137PNG\r\n\26\n\0--boundary\r\n"):rep(9000)
      local outcome = assert(post {
        { field = "model", data = "gpt-image-2" },
        { field = "prompt", data = "海 \"sea\"\r\n--x" },
        { field = "image[]", filename = "a b.png", mime = "image/png", path = file(picture),
          size = #picture },
        { field = "image[]", filename = "二.webp", mime = "image/webp", path = file "short" },
        { field = "mask", filename = "mask.png", mime = "image/png", generate = 100000 },
        { field = "empty", data = "" },
      })
      assert.equal("ok", outcome.status)
      local request = server.requests[1]
      assert.equal("POST", request.method)
      assert.equal("Bearer KEY", request.headers.authorization)
      assert.is_nil(request.headers.expect)
      assert.is_nil(request.headers["transfer-encoding"])
      assert.equal(#request.body, tonumber(request.headers["content-length"]))
      local parts = split(request)
      local generated = {}
      for i = 0, 250 do generated[i + 1] = string.char(i) end
      generated = table.concat(generated):rep(400):sub(1, 100000)
      local function seen(i) return { parts[i].field, parts[i].filename, parts[i].mime } end
      assert.equal(6, #parts)
      assert.same({ "model" }, seen(1))
      assert.equal("gpt-image-2", parts[1].content)
      assert.equal("海 \"sea\"\r\n--x", parts[2].content)
      assert.same({ "image[]", "a b.png", "image/png" }, seen(3))
      assert.is_true(parts[3].content == picture)
      assert.same({ "image[]", "二.webp", "image/webp" }, seen(4))
      assert.equal("short", parts[4].content)
      assert.same({ "mask", "mask.png", "image/png" }, seen(5))
      assert.is_true(parts[5].content == generated)
      assert.equal("", parts[6].content)
      local total = 11 + #"海 \"sea\"\r\n--x" + #picture + 5 + 100000
      assert.same({ total, total }, { outcome.handed, outcome.total })
    end)

    it("no name that would be a header of its own", function()
      serve()
      for _, part in ipairs {
        { field = "a\r\nX: y", data = "1" }, { field = "a", filename = "b\nc", data = "1" },
        { field = "a", mime = "image/png\r\nX: y", data = "1" },
      } do
        local outcome, err = post { part }
        assert.is_nil(outcome)
        assert.equal("invalid", err.kind)
      end
      assert.equal("ok", post({ { field = 'a"b', filename = 'c"d\\e', data = "1" } }).status)
      assert.equal(1, #split(server.requests[1]))
    end)

    it("another request on the same handle afterwards", function()
      serve()
      assert.equal("ok", post({ { field = "a", data = "1" } }).status)
      assert.equal("ok", misbehave.fetch(net, { server }, { url = server.url .. "/get" }).status)
      assert.equal("ok", post(nil, { body = '{"a":1}' }).status)
      assert.equal("ok", post({ { field = "b", path = file "22" } }).status)
      local r = server.requests
      assert.same({ "POST", "GET", "POST", "POST" },
        { r[1].method, r[2].method, r[3].method, r[4].method })
      assert.equal('{"a":1}', r[3].body)
      assert.is_nil(r[3].headers["content-type"] and
        r[3].headers["content-type"]:match "multipart")
      assert.equal("", r[2].body)
      assert.equal("22", split(r[4])[1].content)
      assert.equal(1, server.connections)
    end)
  end)

  describe("refuses before anything is sent", function()
    local function refused(part, pattern)
      serve()
      local outcome, err = post { { field = "a", data = "1" }, part }
      assert.is_nil(outcome)
      assert.equal("io", err.kind)
      assert.matches(pattern, err.message)
      assert.equal(0, net:active())
      assert.equal(0, server.connections)
    end

    it("a file that is not there", function()
      refused({ field = "b", path = folder:at "none.png" }, "none.png\": No such file")
    end)
    it("a folder", function() refused({ field = "b", path = folder.path }, "not a file") end)
    it("a pipe, without waiting for it", function()
      local path = folder:at "pipe"
      assert(os.execute("mkfifo " .. path))
      refused({ field = "b", path = path }, "not a file")
    end)
    it("a file of another size than was announced", function()
      refused({ field = "b", path = file "12345", size = 4 }, "another size")
      server:close()
      refused({ field = "b", path = file "12345", size = 6 }, "another size")
    end)
    for what, change in pairs { ["written anew"] = "printf 54321 > '%s'",
      replaced = "cp -p '%s' %%.new && mv %%.new '%s'", touched = "touch '%s'" } do
      it("a file that was " .. what .. " since it was looked at", function()
        local path = file "12345"
        assert(os.execute("touch -d @2 " .. path)) -- clocks of files are coarse
        local part = { field = "b", path = path, seen = window.look { path = path } }
        serve()
        assert.equal("ok", post({ part }).status)
        server:close()
        assert(os.execute((change:gsub("'?%%s'?", path):gsub("%%%%", path))))
        refused(part, "not the file any more that was looked at: it was changed or replaced")
      end)
    end
  end)

  -- The body is on its way, and the service does not read on: now something happens to the file.
  local function half_way(happen, size)
    local go
    serve(function(conn)
      local head = conn:head()
      conn:wait(function() return go end)
      if #conn:body(tonumber(head.headers["content-length"])) > (size or 8000000) then
        conn:reply "ok"
      end
    end)
    local path = file(("x"):rep(size or 8000000))
    local outcome
    local id = assert(net:start({ class = "paid", post = true, url = server.url .. "/",
      parts = { { field = "image", path = path } } }, function(o) outcome = o end))
    local handed = -1
    misbehave.drive(net, { server }, function()
      local last = handed
      handed = net:handed(id)
      return handed > 0 and handed == last
    end)
    happen(path)
    go = true
    misbehave.drive(net, { server }, function() return outcome end)
    return outcome
  end

  describe("breaks off, cleanly, when a file", function()
    for name, case in pairs {
      ["becomes shorter"] = { function(path) file("x", path:match "[^/]+$") end, "shorter" },
      ["grows"] = { function(path)
        local f <close> = io.open(path, "ab")
        f:write "more"
      end, "changed" },
      ["is written anew"] = { function(path)
        local f <close> = io.open(path, "r+b")
        f:seek("set", 0)
        f:write "y"
      end, "changed" },
    } do
      it(name .. " in mid-upload", function()
        local outcome = half_way(case[1])
        assert.equal("io", outcome.status)
        assert.matches('"file%-%d+%.png" .*' .. case[2], outcome.err.message)
        assert.is_true(outcome.handed < outcome.total)
        assert.is_false(outcome.err.retryable)
      end)
    end

    it("but not when it loses its name: it is open", function()
      local outcome = half_way(os.remove)
      assert.equal("ok", outcome.status)
      assert.equal(outcome.total, outcome.handed)
    end)
  end)

  it("breaks off when a callback fails or ends early", function()
    for _, case in ipairs { { "fail_at", "could not be read" }, { "end_at", "ended early" } } do
      serve()
      local outcome = post { { field = "a", data = "1" },
        { field = "b", filename = "b.png", generate = 500000, [case[1]] = 200000 } }
      assert.equal("io", outcome.status)
      assert.matches('"b.png" ' .. case[2], outcome.err.message)
      assert.is_true(outcome.handed < outcome.total and outcome.handed >= 200000)
      server:close()
    end
    serve()
  end)

  it("is cancelled half-way, and says how much had gone", function()
    serve(function(conn) conn:head() conn:closed() end)
    local id = assert(net:start({ class = "paid", post = true, url = server.url .. "/",
      parts = { { field = "image", path = file(("x"):rep(9000000)) } } }, function() end))
    misbehave.drive(net, { server }, function() return net:handed(id) > 100000 end)
    local handed = net:cancel(id)
    assert.is_true(handed > 100000 and handed < 9000000)
  end)

  it("leaves nothing behind when memory is short", function()
    serve()
    local path = file "12345"
    local refused = 0
    for n = 1, 60 do
      window.fail_allocation(n)
      local outcome
      local id, err = net:start({ class = "paid", post = true, url = server.url .. "/",
        parts = { { field = "a", data = "1" }, { field = "b", path = path } } },
        function(o) outcome = o end)
      window.fail_allocation(0)
      if id then
        misbehave.drive(net, { server }, function() return outcome end)
        assert.equal("ok", outcome.status)
        break
      end
      assert.equal("no_memory", err.kind)
      refused = refused + 1
    end
    assert.is_true(refused > 0)
  end)

  -- As spec/net/regress_paid_twice_spec.lua has it for JSON.
  describe("arrives once", function()
    local function parts()
      return { { field = "prompt", data = "x" }, { field = "image", path = file "picture" } }
    end

    local function posts()
      local n = 0
      for _, request in ipairs(server.requests) do
        if request.method == "POST" then n = n + 1 end
      end
      return n
    end

    for how, finish in pairs {
      closes = function(conn) conn:request() conn:close() end,
      resets = function(conn) conn:request() conn:reset() end,
    } do
      it("when a reused connection reads it and " .. how, function()
        serve(function(conn, number)
          conn:request()
          conn:reply "ok"
          if number == 1 then finish(conn) else misbehave.polite(conn) end
        end)
        assert.equal("ok", misbehave.fetch(net, { server }, { url = server.url .. "/" }).status)
        local outcome = post(parts())
        assert.equal("network", outcome.status)
        assert.same({ 8, 8 }, { outcome.handed, outcome.total })
        assert.equal(1, posts())
        assert.equal("ok", post(parts()).status)
        assert.equal(2, posts())
      end)

      it("when a reused connection reads its head alone and " .. how, function()
        serve(function(conn, number)
          conn:request()
          conn:reply "ok"
          if number > 1 then return misbehave.polite(conn) end
          conn:head()
          if how == "closes" then conn:close() else conn:reset() end
        end)
        misbehave.fetch(net, { server }, { url = server.url .. "/" })
        local outcome = post { { field = "image", path = file(("x"):rep(9000000)) } }
        assert.equal("network", outcome.status)
        assert.is_true(outcome.handed < outcome.total)
        assert.equal(0, posts())
        assert.equal(1, server.connections)
      end)
    end

    it("when the service redirects it", function()
      serve(function(conn)
        while conn:request() do
          conn:reply("", "307 Temporary Redirect", { "Location: " .. conn.server.url .. "/else" })
        end
      end)
      local outcome = post(parts())
      assert.equal("ok", outcome.status)
      assert.equal(307, outcome.response.status)
      assert.equal(1, posts())
    end)
  end)

  describe("in a sandbox", function()
    local sandbox

    setup(function()
      sandbox = require("spec.support.sandbox").start { tls = true, edits = true }
    end)
    teardown(function() sandbox:stop() end)
    before_each(function()
      sandbox:reset()
      net:free()
      net = assert(window.net { proxy = "", ca_file = sandbox.ca_file })
    end)

    local function sum(path)
      local pipe <close> = io.popen("sha256sum " .. path)
      return pipe:read "a":match "^%x+"
    end

    local function send(base, list)
      return misbehave.fetch(net, {}, { class = "paid", post = true, parts = list,
        url = base .. "/v1/images/edits", headers = { "Authorization: Bearer sk-test" } }, 60)
    end

    for _, over in ipairs { "magick", "magick_tls" } do
      it("arrives byte by byte over " .. over, function()
        local list, given = { { field = "model", data = "gpt-image-2" },
          { field = "prompt", data = "night" } }, {}
        for i = 1, 3 do
          local path = file(window.random_bytes(70000 * i))
          list[#list + 1] = { field = "image[]", filename = i .. ".png", mime = "image/png",
            path = path }
          given[i] = { i .. ".png", "image/png", 70000 * i, sum(path) }
        end
        local outcome = send(sandbox[over], list)
        assert.equal("ok", outcome.status)
        assert.equal(over == "magick" and 11 or 20, outcome.response.version)
        local seen = {}
        for _, part in ipairs(sandbox:requests({ method = "POST" })[1].parts) do
          if part.name == "image[]" then
            seen[#seen + 1] = { part.filename, part.content_type, part.bytes, part.sha256 }
          end
        end
        assert.same(given, seen)
      end)
    end

    for _, how in ipairs { "refused", "cancel", "goaway", "rst", "close" } do
      for _, reset in ipairs { "before", "read", "accepted" } do
        it(("arrives once over HTTP/2: %s, %s"):format(how, reset), function()
          misbehave.fetch(net, {}, { url = sandbox.magick_tls .. "/v1/models" })
          sandbox:fault { match = { kind = "submit", http = "2" },
            fault = { reset = reset, how = how } }
          local outcome = send(sandbox.magick_tls, { { field = "model", data = "gpt-image-2" },
            { field = "prompt", data = "night" },
            { field = "image", filename = "a.png", mime = "image/png",
              path = file(("x"):rep(1000)) } })
          local ledger = sandbox:ledger()
          assert.is_true(ledger.submits <= 1, ledger.submits .. " POSTs")
          assert.equal(0, #sandbox:armed())
          if outcome.status == "ok" then
            assert.equal("before", reset)
          else
            assert.equal("network", outcome.status)
          end
        end)
      end
    end

    it("takes no memory for 49 MB, and the loop goes on stepping", function()
      local path = folder:at "large.png"
      assert(os.execute("head -c 49000000 /dev/urandom > " .. path))
      local function resident()
        local f <close> = io.open "/proc/self/statm"
        local _, pages = f:read("n", "n")
        return pages * 4096
      end
      send(sandbox.magick, { { field = "prompt", data = "x" }, -- what is there once and for all
        { field = "image", filename = "a.png", mime = "image/png", path = file "x" } })
      collectgarbage()
      local outcome, steps, peak = nil, 0, 0
      local at_rest = resident()
      assert(net:start({ class = "paid", post = true, headers = { "Authorization: Bearer sk-test" },
        url = sandbox.magick .. "/v1/images/edits", parts = {
          { field = "prompt", data = "x" },
          { field = "image", filename = "a.png", mime = "image/png", path = path,
            size = 49000000 } } }, function(o) outcome = o end))
      misbehave.drive(net, {}, function()
        steps = steps + 1
        peak = math.max(peak, resident() - at_rest)
        return outcome
      end, 60)
      assert.equal("ok", outcome.status)
      assert.equal(outcome.total, outcome.handed)
      assert.is_true(peak < 4000000, peak .. " bytes more")
      assert.is_true(steps > 100, steps .. " steps")
      local posts = sandbox:requests { method = "POST" }
      local part = posts[#posts].parts[2]
      assert.same({ 49000000, sum(path) }, { part.bytes, part.sha256 })
    end)
  end)
end)
