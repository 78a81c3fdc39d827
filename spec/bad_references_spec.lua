-- SPDX-License-Identifier: MIT
-- Pictures and masks that will not do: each with its exact error, and nothing billed.

local edits = require "spec.support.edits"
local files = require "spec.support.files"
local gptimage = require "gptimage"
local pictures = require "spec.support.pictures"
local program = require "spec.support.program"
local sandboxes = require "spec.support.sandbox"

local has_masks = pcall(require, "gptimage.mask_core")

local photo = pictures.png { width = 30, height = 20 }
local mask = edits.mask().bytes

-- Makes the request of a case, in a folder of its own: one of the pictures is this file.
local function file(name, bytes)
  return function(folder) return { images = { folder:write(name, bytes) } } end
end

local function bytes(data, name)
  return function() return { images = { { data = data, name = name } } } end
end

-- The picture is in order, its mask is this file.
local function masked(data, name)
  return function(folder)
    return { images = { folder:write("a.png", photo) }, mask = folder:write(name or "m.png", data) }
  end
end

local function huge(width, height)
  return pictures.SIGNATURE .. pictures.header(width, height, 8, 6)
    .. pictures.chunk("IDAT", pictures.store "") .. pictures.chunk("IEND", "")
end

local header = "the %s ends or breaks within its header: its size in pixels is not there"
local unknown = "its bytes are no picture that is known here"
local kinds = "png, jpeg, webp"

-- Name, the request's pictures, and its issue: field, rule (or rules), message, nearest. What is
-- refused here is refused for both services, before anything is sent.
local in_memory = "data: links are not taken: decode it, and give the bytes as { data = bytes }"

local refusals = {
  { "a file that is not there", function(b) return { images = { b:at "none.png" } } end,
    "images[1]", "missing", "there is no such file" },
  { "a file in a folder that is not there",
    function(b) return { images = { b:at "none/a.png" } } end,
    "images[1]", "missing", "there is no such file" },
  { "a file below a file",
    function(b) return { images = { b:write("a.png", photo) .. "/b.png" } } end,
    "images[1]", "missing", "there is no such file" },
  { "a symbolic link to nothing", function(b)
    b:shell "ln -s none.png a.png"
    return { images = { b:at "a.png" } }
  end,
    "images[1]", "missing", "there is no such file" },
  { "symbolic links that go round", function(b)
    b:shell "ln -s b.png a.png && ln -s a.png b.png"
    return { images = { b:at "a.png" } }
  end, "images[1]", "link_loop", "the path goes round in symbolic links" },
  { "a folder", function(b) return { images = { b:at "" } } end,
    "images[1]", "directory", "it is a folder, not a file" },
  { "a pipe that nobody writes to", function(b)
    b:shell "mkfifo a.png"
    return { images = { b:at "a.png" } }
  end, "images[1]", "not_a_file", "it is a pipe, socket or device, not a file" },
  { "a scheme that is none of ours",
    function() return { images = { "ftp://example.com/a.png" } } end,
    "images[1]", "scheme", "links are http:// or https://; anything else is a path" },
  { "a file as a link", function(b)
    return { images = { "file://" .. b:write("a.png", photo) } }
  end, "images[1]", "scheme", "a file is given by its path, without file:// and %-escapes" },
  { "a data: link", function() return { images = { "DATA:image/png;base64,iVBORw0KGgo=" } } end,
    "images[1]", "scheme", in_memory },
  { "a long data: link",
    function() return { images = { "data:image/png;base64," .. ("A"):rep(9000) } } end,
    "images[1]", "scheme", in_memory },
  { "the picture itself as a path", function() return { images = { photo } } end,
    "images[1]", "bytes", "these are bytes, not a path: a picture in memory is given as "
    .. "{ data = bytes }" },
  { "a mask itself as a path",
    function() return { images = { { data = photo } }, mask = photo } end, "mask", "bytes",
    "these are bytes, not a path: a picture in memory is given as { data = bytes }" },
  { "an empty path", function() return { images = { "" } } end,
    "images[1]", "empty", "the path is empty" },
  { "a path with a NUL",
    function(b) return { images = { b:write("a.png", photo) .. "\0.png" } } end,
    "images[1]", "bytes", "these are bytes, not a path: a picture in memory is given as "
    .. "{ data = bytes }" },
  { "a path with a newline", function() return { images = { "a\nb.png" } } end,
    "images[1]", "control_character", "the path holds a control character" },
  { "a path that is too long", function() return { images = { ("a/"):rep(3000) } } end,
    "images[1]", "path", "the path has 6000 bytes, at most 4095 are possible" },
  { "an empty file", file("a.png", ""), "images[1]", "empty", "it is empty" },
  { "no bytes", bytes(""), "images[1]", "empty", "it is empty" },
  { "text with a picture's name", file("a.png", "hello"), "images[1]", "image_format", unknown,
    kinds },
  { "an HTML page", file("a.jpg", "<!DOCTYPE html><html></html>"), "images[1]", "image_format",
    unknown, kinds },
  { "a PDF", bytes("%PDF-1.7\n%\xE2\xE3\xCF\xD3"), "images[1]", "image_format", unknown, kinds },
  { "a BMP", file("a.bmp", "BM" .. ("\0"):rep(60)), "images[1]", "image_format", unknown, kinds },
  { "a TIFF", file("a.tiff", "II*\0\8\0\0\0" .. ("\0"):rep(60)), "images[1]", "image_format",
    unknown, kinds },
  { "an AVIF", file("a.avif", "\0\0\0\28ftypavif\0\0\0\0avifmif1miaf"), "images[1]",
    "image_format", unknown, kinds },
  { "an SVG", bytes('<svg xmlns="http://www.w3.org/2000/svg"/>', "a.svg"), "images[1]",
    "image_format", unknown, kinds },
  { "a sound in a RIFF", file("a.webp", "RIFF\36\0\0\0WAVEfmt \16\0\0\0" .. ("\0"):rep(40)),
    "images[1]", "image_format", unknown, kinds },
  { "a GIF", file("a.gif", pictures.gif(30, 20)), "images[1]", "image_format",
    "the service does not take .gif pictures", kinds },
  { "a GIF that calls itself a PNG", bytes(pictures.gif(30, 20), "a.png"), "images[1]",
    "image_format", "the service does not take .gif pictures", kinds },
  { "less than any picture's mark", file("a.png", photo:sub(1, 8)), "images[1]", "image_format",
    unknown, kinds },
  { "a PNG's first bytes", file("a.png", photo:sub(1, 12)), "images[1]", "truncated",
    header:format "png" },
  { "a PNG cut in its header", bytes(photo:sub(1, 20)), "images[1]", "truncated",
    header:format "png" },
  { "a PNG without pixels", file("a.png", huge(0, 20)), "images[1]", "truncated",
    header:format "png" },
  { "a JPEG's first bytes", file("a.jpg", pictures.jpeg(30, 20):sub(1, 22)), "images[1]",
    "truncated", header:format "jpeg" },
  { "a JPEG without a frame", bytes("\xFF\xD8\xFF\xDA\0\4\0\0\0\0\xFF\xD9"), "images[1]",
    "truncated", header:format "jpeg" },
  { "a WebP's first bytes", file("a.webp", pictures.webp(30, 20):sub(1, 20)), "images[1]",
    "truncated", header:format "webp" },
  { "a PNG that declares 60000 x 60000", file("a.png", huge(60000, 60000)), "images[1]",
    "edge_max", "no side of a picture has more than 23170 pixels" },
  { "a JPEG that declares 65535 x 9", bytes(pictures.jpeg(65535, 9)), "images[1]",
    "edge_max", "no side of a picture has more than 23170 pixels" },
  { "a WebP of 20000 x 10000", file("a.webp", pictures.webp(20000, 10000)), "images[1]",
    "pixels_max", "a picture has at most 178956970 pixels" },
  { "a PNG over 50 MB", function(b)
    b:write("a.png", photo)
    b:shell "truncate -s 52428801 a.png"
    return { images = { b:at "a.png" } }
  end, "images[1]", "too_big", "a picture has at most 50 MB (52428800 bytes)" },
  { "a bad one behind good ones", function(b)
    return { images = { b:write("a.png", photo), { data = photo }, b:at "none.png" } }
  end, "images[3]", "missing", "there is no such file" },
  { "seventeen pictures", function(b)
    local list = {}
    for i = 1, 17 do list[i] = b:write("a.png", photo) end
    return { images = list }
  end, nil, "too_many" },
  { "no pictures at all", function() return { images = {} } end, nil, "required" },
  { "a mask that is not there", function(b)
    return { images = { b:write("a.png", photo) }, mask = b:at "none.png" }
  end, "mask", "missing", "there is no such file" },
  { "a mask that is a JPEG", masked(pictures.jpeg(30, 20), "m.jpg"), "mask", "image_format",
    "a mask is a PNG", "png" },
  { "a mask that is text", masked("transparent", "m.png"), "mask", "image_format", unknown, "png" },
  { "a mask without alpha", masked(photo), "mask", "mask_alpha",
    "a mask has an alpha channel: where it is transparent the picture is painted anew" },
  { "a mask of another size", masked(pictures.drawn "..##"), "mask", "mask_size",
    "a mask has the pixels of the first picture", "30x20" },
  { "a mask that ends in its header", masked(mask:sub(1, 20)), "mask", "truncated",
    header:format "png" },
  { "a huge mask", masked(huge(23171, 20)), "mask", "edge_max mask_size" },
  { "a mask and a mask_url", function(b)
    return { images = { b:write("a.png", photo) }, mask = { data = mask },
      mask_url = "https://example.com/m.png" }
  end, nil, "conflict" },
}

local with_masks = {
  { "a mask that is opaque all over",
    masked(pictures.png { width = 30, height = 20, alpha = true }), "mask", "mask_opaque",
    "no pixel of the mask is transparent: nothing would be painted anew" },
  { "a mask that is transparent all over", masked(pictures.png { width = 30, height = 20,
    alpha = function(x) return x % 2 end }), "mask", "mask_transparent",
    "no pixel of the mask is opaque: nothing would stay as it is" },
  { "a mask whose pixels are damaged", masked(mask:sub(1, 41) .. "\xFF" .. mask:sub(43)),
    "mask", "mask_damaged", "the pixels of the mask cannot be decoded" },
  { "a mask in memory that ends too early", function(b)
    return { images = { b:write("a.png", photo) }, mask = { data = (mask:sub(1, 200)) } }
  end, "mask", "mask_damaged", "the pixels of the mask cannot be decoded" },
}
if has_masks then table.move(with_masks, 1, #with_masks, #refusals + 1, refusals) end

describe("a picture is refused before anything is sent:", function()
  local sandbox, folder, clients
  setup(function()
    sandbox = sandboxes.start { latency = 0, allow_private = true }
    clients = { starmagic = edits.client(sandbox, "starmagic", "1.1"),
      magick = edits.client(sandbox, "magick", "1.1") }
  end)
  teardown(function()
    clients.starmagic:close()
    clients.magick:close()
    sandbox:stop()
  end)
  before_each(function()
    sandbox:reset()
    folder = files.folder()
  end)
  after_each(function() folder:close() end)

  local function refused(service, request, case)
    local result, err = clients[service]:edit(request)
    assert.is_nil(result)
    assert.same({ "invalid", "no", false }, { err.kind, err.billed, err.retryable }, tostring(err))
    local plan, told = gptimage.plan(request, { provider = service, files_url = sandbox.files,
      edit = true })
    assert.is_nil(plan)
    for _, issues in ipairs { err.issues, told.issues } do
      local rules = {}
      for i, issue in ipairs(issues) do
        rules[i] = issue.rule
        assert.equal(case[3] or issue.field, issue.field)
      end
      assert.equal(case[4], table.concat(rules, " "))
      if case[5] then
        assert.same({ case[5], case[6] }, { issues[1].message, issues[1].nearest })
      end
    end
  end

  for _, case in ipairs(refusals) do
    it(case[1], function()
      local request = edits.request(case[2](folder))
      for _, service in ipairs { "starmagic", "magick" } do
        refused(service, request, case)
      end
      assert.equal(0, #sandbox:requests())
    end)
  end

  it("has cases enough", function() assert.is_true(#refusals >= 40, #refusals) end)

  it("links that the download would not follow (magick)", function()
    local strict <close> = edits.client(sandbox, "magick", "1.1", { allow_private = false })
    for link, rule in pairs {
      ["http://example.com/a.png"] = "https", ["https://10.0.0.1/a.png"] = "internal",
      ["HTTPS://localhost/a.png"] = "internal", ["https://example.com/a.gif"] = "image_format",
      ["https://a:b@example.com/a.png"] = "user_info", ["https:///a.png"] = "host",
      ["https://example.com:0/a.png"] = "port", ["https://exa mple.com/a.png"] = "character",
      ["https://example.com/" .. ("a"):rep(9000)] = "too_long",
    } do
      local result, err = strict:edit(edits.request { images = { link } })
      assert.is_nil(result)
      assert.same({ "invalid", "images[1]", rule, "no" },
        { err.kind, err.issues[1].field, err.issues[1].rule, err.billed }, link)
    end
    assert.equal(0, #sandbox:requests())
  end)

  it("files that there is no descriptor for, which may pass", function()
    local code = folder:write("full.lua", [[
      local client = assert(require "gptimage".client { provider = "magick", api_key = "k",
        base_url = "http://127.0.0.1:1" })
      local function refused(path)
        local task, err = client:submit { model = "gpt-image-2", prompt = "x", images = { path } }
        assert(task == nil)
        return err
      end
      refused "none.png" -- whatever is loaded late is there now
      local held = {}
      local one
      repeat one = io.open "/dev/null"; held[#held + 1] = one until not one
      local err = refused(arg[1])
      print(err.kind, err.retryable, err.billed, err.issues[1].rule)]])
    local limited = folder:write("full.sh", 'ulimit -n 64; exec lua5.4 "$@"')
    local run = program.run(limited, { host = "/bin/sh",
      arguments = { code, folder:write("a.png", photo) } })
    assert.equal("io\ttrue\tno\texhausted\n", run.output)
  end)

  it("files where nobody knows a file service (starmagic)", function()
    local client <close> = edits.client(sandbox, "starmagic", "1.1", { files_url = false })
    local result, err = client:edit(edits.request { images = { folder:write("a.png", photo) },
      mask = { data = mask } })
    assert.is_nil(result)
    assert.same({ "invalid", "files_url_required", "no" },
      { err.kind, err.issues[1].rule, err.billed })
    assert.truthy(err.message:find("files_url", 1, true), err.message)
    assert.equal(0, #sandbox:requests())
  end)

  it("all that is wrong, at once", function()
    local result, err = clients.magick:edit(edits.request { images = { folder:at "none.png",
      folder:write("a.gif", pictures.gif(1, 1)) }, mask = folder:write("m.png", photo), n = 0 })
    assert.is_nil(result)
    local seen = {}
    for _, issue in ipairs(err.issues) do seen[#seen + 1] = issue.field .. " " .. issue.rule end
    table.sort(seen)
    assert.same({ "images[1] missing", "images[2] image_format", "mask mask_alpha" },
      { table.unpack(seen, 1, 3) })
  end)

  it("unless strict is false, and never those that nobody could send", function()
    for _, service in ipairs { "starmagic", "magick" } do
      local request = edits.request { images = { folder:write("a.gif", pictures.gif(30, 20)) },
        strict = false }
      local options = { provider = service, files_url = sandbox.files }
      local plan = assert(gptimage.plan(request, options))
      local rules = {}
      for _, warning in ipairs(plan.warnings) do rules[warning.rule] = true end
      assert.is_true(rules.image_format)
      request.images = { folder:at "none.png" }
      local nothing, err = gptimage.plan(request, options)
      assert.is_nil(nothing)
      assert.equal("missing", err.issues[1].rule)
    end
  end)

  it("a name that lies is only a warning: the bytes decide", function()
    local plan = assert(gptimage.plan(edits.request { images = { folder:write("a.png",
      pictures.jpeg(30, 20)) } }, { provider = "magick" }))
    local seen = {}
    for _, warning in ipairs(plan.warnings) do seen[warning.rule] = warning end
    assert.same({ "images[1]", "jpeg" }, { seen.extension.field, seen.extension.nearest })
  end)

  it("a picture without its end is only a warning: services may take what there is", function()
    local cut = pictures.jpeg(30, 20):sub(1, -3)
    for _, given in ipairs { folder:write("cut.jpg", cut), { data = cut, name = "cut.jpg" } } do
      local plan = assert(gptimage.plan(edits.request { images = { { data = photo }, given } },
        { provider = "magick" }))
      local seen = {}
      for _, warning in ipairs(plan.warnings) do
        if warning.rule == "truncated" then seen[#seen + 1] = tostring(warning) end
      end
      assert.same({ "images[2]: the jpeg has no end: it may have been cut" }, seen)
    end
  end)

  it("and what is of the wrong type raises", function()
    local client = clients.magick
    for _, case in ipairs {
      { images = "a.png" }, { images = { 1 } }, { images = { {} } }, { images = { { data = 1 } } },
      { images = { { data = photo, nmae = "x" } } }, { images = { { data = photo, name = 1 } } },
      { images = { a = "b" } }, { images = { "a.png", nil, "b.png" } }, { mask = 1 },
      { mask = {} }, { mask = { data = true } }, { mask = { name = "m.png" } },
    } do
      local ok, message = pcall(client.edit, client, edits.request(case))
      assert.is_false(ok)
      local field = case.images and "images" or "mask"
      assert.truthy(message:find("bad argument #1 to 'edit' (", 1, true), message)
      assert.truthy(message:find(field, 1, true), message)
    end
  end)
end)
