-- SPDX-License-Identifier: MIT
-- Tests src/net/gim_scribe.c through the test window: the lines of one request, and what they do
-- to its files. What survives a power failure is in spec/power_spec.lua.
local files = require "spec.support.files"
local hubs = require "spec.support.hubs"
local window = require "gptimage.core_test"

local EIO, ENOSPC = hubs.EIO, hubs.ENOSPC

describe("gim_scribe", function()
  local H, hub, scribe

  before_each(function()
    H = hubs.new()
    hub = H.open()
    scribe = hub:scribe "gim_a"
  end)
  after_each(function()
    hub, scribe = nil, nil
    H.close()
  end)

  local INTENT = { path = "/v1/images", body = '{"prompt":"a boat"}' }

  local function intend(more)
    for name, value in pairs(INTENT) do more[name] = more[name] or value end
    return scribe:intend(more)
  end

  -- Steps until that many lines are on the disk.
  local function wait_for(count)
    for _ = 1, 2000 do
      if #H.entries() >= count then return end
      hub:step(5)
    end
    error "nothing came"
  end

  -- What stands in the journal once all of it is written.
  local function events()
    H.shut(hub, scribe)
    return H.events()
  end

  it("writes its intent before anything else, with the request and no secret", function()
    assert.same({ false, false, true }, { scribe:state() })
    scribe:accepted "t" -- nothing is written of what was not intended
    scribe:arrived(0, H.arrive "gim_a-0.arrived", 7)
    scribe:saved(0, 0, files.write(H.path "x.png", "x"), 1)
    scribe:done { { payload = 0 } }
    scribe:finish { billed = "no" }
    assert.is_true(intend { output = "out/{id}.png" })
    assert.same({ true, false, false }, { scribe:state() })
    local text = files.read(H.path())
    assert.is_nil(text:find("sk-window", 1, true))
    assert.same({ "intent" }, { H.events() })
    local entry = H.entries()[1]
    assert.same({ "gim_a", "magick", hubs.BASE, "/v1/images", "out/{id}.png", "number" },
      { entry.key, entry.provider, entry.base_url, entry.path, entry.output, entry.overwrite })
    assert.equal("a boat", entry.request.prompt)
  end)

  it("says why an intent is not on the disk, and writes nothing behind it", function()
    window.disk_fault("fdatasync", EIO)
    local done, err = intend {}
    assert.is_nil(done)
    assert.equal("io", err.kind)
    window.disk_fault()
    assert.is_true(hub:append "x")
    for n = 1, 3 do
      window.fail_allocation(n)
      done, err = hub:scribe("gim_b"):intend(INTENT)
      window.fail_allocation(0)
      if done then break end
      assert.equal("no_memory", err.kind)
    end
    local body = ('"%s"'):format(("x"):rep(1 << 26))
    done, err = hub:scribe("gim_c"):intend { path = "/", body = body }
    assert.is_nil(done)
    assert.equal("too_big", err.kind)
  end)

  it("writes each step once", function()
    intend {}
    for _ = 1, 2 do scribe:accepted "task-1" end
    for _ = 1, 2 do scribe:done { id = "task-1", { url = "https://x/1.png" } } end
    scribe:saved(0, -1, files.write(H.path "1.png", "12345"), 5)
    scribe:finish { billed = "yes" }
    assert.equal("intent accepted done saved", events())
    local entries = H.entries()
    assert.equal("task-1", entries[2].id)
    local image = entries[3].images[1]
    assert.same({ "https://x/1.png", entries[3].time + 24 * 3600 }, { image.url, image.expires_at })
    assert.same({ 1, H.path "1.png", 5 }, { entries[4].index, entries[4].path, entries[4].size })
  end)

  it("keeps a copy until its picture is filed, and names it until then", function()
    intend {}
    for i = 0, 1 do scribe:arrived(i, H.arrive(("gim_a-%d.arrived"):format(i), "12345"), 5) end
    scribe:done { { payload = 1 }, { payload = 0 }, { url = "https://x/3.png" }, {} }
    scribe:saved(0, 1, files.write(H.path "1.png", "12345"), 5)
    assert.equal("intent arrived arrived done saved", events())
    local images = H.entries()[4].images
    assert.same({ file = "gim_a-1.arrived", size = 5 }, images[1])
    assert.same({ file = "gim_a-0.arrived", size = 5 }, images[2])
    assert.equal("https://x/3.png", images[3].url)
    assert.same({}, images[4])
    assert.same({ "gim_a-0.arrived" }, H.files())
  end)

  it("keeps a copy when the disk does not keep the picture, and says nothing of it", function()
    intend {}
    scribe:arrived(0, H.arrive("gim_a-0.arrived", "12345"), 5)
    wait_for(2)
    window.disk_fault("fsync", EIO)
    scribe:saved(0, 0, files.write(H.path "1.png", "12345"), 5)
    assert.equal("intent arrived", events())
    assert.same({ "gim_a-0.arrived" }, H.files())
  end)

  it("keeps a copy while the journal cannot be written, and gets on once it can", function()
    intend {}
    scribe:arrived(0, H.arrive("gim_a-0.arrived", "12345"), 5)
    wait_for(2)
    window.disk_fault("write", ENOSPC)
    scribe:done { { payload = 0 } }
    scribe:saved(0, 0, files.write(H.path "1.png", "12345"), 5)
    assert.is_nil((hub:append "x"))
    scribe:finish { billed = "yes" }
    assert.same({ true, true, false }, { scribe:state() }) -- open, lost
    assert.same({ "gim_a-0.arrived" }, H.files())
    window.disk_fault()
    assert.equal("intent arrived done saved", (events():gsub(" %?", "")))
    assert.is_nil(H.files())
  end)

  it("names no file that is not synced: what it tells comes behind that", function()
    intend {}
    window.disk_fault("fsync", EIO)
    scribe:arrived(0, H.arrive("gim_a-0.arrived", "12345"), 5)
    scribe:done { { payload = 0 }, { url = "https://x/2.png" } }
    -- the file's own line is dropped, without which the recovery does not believe in the file; the
    -- link is not
    assert.equal("intent done", events())
    assert.equal("https://x/2.png", H.entries()[2].images[2].url)
    window.disk_fault()
    H.arrive("gim_a-0.arrived", "\0\0\0\0\0") -- what a power failure may leave of it
    local remnant = H.open():recover "gim_a"
    assert.same({ "linked", 2, nil }, { remnant.kind, #remnant, remnant[1].path })
  end)

  it("says of a cut answer that it was", function()
    intend {}
    scribe:done({ { url = "https://x/1.png" } }, true)
    H.shut(hub, scribe)
    assert.is_true(H.entries()[2].cut)
  end)

  it("notes copies of an earlier life, and no number that there cannot be", function()
    scribe:resume(true, false)
    for _, payload in ipairs { -1, 128, 1 << 30, 1 } do scribe:resume_spare(payload) end
    scribe:arrived(-1, "x", 1)
    scribe:arrived(128, "x", 1)
    H.arrive("gim_a-1.arrived", "12345")
    scribe:accepted "t" -- known already
    scribe:done { { payload = 1 }, { payload = 127 }, { payload = 128 } }
    scribe:saved(0, 1, files.write(H.path "1.png", "12345"), 5)
    assert.equal("done saved", events())
    assert.same({ { file = "gim_a-1.arrived", size = 5 }, {}, {} }, H.entries()[1].images)
    assert.is_nil(H.files())
  end)

  it("says at the end what is certain: not charged, or never to be brought", function()
    local cases = {
      ["not charged"] = { { billed = "no", status = "refused" }, "intent failed" },
      ["not charged, after an id"] = { { billed = "no", status = "server", id = "t" },
        "intent failed" },
      ["no answer"] = { { billed = "maybe", status = "timeout" }, "intent failed" },
      ["without a picture"] = { { billed = "maybe", status = "server", id = "t",
        no_picture = true }, "intent failed" },
      ["with pictures"] = { { billed = "yes", status = "ok", id = "t" }, "intent" },
    }
    -- Whether an id that is asked for again would be answered otherwise.
    for status, events_after in pairs { invalid = "intent failed", refused = "intent failed",
      timeout = "intent", server = "intent" } do
      cases[status] = { { billed = "maybe", status = status, id = "t" }, events_after }
    end
    for name, case in pairs(cases) do
      intend {}
      scribe:finish(case[1])
      assert.equal(case[2], events(), name)
      local failed = H.entries()[2]
      if failed then
        assert.same({ case[1].status, case[1].billed, case[1].id },
          { failed.kind, failed.billed, failed.id }, name)
      end
      os.remove(H.path())
      hub = H.open()
      scribe = hub:scribe "gim_a"
    end
  end)

  it("starts over as another request", function()
    intend {}
    scribe:accepted "t"
    scribe:renew { id = "t", billed = "no", status = "server" }
    assert.same({ false, false, true }, { scribe:state() })
    intend {}
    scribe:accepted "u"
    assert.equal("intent accepted failed intent accepted", events())
  end)

  it("says that something is lost when there is no memory for a line", function()
    local path = files.write(H.path "1.png", "12345")
    for name, write in pairs {
      accepted = function() scribe:accepted "t" end,
      arrived = function() scribe:arrived(0, path, 5) end,
      done = function() scribe:done { { url = "https://x" } } end,
      saved = function() scribe:saved(0, -1, path, 5) end,
      failed = function() scribe:finish { billed = "no" } end,
    } do
      for n = 1, 6 do
        scribe = hub:scribe(("gim_%s_%d"):format(name, n))
        scribe:resume(false, false)
        window.fail_allocation(n)
        write()
        local left = window.fail_allocation(0)
        local _, lost = scribe:state()
        if left > 0 then break end -- it needs no more than n - 1
        hub:append "x"
        local text = files.read(H.path())
        assert.is_true(lost or text:find(("gim_%s_%d"):format(name, n), 1, true) ~= nil, name)
      end
    end
  end)

  it("loses what comes when the journal was given up", function()
    intend {}
    os.remove(H.path())
    assert.is_nil((hub:append "x"))
    scribe:accepted "t"
    assert.same({ true, true, false }, { scribe:state() })
  end)
end)
