-- SPDX-License-Identifier: MIT
-- The command line. Each command is a module in `gptimage.cli` with `summary`, `define(command)`
-- and `run(arguments) -> exit status`, and is loaded only when it is asked for or listed.

local M = {}

local commands = { "sandbox" }

local function print_version()
  local found, gptimage = pcall(require, "gptimage")
  if not found then
    io.stderr:write("gptimage: ", tostring(gptimage):match "module 'gptimage.core' not found"
      and "its module in C is neither installed nor built: `make build`" or gptimage, "\n")
    os.exit(1, true)
  end
  print("gptimage " .. gptimage.version)
  os.exit(0, true)
end

---Runs the command line. Returns the exit status; of a wrong one, and of `--help` and `--version`,
---argparse's way ends the process.
---@param arguments string[]  as in `arg`
---@return integer
function M.main(arguments)
  local argparse = require "argparse"
  local parser = argparse("gptimage", "Pictures from the GPT Image services.",
    "`gptimage COMMAND --help` says more.")
  parser:flag("-V --version", "Show the version of the library, and end."):action(print_version)
  parser:command_target("command")
  parser:require_command(true)
  for _, name in ipairs(commands) do
    local module = require("gptimage.cli." .. name)
    module.define(parser:command(name, module.summary))
  end
  if #arguments == 0 then
    io.stderr:write(parser:get_help(), "\n")
    return 1
  end
  local list = table.move(arguments, 1, #arguments, 1, {})
  local parsed = parser:parse(list)
  return require("gptimage.cli." .. parsed.command).run(parsed)
end

return M
