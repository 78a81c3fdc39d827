-- SPDX-License-Identifier: MIT
-- Tests src/core/gim_enclosure.c, and what gim_request makes of pictures, through the test window:
-- which go out in what order, where links are missing, what has to be brought first.
local Random = require "spec.support.random"
local json = require "cjson"
local window = require "gptimage.core_test"
local enclose = window.enclose

local A, B = "https://example.com/a.png", "https://example.com/b.webp"
local M = "https://example.com/m.png"

local function png(width, height, colour)
  return "\x89PNG\r\n\x1A\n\0\0\0\13IHDR" .. string.pack(">I4I4BBBBB", width, height, 8,
    colour, 0, 0, 0) .. "\1\2\3\4\0\0\0\0IDAT\1\2\3\4"
end

local BYTES = { data = png(64, 48, 2), name = "first.png" }
local OTHER = { data = png(9, 9, 2) }
local MASK = { data = png(64, 48, 6), name = "m.png" }

local function with(fields)
  local request = { model = "gpt-image-2", prompt = "x" }
  for name, value in pairs(fields) do request[name] = value end
  return request
end

local function make(fields, options)
  options = options or {}
  options.can_upload = options.can_upload ~= false
  return assert(enclose(with(fields), options))
end

local function refused(fields, options)
  options = options or {}
  local made, err = enclose(with(fields), options)
  assert.is_nil(made)
  local names = {}
  for i, issue in ipairs(err.issues) do names[i] = issue.field .. ":" .. issue.rule end
  return table.concat(names, " "), err
end

local function titles(made)
  local all = {}
  for i, source in ipairs(made.sources) do
    all[i] = source.title .. (source.brings and "*" or "")
  end
  return table.concat(all, " ")
end

local function body(rest)
  return '{"model":"gpt-image-2","prompt":"x"' .. rest .. "}"
end

describe("pictures for a service that opens links", function()
  it("go out in the order given: images, then image_urls; links as they are", function()
    local made = make { images = { A, BYTES, B }, image_urls = { B, A }, mask = MASK }
    assert.same("images[1] images[2]* images[3] image_urls[1] image_urls[2] mask*", titles(made))
    assert.same({ 1, 5, -1 }, made.bring)
    assert.same({ 1, 5 }, made.holes)
    assert.is_false(made.multipart)
    assert.is_true(made.has_mask)
    assert.same({}, made.form)
    assert.same("/v1/images/generations", made.path)
    assert.same(body(('"image_urls":["%s",,"%s","%s","%s"],"mask_url":'):format(A, B, B, A)
      :gsub("^", ",")), made.body)
    assert.same(body((',"image_urls":["%s","https://f/1","%s","%s","%s"],"mask_url":"https://f/2"')
      :format(A, B, B, A)), made.fill { [1] = "https://f/1", [5] = "https://f/2" })
  end)

  it("are links alone as before, with nothing to fill in", function()
    local made = make({ images = { A }, mask_url = M }, { can_upload = false })
    assert.same(body(',"image_urls":["' .. A .. '"],"mask_url":"' .. M .. '"'), made.body)
    assert.same(made.body, made.fill {})
    assert.same({ "images[1] mask_url", { -1 }, {} }, { titles(made), made.bring, made.holes })
    made = make {}
    assert.same({ "", { -1 }, false }, { titles(made), made.bring, made.has_mask })
    assert.same(body "", made.fill {})
  end)

  it("are whatever a link's bytes are, escaped as JSON has it", function()
    local made = make { images = { BYTES, BYTES } }
    assert.same(body ',"image_urls":["https://f/\\"1\\\\","\226\130\172"]',
      made.fill { [0] = 'https://f/"1\\', [1] = "\226\130\172" })
  end)

  it("are not filled in with links that are missing or no text, nor by halves", function()
    local made = make { images = { BYTES, A, BYTES } }
    for _, links in ipairs { {}, { [0] = "https://f" }, { [2] = "https://f" },
      { [0] = "https://f", [2] = "" }, { [0] = "https://f", [2] = "\xFF" } } do
      assert.same({ nil, "invalid" }, { made.fill(links) })
    end
    local links = { [0] = "https://f/1", [2] = "https://f/2" }
    local whole = made.fill(links)
    for limit = 1, #whole do
      assert.same({ nil, "too_big" }, { made.fill(links, limit) })
    end
    assert.same(whole, made.fill(links, #whole + 1))
    for nth = 1, 50 do
      window.fail_allocation(nth)
      local text, kind = made.fill(links)
      if window.fail_allocation(0) > 0 then
        assert.same(whole, text)
        return
      end
      assert.same({ nil, "no_memory" }, { text, kind })
    end
    error "it never had enough memory"
  end)

  it("leave room for their links in the body", function()
    local prompt = ("a"):rep(4 * 1024 * 1024 - 60)
    local function try(n, fields)
      fields.model, fields.prompt = "new", prompt:sub(1, n)
      return enclose(fields, { can_upload = true })
    end
    assert.is_table(try(#prompt - 30, { images = { A } }))
    assert.same("too_big", select(2, try(#prompt - 30, { images = { BYTES } })).kind)
    assert.is_table(try(#prompt - 30 - 8194, { images = { BYTES } }))
  end)

  it("need somewhere to be uploaded, where they are no links", function()
    for _, loose in ipairs { false, true } do
      local names, err = refused({ images = { A, BYTES, BYTES } }, { loose = loose })
      assert.same("images[2]:files_url_required", names)
      assert.matches("option files_url", err.message)
      assert.same("mask:files_url_required", (refused({ images = { A }, mask = MASK },
        { loose = loose })))
    end
  end)

  it("may be a mask only where the model has one", function()
    local names = refused({ model = "gpt-image-2-beta", images = { A }, mask = MASK },
      { can_upload = true })
    assert.same("mask:not_a_field", names)
    local made = make({ model = "gpt-image-2-beta", images = { A }, mask = MASK }, { loose = true })
    assert.matches(',"mask_url":}$', made.body)
  end)
end)

describe("a link as mask of a model that nobody knows", function()
  it("is sent unjudged, but is text that JSON can hold", function()
    local function of(mask) return { model = "new", images = { A }, mask = mask } end
    assert.matches('"mask_url":"https://10%.0%.0%.1/m%.jpg"}$',
      make(of "https://10.0.0.1/m.jpg").body)
    for mask, rule in pairs { ["https://a.b/\xFF"] = "mask:utf8",
      ["https://a.b/\n"] = "mask:control_character" } do
      for _, loose in ipairs { false, true } do
        assert.same(rule, (refused(of(mask), { loose = loose })))
        local old = of(nil)
        old.mask_url = mask
        assert.same((rule:gsub("mask", "mask_url")), (refused(old, { loose = loose })))
      end
    end
  end)
end)

describe("pictures for a service that takes files", function()
  local magick = { magick = true }

  it("are parts of a form behind the text, one as image, several as image[]", function()
    local made = make({ images = { BYTES } }, magick)
    assert.same({ { field = "model", text = "gpt-image-2" }, { field = "prompt", text = "x" },
      { field = "image", source = 0 } }, made.form)
    assert.same({ "/v1/images/edits", true, { -1 }, {} },
      { made.path, made.multipart, made.bring, made.holes })
    made = make({ images = { BYTES, A }, image_urls = { B }, mask = MASK, size = "16:9",
      resolution = "2K", n = 2, quality = "high", response_format = "b64_json",
      extra = '{"seed":7,"user":"a\\"b","flags":[1, 2],"off":null}' }, magick)
    assert.same({ { field = "model", text = "gpt-image-2" }, { field = "prompt", text = "x" },
      { field = "size", text = "2048x1152" }, { field = "quality", text = "high" },
      { field = "n", text = "2" }, { field = "response_format", text = "b64_json" },
      { field = "seed", text = "7" }, { field = "user", text = 'a"b' },
      { field = "flags", text = "[1, 2]" }, { field = "off", text = "null" },
      { field = "image[]", source = 0 }, { field = "image[]", source = 1 },
      { field = "image[]", source = 2 }, { field = "mask", source = 3 } }, made.form)
    assert.same("images[1] images[2]* image_urls[1]* mask", titles(made))
    assert.same({ 1, 2, -1 }, made.bring)
  end)

  it("are described in JSON, which is not sent, by their names and links", function()
    local made = make({ images = { BYTES, A, OTHER }, mask = MASK, extra = '{"seed":7}' }, magick)
    assert.same(body(',"images":["first.png","' .. A .. '","image-3.png"],"mask":"m.png","seed":7'),
      made.body)
    assert.same(made.body, made.fill {})
  end)

  it("are links to be brought, image_urls and mask_url as well", function()
    local made = make({ image_urls = { A }, mask_url = M }, magick)
    assert.same("image_urls[1]* mask_url*", titles(made))
    assert.same({ 0, 1, -1 }, made.bring)
  end)

  it("need no file service, and https links", function()
    assert.is_table(enclose(with { images = { BYTES } }, magick))
    assert.same("images[1]:https", (refused({ images = { "http://example.com/a.png" } }, magick)))
    assert.same("images[1]:internal", (refused({ images = { "https://10.0.0.1/a.png" } }, magick)))
  end)

  it("take the names of their parts for themselves", function()
    for _, name in ipairs { "image", "image[]", "mask" } do
      local extra = ('{"%s":1}'):format(name)
      assert.same("extra:duplicate", (refused({ images = { BYTES }, extra = extra }, magick)))
      assert.is_table(enclose(with { extra = extra }, magick))
    end
    for _, name in ipairs { "a\\nb", "\\u0000", ("x"):rep(64) } do
      assert.same("extra:control_character", (refused({ images = { BYTES },
        extra = ('{"%s":1}'):format(name) }, magick)))
    end
  end)

  it("are there where there is a mask", function()
    for _, loose in ipairs { false, true } do
      local options = { magick = true, loose = loose }
      assert.same("mask:conflict", (refused({ mask = MASK }, options)))
      assert.same("mask_url:conflict", (refused({ mask_url = M }, options)))
    end
  end)
end)

describe("pictures of either", function()
  it("are at most 16, and never more than 64", function()
    local function of(count) return { images = (function()
      local list = {}
      for i = 1, count do list[i] = A end
      return list
    end)() } end
    for _, magick in ipairs { false, true } do
      local options = { magick = magick }
      assert.is_table(enclose(with(of(16)), options))
      assert.same("images:too_many", (refused(of(17), options)))
      options.loose = true
      assert.same(64, #assert(enclose(with(of(64)), options)).sources)
      local names, err = refused(of(65), options)
      assert.same({ "images:too_many", "65" }, { names, err.issues[1].got })
      local both = of(9)
      both.image_urls = of(8).images
      options.loose = false
      assert.same("images:too_many", (refused(both, options)))
    end
  end)

  it("are at least one where the list is there, and for an edit", function()
    for _, magick in ipairs { false, true } do
      assert.same("images:too_few", (refused({ images = {} }, { magick = magick })))
      assert.same("images:required", (refused({ images = {} }, { magick = magick, edit = true })))
      assert.same("images:required", (refused({}, { magick = magick, edit = true })))
    end
  end)

  it("have one mask", function()
    for _, loose in ipairs { false, true } do
      for _, magick in ipairs { false, true } do
        assert.same("mask:conflict", (refused({ images = { BYTES }, mask = MASK, mask_url = M },
          { loose = loose, magick = magick, can_upload = true })))
      end
    end
  end)

  it("are judged one by one, the mask against the first", function()
    local names = refused({ images = { "./no such file", { data = "GIF" }, { data = "" } },
      mask = { data = png(64, 48, 2) } }, { can_upload = true })
    assert.same("images[1]:missing images[2]:image_format images[3]:empty mask:mask_alpha", names)
    assert.same("mask:mask_size", (refused({ images = { OTHER, BYTES }, mask = MASK },
      { can_upload = true })))
    assert.is_table(make { images = { A, OTHER }, mask = MASK })
  end)

  it("are judged again when they were downloaded, and the mask with the first", function()
    local made = make({ images = { A, B }, mask = MASK }, { magick = true })
    assert.is_nil(made.see(0, { head = BYTES.data, whole = true }))
    assert.is_nil(made.see(1, { head = OTHER.data, whole = true }))
    local _, err = made.see(1, { head = "<html>", whole = true })
    assert.same({ "invalid", "images[2]" }, { err.kind, err.field })
    _, err = made.see(0, { head = OTHER.data, whole = true })
    assert.same({ "mask", "a mask has the pixels of the first picture; got 64x48, nearest 9x9" },
      { err.field, err.message })
    made = make({ images = { A }, mask_url = M }, { magick = true })
    assert.is_nil(made.see(0, { head = OTHER.data, whole = true }))
    _, err = made.see(1, { head = MASK.data, whole = true })
    assert.same("mask_url", err.field)
    made = make({ images = { A }, mask = MASK }, { magick = true, loose = true })
    assert.is_nil(made.see(0, { head = OTHER.data, whole = true }))
  end)

  it("are all there and in order, whatever they are, or the request is refused", function()
    local random = Random.new(23)
    local choices = { A, B, BYTES, OTHER, { data = BYTES.data, name = "\xFF\0\"x.png" },
      "http://example.com/c.png", "./none", { data = "" }, { data = "?" }, "https://x\ny/" }
    local masks = { MASK, M, OTHER, "./none", "HTTPS://example.com/M.png" }
    local models = { "gpt-image-2", "gpt-image-2-beta", "gpt-image-1.5", "new" }
    local made_count, refused_count = 0, 0
    for _ = 1, 4000 do
      local good = random:below(3) > 1
      local function some(most)
        local list = {}
        for i = 1, random:below(most) do list[i] = choices[random:below(good and 5 or #choices)] end
        return list
      end
      local request = { model = random:pick(models), prompt = 'a"\n\226\130\172' }
      if random:below(3) > 1 then request.images = some(8) end
      if random:below(3) == 1 then
        request.image_urls = {}
        for i = 1, random:below(8) do request.image_urls[i] = random:pick { A, B } end
      end
      if random:below(3) == 1 then request.mask = random:pick(masks) end
      if random:below(6) == 1 then request.mask_url = M end
      if random:below(3) == 1 then request.extra = '{"x":[1],"y":"z"}' end
      local options = { magick = random:below(2) == 1, loose = random:below(2) == 1,
        can_upload = random:below(4) > 1, edit = random:below(2) == 1 }
      local made, err = enclose(request, options)
      if not made then
        assert.same("invalid", err.kind)
        assert.is_true(#err.issues > 0)
        refused_count = refused_count + 1
      else
        made_count = made_count + 1
        local given = {}
        for _, list in ipairs { request.images or {}, request.image_urls or {} } do
          table.move(list, 1, #list, #given + 1, given)
        end
        local mask = request.mask or request.mask_url
        local links = {}
        for i = 0, #made.sources - 1 do links[i] = "https://f/" .. i end
        local sent_body = json.decode(made.fill(links))
        local sent = made.multipart and sent_body.images or sent_body.image_urls or {}
        assert.same(#given, #sent)
        for i, picture in ipairs(given) do
          local link = type(picture) == "string" and picture:find "^[hH][tT]" and picture
          if made.multipart then
            assert.is_true(sent[i] == link or not link and sent[i]:find "^[%w_.-]+$" ~= nil)
          else
            assert.same(link or links[i - 1], sent[i])
          end
        end
        local last = made.multipart and sent_body.mask or sent_body.mask_url
        assert.same(mask ~= nil, last ~= nil)
        if made.multipart then
          local pictures, masked = 0, 0
          for _, part in ipairs(made.form) do
            if part.field:find "^image" then
              assert.same({ pictures, #given > 1 and "image[]" or "image" },
                { part.source, part.field })
              pictures = pictures + 1
            elseif part.field == "mask" then
              assert.same(#given, part.source)
              masked = 1
            end
          end
          assert.same({ #given, mask and 1 or 0 }, { pictures, masked })
        end
      end
    end
    assert.is_true(made_count > 500 and refused_count > 500, made_count .. " " .. refused_count)
  end)

  it("leak nothing and say so where memory is out", function()
    for _, magick in ipairs { false, true } do
      local fields = with { images = { BYTES, A }, mask = MASK, extra = '{"a":"b"}' }
      local enough
      for nth = 1, 200 do
        window.fail_allocation(nth)
        local made, err = enclose(fields, { magick = magick, can_upload = true })
        enough = window.fail_allocation(0) > 0
        if enough then
          assert.is_table(made)
          break
        end
        assert.same({ nil, "no_memory" }, { made, err.kind })
      end
      assert.is_true(enough)
    end
  end)
end)
