-- SPDX-License-Identifier: MIT
-- Tests src/core/gim_record.c through the test window.
local window = require "gptimage.core_test"
local Random = require "spec.support.random"

local function write(record) return assert(window.record_write(record)) end

describe("gim_record", function()
  it("writes each event as one line of JSON", function()
    for line, record in pairs {
      ['{"event":"intent","key":"k","time":5,"v":1,"provider":"magick","base_url":"http://h",'
        .. '"path":"/p","output":"o/{id}","overwrite":"number","request":{"prompt":"x"}}'] = {
        event = "intent", key = "k", time = 5, provider = "magick", base_url = "http://h",
        path = "/p", output = "o/{id}", overwrite = "number", request = '{"prompt":"x"}' },
      ['{"event":"intent","key":"k","time":5,"v":1,"provider":"m","base_url":"h","path":"/p",'
        .. '"overwrite":"refuse","request":{}}'] = {
        event = "intent", key = "k", time = 5, provider = "m", base_url = "h", path = "/p",
        overwrite = "refuse", request = "{}" },
      ['{"event":"accepted","key":"k","time":5,"id":"task-1"}'] = {
        event = "accepted", key = "k", time = 5, id = "task-1" },
      ['{"event":"arrived","key":"k","time":5,"file":"k-1.png","size":77}'] = {
        event = "arrived", key = "k", time = 5, path = "k-1.png", size = 77 },
      ['{"event":"done","key":"k","time":5,"id":"t","images":[{"url":"https://x","expires_at":9},'
        .. '{"file":"k-1.png","size":7},{}]}'] = {
        event = "done", key = "k", time = 5, id = "t", images = {
          { url = "https://x", expires_at = 9 }, { file = "k-1.png", size = 7 }, {} } },
      ['{"event":"done","key":"k","time":5,"images":[]}'] = {
        event = "done", key = "k", time = 5, images = {} },
      ['{"event":"done","key":"k","time":5,"images":[{"file":"k-0.arrived","size":7}],'
        .. '"cut":true}'] = {
        event = "done", key = "k", time = 5, cut = true,
        images = { { file = "k-0.arrived", size = 7 } } },
      ['{"event":"saved","key":"k","time":5,"index":2,"path":"a/b.png","size":7}'] = {
        event = "saved", key = "k", time = 5, index = 2, path = "a/b.png", size = 7 },
      ['{"event":"failed","key":"k","time":5,"id":"t","kind":"server","billed":"no"}'] = {
        event = "failed", key = "k", time = 5, id = "t", kind = "server", billed = "no" },
      ['{"event":"closed","key":"k","time":5}'] = { event = "closed", key = "k", time = 5 },
    } do
      assert.equal(line, write(record))
    end
  end)

  it("reads what it wrote", function()
    local read = window.record_read(write { event = "intent", key = "gim_1", time = 1 << 40,
      provider = "magick", base_url = "https://h/x", path = "/v1", output = 'a"\\\n\t{id}',
      overwrite = "replace", request = '{"model":"m","prompt":"日本 \\u0041\\n"}' })
    assert.same({ event = "intent", key = "gim_1", time = 1 << 40, provider = "magick",
      base_url = "https://h/x", path = "/v1", output = 'a"\\\n\t{id}', overwrite = "replace",
      prompt = "日本 A\n", index = -1, size = -1 }, read)
    read = window.record_read(write { event = "done", key = "k", time = 1,
      images = { { url = "https://x/?a=b&c" }, {}, { file = "f", size = 1 << 50 } } })
    assert.same({ { url = "https://x/?a=b&c" }, {}, { file = "f", size = 1 << 50 } }, read.images)
    assert.is_nil(read.cut)
    read = window.record_read(write { event = "done", key = "k", time = 1, cut = true })
    assert.is_true(read.cut)
    assert.is_nil(window.record_read('{"event":"done","key":"k","cut":1}').cut)
  end)

  it("keeps every byte of names that are not UTF-8, and of names that are", function()
    local random = Random.new(7)
    for length = 0, 200 do
      local path = random:bytes(length):gsub("%z", "x")
      local line = write { event = "saved", key = "k", time = 1, index = 1, path = path, size = 1,
        id = "ünï" }
      assert.equal(path, window.record_read(line).path)
      assert.is_nil(line:find "[\r\n]")
    end
    local mixed = write { event = "intent", key = "k", time = 1, provider = "\255", base_url = "ü",
      path = "日本", overwrite = "number", request = "{}" }
    local read = window.record_read(mixed)
    assert.equal("\255", read.provider)
    assert.equal("ü", read.base_url)
    assert.equal("日本", read.path)
  end)

  it("takes for foreign what is no line of ours", function()
    for _, line in ipairs { "", "x", "{}", "[]", "null", '"intent"', '{"event":"intent"}',
      '{"event":"intent","key":""}', '{"event":"intent","key":7}', '{"event":7,"key":"k"}',
      '{"event":"upgraded","key":"k"}', '{"event":"done","key":"k"', "\0\255",
      '{"event":"done","key":"' .. ("k"):rep(64) .. '"}',
      ('{"event":"done","key":"k","x":%s1%s}'):format(("["):rep(70), ("]"):rep(70)) } do
      assert.equal("unknown", window.record_read(line).event, line)
    end
    assert.equal(("k"):rep(62),
      window.record_read('{"event":"done","key":"' .. ("k"):rep(62) .. '"}').key)
  end)

  it("reads half of a line, wherever it is torn, as foreign", function()
    local line = write { event = "done", key = "k", time = 5, id = "t",
      images = { { url = "https://x", expires_at = 9 } } }
    for n = 0, #line - 1 do
      assert.equal("unknown", window.record_read(line:sub(1, n)).event)
    end
  end)

  it("lives with members that are missing, of another type, or new", function()
    local read = window.record_read(
      '{"event":"done","key":"k","time":"x","id":7,"images":[1,{"url":7},{"file":"f"},'
      .. '{"file":"f","size":"x"},{"url":"u","new":1}],"colour":"blue"}')
    assert.equal(0, read.time)
    assert.is_nil(read.id)
    assert.same({ {}, {}, {}, {}, { url = "u" } }, read.images)
    assert.same({}, window.record_read('{"event":"done","key":"k","images":{"url":"x"}}').images)
  end)

  it("looks at no more pictures than a reply can have", function()
    local images = {}
    for i = 1, 200 do images[i] = { url = "https://x/" .. i } end
    local read = window.record_read(write { event = "done", key = "k", time = 1, images = images })
    assert.equal(128, #read.images)
  end)

  it("says when there is no room or no memory, and leaves nothing half written", function()
    local record = { event = "accepted", key = "k", time = 5, id = "task" }
    local size = #write(record)
    for limit = 1, size - 1 do
      assert.same({ nil, "too_big" }, { window.record_write(record, limit) })
    end
    assert.equal(size, #assert(window.record_write(record, size)))
  end)
end)
