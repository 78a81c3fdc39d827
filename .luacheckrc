-- SPDX-License-Identifier: MIT
std = "lua54"
max_line_length = 100
exclude_files = { "build*/**" }
files["spec"] = { std = "lua54+busted" }
files["**/*.rockspec"] = { std = "rockspec" }
-- Types alone: nothing in it is run.
files["lua/gptimage/meta.lua"] = { ignore = { "211", "212", "241", "311" } }
files["lua/gptimage/meta/*.lua"] = { ignore = { "211", "212", "241", "311" } }
