-- SPDX-License-Identifier: MIT
-- What a finished task gave: results with a lazy `raw`, and images that can be saved or read.

local core = require "gptimage.core"

local M = {}

-- What an image or a result must know and a reader of its fields need not see. Weak keys: the
-- entry goes with the object.
local source = setmetatable({}, { __mode = "k" }) -- image -> { task, index }
local unread = setmetatable({}, { __mode = "k" }) -- result -> the task whose reply `raw` is

-- How a caller waits for a job; gptimage.wait sets it (it needs this file itself).
local conduct

---@class gptimage.conduct
---@field check fun(client: gptimage.client, what: string, level: integer)
---@field adopt fun(state: table, task: gptimage.task)
---@field wait fun(task: gptimage.task): any, gptimage.error?

---@param functions gptimage.conduct
function M.wait_with(functions)
  conduct = functions
end

local Result = { __name = "gptimage.result" }

function Result.__index(self, key)
  if key ~= "raw" then
    return nil
  end
  local task = unread[self]
  local body = task and core.body(task)
  if body == nil then
    return nil
  end
  local raw, reason = require("gptimage.json").decode(body)
  unread[self] = nil
  if reason then
    self.warnings[#self.warnings + 1] = setmetatable({ field = "raw", rule = "json",
      message = "cjson cannot read the reply: " .. reason }, core.issue_metatable)
  end
  self.raw = raw
  return raw
end

local image_methods = {}
local Image = { __name = "gptimage.image", __index = image_methods }

local function source_of(image, name)
  local from = source[image]
  if from == nil then
    error(("bad argument #1 to '%s' (image expected, got %s; call it as image:%s())")
      :format(name, type(image), name), 3)
  end
  local task, index = from[1], from[2]
  if task.client.foreign then
    error(("image:%s: task belongs to the parent process"):format(name), 3)
  end
  return task, index
end

-- What is known of a picture only once its bytes were there.
local learned = { "format", "width", "height", "size" }

-- Starts the job that fetches a picture, and waits for it as generate would.
local function fetch(image, task, index, path, name)
  conduct.check(task.client, "image:" .. name, 4)
  local ok, job, err = pcall(core.fetch, task, index, path)
  if not ok then
    error(job, 3)
  elseif job == nil then
    return nil, err
  end
  conduct.adopt(core.data(task.client), job)
  local done
  done, err = conduct.wait(job)
  local fetched = done and done.images[1]
  if fetched then
    image.error = nil -- it could not be brought at first, and now it was
    for _, field in ipairs(learned) do
      if image[field] == nil then
        image[field] = fetched[field]
      end
    end
  end
  return done, err
end

function image_methods:save(path)
  local task, index = source_of(self, "save")
  if type(path) ~= "string" or path == "" then
    error("bad argument #1 to 'save' (name of a file expected, got "
      .. (path == "" and "an empty string" or type(path)) .. ")", 2)
  end
  local done, err = fetch(self, task, index, path, "save")
  if not done then
    return nil, err
  end
  if self.path == nil then
    self.path = path
  end
  return path
end

function image_methods:data()
  local task, index = source_of(self, "data")
  local bytes, err = core.read(task, index)
  if bytes or err then
    return bytes, err
  end
  local done
  done, err = fetch(self, task, index, nil, "data")
  if not done then
    return nil, err
  end
  bytes, err = core.read(task, index)
  if bytes == nil and err == nil then
    err = M.failure {
      kind = "io", message = "the picture was fetched and is gone again", task_id = task.id,
      retryable = true, billed = task.billed,
    }
  end
  return bytes, err
end

--- An error as the core makes them: a table whose tostring is one line.
---@param fields table
---@return gptimage.error
function M.failure(fields)
  if fields.retryable == nil then
    fields.retryable = false
  end
  return setmetatable(fields, core.error_metatable)
end

-- Remembers whose they are.
local function claim(result, task)
  local images = result.images
  unread[result] = task
  for index = 1, #images do
    source[images[index]] = { task, index }
  end
end

--- The outcome of a task that is done: the same tables at each call.
---@param task gptimage.task
---@param data table? its core.data, where that is at hand
---@return gptimage.result? result, gptimage.error? err
function M.of(task, data)
  data = data or core.data(task)
  if not data.settled then
    local result, err = core.outcome(task, Result, Image)
    if result then
      claim(result, task)
    elseif err.result then
      claim(err.result, task) -- paid, and not saved where it should: the links are still good
    end
    data.result, data.error, data.settled = result, err, true
  end
  return data.result, data.error
end

return M
