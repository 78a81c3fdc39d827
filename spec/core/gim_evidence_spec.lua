-- SPDX-License-Identifier: MIT
-- Tests src/core/gim_evidence.c through the test window: the table against its header.
local window = require "gptimage.core_test"

-- Row names and verdicts, in order, as the header's table shows them.
local function rows_of_the_header()
  local file <close> = assert(io.open "src/core/gim_evidence.h")
  local rows, name = {}, nil
  for line in file:lines() do
    name = line:match "^%*%*   (%u[%u_]+)%s%s" or name
    local billed = line:match "^%*%*   .*%s%s(%l+)$"
    if name and (billed == "no" or billed == "maybe" or billed == "yes") then
      rows[#rows + 1] = { name, billed }
      name = nil
    end
  end
  return rows
end

describe("gim_evidence", function()
  it("has a verdict for all that can be seen, as its header says", function()
    local rows = rows_of_the_header()
    assert.same(12, #rows)
    for i, row in ipairs(rows) do
      assert.same(row[2], (window.evidence(i - 1)), row[1])
    end
    assert.is_nil(window.evidence(#rows))
  end)

  it("has words of its own for each, that read behind a colon", function()
    local seen = {}
    for i = 0, 11 do
      local _, text = window.evidence(i)
      assert.is_nil(seen[text])
      seen[text] = true
      assert.matches("^%l", text)
      assert.not_matches("%.$", text)
    end
  end)
end)
