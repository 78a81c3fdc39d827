-- SPDX-License-Identifier: MIT
-- Tests src/bind/lgim_error.c through the test window.
local window = require "gptimage.core_test"

local kinds = { "invalid", "auth", "quota", "rate_limited", "refused", "not_found", "server",
  "network", "timeout", "protocol", "too_big", "cancelled", "io", "no_memory" }

describe("an issue", function()
  it("is one line for tostring, in errors and in warnings", function()
    local _, err = window.plan { model = "gpt-image-2", prompt = "x", size = "1:7" }
    local issue = err.issues[1]
    assert.same("size: " .. issue.message, tostring(issue))
    local made = assert(window.plan { model = "gpt-image-2", prompt = "x", resolution = "2K" })
    assert.same("resolution: " .. made.warnings[1].message, tostring(made.warnings[1]))
    issue.field, issue.message = "a\nb", "c\rd"
    assert.same("a?b: c?d", tostring(issue))
    issue.field, issue.message = nil, 7
    assert.same("", tostring(issue))
    assert.same("gptimage.issue", getmetatable(issue).__name)
    assert.has_error(function() getmetatable(issue).__tostring "no table" end)
  end)
end)

describe("lgim_fail", function()
  it("gives nil and a table with what is known, and nothing for what is not", function()
    local nothing, err = window.push_error(6, 404, 1500, "task-1")
    assert.is_nil(nothing)
    local fields = {}
    for key, value in pairs(err) do fields[key] = value end
    assert.same({ kind = "not_found", message = "it broke", field = "size", code = "c0de",
      status = 404, retryable = false, retry_after = 1.5, task_id = "task-1", billed = "maybe" },
      fields)
    err = select(2, window.push_error(1, 0, -1))
    assert.same({}, { err.status, err.retry_after, err.task_id, err.param, err.issues })
  end)

  it("has the closed set of kinds", function()
    for status, kind in ipairs(kinds) do
      local _, err = window.push_error(status, 0, -1)
      assert.same(kind, err.kind)
    end
  end)

  it("is one line for tostring", function()
    local _, err = window.push_error(7, 500, -1, "task-1")
    assert.same("server: it broke (HTTP 500, field size, code c0de, task task-1)", tostring(err))
    err.message, err.request_id = "two\nlines", "a\rb"
    assert.same("server: two?lines (HTTP 500, field size, code c0de, request id a?b, task task-1)",
      tostring(err))
    err.kind, err.message, err.status, err.code, err.field = nil, nil, "x", 7, {}
    err.request_id, err.task_id = nil, nil
    assert.same("error: ", tostring(err))
    assert.has_error(function() getmetatable(err).__tostring "no table" end)
  end)
end)

describe("errors and issues", function()
  local _, err = window.push_error(7, 500, -1, "task-1")
  local _, refusal = window.plan { model = "gpt-image-2", prompt = "x", size = "1:7" }
  local issue = refusal.issues[1]

  it("are put together with texts, numbers and each other, as tostring shows them", function()
    for _, object in ipairs { err, issue } do
      local text = tostring(object)
      assert.same("failed: " .. text, "failed: " .. object)
      assert.same(text .. "\n", object .. "\n")
      assert.same("1" .. text .. "2.5", 1 .. object .. 2.5)
      assert.same(text .. text, object .. object)
    end
    assert.same(tostring(err) .. tostring(issue), err .. issue)
    local other = setmetatable({}, { __concat = function(a, b) return { a, b } end })
    assert.same({ tostring(err), other }, err .. other)
  end)

  it("raise where anything else is put to them, with the place, as Lua does", function()
    for _, wrong in ipairs { {}, true, print } do
      local expected = "lgim_error_spec.lua:%d+: attempt to concatenate a "
        .. type(wrong) .. " value"
      for _, call in ipairs { function() return err .. wrong end,
        function() return wrong .. issue end } do
        local ok, message = pcall(call)
        assert.is_false(ok)
        assert.matches(expected, message)
      end
    end
    assert.matches("attempt to concatenate a nil value",
      select(2, pcall(function() return err .. nil end)))
  end)
end)
