-- SPDX-License-Identifier: MIT
-- Adds up the counts that .ci/report.lua left and prints them on a line of
-- their own. Fails when a test failed, when a run left no counts (it died),
-- and when no test ran. Usage: counts.lua FILE...

local total = { passed = 0, failed = 0, skipped = 0 }
local sound = #arg > 0

for _, path in ipairs(arg) do
  local file = io.open(path)
  local text = file and file:read "a" or ""
  if file then file:close() end
  local seen = 0
  for word, count in text:gmatch "(%a+) (%d+)\n" do
    total[word] = total[word] + tonumber(count)
    seen = seen + 1
  end
  if seen ~= 3 then
    print(path .. ": no counts, the run did not reach its end")
    total.failed = total.failed + 1
  elseif not text:find "passed [1-9]" then
    print(path .. ": no test passed")
    sound = false
  end
end

local line = ("%d passed, %d failed"):format(total.passed, total.failed)
if total.skipped > 0 then line = line .. (", %d skipped"):format(total.skipped) end
print(line)
os.exit(sound and total.failed == 0)
