/* SPDX-License-Identifier: MIT */
#include "gim_simd.h"

bool gim_simd_has(gim_simd simd) {
#if GIM_SIMD_X86
  if (simd == GIM_SIMD_AVX512)
    return __builtin_cpu_supports("avx512bw") != 0 &&
           __builtin_cpu_supports("avx512vbmi") != 0 &&
           __builtin_cpu_supports("avx512vbmi2") != 0;
  if (simd == GIM_SIMD_AVX2)
    return __builtin_cpu_supports("avx2") != 0 &&
           __builtin_cpu_supports("bmi") != 0 &&
           __builtin_cpu_supports("popcnt") != 0;
  if (simd == GIM_SIMD_SSSE3) return __builtin_cpu_supports("ssse3") != 0;
#endif
  return simd == GIM_SIMD_SCALAR;
}

gim_simd gim_simd_best(void) {
  if (gim_simd_has(GIM_SIMD_AVX512)) return GIM_SIMD_AVX512;
  if (gim_simd_has(GIM_SIMD_AVX2)) return GIM_SIMD_AVX2;
  if (gim_simd_has(GIM_SIMD_SSSE3)) return GIM_SIMD_SSSE3;
  return GIM_SIMD_SCALAR;
}

const char *gim_simd_name(gim_simd simd) {
  static const char *const names[GIM_SIMD_COUNT] = {"scalar", "ssse3", "avx2",
                                                    "avx512"};
  return names[simd];
}
