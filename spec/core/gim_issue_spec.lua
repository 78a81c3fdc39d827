-- SPDX-License-Identifier: MIT
-- Tests src/core/gim_issue.c through the test window.
local window = require "gptimage.core_test"

describe("gim_report", function()
  it("takes refusals for issues when strict, else for warnings", function()
    local dropped, issues, warnings = window.report(2, true)
    assert.same({ 0, 2, 0 }, { dropped, #issues, #warnings })
    dropped, issues, warnings = window.report(2, false)
    assert.same({ 0, 0, 2 }, { dropped, #issues, #warnings })
  end)

  it("keeps 32 and counts the rest", function()
    local dropped, issues = window.report(40, true)
    assert.same({ 8, 32 }, { dropped, #issues })
    assert.same({ field = "field", rule = "rule", message = "number 32", got = "a?b",
      nearest = "near" }, issues[32])
  end)

  it("comes to an error that names the first and counts the rest", function()
    local function failed(count, strict) return (select(4, window.report(count, strict))) end
    assert.is_nil(failed(0, true))
    assert.is_nil(failed(3, false))
    local err = failed(1, true)
    assert.same({ "invalid", "field", "number 1; got a?b, nearest near", false },
      { err.kind, err.field, err.message, err.retryable })
    assert.same("number 1; got a?b, nearest near (and 1 more problem)", failed(2, true).message)
    assert.same("number 1; got a?b, nearest near (and 39 more problems)", failed(40, true).message)
  end)

  it("says so when there is no memory, and leaks nothing", function()
    for n = 1, 3 do
      window.fail_allocation(n)
      local ok, message = pcall(window.report, 3, true)
      window.fail_allocation(0)
      assert.is_false(ok)
      assert.matches("not enough memory", message)
    end
    assert.is_true(pcall(window.report, 3, true))
  end)
end)
