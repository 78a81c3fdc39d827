#!/bin/bash
# SPDX-License-Identifier: MIT
# What a user of LuaRocks does, from nothing: builds the rockspec into an empty
# folder, looks at what the module gives away, and makes pictures with what was
# installed, far from this tree. Needs no network.
set -euo pipefail

project=$(cd "$(dirname "$0")/.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
tree=$scratch/tree

# LuaRocks compiles where the sources are, and would leave its objects there.
mkdir "$scratch/source" "$tree" "$scratch/out"
tar -C "$project" -c --exclude='*.o' --exclude='*.so' \
  gptimage-scm-1.rockspec gptimage-mask-scm-1.rockspec src lua bin LICENSE | tar -C "$scratch/source" -x

# The rocks that Debian's packages stand for; nothing is asked of a server.
cat >"$scratch/config.lua" <<'CONFIG'
rocks_servers = {}
rocks_provided = { ["lua-cjson"] = "2.1.0-1", ["argparse"] = "0.7.1-1" }
CONFIG
echo "local_cache = '$scratch/cache'" >>"$scratch/config.lua"

unset LUA_PATH LUA_CPATH LUA_PATH_5_4 LUA_CPATH_5_4 LUA_INIT LUA_INIT_5_4
cd "$scratch/source"
LUAROCKS_CONFIG=$scratch/config.lua luarocks --lua-version=5.4 --tree="$tree" \
  make gptimage-scm-1.rockspec
LUAROCKS_CONFIG=$scratch/config.lua luarocks --lua-version=5.4 --tree="$tree" \
  make gptimage-mask-scm-1.rockspec

"$project/.ci/exports.sh" "$tree/lib/lua/5.4/gptimage/core.so" \
  "$tree/lib/lua/5.4/gptimage/mask_core.so"

cd "$scratch/out"
LUA_PATH="$tree/share/lua/5.4/?.lua;$tree/share/lua/5.4/?/init.lua;;" \
  LUA_CPATH="$tree/lib/lua/5.4/?.so;;" \
  timeout 120 lua5.4 "$project/.ci/rock_smoke.lua" "$tree"
