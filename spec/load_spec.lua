-- SPDX-License-Identifier: MIT
-- Ten thousand tasks in one client and one lua_State, each asked for five times, a second apart, on
-- each protocol. What came is judged by the service's own record (bench/tools/tasks.c): it is quick
-- enough to be no part of the question, and a task of its is done by being asked for, not by time.
-- Some 6 s a protocol on two cores that have nothing else to do; GPTIMAGE_LOAD=1000 makes it less.
local gptimage = require "gptimage"
local tasks = require "bench.support.tasks"

local TASKS = tonumber(os.getenv "GPTIMAGE_LOAD") or 10000
local POLLS = 5
local TOOLS = assert(os.getenv "GPTIMAGE_TOOLS", "`make test` says where the service is")

describe(("%d tasks, %d polls each"):format(TASKS, POLLS), function()
  local service

  setup(function() service = tasks.start(TOOLS) end)
  teardown(function() service:stop() end)

  local function client_of(protocol)
    return assert(gptimage.client {
      api_key = "sk-load", base_url = service[protocol], ca_file = service.ca_file, proxy = "",
      max_requests = 32, poll = { first = 1, min = 1, max = 1, jitter = 0 },
    })
  end

  for _, protocol in ipairs { "plain", "tls", "http2" } do
    it("end well, paid once and none asked for early, over " .. protocol, function()
      service:reset(POLLS)
      local client <close> = client_of(protocol)
      local pictures, errors = 0, {}
      local function count(_, result, err)
        if result and result.images[1].url and result.billed == "yes" then
          pictures = pictures + 1
        else
          errors[#errors + 1] = tostring(err)
        end
      end
      for i = 1, TASKS do
        assert(client:submit {
          model = "gpt-image-2-beta", prompt = "a lighthouse, number " .. i, size = "16:9",
        }):on_done(count)
      end
      assert.equal(TASKS, #client:tasks())
      assert.equal(0, client:run())

      assert.same({}, errors)
      assert.equal(TASKS, pictures)
      local record = service:ledger()
      assert.equal(TASKS, record.posts)
      assert.equal(TASKS, record.keys)
      assert.equal(TASKS, record.completed)
      assert.equal(POLLS * TASKS, record.polls)
      assert.equal(POLLS * TASKS, record.gaps)
      assert.equal(0, record.after_end)
      assert.equal(0, record.strange)
      assert.equal((POLLS + 1) * TASKS, record[protocol == "http2" and "http2" or "http1"])
      assert.is_true(record.connections <= 40, record.connections .. " connections")
      assert.is_true(record.gap_ms.min >= 1000, record.gap_ms.min .. " ms after the last answer")
      local ledger = client:ledger()
      assert.equal(TASKS, ledger.sent)
      assert.equal(TASKS, ledger.paid)
      assert.equal(0, ledger.at_risk)
    end)
  end
end)
