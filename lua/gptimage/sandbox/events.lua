-- SPDX-License-Identifier: MIT
-- A reply as server-sent events, for clients that ask with `stream`: what the gateway makes of an
-- upstream that answers in one piece. One event a picture, then `[DONE]`; nothing partial.

local json = require "gptimage.sandbox.json"

local M = {}

---Did the caller ask for it? A form's fields are texts.
---@param body table  the fields
function M.wanted(body)
  return body.stream == true or body.stream == "true"
end

---The pictures of a reply as events; an error stays what it is.
---@param reply table  of magick.image_reply; changed
---@return table reply
function M.from(reply)
  if reply.status ~= 200 or not json.is_array(reply.json.data) then
    return reply
  end
  local pieces = {}
  local created = reply.json.created
  for _, item in ipairs(reply.json.data) do
    local event = json.object("type", "image_generation.completed", "created_at", created)
    for _, name in ipairs { "url", "b64_json" } do
      event[name] = item[name] ~= "" and item[name] or nil
    end
    pieces[#pieces + 1] = ("event: %s\ndata: %s\n\n"):format(event.type, json.encode(event))
  end
  pieces[#pieces + 1] = "data: [DONE]\n\n"
  reply.json, reply.body = nil, table.concat(pieces)
  table.insert(reply.headers, { "content-type", "text/event-stream" })
  return reply
end

return M
