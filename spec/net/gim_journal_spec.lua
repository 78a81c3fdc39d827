-- SPDX-License-Identifier: MIT
-- Tests src/net/gim_journal.c and gim_journal_work.c through the test window.
local power = require "spec.support.power"
local program = require "spec.support.program"
local window = require "gptimage.core_test"

local ENOSPC, EIO = 28, 5

describe("gim_journal", function()
  local folder, before, journals

  local function path(name) return folder .. "/" .. (name or "jobs.jsonl") end

  local function contents(name)
    local file <close> = assert(io.open(path(name), "rb"))
    return file:read "a"
  end

  local function put(text, name)
    local file <close> = assert(io.open(path(name), "wb"))
    file:write(text)
  end

  local function open(name)
    local journal = assert(window.journal(path(name)))
    journals[#journals + 1] = journal
    return journal
  end

  local function texts(journal)
    local list = {}
    for index, line in ipairs(assert(journal:read())) do list[index] = line.text end
    return list
  end

  local function remove(where)
    for name in pairs(window.list(where)) do
      local full = where .. "/" .. name
      if not os.remove(full) then remove(full) end
    end
    window.rmdir(where)
  end

  before_each(function()
    collectgarbage()
    folder, journals = window.folder(), {}
    before = window.open_fds()
  end)

  after_each(function()
    window.disk_fault()
    for _, journal in ipairs(journals) do journal:close() end
    assert.equal(before, window.open_fds())
    remove(folder)
  end)

  describe("writes", function()
    it("what was appended, and says when it is on the disk", function()
      local journal = open()
      assert.equal(1, journal:append "one")
      assert.equal(2, journal:append "two")
      assert.equal("durable", journal:wait(2))
      assert.equal("durable", journal:ask(1))
      assert.equal("one\ntwo\n", contents())
      assert.is_nil(journal:failure())
    end)

    it("a thousand lines in few syncs", function()
      local journal, last = open(), nil
      for i = 1, 1000 do last = journal:append("line " .. i) end
      journal:wait(last)
      assert.equal(1000, select(2, contents():gsub("line %d+\n", "")))
    end)

    it("a line longer than what it gathers, between short ones", function()
      local journal = open()
      local long = ("x"):rep(3 * 1024 * 1024)
      journal:append "a"
      journal:append(long)
      journal:wait(journal:append "b")
      assert.equal("a\n" .. long .. "\nb\n", contents())
    end)

    it("what is left when it is closed", function()
      local journal = open()
      for i = 1, 100 do journal:append(tostring(i)) end
      journal:close()
      assert.equal("100", contents():match "(%d+)\n$")
    end)

    it("a line about a file once that is on the disk, and removes what it spares", function()
      put("spare", "spare")
      put("picture", "picture")
      local journal = open()
      assert.is_true(journal:append_filed("saved", path "picture", path "spare"))
      journal:close()
      assert.equal("saved\n", contents())
      assert.is_nil(window.list(folder).spare)
      assert.equal("picture", contents "picture")
    end)

    it("no line about a file that the disk does not keep, and removes nothing then", function()
      put("spare", "spare")
      put("picture", "picture")
      local journal = open()
      journal:wait(journal:append "one") -- the journal's own name is safe
      window.disk_fault("fsync", EIO)
      journal:append_filed("saved", path "picture", path "spare")
      journal:wait(journal:append "other")
      journal:close()
      assert.equal("one\nother\n", contents())
      assert.equal("spare", contents "spare")
    end)

    it("lines about files in their order, and behind what they speak of", function()
      put("picture", "picture")
      local journal = open()
      journal:append_filed("arrived", path "picture")
      journal:append_filed "done"
      journal:append_filed("saved", path "picture")
      journal:close()
      assert.equal("arrived\ndone\nsaved\n", contents())
      journal = open()
      journal:wait(journal:append "one") -- the journal's own name is safe
      window.disk_fault("fsync", EIO)
      journal:append_filed("lost", path "picture")
      journal:append_filed "done"
      journal:close()
      assert.equal("arrived\ndone\nsaved\none\ndone\n", contents())
    end)

    it("no line while the disk does not keep its own name", function()
      window.disk_fault("fsync", EIO)
      local journal = open()
      local ticket = journal:append "one"
      local state, err = journal:wait(ticket)
      assert.same({ "failed", "io" }, { state, err.kind })
      assert.equal("", contents())
      window.disk_fault()
      assert.equal("durable", journal:wait(ticket, true))
      assert.equal("one\n", contents())
    end)

    it("a line about a file that somebody has taken over since", function()
      local journal = open()
      assert.is_true(journal:append_filed("saved", path "gone"))
      journal:close()
      assert.equal("saved\n", contents())
    end)

    it("where it was opened, wherever the program goes", function()
      local here = assert(require("spec.support.program").root)
      assert.is_true(window.chdir(folder))
      local journal = assert(window.journal "relative.jsonl")
      journals[1] = journal
      put("x", "x.png")
      journal:append_filed("saved", "x.png")
      window.chdir(here)
      journal:wait(journal:append "one")
      journal:close()
      assert.same({ "one", "saved" }, (function()
        local list = {}
        for line in contents("relative.jsonl"):gmatch "[^\n]+" do list[#list + 1] = line end
        table.sort(list)
        return list
      end)())
      assert.equal(folder .. "/relative.jsonl", (open("relative.jsonl"):path()))
    end)

    it("with the owner's rights alone: it holds prompts", function()
      open()
      assert.equal(tonumber("600", 8), window.list(folder)["jobs.jsonl"])
    end)
  end)

  describe("locked", function()
    it("refuses a second one in the same process, and lets it in once it is closed", function()
      local journal = open()
      local second, err = window.journal(path())
      assert.is_nil(second)
      assert.equal("io", err.kind)
      assert.truthy(err.message:find("in use by another client or process", 1, true))
      journal:close()
      open()
    end)

    it("refuses another process", function()
      open()
      local ok, message = window.in_child(function()
        local _, err = window.journal(path())
        return err.kind .. " " .. err.message
      end)
      assert.is_true(ok)
      assert.truthy(message:find("^io .*in use by another"), message)
    end)

    it("leaves the parent's alone in a child that forked off", function()
      local journal = open()
      local ok = window.in_child(function()
        journal:close()
        return true
      end)
      assert.is_true(ok)
      assert.equal("durable", journal:wait(journal:append "still here"))
      assert.is_nil(window.journal(path()))
    end)

    it("is not what somebody compacted while we were opening it", function()
      local journal = open()
      journal:wait(journal:append "x")
      assert.is_true(journal:compact(journal:read()))
      assert.is_nil(window.journal(path()))
      journal:close()
      assert.same({ "x" }, texts(open()))
    end)
  end)

  describe("says why it cannot", function()
    it("be opened: no folder, a folder, a pipe, a name that is too long", function()
      window.mkdir(path "folder")
      os.execute("mkfifo " .. path "pipe")
      for _, name in ipairs { "none/jobs", "folder", "pipe", ("x"):rep(300) } do
        local journal, err = window.journal(path(name))
        assert.is_nil(journal)
        assert.equal("io", err.kind)
        assert.truthy(err.message:find("The journal", 1, true))
      end
    end)

    it("be opened in a read-only folder", function()
      window.mkdir(path "fixed", tonumber("555", 8))
      local probe = io.open(path "fixed/probe", "w")
      if probe then -- whoever may write everywhere tries a file system that nobody may write to
        probe:close()
        local journal, err = window.journal "/proc/gptimage.jsonl"
        assert.is_nil(journal)
        assert.equal("io", err.kind)
      else
        local journal, err = window.journal(path "fixed/jobs.jsonl")
        assert.is_nil(journal)
        assert.equal("io", err.kind)
      end
    end)

    it("write: the file does not grow any more, and the host lives on", function()
      local journal = open()
      journal:wait(journal:append "first")
      window.with_file_limit(10, function()
        local state, err = journal:wait(journal:append "a line too many")
        assert.equal("failed", state)
        assert.equal("io", err.kind)
        assert.truthy(err.message:find("cannot be written", 1, true))
        assert.equal("first\n", contents(), "no half line stays")
        assert.equal("io", journal:failure().kind)
      end)
      assert.equal("durable", journal:wait(journal:append "third"))
      assert.is_nil(journal:failure())
      assert.equal("first\na line too many\nthird\n", contents())
    end)

    it("write to a full disk, and does so by itself once there is room", function()
      local journal = open()
      window.disk_fault("write", ENOSPC)
      local ticket = journal:append "one"
      assert.equal("failed", (journal:wait(ticket)))
      assert.equal("", contents())
      window.disk_fault()
      assert.equal("durable", journal:wait(ticket, true))
      assert.equal("one\n", contents())
    end)

    it("sync: the lines are cut off and written anew", function()
      local journal = open()
      journal:wait(journal:append "zero")
      window.disk_fault("fdatasync", EIO)
      local ticket = journal:append "one"
      assert.equal("failed", (journal:wait(ticket)))
      assert.equal("zero\n", contents())
      window.disk_fault()
      assert.equal("durable", journal:wait(ticket, true))
      assert.equal("zero\none\n", contents())
    end)

    it("cut off half a line, and is given up for good then", function()
      local journal = open()
      journal:wait(journal:append "zero")
      window.disk_fault("write", ENOSPC)
      window.disk_fault("ftruncate", EIO)
      local state, err = journal:wait(journal:append "one and only")
      assert.equal("failed", state)
      assert.equal("io", err.kind)
      assert.equal(0, journal:append "two")
      assert.is_false(journal:append_filed("three", path "x"))
      window.disk_fault()
      journal:close()
      journal = open()
      journal:wait(journal:append "two")
      assert.same({ "zero", "one an", "two" }, texts(journal))
    end)

    it("be written where it was moved or removed", function()
      for _, act in ipairs { os.remove, function(name) os.rename(name, name .. ".old") end } do
        local journal = open()
        act(path())
        local state, err = journal:wait(journal:append "one")
        assert.equal("failed", state)
        assert.equal("io", err.kind)
        assert.equal(0, journal:append "two")
        assert.equal("failed", (journal:ask(1)))
        journal:close()
      end
    end)

    it("be written when it is closed, and ends all the same", function()
      local journal = open()
      window.disk_fault("write", ENOSPC)
      journal:append "one"
      journal:close()
      assert.equal("", contents())
    end)

    it("have memory for any of its allocations", function()
      for n = 1, 20 do
        window.fail_allocation(n)
        local journal, err = window.journal(path())
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
    local aside <close> = program.folder()
    for n = 1, 40 do
      os.remove(path())
      os.remove(aside.path .. "/trace")
      local disk = power.disk(folder)
      local ok, said = window.in_child(function()
        window.disk_trace(folder, aside.path .. "/trace")
        window.die_at(n)
        local told = io.open(aside.path .. "/told", "wb")
        told:setvbuf "no"
        local journal = assert(window.journal(path()))
        for i = 1, 20 do
          journal:wait(journal:append("line " .. i))
          told:write("line ", i, "\n")
        end
      end)
      assert.is_false(ok, said)
      for _, call in ipairs(power.calls(aside.path .. "/trace")) do disk:apply(call) end
      local told_file <close> = assert(io.open(aside.path .. "/told", "rb"))
      local told = told_file:read "a"
      for _, way in ipairs { "lost", "names", "zeros", "removed", "kept" } do
        local left = disk:image(power[way])["/jobs.jsonl"] or ""
        assert.equal(told, left:sub(1, #told), ("call %d, %s"):format(n, way))
      end
    end
  end)
end)
