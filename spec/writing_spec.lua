-- SPDX-License-Identifier: MIT
-- Where steps have a budget, pictures are written by a thread of the client's own: on a disk that
-- does not answer no step waits, nothing is lost or half there, and all comes to its end. What is
-- done stands in spec/support/programs/writing.lua, in a process of its own.

local program = require "spec.support.program"

describe("pictures written behind", function()
  for case, what in pairs {
    held = "let every step, and all others, go on while the disk does not answer",
    limits = "do not run out of time for having waited, when they go on",
    downloads = "of links do not either, nor while they wait for their names",
    together = "are waited for by all who want the same one, without being woken",
    many = "of one reply wait for each other, and all come",
    replace = "take another's place when they are whole",
    journal = "are written down when they have their names",
    cancel = "are those of an answer that came whole, also for who cancels then",
    ends = "leave nothing behind, whenever they are let go of",
    fails = "are not lost, whichever write fails",
    starved = "are written in the steps where there is no descriptor for more, and only then",
    at_once = "are none where no step has a budget",
    copies = "go on where they are copies, too",
  } do
    it(what, function()
      local run = program.run("spec/support/programs/writing.lua", { arguments = { case } })
      assert.equal("fine\n", run.output)
      assert.equal(0, run.status)
    end)
  end

  it("wake no host over HTTP/2, where all wait for the stream that is full", function()
    local run = program.run("spec/support/programs/full_stream.lua", {})
    assert.equal("fine\n", run.output)
    assert.equal(0, run.status)
  end)
end)
