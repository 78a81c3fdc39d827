-- SPDX-License-Identifier: MIT
-- Tests src/core/gim_link.c through the test window: a link to a png or jpg, 2048 characters.
local window = require "gptimage.core_test"

local function rules(link, https_only, allow_private)
  local issues, warnings = window.check_link(link, https_only, allow_private)
  local names = {}
  for i, issue in ipairs(issues) do names[i] = issue.rule end
  assert.same({}, warnings)
  return table.concat(names, " "), issues
end

describe("gim_link_check", function()
  it("takes public links", function()
    for _, link in ipairs { "https://example.com/a.png", "http://example.com/a.JPG?x=1.gif",
      "https://example.com/download?id=7", "https://example.com/a.b/c", "https://8.8.8.8/",
      "https://example.com/a.gif/b", "https://example.com/a.php", "https://example.com/.gif/",
      "https://example.com/x#a.gif", "https://example.com" } do
      assert.same("", rules(link), link)
    end
  end)

  it("lists every problem", function()
    assert.same("https internal image_format", rules("http://10.0.0.1/a.gif", true))
    assert.same("too_long https", rules("http://a.b/" .. ("x"):rep(2048), true))
    assert.same("utf8", rules("http://a.b/\xFF"))
    assert.same("too_long", rules("http://a.b/" .. ("é"):rep(2038)))
    assert.same("", rules("http://a.b/" .. ("é"):rep(2037)))
  end)

  it("looks at the extension of the path alone", function()
    for extension in ("gif GIF bmp tif tiff svg heic heif avif jxl ico psd webp jpeg")
      :gmatch "%w+" do
      assert.same("image_format", rules("https://a.b/c." .. extension .. "?x=.png"), extension)
    end
  end)

  it("lets private links pass when they are allowed, and plain http with them", function()
    for _, link in ipairs { "http://127.0.0.1:8080/cb", "http://localhost/", "http://[::1]/",
      "http://0x7f.1/" } do
      assert.same("https internal", rules(link, true, false), link)
      assert.same("", rules(link, true, true), link)
    end
    assert.same("user_info", rules("http://u@127.0.0.1/", true, true))
  end)

  it("say how a link has to begin, and name no plain http where that is not taken", function()
    for _, text in ipairs { "ftp://a.b", "a.b", "" } do
      local _, told = rules(text, true)
      assert.equal("the link does not begin with https://", told[1].message)
      _, told = rules(text, true, true)
      assert.equal("the link does not begin with http:// or https://", told[1].message)
    end
  end)

  it("shows neither queries nor passwords", function()
    local _, issues = rules("https://10.0.0.1/a.png?signature=secret", true)
    assert.same("https://10.0.0.1/a.png", issues[1].got)
    _, issues = rules("https://joe:secret@10.0.0.1/a.png", true)
    assert.is_nil(issues[1].got)
  end)
end)
