-- SPDX-License-Identifier: MIT
-- References behind links that do not hold what they promise. One service opens links itself: it
-- accepts the task and fails it. For the other they are downloaded here, before anything is paid.

local edits = require "spec.support.edits"
local mime = require "mime"
local pictures = require "spec.support.pictures"
local sandboxes = require "spec.support.sandbox"

local photo = { name = "a.png", type = "image/png",
  bytes = pictures.png { width = 30, height = 20 } }

local function bytes(data) return { base64 = mime.b64(data) } end

local huge = pictures.SIGNATURE .. pictures.header(60000, 60000, 8, 6) .. ("x"):rep(50)

local page = "images[1] could not be downloaded: What the link gave is not a picture: "
local advice = " Check format, size and link of the reference images."

-- What the link's host does; then the error of the service that takes files (kind, message, how
-- often the link was asked for) and that of the one that opens links (what it says of it).
local cases = {
  ["is not found"] = { { status = 404 }, "not_found", "images[1] could not be downloaded: "
    .. "The picture's link answers 404: it cannot be fetched there.", 1,
    "image_urls[0] could not be downloaded (HTTP 404)." },
  ["is forbidden"] = { { status = 403 }, "not_found", "images[1] could not be downloaded: "
    .. "The picture's link answers 403: it cannot be fetched there.", 1,
    "image_urls[0] could not be downloaded (HTTP 403)." },
  ["breaks its server"] = { { status = 500 }, "server", "images[1] could not be downloaded: "
    .. "The picture's host answers 500. Try again later.", 3,
    "image_urls[0] could not be downloaded (HTTP 500)." },
  ["is asked for too often"] = { { status = 429, retry_after = 0.01 }, "rate_limited",
    "images[1] could not be downloaded: Too many downloads (429). Try again later.", 3,
    "image_urls[0] could not be downloaded (HTTP 429)." },
  ["is a page"] = { { status = 200, body = "<html>hi</html>", content_type = "text/html" },
    "protocol", page .. 'it begins with "<html>hi</html>".', 3, "image_urls[0] is no picture." },
  ["is empty"] = { { status = 200, empty = true }, "protocol",
    page .. "it is empty, or nearly so.", 3, "image_urls[0] is empty." },
  ["is a GIF"] = { bytes(pictures.gif(3, 3)), "invalid",
    "the service does not take .gif pictures; got gif, nearest png, jpeg, webp", 1,
    "image_urls[0] has the unsupported format gif." },
  ["ends in its header"] = { bytes(photo.bytes:sub(1, 20)), "invalid",
    "the png ends or breaks within its header: its size in pixels is not there", 1,
    "image_urls[0] has no header." },
  ["declares 60000 x 60000"] = { bytes(huge), "invalid",
    "no side of a picture has more than 23170 pixels; got 60000x60000", 1,
    "image_urls[0] is truncated." },
  ["is over 50 MB"] = { { lie = 60000000 - #photo.bytes }, "too_big", "images[1] could not be "
    .. "downloaded: The picture would be 60000000 bytes long, and 52428800 are the limit.", 1,
    "image_urls[0] could not be downloaded (it broke off)." },
  ["leads round in a circle"] = { { redirect = "/uploads/0/y.png" }, "protocol",
    "images[1] could not be downloaded: The picture's link redirects more than 5 times.", 6,
    "image_urls[0] could not be downloaded (too many redirects)." },
  ["leads out of the web"] = { { redirect = "ftp://example.com/a.png" }, "protocol",
    "images[1] could not be downloaded: The picture's link is not followed: it does not begin "
    .. "with http:// or https://.", 1, "image_urls[0] must be an http or https URL." },
  ["breaks off, always"] = { { cut = 100 }, "network", nil, 3,
    "image_urls[0] could not be downloaded (it broke off)." },
  ["does not answer"] = { { stall = "head", seconds = 2 }, "timeout",
    "images[1] could not be downloaded: 127.0.0.1 did not answer within 0.3 s", 3 },
}

describe("a link", function()
  local sandbox, elsewhere
  setup(function()
    sandbox = sandboxes.start { latency = 0, allow_private = true, fetch_references = true }
    elsewhere = sandboxes.start { latency = 0, allow_private = true }
  end)
  teardown(function()
    elsewhere:stop()
    sandbox:stop()
  end)
  before_each(function()
    sandbox:reset()
    elsewhere:reset()
  end)

  -- The error of an edit; what was charged must be nothing.
  local function refused(service, request)
    local client <close> = edits.client(sandbox, service, "1.1", { timeout = { download = 0.3 },
      retry = { max = 2, base = 0.01, cap = 0.02 } })
    local result, err = client:edit(edits.request(request))
    assert.is_nil(result)
    assert.equal("no", err.billed)
    assert.same({ 0, 0 }, { sandbox:ledger().charged, sandbox:ledger().credits.charged })
    return err
  end

  local function asked() return #elsewhere:requests { kind = "uploaded" } end

  for name, case in pairs(cases) do
    it("that " .. name .. " is found out here, before the form is sent", function()
      local link = edits.publish(elsewhere, photo)
      elsewhere:fault { match = { kind = "uploaded" }, times = -1, fault = case[1] }
      local err = refused("magick", { images = { link } })
      assert.same({ case[2], "images[1]", case[3] or err.message, case[4] },
        { err.kind, err.field, err.message, asked() })
      assert.equal(0, sandbox:ledger().submits)
    end)

    if case[5] then
      it("that " .. name .. " fails the task of the service that opens it", function()
        local link = edits.publish(elsewhere, photo)
        elsewhere:fault { match = { kind = "uploaded" }, times = -1, fault = case[1] }
        local err = refused("starmagic", { images = { link } })
        assert.same({ "invalid", "image_processing_error", case[5] .. advice },
          { err.kind, err.code, err.message })
        assert.equal(1, sandbox:ledger().refunded)
      end)
    end
  end

  it("to a host that does not listen is no error of the service", function()
    local err = refused("magick", { images = { "http://127.0.0.1:1/a.png" } })
    assert.same({ "network", "images[1]", true }, { err.kind, err.field, err.retryable })
    assert.truthy(err.message:find("Connection refused", 1, true), err.message)
  end)

  it("that breaks off once is gone on with", function()
    local link = edits.publish(elsewhere, photo)
    elsewhere:fault { match = { kind = "uploaded" }, fault = { cut = 100 } }
    local client <close> = edits.client(sandbox, "magick", "1.1")
    assert(client:edit(edits.request { images = { link } }))
    assert.equal(edits.sha256(photo.bytes), edits.arrived(sandbox).pictures[1].sha256)
  end)

  it("of a mask is judged against the picture", function()
    local link = edits.publish(elsewhere, photo)
    local function mask(data)
      return edits.publish(elsewhere, { name = "m.png", type = "image/png", bytes = data })
    end
    for _, case in ipairs {
      { photo.bytes, "a mask has an alpha channel: where it is transparent the picture is painted "
        .. "anew", "image_processing_error" },
      { pictures.drawn "..##", "a mask has the pixels of the first picture; got 4x1, nearest 30x20",
        "image_dimension_mismatch" },
      { pictures.jpeg(30, 20), "a mask is a PNG; got jpeg, nearest png", "image_processing_error" },
    } do
      local err = refused("magick", { images = { link }, mask = mask(case[1]) })
      assert.same({ "invalid", "mask", case[2] }, { err.kind, err.field, err.message })
      assert.equal(0, sandbox:ledger().submits)
      err = refused("starmagic", { images = { link }, mask = mask(case[1]) })
      assert.same({ "invalid", case[3] }, { err.kind, err.code })
      sandbox:reset()
    end
  end)

  it("is asked for without the key, and where it leads to as well", function()
    local link = edits.publish(elsewhere, photo)
    elsewhere:fault { match = { kind = "uploaded" }, fault = { redirect = link } }
    local client <close> = edits.client(sandbox, "magick", "1.1")
    assert(client:edit(edits.request { images = { link } }))
    local records = elsewhere:requests { kind = "uploaded" }
    assert.equal(2, #records)
    for _, record in ipairs(records) do assert.is_nil(record.headers.authorization) end
  end)
end)
