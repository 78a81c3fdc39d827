-- SPDX-License-Identifier: MIT
-- Tests src/net/gim_recover.c through the test window: what is read of a request that was open, and
-- what is made of its files. What clients do with that is in spec/recover_spec.lua.
local files = require "spec.support.files"
local hubs = require "spec.support.hubs"
local pictures = require "spec.support.pictures"
local window = require "gptimage.core_test"

local DAY = 24 * 3600

describe("gim_recover", function()
  local H

  before_each(function() H = hubs.new() end)
  after_each(function() H.close() end)

  -- What is made of a request with these lines behind its intent.
  local function recover(lines, options)
    options = options or {}
    local all = { H.intent("gim_a", options.intent) }
    table.move(lines or {}, 1, #(lines or {}), 2, all)
    H.put(all)
    return assert(H.open():recover("gim_a", options.now))
  end

  local function event(name, more)
    return ('{"event":"%s","key":"gim_a","time":1000%s}'):format(name, more and "," .. more or "")
  end

  it("tells the intent, and that nobody knows more", function()
    local remnant = recover(nil, { intent = '"output":"o/{id}.png","overwrite":"refuse",' })
    assert.same({ kind = "maybe", time = 7, model = "m", prompt = "a boat", output = "o/{id}.png",
      told = false, cut = false }, remnant)
  end)

  it("tells what a request ended with that may have been charged", function()
    local remnant = recover { event("failed", '"id":"t","kind":"timeout","billed":"maybe"') }
    assert.same({ "maybe", "timeout", "t" }, { remnant.kind, remnant.failure, remnant.id })
  end)

  it("asks the service that has it", function()
    assert.same({ "attached", "task-1" }, (function(remnant)
      return { remnant.kind, remnant.id }
    end)(recover { event("accepted", '"id":"task-1"') }))
  end)

  it("cannot ask without an id, nor a service that is not the client's", function()
    assert.equal("maybe", recover({ event "accepted" }).kind)
    H.close()
    H = hubs.new()
    H.put { H.intent("gim_b"):gsub("pictures%.example", "other.example"),
      '{"event":"accepted","key":"gim_b","time":1,"id":"t"}',
      H.intent(("k"):rep(60)), H.intent(("k"):rep(39)) }
    local hub = H.open()
    assert.equal("elsewhere", hub:recover("gim_b").kind)
    assert.equal("elsewhere", hub:recover(("k"):rep(60)).kind) -- no key of ours
    assert.equal("maybe", hub:recover(("k"):rep(39)).kind)
  end)

  it("takes links while they are young, by a clock that may go backwards", function()
    local done = event("done", '"id":"t","images":[{"url":"https://x/1","expires_at":5}]')
    for now, kind in pairs { [1000] = "linked", [1000 + DAY - 1] = "linked",
      [1000 + DAY] = "lost", [0] = "linked" } do
      H.put { H.intent "gim_a", done }
      local hub = H.open()
      assert.equal(kind, hub:recover("gim_a", now).kind, now)
      hub:close()
      os.remove(H.path())
    end
    local remnant = recover({ done }, { intent = '"output":"x.png",', now = 1000 })
    assert.equal("downloading", remnant.kind)
    assert.same({ url = "https://x/1", size = 0, payload = -1 }, remnant[1])
    assert.is_true(remnant.told)
  end)

  it("takes old links where task and place are known, unless a new one was asked for", function()
    local function kind(done, failed, intent)
      H.close()
      H = hubs.new()
      return recover({ done, failed }, { intent = intent or '"output":"x.png",',
        now = 1000 + DAY }).kind
    end
    local links = '"images":[{"url":"https://x/1"},{"url":"https://x/2"}]'
    local known = event("done", '"id":"t",' .. links)
    local failed = event("failed", '"id":"t","kind":"not_found","billed":"yes"')
    assert.equal("downloading", kind(known))
    assert.equal("lost", kind(known, failed))
    assert.equal("lost", kind(known, nil, ""))
    assert.equal("lost", kind(event("done", links)))
    assert.equal("downloading", kind(known, event("saved", '"index":1,"path":"/p","size":9')))
  end)

  it("takes files of their size, and knows what was saved", function()
    for i = 0, 4 do H.arrive(("gim_a-%d.arrived"):format(i), "12345") end
    local remnant = recover { event("done", '"cut":true,"images":['
      .. '{"file":"gim_a-0.arrived","size":5},{"file":"gim_a-1.arrived","size":6},'
      .. '{"file":"gim_a-2.arrived","size":5},{"file":"gim_b-3.arrived","size":5},{},'
      .. '{"file":"../gim_a-4.arrived","size":5},{"file":"gim_a-99999999999.arrived","size":5},'
      .. '{"file":"gim_a-4.arrivedx","size":5},{"file":"gim_a-4.arrived"}]'),
      event("saved", '"index":3,"path":"/p/3.png","size":9'),
      event("saved", '"index":10,"path":"/p/x.png","size":9'), event("saved", '"index":0'),
      event("saved", '"index":1') }
    assert.equal("lost", remnant.kind) -- of what is not saved there is no file as it is named
    assert.is_true(remnant.cut)
    assert.equal(9, #remnant)
    -- number 1 is called saved, but not where
    assert.same({ path = "/p/3.png", size = 9, payload = -1 }, remnant[3])
    for i = 1, 9 do
      if i ~= 3 then assert.is_nil(remnant[i].path, i) end
    end
  end)

  it("calls lost what is paid when neither a file nor a link is left", function()
    H.arrive("gim_a-0.arrived", "1234")
    assert.equal("lost",
      recover({ event("done", '"images":[{"file":"gim_a-0.arrived","size":5},{}]') }).kind)
  end)

  it("believes no size of a file that is not known to have arrived", function()
    local png = pictures.png { width = 8, height = 8 }
    local zeros = ("\0"):rep(#png) -- a name and a size are there, and the bytes are not
    local done = event("done", ('"images":[{"file":"gim_a-0.arrived","size":%d},'
      .. '{"file":"gim_a-1.arrived","size":%d}]'):format(#png, #png))
    H.arrive("gim_a-0.arrived", zeros)
    H.arrive("gim_a-1.arrived", png)
    local remnant = recover { done }
    assert.same({ "filed", 2, nil }, { remnant.kind, #remnant, remnant[1].path })
    assert.equal(H.beside "gim_a-1.arrived", remnant[2].path)
    H.close()
    H = hubs.new()
    H.arrive("gim_a-0.arrived", zeros)
    H.arrive("gim_a-1.arrived", zeros)
    assert.equal("lost", recover({ done }).kind)
  end)

  describe("finds pictures of an answer whose end nobody saw:", function()
    it("by the size that the journal calls whole", function()
      for name, size in pairs { ["0"] = 5, ["1"] = 6, ["2"] = 5 } do
        H.arrive(("gim_a-%s.arrived"):format(name), ("x"):rep(size))
      end
      local remnant = recover { event("arrived", '"file":"gim_a-0.arrived","size":5'),
        event("arrived", '"file":"gim_a-1.arrived","size":5'), event("arrived", '"size":5'),
        event("arrived", '"file":"gim_b-2.arrived","size":5'),
        event("arrived", '"file":"gim_a-.arrived","size":5') }
      assert.equal("filed", remnant.kind)
      assert.equal(1, #remnant)
      assert.same({ path = H.beside "gim_a-0.arrived", size = 5, payload = 0 }, remnant[1])
      assert.same({ false, false }, { remnant.told, remnant.cut })
    end)

    it("by the end of the picture where it does not", function()
      local jpeg, webp = pictures.jpeg(8, 8), pictures.webp(8, 8)
      local png = pictures.png { width = 8, height = 8 }
      local whole = { [0] = png, [2] = jpeg, [4] = webp }
      for number, bytes in pairs(whole) do
        H.arrive(("gim_a-%d.arrived"):format(number), bytes)
        H.arrive(("gim_a-%d.arrived"):format(number + 1), bytes:sub(1, -2))
      end
      H.arrive("gim_a-6.arrived", ("\0"):rep(#png)) -- a name and a size, and no bytes
      H.arrive("gim_a-7.arrived", "")
      H.arrive("gim_a-8.arrived", "short")
      local remnant = recover()
      assert.equal("filed", remnant.kind)
      local found = {}
      for _, picture in ipairs(remnant) do found[picture.payload] = picture.size end
      assert.same({ [0] = #png, [2] = #jpeg, [4] = #webp }, found)
    end)

    it("over gaps of fifteen numbers, in what is no folder and no file, too", function()
      H.arrive("gim_a-15.arrived", "12345")
      H.arrive("gim_a-32.arrived", "12345")
      window.mkdir(H.beside "gim_a-0.arrived")
      local lines = {}
      for _, i in ipairs { 0, 15, 32 } do
        lines[#lines + 1] = event("arrived", ('"file":"gim_a-%d.arrived","size":5'):format(i))
      end
      local remnant = recover(lines)
      assert.equal(1, #remnant)
      assert.equal(15, remnant[1].payload)
    end)

    it("also of one that failed, and not of one that was never there", function()
      local failed = event("failed", '"kind":"network","billed":"maybe"')
      assert.equal("maybe", recover({ failed }).kind)
      H.close()
      H = hubs.new()
      H.arrive("gim_a-0.arrived", "12345")
      assert.equal("filed",
        recover({ event("arrived", '"file":"gim_a-0.arrived","size":5'), failed }).kind)
    end)
  end)

  it("says why it cannot read: the disk, others, memory", function()
    H.put { H.intent "gim_a", event("done", '"id":"t","images":[{"url":"https://x/1"}]'),
      event("saved", '"index":2,"path":"/p","size":1') }
    local hub = H.open()
    local failed = 0
    for n = 1, 60 do
      window.fail_allocation(n)
      local remnant, err = hub:recover("gim_a", 1000)
      local left = window.fail_allocation(0)
      if remnant then
        assert.same({ "linked", "m", "a boat", "t" },
          { remnant.kind, remnant.model, remnant.prompt, remnant.id }, n)
      else
        assert.equal("no_memory", err.kind)
        failed = failed + 1
      end
      if left > 0 then break end
    end
    assert.is_true(failed >= 3, failed)
    local text = files.read(H.path())
    files.write(H.path(), (text:gsub("gim_a", "gim_b")))
    local remnant, err = hub:recover("gim_a", 1000)
    assert.is_nil(remnant)
    assert.truthy(err.message:find "changed by others")
    files.write(H.path(), text:sub(1, 20))
    remnant, err = hub:recover("gim_a", 1000)
    assert.is_nil(remnant)
    assert.equal("io", err.kind)
  end)
end)
