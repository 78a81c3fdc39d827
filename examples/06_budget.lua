-- SPDX-License-Identifier: MIT
-- 6. A budget: what things cost is known before, watched while they run, and never passed. The
-- services' pages give factors; what a factor of 1 costs you is on your bill.

local gptimage = require "gptimage"

local client <close> = assert(gptimage.client {
  provider = "starmagic",
  prices = { ["gpt-image-2-beta"] = 2.5 }, -- credits for a factor of 1: a picture of tier 1K
  budget = 10,                             -- credits that this client may spend
  rate = { requests = 5, per_seconds = 1 }, -- and no faster than that
})

local prompts = { "A lighthouse", "A windmill", "A castle", "A bridge", "A harbour" }
local tasks = {}

print("Asking for five pictures of 2.5 credits, with a budget of 10:")
for _, prompt in ipairs(prompts) do
  -- What fails for a reason that may pass (and then costs nothing) is paid for once more.
  local request = { model = "gpt-image-2-beta", prompt = prompt, resubmit = 1,
    output = "{id}.{format}" }
  local plan = assert(gptimage.plan(request, { prices = { ["gpt-image-2-beta"] = 2.5 } }))
  local task, err = client:submit(request)
  if task then
    tasks[#tasks + 1] = task
    print(("  %-13s %.1f credits"):format(prompt, plan.price.credits))
  else
    -- Refused here, before a byte was sent.
    print(("  %-13s %s: %s"):format(prompt, err.kind, err.message))
  end
end

client:run()

for _, task in ipairs(tasks) do
  local result, err = task:wait()
  if not result then
    print(("  %s failed, billed: %s: %s"):format(task.id or task.key, err.billed, err.message))
  end
end

-- Where the money went. `at_risk` is what may have been billed without a picture to show for it:
-- its ids are what to ask the service about, or to attach to later.
local ledger = client:ledger()
print(("Spent %.1f credits of %.1f"):format(client.spent, ledger.credits.budget))
print(("  sent %d, paid %d, saved %d, given back %d, at risk %d"):format(ledger.sent, ledger.paid,
  ledger.saved, ledger.given_back, ledger.at_risk))
for _, id in ipairs(ledger.ids.at_risk) do
  print("  at risk: " .. id)
end
