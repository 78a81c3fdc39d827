-- SPDX-License-Identifier: MIT
-- Requests that are made of pictures, of both kinds of service (spec/support/service.lua), with a
-- folder for the pictures and one for temporary files:
--
--   local e = editing.open()
--   e:tasks { upload = … }     a service that opens links, with a file service; or
--   e:forms { reference = … }  one that takes forms, whose links we download
--   local result, err, task = e:edit({ e:write "a.png", e:link "b.png" }, { mask = … })
--   e.service, e.client, e.folder
--   e:close()

local files = require "spec.support.files"
local lfs = require "lfs"
local pictures = require "spec.support.pictures"
local services = require "spec.support.service"
local window = require "gptimage.core_test"

local M = {}

M.PNG = pictures.png { width = 32, height = 24 }
M.LARGE = pictures.png { width = 32, height = 24, filler = 6000000 }
M.JSON = { "Content-Type: application/json" }

local methods = {}
local metatable = { __index = methods }

function M.open()
  local self = setmetatable({ folder = files.folder(), tmpdir = os.getenv "TMPDIR" }, metatable)
  self.temporary = self.folder:at "tmp"
  assert(lfs.mkdir(self.temporary))
  window.setenv("TMPDIR", self.temporary)
  return self
end

function methods:close()
  if self.service then self.service:close() end
  window.setenv("TMPDIR", self.tmpdir)
  self.folder:close()
end

local function start(self, handlers, options)
  if self.service then self.service:close() end
  self.service = services.start(handlers)
  if options.provider ~= "magick" then options.files_url = self.service.url end
  self.client = self.service:client(options)
end

function methods:tasks(handlers, options)
  start(self, handlers, options or {})
end

---What a service of forms answers when it has made the picture.
function methods:answer(conn)
  conn:reply(('{"created":1,"data":[{"url":"%s/pictures/1.png"}]}'):format(self.service.url), nil,
    M.JSON)
end

function methods:forms(handlers, options)
  handlers = handlers or {}
  handlers.submit = handlers.submit or function(conn) self:answer(conn) end
  handlers.reference = handlers.reference or function(conn)
    conn:reply(M.PNG, nil, { "Content-Type: image/png" })
  end
  options = options or {}
  options.provider, options.allow_private = "magick", true
  start(self, handlers, options)
end

---A file in the folder; its path.
function methods:write(name, bytes)
  return self.folder:write(name, bytes or M.PNG)
end

---Runs a command of the shell in the folder.
function methods:shell(command)
  self.folder:shell(command)
end

---A link that the service's `reference` answers.
function methods:link(name)
  return self.service.url .. "/references/" .. name
end

---@param more? table  further fields
---@param by? table  another client
function methods:submit(images, more, by)
  local request = { model = "gpt-image-2", prompt = "night", images = images }
  for name, value in pairs(more or {}) do
    request[name] = value
  end
  return assert((by or self.client):submit(request))
end

---@return table? result, table? err, table task
function methods:edit(images, more)
  local task = self:submit(images, more)
  local result, err = self.service:finish(task, 30)
  return result, err, task
end

---Descriptors of files in the folder, also of those that lost their names.
function methods:open_files()
  local count = 0
  for name in lfs.dir "/proc/self/fd" do
    local target = lfs.symlinkattributes("/proc/self/fd/" .. name, "target") or ""
    if target:find(self.folder.path, 1, true) then count = count + 1 end
  end
  return count
end

---Names of files in the folder for temporary ones.
function methods:leftovers()
  return files.names(self.temporary)
end

---The parts of a form: "name filename type" each, and their bytes.
function M.parts_of(request)
  local boundary = "--"
    .. request.headers["content-type"]:match "^multipart/form%-data; boundary=(%S+)"
  local names, bodies, at = {}, {}, #boundary + 1
  while request.body:sub(at, at + 1) == "\r\n" do
    local from, to = request.body:find("\r\n\r\n", at, true)
    local head = request.body:sub(at, from)
    local last, after = request.body:find("\r\n" .. boundary, to, true)
    bodies[#bodies + 1] = request.body:sub(to + 1, last - 1)
    names[#names + 1] = table.concat({ head:match ' name="(.-)"', head:match 'filename="(.-)"',
      head:match "[Cc]ontent%-[Tt]ype: (%S+)" }, " ")
    at = after + 1
  end
  assert(request.body:sub(at) == "--\r\n", "the form has no end")
  return names, bodies
end

return M
