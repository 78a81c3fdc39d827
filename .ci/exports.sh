#!/bin/sh
# SPDX-License-Identifier: MIT
# A module may give away its luaopen_gptimage_... and no other name: what else it
# defines could be taken for another library's, or be called by it.
# Usage: exports.sh MODULE.so...
set -eu

[ $# -gt 0 ] || { echo "usage: exports.sh MODULE.so..." >&2; exit 2; }
failed=0
for module in "$@"; do
  names=$(nm -D --defined-only "$module" | awk '{ print $NF }' | sort)
  wanted=luaopen_gptimage_core
  case $module in */mask_core.so) wanted=luaopen_gptimage_mask_core ;; esac
  if [ "$names" != $wanted ]; then
    echo "$module: exports must be $wanted alone, but are:" >&2
    printf '%s\n' "${names:-(none)}" | sed 's/^/  /' >&2
    failed=1
  fi
done
exit $failed
