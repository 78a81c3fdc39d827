-- SPDX-License-Identifier: MIT
-- multipart/form-data, as strictly as gateways read it.

local M = {}

---@param body string
---@param content_type string
---@return {name: string, filename: string?, content_type: string?, body: string}[]? parts
---@return string? message
function M.parse(body, content_type)
  local boundary = content_type:match('boundary="([^"]+)"')
    or content_type:match("boundary=([^;%s]+)")
  if not boundary then
    return nil, "no multipart boundary param in Content-Type"
  end
  local delimiter = "\r\n--" .. boundary
  body = "\r\n" .. body
  local parts = {}
  local _, at = body:find(delimiter, 1, true)
  while at do
    local ending = body:sub(at + 1, at + 2)
    if ending == "--" then
      return parts
    elseif ending ~= "\r\n" then
      break
    end
    local _, head_end = body:find("\r\n\r\n", at + 1, true)
    if not head_end then
      break
    end
    local head = body:sub(at + 1, head_end)
    local next_start, next_end = body:find(delimiter, head_end - 1, true)
    if not next_start then
      break
    end
    local disposition = head:match("\r\n[cC]ontent%-[dD]isposition:%s*form%-data;([^\r]*)\r\n")
    local name = disposition and (";" .. disposition):match('[; ]name="([^"]*)"')
    if not name then
      break
    end
    parts[#parts + 1] = {
      name = name,
      filename = disposition:match('filename="([^"]*)"'),
      content_type = head:match("\r\n[cC]ontent%-[tT]ype:%s*([^\r]*)\r\n"),
      body = body:sub(head_end + 1, next_start - 1),
    }
    at = next_end
  end
  return nil, "multipart: NextPart: EOF"
end

return M
