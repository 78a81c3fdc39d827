-- SPDX-License-Identifier: MIT
-- What the caller got wrong, and the exact words in which he is told.
local files = require "spec.support.files"
local gptimage = require "gptimage"
local program = require "spec.support.program"

local KEY = "sk-very-secret-5f1a"

local function with_key(more)
  local options = { api_key = KEY, base_url = "http://127.0.0.1:1" }
  for name, value in pairs(more) do options[name] = value end
  return options
end

-- Options of gptimage.client and what they raise, without "bad argument #1 to 'client' ".
local raised = {
  { { tiemout = {} }, "(unknown option 'tiemout'; did you mean 'timeout'?)" },
  { { apikey = "x" }, "(unknown option 'apikey'; did you mean 'api_key'?)" },
  { { headers = {} }, "(unknown option 'headers')" },
  { { verify = false }, "(unknown option 'verify')" },
  { { "x" }, "(unknown option [1])" },
  { { [true] = 1 }, "(unknown option [true])" },
  { { ["a\nb"] = 1 }, "(unknown option 'a?b')" },
  { { provider = "openai" },
    "(option 'provider': one of starmagic, evolink, magick expected)" },
  { { provider = "StarMagic" },
    "(option 'provider': one of starmagic, evolink, magick expected)" },
  { { provider = 7 }, "(option 'provider': string expected, got number)" },
  { { api_key = 7 }, "(option 'api_key': string expected, got number)" },
  { { base_url = false }, "(option 'base_url': string expected, got boolean)" },
  { { max_requests = 0 },
    "(option 'max_requests': an integer from 1 to 10000 expected, got 0)" },
  { { max_requests = 10001 },
    "(option 'max_requests': an integer from 1 to 10000 expected, got 10001)" },
  { { max_requests = 1.5 }, "(option 'max_requests': integer expected, got 1.5)" },
  { { max_requests = "4" }, "(option 'max_requests': integer expected, got string)" },
  { { timeout = 5 }, "(option 'timeout': table expected, got number)" },
  { { timeout = { conect = 1 } }, "(unknown timeout 'conect'; did you mean 'connect'?)" },
  { { timeout = { 5 } }, "(unknown timeout [1])" },
  { { timeout = { connect = "1" } },
    "(timeout 'connect': number of seconds expected, got string)" },
  { { timeout = { submit = -1 } },
    "(timeout 'submit': a number from 0 to 1e9 expected, got -1)" },
  { { timeout = { poll = 0 } }, "(timeout 'poll': more than 0 expected)" },
  { { timeout = { download = 0.0 } }, "(timeout 'download': more than 0 expected)" },
  { { timeout = { task = 2e9 } },
    "(timeout 'task': a number from 0 to 1e9 expected, got 2000000000.0)" },
  { { poll = 2 }, "(option 'poll': table expected, got number)" },
  { { poll = { every = 2 } }, "(unknown poll 'every')" },
  { { poll = { first = "x" } }, "(poll 'first': number of seconds expected, got string)" },
  { { poll = { min = 20 } }, "(poll 'min': it is larger than max, 15.0)" },
  { { poll = { max = 1 } }, "(poll 'min': it is larger than max, 1.0)" },
  { { poll = { jitter = 1.1 } }, "(poll 'jitter': a number from 0 to 1 expected)" },
  { { poll = { jitter = 0 / 0 } }, "(poll 'jitter': number expected, got nan)" },
  { { retry = false }, "(option 'retry': table expected, got boolean)" },
  { { retry = { max = -1 } }, "(retry 'max': an integer from 0 to 1000 expected, got -1)" },
  { { retry = { max = 0.5 } }, "(retry 'max': integer expected, got 0.5)" },
  { { retry = { base = 5, cap = 1 } }, "(retry 'base': it is larger than cap, 1.0)" },
  { { overwrite = "yes" }, "(option 'overwrite': one of number, replace, refuse expected)" },
  { { overwrite = true }, "(option 'overwrite': string expected, got boolean)" },
  { { sizes = "seed" }, "(option 'sizes': one of anchor, budget expected)" },
  { { prices = { ["gpt-image-2"] = "1" } },
    "(option 'prices': a table {[model] = credits} with numbers from 0 to 1e9 expected)" },
  { { memory_limit = -1 }, "(option 'memory_limit': a number of bytes expected, got -1)" },
  { { memory_limit = 1e400 }, "(option 'memory_limit': integer expected, got inf)" },
  { { allow_private = "yes" }, "(option 'allow_private': boolean expected, got string)" },
  { { idempotent = 1 }, "(option 'idempotent': boolean expected, got number)" },
  { { ca_file = true }, "(option 'ca_file': string expected, got boolean)" },
  { { proxy = {} }, "(option 'proxy': string expected, got table)" },
  { { user_agent = 1 }, "(option 'user_agent': string expected, got number)" },
  { { edit_path = 1 }, "(option 'edit_path': string expected, got number)" },
  { { task_path = 1 }, "(option 'task_path': string expected, got number)" },
  { { on_error = "x" }, "(option 'on_error': function expected, got string)" },
  { { log = true }, "(option 'log': function expected, got boolean)" },
}

-- What is said by nil, err: the world may set these.
local returned = {
  { { base_url = "api.starmagic.ai" }, "invalid", "base_url",
    "base_url: it does not begin with http:// or https://." },
  { { base_url = "http://api.starmagic.ai" }, "invalid", "base_url",
    "base_url: plain http would show the key to everybody on the way; use https (allow_private "
      .. "lifts this)." },
  { { base_url = "https://me:pw@api.starmagic.ai" }, "invalid", "base_url",
    "base_url: it holds a user name or password." },
  { { base_url = "https://api.starmagic.ai/?x=1" }, "invalid", "base_url",
    "base_url: it has a query or a fragment." },
  { { api_key = "two\nlines" }, "invalid", "api_key",
    "api_key: it holds a space, a line break or another character that no key has." },
  { { api_key = "" }, "auth", "api_key", "the option api_key is empty" },
  { { task_path = "v1" }, "invalid", "task_path", "task_path: it must begin with a slash." },
  { { edit_path = "/a b" }, "invalid", "edit_path", "edit_path: it is no path of a URL." },
  { { user_agent = "a\r\nb: c" }, "invalid", "user_agent",
    "user_agent: it holds a line break or another control character." },
}

-- The methods of a client, a task and an image.
local methods = {
  { function(client) client.submit() end,
    "bad argument #1 to 'submit' (client expected, got nil; call it as client:submit(...))" },
  { function(client) client.submit { prompt = "x" } end,
    "bad argument #1 to 'submit' (client expected, got table; call it as client:submit(...))" },
  { function(client) client.generate(nil, {}) end,
    "bad argument #1 to 'generate' (client expected, got nil; call it as client:generate(...))" },
  { function(client) client.edit("x") end,
    "bad argument #1 to 'edit' (client expected, got string; call it as client:edit(...))" },
  { function(client) client.attach("task-1") end,
    "bad argument #1 to 'attach' (client expected, got string; call it as client:attach(...))" },
  { function(client) client.step(0.1) end,
    "bad argument #1 to 'step' (client expected, got number; call it as client:step(...))" },
  { function(client) client.run() end,
    "bad argument #1 to 'run' (client expected, got nil; call it as client:run(...))" },
  { function(client) client.timeout() end,
    "bad argument #1 to 'timeout' (client expected, got nil; call it as client:timeout(...))" },
  { function(client) client.spawn(print) end,
    "bad argument #1 to 'spawn' (client expected, got function; call it as client:spawn(...))" },
  { function(client) client.close() end,
    "bad argument #1 to 'close' (client expected, got nil; call it as client:close(...))" },
  { function(client) client.all {} end,
    "bad argument #1 to 'all' (client expected, got table; call it as client:all(...))" },
  { function(_, task) task.wait() end,
    "bad argument #1 to 'wait' (task expected, got nil; call it as task:wait(...))" },
  { function(client, task) task.wait(client) end,
    "bad argument #1 to 'wait' (task expected, got userdata; call it as task:wait(...))" },
  { function(_, task) task.await() end,
    "bad argument #1 to 'await' (task expected, got nil; call it as task:await(...))" },
  { function(_, task) task.on_done(print) end,
    "bad argument #1 to 'on_done' (task expected, got function; call it as task:on_done(...))" },
  { function(client) client:step "x" end,
    "bad argument #1 to 'step' (seconds expected, got string)" },
  { function(client) client:step(0, {}) end,
    "bad argument #2 to 'step' (seconds expected, got table)" },
  { function(client) client:step(0 / 0) end,
    "bad argument #1 to 'step' (seconds expected, got nan)" },
  { function(client) client:run "x" end,
    "bad argument #1 to 'run' (seconds expected, got string)" },
  { function(client) client:run(-1) end, "bad argument #1 to 'run' (seconds expected, got -1)" },
  { function(client) client:spawn(1) end,
    "bad argument #1 to 'spawn' (function expected, got number)" },
  { function(client) client:attach() end,
    "bad argument #1 to 'attach' (string expected, got nil)" },
  { function(client) client:attach(7) end,
    "bad argument #1 to 'attach' (string expected, got number)" },
  { function(client) client:attach("x", "y") end,
    "bad argument #2 to 'attach' (table expected, got string)" },
  { function(client) client:attach("x", { ouput = "x" }) end,
    "bad argument #2 to 'attach' (unknown option 'ouput'; did you mean 'output'?)" },
  { function(client) client:attach("x", { output = 7 }) end,
    "bad argument #2 to 'attach' (option 'output': string expected, got number)" },
  { function(client) client:attach("x", { timeout = -1 }) end,
    "bad argument #2 to 'attach' (option 'timeout': a number from 0 to 1e9 expected, got -1)" },
  { function(client) client:attach("x", { timeout = 0 }) end,
    "bad argument #2 to 'attach' (option 'timeout': more than 0 expected)" },
  { function(client) client:attach("x", { on_progress = 1 }) end,
    "bad argument #2 to 'attach' (option 'on_progress': function expected, got number)" },
  { function(client) client:attach("x", { prompt = "p" }) end,
    "bad argument #2 to 'attach' (unknown option 'prompt')" },
  { function(client) client:submit() end, "bad argument #1 to 'submit' (table expected, got nil)" },
  { function(client) client:submit { promt = "x" } end,
    "bad argument #1 to 'submit' (unknown field 'promt'; did you mean 'prompt'?)" },
  { function(client) client:edit { quallity = 7 } end,
    "bad argument #1 to 'edit' (unknown field 'quallity'; did you mean 'quality'?)" },
  { function(client) client:generate { timeout = "5" } end,
    "bad argument #1 to 'generate' (field 'timeout': number of seconds expected, got string)" },
  { function(client) client:generate { timeout = 0 } end,
    "bad argument #1 to 'generate' (field 'timeout': more than 0 expected)" },
  { function(client) client:submit { output = 5 } end,
    "bad argument #1 to 'submit' (field 'output': string expected, got number)" },
  { function(client) client:submit { strict = 1 } end,
    "bad argument #1 to 'submit' (field 'strict': boolean expected, got number)" },
  { function(client) client:submit { on_progress = {} } end,
    "bad argument #1 to 'submit' (field 'on_progress': function expected, got table)" },
  { function(_, task) task:wait "x" end,
    "bad argument #1 to 'wait' (seconds expected, got string)" },
  { function(_, task) task:wait(-1) end, "bad argument #1 to 'wait' (seconds expected, got -1)" },
  { function(_, task) task:on_done() end,
    "bad argument #1 to 'on_done' (function expected, got nil)" },
  { function(client, task) task.cancel(client) end,
    "bad argument #1 to 'cancel' (gptimage.task expected, got gptimage.client)" },
}

-- Without the place, which is asserted to be a line of this file.
local function message_of(f, ...)
  local ok, message = pcall(f, ...)
  assert.is_false(ok, "nothing was raised")
  return (message:gsub("^[^:]*wrong_options_spec%.lua:%d+: ", ""))
end

describe("a wrong option of gptimage.client", function()
  for i, case in ipairs(raised) do
    it(("raises (%d) %s"):format(i, case[2]), function()
      local message = message_of(function() gptimage.client(with_key(case[1])) end)
      assert.equal("bad argument #1 to 'client' " .. case[2], message)
      assert.is_nil(message:find(KEY, 1, true))
    end)
  end

  for _, case in ipairs(returned) do
    it("returns " .. case[2] .. ": " .. case[4], function()
      local client, err = gptimage.client(with_key(case[1]))
      assert.is_nil(client)
      assert.equal(case[4], err.message)
      assert.same({ case[2], case[3], "no" }, { err.kind, err.field, err.billed })
      assert.is_nil(tostring(err):find(KEY, 1, true))
    end)
  end

  it("is not a table at all", function()
    for _, value in ipairs { "x", 7, true, print } do
      assert.equal(("bad argument #1 to 'client' (table expected, got %s)"):format(type(value)),
        message_of(function() gptimage.client(value) end))
    end
  end)

  it("is judged before the key is missed", function()
    assert.truthy(message_of(function() gptimage.client { max_requests = 0 } end)
      :find("max_requests", 1, true))
  end)
end)

describe("a wrong argument of a method", function()
  local client, task

  setup(function()
    client = assert(gptimage.client(with_key {}))
    task = assert(client:submit { model = "gpt-image-2-beta", prompt = "x" })
  end)

  teardown(function()
    client:close()
  end)

  for i, case in ipairs(methods) do
    it(("raises (%d) %s"):format(i, case[2]), function()
      assert.equal(case[2], message_of(case[1], client, task))
    end)
  end

  it("starts no task", function()
    assert.same({ task }, client:tasks())
  end)
end)

describe("a wrong argument of gptimage.sizes and gptimage.models", function()
  for expected, f in pairs {
    ["#1 to 'sizes' (string expected, got no value)"] = function() gptimage.sizes() end,
    ["#2 to 'sizes' (string expected, got table)"] = function() gptimage.sizes("magick", {}) end,
    ["#3 to 'sizes' (string expected, got number)"] = function()
      gptimage.sizes("starmagic", "gpt-image-2", 1)
    end,
    ["#1 to 'models' (string expected, got number)"] = function() gptimage.models(7) end,
  } do
    it("raises " .. expected, function()
      assert.equal("bad argument " .. expected, message_of(f))
    end)
  end

  it("names the function also where it is called by another", function()
    local _, message = pcall(gptimage.sizes)
    assert.equal("bad argument #1 to 'sizes' (string expected, got no value)", message)
  end)
end)

describe("a client without a key", function()
  it("names the variable in which it looked", function()
    local folder <close> = files.folder()
    local path = folder.path .. "/x.lua"
    local file = assert(io.open(path, "w"))
    file:write 'print(select(2, require("gptimage").client { provider = arg[1] }).message)'
    file:close()
    for provider, variable in pairs { starmagic = "STARMAGIC_API_KEY",
      evolink = "EVOLINK_API_KEY", magick = "MAGICK_API_KEY" } do
      local run = program.run(path, { env = { [variable] = "" }, arguments = { provider } })
      assert.equal(("no API key: set $%s, or give the option api_key\n"):format(variable),
        run.output)
    end
  end)
end)

describe("a client that was refused", function()
  it("has made no journal, whatever was wrong", function()
    local folder <close> = files.folder()
    for _, options in ipairs { { api_key = "" }, { api_key = "a b" },
      { api_key = "k", base_url = "x" }, { api_key = "k", ca_file = "/nowhere" } } do
      options.journal = folder:at "jobs.jsonl"
      assert.is_nil((gptimage.client(options)))
      assert.same({}, folder:files())
    end
    assert.has_error(function() gptimage.client { api_key = "", journal = 1 } end)
  end)
end)

describe("an option that came from the environment", function()
  it("is named by its variable where it is wrong, since the program has none of it", function()
    local folder <close> = files.folder()
    local path = folder.path .. "/x.lua"
    local file = assert(io.open(path, "w"))
    file:write 'print(select(2, require("gptimage").client { base_url = arg[1] }).message)'
    file:close()
    local function said(env, ...)
      return program.run(path, { env = env, arguments = { ... } }).output
    end
    assert.equal("base_url: it does not begin with http:// or https://. It comes from "
      .. "$GPTIMAGE_BASE_URL.\n", said { GPTIMAGE_BASE_URL = "host", STARMAGIC_API_KEY = "k" })
    assert.equal("api_key: it holds a space, a line break or another character that no key has. "
      .. "It comes from $STARMAGIC_API_KEY.\n", said { STARMAGIC_API_KEY = "k\r" })
    assert.equal("base_url: it does not begin with http:// or https://.\n",
      said({ GPTIMAGE_BASE_URL = "other", STARMAGIC_API_KEY = "k" }, "mine"))
  end)
end)
