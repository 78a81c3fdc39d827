-- SPDX-License-Identifier: MIT
-- The power fails at every call to the disk of a small run, and comes back to every disk that a
-- file system may leave: no picture that was paid for is lost without a word. What is run and what
-- is asked of it stands in spec/support/programs/power.lua.

local program = require "spec.support.program"

local SCENARIOS = { "base64", "base64 with output", "base64, cut", "link and base64",
  "link and base64 with output", "links", "links with output", "base64, written behind",
  "links, written behind", "a long journal" }

describe("a power failure at any call to the disk loses no picture of", function()
  for _, name in ipairs(SCENARIOS) do
    it(name, function()
      local arguments = { name, os.getenv "GPTIMAGE_SEED" or "1" }
      local run = program.run("spec/support/programs/power.lua", { arguments = arguments })
      assert.equal(0, run.status, run.output)
      local disks, recoveries = run.output:match "(%d+) disks, (%d+) of recoveries, 0 wrong"
      assert.is_true(tonumber(disks) > 30, run.output)
      assert.is_true(name == "a long journal" or tonumber(recoveries) > 100, run.output)
      if os.getenv "GPTIMAGE_CRASHES" then print(name .. ": " .. run.output) end
    end)
  end
end)
