-- SPDX-License-Identifier: MIT
-- Pictures on their way to a disk that does not answer, or that fails: what spec/writing_spec.lua
-- runs, in a process whose gptimage is the window's. `writing.lua CASE` prints "fine", or says what
-- was wrong.

local window = require "gptimage.core_test"
package.preload["gptimage.core"] = window.core

local files = require "spec.support.files"
local services = require "spec.support.service"
local socket = require "socket"

local BLOCK = 64 * 1024
local LARGE, OTHER, SMALL = services.picture(1500001, 2048, 2048),
  services.picture(1200007, 1024, 1024, 3), services.picture(3000, 64, 64, 5)
local BUDGET = 0.001

local folder <close> = files.folder()
local before = window.open_fds()

local function at(name) return folder.path .. "/" .. name end

local service, client

-- `pictures` for each POST in its turn, the last one for those behind it.
local function start(pictures, options)
  options = options or {}
  options.provider = options.provider or "magick"
  service = services.start {
    submit = options.provider == "magick" and function(conn, _, number)
      conn:reply(services.base64_reply(table.unpack(pictures[math.min(number, #pictures)])))
    end or nil,
    download = function(conn) conn:reply(pictures[1][1], nil, { "Content-Type: image/png" }) end,
  }
  client = service:client(options)
end

-- And a step with a budget: from then on pictures are written behind.
local function submit(name, n)
  local task = assert(client:submit(services.request { model = "gpt-image-2", n = n,
    output = name and at(name) }))
  client:step(0, BUDGET)
  return task
end

-- So many steps, of which none may wait for the disk: if one did, nobody would let that go.
local function step(n, done)
  for _ = 1, n do
    client:step(0, BUDGET)
    service.server:step()
    if done and done() then return true end
  end
  return not done
end

-- Until the request has left, which waits for the journal's own disk, and then nothing is left to
-- do but what the disk would have to.
local function settle()
  local deadline = socket.gettime() + 10
  repeat
    step(20)
    assert(socket.gettime() < deadline, "no request leaves, or steps find something to do for ever")
  until #service.posts > 0 and client:timeout() ~= 0
  step(200)
end

local function finish()
  service:close()
  service, client = nil, nil
  collectgarbage()
  collectgarbage()
end

local function equal(wanted, found, what)
  if wanted ~= found then
    error(("%s: %s, not %s"):format(what or "wrong", tostring(found):sub(1, 200),
      tostring(wanted):sub(1, 200)), 2)
  end
end

local function names()
  return table.concat(folder:files(), " ")
end

local cases = {}

-- A step does not wait for the disk; others go on; and nobody is woken for nothing.
function cases.held()
  for _, provider in ipairs { "magick", "starmagic" } do
    start({ { LARGE }, { SMALL } }, { provider = provider, timeout = { download = 0.3 } })
    window.disk_hold(true)
    local task = submit "large.png"
    settle()
    assert(not task:done())
    services.stall(0.4) -- no time of the service's
    settle()
    assert(not task:done(), "it has ended: " .. tostring(task:done() and select(2, task:wait())))
    assert(client:timeout() ~= 0 and client:timeout() ~= nil)
    if provider == "magick" then
      local small = submit "small.png"
      assert(step(20000, function() return small:done() end), "a small picture has to wait as well")
      equal(SMALL, files.read(small:wait().images[1].path))
    end
    assert(not task:done())
    window.disk_hold(false)
    local result = assert(service:finish(task))
    equal(at "large.png", result.images[1].path)
    equal(LARGE, files.read(at "large.png"))
    equal(LARGE, result.images[1]:data())
    equal(provider == "magick" and 0 or 1, #service.downloads)
    finish()
    files.remove(at "small.png")
    files.remove(at "large.png")
  end
end

-- The time that it was held up counts for no limit, also when it goes on and is not whole yet.
function cases.limits()
  local go
  service = services.start { submit = function(conn)
    local body = services.base64_reply(LARGE)
    conn:send(("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"):format(#body))
    conn:send(body:sub(1, 1000000))
    while not go do coroutine.yield() end
    conn:send(body:sub(1000001))
  end }
  client = service:client { provider = "magick", timeout = { submit = 2 } }
  window.disk_hold(true)
  local task = submit "large.png"
  settle()
  services.stall(2.2)
  step(20)
  assert(not task:done())
  window.disk_hold(false)
  local judged = socket.gettime() + 1.1 -- one that is held up is judged each second
  while socket.gettime() < judged do
    client:step(0.01, BUDGET)
    service.server:step()
  end
  go = true
  equal(LARGE, assert(service:finish(task)).images[1]:data())
  finish()
end

-- Nor does that of a download, or of a file that waits for its name.
function cases.downloads()
  local go
  local short = services.picture(2 * BLOCK + 1, 512, 512, 9)
  service = services.start { download = function(conn, _, number)
    if number == 1 then return conn:reply(short, nil, { "Content-Type: image/png" }) end
    conn:send(("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"):format(#LARGE))
    conn:send(LARGE:sub(1, 1000000))
    while not go do coroutine.yield() end
    conn:send(LARGE:sub(1000001))
  end }
  client = service:client { timeout = { task = 2 } }
  window.disk_hold(true)
  local named = submit "short.png"
  local function downloading(n)
    service:drive(function()
      client:step(0, BUDGET)
      return #service.downloads == n
    end)
  end
  downloading(1)
  local came = submit "large.png"
  downloading(2)
  settle()
  services.stall(2.2)
  step(20)
  assert(not named:done() and not came:done(), "there was no time to write")
  window.disk_hold(false)
  local judged = socket.gettime() + 1.1 -- see above
  while socket.gettime() < judged do
    client:step(0.01, BUDGET)
    service.server:step()
  end
  equal(short, assert(named:wait()).images[1]:data())
  go = true
  equal(LARGE, assert(service:finish(came)).images[1]:data())
  equal(2, #service.downloads)
  finish()
end

-- Who asks for a picture that another one copies just now waits for the same, and is not woken.
function cases.together()
  start { { LARGE } }
  local result = assert(service:finish(submit()))
  window.disk_hold(true)
  local saved = {}
  for i = 1, 3 do
    local name = at("there/" .. i .. ".png")
    client:spawn(function() saved[i] = assert(result.images[1]:save(name)) end)
  end
  step(200)
  assert(client:timeout() > 0.005, client:timeout()) -- no descriptor: each 0.01
  assert(#saved == 0)
  window.disk_hold(false)
  service:drive(function() return saved[1] and saved[2] and saved[3] end)
  for i = 1, 3 do equal(LARGE, files.read(at("there/" .. i .. ".png"))) end
  finish()
end

-- What a stream of HTTP/1.1 has sent by then is bounded by blocks and buffers, not by the picture.
function cases.many()
  start { { LARGE, OTHER, SMALL, LARGE, OTHER } }
  window.disk_hold(true)
  local task = submit("{index}.png", 5)
  settle()
  assert(not task:done())
  window.disk_hold(false)
  local result = assert(service:finish(task))
  for i, bytes in ipairs { LARGE, OTHER, SMALL, LARGE, OTHER } do
    equal(bytes, files.read(at(i .. ".png")))
    equal(at(i .. ".png"), result.images[i].path)
  end
  finish()
end

-- Pictures of large replies replace others, and stand there whole at any time.
function cases.replace()
  start({ { LARGE }, { OTHER } }, { overwrite = "replace" })
  assert(service:finish(submit "a.png"))
  window.disk_hold(true)
  local task = submit "a.png"
  settle()
  equal(LARGE, files.read(at "a.png"))
  window.disk_hold(false)
  assert(service:finish(task))
  equal(OTHER, files.read(at "a.png"))
  finish()
  equal("a.png", names())
end

-- Beside the journal: its line is written when the file has its name.
function cases.journal()
  start({ { LARGE, OTHER } }, { journal = at "jobs.jsonl" })
  window.disk_hold(true)
  local task = submit("out/{index}.png", 2)
  settle()
  local function journal() return files.read(at "jobs.jsonl") end
  assert(os.execute(("ls -A '%s' | grep -q '[.]part$'"):format(at "jobs.jsonl.d")))
  assert(not journal():find '"arrived"' and not journal():find '"done"')
  assert(not task:done())
  window.disk_hold(false)
  assert(service:finish(task))
  equal(LARGE, files.read(at "out/1.png"))
  equal(OTHER, files.read(at "out/2.png"))
  finish()
  local arrived, done = journal():find '"arrived"', journal():find '"done"'
  assert(arrived and done and arrived < done)
  assert(select(2, journal():gsub('"arrived"', "")) == 2)
  assert(select(2, journal():gsub('"saved"', "")) == 2)
end

-- Who cancels while the disk alone is waited for has the answer, which had come whole.
function cases.cancel()
  local picture = services.picture(2 * BLOCK + 1, 512, 512, 9)
  start({ { picture } }, { journal = at "jobs.jsonl" })
  window.disk_hold(true)
  local task = submit("{index}.png", 1)
  service:drive(function()
    client:step(0, BUDGET)
    return #service.posts == 1
  end)
  step(2000)
  assert(not task:done())
  task:cancel()
  step(20)
  local _, err = task:wait()
  equal("cancelled yes", err.kind .. " " .. err.billed)
  equal(1, client:ledger().paid)
  equal(picture, err.result.images[1]:data())
  window.disk_hold(false)
  finish()
end

-- Cancelled, closed, collected and left by a child, with blocks on their way.
function cases.ends()
  for _, how in ipairs { "cancel", "close", "collect", "fork" } do
    for _, journal in ipairs { false, true } do
      for _, held in ipairs { true, false } do
        start({ { LARGE, OTHER } }, { journal = journal and at "jobs.jsonl" or nil })
        window.disk_hold(held)
        local task = submit("{index}.png", 2)
        if held then
          settle()
        else
          for _ = 1, 300 do step(1) end
        end
        if how == "cancel" and not task:done() then task:cancel() end
        if how == "fork" then
          local fine, said = window.in_child(function()
            pcall(client.step, client, 0, BUDGET)
            client:close()
            task = nil
            collectgarbage()
          end)
          assert(fine, said)
        end
        window.disk_hold(false)
        if how == "fork" then assert(service:finish(task)) end
        task = nil -- luacheck: ignore
        if how == "collect" then
          service.clients = {}
          client = nil
        end
        finish()
        for _, name in ipairs(folder:files()) do
          assert(not name:find "%.part$", how .. " leaves " .. name)
          os.remove(at(name))
        end
        os.execute(("rm -rf '%s'"):format(at "jobs.jsonl.d"))
      end
    end
  end
end

-- A write that fails, at every one of them: nothing is lost.
function cases.fails()
  for _, journal in ipairs { false, true } do
    local n, failed = 0, 0
    repeat
      start({ { LARGE } }, { journal = journal and at "jobs.jsonl" or nil })
      window.die_at(0)
      window.disk_fault("pwrite", 28, n)
      local task = submit "out/{index}.png"
      service:drive(function() return task:done() end)
      local struck = window.disk_calls "pwrite" > n
      window.disk_fault()
      local result, err = task:wait()
      if not result then
        failed = failed + 1
        equal("io", err.kind)
        equal("yes", err.billed)
        result = err.result
      else
        equal(LARGE, files.read(result.images[1].path))
      end
      equal(LARGE, result.images[1]:data(), "after " .. n)
      -- There is room again, in the same folder too.
      local saved
      client:spawn(function() saved = assert(result.images[1]:save(at "out/again.png")) end)
      service:drive(function() return saved end)
      equal(LARGE, files.read(at "out/again.png"))
      task, result, err = nil, nil, nil -- luacheck: ignore
      finish()
      os.execute(("rm -rf '%s'*"):format(at "jobs.jsonl"))
      os.execute(("rm -rf '%s'"):format(at "out"))
      n = n + 1
    until not struck
    assert(n > #LARGE // BLOCK, n .. " writes")
    assert(journal or failed == n - 1, failed .. " of " .. n .. " failed")
  end
end

-- Where there is no descriptor for the thread the picture is written in the steps, and the next one
-- has a thread again.
function cases.starved()
  local go, said = 0, {}
  local body = services.base64_reply(LARGE)
  service = services.start { submit = function(conn, _, number)
    if number > 1 then return conn:reply(body) end
    conn:send(("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"):format(#body))
    conn:send(body:sub(1, 10000)) -- the file is there, and has no block yet
    while go < 1 do coroutine.yield() end
    conn:send(body:sub(10001, 1000000))
    while go < 2 do coroutine.yield() end
    conn:send(body:sub(1000001))
  end }
  client = service:client { provider = "magick", log = function(event)
    if event.message:find "thread" then said[#said + 1] = event.message end
  end }
  local first = submit "first.png"
  assert(step(20000, function() return names():find "%.part" end))
  go = 1
  window.with_descriptor_limit(3, function()
    assert(step(20000, function() return #said > 0 end), "nothing was said")
    step(100)
  end)
  go = 2
  equal(LARGE, files.read(assert(service:finish(first)).images[1].path))
  window.disk_hold(true)
  local second = submit "second.png"
  settle()
  assert(not second:done())
  window.disk_hold(false)
  equal(LARGE, files.read(assert(service:finish(second)).images[1].path))
  equal(1, #said, table.concat(said, "; "))
  finish()
end

-- Without a budget there is no thread, and no descriptor of it.
function cases.at_once()
  service = services.start { submit = function(conn) conn:reply(services.base64_reply(LARGE)) end }
  client = service:client { provider = "magick" }
  window.disk_hold(true) -- for any other thread
  assert(service:generate { model = "gpt-image-2", output = at "a.png" })
  equal(LARGE, files.read(at "a.png"))
  finish()
end

-- A copy into a folder of its own, saved later; by turns with the disk.
function cases.copies()
  start { { LARGE } }
  local task = submit()
  local result = assert(service:finish(task))
  window.disk_hold(true)
  local saved
  client:spawn(function() saved = assert(result.images[1]:save(at "there/x.png")) end)
  settle()
  assert(not saved)
  window.disk_hold(false)
  service:drive(function() return saved end)
  equal(LARGE, files.read(at "there/x.png"))
  finish()
end

local case = assert(cases[arg[1]], arg[1])
local fine, problem = xpcall(case, debug.traceback)
window.disk_hold(false)
window.disk_fault()
if fine then
  collectgarbage()
  collectgarbage()
  equal(before, window.open_fds(), "descriptors")
end
print(fine and "fine" or problem)
os.exit(fine, true)
