-- SPDX-License-Identifier: MIT
-- The command line. Each command is a module in `gptimage.cli` with `summary`, `define(command)`
-- and `run(arguments) -> exit status`, and is loaded only when it is asked for or listed.

local M = {}

local commands = { "sandbox" }

---Runs the command line. Returns the exit status.
---@param arguments string[]  as in `arg`
---@return integer
function M.main(arguments)
  local argparse = require "argparse"
  local parser = argparse("gptimage", "Pictures from the GPT Image services.")
  parser:command_target("command")
  parser:require_command(true)
  for _, name in ipairs(commands) do
    local module = require("gptimage.cli." .. name)
    module.define(parser:command(name, module.summary))
  end
  local list = table.move(arguments, 1, #arguments, 1, {})
  local parsed = parser:parse(list)
  return require("gptimage.cli." .. parsed.command).run(parsed)
end

return M
