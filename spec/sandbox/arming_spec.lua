-- SPDX-License-Identifier: MIT
-- Tests what lua/gptimage/sandbox/faults.lua takes as a fault, and what bending.lua makes of
-- numbers: what would end a handler later is refused when it is armed.
local bending = require "gptimage.sandbox.bending"
local faults = require "gptimage.sandbox.faults"
local json = require "gptimage.sandbox.json"

describe("arming a fault", function()
  it("refuses numbers that are none, or that no clock holds", function()
    local armed = faults.new()
    for _, name in ipairs { "retry_after", "retry_after_date", "retry_after_ms", "status", "delay",
      "at", "seconds", "cut", "lie", "latency", "images", "html", "expired",
      "gone" } do
      for _, value in ipairs { "0.5", "abc", true, {}, 1e30, -1e30, 0 / 0, math.huge } do
        local ids, message = armed:arm { fault = { [name] = value } }
        assert.is_nil(ids, name)
        assert.equal(("fault '%s' is a number up to 1e9, not '%s'"):format(name, tostring(value)),
          message)
      end
    end
    assert.same({}, armed:list())
  end)

  it("refuses names and choices that there are not", function()
    local armed = faults.new()
    for message, item in pairs {
      ["unknown fault 'rest'"] = { fault = { rest = "before" } },
      ["unknown match 'nht'"] = { match = { nht = 1 }, fault = { empty = true } },
      ["unknown field 'time'"] = { time = 1, fault = { empty = true } },
      ["fault 'reset' has no choice 'soon'"] = { fault = { reset = "soon" } },
      ["each fault is an object with the field 'fault'"] = { match = {} },
    } do
      assert.same({ nil, message }, { armed:arm(item) })
    end
  end)

  it("refuses values of another type, by which a request would end without an answer", function()
    local armed = faults.new()
    for message, item in pairs {
      ["'match' is an object"] = { match = "x", fault = { status = 500 } },
      ["match 'nth' is a number, not 'x'"] = { match = { nth = "x" }, fault = { status = 500 } },
      ["match 'kind' is a string, not '5'"] = { match = { kind = 5 }, fault = { status = 500 } },
      ["'times' is an integer, not 'x'"] = { times = "x", fault = { status = 500 } },
      ["fault 'headers' is a table, not '5'"] = { fault = { headers = 5 } },
      ["fault 'headers' is a table, not 'null'"] = { fault = { headers = json.null } },
      ["fault 'raw' is a string, not '5'"] = { fault = { raw = 5 } },
      ["fault 'gzip' is a boolean, not 'yes'"] = { fault = { gzip = "yes" } },
      ["fault 'drip' needs the number 'seconds'"] = { fault = { drip = { bytes = 1 } } },
      ["fault 'sip' needs the number 'bytes'"] = { fault = { sip = { bytes = "1" } } },
      ["fault 'pixels' needs the number '2'"] = { fault = { pixels = { 16 } } },
    } do
      assert.same({ nil, message }, { armed:arm(item) })
    end
    assert.same({}, armed:list())
    assert(armed:arm { match = { reused = true, nth = 2 }, times = -1, fault = { body = json.null,
      drip = { bytes = 1, seconds = 0.5 }, fail = "service_error", pixels = { 16, 16 } } })
  end)

  it("writes the seconds of Retry-After as they were given", function()
    for given, said in pairs { [0.5] = "0.5", [3] = "3", [2.0] = "2", [1e9] = "1000000000",
      [1234567] = "1234567" } do
      for name, field in pairs { retry_after = "retry-after", retry_after_ms = "retry-after-ms" } do
        local reply = { headers = {} }
        assert(faults.new():arm { fault = { [name] = given } })
        bending.bend({ [name] = given }, reply)
        assert.same({ { field, said } }, reply.headers)
      end
    end
  end)
end)
