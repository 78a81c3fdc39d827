-- SPDX-License-Identifier: MIT
-- Tests src/core/gim_name.c through the test window.
local window = require "gptimage.core_test"
local Random = require "spec.support.random"

local KEY = "img_0123456789abcdef0123456789abcdef"

-- Ids that a service might send, by accident or not.
local HOSTILE = {
  "../../etc/passwd", "..", ".", "...", "", "a/b", "a_b", "/", "//", "/etc/passwd", "a\\b", "\\",
  "a\0b", "a\0c", "\0", "a b", " ", "a\nb", "a\tb", "a\127b", "a:b", "a*b", "a?b", "~", "~root",
  "$HOME", "`id`", "a;b", "a|b", "a&b", "a'b", 'a"b', "a<b", "a>b", "%2e%2e%2f", "%s%n", "{id}",
  "{index}", "{", "}", "-", "--", "-rf", "--help", ".hidden", "..hidden", ".bashrc", "con", "CON",
  "nul", "aux", "com1", "a.", "a..", "bild-\u{E4}", "bild-\u{F6}", "\u{732B}", "\u{202E}gnp",
  "e\u{301}", "\u{E9}", "\xFF", "\xFE", "\xC0\xAF", "\xED\xA0\x80", ("x"):rep(80), ("x"):rep(81),
  ("x"):rep(255), ("x"):rep(256), ("x"):rep(10000), ("x"):rep(9999) .. "y", ("/"):rep(10000),
  ("../"):rep(3000), "task-unified-1764000000-a1b2c3d4",
}

local function file(pattern, values)
  return window.name_file(pattern, values)
end

describe("gim_name: what stands for a placeholder", function()
  it("stays as it is where it is safe", function()
    for _, text in ipairs { "a", "A.b_c-9", "task-unified-1764000000-a1b2c3d4", "con", "a.",
      "a..b", "_", "0", ("x"):rep(80) } do
      assert.same(text, window.name_safe(text))
    end
  end)

  it("carries a hash where something was replaced or cut", function()
    for text, safe in pairs {
      ["a/b"] = "a_b", [".."] = "_.", ["."] = "_", [""] = "_", ["-rf"] = "_rf", ["--"] = "_-",
      ["../../etc/passwd"] = "_._.._etc_passwd", [".bashrc"] = "_bashrc", ["a\0b"] = "a_b",
      ["\u{E4}"] = "__", ["a b"] = "a_b", ["a-0123456789abcdef"] = "a-0123456789abcdef",
      [("x"):rep(81)] = ("x"):rep(63),
    } do
      local got, hash = window.name_safe(text):match "^(.*)%-(%x+)$"
      assert.same(safe, got)
      assert.same(16, #hash)
    end
  end)

  it("is short, of safe characters, and begins with neither a dot nor a dash", function()
    for _, id in ipairs(HOSTILE) do
      local safe = window.name_safe(id)
      assert.is_truthy(safe:find "^[A-Za-z0-9_][A-Za-z0-9._-]*$", ("%q"):format(id:sub(1, 40)))
      assert.is_true(#safe <= 80)
    end
  end)

  it("never becomes the same for two texts", function()
    local of = {}
    local function check(text)
      local safe = window.name_safe(text)
      assert.is_true(of[safe] == nil or of[safe] == text,
        ("%q and %q"):format(tostring(of[safe]):sub(1, 60), text:sub(1, 60)))
      of[safe] = text
    end
    for _, id in ipairs(HOSTILE) do check(id) end
    local random = Random.new(1)
    for _ = 1, 20000 do check(random:bytes(random:below(4))) end
  end)

  it("cannot be made to look like another text's, by sending what that one became", function()
    for _, id in ipairs(HOSTILE) do
      local safe = window.name_safe(id)
      if safe ~= id then assert.are_not.same(safe, window.name_safe(safe)) end
    end
  end)

  it("holds the buffer's limit, and says when there is no memory", function()
    assert.same({ nil, "too_big" }, { window.name_safe("abcdef", 5) })
    assert.same("abcdef", window.name_safe("abcdef", 6))
    assert.same({ nil, "too_big" }, { window.name_safe("a/b", 8) })
    window.fail_allocation(1)
    assert.same({ nil, "no_memory" }, { window.name_safe "abc" })
    window.fail_allocation(0)
  end)
end)

describe("gim_name: file names", function()
  local values = { id = "task-1", key = KEY, model = "gpt-image-2", format = "png", index = 1 }

  local function with(changes)
    local all = {}
    for k, v in pairs(values) do all[k] = v end
    for k, v in pairs(changes) do all[k] = v end
    return all
  end

  it("fills every placeholder in", function()
    for pattern, name in pairs {
      ["out/{id}-{index}.{format}"] = "task-1-1.png",
      ["{key}.{format}"] = KEY .. ".png",
      ["a/b/{model}_{id}.png"] = "gpt-image-2_task-1.png",
      ["plain.png"] = "plain.png",
      ["/tmp/plain"] = "plain",
      ["{id}{id}"] = "task-1task-1",
      ["\u{732B} {index}.png"] = "\u{732B} 1.png",
    } do
      assert.same(name, file(pattern, values))
    end
  end)

  it("takes the request's key where there is no id, but not where it is empty", function()
    local unnamed = with {}
    unnamed.id = nil
    assert.same(KEY .. "-1.png", file("{id}-{index}.{format}", unnamed))
    assert.is_nil(file("{id}", with { id = "" }):find(KEY, 1, true))
  end)

  it("numbers further pictures before the ending, where the template does not", function()
    for pattern, name in pairs {
      ["{id}.{format}"] = "task-1-3.png", ["a.tar.gz"] = "a.tar-3.gz", ["plain"] = "plain-3",
      [".png"] = ".png-3", ["x/.hidden"] = ".hidden-3", ["a."] = "a-3.", ["{index}.png"] = "3.png",
      ["{id}"] = "task-1-3", ["..."] = "..-3.",
      ["x{format}"] = "xpng-3",
    } do
      assert.same(name, file(pattern, with { index = 3 }), pattern)
    end
    assert.same("a.png", file("a.png", with { index = 1 }))
  end)

  it("gives different pictures of one task different names, up to the most there are", function()
    for _, pattern in ipairs { "{id}-{index}.{format}", "{id}.png", "x", ".png", "{index}" } do
      local seen = {}
      for index = 1, 128 do
        local name = file(pattern, with { index = index })
        assert.is_nil(seen[name])
        seen[name] = true
      end
    end
  end)

  it("neither leaves the folder nor collides, whatever the service calls its tasks", function()
    local seen = {}
    for _, id in ipairs(HOSTILE) do
      for index = 1, 3 do
        local name = assert(file("out/{id}-{index}.{format}", with { id = id, index = index }))
        assert.is_truthy(name:find "^[A-Za-z0-9_][A-Za-z0-9._-]*$")
        assert.is_true(#name <= 255)
        assert.is_nil(seen[name], ("%q"):format(id:sub(1, 40)))
        seen[name] = true
      end
    end
  end)

  it("does not let the service's formats and the user's models out either", function()
    local seen = {}
    for _, text in ipairs(HOSTILE) do
      local name = assert(file("{model}.{format}", with { model = text, format = text }))
      assert.is_nil(name:find "[^A-Za-z0-9._-]")
      assert.is_nil(seen[name])
      seen[name] = true
      local folder = assert(window.name_folder("out/.{model}/x", with { model = text }))
      assert.is_truthy(folder:find "^out/%.[A-Za-z0-9_][A-Za-z0-9._-]*$")
    end
  end)

  it("does not expand what came out of a placeholder", function()
    assert.is_nil(file("{id}.png", with { id = "{key}" }):find(KEY, 1, true))
  end)

  it("refuses a name over 255 bytes when it is made", function()
    assert.same(255, #file(("n"):rep(255), values))
    assert.same({ nil, "too_big" }, { file(("n"):rep(256), values) })
    assert.same({ nil, "too_big" }, { file("{id}{id}{id}{id}", with { id = ("x"):rep(80) }) })
    assert.same({ nil, "too_big" }, { file(("n"):rep(254), with { index = 2 }) })
  end)

  it("splits the folder off at the last slash", function()
    for pattern, folder in pairs {
      ["x.png"] = "", ["out/x.png"] = "out", ["/x.png"] = "/", ["/a/b/x.png"] = "/a/b",
      ["../x.png"] = "..", ["./x"] = ".", ["//x"] = "/", ["a//x"] = "a/",
      ["{model}/{key}/x"] = "gpt-image-2/" .. KEY,
    } do
      assert.same(folder, window.name_folder(pattern, values), pattern)
    end
  end)

  it("says when there is no memory, at every allocation", function()
    for _, call in ipairs { window.name_file, window.name_folder } do
      window.fail_allocation(1)
      assert.same({ nil, "no_memory" }, { call("{key}/{key}-{index}.png", values) })
      window.fail_allocation(0)
    end
    assert.same({ nil, "too_big" }, { window.name_folder("{key}/x", values, 10) })
    assert.same({ nil, "too_big" }, { window.name_file("{key}", values, 10) })
  end)
end)

describe("gim_name: templates", function()
  it("accepts what a user means", function()
    for _, pattern in ipairs { "x", "x.png", "out/{id}-{index}.{format}", "/tmp/x.png", "../x.png",
      "~/x.png", "{key}/{model}/{id}.png", "\u{732B}/\u{732B}.png", "a b.png", ".hidden", "...",
      "{id}{index}{format}{key}{model}", ("d/"):rep(2047) .. "x", "a\\b", "..x", "\xFF" } do
      assert.same(true, window.name_check(pattern), pattern)
    end
  end)

  it("calls pictures by their id in what is a folder alone", function()
    local values = { id = "t1", key = "k", model = "m", format = "png", index = 2 }
    for pattern, folder in pairs { ["out/"] = "out", ["/"] = "/", ["{model}/{key}/"] = "m/k" } do
      assert.is_true(window.name_check(pattern))
      assert.equal(folder, window.name_folder(pattern, values))
      assert.equal("t1-2.png", window.name_file(pattern, values))
    end
  end)

  it("refuses what cannot be a name, and says what is wrong with it", function()
    local unknown = "output: unknown placeholder; there are {id}, {index}, {format}, {key} and "
      .. "{model}."
    local control = "output: control characters are not allowed in it."
    local folder = "output: its folder is needed before paying and may hold {key} and {model} "
      .. "alone."
    for pattern, message in pairs {
      [""] = "output: a file name is missing.",
      ["."] = "output: it names a folder, not a file.",
      [".."] = "output: it names a folder, not a file.",
      ["out/.."] = "output: it names a folder, not a file.",
      ["out/."] = "output: it names a folder, not a file.",
      [("x"):rep(4096)] = "output: it is too long.",
      ["a\nb"] = control,
      ["a\0b"] = control,
      ["a\127b"] = control,
      ["o\tut/x"] = control,
      ["{nam}.png"] = unknown,
      ["{}"] = unknown,
      ["{ id}"] = unknown,
      ["{ID}"] = unknown,
      ["{id"] = unknown,
      ["{id\0}"] = unknown,
      ["{{id}}"] = unknown,
      ["x{"] = unknown,
      ["{a/b}"] = unknown,
      ["x}"] = "output: a closing brace has no opening one.",
      ["{id}}"] = "output: a closing brace has no opening one.",
      ["{id}/x.png"] = folder,
      ["{index}/x.png"] = folder,
      ["a/{format}/x.png"] = folder,
      ["{key}-{id}/x.png"] = folder,
    } do
      local good, err = window.name_check(pattern)
      assert.is_nil(good, pattern)
      assert.same(message, err.message)
      assert.same("output", err.field)
      assert.same("invalid", err.kind)
    end
  end)

  it("makes of every template that it accepts a name in its folder", function()
    local random = Random.new(3)
    local parts = { "{id}", "{index}", "{format}", "{key}", "{model}", "/", ".", "..", "a", "-",
      "{", "}", "{x}", "\n", " ", "_" }
    local accepted = 0
    for _ = 1, 5000 do
      local pieces = {}
      for i = 1, random:below(6) do pieces[i] = random:pick(parts) end
      local pattern = table.concat(pieces)
      local values = { id = random:pick(HOSTILE), key = KEY, model = random:pick(HOSTILE),
        format = "png", index = random:below(10) }
      if window.name_check(pattern) then
        accepted = accepted + 1
        local name, kind = window.name_file(pattern, values)
        assert.is_true(kind == nil or kind == "too_big")
        if name then
          assert.is_nil(name:find "[/%c{}]")
          assert.is_false(name == "" or name == "." or name == "..", pattern)
        end
        assert.is_truthy(window.name_folder(pattern, values))
      end
    end
    assert.is_true(accepted > 500)
  end)
end)
