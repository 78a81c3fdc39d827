-- SPDX-License-Identifier: MIT
-- Tests src/net/gim_clock.c through the test window: the time, and chance also where the kernel
-- gives none.
local files = require "spec.support.files"
local window = require "gptimage.core_test"

local core = window.core()

local ENOENT, EPERM, ENOSYS = 2, 1, 38

local function open()
  return core.client { api_key = "k", base_url = "http://127.0.0.1:1" }
end

local function submit(client)
  return core.generate(client, { model = "gpt-image-2", prompt = "x" })
end

describe("time", function()
  it("is the system's", function()
    assert.is_true(math.abs(window.unix_s() - os.time()) <= 1)
    local now = window.now_ms()
    assert.is_true(now > 0 and window.now_ms() >= now)
  end)
end)

describe("chance", function()
  after_each(function()
    window.random_fault()
    window.disk_fault()
  end)

  local function refuse()
    window.random_fault(ENOSYS)
    window.disk_fault("urandom", ENOENT)
  end

  it("is not the same twice", function()
    assert.equal(1000, #window.random_bytes(1000))
    assert.not_equal(window.random_bytes(16), window.random_bytes(16))
    local seen = {}
    for _ = 1, 20 do
      local r = window.random()
      assert.is_true(r >= 0 and r < 2 ^ 32)
      seen[r] = true
    end
    assert.is_not_nil(next(seen, next(seen)))
  end)

  it("comes from the device where the kernel's call is forbidden or unknown", function()
    local before = window.open_fds()
    for _, errno in ipairs { EPERM, ENOSYS } do
      window.random_fault(errno)
      assert.equal(1000, #window.random_bytes(1000))
      assert.not_equal(window.random_bytes(16), window.random_bytes(16))
      assert.matches("^gim_%x+$", assert(submit(assert(open()))).key)
    end
    collectgarbage()
    collectgarbage()
    assert.equal(before, window.open_fds())
  end)

  it("is told to be none where there is neither", function()
    refuse()
    assert.same({ nil, ENOENT }, { window.random_bytes(16) })
  end)

  it("is worth no client without it", function()
    refuse()
    local client, err = open()
    assert.is_nil(client)
    assert.same({ "io", "no" }, { err.kind, err.billed })
    assert.equal("No random numbers for the keys of requests: the kernel gives none, and "
      .. "/dev/urandom cannot be read: No such file or directory.", err.message)
  end)

  it("is worth no request without it, in a client that had it", function()
    local client = assert(open())
    refuse()
    local task, err = submit(client)
    assert.is_nil(task)
    assert.same({ "io", "no" }, { err.kind, err.billed })
    window.disk_fault()
    assert.matches("^gim_%x+$", assert(submit(client)).key)
    core.close(client)
  end)

  it("that is gone makes the longest delays, and no file fail", function()
    refuse()
    assert(window.in_child(function() -- here some may have been drawn ahead
      local last
      for _ = 1, 65 do last = window.random() end
      assert(last == 2 ^ 32 - 1, last)
    end))
    local folder <close> = files.folder()
    for _ = 1, 3 do assert.is_true(window.try_folder(folder.path)) end
    assert.same({}, folder:files())
  end)
end)
