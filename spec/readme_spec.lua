-- SPDX-License-Identifier: MIT
-- What README.md shows must work. Each block is tried as a reader would, by its first line:
--
--   ```lua          run as a program of its own in an empty folder, with a sandbox behind it:
--                   $GPTIMAGE_BASE_URL, $STARMAGIC_API_KEY, $EVOLINK_API_KEY and $MAGICK_API_KEY
--                   are set; a block that says provider = "magick" gets the sandbox's Magick.
--                   What a block uses and does not make itself is made for it: `gptimage`
--                   (required), and `client` (gptimage.client {}, closed at the end). It must end
--                   with exit status 0.
--                   A file called photo.png of 320 x 240 pixels lies in the folder.
--                   A block that requires a module which is not installed is only compiled, or
--                   gets our stand-in for it (copas).
--   ```lua fragment only compiled: for what needs a host around it
--   ```sh           checked by `sh -n`; every `make TARGET` must be a target of the Makefile, every
--                   `bin/gptimage COMMAND` a command of it, every file named after `lua5.4` must
--                   exist
--   ```c            part of examples/embed/host.c, to the letter, which a spec of its own runs
--   other           not looked at

local files = require "spec.support.files"
local window = require "gptimage.core_test"
local pictures = require "spec.support.pictures"
local program = require "spec.support.program"
local sandboxes = require "spec.support.sandbox"

local PHOTO = pictures.png { width = 320, height = 240 }

-- The blocks of a Markdown text: {info, line, text}.
local function blocks_of(markdown)
  local blocks, current = {}, nil
  local number = 0
  for line in (markdown .. "\n"):gmatch("(.-)\n") do
    number = number + 1
    local fence = line:match("^%s*```(.*)$")
    if fence and current then
      blocks[#blocks + 1] = current
      current = nil
    elseif fence then
      current = { info = fence, line = number + 1, lines = {} }
    elseif current then
      table.insert(current.lines, line)
    end
  end
  assert(current == nil, "a block of README.md is not closed")
  for _, block in ipairs(blocks) do
    block.text = table.concat(block.lines, "\n") .. "\n"
  end
  return blocks
end

-- What comes before a block that leans on names it does not make. One line, so that the numbers of
-- the block's lines are off by one only.
local function prelude(text)
  local words = {}
  local function makes(name)
    return text:find("local%s+" .. name .. "%f[%W]") ~= nil
  end
  if text:find('require "copas"', 1, true) and not package.searchpath("copas", package.path) then
    words[#words + 1] = 'package.loaded.copas = require "spec.support.copas_stand_in"'
  end
  if not makes("gptimage") then
    words[#words + 1] = 'local gptimage = require "gptimage"'
  end
  if not makes("client") and text:find("%f[%w_]client%f[^%w_][:.]?") then
    words[#words + 1] = "local client <close> = assert(gptimage.client {})"
  end
  return table.concat(words, "; ") .. "\n"
end

-- Whoever watches the descriptor needs one, and not everybody has lgi.
local function runs_here(block)
  local function has(text) return block.text:find(text, 1, true) end
  return block.info == "lua" and (window.has_descriptor or not has "client:fd()")
    and (package.searchpath("lgi", package.path) or not has 'require("lgi")')
end

local function targets_of_makefile()
  local targets = {}
  for name in ("\n" .. files.read("Makefile")):gmatch("\n([%w_-]+):") do
    targets[name] = true
  end
  return targets
end

describe("README.md", function()
  local sandbox, blocks

  setup(function()
    sandbox = sandboxes.start { latency = 0.1 }
    blocks = blocks_of(files.read("README.md"))
  end)

  teardown(function()
    if sandbox then
      sandbox:stop()
    end
  end)

  it("shows Lua that runs", function()
    local tried = 0
    for _, block in ipairs(blocks) do
      if block.info == "lua" then
        assert(load(prelude(block.text) .. block.text, "=README.md:" .. block.line, "t"))
      end
      if runs_here(block) then
        tried = tried + 1
        local folder <close> = files.folder()
        files.write(folder.path .. "/photo.png", PHOTO)
        local path = folder.path .. "/README.lua"
        files.write(path, prelude(block.text) .. block.text)
        local magick = block.text:find('provider = "magick"', 1, true)
        local result = program.run(path, { folder = folder.path, env = {
          GPTIMAGE_BASE_URL = magick and sandbox.magick or sandbox.starmagic,
          STARMAGIC_API_KEY = "sk-readme", EVOLINK_API_KEY = "sk-readme",
          MAGICK_API_KEY = "sk-readme",
        } })
        assert.equal(0, result.status, ("the block at line %d of README.md says:\n%s")
          :format(block.line, result.output))
      end
    end
    assert.truthy(tried > 0, "README.md shows no Lua")
  end)

  it("shows fragments that compile", function()
    for _, block in ipairs(blocks) do
      if block.info == "lua fragment" then
        assert(load(block.text, "=README.md:" .. block.line, "t"))
      else
        assert.is_nil(block.info:match("^lua%s"), "unknown kind of block: " .. block.info)
      end
    end
  end)

  it("shows C that is in the example", function()
    local host = files.read("examples/embed/host.c")
    for _, block in ipairs(blocks) do
      if block.info == "c" then
        assert.truthy(host:find(block.text, 1, true), "line " .. block.line)
      end
    end
  end)

  it("shows commands that exist", function()
    local targets = targets_of_makefile()
    local tried = 0
    for _, block in ipairs(blocks) do
      if block.info == "sh" then
        tried = tried + 1
        local folder <close> = files.folder()
        local path = folder.path .. "/README.sh"
        files.write(path, block.text)
        assert.is_true(os.execute("sh -n " .. files.quote(path)),
          "sh cannot read the block at line " .. block.line)
        for line in block.text:gmatch("[^\n]+") do
          -- The command make, not the word: `luarocks make` is another.
          for words in ("\n" .. line:gsub("#.*", "")):gmatch("[\n;&|(]%s*make ([^;&|)]*)") do
            for target in words:gmatch("%S+") do
              assert.is_truthy(targets[target] or target:find("^%-") or target:find("="),
                "the Makefile has no target " .. target)
            end
          end
          for command in line:gmatch("bin/gptimage (%l+)") do
            local file = io.open("lua/gptimage/cli/" .. command .. ".lua")
            assert.is_truthy(file, "bin/gptimage has no command " .. command)
            file:close()
          end
          for file_name in line:gmatch("lua5%.4 ([%w_/]+%.lua)") do
            local file = io.open(file_name)
            assert.is_truthy(file, "there is no " .. file_name)
            file:close()
          end
        end
      end
    end
    assert.truthy(tried > 0, "README.md shows no command")
  end)
end)
