-- SPDX-License-Identifier: MIT
-- A net of src/net/gim_net.c and a server for it to talk to, for the specs of the net itself.
--
--   local on = netted.begin()                       -- before each case
--   local net, server = on:open({ max_requests = 2 }, netted.silent)
--   on:start({ class = "poll" }, on_done)           -- at the server, unless it has a url
--   on:finish()                                     -- after each: no descriptor is left

local window = require "gptimage.core_test"
local luassert = require "luassert"
local misbehave = require "spec.support.misbehave"

---@class netted
---@field net? table       of window.net, once it is open
---@field server? table    of misbehave
---@field before integer   descriptors that were open when it began
local Netted = {}
Netted.__index = Netted

--- A script for the server: it hears a request and never answers.
function Netted.silent(conn)
  conn:request()
  conn:closed()
end

---@return netted
function Netted.begin()
  collectgarbage()
  return setmetatable({ before = window.open_fds() }, Netted)
end

---@param options? table of window.net
---@param script? function of misbehave.server; polite where there is none
---@return table net
---@return table server
function Netted:open(options, script)
  self.net = assert(window.net(options or {}))
  return self.net, self:serve(script)
end

---A server in place of one that the spec closed.
function Netted:serve(script)
  self.server = misbehave.server(script or misbehave.polite)
  return self.server
end

function Netted:start(request, on_done)
  request.url = request.url or self.server.url .. "/"
  return self.net:start(request, on_done or function() end)
end

function Netted:finish()
  if self.net then self.net:free() end
  if self.server then self.server:close() end
  luassert.equal(self.before, window.open_fds())
end

return Netted
