-- SPDX-License-Identifier: MIT
-- How an armed fault changes a reply before it is sent. The manual is in faults.lua.

local base64 = require "gptimage.sandbox.base64"
local json = require "gptimage.sandbox.json"

local M = {}

local html_pages = {
  [502] = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
    .. "<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n"
    .. "</html>\r\n",
  [504] = "<html>\r\n<head><title>504 Gateway Time-out</title></head>\r\n<body>\r\n"
    .. "<center><h1>504 Gateway Time-out</h1></center>\r\n<hr><center>nginx</center>\r\n"
    .. "</body>\r\n</html>\r\n",
}

local function html_page(status)
  return html_pages[status] or ("<!DOCTYPE html>\n<html lang=\"en-US\">\n<head><title>Error %d"
    .. "</title></head>\n<body><h1>Error %d</h1><p>What happened? The origin web server did not "
    .. "answer as expected.</p></body>\n</html>\n"):format(status, status)
end

---Sets a header of a reply, in place of an earlier one of that name.
function M.set_header(reply, name, value)
  name = name:lower()
  for i = #reply.headers, 1, -1 do
    if reply.headers[i][1] == name then
      table.remove(reply.headers, i)
    end
  end
  table.insert(reply.headers, { name, value })
end

---Does the fault answer in place of the service?
function M.answers(fault)
  return fault.status ~= nil and not fault.redirect or fault.html ~= nil or fault.error ~= nil
    or fault.expired ~= nil or fault.redirect ~= nil or fault.html_body ~= nil
    or fault.success_false ~= nil or fault.base64 ~= nil
end

---The reply that a fault gives in place of the service.
---@param error_reply fun(status: integer, problem: table): table  the service's own error shape
function M.answer(fault, error_reply)
  if fault.html then
    return { status = fault.html, headers = { { "content-type", "text/html" } },
      body = html_page(fault.html) }
  elseif fault.html_body then
    return { status = 200, headers = { { "content-type", "text/html" } }, body = html_page(200) }
  elseif fault.redirect then
    return { status = fault.status or 302, headers = { { "location", fault.redirect } }, body = "" }
  elseif fault.expired then
    return { status = fault.expired, headers = { { "content-type", "application/xml" } },
      body = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>AccessDenied</Code>"
        .. "<Message>Request has expired</Message></Error>\n" }
  elseif fault.success_false then
    return { status = 200, headers = {}, json = json.object("success", false,
      "code", fault.success_false, "msg", "This failure was armed in the sandbox.") }
  end
  if fault.base64 then
    return { status = fault.status or 200, headers = { { "content-type",
      "application/octet-stream" } }, body = base64.decode(fault.base64) or "" }
  end
  local status = fault.status or 500
  if type(fault.body) == "string" then
    return { status = status, headers = { { "content-type", "application/json" } },
      body = fault.body }
  elseif fault.body ~= nil then
    return { status = status, headers = {}, json = fault.body }
  end
  local problem = fault.error or {}
  return error_reply(status, {
    code = problem.code, type = problem.type, param = problem.param,
    message = problem.message or "This error was armed in the sandbox.",
  })
end

-- A gzip member with the data in stored blocks: valid, and needs no compressor.
local function gzip(data)
  local checksums = require "gptimage.sandbox.checksums"
  local parts = { "\31\139\8\0\0\0\0\0\0\255" }
  for first = 1, math.max(1, #data), 65535 do
    local piece = data:sub(first, first + 65534)
    local last = first + 65535 > #data
    parts[#parts + 1] = string.pack("<BI2I2", last and 1 or 0, #piece, ~#piece & 0xFFFF)
    parts[#parts + 1] = piece
  end
  parts[#parts + 1] = string.pack("<I4I4", checksums.crc32(data), #data & 0xFFFFFFFF)
  return table.concat(parts)
end

---Applies what remains of a fault to a reply, and turns its JSON into bytes.
function M.bend(fault, reply)
  local function header(name, value)
    M.set_header(reply, name, value)
  end
  if reply.json ~= nil then
    reply.body = json.encode(reply.json, fault.json)
    header("content-type", "application/json")
  end
  if fault.retry_after then
    header("retry-after", ("%.14g"):format(fault.retry_after)) -- 0.5 is what some services say
  elseif fault.retry_after_date then
    header("retry-after", os.date("!%a, %d %b %Y %H:%M:%S GMT",
      os.time() + (fault.retry_after_date // 1 | 0)))
  end
  if fault.retry_after_ms then
    header("retry-after-ms", ("%.14g"):format(fault.retry_after_ms))
  end
  if fault.empty then
    reply.body = ""
    M.set_header(reply, "content-type", "text/plain")
    table.remove(reply.headers)
  end
  if fault.first or fault.gzip then
    reply.body = reply.body:sub(1) -- a blob to a string
  end
  if fault.first then
    reply.body = fault.first .. reply.body:sub(#fault.first + 1)
  end
  if fault.gzip then
    reply.body = gzip(reply.body)
    header("content-encoding", "gzip")
  end
  if fault.content_type then
    header("content-type", fault.content_type)
  end
  for name, value in pairs(fault.headers or {}) do
    header(name, tostring(value))
  end
end

return M
