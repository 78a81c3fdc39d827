-- SPDX-License-Identifier: MIT
-- Tests src/net/gim_journal.c and gim_journal_work.c through the test window.
local files = require "spec.support.files"
local journals = require "spec.support.journal_window"
local power = require "spec.support.power"
local window = require "gptimage.core_test"

local ENOSPC, EIO = 28, 5

describe("gim_journal", function()
  local J, before

  before_each(function()
    collectgarbage()
    J = journals.new()
    before = window.open_fds()
  end)

  after_each(function()
    J.close()
    assert.equal(before, window.open_fds())
  end)

  describe("writes", function()
    it("what was appended, and says when it is on the disk", function()
      local journal = J.open()
      assert.equal(1, journal:append "one")
      assert.equal(2, journal:append "two")
      assert.equal("durable", journal:wait(2))
      assert.equal("durable", journal:ask(1))
      assert.equal("one\ntwo\n", J.read())
      assert.is_nil(journal:failure())
    end)

    it("a thousand lines in few syncs", function()
      local journal, last = J.open(), nil
      for i = 1, 1000 do last = journal:append("line " .. i) end
      journal:wait(last)
      assert.equal(1000, select(2, J.read():gsub("line %d+\n", "")))
    end)

    it("a line longer than what it gathers, between short ones", function()
      local journal = J.open()
      local long = ("x"):rep(3 * 1024 * 1024)
      journal:append "a"
      journal:append(long)
      journal:wait(journal:append "b")
      assert.equal("a\n" .. long .. "\nb\n", J.read())
    end)

    it("what is left when it is closed", function()
      local journal = J.open()
      for i = 1, 100 do journal:append(tostring(i)) end
      journal:close()
      assert.equal("100", J.read():match "(%d+)\n$")
    end)

    it("a line about a file once that is on the disk, and removes what it spares", function()
      J.put("spare", "spare")
      J.put("picture", "picture")
      local journal = J.open()
      assert.is_true(journal:append_filed("saved", J.path "picture", J.path "spare"))
      journal:close()
      assert.equal("saved\n", J.read())
      assert.is_nil(window.list(J.folder.path).spare)
      assert.equal("picture", J.read "picture")
    end)

    it("no line about a file that the disk does not keep, and removes nothing then", function()
      J.put("spare", "spare")
      J.put("picture", "picture")
      local journal = J.open()
      journal:wait(journal:append "one") -- the journal's own name is safe
      window.disk_fault("fsync", EIO)
      assert.equal(0, journal:dropped())
      journal:append_filed("saved", J.path "picture", J.path "spare")
      journal:wait(journal:append "other")
      journal:finish()
      journal:finish() -- idempotent
      local dropped, err = journal:dropped()
      assert.same({ 1, "io", 'The disk does not keep "' .. J.path "picture" .. '", of which the '
        .. "journal now says nothing: Input/output error (1 such so far)." },
        { dropped, err.kind, err.message })
      assert.is_nil(journal:failure())
      journal:close()
      assert.equal("one\nother\n", J.read())
      assert.equal("spare", J.read "spare")
    end)

    it("lines about files in their order, and behind what they speak of", function()
      J.put("picture", "picture")
      local journal = J.open()
      journal:append_filed("arrived", J.path "picture")
      journal:append_filed "done"
      journal:append_filed("saved", J.path "picture")
      journal:close()
      assert.equal("arrived\ndone\nsaved\n", J.read())
      journal = J.open()
      journal:wait(journal:append "one") -- the journal's own name is safe
      window.disk_fault("fsync", EIO)
      journal:append_filed("lost", J.path "picture")
      journal:append_filed "done"
      journal:close()
      assert.equal("arrived\ndone\nsaved\none\ndone\n", J.read())
    end)

    it("no line while the disk does not keep its own name", function()
      window.disk_fault("fsync", EIO)
      local journal = J.open()
      local ticket = journal:append "one"
      local state, err = journal:wait(ticket)
      assert.same({ "failed", "io" }, { state, err.kind })
      assert.equal("", J.read())
      window.disk_fault()
      assert.equal("durable", journal:wait(ticket, true))
      assert.equal("one\n", J.read())
    end)

    it("a line about a file that somebody has taken over since", function()
      local journal = J.open()
      assert.is_true(journal:append_filed("saved", J.path "gone"))
      journal:close()
      assert.equal("saved\n", J.read())
    end)

    it("where it was opened, wherever the program goes", function()
      local here = assert(require("spec.support.program").root)
      assert.is_true(window.chdir(J.folder.path))
      local journal = J.keep(assert(window.journal "relative.jsonl"))
      J.put("x", "x.png")
      journal:append_filed("saved", "x.png")
      window.chdir(here)
      journal:wait(journal:append "one")
      journal:close()
      assert.same({ "one", "saved" }, (function()
        local list = {}
        for line in J.read("relative.jsonl"):gmatch "[^\n]+" do list[#list + 1] = line end
        table.sort(list)
        return list
      end)())
      assert.equal(J.path "relative.jsonl", (J.open("relative.jsonl"):path()))
    end)

    it("with the owner's rights alone: it holds prompts", function()
      J.open()
      assert.equal(tonumber("600", 8), window.list(J.folder.path)["jobs.jsonl"])
    end)
  end)

  describe("locked", function()
    it("refuses a second one in the same process, and lets it in once it is closed", function()
      local journal = J.open()
      local second, err = window.journal(J.path())
      assert.is_nil(second)
      assert.equal("io", err.kind)
      assert.truthy(err.message:find("in use by another client or process", 1, true))
      journal:close()
      J.open()
    end)

    it("refuses another process", function()
      J.open()
      local ok, message = window.in_child(function()
        local _, err = window.journal(J.path())
        return err.kind .. " " .. err.message
      end)
      assert.is_true(ok)
      assert.truthy(message:find("^io .*in use by another"), message)
    end)

    it("leaves the parent's alone in a child that forked off", function()
      local journal = J.open()
      local ok = window.in_child(function()
        journal:close()
        return true
      end)
      assert.is_true(ok)
      assert.equal("durable", journal:wait(journal:append "still here"))
      assert.is_nil(window.journal(J.path()))
    end)

    it("is not what somebody compacted while we were opening it", function()
      local journal = J.open()
      journal:wait(journal:append "x")
      assert.is_true(journal:compact(journal:read()))
      assert.is_nil(window.journal(J.path()))
      journal:close()
      assert.same({ "x" }, J.texts(J.open()))
    end)
  end)

  describe("says why it cannot", function()
    it("be opened: no folder, a folder, a pipe, a name that is too long", function()
      window.mkdir(J.path "folder")
      os.execute("mkfifo " .. J.path "pipe")
      for _, name in ipairs { "none/jobs", "folder", "pipe", ("x"):rep(300) } do
        local journal, err = window.journal(J.path(name))
        assert.is_nil(journal)
        assert.equal("io", err.kind)
        assert.truthy(err.message:find("The journal", 1, true))
      end
    end)

    it("be opened in a read-only folder", function()
      window.mkdir(J.path "fixed", tonumber("555", 8))
      local probe = io.open(J.path "fixed/probe", "w")
      if probe then -- whoever may write everywhere tries a file system that nobody may write to
        probe:close()
        local journal, err = window.journal "/proc/gptimage.jsonl"
        assert.is_nil(journal)
        assert.equal("io", err.kind)
      else
        local journal, err = window.journal(J.path "fixed/jobs.jsonl")
        assert.is_nil(journal)
        assert.equal("io", err.kind)
      end
    end)

    it("write: the file does not grow any more, and the host lives on", function()
      local journal = J.open()
      journal:wait(journal:append "first")
      window.with_file_limit(10, function()
        local state, err = journal:wait(journal:append "a line too many")
        assert.equal("failed", state)
        assert.equal("io", err.kind)
        assert.truthy(err.message:find("cannot be written", 1, true))
        assert.equal("first\n", J.read(), "no half line stays")
        assert.equal("io", journal:failure().kind)
      end)
      assert.equal("durable", journal:wait(journal:append "third"))
      assert.is_nil(journal:failure())
      assert.equal("first\na line too many\nthird\n", J.read())
    end)

    it("write to a full disk, and does so by itself once there is room", function()
      local journal = J.open()
      window.disk_fault("write", ENOSPC)
      local ticket = journal:append "one"
      assert.equal("failed", (journal:wait(ticket)))
      assert.equal("", J.read())
      window.disk_fault()
      assert.equal("durable", journal:wait(ticket, true))
      assert.equal("one\n", J.read())
    end)

    it("hold more than its limit of lines on their way", function()
      local journal = J.open()
      local line = ("x"):rep(4 * 1024 * 1024 - 1) -- and its break: 16 of them are 64 MiB
      window.disk_fault("write", ENOSPC)
      for n = 1, 16 do assert.equal(n, journal:append(line)) end
      assert.equal(0, journal:append "")
      assert.is_false(journal:append_filed "")
      window.disk_fault()
      assert.equal("durable", journal:wait(16, true))
      assert.equal(17, journal:append "there is room again")
    end)

    it("sync: the lines are cut off and written anew", function()
      local journal = J.open()
      journal:wait(journal:append "zero")
      window.disk_fault("fdatasync", EIO)
      local ticket = journal:append "one"
      assert.equal("failed", (journal:wait(ticket)))
      assert.equal("zero\n", J.read())
      window.disk_fault()
      assert.equal("durable", journal:wait(ticket, true))
      assert.equal("zero\none\n", J.read())
    end)

    it("cut off half a line, and is given up for good then", function()
      local journal = J.open()
      journal:wait(journal:append "zero")
      window.disk_fault("write", ENOSPC)
      window.disk_fault("ftruncate", EIO)
      local state, err = journal:wait(journal:append "one and only")
      assert.equal("failed", state)
      assert.equal("io", err.kind)
      assert.equal(0, journal:append "two")
      assert.is_false(journal:append_filed("three", J.path "x"))
      window.disk_fault()
      journal:close()
      journal = J.open()
      journal:wait(journal:append "two")
      assert.same({ "zero", "one an", "two" }, J.texts(journal))
    end)

    it("be written where it was moved or removed", function()
      for _, act in ipairs { os.remove, function(name) os.rename(name, name .. ".old") end } do
        local journal = J.open()
        act(J.path())
        local state, err = journal:wait(journal:append "one")
        assert.equal("failed", state)
        assert.equal("io", err.kind)
        assert.equal(0, journal:append "two")
        assert.equal("failed", (journal:ask(1)))
        journal:close()
      end
    end)

    it("be written when it is closed, and ends all the same", function()
      local journal = J.open()
      window.disk_fault("write", ENOSPC)
      journal:append "one"
      journal:close()
      assert.equal("", J.read())
    end)

    it("have memory for any of its allocations", function()
      for n = 1, 20 do
        window.fail_allocation(n)
        local journal, err = window.journal(J.path())
        local left = window.fail_allocation(0)
        if not journal then
          assert.equal("no_memory", err.kind)
        else
          journal:close()
        end
        if left > 0 then break end
      end
    end)
  end)

  it("loses at most what it never called durable when the power fails", function()
    local aside <close> = files.folder()
    for n = 1, 40 do
      os.remove(J.path())
      os.remove(aside:at "trace")
      local disk = power.disk(J.folder.path)
      local ok, said = window.in_child(function()
        window.disk_trace(J.folder.path, aside:at "trace")
        window.die_at(n)
        local told = io.open(aside:at "told", "wb")
        told:setvbuf "no"
        local journal = assert(window.journal(J.path()))
        for i = 1, 20 do
          journal:wait(journal:append("line " .. i))
          told:write("line ", i, "\n")
        end
      end)
      assert.is_false(ok, said)
      for _, call in ipairs(power.calls(aside:at "trace")) do disk:apply(call) end
      local told = aside:read "told"
      for _, way in ipairs { "lost", "names", "zeros", "removed", "kept" } do
        local left = disk:image(power[way])["/jobs.jsonl"] or ""
        assert.equal(told, left:sub(1, #told), ("call %d, %s"):format(n, way))
      end
    end
  end)
end)
