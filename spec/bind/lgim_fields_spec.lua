-- SPDX-License-Identifier: MIT
-- Tests src/bind/lgim_fields.c through the plan of the test window, where `extra` is JSON text.
local window = require "gptimage.core_test"
local plan = window.plan

local function with(fields)
  local request = { model = "gpt-image-2", prompt = "x" }
  for name, value in pairs(fields) do request[name] = value end
  return request
end

describe("lgim_fields_read", function()
  it("reads every field of the wire, bytes and all", function()
    local body = assert(plan({ model = "new", prompt = "a\0b", size = "1", resolution = "2",
      quality = "3", n = 4, image_urls = { "https://a.b/" }, mask_url = "https://a.b/m",
      background = "5", output_format = "6", response_format = "7", callback_url = "https://a.b/c",
      extra = '{"seed":8}' })).body
    assert.same('{"model":"new","prompt":"a\\u0000b","size":"1","resolution":"2","quality":"3",'
      .. '"image_urls":["https://a.b/"],"mask_url":"https://a.b/m","n":4,"background":"5",'
      .. '"output_format":"6","response_format":"7","callback_url":"https://a.b/c","seed":8}', body)
  end)

  it("takes links from a sequence of strings, and leaves their number to the rules", function()
    local links = {}
    for i = 1, 100000 do
      links[i] = "https://a.b/" .. i
      if i == 17 or i == 65 or i == 100000 then
        local made, err = plan(with { image_urls = links })
        assert.is_nil(made)
        assert.same({ "invalid", tostring(i) }, { err.kind, err.issues[1].got })
      end
    end
    for _, list in ipairs { { 1 }, { "https://a.b", nil, "https://a.b" }, { a = "https://a.b" },
      { "https://a.b", n = 1 }, { {} } } do
      assert.has_error(function() plan(with { image_urls = list }) end)
    end
  end)

  it("asks no metamethods", function()
    local links = setmetatable({ "https://a.b/" }, { __len = error, __index = error,
      __pairs = error })
    local request = setmetatable(with { image_urls = links }, { __index = error, __pairs = error })
    assert.matches('"image_urls":%["https://a.b/"%]', assert(plan(request)).body)
  end)

  it("holds its strings while the collector runs as often as it can", function()
    local mode = collectgarbage("incremental", 1, 100)
    for _ = 1, 50 do
      local links = {}
      for i = 1, 16 do links[i] = ("https://a.b/%d/%d"):format(i, math.random(1, 1 << 30)) end
      local extra = '{"a":' .. ("1"):rep(50) .. "}"
      local made = assert(plan(with { image_urls = links, extra = extra }))
      for _, link in ipairs(links) do assert.matches(link, made.body, 1, true) end
    end
    collectgarbage(mode)
  end)
end)
