-- SPDX-License-Identifier: MIT
-- Tests lua/gptimage.lua with the real core against the sandbox: the interface as a program sees
-- it. Orders that are hard to provoke are in wait_spec and deliver_spec, on a fake core.

local clients = require "spec.support.clients"
local gptimage = require "gptimage"
local program = require "spec.support.program"
local sandboxed = require "spec.support.sandboxed"

local request = clients.request
local at = sandboxed { latency = 0.2 }

describe("gptimage", function()
  it("has a version, and loads its parts when they are asked for", function()
    assert.truthy(gptimage.version:find("^%d+%.%d+%.%d+$"))
    assert.equal(require "gptimage.sandbox", gptimage.sandbox)
    assert.is_nil(gptimage.cleint)
  end)
end)

describe("client:generate", function()
  it("brings a picture from the task service to a file", function()
    local client <close> = at.client()
    local result = assert(client:generate(request { output = at.output() }))
    assert.truthy(result.id:find("^task%-unified%-"))
    assert.equal("gpt-image-2-beta", result.model)
    assert.equal("yes", result.billed)
    assert.same({}, result.warnings)
    assert.equal("integer", math.type(result.created))
    assert.is_string(result.request_id)
    assert.equal(1, #result.images)
    local image = result.images[1]
    assert.equal(at.folder.path .. "/" .. result.id .. "-1.png", image.path)
    assert.equal("png", image.format)
    assert.equal(1024, image.width)
    assert.equal(1024, image.height)
    assert.same({ 1024, 1024 }, { program.png_size(image.path) })
    assert.truthy(image.url:find("^http://127%.0%.0%.1"))
    assert.truthy(image.expires_at - os.time() > 23 * 3600)
    assert.is_nil(image.error)
    local bytes = assert(image:data())
    assert.equal(image.size, #bytes)
    assert.equal("completed", result.raw.status)
    assert.equal(image.url, result.raw.results[1])
    local ledger = at.sandbox:ledger()
    assert.equal(1, ledger.charged)
    assert.equal(1, ledger.downloads)
  end)

  it("brings links and base64 from the synchronous service", function()
    local client <close> = at.magick()
    for _, format in ipairs { "url", "b64_json" } do
      local result = assert(client:generate {
        model = "gpt-image-2", prompt = "一只橘猫坐在窗台上看夕阳,水彩画风格", size = "1024x1024",
        n = 2, response_format = format, output = at.output("{key}-{index}.{format}") })
      assert.equal("yes", result.billed)
      assert.equal(2, #result.images)
      for _, image in ipairs(result.images) do
        assert.same({ 1024, 1024 }, { program.png_size(image.path) })
      end
      local raw = result.raw.data[1]
      assert.truthy(#raw.b64_json < 100, "the picture is not kept in raw")
    end
    assert.equal(4, #at.folder:files())
    assert.equal(2, at.sandbox:ledger().charged)
  end)

  it("leaves without output a picture that is fetched when it is wanted", function()
    for name, client in pairs { task = at.client(), synchronous = at.magick() } do
      local result = assert(client:generate {
        model = "gpt-image-2", prompt = "a lamp", size = "1024x1024" })
      local image = result.images[1]
      assert.is_nil(image.path, name)
      local path = at.output(name .. ".png")
      assert.equal(path, (image:save(path)))
      assert.equal(path, image.path)
      assert.equal(1024, image.width)
      assert.equal("png", image.format)
      local bytes = assert(image:data())
      assert.equal(image.size, #bytes)
      local file <close> = assert(io.open(path, "rb"))
      assert.equal(bytes, file:read("a"))
      -- An explicit path is an explicit wish: what is there is replaced.
      assert.equal(path, (image:save(path)))
      local nowhere, err = image:save("/proc/no/such/folder.png")
      assert.is_nil(nowhere)
      assert.equal("io", err.kind)
      client:close()
    end
    assert.equal(2, #at.folder:files())
  end)

  it("tells the task's progress while it waits", function()
    at.sandbox:fault { match = { kind = "submit" }, fault = { latency = 0.6 } }
    local client <close> = at.client()
    local seen = {}
    assert(client:generate(request { on_progress = function(task)
      seen[#seen + 1] = task.progress
      assert.truthy(task.id)
      assert.equal(client, task.client)
    end }))
    assert.truthy(#seen >= 2, "seen " .. #seen)
    for i = 2, #seen do
      assert.truthy(seen[i] >= seen[i - 1])
    end
  end)

  it("asks no metatable of a request, as it may raise while the task is under way", function()
    local client <close> = at.client()
    local strict = { __index = function(_, name) error("no field " .. name) end }
    local task = assert(client:submit(setmetatable(request(), strict)))
    local result = assert(client:generate(setmetatable(request(), strict)))
    assert(client:map({ setmetatable(request(), strict) }))
    assert(task:wait())
    assert(assert(client:attach(result.id, setmetatable({}, strict))):wait())
  end)

  it("returns a failed task as an error that was not billed", function()
    at.sandbox:fault { match = { kind = "submit" }, fault = { fail = "content_policy_violation" } }
    local client <close> = at.client()
    local result, err = client:generate(request())
    assert.is_nil(result)
    assert.equal("refused", err.kind)
    assert.equal("content_policy_violation", err.code)
    assert.equal("no", err.billed)
    assert.is_false(err.retryable)
    assert.truthy(err.task_id)
    assert.is_nil(tostring(err):find("\n"))
  end)

  it("returns what the rules refuse before a byte is sent", function()
    local client <close> = at.client()
    local result, err = client:generate(request { size = "1000x1000", prompt = "" })
    assert.is_nil(result)
    assert.equal("invalid", err.kind)
    assert.equal("no", err.billed)
    assert.truthy(#err.issues >= 2)
    assert.equal(0, #at.sandbox:requests())
  end)

  it("returns an error with the result where what was paid could not be saved", function()
    local client <close> = at.client()
    at.sandbox:fault { match = { kind = "download" }, times = -1, fault = { status = 403 } }
    local result, err = client:generate(request { output = at.output() })
    assert.is_nil(result)
    assert.equal("yes", err.billed)
    local image = err.result.images[1]
    assert.truthy(image.error)
    local path = at.output("later.png")
    local none, second = image:save(path)
    assert.is_nil(none)
    assert.equal("yes", second.billed)
    at.sandbox:disarm()
    assert.equal(path, (image:save(path)))
    assert.is_nil(image.error)
    assert.equal(1, at.sandbox:ledger().charged)
  end)
end)

describe("client:edit", function()
  local link = "https://example.com/photo.png"

  it("sends references with the task service", function()
    local client <close> = at.client()
    local result = assert(client:edit(request { image_urls = { link } }))
    assert.equal("yes", result.billed)
  end)

  it("insists on a picture", function()
    local client <close> = at.client()
    local result, err = client:edit(request())
    assert.is_nil(result)
    assert.equal("invalid", err.kind)
  end)
end)

describe("client:attach", function()
  it("picks up a task of another client", function()
    local id
    do
      local first <close> = at.client()
      local task = assert(first:submit(request()))
      while not task.id do
        first:step(1)
      end
      id = task.id
    end
    local client <close> = at.client()
    local progress = 0
    local task = assert(client:attach(id, { output = at.output(),
      on_progress = function() progress = progress + 1 end }))
    assert.equal(id, task.id)
    local result = assert(task:wait())
    assert.equal("yes", result.billed)
    assert.same({ id .. "-1.png" }, at.folder:files())
    assert.truthy(progress >= 0)
    assert.equal(1, at.sandbox:ledger().charged)
  end)

  it("returns an error for a task that the service does not know", function()
    local client <close> = at.client()
    local result, err = assert(client:attach("task-unified-1-unknown0")):wait()
    assert.is_nil(result)
    assert.equal("not_found", err.kind)
  end)
end)

describe("a task", function()
  it("can be waited for, given up and waited for again", function()
    at.sandbox:fault { match = { kind = "submit" }, fault = { latency = 0.5 } }
    local client <close> = at.client()
    local task = assert(client:submit(request()))
    local result, err = task:wait(0.02)
    assert.is_nil(result)
    assert.equal("timeout", err.kind)
    assert.equal("maybe", err.billed)
    assert.same({ task }, client:tasks())
    assert.is_false(task:done())
    result = assert(task:wait())
    assert.is_true(task:done())
    assert.equal(result, (task:wait()))
    assert.same({}, client:tasks())
    assert.equal("completed", task.status)
    assert.equal(100, task.progress)
    assert.equal("yes", task.billed)
  end)

  it("that is cancelled says what may be billed, and tells it once", function()
    local client <close> = at.client()
    local task = assert(client:submit(request()))
    local told = 0
    task:on_done(function(_, result, err)
      assert.is_nil(result)
      assert.equal("cancelled", err.kind)
      told = told + 1
    end)
    while not task.id do
      client:step(1)
    end
    task:cancel()
    task:cancel()
    assert.is_true(task:done())
    local _, err = task:wait()
    assert.equal("cancelled", err.kind)
    assert.equal("maybe", err.billed)
    assert.equal(task.id, err.task_id)
    client:run()
    assert.equal(1, told)
  end)
end)

describe("coroutines", function()
  it("share the time of one task", function()
    at.sandbox:fault { match = { kind = "submit" }, times = 20, fault = { latency = 1 } }
    local client <close> = at.client()
    local done = 0
    for index = 1, 20 do
      client:spawn(function()
        local result = assert(client:generate(request { output = at.output(index .. ".{format}") }))
        assert(result.images[1]:data())
        done = done + 1
      end)
    end
    assert.equal(0, client:run())
    assert.equal(20, done)
    assert.equal(20, #at.folder:files())
    local submitted, first_download = 0, nil
    for _, record in ipairs(at.sandbox:requests()) do
      if record.kind == "submit" then
        submitted = submitted + 1
      elseif record.kind == "download" then
        first_download = first_download or submitted
      end
    end
    assert.equal(20, first_download, "submitted before the first picture was loaded")
  end)

  it("of one client may wait for the other service", function()
    local client <close> = at.client()
    local magick <close> = at.magick()
    local billed = {}
    client:spawn(function()
      billed[1] = assert(magick:generate { model = "gpt-image-2", prompt = "x" }).billed
    end)
    client:spawn(function()
      billed[2] = assert(client:generate(request())).billed
    end)
    client:run()
    assert.same({ "yes", "yes" }, billed)
  end)
end)

describe("misuse", function()
  it("raises at the caller's line and names argument and field", function()
    local client <close> = at.client()
    local cases = {
      { function() client:generate(request { promt = "x" }) end,
        "bad argument #1 to 'generate' (unknown field 'promt'; did you mean 'prompt'?)" },
      { function() client:submit(request { n = "2" }) end,
        "(field 'n': integer expected, got string)" },
      { function() client:generate "a sunset" end, "(table expected, got string)" },
      { function() client:edit() end, "bad argument #1 to 'edit' (table expected, got n" },
      { function() client:generate(request { on_progress = 5 }) end,
        "(field 'on_progress': function expected, got number)" },
      { function() client:generate(request { extra = "{}" }) end,
        "bad argument #1 to 'generate' (field 'extra': table expected, got string)" },
      { function() client:generate(request { extra = { seed = 0 / 0 } }) end,
        "bad argument #1 to 'generate' (field 'extra.seed': JSON has no " },
      { function() client:attach(5) end, "bad argument #1 to 'attach' (string expected" },
      { function() client:attach("t", { outptu = "x" }) end, "unknown option 'outptu'" },
      { function() gptimage.client { api_key = "k", providr = "x" } end,
        "bad argument #1 to 'client' (unknown option 'providr'; did you mean 'provider'?)" },
      { function() gptimage.client { api_key = "k", provider = "openai" } end, "'provider'" },
      { function() gptimage.client { api_key = 5 } end, "(option 'api_key': string expected" },
      { function() gptimage.client { api_key = "k", on_error = "x" } end, "'on_error'" },
      { function() gptimage.plan(5) end, "bad argument #1 to 'plan' (table expected" },
      { function() gptimage.plan(request(), { provider = "x" }) end, "bad argument #2 to 'plan'" },
    }
    for index, case in ipairs(cases) do
      local ok, message = pcall(case[1])
      assert.is_false(ok, "case " .. index)
      assert.truthy(message:find("^spec/gptimage_spec.lua:%d+: "), message)
      assert.truthy(message:find(case[2], 1, true), message)
    end
    assert.equal(0, #at.sandbox:requests())
  end)
end)
