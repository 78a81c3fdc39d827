-- SPDX-License-Identifier: MIT
-- Puts the table of bench/step.lua where the README has room for it. `make bench-readme` runs it.
-- usage: step_readme.lua STEP.json README.md
local readme = require "bench.support.readme"
local report = require "bench.support.step_report"

readme.publish("step", { arg[1], false, arg[2] }, nil, report.markdown)
