-- SPDX-License-Identifier: MIT
-- Tests src/net/gim_archive.c through the test window.
local files = require "spec.support.files"
local hubs = require "spec.support.hubs"
local window = require "gptimage.core_test"

local EIO, ENOSPC = hubs.EIO, hubs.ENOSPC

describe("gim_archive", function()
  local H

  before_each(function() H = hubs.new() end)
  after_each(function() H.close() end)

  describe("opens", function()
    it("a new journal, and leaves nothing but that when it is closed", function()
      local before = window.open_fds()
      local hub = H.open()
      assert.same({}, (hub:past()))
      hub:close()
      assert.equal(before, window.open_fds())
      assert.same({ "jobs.jsonl" }, H.folder:files())
    end)

    it("what is open, and counts what is over", function()
      H.put { H.intent "gim_a", H.intent "gim_b", '{"event":"closed","key":"gim_b"}',
        H.intent "gim_c", '{"event":"accepted","key":"gim_c","id":"t"}', "# foreign" }
      local past, finished = H.open():past()
      assert.same({ gim_a = "intent", gim_c = "accepted" }, past)
      assert.equal(1, finished)
    end)

    it("no journal that another hub has, that is a folder, or whose folder is missing", function()
      local first = H.open()
      local hub, err = H.try()
      assert.is_nil(hub)
      assert.same({ "io", "journal" }, { err.kind, err.field })
      assert.truthy(err.message:find "in use")
      first:close()
      H.path = function() return H.folder.path .. "/none/jobs.jsonl" end
      assert.equal("io", select(2, H.try()).kind)
      H.path = function() return H.folder.path end
      assert.equal("io", select(2, H.try()).kind)
    end)

    it("no journal whose past may still be lost", function()
      H.put { H.intent "gim_a" }
      window.disk_fault("fdatasync", EIO)
      local hub, err = H.try()
      assert.is_nil(hub)
      assert.same({ "io", "journal" }, { err.kind, err.field })
      window.disk_fault()
      assert.same({ gim_a = "intent" }, (H.open():past()))
    end)

    it("nothing when memory runs out at any place, and everything afterwards", function()
      for i = 1, 40 do H.put { H.intent("gim_" .. i), '{"event":"x"}' } end
      H.arrive "gim_over-0.arrived"
      H.put { H.intent "gim_over", '{"event":"closed","key":"gim_over"}' }
      local before = window.open_fds()
      local failed = 0
      for n = 1, 400 do
        window.fail_allocation(n)
        local hub, err = H.try()
        local left = window.fail_allocation(0)
        if hub then
          hub:close()
        else
          assert.equal("no_memory", err.kind)
          failed = failed + 1
        end
        assert.equal(before, window.open_fds())
        if left > 0 then break end
        assert.is_true(n < 400)
      end
      assert.is_true(failed > 5, failed)
      assert.equal("intent", (H.open():past()).gim_40)
    end)
  end)

  describe("sweeps", function()
    it("halves, and pictures of requests that are over; nothing else", function()
      H.put { H.intent "gim_open", H.intent "gim_over",
        '{"event":"failed","key":"gim_over","kind":"server","billed":"no"}' }
      for _, name in ipairs { "gim_open-0.arrived", "gim_over-0.arrived", "gim_over-17.arrived",
        "gim_unknown-0.arrived", "-0.arrived", "nodash.arrived", ("k"):rep(80) .. "-0.arrived",
        ".gptimage-0123456789abcdef.part", ".gptimage-x.png", "mine.part", "gim_over-1.png" } do
        H.arrive(name)
      end
      window.mkdir(H.beside ".gptimage-folder.part")
      H.open():close()
      assert.same({ "-0.arrived", ".gptimage-folder.part", ".gptimage-x.png", "gim_open-0.arrived",
        "gim_over-1.png", "gim_unknown-0.arrived", ("k"):rep(80) .. "-0.arrived", "mine.part",
        "nodash.arrived" }, H.files())
    end)

    it("no paid picture when the journal was removed, or nothing in it can be read", function()
      for _, text in ipairs { "", "garbage\n", ("\0"):rep(5000),
        '{"event":"intent","key":"gim_a"' } do
        files.write(H.path(), text)
        H.arrive "gim_a-0.arrived"
        H.open():close()
        assert.same({ "gim_a-0.arrived" }, H.files(), text:sub(1, 20))
      end
    end)

    it("what cannot be removed some other time", function()
      H.put { H.intent "gim_over", '{"event":"closed","key":"gim_over"}' }
      H.arrive "gim_over-0.arrived"
      window.disk_fault("unlink", EIO)
      H.open():close()
      assert.same({ "gim_over-0.arrived" }, H.files())
      window.disk_fault()
      H.open():close()
      assert.is_nil(H.files())
    end)

    it("nothing where a file has the folder's name", function()
      files.write(H.beside(), "a file")
      local hub = H.open()
      local done, err = hub:try_folder()
      assert.is_nil(done)
      assert.equal("io", err.kind)
      hub:close()
      assert.equal("a file", files.read(H.beside()))
    end)
  end)

  describe("compacts", function()
    local function fill()
      local lines = {}
      for i = 1, 3000 do
        lines[#lines + 1] = H.intent("gim_" .. i, '"pad":"' .. ("x"):rep(500) .. '",')
        lines[#lines + 1] = ('{"event":"closed","key":"gim_%d"}'):format(i)
      end
      lines[#lines + 1] = H.intent "gim_open"
      lines[#lines + 1] = "# foreign"
      H.put(lines)
    end

    it("what is mostly over, and knows how much that was", function()
      fill()
      local past, finished, why = H.open():past()
      assert.same({ { gim_open = "intent" }, 3000 }, { past, finished })
      assert.is_nil(why)
      assert.equal(H.intent "gim_open" .. "\n# foreign\n", files.read(H.path()))
    end)

    it("removes pictures for good before the lines go that name them", function()
      fill()
      for i = 1, 3 do H.arrive(("gim_%d-0.arrived"):format(i)) end
      local power = require "spec.support.power"
      local trace = os.tmpname()
      local disk = power.disk(H.folder.path)
      window.disk_trace(H.folder.path, trace)
      H.open():close()
      window.disk_trace()
      for _, call in ipairs(power.calls(trace)) do
        disk:apply(call)
        local image = disk:image { name = function(made) return made["jobs.jsonl"] end,
          bytes = power.kept.bytes } -- the new journal has its name, and no removal is kept
        local known = image["/jobs.jsonl"]:find('"gim_1"', 1, true) ~= nil
        assert.is_true(known or not image["/jobs.jsonl.d/gim_1-0.arrived"])
      end
      os.remove(trace)
      assert.is_nil(H.files())
    end)

    it("or says why not, and works all the same", function()
      fill()
      local size = #files.read(H.path())
      for _, call in ipairs { "write", "fsync", "rename", "open" } do
        -- opening the journal itself is the first of its calls
        window.disk_fault(call, ENOSPC, call == "open" and 1 or 0)
        local hub = H.open()
        window.disk_fault()
        local past, finished, why = hub:past()
        assert.same({ { gim_open = "intent" }, 3000 }, { past, finished }, call)
        assert.truthy(why:find "cannot be compacted", call)
        assert.truthy(hub:logged():find("cannot be compacted", 1, true), call)
        assert.equal(size, #files.read(H.path()), call)
        hub:close()
        assert.same({ "jobs.jsonl" }, H.folder:files())
      end
    end)
  end)

  describe("has a folder for pictures", function()
    it("that is made when it is asked for, for its owner, and goes when it is empty", function()
      local hub = H.open()
      assert.is_nil(H.files())
      assert.is_true(hub:try_folder())
      assert.equal(448, window.list(H.folder.path)["jobs.jsonl.d"]) -- 0700
      assert.equal(H.beside "gim_a-3.arrived", hub:spare("gim_a", 3))
      hub:close()
      assert.is_nil(H.files())
    end)

    it("or not, and is asked again then; once it was tried it is believed", function()
      local hub = H.open()
      for _, call in ipairs { "mkdir", "open" } do
        window.disk_fault(call, ENOSPC)
        local done, err = hub:try_folder()
        assert.is_nil(done)
        assert.same({ "io", true }, { err.kind, err.message:find "No space left" ~= nil })
      end
      window.disk_fault()
      assert.is_true(hub:try_folder())
      window.disk_fault("open", EIO)
      assert.is_true(hub:try_folder())
    end)

    it("whose files have no name when memory is out", function()
      local hub = H.open()
      window.fail_allocation(1)
      assert.is_nil(hub:spare("gim_a", 0))
    end)
  end)

  describe("tells those who wait", function()
    it("when their line is on the disk, and nobody who does not", function()
      local hub = H.open()
      assert.is_true(hub:append "one")
      assert.equal(0, hub:append("two", true))
      assert.is_true(hub:append "three")
      assert.equal("one\ntwo\nthree\n", files.read(H.path()))
    end)

    it("when it was tried in vain, which the log says once each time that it begins", function()
      local hub = H.open()
      for _ = 1, 2 do
        window.disk_fault("write", ENOSPC)
        for _ = 1, 2 do
          local done, err = hub:append "x"
          assert.is_nil(done)
          assert.same({ "io", true }, { err.kind, err.message:find "No space left" ~= nil })
        end
        window.disk_fault()
        assert.is_true(hub:append "y")
        assert.equal(1, select(2, hub:logged():gsub("No space left", "")))
      end
    end)

    it("at once when there is no memory, or the journal was given up", function()
      local hub = H.open()
      window.fail_allocation(1)
      local done, err = hub:append "x"
      assert.is_nil(done)
      assert.equal("no_memory", err.kind)
      assert.is_true(hub:append "x")
      os.remove(H.path())
      assert.is_nil((hub:append "y"))
      done, err = hub:append "z"
      assert.is_nil(done)
      assert.truthy(err.message:find "not where it was")
    end)
  end)

  it("closes for good what was reported, when it is closed in order", function()
    H.put { H.intent "gim_a", H.intent "gim_b" }
    local hub = H.open()
    hub:report "gim_a"
    hub:close()
    local past, finished = H.open():past()
    assert.same({ { gim_b = "intent" }, 1 }, { past, finished })
  end)

  it("leaves open what was reported when that cannot be written", function()
    H.put { H.intent "gim_a" }
    local hub = H.open()
    hub:report "gim_a"
    window.disk_fault("write", ENOSPC)
    hub:close()
    window.disk_fault()
    assert.same({ gim_a = "intent" }, (H.open():past()))
  end)
end)
