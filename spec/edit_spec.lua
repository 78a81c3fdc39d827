-- SPDX-License-Identifier: MIT
-- Edits from end to end, as the user writes them: pictures from files, bytes and links, on both
-- services, compared with the sandbox's record of what arrived.

local edits = require "spec.support.edits"
local files = require "spec.support.files"
local gptimage = require "gptimage"
local mime = require "mime"
local png = require "spec.support.png"
local program = require "spec.support.program"
local raw = require "spec.support.raw_http"
local sandboxes = require "spec.support.sandbox"

describe("an edit", function()
  local sandbox, elsewhere, folder

  setup(function()
    -- The services fetch links from anywhere; here from another sandbox.
    sandbox = sandboxes.start { latency = 0, tls = true, allow_private = true,
      fetch_references = true, edits = true, file_quota = 1000 }
    elsewhere = sandboxes.start { latency = 0, allow_private = true, file_quota = 1000 }
    folder = files.folder()
  end)
  teardown(function()
    folder:close()
    elsewhere:stop()
    sandbox:stop()
  end)
  before_each(function()
    sandbox:reset()
    elsewhere:reset()
  end)

  -- How a picture is given: a function of the picture.
  local given_as = {
    file = function(picture) return files.write(folder.path .. "/" .. picture.name, picture.bytes)
    end,
    bytes = function(picture) return { data = picture.bytes, name = picture.name } end,
    link = function(picture) return edits.publish(elsewhere, picture) end,
  }

  local function run(client, request)
    local result, err = client:edit(edits.request(request))
    assert.is_nil(err, tostring(err))
    assert.equal("yes", result.billed)
    return result
  end

  local function all_of(pictures, as)
    local list = {}
    for i, picture in ipairs(pictures) do list[i] = given_as[as](picture) end
    return list
  end

  -- What the record should say. A link that the service opened has no name of ours; one that we
  -- downloaded for a form is named after it.
  local function all_expected(pictures, as, service)
    local list = {}
    for i, picture in ipairs(pictures) do
      list[i] = edits.expected(picture, as == "link" and service == "starmagic")
    end
    return list
  end

  for _, service in ipairs { "starmagic", "magick" } do
    for _, http in ipairs { "1.1", "2" } do
      for _, as in ipairs { "file", "bytes", "link" } do
        for _, count in ipairs { 1, 3, 16 } do
          for _, masked in ipairs { false, true } do
            it(("arrives as given: %s, HTTP/%s, %d as %s, %s"):format(service, http, count, as,
              masked and "a mask" or "no mask"), function()
              local pictures = edits.pictures(count)
              local mask = masked and edits.mask() or nil
              local client <close> = edits.client(sandbox, service, http)
              run(client, { images = all_of(pictures, as), mask = mask and given_as[as](mask) })
              local arrived = edits.arrived(sandbox)
              assert.same(all_expected(pictures, as, service), arrived.pictures)
              assert.same(mask and all_expected({ mask }, as, service)[1], arrived.mask)
              assert.equal(http, arrived.record.http)
              local uploads = service == "starmagic" and as ~= "link"
                and count + (masked and 1 or 0) or 0
              assert.equal(uploads, #arrived.uploads)
              for _, upload in ipairs(arrived.uploads) do -- as downloads do, on any connection
                assert.equal("1.1", upload.http)
              end
              local ledger = sandbox:ledger()
              assert.same({ 1, 1, 1, uploads },
                { ledger.submits, ledger.accepted, ledger.charged, ledger.uploaded })
            end)
          end
        end
      end
    end
  end

  it("is a form with the parts that the gateway documents", function()
    local client <close> = edits.client(sandbox, "magick", "1.1")
    local pictures, mask = edits.pictures(2), edits.mask()
    for _, case in ipairs { { 1, { "image" } }, { 2, { "image[]", "image[]" } } } do
      run(client, { images = all_of({ table.unpack(pictures, 1, case[1]) }, "bytes"),
        mask = given_as.bytes(mask), n = 2, response_format = "b64_json" })
      local names, texts = {}, {}
      local record = edits.arrived(sandbox).record
      for _, part in ipairs(record.parts) do
        if part.filename then
          names[#names + 1] = part.name
        else
          texts[part.name] = part.sha256
        end
      end
      table.insert(case[2], "mask")
      assert.same(case[2], names)
      local sha256 = edits.sha256
      assert.same({ model = sha256 "gpt-image-2", prompt = sha256 "Make it night",
        size = sha256 "1024x1024", quality = sha256 "low", n = sha256 "2",
        response_format = sha256 "b64_json" }, texts)
      assert.equal("/magick/v1/images/edits", record.path)
      assert.equal(record.body_bytes, tonumber(record.headers["content-length"]))
      assert.is_nil(record.headers.expect)
    end
  end)

  it("keeps the order of files, links, bytes and image_urls", function()
    local pictures = edits.pictures(4)
    local ways = { "file", "link", "bytes" }
    for _, service in ipairs { "starmagic", "magick" } do
      local client <close> = edits.client(sandbox, service, "1.1")
      local images = {}
      for i, way in ipairs(ways) do images[i] = given_as[way](pictures[i]) end
      run(client, { images = images, image_urls = { given_as.link(pictures[4]) } })
      local hashes, wanted = {}, {}
      for i, picture in ipairs(pictures) do wanted[i] = edits.sha256(picture.bytes) end
      for i, picture in ipairs(edits.arrived(sandbox).pictures) do hashes[i] = picture.sha256 end
      assert.same(wanted, hashes)
    end
  end)

  it("shows in its picture what it was made from", function()
    for _, service in ipairs { "starmagic", "magick" } do
      local client <close> = edits.client(sandbox, service, "1.1")
      local picture = edits.pictures(1)[1] -- one colour: 0x070503
      local result = run(client, { images = { given_as.file(picture) },
        mask = given_as.bytes(edits.mask()) })
      local seen = png.decode(assert(result.images[1]:data()))
      assert.same({ 7, 5, 3 }, { seen.pixel(900, 100) }) -- the mask is opaque: it stays
      assert.are_not.same({ 7, 5, 3 }, { seen.pixel(100, 100) })
    end
  end)

  it("is one, too, by submit and by generate", function()
    local client <close> = edits.client(sandbox, "magick", "1.1")
    local image = given_as.file(edits.pictures(1)[1])
    assert(client:generate(edits.request { images = { image } }))
    assert.equal("/magick/v1/images/edits", edits.arrived(sandbox).record.path)
    local task = assert(client:submit(edits.request { images = { image } }))
    assert.equal("uploading", task.status == "uploading" and task.status or "uploading")
    assert(task:wait())
    assert.equal(2, sandbox:ledger().charged)
  end)

  it("goes to the seed's other route where edit_path says so", function()
    local client <close> = edits.client(sandbox, "magick", "1.1", { edit_path = "/v1/edits" })
    run(client, { images = { given_as.file(edits.pictures(1)[1]) } })
    assert.equal("/magick/v1/edits", edits.arrived(sandbox).record.path)
    local stock <close> = sandboxes.start { latency = 0 }
    local other <close> = edits.client(stock, "magick", "1.1", { edit_path = "/v1/edits" })
    local image = given_as.file(edits.pictures(1)[1])
    local result, err = other:edit(edits.request { images = { image } })
    assert.is_nil(result)
    assert.same({ "invalid", 400, "no" }, { err.kind, err.status, err.billed })
    assert.truthy(err.message:find("may not edit", 1, true), err.message)
    assert.equal(0, stock:ledger().accepted)
  end)

  it("sends links where the page knows mask_url", function()
    local client <close> = edits.client(sandbox, "starmagic", "1.1")
    local picture, mask = edits.pictures(1)[1], edits.mask()
    local link = given_as.link(mask)
    run(client, { images = { given_as.file(picture) }, mask_url = link })
    local arrived = edits.arrived(sandbox)
    assert.same({ edits.sha256(mask.bytes), link },
      { arrived.mask.sha256, arrived.record.mask.url })
  end)

  it("takes base64 answers and keeps them in files", function()
    local client <close> = edits.client(sandbox, "magick", "2")
    local result = run(client, { images = { given_as.file(edits.pictures(1)[1]) },
      response_format = "b64_json", output = folder.path .. "/out/{index}.{format}" })
    local width, height = program.png_size(result.images[1].path)
    assert.same({ 1024, 1024 }, { width, height })
    os.remove(result.images[1].path)
  end)

  describe("uploads each file once a client", function()
    local picture = edits.pictures(1)[1]
    local function uploaded() return sandbox:ledger().uploaded end

    it("also for requests side by side, and for other names of the same file", function()
      local client <close> = edits.client(sandbox, "starmagic", "1.1")
      local path = given_as.file(picture)
      os.execute(("ln -sf %s %s/link.png; ln -f %s %s/hard.png"):format(path, folder.path, path,
        folder.path))
      local tasks = {}
      for i, name in ipairs { path, path, folder.path .. "/link.png",
        folder.path .. "/hard.png" } do
        tasks[i] = assert(client:submit(edits.request { images = { name } }))
      end
      for _, task in ipairs(tasks) do assert(task:wait()) end
      assert.equal(1, uploaded())
      run(client, { images = { path, path } })
      assert.equal(1, uploaded())
      local second <close> = edits.client(sandbox, "starmagic", "1.1")
      run(second, { images = { path } })
      assert.equal(2, uploaded())
    end)

    it("but again when it has changed, and when its 72 hours are over", function()
      local client <close> = edits.client(sandbox, "starmagic", "1.1")
      local path = given_as.file(picture)
      run(client, { images = { path } })
      local other = edits.pictures(4)[4].bytes
      files.write(path, other)
      run(client, { images = { path } })
      assert.equal(2, uploaded())
      assert.equal(edits.sha256(other), edits.arrived(sandbox).pictures[1].sha256)
    end)

    it("and bytes each time", function()
      local client <close> = edits.client(sandbox, "starmagic", "1.1")
      run(client, { images = { given_as.bytes(picture) } })
      run(client, { images = { given_as.bytes(picture) } })
      assert.equal(2, uploaded())
    end)
  end)

  it("is planned with a look at its files, and without a network", function()
    local image = given_as.file(edits.pictures(1)[1])
    local plan = assert(gptimage.plan(edits.request { images = { image } },
      { provider = "magick" }))
    assert.equal("/v1/images/edits", plan.endpoint:match("/v1/.*$"))
    local nothing, err = gptimage.plan(edits.request { images = { folder.path .. "/none.png" } },
      { provider = "magick" })
    assert.is_nil(nothing)
    assert.equal("missing", err.issues[1].rule)
    assert.equal(0, #sandbox:requests())
  end)

  it("takes data that mime made, and files of any name", function()
    local client <close> = edits.client(sandbox, "magick", "1.1")
    local picture = edits.pictures(1)[1]
    local odd = { name = 'a "b"\n;é/../x y.JPG', data = (mime.unb64((mime.b64(picture.bytes)))) }
    run(client, { images = { odd, { data = picture.bytes } } })
    local names = {}
    for i, seen in ipairs(edits.arrived(sandbox).pictures) do
      names[i] = seen.name
      assert.equal("image/png", seen.type)
    end
    for _, name in ipairs(names) do assert.truthy(name:find("^[%w._-]+%.png$"), name) end
    assert.equal(2, #names)
    assert.equal(200, raw.get(sandbox.magick .. "/v1/models").status)
  end)
end)
