-- SPDX-License-Identifier: MIT
-- Tests src/core/gim_heap.c through the test window.
local window = require "gptimage.core_test"
local Random = require "spec.support.random"

-- What the heap should say is first: the earliest time among `times`.
local function earliest(times)
  local best
  for _, at in pairs(times) do
    if not best or at < best then best = at end
  end
  return best
end

describe("gim_heap", function()
  it("is empty at first, and removing what is not in it does nothing", function()
    local heap = window.heap(1)
    assert.is_nil(heap:first())
    heap:remove(1)
    assert.same(0, heap:size())
  end)

  it("gives the earliest of all, whatever was set, moved and removed before", function()
    for seed = 1, 40 do
      local random, times, count = Random.new(seed), {}, 0
      local entries = random:below(60)
      local heap = window.heap(entries)
      for _ = 1, 500 do
        local entry = random:below(entries)
        if random:below(3) == 1 then
          if times[entry] then count = count - 1 end
          times[entry] = nil
          heap:remove(entry)
        else
          if not times[entry] then count = count + 1 end
          -- Few different times, so that many are the same.
          times[entry] = random:below(20) - 10
          assert.is_true(heap:set(entry, times[entry]))
        end
        local first, at = heap:first()
        assert.same(earliest(times), at)
        assert.same(count, heap:size())
        if first then assert.same(at, times[first]) end
      end
    end
  end)

  it("gives everything back in order of time", function()
    local random, heap, times = Random.new(7), window.heap(1000), {}
    for entry = 1, 1000 do
      times[entry] = random:bits() << 20
      assert.is_true(heap:set(entry, times[entry]))
    end
    table.sort(times)
    for i = 1, 1000 do
      local entry, at = heap:first()
      assert.same(times[i], at)
      heap:remove(entry)
    end
    assert.is_nil(heap:first())
  end)

  it("takes the first and the last of all times", function()
    local heap = window.heap(3)
    heap:set(1, 0)
    heap:set(2, math.maxinteger)
    heap:set(3, math.mininteger)
    assert.same({ 3, math.mininteger }, { heap:first() })
    heap:set(3, math.maxinteger)
    assert.same({ 1, 0 }, { heap:first() })
  end)

  it("says when there is no memory, and stays as it was", function()
    local heap = window.heap(40)
    window.fail_allocation(1)
    assert.same({ nil, "no_memory" }, { heap:set(1, 5) })
    window.fail_allocation(0)
    assert.is_nil(heap:first())
    for entry = 1, 16 do assert.is_true(heap:set(entry, 100 - entry)) end
    window.fail_allocation(1)
    assert.same({ nil, "no_memory" }, { heap:set(17, 0) })
    window.fail_allocation(0)
    assert.same({ 16, 84 }, { heap:first() })
    assert.same(16, heap:size())
    assert.is_true(heap:set(17, 0))
    assert.same({ 17, 0 }, { heap:first() })
  end)

  it("needs no memory for what was reserved", function()
    local heap = window.heap(100)
    assert.is_true(heap:reserve(100))
    window.fail_allocation(1)
    for entry = 1, 100 do assert.is_true(heap:set(entry, entry)) end
    assert.same(1, window.fail_allocation(0))
    assert.same(100, heap:size())
  end)
end)
