-- SPDX-License-Identifier: MIT
-- Tests lua/gptimage/sandbox/ledger.lua and submission.lua, over real HTTP.

local raw = require "spec.support.raw_http"
local support = require "spec.support.sandbox"

local get, post = raw.get, raw.post

local beta = { model = "gpt-image-2-beta", prompt = "A sunset", size = "16:9", resolution = "2K" }

describe("the sandbox's account", function()
  it("takes one key only, if told so", function()
    local sandbox <close> = support.start { key = "right", latency = 0 }
    for _, base in ipairs { sandbox.starmagic, sandbox.magick } do
      local url = base .. "/v1/images/generations"
      local wrong = post(url, { model = "gpt-image-2", prompt = "x" })
      assert.equal(401, wrong.status)
      local right = post(url, { model = "gpt-image-2", prompt = "x" },
        { authorization = "Bearer right" })
      assert.equal(200, right.status)
    end
    assert.equal(2, sandbox:ledger().accepted)
  end)

  it("runs out of credits, and has them back from a failed task", function()
    local sandbox <close> = support.start { credits = 5, latency = 0 }
    local url = sandbox.starmagic .. "/v1/images/generations"
    sandbox:fault { fault = { fail = "service_error" } }
    local id = post(url, beta).json.id
    assert.equal("failed", get(sandbox.starmagic .. "/v1/tasks/" .. id).json.status)
    assert.equal(5, sandbox:ledger().credits.balance)
    assert.equal(200, post(url, beta).status)
    local reply = post(url, beta)
    assert.same({ 402, "insufficient_quota" }, { reply.status, reply.json.error.code })
    reply = post(sandbox.magick .. "/v1/images/generations",
      { model = "gpt-image-2", prompt = "x" })
    assert.same({ 403, "insufficient_user_quota" }, { reply.status, reply.json.error.code })
  end)

  it("counts replays of a key, and answers them with the first task only if told so", function()
    for _, idempotent in ipairs { false, true } do
      local sandbox <close> = support.start { idempotent = idempotent, latency = 0 }
      for _, base in ipairs { sandbox.starmagic, sandbox.magick } do
        sandbox:reset()
        local url = base .. "/v1/images/generations"
        local body = { model = "gpt-image-2", prompt = "x" }
        local headers = { ["idempotency-key"] = "run_0123456789abcdef" }
        local first, second = post(url, body, headers), post(url, body, headers)
        assert.equal(idempotent and "true" or nil, second.headers["idempotency-replayed"])
        assert.equal(idempotent, first.body == second.body)
        local ledger = sandbox:ledger()
        assert.same({ 2, 1, idempotent and 1 or 2 },
          { ledger.submits, ledger.replays, ledger.accepted })
        assert.equal("run_0123456789abcdef", ledger.entries[1].key)
        if idempotent then
          body.prompt = "y"
          local other = post(url, body, headers)
          assert.same({ 409, "idempotency_conflict" }, { other.status, other.json.error.code })
          assert.equal(400, post(url, body, { ["idempotency-key"] = "short" }).status)
        end
      end
    end
  end)
end)
