-- SPDX-License-Identifier: MIT
-- Tests src/core/gim_complaint.c through gim_reply: the texts of errors. What the services and
-- those before them really say is in spec/wrong_replies_spec.lua.
local window = require "gptimage.core_test"

-- A reply with this body, `more` says what else is known of it.
local function read(body, more)
  local input = { body = body }
  for name, value in pairs(more or {}) do input[name] = value end
  return assert(window.reply(input))
end

describe("advice", function()
  it("is not said twice where the service gives it in its last sentence", function()
    local advice = "Change the prompt or the reference images."
    for message, shown in pairs {
      ["Change the prompt."] = advice, ["change the prompt"] = advice, [advice] = advice,
      ["No. Change the prompt!"] = "No. " .. advice,
      ["Change the prompt. Or not."] = "Change the prompt. Or not. " .. advice,
      ["Change the pro"] = "Change the pro. " .. advice,
      ["Do change the prompt"] = "Do change the prompt. " .. advice,
    } do
      assert.same(shown, read('{"id":"t","status":"failed","error":{"code":"sensitive_content",'
        .. '"message":"' .. message .. '"}}').err.message)
    end
  end)
end)

describe("a refusal of a form with pictures", function()
  it("says that the service may not edit, in an answer to the form alone", function()
    local body = '{"error":{"message":"Model name not specified","type":"new_api_error","code":""}}'
    local reply = read(body, { status = 400, form = true })
    assert.matches("^Model name not specified%. Correct the request; .* edit_path%.$",
      reply.err.message)
    assert.is_nil(read(body, { status = 400 }).err.message:find("edit_path", 1, true))
    reply = read("", { status = 404, form = true })
    assert.matches("^HTTP 404 with an empty body%. What is behind the service may not edit",
      reply.err.message)
  end)
end)

describe("the caller's key in a reply", function()
  local KEY = "live_9fX$42/b.c-d" .. ("e"):rep(120)

  local function shown_by(reply)
    local texts = {}
    local function gather(value)
      if type(value) == "string" then texts[#texts + 1] = value end
      if type(value) == "table" then for _, inner in pairs(value) do gather(inner) end end
    end
    gather(reply)
    return table.concat(texts, "\n")
  end

  it("is in no text of an error, wherever the service put it", function()
    for _, body in ipairs {
      '{"error":{"message":"Incorrect API key provided: KEY.","code":"KEY","type":"KEY",'
        .. '"param":"KEY","request_id":"KEY"}}',
      '{"error":{"message":"no (request id: 1-KEY)","code":"bad KEY","param":"a KEY"}}',
      '{"error":"KEY"}', '{"message":"KEY"}', '{"detail":"KEY"}', '{"request_id":"KEY"}',
      '{"success":false,"code":402,"msg":"KEY"}', "KEY", "<p>KEY</p>", '["KEY"]', '{"a":"KEY"}',
      '{"id":"KEY","status":"failed","model":"KEY","error":{"message":"KEY","code":"KEY"}}',
      '{"id":"a-KEY","status":"pending"}', '{"data":[{"url":"https://a/b"}],"model":"KEY"}',
    } do
      for _, status in ipairs { 200, 401, 500 } do
        for _, spelled in ipairs { KEY, (KEY:gsub("/", "\\/")) } do
          local reply = read(body:gsub("KEY", (spelled:gsub("%%", "%%%%"))), { status = status,
            secret = KEY, request_id = KEY:sub(1, 95), content_type = "text/" .. KEY })
          assert.is_nil(shown_by(reply):find("live_", 1, true), body)
        end
      end
    end
    assert.same("Incorrect API key provided: ***. Check the API key and what it may do.", read(
      '{"error":{"message":"Incorrect API key provided: ' .. KEY .. '."}}',
      { status = 401, secret = KEY }).err.message)
  end)
end)
