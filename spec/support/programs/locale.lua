-- SPDX-License-Identifier: MIT
-- A program that goes to a locale with a decimal comma, and back, while it uses gptimage: for
-- spec/locale_spec.lua. `locale.lua NAME` prints "fine", or says what was wrong.

local gptimage = require "gptimage"
local services = require "spec.support.service"

local COMMA = assert(arg[1])
local EXTRA = { a = { 0.5, -1.25 }, b = 2.5 }

local function number(text)
  local value = assert(tonumber((text:gsub("%.", ("%.1f"):format(0.5):sub(2, 2)))), text)
  return value
end

local function check()
  local plan = assert(gptimage.plan({ model = "gpt-image-2-beta", prompt = "x", size = "1:1",
    resolution = "2K", extra = EXTRA }, { prices = { ["gpt-image-2-beta"] = 2.5 } }))
  assert(plan.price.credits == 4.25 and plan.price.factor == 1.7)
  for _, part in ipairs { '"a":[0.5,-1.25]', '"b":2.5' } do
    assert(plan.body:find(part, 1, true), plan.body)
  end

  local service <close> = services.start {
    submit = function(conn, head)
      assert(number(head.body:match '"b":([%d.]+)') == 2.5, head.body)
      conn:reply(('{"id":"%s","status":"pending","usage":{"credits_reserved":2.5},"x":[0.5]}')
        :format(services.ID), nil, { "Retry-After: 0.5" })
    end,
    poll = function(conn, _, _, s)
      conn:reply((s:completed { s.url .. "/1.png" }:gsub("}$", ',"x":[0.5,1.25]}')))
    end,
  }
  local client <close> = service:client { poll = { min = 0.01, max = 0.02, jitter = 0.5 },
    prices = { ["gpt-image-2-beta"] = 2.5 }, budget = 4.25 }
  local result = assert(service:finish(assert(client:submit(services.request { extra = EXTRA }))))
  assert(#result.warnings == 0, result.warnings[1])
  assert(result.raw.x[1] == 0.5 and result.raw.x[2] == 1.25)
  assert(client.spent == 2.5)
end

check()
for _ = 1, 2 do
  assert(os.setlocale(COMMA))
  check()
  assert(os.setlocale "C")
  check()
end
print "fine"
