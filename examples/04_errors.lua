-- SPDX-License-Identifier: MIT
-- 4. What can go wrong, and what it costs. Three things: a request that the rules refuse before a
-- byte is sent, a task that fails, and a wait that takes too long for us while the service goes on.

local gptimage = require "gptimage"

local client <close> = assert(gptimage.client { provider = "starmagic" })

-- Every error says what happened (kind, message), whether the same request may work later
-- (retryable), and what was paid (billed): "no", "maybe" or "yes". Submit again only where billed
-- is "no": what may work later may have been paid already.
local function explain(err)
  print(("  %s: %s"):format(err.kind, err.message))
  print(("  retryable: %s, billed: %s"):format(err.retryable, err.billed))
end

print("A size that no model makes:")
-- The rules are checked here, so this costs nothing, and lists all that is wrong at once.
local result, err = client:generate {
  model = "gpt-image-2-beta",
  prompt = "A lighthouse",
  size = "1000x1000",
}
assert(not result)
explain(err)
for _, issue in ipairs(err.issues) do
  print(("  %s = %s breaks '%s'; nearest: %s"):format(issue.field, issue.got, issue.rule,
    issue.nearest))
end

print("A task that may fail:")
-- A failed task comes back as an error like any other; it is not charged.
result, err = client:generate {
  model = "gpt-image-2-beta",
  prompt = "A lighthouse in a storm",
  output = "{id}.{format}",
}
if result then
  print("  it did not: " .. result.images[1].path)
else
  explain(err)
  print("  the service's code: " .. tostring(err.code))
end

print("A wait that is too short:")
local task = assert(client:submit {
  model = "gpt-image-2-beta",
  prompt = "A lighthouse in the evening sun",
})
result, err = task:wait(0.05)
if not result then
  explain(err)
  -- The task goes on, and will be billed. Never submit it again; wait again, as here, or come
  -- back later, even from another program: its id is all that is needed.
  if not task.id then
    task:wait(10) -- until the service has answered with the id, at the latest
  end
  local again = assert(client:attach(task.id, { output = "{id}.{format}" }))
  result, err = again:wait()
end
if result then
  print(("  then it was there: %s, billed: %s"):format(result.images[1].path, result.billed))
else
  explain(err)
end
