-- SPDX-License-Identifier: MIT
-- What `make demo` runs: a picture from each service, end to end, against the sandbox on this
-- machine: no key, no money, no network. Ends with an error when anything is not as planned.

local gptimage = require "gptimage"

local FOLDER = "out"
local prices = { ["gpt-image-2-beta"] = 2.5 } -- credits, as the sandbox charges
local root = arg[0]:match("^(.*)/[^/]*$") or "."
local sandbox_command = ("exec '%s' '%s/../bin/gptimage' sandbox --tied --latency 3")
  :format(arg[-1] or "lua5.4", root)

-- Starts the sandbox and reads its addresses; it ends when its output is read no more, so closing
-- the pipe is enough.
local function start_sandbox()
  local pipe = assert(io.popen(sandbox_command, "r"))
  local urls = {}
  for line in pipe:lines() do
    local name, value = line:match("^(%S+) ?(.*)$")
    if name == "ready" then
      return pipe, urls
    end
    urls[name] = value
  end
  pipe:close()
  error("the sandbox did not start", 0)
end

-- Width and height as the file itself says, read by nobody's code but this.
local function size_of_png(path)
  local file <close> = assert(io.open(path, "rb"))
  local head = file:read(24)
  assert(head and head:sub(1, 8) == "\137PNG\r\n\26\n" and head:sub(13, 16) == "IHDR",
    path .. " is no PNG")
  return (">I4I4"):unpack(head, 17)
end

local function show(label, ...)
  print(("  %-10s"):format(label) .. (...):format(select(2, ...)))
end

local function show_plan(plan)
  show("plan", "%d x %d pixels%s", plan.width, plan.height,
    plan.tier and ", tier " .. plan.tier or "")
  local price = plan.price
  if price.factor then
    show("price", "%g x %s%s", price.factor, price.unit or "the model's base price",
      price.credits and (" = %g credits"):format(price.credits) or "")
  else
    show("price", "not known: the service publishes none")
  end
  for _, warning in ipairs(plan.warnings) do
    show("warning", "%s", warning.message)
  end
end

-- One service: plan, generate with progress, look at what came.
local function demonstrate(title, options, request)
  print(title)
  show("prompt", "%s", request.prompt)
  local plan = assert(gptimage.plan(request, {
    provider = options.provider, prices = prices }))
  show_plan(plan)

  local client <close> = assert(gptimage.client(options))
  local last
  request.on_progress = function(task)
    local text = ("%3d %% %s"):format(task.progress, task.status)
    if text ~= last then
      last = text
      show("progress", "%s", text)
    end
  end
  local result = assert(client:generate(request))
  for _, warning in ipairs(result.warnings) do
    show("warning", "%s", warning.message)
  end
  for _, image in ipairs(result.images) do
    if image.error then
      error(image.error, 0)
    end
    show("saved", "%s, %d bytes, billed: %s", image.path, image.size, result.billed)
    local width, height = size_of_png(image.path)
    if width ~= plan.width or height ~= plan.height then
      error(("%s has %d x %d pixels, planned were %d x %d"):format(image.path, width, height,
        plan.width, plan.height), 0)
    end
    show("checked", "the file has exactly the planned %d x %d pixels", width, height)
  end
  print()
end

local function main()
  local pipe <close>, urls = start_sandbox() -- luacheck: ignore 211 (it is there to be closed)
  print(("gptimage %s, against a sandbox at %s\n"):format(gptimage.version, urls.origin))

  demonstrate("The task service: submitted, asked for until it is done, downloaded", {
    provider = "starmagic", base_url = urls.starmagic, api_key = "demo", overwrite = "replace",
    poll = { first = 0.4, min = 0.4, max = 0.6 }, -- the real services get a few polls a minute
  }, {
    model = "gpt-image-2-beta",
    prompt = "A beautiful colorful sunset over the ocean",
    size = "16:9", resolution = "2K",
    output = FOLDER .. "/{model}.{format}",
  })

  demonstrate("The synchronous service: the answer is the picture", {
    provider = "magick", base_url = urls.magick, api_key = "demo", overwrite = "replace",
  }, {
    model = "gpt-image-2",
    prompt = "一只橘猫坐在窗台上看夕阳,水彩画风格",
    size = "1024x1024", n = 1, response_format = "url",
    output = FOLDER .. "/{model}.{format}",
  })

  print("Look at the pictures in " .. FOLDER .. "/.")
end

local ok, err = xpcall(main, function(err)
  return type(err) == "string" and debug.traceback(err, 2) or err
end)
if not ok then
  io.stderr:write("demo failed: ", tostring(err), "\n")
  os.exit(1, true)
end
