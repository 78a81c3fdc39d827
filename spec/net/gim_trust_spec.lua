-- SPDX-License-Identifier: MIT
-- Tests src/net/gim_trust.c through the test window: whose certificates count.
local files = require "spec.support.files"
local window = require "gptimage.core_test"
local misbehave = require "spec.support.misbehave"

local SYSTEM = "/etc/ssl/certs"

describe("gim_trust", function()
  local ours, theirs -- two sandboxes, each with an authority of its own

  setup(function()
    local sandbox = require "spec.support.sandbox"
    ours = sandbox.start { tls = true }
    theirs = sandbox.start { tls = true }
  end)
  teardown(function()
    ours:stop()
    theirs:stop()
  end)

  local function ask(net, sandbox, class)
    local url = sandbox.starmagic_tls .. "/v1/models?s=SIGNED"
    return misbehave.fetch(net, {}, { class = class, url = url })
  end

  it("refuses who is not trusted, and names the way out", function()
    local net = assert(window.net { proxy = "" })
    local outcome = ask(net, ours)
    net:free()
    assert.equal("network", outcome.status)
    assert.matches("certificate of 127.0.0.1 is not trusted", outcome.err.message)
    assert.matches("ca_file", outcome.err.message)
    assert.is_nil(outcome.err.message:find "SIGNED")
    assert.is_false(outcome.err.retryable)
    assert.same({ false, 0, 0 }, { outcome.connected, outcome.heads, outcome.received })
  end)

  it("trusts the authority in ca_file, and no other", function()
    local net = assert(window.net { proxy = "", ca_file = ours.ca_file })
    for _, class in ipairs { "poll", "download" } do
      local outcome = ask(net, ours, class)
      assert.equal("ok", outcome.status)
      assert.equal("network", ask(net, theirs, class).status)
    end
    net:free()
  end)

  it("refuses a certificate of a trusted authority that is for another host", function()
    -- The sandbox's are for localhost, 127.0.0.1 and ::1.
    local elsewhere <close> = require("spec.support.sandbox").start { tls = true,
      host = "127.0.0.2" }
    local net = assert(window.net { proxy = "", ca_file = elsewhere.ca_file })
    for _, class in ipairs { "poll", "download" } do
      local outcome = ask(net, elsewhere, class)
      assert.equal("network", outcome.status)
      assert.matches("certificate of 127.0.0.2 is not trusted", outcome.err.message)
      assert.same({ false, 0, 0 }, { outcome.connected, outcome.heads, outcome.received })
    end
    net:free()
  end)

  it("speaks HTTP/2 to the API and HTTP/1.1 to where pictures are", function()
    local net = assert(window.net { proxy = "", ca_file = ours.ca_file })
    assert.equal(20, ask(net, ours, "poll").response.version)
    assert.equal(11, ask(net, ours, "download").response.version)
    net:free()
  end)

  -- In a child, with a system of its own that trusts `theirs`.
  local function with_system(check)
    local folder <close> = files.folder()
    local pem = files.read(theirs.ca_file)
    folder:write("ca-certificates.crt", pem)
    local openssl = assert(io.popen("openssl x509 -noout -subject_hash -in '"
      .. theirs.ca_file .. "' 2>&1"))
    local hash = openssl:read "l"
    openssl:close()
    local known = hash and hash:match "^%x+$"
    if known then folder:write(hash .. ".0", pem) end
    local fine, said = window.in_child(function()
      if not window.cover(SYSTEM, folder.path) then return "not allowed" end
      return check()
    end)
    assert.is_true(fine, said)
    if said == "not allowed" or not known then pending "needs mounts of its own, and openssl" end
  end

  it("trusts the system's authorities without a ca_file", function()
    with_system(function()
      local net = assert(window.net { proxy = "" })
      assert(ask(net, theirs).status == "ok")
      assert(ask(net, ours).status == "network")
    end)
  end)

  it("trusts the system's authorities beside the ca_file", function()
    -- Not `ours`: both sandboxes give their authority the same name, and then a key is tried that
    -- is not the signer's. Any other authority will do.
    local bundle = io.open(SYSTEM .. "/ca-certificates.crt")
    local other = bundle and bundle:read("a"):match "%-%-%-%-%-BEGIN.-END CERTIFICATE%-%-%-%-%-\n"
    if bundle then bundle:close() end
    if not other then pending "this system has no bundle of authorities" return end
    local folder <close> = files.folder()
    local ca_file = folder:write("ca.pem", other)
    with_system(function()
      local net = assert(window.net { proxy = "", ca_file = ca_file })
      local outcome = ask(net, theirs)
      assert(outcome.status == "ok", outcome.err and outcome.err.message)
    end)
  end)

  it("reads the system's bundle once, not for every connection", function()
    local net = assert(window.net { proxy = "" })
    local before = files.bytes_read()
    assert.equal("network", ask(net, ours).status)
    local first = files.bytes_read() - before
    for _ = 1, 20 do assert.equal("network", ask(net, ours).status) end
    local others = files.bytes_read() - before - first
    net:free()
    if first < 20000 then pending "this system has no bundle of authorities" return end
    assert.is_true(others < first / 2, ("first %d bytes, 20 others %d"):format(first, others))
  end)
end)
