-- SPDX-License-Identifier: MIT
-- Every fault that the sandbox can arm x each request of a task's life x HTTP/1.1 and HTTP/2: what
-- the caller is told, what was billed, and what was really paid, exactly as the table says
-- (spec/support/fault_table.lua). The paid counts are those of the sandbox, without --idempotent.

local clients = require "spec.support.clients"
local files = require "spec.support.files"
local matrix = require "spec.support.fault_matrix"
local sandboxes = require "spec.support.sandbox"
local rows = require "spec.support.fault_table"

-- Uploads go over HTTP/1.1 whatever else there is.
local COLUMNS = {
  ["1.1"] = { "submit", "sync", "form", "upload", "uploads", "poll", "polls", "download",
    "downloads" },
  ["2"] = { "submit", "sync", "form", "poll", "polls", "download", "downloads" },
}
local OTHERWISE = { poll = "ok yes 1 1", polls = "timeout maybe 1 1", download = "ok yes 1 1",
  downloads = "ok yes 1 1" }

-- An upload is free: what may pass is tried again, what will not ends the task, and nothing was
-- sent to be paid. The file service says by its status what it means, not by codes.
local PASSES = { network = true, timeout = true, server = true, rate_limited = true }
local OF_TASKS = { "fail", "cancel", "results", "images", "link" }
local function of_upload(row, always)
  local fault = row[2]
  for _, name in ipairs(OF_TASKS) do
    if fault[name] ~= nil then return "ok yes 1 1" end
  end
  local status = fault.html or fault.status or 0
  local kind = status == 429 and "rate_limited" or (status >= 500 or status == 408) and "server"
    or (status == 400 or status == 409) and "invalid" or row.submit:match "^%S+"
  if kind == "ok" or not always and PASSES[kind] then return "ok yes 1 1" end
  return kind .. " no 0 0"
end

local function expected(row, column, http)
  if column == "upload" or column == "uploads" then return of_upload(row, column == "uploads") end
  local other = http == "2" and row.http2 or {}
  if column == "form" then column = "sync" end
  return other[column] or row[column] or OTHERWISE[column] or row.submit
end

-- Is `seen` one of those that "a or b" names?
local function is_among(seen, alternatives)
  for alternative in (alternatives .. " or "):gmatch "(.-) or " do
    if seen == alternative then return true end
  end
  return false
end

describe("the fault matrix", function()
  local sandbox, folder
  local outcomes, errors = {}, {}

  setup(function()
    sandbox = sandboxes.start { tls = true, latency = 0.05 }
    folder = files.folder()
    for _, http in ipairs { "1.1", "2" } do
      local cases = {}
      for _, row in ipairs(rows) do
        for _, column in ipairs(COLUMNS[http]) do
          local outcome = expected(row, column, http)
          cases[#cases + 1] = { name = row[1], fault = row[2], column = column,
            times_out = column == "polls" and outcome:find("timeout", 1, true) ~= nil }
        end
      end
      outcomes[http], errors[http] = matrix.run(sandbox, folder.path, http, cases)
    end
  end)
  teardown(function()
    folder:close()
    sandbox:stop()
  end)

  it("has enough rows, each once", function()
    local names = {}
    for _, row in ipairs(rows) do
      assert.is_nil(names[row[1]], row[1])
      names[row[1]] = true
    end
    assert.is_true(#rows >= 80, #rows)
  end)

  for _, http in ipairs { "1.1", "2" } do
    for _, column in ipairs(COLUMNS[http]) do
      it(("is what the table says: %s over HTTP/%s"):format(column, http), function()
        local wrong = {}
        for _, row in ipairs(rows) do
          local seen, wanted = outcomes[http][column][row[1]], expected(row, column, http)
          if not is_among(seen, wanted) then
            local err = errors[http][column][row[1]]
            wrong[#wrong + 1] = ("%s: %s, not %s (%s)"):format(row[1], seen, wanted, tostring(err))
          end
        end
        assert.same({}, wrong)
      end)
    end
  end

  it("never pays twice, and never says what is not true", function()
    local count = 0
    for http, columns in pairs(outcomes) do
      for column, names in pairs(columns) do
        for name, outcome in pairs(names) do
          local kind, billed, paid = outcome:match "^(%S+) (%S+) (%d+)"
          local where = ("%s, %s, HTTP/%s: %s"):format(name, column, http, outcome)
          assert.is_true(tonumber(paid) <= 1, where)
          if billed == "yes" then assert.equal("1", paid, where) end
          if billed == "no" then assert.equal("0", paid, where) end
          if kind == "ok" then assert.equal("yes", billed, where) end
          count = count + 1
        end
      end
    end
    assert.equal(#rows * (#COLUMNS["1.1"] + #COLUMNS["2"]), count)
  end)

  it("gives every error a sentence, and the id of what may go on", function()
    for _, columns in pairs(errors) do
      for column, names in pairs(columns) do
        for name, err in pairs(names) do
          assert.is_true(#err.message > 20, name)
          assert.is_nil(err.message:find(clients.KEY, 1, true))
          if matrix.polls(column) then
            assert.is_string(err.task_id, column .. ": " .. name)
          end
        end
      end
    end
  end)

  it("says the same of connections that are struck before a byte", function()
    for _, how in ipairs { "rst", "close" } do
      sandbox:reset()
      local client <close> = clients.starmagic(sandbox, { retry = { base = 0.01, cap = 0.02 } })
      sandbox:fault { fault = { reset = "connect", how = how } }
      local result, err = client:generate(clients.request())
      sandbox:disarm()
      local ledger = sandbox:ledger()
      if result then
        assert.same({ "yes", 1 }, { result.billed, ledger.charged })
      else -- the body was handed to the kernel before the end of the connection was seen
        assert.same({ "network", "maybe", 0 }, { err.kind, err.billed, ledger.charged })
      end
    end
  end)
end)
