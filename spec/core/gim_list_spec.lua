-- SPDX-License-Identifier: MIT
-- Tests src/core/gim_list.c through the test window.
local window = require "gptimage.core_test"
local Random = require "spec.support.random"

local function reversed(items)
  local other = {}
  for i = #items, 1, -1 do other[#other + 1] = items[i] end
  return other
end

local function check(lists, list, expected)
  local forward, backward = lists:items(list)
  assert.same(expected, forward)
  assert.same(reversed(expected), backward)
end

describe("gim_list", function()
  it("gives out in the order of coming in", function()
    local lists = window.lists(3)
    assert.is_nil(lists:shift(1))
    for _, thing in ipairs { 2, 3, 1 } do lists:append(1, thing) end
    check(lists, 1, { 2, 3, 1 })
    assert.same({ 2, 3, 1 }, { lists:shift(1), lists:shift(1), lists:shift(1) })
    assert.is_nil(lists:shift(1))
    check(lists, 1, {})
  end)

  it("lets in before others", function()
    local lists = window.lists(4)
    lists:insert(1, nil, 3)
    lists:insert(1, 3, 1)
    lists:insert(1, 3, 2)
    lists:insert(1, nil, 4)
    check(lists, 1, { 1, 2, 3, 4 })
    lists:insert(2, nil, 4) -- it queues already
    check(lists, 1, { 1, 2, 3, 4 })
    check(lists, 2, {})
  end)

  it("leaves a thing where it queues already, here or elsewhere", function()
    local lists = window.lists(2)
    lists:append(1, 1)
    lists:append(1, 2)
    lists:append(1, 1)
    lists:append(2, 1)
    check(lists, 1, { 1, 2 })
    check(lists, 2, {})
  end)

  it("lets go at the beginning, in the middle, at the end, and of what is in none", function()
    local lists = window.lists(6)
    for thing = 1, 5 do lists:append(1, thing) end
    lists:remove(3)
    check(lists, 1, { 1, 2, 4, 5 })
    lists:remove(1)
    check(lists, 1, { 2, 4, 5 })
    lists:remove(5)
    check(lists, 1, { 2, 4 })
    lists:remove(6)
    lists:remove(5)
    check(lists, 1, { 2, 4 })
    lists:append(1, 3)
    check(lists, 1, { 2, 4, 3 })
  end)

  it("keeps two lists of the same things apart, whatever is done to them", function()
    for seed = 1, 20 do
      local random, lists = Random.new(seed), window.lists(12)
      local model, place = { {}, {} }, {}
      local function leave(thing)
        if not place[thing] then return end
        local queue = model[place[thing]]
        for i = 1, #queue do
          if queue[i] == thing then
            table.remove(queue, i)
            break
          end
        end
        place[thing] = nil
      end
      for _ = 1, 400 do
        local what, list, thing = random:below(5), random:below(2), random:below(12)
        if what <= 3 then
          lists:append(list, thing)
          if not place[thing] then
            place[thing] = list
            table.insert(model[list], thing)
          end
        elseif what == 4 then
          lists:remove(thing)
          leave(thing)
        else
          local first = model[list][1]
          assert.same(first, (lists:shift(list)))
          if first then leave(first) end
        end
        check(lists, 1, model[1])
        check(lists, 2, model[2])
      end
    end
  end)
end)
