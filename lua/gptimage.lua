-- SPDX-License-Identifier: MIT
-- Generates and edits images through the GPT Image services. See README.md for a first picture,
-- lua/gptimage/meta.lua for every function and field.

local core = require "gptimage.core"
local deliver = require "gptimage.deliver"
local results = require "gptimage.result"
local wait = require "gptimage.wait"

local rawget, type = rawget, type

local M = {
  version = core.version,
  models = core.models,
  sizes = core.sizes,
}

-- Parts that most programs never need, loaded when first asked for.
local submodules = {
  journal = "gptimage.journal",
  mask = "gptimage.mask",
  sandbox = "gptimage.sandbox",
}

setmetatable(M, {
  __index = function(self, name)
    local module = submodules[name]
    if module == nil then
      return nil
    end
    local value = require(module)
    rawset(self, name, value)
    return value
  end,
})

-- Where the key comes from when the options do not give it.
local key_variables = {
  starmagic = "STARMAGIC_API_KEY",
  evolink = "EVOLINK_API_KEY",
  magick = "MAGICK_API_KEY",
}

local function from_environment(name)
  local value = os.getenv(name)
  if value ~= "" then
    return value
  end
  return nil
end

-- Calls a function of the core that checks its arguments, so that what it raises points at the
-- user's line (`level` as for error, seen from here) instead of ours.
local function checked(level, f, ...)
  local ok, value, err = pcall(f, ...)
  if not ok then
    error(value, type(value) == "string" and level or 0)
  end
  return value, err
end

-- The request with its `extra` as JSON. The caller's table stays as it is.
local function with_extra_written(request, name, level)
  local extra = rawget(request, "extra")
  if extra == nil then
    return request
  elseif type(extra) ~= "table" then
    error(("bad argument #1 to '%s' (field 'extra': table expected, got %s)")
      :format(name, type(extra)), level)
  end
  local copy = {}
  for key, value in next, request do
    copy[key] = value
  end
  local ok, text = pcall(require("gptimage.json").encode_extra, extra)
  if not ok then
    error(("bad argument #1 to '%s' (field '%s)"):format(name, text:gsub(": ", "': ", 1)),
      level)
  end
  copy.extra = text
  return copy
end

-- The request as the core wants it, and what was seen of its mask. What is wrong with it
-- otherwise the core says.
local function for_core(request, name, level)
  if type(request) ~= "table"
    or (rawget(request, "extra") == nil and rawget(request, "mask") == nil) then
    return request
  end
  local fault
  if rawget(request, "mask") then
    fault = require("gptimage.masking").fault(request)
  end
  return with_extra_written(request, name, level + 1), fault
end

--- A client of one service. See gptimage.options in meta.lua.
---@param options gptimage.options?
---@return gptimage.client? client, gptimage.error? err
function M.client(options)
  if options ~= nil and type(options) ~= "table" then
    error(("bad argument #1 to 'client' (table expected, got %s)"):format(type(options)), 2)
  end
  local copy = {}
  for key, value in next, options or {} do
    copy[key] = value
  end
  -- A provider that does not exist is for the core to refuse, before we ask for its key.
  local provider = copy.provider == nil and "starmagic" or copy.provider
  local variable = key_variables[provider]
  local variables = {} -- by option: whoever gave none is told where it came from
  if copy.base_url == nil then
    copy.base_url = from_environment("GPTIMAGE_BASE_URL")
    variables.base_url = "GPTIMAGE_BASE_URL"
  end
  local missing
  if variable and (copy.api_key == nil or copy.api_key == "") then
    missing = copy.api_key == nil
      and ("no API key: set $%s, or give the option api_key"):format(variable)
      or "the option api_key is empty"
    copy.api_key = copy.api_key == nil and from_environment(variable) or nil
    if copy.api_key then
      missing = nil
      variables.api_key = variable
    end
  end
  if missing then
    -- Mistakes in the other options come first: they raise, and a key would not cure them.
    copy.api_key = "missing"
    if type(copy.journal) == "string" then
      copy.journal = nil -- nobody is to open, or find, a journal of this client
    end
    local client = checked(3, core.client, copy)
    if client then
      core.close(client)
    end
    return nil, results.failure { kind = "auth", message = missing, billed = "no",
      field = "api_key" }
  end
  local client, err = checked(3, core.client, copy)
  if not client then
    if variables[err.field] then
      err.message = ("%s It comes from $%s."):format(err.message, variables[err.field])
    end
    return nil, err
  end
  deliver.prepare(client, copy)
  wait.close_with(debug.getmetatable(client))
  return client
end

--- What a request would be: pixels, tier, price, and the body that would be sent. Needs neither
--- a key nor a network.
---@param request gptimage.request
---@param options gptimage.plan_options?
---@return gptimage.plan? plan, gptimage.error? err
function M.plan(request, options)
  local written, fault = for_core(request, "plan", 3)
  local plan, err = checked(3, core.plan, written, options, fault)
  return plan, err -- no tail call: levels count
end

-- Methods that start a task -----------------------------------------------------------------

local client_methods = core.methods.client

-- Those of gptimage.together are loaded when one of them is first called: it puts itself here.
for _, name in ipairs { "all", "race", "map" } do
  client_methods[name] = function(...)
    require "gptimage.together"
    return client_methods[name](...)
  end
end

-- The others are written out, with few calls inside one another and few values in each: what a
-- coroutine that waits ever needed of its stack it keeps, and there may be thousands. What the
-- core raises names the line that called the caller of the core. on_progress is looked for as the
-- core looks for fields, past metatables: one that raises would lose a task that is under way.

function client_methods:submit(request)
  local state = wait.check_open(self, "client:submit", 3)
  local written, fault = for_core(request, "submit", 3)
  local task, err = core.generate(self, written, "submit", fault)
  if task then
    wait.adopt(state, task, rawget(request, "on_progress"))
  end
  return task, err
end

-- To be called last, of the method `name`, which has looked whether its client may wait: what
-- waits is to be one frame and no more, and not to hold the request.
local function start_and_wait(client, name, starter, request)
  local written, fault = for_core(request, name, 3)
  local task, err = starter(client, written, name, fault)
  if not task then
    return nil, err
  end
  wait.adopt(core.data(client), task, rawget(request, "on_progress"))
  return wait.wait_as_caller_can(task)
end

function client_methods:generate(request)
  wait.check_may_wait(self, "client:generate", 3)
  return start_and_wait(self, "generate", core.generate, request)
end

function client_methods:edit(request)
  wait.check_may_wait(self, "client:edit", 3)
  return start_and_wait(self, "edit", core.edit, request)
end

--- What an earlier life of the journal left behind is brought to its end: see meta.lua.
function client_methods:recover()
  local state = wait.check_open(self, "client:recover", 3)
  local report, tasks = core.recover(self)
  if not report then
    error("client has no journal to recover from: give it the option 'journal'", 2)
  end
  for _, task in ipairs(tasks) do
    wait.adopt(state, task)
  end
  return report, tasks
end

function client_methods:attach(id, options)
  local state = wait.check_open(self, "client:attach", 3)
  local task, err = checked(3, core.attach, self, id, options)
  if task then
    wait.adopt(state, task, options and rawget(options, "on_progress"))
  end
  return task, err
end

return M
