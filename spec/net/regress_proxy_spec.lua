-- SPDX-License-Identifier: MIT
-- A CONNECT that a proxy refuses looks to libcurl like a broken request. Nothing was sent then, and
-- what the proxy said is not the service's reply.
local window = require "gptimage.core_test"
local misbehave = require "spec.support.misbehave"

describe("behind a proxy", function()
  local net, proxy

  local function open(script, options)
    proxy = misbehave.server(script)
    options = options or {}
    options.proxy = options.proxy or proxy.url
    net = assert(window.net(options))
  end

  after_each(function()
    net:free()
    proxy:close()
  end)

  local function paid(url)
    return misbehave.fetch(net, { proxy }, {
      class = "paid", post = true, url = url or "https://service.invalid/v1/pay?key=SECRET",
      body = "pay", headers = { "Authorization: Bearer KEY" },
    })
  end

  local function refusal(status, headers)
    return function(conn)
      conn:request()
      conn:reply("<html>no</html>", status, headers)
    end
  end

  it("plain http goes to the proxy by its whole URL", function()
    open(misbehave.polite)
    local outcome = paid "http://service.invalid/v1/pay"
    assert.same({ "ok", "ok" }, { outcome.status, outcome.body })
    assert.equal("http://service.invalid/v1/pay", proxy.requests[1].target)
  end)

  it("a proxy that wants credentials is an auth error, and nothing was sent", function()
    open(refusal("407 Proxy Authentication Required", { 'Proxy-Authenticate: Basic realm="x"' }))
    local outcome = paid()
    assert.equal("auth", outcome.status)
    assert.equal("auth", outcome.err.kind)
    assert.matches("proxy wants a user name", outcome.err.message)
    assert.same({ 0, 3, false }, { outcome.handed, outcome.total, outcome.connected })
    assert.same({ 0, 0 }, { outcome.heads, outcome.response.status })
    assert.equal("", outcome.body)
    assert.is_false(outcome.err.retryable)
  end)

  it("a proxy that refuses is a network error that names the host and not the rest", function()
    for _, status in ipairs { "403 Forbidden", "502 Bad Gateway", "302 Found" } do
      open(refusal(status))
      local outcome = paid()
      assert.equal("network", outcome.status)
      assert.matches("proxy refuses to connect to service.invalid %(HTTP " .. status:sub(1, 3),
        outcome.err.message)
      assert.is_nil(outcome.err.message:find("SECRET", 1, true))
      assert.same({ 0, false, 0 }, { outcome.handed, outcome.connected, outcome.heads })
      if status:sub(1, 3) ~= "302" then
        net:free()
        proxy:close()
      end
    end
  end)

  it("the key does not go to the proxy", function()
    open(refusal "403 Forbidden")
    paid()
    assert.equal("CONNECT", proxy.requests[1].method)
    assert.equal("service.invalid:443", proxy.requests[1].target)
    assert.is_nil(proxy.requests[1].headers.authorization)
    assert.is_nil(proxy.requests[1].raw:find("KEY", 1, true))
  end)

  for scheme, method in pairs { https = "CONNECT", http = "POST" } do
    it("the proxy is told who we are, once, by a " .. method, function()
      open(refusal "403 Forbidden", { user_agent = "gptimage/test" })
      paid(scheme .. "://service.invalid/v1/pay")
      local request = proxy.requests[1]
      assert.equal(method, request.method)
      assert.equal(1, select(2, request.raw:gsub("User%-Agent: gptimage/test\r\n", "")))
    end)
  end

  it("a proxy that is not there, or hangs up, is a network error", function()
    open(function(conn) conn:request() conn:close() end)
    local outcome = paid()
    assert.same({ "network", 0, false }, { outcome.status, outcome.handed, outcome.connected })
    net:free()
    proxy:close()
    open(misbehave.polite, { proxy = "http://127.0.0.1:" .. misbehave.closed_port() })
    outcome = paid()
    assert.same({ "network", 0, false }, { outcome.status, outcome.handed, outcome.connected })
  end)

  it("the environment's proxy is used, and no_proxy obeyed, for public links too", function()
    proxy = misbehave.server(misbehave.polite)
    local names = { "http_proxy", "no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY" }
    local before = {}
    for _, name in ipairs(names) do
      before[name] = os.getenv(name)
      window.setenv(name)
    end
    window.setenv("http_proxy", proxy.url)
    net = assert(window.net { connect_timeout_ms = 300 })
    local direct = misbehave.server(misbehave.polite)
    local ok, err = pcall(function()
      for _, public_only in ipairs { false, true } do
        local outcome = misbehave.fetch(net, { proxy }, {
          class = "download", url = "http://pictures.example.com/a.png", public_only = public_only,
        })
        assert.equal("ok", outcome.status)
        assert.equal("http://pictures.example.com/a.png", proxy.requests[#proxy.requests].target)
      end
      window.setenv("no_proxy", "127.0.0.1")
      local outcome = misbehave.fetch(net, { proxy, direct }, { url = direct.url .. "/x" })
      assert.equal("ok", outcome.status)
      assert.equal("/x", direct.requests[1].target)
      assert.equal(2, #proxy.requests)
    end)
    for _, name in ipairs(names) do window.setenv(name, before[name]) end
    direct:close()
    assert(ok, err)
  end)
end)
