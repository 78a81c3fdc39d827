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

describe("an error in a body that is no JSON as a whole", function()
  local QUOTA = '{"error":{"code":"insufficient_user_quota","message":"No money",'
    .. '"type":"new_api_error","param":"n","request_id":"r-1"}}'

  -- The same with something behind it, or with bytes that are no UTF-8.
  local function variants(body)
    return { body .. "<!-- 3 ms -->", body .. body, body .. "\n0\r\n\r\n", body .. "\0",
      body .. "}",
      "\xEF\xBB\xBF \n" .. body .. " x", (body:gsub("No money", "No \xFF\xC3 money")),
      (body:gsub("No money", "\xC4\xFA\xB5\xC4")) .. "x" }
  end

  it("is read, where the status says that it is one", function()
    for _, body in ipairs(variants(QUOTA)) do
      for _, poll in ipairs { false, true } do
        local err = read(body, { status = 403, poll = poll }).err
        assert.same({ "quota", "insufficient_user_quota", "n", "r-1", 403 },
          { err.kind, err.code, err.param, err.request_id, err.status }, body)
        assert.is_nil(err.message:find("no JSON", 1, true), err.message)
        assert.is_truthy(err.message:find("^No [? ]*money") or err.message:find("^%?%?%?%?"))
      end
    end
    assert.matches("^Not here%. ", read('{"message":"Not here"}x', { status = 404 }).err.message)
  end)

  it("says nothing of what was paid: with a 5xx the status alone decides", function()
    for _, body in ipairs(variants '{"error":{"code":"invalid_request","message":"No money"}}') do
      for _, status in ipairs { 500, 502, 503 } do
        local input = { body = body, status = status }
        local err = read(body, input).err
        assert.same({ "server", "invalid_request" }, { err.kind, err.code }, body)
        assert.same({ false, false, false },
          { window.reply_not_accepted(input, "invalid_request") })
      end
      assert.same({ false, false, true },
        { window.reply_not_accepted({ body = body, status = 400 }, "invalid_request") })
    end
    -- Nor does it end what may pass.
    for _, status in ipairs { 408, 429 } do
      local strict = read(QUOTA, { status = status }).err
      local err = read(QUOTA .. "x", { status = status, poll = true }).err
      assert.same({ "quota", false }, { strict.kind, strict.retryable })
      assert.same({ true, "insufficient_user_quota" }, { err.retryable, err.code })
      assert.not_equal("quota", err.kind)
    end
    local unknown = '{"error":{"code":"paid_outcome_unknown","message":"?"}}x'
    assert.same({ false, false, false },
      { window.reply_not_accepted({ body = unknown, status = 409 }, "x") })
  end)

  it("is none in an answer that says all is well", function()
    for _, body in ipairs(variants(QUOTA)) do
      local err = read(body).err
      assert.same({ "protocol", nil }, { err.kind, err.code })
      assert.matches("no JSON", err.message)
    end
    for _, more in ipairs { "x", "\xFF", "{}" } do
      local reply = read('{"data":[{"url":"https://a.example/1.png"}]}' .. more)
      assert.same({ "error", {} }, { reply.shape, reply.images })
      reply = read('{"id":"task-1","status":"failed","error":{"code":"x"}}' .. more,
        { poll = true })
      assert.same("error", reply.shape)
    end
  end)

  it("is quoted where nothing can be made out", function()
    for _, body in ipairs { '{"error":{"code":"x","message":"cut', "<html>{}</html>", '[{"a":1}]x',
      '{"a":1}x', '{"error":nix}x', '{"error":{"message":"a\1b"}}', '{"error":null} {}', "{",
      "{}x", '"error"x', '\0{"error":"x"}', '\xFF{"error":"x"}', ("{"):rep(100) .. "x",
      '{"error":"' .. ("y"):rep(70000) .. '"}x' } do
      local err = read(body, { status = 400 }).err
      assert.same({ "invalid", nil }, { err.kind, err.code }, body)
      assert.matches("a body that is no JSON", err.message)
    end
  end)

  it("is freed of the caller's key like others", function()
    local err = read('{"error":{"code":"a secret-key-1234 b","message":"secret-key-1234"}} x',
      { status = 401, secret = "secret-key-1234" }).err
    assert.is_nil((err.code .. err.message):find("secret-key", 1, true))
  end)
end)
