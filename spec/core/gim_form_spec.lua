-- SPDX-License-Identifier: MIT
-- Tests src/core/gim_form.c through the test window.
local window = require "gptimage.core_test"
local form = window.form

describe("gim_form", function()
  it("holds texts and numbers of pictures in the order in which they came", function()
    assert.same({}, form {})
    assert.same({ { field = "model", text = "a" }, { field = "image[]", source = 0 },
      { field = "image[]", source = 1 }, { field = "n", text = "3" } },
      form { { "model", "a" }, { "image[]", 0 }, { "image[]", 1 }, { "n", "3" } })
  end)

  it("keeps every byte of a text, and one that is empty", function()
    local bytes = {}
    for i = 0, 255 do bytes[i + 1] = string.char(i) end
    local all = table.concat(bytes)
    assert.same({ { field = "a", text = all }, { field = "b", text = "" } },
      form { { "a", all }, { "b", "" } })
  end)

  it("is as it was where a part does not fit any more", function()
    -- Each of these takes 1 + 1 bytes for its field and 3 + 1 for its text.
    local three = { { "a", "xyz" }, { "b", "xyz" }, { "c", "xyz" } }
    for limit = 0, 18 do
      local parts, kind = form(three, limit)
      assert.same(limit // 6, #parts)
      assert.same(limit < 18 and "too_big" or nil, kind)
      for _, part in ipairs(parts) do assert.same("xyz", part.text) end
    end
    -- A smaller one may fit behind it.
    assert.same({ { field = "b", text = "y" } }, (form({ { "a", "xyz" }, { "b", "y" } }, 5)))
  end)

  it("says so where memory is out, and is as it was", function()
    for nth = 1, 20 do
      window.fail_allocation(nth)
      local parts, kind = form({ { "a", "x" }, { "b", 0 }, { "c", ("y"):rep(500) } })
      local left = window.fail_allocation(0)
      if left > 0 then
        assert.is_nil(kind)
        assert.is_true(nth > 3)
        return
      end
      assert.same("no_memory", kind)
      assert.same(2, #parts)
    end
    error "it never had enough memory"
  end)
end)
