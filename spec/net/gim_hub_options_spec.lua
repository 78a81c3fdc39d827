-- SPDX-License-Identifier: MIT
-- Tests src/net/gim_hub_options.c through clients: what they may be made of, and what requests get
-- of that.
local core = require "gptimage.core"
local files = require "spec.support.files"
local gptimage = require "gptimage"
local misbehave = require "spec.support.misbehave"
local pictures = require "spec.support.pictures"
local services = require "spec.support.service"

local KEY = services.KEY

local function options(more)
  local all = { api_key = KEY, base_url = "http://127.0.0.1:1" }
  for name, value in pairs(more or {}) do all[name] = value end
  return all
end

local function open(more)
  local client = assert(core.client(options(more)))
  local properties = { client.provider, client.base_url }
  core.close(client)
  return properties
end

local function refused(more)
  local client, err = core.client(options(more))
  assert.is_nil(client)
  assert.equal("no", err.billed)
  assert.is_nil(tostring(err):find(KEY, 1, true))
  return err
end

describe("a client's base_url", function()
  it("is the provider's, or what was given without slashes at its end", function()
    for provider, base in pairs { starmagic = "https://api.starmagic.ai",
      evolink = "https://api.evolink.ai", magick = "https://api.magickapi.com" } do
      local client = assert(core.client { api_key = KEY, provider = provider })
      assert.same({ provider, base }, { client.provider, client.base_url })
      core.close(client)
    end
    assert.same({ "starmagic", "http://127.0.0.1:1" }, open())
    assert.equal("https://gate.example.com/v9/x",
      open { base_url = "https://gate.example.com/v9/x///" }[2])
    for _, url in ipairs { "http://localhost:80", "http://[::1]:8080/a", "http://127.9.9.9" } do
      assert.equal(url, open { base_url = url }[2])
    end
  end)

  it("is refused where it is none, or would show the key", function()
    local plain = "base_url: plain http would show the key to everybody on the way; use https "
      .. "(allow_private lifts this)."
    for url, message in pairs {
      [""] = "base_url: it does not begin with http:// or https://.",
      ["api.starmagic.ai"] = "base_url: it does not begin with http:// or https://.",
      ["ftp://x.com"] = "base_url: it does not begin with http:// or https://.",
      ["https://"] = false, ["https:///x"] = false, ["https://a b.com"] = false,
      ["https://user:pass@x.com"] = "base_url: it holds a user name or password.",
      ["https://x.com\\@y.com"] = false, ["https://x.com:99999"] = false,
      ["https://x.com/a\nb"] = false, ["https://x.com\0.evil.com"] = false,
      ["https://x.com?a=b"] = "base_url: it has a query or a fragment.",
      ["https://x.com/#top"] = "base_url: it has a query or a fragment.",
      ["http://api.starmagic.ai"] = plain, ["http://192.168.1.1"] = plain,
      ["http://2130706433"] = false, ["http://0x7f.1"] = false,
      ["https://" .. ("x"):rep(9000)] = false,
    } do
      local err = refused { base_url = url }
      assert.equal("invalid", err.kind, url)
      assert.equal("base_url", err.field)
      if message then assert.equal(message, err.message) end
    end
    assert.equal("http://192.168.1.1:8080",
      open { base_url = "http://192.168.1.1:8080", allow_private = true }[2])
  end)

  it("makes links to its own host no safer than others, unless that is this machine", function()
    local folder <close> = files.folder()
    folder:write("jobs.jsonl", ([[
{"event":"intent","key":"k","time":1,"v":1,"provider":"starmagic","base_url":"%s","request":{}}
{"event":"done","key":"k","time":%d,"images":[{"url":"%s"}]}
]]):format("https://gate.invalid", os.time(), "http://gate.invalid/1.png"))
    local client <close> = assert(gptimage.client { api_key = KEY, retry = { max = 0 },
      base_url = "https://gate.invalid", journal = folder:at "jobs.jsonl" })
    local _, tasks = client:recover()
    local path, err = assert(tasks[1]:wait()).images[1]:save(folder:at "x.png")
    assert.is_nil(path)
    assert.same({ "protocol", "yes" }, { err.kind, err.billed })
    assert.truthy(err.message:find("it is plain http", 1, true), err.message)
  end)
end)

describe("a client's files_url", function()
  local PNG = pictures.png { width = 4, height = 4 }

  local function edit(client)
    return core.edit(client, { model = "gpt-image-2", prompt = "x", images = { { data = PNG } } })
  end

  it("is judged as base_url is", function()
    for url, message in pairs {
      [""] = "it does not begin with http:// or https://.", ["files.example.com"] = false,
      ["https://user:pass@x.com"] = "it holds a user name or password.",
      ["https://x.com?a=b"] = "it has a query or a fragment.", ["https://a b.com"] = false,
      ["http://files.example.com"] = "plain http would show the key to everybody on the way; use "
        .. "https (allow_private lifts this).",
    } do
      local err = refused { files_url = url }
      assert.equal("invalid", err.kind, url)
      assert.equal("files_url", err.field)
      if message then assert.equal("files_url: " .. message, err.message) end
    end
    open { files_url = "https://files.example.com/v1//" }
    open { files_url = "http://127.0.0.1:1" }
    open { files_url = "http://files.example.com", allow_private = true }
  end)

  -- No host that nobody named gets the key, and none of the wrong service.
  it("is the service's own where that is known, and only beside its own base_url", function()
    for _, more in ipairs { { provider = "starmagic" },
      { provider = "evolink", base_url = "https://api.starmagic.ai" } } do
      more.api_key, more.proxy = KEY, "http://127.0.0.1:1"
      local client = assert(core.client(more))
      local task, err = edit(client)
      assert.is_nil(task)
      assert.equal("files_url_required", err.issues[1].rule)
      core.close(client)
    end
    local asked
    local server = misbehave.server(function(conn)
      asked = conn:head().raw:match "^[^\r]*"
      conn:reply("", "403 No")
    end)
    local client = assert(core.client { provider = "evolink", api_key = KEY, proxy = server.url })
    assert(edit(client))
    local deadline = core.now() + 10
    while not asked and core.now() < deadline do
      core.step(client, 0.005)
      server:step()
    end
    assert.equal("CONNECT files-api.evolink.ai:443 HTTP/1.1", asked)
    core.close(client)
    server:close()
  end)
end)

describe("a client's key", function()
  it("is one line of visible characters", function()
    for _, key in ipairs { "a b", "a\nb", "a\r\nX-Other: 1", "a\0b", "schlüssel", "\127", " ",
      "\t" } do
      local err = refused { api_key = key }
      assert.equal("invalid", err.kind)
      assert.equal("api_key: it holds a space, a line break or another character that no key has.",
        err.message)
      assert.equal("api_key", err.field)
    end
    assert.equal("api_key: it is too long.", refused { api_key = ("k"):rep(4097) }.message)
    local err = refused { api_key = "" }
    assert.equal("auth", err.kind)
    assert.equal("No API key: set the option api_key or the environment variable "
      .. "STARMAGIC_API_KEY.", err.message)
    err = refused { api_key = "", provider = "magick" }
    assert.truthy(err.message:find("MAGICK_API_KEY", 1, true))
    assert.equal("starmagic", open { api_key = ("k"):rep(4096) }[1])
  end)

  it("goes to the API alone, in one header", function()
    local service <close> = services.start()
    local folder <close> = files.folder()
    service:client()
    assert(service:generate { output = folder.path .. "/x.png" })
    assert.equal("Bearer " .. KEY, service.posts[1].headers.authorization)
    assert.equal("Bearer " .. KEY, service.polls[1].headers.authorization)
    assert.is_nil(service.downloads[1].raw:find(KEY, 1, true))
    for _, list in ipairs { service.posts, service.polls } do
      local _, count = (list[1].raw .. list[1].body):gsub(KEY:gsub("%-", "%%-"), "")
      assert.equal(1, count)
      assert.is_nil(list[1].target:find(KEY, 1, true))
    end
  end)
end)

describe("a client's other options", function()
  it("are paths of a URL", function()
    for _, name in ipairs { "task_path", "edit_path" } do
      for path, message in pairs { [""] = "it must begin with a slash.",
        ["v1/x"] = "it must begin with a slash.", ["/a b"] = "it is no path of a URL.",
        ["/a\nb"] = "it is no path of a URL.", ["/a#b"] = "it is no path of a URL.",
        ["/a\\b"] = "it is no path of a URL.", ["/ä"] = "it is no path of a URL.",
        ["/{task}"] = "it is no path of a URL.", ["/a}"] = "it is no path of a URL.",
        ["/" .. ("x"):rep(200)] = "it is too long." } do
        local err = refused { [name] = path }
        assert.equal(name .. ": " .. message, err.message)
        assert.equal(name, err.field)
      end
    end
    local service <close> = services.start { download = function(conn, _, _, s)
      conn:reply(s:completed { s.url .. "/x.png" })
    end }
    service:client { task_path = "/jobs/by-id/" }
    assert(service:generate())
    assert.equal("/jobs/by-id/" .. services.ID, service.downloads[1].target)
  end)

  it("ask for a task where its id is meant to stand in the path", function()
    for _, path in ipairs { "{id}/{id}", "/{id}/{id}", "/x{id", "/{id}\0", "{id}" } do
      local err = refused { task_path = path }
      assert.equal("task_path", err.field)
      assert.matches("^task_path: it ", err.message)
    end
    for path, target in pairs { ["/jobs"] = "/jobs/ID", ["/jobs/"] = "/jobs/ID",
      ["/jobs/{id}"] = "/jobs/ID", ["/jobs/{id}/state"] = "/jobs/ID/state",
      ["/jobs?id="] = "/jobs?id=ID", ["/jobs?id={id}&all=1"] = "/jobs?id=ID&all=1" } do
      local service <close> = services.start { download = function(conn, _, _, s)
        conn:reply(s:completed { s.url .. "/x.png" })
      end }
      service:client { task_path = path }
      assert(service:generate())
      assert.equal((target:gsub("ID", services.ID)), service.downloads[1].target)
    end
  end)

  it("go into headers and file names only as one line", function()
    for _, name in ipairs { "user_agent", "proxy", "ca_file" } do
      for _, text in ipairs { "a\r\nX-Evil: 1", "a\0b", "\27[31m" } do
        local err = refused { [name] = text }
        assert.equal("invalid", err.kind)
        assert.equal(name .. ": it holds a line break or another control character.", err.message)
        assert.equal(name, err.field)
      end
    end
    local err = refused { proxy = "htp://me:hunter2@gate:1" }
    assert.equal("invalid", err.kind)
    assert.equal("proxy: it begins with none of http://, https://, socks4://, socks4a://, "
      .. "socks5:// and socks5h://.", err.message)
    assert.equal("proxy", err.field)
    open { proxy = "" }
    open { proxy = "socks5h://me:hunter2@gate:1080/" }
    err = refused { ca_file = "/nowhere/ca.pem" }
    assert.equal("invalid", err.kind)
    assert.truthy(err.message:find("/nowhere/ca.pem", 1, true))
  end)

  it("name the program to the service", function()
    local service <close> = services.start()
    service:client { user_agent = "my game/2" }
    assert(service:generate())
    assert.equal("my game/2", service.posts[1].headers["user-agent"])
    local other = service:client()
    local task = assert(other:submit(services.request()))
    assert(service:finish(task))
    assert.equal("gptimage/" .. core.version, service.posts[2].headers["user-agent"])
  end)
end)
