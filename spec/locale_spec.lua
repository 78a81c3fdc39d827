-- SPDX-License-Identifier: MIT
-- What goes out and what comes in is the same in every locale, also in one that a program changes
-- to later: cjson remembers the decimal point of when it was loaded.

local files = require "spec.support.files"
local program = require "spec.support.program"

describe("a program that changes its locale", function()
  it("sends and reads the same numbers", function()
    local folder <close> = files.folder()
    local made = os.execute(("localedef -i de_DE -f UTF-8 %s/de_DE.UTF-8 > %s/log 2>&1")
      :format(folder.path, folder.path))
    if not made then
      return pending "no locale with a decimal comma can be made here (localedef, package locales)"
    end
    local run = program.run("spec/support/programs/locale.lua",
      { arguments = { "de_DE.UTF-8" }, env = { LOCPATH = folder.path } })
    assert.same({ output = "fine\n", status = 0 }, run)
  end)
end)
