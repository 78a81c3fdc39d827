-- SPDX-License-Identifier: MIT
-- Tests src/bind/lgim_fields.c through the plan of the test window, where `extra` is JSON text.
local files = require "spec.support.files"
local window = require "gptimage.core_test"
local pictures = require "spec.support.pictures"
local plan = window.plan

local MASK = pictures.png { width = 5, height = 4, alpha = function(x) return x * 50 end }

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

describe("pictures", function()
  local PNG = pictures.png { width = 5, height = 4 }
  local magick = { provider = "magick" }
  local folder

  setup(function()
    folder = files.folder()
    files.write(folder.path .. "/a.png", PNG)
  end)

  teardown(function() folder:close() end)

  local function images(list)
    return assert(plan(with { images = list }, magick)).body:match '"images":(%b[])'
  end

  it("are paths, links in any case, and bytes, in their order", function()
    assert.same('["a.png","HTTPS://Example.com/b.png","image-3.png","c.png"]',
      images { folder.path .. "/a.png", "HTTPS://Example.com/b.png", { data = PNG },
        { data = PNG, name = "/x/c.jpg" } })
    local made = assert(plan(with { images = { { data = PNG } }, mask = { data = MASK } }, magick))
    assert.matches('"images":%["image%-1%.png"%],"mask":"mask%.png"', made.body)
    made = assert(plan(with { images = { "https://example.com/" },
      mask = "https://example.com/m.png" }))
    assert.matches('"mask_url":"https://example.com/m.png"', made.body)
  end)

  it("are looked at, files and bytes, but no more than can be sent", function()
    local made = assert(plan(with { images = { folder.path .. "/a.png", { data = PNG } } }, magick))
    for i, upload in ipairs(made.uploads) do
      assert.same({ "images[" .. i .. "]", #PNG, 5, 4 },
        { upload.field, upload.size, upload.width, upload.height })
    end
    local _, err = plan(with { images = { folder.path .. "/none.png", { data = "" } },
      mask = folder.path }, magick)
    local rules = {}
    for i, issue in ipairs(err.issues) do rules[i] = issue.field .. ":" .. issue.rule end
    assert.same({ "images[1]:missing", "images[2]:empty", "mask:directory" }, rules)
    local many = {}
    for i = 1, 65 do many[i] = folder.path .. "/none.png" end
    _, err = plan(with { images = many }, magick)
    assert.same({ 2, "too_many" }, { #err.issues, err.issues[1].rule })
  end)

  it("are nothing else, and the mistake is named", function()
    for expected, fields in pairs {
      ["field 'images': table expected, got string"] = { images = "a.png" },
      ["field 'images': a sequence of paths, links and {data = bytes} expected"] =
        { images = { "a.png", nil, "b.png" } },
      ["field 'images': element 2 is a number: a path, a link or {data = bytes} expected"] =
        { images = { "a.png", 7 } },
      ["field 'images': element 1 is a boolean: a path, a link or {data = bytes} expected"] =
        { images = { true } },
      ["field 'images': element 1 is a table without data"] = { images = { { name = "a.png" } } },
      ["field 'images': element 1 has data that is no string"] = { images = { { data = 7 } } },
      ["field 'images': element 1 has a name that is no string"] =
        { images = { { data = "x", name = 7 } } },
      ["field 'images': element 3 has other keys than data and name"] =
        { images = { "a", "b", { data = "x", nmae = "x" } } },
      ["field 'images': element 4 has other keys than data and name"] =
        { images = { "a", "b", "c", { "bytes" } } },
      ["field 'mask': it is a number: a path, a link or {data = bytes} expected"] = { mask = 7 },
      ["field 'mask': it is a table without data"] = { mask = {} },
      ["field 'mask': it has other keys than data and name"] = { mask = { "m.png" } },
    } do
      local ok, message = pcall(plan, with(fields))
      assert.is_false(ok)
      assert.same("bad argument #1 to 'plan' (" .. expected .. ")", message)
    end
    assert.has_error(function() plan(with { images = { n = 1 } }) end)
    assert.has_error(function() plan(with { images = { "a.png", x = 1 } }) end)
  end)

  it("ask no metamethods", function()
    local trap = { __len = error, __index = error, __pairs = error }
    local list = setmetatable({ setmetatable({ data = PNG }, trap) }, trap)
    local mask = setmetatable({ data = MASK }, trap)
    assert.is_table(plan(with { images = list, mask = mask }, magick))
  end)

  it("hold their strings while the collector runs as often as it can", function()
    local mode = collectgarbage("incremental", 1, 100)
    for i = 1, 50 do
      local made = assert(plan(with { mask = { data = MASK .. i, name = "m" .. i },
        images = { { data = PNG .. ("x"):rep(1000 + i), name = "n" .. i },
          folder.path .. "/a.png" },
        image_urls = { "https://example.com/" .. i } }, magick))
      assert.matches(('"images":["n%d.png","a.png","https://example.com/%d"],"mask":"m%d.png"')
        :format(i, i, i), made.body, 1, true)
      assert.same(#PNG + 1000 + i, made.uploads[1].size)
    end
    collectgarbage(mode)
  end)

  it("raise nothing but what Lua raises where it has no memory for them", function()
    local fields = with { images = { { data = PNG }, "https://example.com/" },
      image_urls = { "https://example.com/2" }, mask = { data = MASK } }
    for left = 0, 300 do
      local ok, made = window.starve(left, function() return (plan(fields, magick)) end)
      if ok and made then return end
      assert.is_false(ok)
      assert.matches("not enough memory", made)
    end
    error "it never had enough memory"
  end)
end)
