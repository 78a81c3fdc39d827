-- SPDX-License-Identifier: MIT
-- Tests src/net/gim_journal_text.c through the test window: what stands in the file.
local journals = require "spec.support.journal_window"
local window = require "gptimage.core_test"

local ENOSPC = 28

describe("gim_journal", function()
  local J

  before_each(function() J = journals.new() end)
  after_each(function() J.close() end)

  describe("reads", function()
    it("every line with its place, and passes over empty ones", function()
      J.put "one\n\ntwo\n\n\nthree\n"
      local lines = J.open():read()
      assert.same({ { text = "one", offset = 0, n = 4 }, { text = "two", offset = 5, n = 4 },
        { text = "three", offset = 11, n = 6 } }, lines)
    end)

    it("a torn last line as one of its own, whatever follows", function()
      J.put "one\n{\"event\":\"inte"
      local journal = J.open()
      journal:wait(journal:append "two")
      assert.same({ "one", "{\"event\":\"inte", "two" }, J.texts(journal))
    end)

    it("lines that cross its blocks at every place", function()
      local lines, size = {}, 0
      for n = 1, 1200 do
        lines[n] = ("%d:"):format(n) .. ("y"):rep(n)
        size = size + #lines[n] + 1
      end
      J.put(table.concat(lines, "\n") .. "\n")
      assert.is_true(size > 512 * 1024)
      local journal = J.open()
      assert.same(lines, J.texts(journal))
      for n, line in ipairs(journal:read()) do
        if n % 97 == 0 then assert.equal(lines[n] .. "\n", journal:fetch(line)) end
      end
    end)

    it("past a line that is longer than any of ours", function()
      local long = 5 * 1024 * 1024
      J.put("one\n" .. ("z"):rep(long) .. "\ntwo\n")
      local lines = J.open():read()
      assert.equal(3, #lines)
      assert.is_nil(lines[2].text)
      assert.equal(long + 1, lines[2].n)
      assert.equal("two", lines[3].text)
    end)

    it("binary garbage as it is", function()
      J.put "\0\1\2\255\n\200\n"
      assert.same({ "\0\1\2\255", "\200" }, J.texts(J.open()))
    end)

    it("a place that is not there any more", function()
      local journal = J.open()
      local text, err = journal:fetch { offset = 100, n = 10 }
      assert.is_nil(text)
      assert.equal("io", err.kind)
    end)
  end)

  describe("compacts", function()
    it("to the lines that it is told, in one piece, and goes on behind them", function()
      J.put "one\ntwo\nthree\nfour\n"
      local journal = J.open()
      local lines = journal:read()
      assert.is_true(journal:compact { lines[1], lines[3], lines[4] })
      assert.equal("one\nthree\nfour\n", J.read())
      journal:wait(journal:append "five")
      assert.equal("one\nthree\nfour\nfive\n", J.read())
      assert.same({ "jobs.jsonl" }, J.folder:files())
    end)

    it("to nothing", function()
      J.put "one\n"
      local journal = J.open()
      assert.is_true(journal:compact {})
      assert.equal("", J.read())
    end)

    it("and keeps the rights that the file had", function()
      J.put "one\n"
      os.execute("chmod 640 " .. J.path())
      local journal = J.open()
      assert.is_true(journal:compact(journal:read()))
      assert.equal(tonumber("640", 8), window.list(J.folder.path)["jobs.jsonl"])
    end)

    it("or leaves the old file in use, and nothing beside it", function()
      for _, call in ipairs { "write", "fsync", "rename" } do
        J.put "one\ntwo\n"
        local journal = J.open()
        local lines = journal:read()
        window.disk_fault(call, ENOSPC)
        local ok, err = journal:compact { lines[2] }
        window.disk_fault()
        assert.is_nil(ok)
        assert.equal("io", err.kind)
        journal:wait(journal:append "three")
        assert.equal("one\ntwo\nthree\n", J.read(), call)
        assert.is_nil(window.list(J.folder.path)["jobs.jsonl.new"])
        journal:close()
      end
    end)

    it("over what a crash left of an earlier try", function()
      J.put "one\n"
      J.put("half of i", "jobs.jsonl.new")
      local journal = J.open()
      assert.is_true(journal:compact(journal:read()))
      assert.equal("one\n", J.read())
      assert.is_nil(window.list(J.folder.path)["jobs.jsonl.new"])
    end)
  end)
end)
