-- SPDX-License-Identifier: MIT
-- Tests src/net/gim_file_limit.c: under `ulimit -f` a file that cannot grow is an error like others
-- and not the end of the host. What is done stands in spec/support/programs/file_limit.lua.

local files = require "spec.support.files"
local program = require "spec.support.program"

local SIGXFSZ = 25

local function run(blocks, ...)
  return program.run("spec/support/programs/file_limit.lua",
    { arguments = { ... }, file_blocks = blocks })
end

describe("a limit on the size of files", function()
  for case, what in pairs {
    picture = "leaves a picture that is too large within reach",
    behind = "does so where it is written by a thread",
  } do
    it(what, function()
      assert.same({ output = "fine\n", status = 0 }, run(1024, case))
    end)
  end

  it("keeps a journal from taking a line: nothing is sent", function()
    assert.same({ output = "fine\n", status = 0 }, run(0, "journal"))
  end)

  it("keeps a journal that is torn from being opened", function()
    local folder <close> = files.folder()
    local journal = folder.path .. "/jobs.jsonl"
    files.write(journal, '{"event":"intent","key":"abc')
    assert.same({ output = "fine\n", status = 0 }, run(0, "open", journal))
  end)

  it("still ends a host that passes it by itself", function()
    local ended = run(1024, "host")
    assert.same({ "", SIGXFSZ }, { ended.output, ended.status })
  end)
end)
