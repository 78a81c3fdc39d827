-- SPDX-License-Identifier: MIT
-- Tests src/core/gim_simd.c through the test window.
local window = require "gptimage.core_test"

-- What the system says of this processor; nothing where it does not say it so.
local function flags()
  local found = {}
  local file = io.open "/proc/cpuinfo"
  local line = file and file:read "a":match "\nflags%s*:([^\n]*)"
  if file then file:close() end
  for word in (line or ""):gmatch "%S+" do found[word] = true end
  return found
end

describe("gim_simd", function()
  it("has plain C everywhere, and what the system says of vectors", function()
    local has = flags()
    local expected = { "scalar" }
    if has.ssse3 then expected[#expected + 1] = "ssse3" end
    if has.avx2 and has.bmi1 then expected[#expected + 1] = "avx2" end
    if has.avx512bw and has.avx512vbmi and has.avx512_vbmi2 then
      expected[#expected + 1] = "avx512"
    end
    assert.same(expected, window.simds())
  end)

  it("is asked for by name in specs, and only for what there is", function()
    assert.has_error(function() window.base64_decode({}, "mmx") end,
      "this processor has no 'mmx'")
    for _, simd in ipairs(window.simds()) do
      assert.same("foo", window.base64_decode({ "Zm9v" }, simd))
    end
  end)
end)
