-- SPDX-License-Identifier: MIT
-- Tests gptimage.mask.look: a mask's kinds of pixels, from as few of its rows as will do.

local files = require "spec.support.files"
local mask = require "gptimage.mask"
local masking = require "gptimage.masking"
local pictures = require "spec.support.pictures"

local drawn = pictures.drawn

describe("gptimage.mask.look", function()
  local folder
  before_each(function() folder = files.folder() end)
  after_each(function() folder:close() end)

  local function at(name) return folder.path .. "/" .. name end
  it("looks at masks, in files and in memory, and says what it saw", function()
    for rows, seen in pairs {
      [".."] = { true, false, false }, ["##"] = { false, true, false },
      ["++"] = { false, false, true }, ["+.\n##"] = { true, true, true },
      ["##\n##\n#."] = { true, true, false }, ["++\n#+"] = { false, true, true },
    } do
      local whole = drawn(rows)
      files.write(at "a.png", whole)
      for _, options in ipairs { { mask = at "a.png" }, { data = whole } } do
        local told = assert(mask.look(options))
        assert.same(seen, { told.transparent, told.opaque, told.partial }, rows)
        assert.same({ 2, #rows // 3 + 1 }, { told.width, told.height })
      end
    end
    local passes = pictures.SIGNATURE .. pictures.header(3, 2, 8, 4, true)
      .. pictures.chunk("IDAT", pictures.store("\0\9\0" .. "\0\9\255")) -- two of four
    local told = assert(mask.look { data = passes })
    assert.same({ true, true }, { told.transparent, told.opaque })
  end)

  it("looks no further than it must", function()
    local whole = drawn("#.\n" .. ("##\n"):rep(4000)) -- some reads of libpng's
    local cut = whole:sub(1, #whole // 2)
    assert.is_true(assert(mask.look { data = cut }).transparent)
    files.write(at "a.png", cut)
    assert.is_true(assert(mask.look { mask = at "a.png" }).opaque)
    assert.is_nil((mask.check { mask = at "a.png" }))
    assert.is_nil((mask.look { data = drawn(("##\n"):rep(40)):sub(1, -30) }))
  end)

  it("holds nobody up for a mask of more pixels than any service makes, and says so", function()
    -- A hole in the last corner.
    local function draw(width, height)
      assert(mask.rectangle { image_width = width, image_height = height, output = at "a.png",
        x = width - 1, y = height - 1, width = 1, height = 1 })
    end
    for _, case in ipairs { { 3840, 2160, true }, { 3840, 2200, false } } do
      draw(case[1], case[2])
      local told = assert(mask.look { mask = at "a.png" })
      assert.same({ case[1], case[2], true, case[3] },
        { told.width, told.height, told.opaque, told.transparent })
      assert.is_false(told.whole)
    end
    assert.is_nil(masking.fault { mask = at "a.png" })
    files.write(at "b.png", drawn "##")
    assert.is_true(assert(mask.look { mask = at "b.png" }).whole)
  end)
end)
