-- SPDX-License-Identifier: MIT
-- Tests src/net/gim_headers.c through the test window. That libcurl sends what is there, in this
-- order, is in gim_transfer_spec.
local window = require "gptimage.core_test"

describe("gim_headers", function()
  local KEY = "Authorization: Bearer SECRET"
  local headers

  before_each(function()
    headers = window.headers()
  end)

  it("holds the caller's lines, then the others, and ends each", function()
    assert.is_true(headers:set({ KEY, "Accept: a/b" }, { "User-Agent: u/1" }))
    assert.truthy(headers:bytes():find(KEY .. "\0Accept: a/b\0User-Agent: u/1\0", 1, true))
  end)

  it("has no list without lines, of either kind", function()
    assert.is_false(headers:set(nil, {}))
    assert.is_false(headers:set({}, {}))
    assert.is_true(headers:set(nil, { "Expect:" }))
    assert.is_false(headers:set(nil, {}))
  end)

  it("wipes what was there when it is cleared, and when others come", function()
    assert.is_true(headers:set({ KEY }, {}))
    headers:clear()
    assert.equal("", (headers:bytes():gsub("\0", "")))
    assert.is_true(headers:set({ KEY }, {}))
    assert.is_true(headers:set({ "A: b" }, {}))
    assert.is_nil(headers:bytes():find("SECRET", 1, true))
    headers:clear()
    headers:clear()
    assert.equal("", (headers:bytes():gsub("\0", "")))
  end)

  it("finds the lines that it has, all of them and in their order", function()
    assert.is_false(headers:find({}, {}))
    assert.is_true(headers:set({ KEY, "A: b" }, { "C: d" }))
    for _, case in ipairs {
      { { KEY, "A: b" }, { "C: d" }, true }, { { KEY }, { "A: b", "C: d" }, true },
      { nil, { KEY, "A: b", "C: d" }, true }, { { KEY, "A: b", "C: d" }, {}, true },
      { { "A: b", KEY }, { "C: d" }, false }, { { KEY, "A: b" }, {}, false },
      { { KEY, "A: b" }, { "C: d", "E: f" }, false }, { { KEY, "A: b" }, { "C: e" }, false },
      { { KEY .. "x", "A: b" }, { "C: d" }, false }, { {}, {}, false },
    } do
      assert.equal(case[3], headers:find(case[1], case[2]))
    end
    headers:clear()
    assert.is_false(headers:find({ KEY, "A: b" }, { "C: d" }))
    assert.is_false(headers:find({}, {}))
  end)

  it("uses its memory again, and takes more for more", function()
    assert.is_true(headers:set({ KEY }, {}))
    local size = #headers:bytes()
    for length = 1, 3 * size, 7 do
      local long = "X: " .. ("x"):rep(length)
      assert.is_true(headers:set({ KEY, long }, { "Expect:" }))
      assert.truthy(headers:bytes():find(KEY .. "\0" .. long .. "\0Expect:\0", 1, true))
    end
    local grown = #headers:bytes()
    assert.is_true(grown > size)
    assert.is_true(headers:set({ KEY }, {}))
    assert.equal(grown, #headers:bytes())
  end)

  it("refuses what would be two lines, or has no name, and keeps nothing of the rest", function()
    for _, line in ipairs { "a: b\r\nc: d", "a: b\n", "\ra: b", "nothing", "" } do
      for _, where in ipairs { "lines", "more" } do
        assert.is_true(headers:set({ KEY }, {}))
        local ok, err = headers:set({ KEY, where == "lines" and line or nil },
          { "Expect:", where == "more" and line or nil })
        assert.is_nil(ok)
        assert.equal("invalid", err.kind)
        assert.equal("a header has a line end or no name", err.message)
        assert.equal("", (headers:bytes():gsub("\0", "")))
      end
    end
  end)

  it("says so when there is no memory, and can be used again", function()
    window.fail_allocation(1)
    local ok, err = headers:set({ KEY }, {})
    window.fail_allocation(0)
    assert.is_nil(ok)
    assert.equal("no_memory", err.kind)
    assert.is_true(headers:set({ KEY }, {}))
  end)
end)
