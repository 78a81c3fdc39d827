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
  it("has plain C everywhere, and no vectors that the system does not know of", function()
    local has = flags()
    local needs = {
      scalar = {}, ssse3 = { "ssse3" }, avx2 = { "avx2", "bmi1" },
      avx512 = { "avx512bw", "avx512vbmi", "avx512_vbmi2" },
    }
    assert.same("scalar", window.simds()[1])
    for _, simd in ipairs(window.simds()) do
      for _, flag in ipairs(needs[simd]) do assert.is_true(has[flag], simd .. ": " .. flag) end
    end
  end)

  it("is asked for by name in specs, and only for what there is", function()
    assert.has_error(function() window.base64_decode({}, "mmx") end,
      "this processor has no 'mmx'")
    for _, simd in ipairs(window.simds()) do
      assert.same("foo", window.base64_decode({ "Zm9v" }, simd))
    end
  end)
end)
