-- SPDX-License-Identifier: MIT
-- busted's own report, and the counts of the run for .ci/counts.lua: busted's
-- exit code alone cannot tell 256 failures from none, or no test from a pass.
-- The counts go to the file that $GPTIMAGE_COUNTS names, if any.

return function(options)
  local busted = require "busted"
  local handler = require("busted.outputHandlers." .. options.defaultOutput)(options)

  busted.subscribe({ "suite", "end" }, function()
    local path = os.getenv "GPTIMAGE_COUNTS"
    if path then
      local file <close> = assert(io.open(path, "w"))
      file:write(("passed %d\nfailed %d\nskipped %d\n"):format(handler.successesCount,
        handler.failuresCount + handler.errorsCount, handler.pendingsCount))
    end
    return nil, true
  end)

  return handler
end
