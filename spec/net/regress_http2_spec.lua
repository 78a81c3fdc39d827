-- SPDX-License-Identifier: MIT
-- HTTP/2 has its own ways to ask for a request to be sent again (REFUSED_STREAM, GOAWAY), and
-- libcurl obeys them unseen. A paid POST goes out once all the same.
local window = require "gptimage.core_test"
local misbehave = require "spec.support.misbehave"

local BODY = '{"model":"gpt-image-2","prompt":"x"}'

describe("over HTTP/2", function()
  local sandbox, net

  setup(function() sandbox = require("spec.support.sandbox").start { tls = true } end)
  teardown(function() sandbox:stop() end)

  before_each(function()
    sandbox:reset()
    net = assert(window.net { proxy = "", ca_file = sandbox.ca_file })
  end)
  after_each(function() net:free() end)

  local function request(class)
    local paid = class == "paid"
    return {
      class = class, post = paid, body = paid and BODY or nil,
      url = sandbox.starmagic_tls .. (paid and "/v1/images/generations" or "/v1/credits"),
      headers = { "Content-Type: application/json", "Authorization: Bearer sk-test" },
    }
  end

  local function fetch(class)
    return misbehave.fetch(net, {}, request(class))
  end

  it("the body goes out whole and is counted", function()
    local outcome = fetch "paid"
    assert.equal("ok", outcome.status)
    assert.equal(200, outcome.response.status)
    assert.equal(20, outcome.response.version)
    assert.same({ #BODY, #BODY }, { outcome.handed, outcome.total })
    assert.equal(1, sandbox:ledger().submits)
  end)

  it("requests share one connection, and none waits for another's reply", function()
    sandbox:fault { match = { kind = "submit" }, fault = { stall = "head" } }
    local slow
    assert(net:start(request("paid"), function(o) slow = o end))
    local done = 0
    for _ = 1, 8 do
      assert(net:start(request("poll"), function(o)
        assert(o.response.version == 20)
        done = done + 1
      end))
    end
    misbehave.drive(net, {}, function() return done == 8 end)
    assert.is_nil(slow)
    sandbox:release()
    misbehave.drive(net, {}, function() return slow end)
    assert.equal("ok", slow.status)
  end)

  -- libcurl leaves such a handle its receive buffer, and would not have its size set again (7.88).
  it("the handle of a request that ended beside others serves the next, of any class", function()
    sandbox:fault { match = { kind = "submit" }, times = 2, fault = { stall = "head" } }
    local slow = 0
    local function count() slow = slow + 1 end
    assert(net:start(request("paid"), count))
    for round = 1, 3 do
      local done = 0
      for _ = 1, 8 do
        assert(net:start(request("poll"), function(o)
          assert(o.status == "ok" and o.response.version == 20)
          done = done + 1
        end))
      end
      misbehave.drive(net, {}, function() return done == 8 end)
      if round == 1 then assert(net:start(request("paid"), count)) end
    end
    sandbox:release()
    misbehave.drive(net, {}, function() return slow == 2 end)
    assert.equal(2, sandbox:ledger().submits)
  end)

  for _, how in ipairs { "refused", "cancel", "goaway", "rst", "close" } do
    for _, reset in ipairs { "before", "read", "accepted" } do
      for _, reused in ipairs { false, true } do
        it(("a paid POST arrives once: %s, %s, %s connection"):format(how, reset,
          reused and "kept" or "new"), function()
          if reused then fetch "poll" end
          sandbox:fault {
            match = { kind = "submit", http = "2" }, fault = { reset = reset, how = how },
          }
          local outcome = fetch "paid"
          local ledger = sandbox:ledger()
          assert.is_true(ledger.submits <= 1, ledger.submits .. " POSTs")
          assert.equal(0, #sandbox:armed())
          assert.equal(#BODY, outcome.total)
          if outcome.status == "ok" then
            -- libcurl sent it again, and was free to: nothing of the body had been taken before
            assert.equal("before", reset)
            assert.equal(1, ledger.accepted)
          else
            assert.equal("network", outcome.status)
            assert.equal(reset == "accepted" and 1 or 0, ledger.accepted)
            if reset == "accepted" then assert.equal(#BODY, outcome.handed) end
          end
          -- and the net is as good as new
          assert.equal("ok", fetch("paid").status)
          assert.equal(ledger.accepted + 1, sandbox:ledger().accepted)
        end)
      end
    end
  end

  it("streams of one connection are held to a budget together, piece by piece", function()
    net:step(0, 1) -- small buffers from here on
    local body = '{"model":"gpt-image-2","prompt":"a lighthouse","size":"2048x2048",'
      .. '"response_format":"b64_json"}'
    local ids, outcomes = {}, {}
    for i = 1, 6 do
      ids[i] = assert(net:start({ class = "paid", post = true, body = body,
        url = sandbox.magick_tls .. "/v1/images/generations",
        headers = { "Content-Type: application/json", "Authorization: Bearer sk-test" },
      }, function(o) outcomes[#outcomes + 1] = o end))
    end
    local function passed()
      local all = 0
      for i = 1, 6 do
        local _, pieces = net:taken(ids[i])
        all = all + pieces
      end
      return all
    end
    local before, steps, waited = 0, 0, 0
    while #outcomes < 6 do
      assert.is_true(net:step(before == 0 and 10 or 1, 1))
      local now = passed()
      assert.is_true(now - before <= 1, now - before .. " pieces in a step")
      before, steps = now, steps + 1
      if not net:is_drained() then waited = waited + 1 end
      assert.is_true(steps < 1000000)
    end
    for _, outcome in ipairs(outcomes) do
      assert.same({ "ok", 200, 20 },
        { outcome.status, outcome.response.status, outcome.response.version })
      assert.is_true(outcome.body == outcomes[1].body or #outcome.body == #outcomes[1].body)
    end
    assert.is_true(before > 60 and waited > 30, before .. " pieces, " .. waited .. " waits")
  end)
end)
