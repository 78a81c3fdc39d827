-- SPDX-License-Identifier: MIT
-- 7. Edits: pictures go in, from files and from links, and one comes out. The same on every
-- service: for one that wants links the files are uploaded first, for one that wants files the
-- links are downloaded.
--
-- Usage: lua5.4 examples/07_edit.lua [starmagic | evolink | magick]
-- StarMagic's pages do not say where its file service is: FILES_URL has to. (With the sandbox that
-- is the address that it prints after "files", and GPTIMAGE_BASE_URL the one after the provider.)

local gptimage = require "gptimage"

local provider = arg[1] or "starmagic"
local options = {
  provider = provider,
  files_url = os.getenv "FILES_URL",
  allow_private = os.getenv "GPTIMAGE_BASE_URL" ~= nil, -- the sandbox's links are on this machine
}
if provider == "starmagic" and (options.files_url or "") == "" then
  io.stderr:write("FILES_URL is not set: nowhere to upload the file to; nothing was paid\n")
  os.exit(1, true)
end
local client <close> = assert(gptimage.client(options))

local function make(request)
  request.model, request.quality = "gpt-image-2", "low"
  request.size = request.size or "1024x1024"
  local result, err = client:generate(request)
  if not result then
    io.stderr:write("no picture: ", tostring(err), "\n")
    os.exit(1, true)
  end
  return result.images[1]
end

-- Two pictures to begin with: of one we take the file, of the other the link.
local morning = make { prompt = "A boat at sea in the morning", output = "morning.png" }
local sky = make { prompt = "Stars over snowy mountains at night" }
print("a file: " .. morning.path)
print("a link: " .. sky.url)

-- A reference is a path, a link, or { data = "<bytes>", name = "a.png" }; up to 16 of them, in the
-- order in which the prompt speaks of them. What a file is, its bytes say, not its name.
local request = {
  model = "gpt-image-2", quality = "low",
  prompt = "The boat of the first picture at night, under the stars of the second",
  images = { "morning.png", sky.url },
  size = "1024x1024",
  output = "night.png",
}

-- What will be sent is known before: nothing is uploaded and nothing paid for a plan.
local plan = assert(gptimage.plan(request, options))
print("plan: " .. plan.endpoint)

local result, err = client:edit(request)
if not result then
  -- A file that is not there, no picture, too big: refused here, and `issues` lists all of them.
  io.stderr:write("no edit: ", tostring(err), "\n")
  os.exit(1, true)
end
print(("the edit: %s, billed: %s"):format(result.images[1].path, result.billed))
