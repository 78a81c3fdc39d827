-- SPDX-License-Identifier: MIT
-- Tests src/net/gim_journal_text.c through the test window: what stands in the file.
local program = require "spec.support.program"
local window = require "gptimage.core_test"

local ENOSPC = 28

describe("gim_journal", function()
  local home, folder, journals

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

  before_each(function()
    home, journals = program.folder(), {}
    folder = home.path
  end)

  after_each(function()
    window.disk_fault()
    for _, journal in ipairs(journals) do journal:close() end
    home:close()
  end)

  describe("reads", function()
    it("every line with its place, and passes over empty ones", function()
      put "one\n\ntwo\n\n\nthree\n"
      local lines = open():read()
      assert.same({ { text = "one", offset = 0, n = 4 }, { text = "two", offset = 5, n = 4 },
        { text = "three", offset = 11, n = 6 } }, lines)
    end)

    it("a torn last line as one of its own, whatever follows", function()
      put "one\n{\"event\":\"inte"
      local journal = open()
      journal:wait(journal:append "two")
      assert.same({ "one", "{\"event\":\"inte", "two" }, texts(journal))
    end)

    it("lines that cross its blocks at every place", function()
      local lines, size = {}, 0
      for n = 1, 1200 do
        lines[n] = ("%d:"):format(n) .. ("y"):rep(n)
        size = size + #lines[n] + 1
      end
      put(table.concat(lines, "\n") .. "\n")
      assert.is_true(size > 512 * 1024)
      local journal = open()
      assert.same(lines, texts(journal))
      for n, line in ipairs(journal:read()) do
        if n % 97 == 0 then assert.equal(lines[n] .. "\n", journal:fetch(line)) end
      end
    end)

    it("past a line that is longer than any of ours", function()
      local long = 5 * 1024 * 1024
      put("one\n" .. ("z"):rep(long) .. "\ntwo\n")
      local lines = open():read()
      assert.equal(3, #lines)
      assert.is_nil(lines[2].text)
      assert.equal(long + 1, lines[2].n)
      assert.equal("two", lines[3].text)
    end)

    it("binary garbage as it is", function()
      put "\0\1\2\255\n\200\n"
      assert.same({ "\0\1\2\255", "\200" }, texts(open()))
    end)

    it("a place that is not there any more", function()
      local journal = open()
      local text, err = journal:fetch { offset = 100, n = 10 }
      assert.is_nil(text)
      assert.equal("io", err.kind)
    end)
  end)

  describe("compacts", function()
    it("to the lines that it is told, in one piece, and goes on behind them", function()
      put "one\ntwo\nthree\nfour\n"
      local journal = open()
      local lines = journal:read()
      assert.is_true(journal:compact { lines[1], lines[3], lines[4] })
      assert.equal("one\nthree\nfour\n", contents())
      journal:wait(journal:append "five")
      assert.equal("one\nthree\nfour\nfive\n", contents())
      assert.same({ ["jobs.jsonl"] = window.list(folder)["jobs.jsonl"] }, window.list(folder))
    end)

    it("to nothing", function()
      put "one\n"
      local journal = open()
      assert.is_true(journal:compact {})
      assert.equal("", contents())
    end)

    it("and keeps the rights that the file had", function()
      put "one\n"
      os.execute("chmod 640 " .. path())
      local journal = open()
      assert.is_true(journal:compact(journal:read()))
      assert.equal(tonumber("640", 8), window.list(folder)["jobs.jsonl"])
    end)

    it("or leaves the old file in use, and nothing beside it", function()
      for _, call in ipairs { "write", "fsync", "rename" } do
        put "one\ntwo\n"
        local journal = open()
        local lines = journal:read()
        window.disk_fault(call, ENOSPC)
        local ok, err = journal:compact { lines[2] }
        window.disk_fault()
        assert.is_nil(ok)
        assert.equal("io", err.kind)
        journal:wait(journal:append "three")
        assert.equal("one\ntwo\nthree\n", contents(), call)
        assert.is_nil(window.list(folder)["jobs.jsonl.new"])
        journal:close()
      end
    end)

    it("over what a crash left of an earlier try", function()
      put "one\n"
      put("half of i", "jobs.jsonl.new")
      local journal = open()
      assert.is_true(journal:compact(journal:read()))
      assert.equal("one\n", contents())
      assert.is_nil(window.list(folder)["jobs.jsonl.new"])
    end)
  end)
end)
