-- SPDX-License-Identifier: MIT
-- Tests src/core/gim_reply.c and gim_complaint.c through the test window:
-- what is read of good replies and of failed tasks. What wrong replies give
-- stands in spec/wrong_replies_spec.lua.
local window = require "gptimage.core_test"
local Random = require "spec.support.random"

local NOTHING = { shape = "error", state = "unknown", request_id = "", progress = -1,
  estimated_ms = -1, can_cancel = -1, created = 0, reserved = -1, used = -1, images = {} }

-- A reply that said nothing but `fields`.
local function expected(fields)
  local all = {}
  for key, value in pairs(NOTHING) do all[key] = value end
  for key, value in pairs(fields) do all[key] = value end
  return all
end

local function read(body, fields)
  local input = { body = body }
  for key, value in pairs(fields or {}) do input[key] = value end
  return (assert(window.reply(input)))
end

local function urls(reply)
  local all = {}
  for i, image in ipairs(reply.images) do all[i] = image.url or image.payload end
  return all
end

local LINK = "https://files.evolink.ai/X/images/2026/07/01/abc_0.png"

describe("a task's reply", function()
  it("is read whole when it was accepted", function()
    assert.same(expected { shape = "task", state = "pending", progress = 0,
      id = "task-unified-1764000000-a1b2c3d4", model = "gpt-image-2", estimated_ms = 100000,
      can_cancel = 1, created = 1764000000, reserved = 2500000, request_id = "r-1" },
      read([[{"created":1764000000,"id":"task-unified-1764000000-a1b2c3d4","model":"gpt-image-2",
        "object":"image.generation.task","progress":0,"status":"pending",
        "task_info":{"can_cancel":true,"estimated_time":100},"type":"image",
        "usage":{"billing_rule":"per_call","credits_reserved":2.5,"user_group":"default"}}]],
        { request_id = "r-1" }))
  end)

  it("needs no more than an id and a status", function()
    for status, state in pairs { pending = "pending", processing = "processing",
      completed = "completed", Completed = "completed", queued = "unknown", [""] = "unknown",
      ["a status longer than any that is known"] = "unknown" } do
      local reply = read(('{"id":"t","status":"%s"}'):format(status))
      assert.same(expected { shape = "task", id = "t", state = state }, reply)
    end
    for _, status in ipairs { "null", "7", "{}", "[]" } do
      assert.same(expected { shape = "task", id = "t" },
        read(('{"id":"t","status":%s}'):format(status)))
    end
  end)

  it("is kept as long as there is an id to ask for", function()
    assert.same(expected { shape = "task", id = "t" }, read '{"id":"t"}')
    assert.same(expected { shape = "task", id = "t-2", state = "pending" },
      read '{"task_id":"t-2","status":"pending"}')
    assert.same(expected { shape = "task", id = "123456789012345678901", state = "pending" },
      read '{"id":123456789012345678901,"status":"pending"}')
    assert.same("error", read('{"id":"t","error":{"message":"no"}}').shape)
    assert.same("error", read('{"id":"t"}', { poll = true }).shape)
  end)

  it("may leave the id out when it answers a poll", function()
    assert.same(expected { shape = "task", state = "processing", progress = 40 },
      read('{"status":"processing","progress":40}', { poll = true }))
    assert.same("error", read('{"status":"processing"}').shape)
    assert.same("error", read('{"status":"error"}', { poll = true }).shape)
    assert.same("task", read('{"status":"error","id":"t"}', { poll = true }).shape)
  end)

  it("may leave the id out when it is over", function()
    for _, status in ipairs { "completed", "failed", "cancelled" } do
      local reply = read(('{"status":"%s","results":["%s"]}'):format(status, LINK))
      assert.same({ "task", status }, { reply.shape, reply.state })
      assert.same(status == "completed" and { LINK } or {}, urls(reply))
    end
    assert.same("error", read('{"status":"pending"}').shape)
  end)

  it("gives its id as it came, or none that could not be asked for", function()
    for id, as in pairs { ["a/b c?d#\\u00e4"] = "a/b c?d#\u{E4}", ["..\\/.."] = "../..",
      [("x"):rep(256)] = ("x"):rep(256) } do
      assert.same(as, read(('{"id":"%s","status":"pending"}'):format(id)).id)
    end
    for _, id in ipairs { '"a\\nb"', '"a\\u0000b"', '"\\u007f"', '""', "null", "[]", "true",
      '"' .. ("x"):rep(257) .. '"', ("1"):rep(257) } do
      local reply = read(('{"id":%s,"status":"pending"}'):format(id))
      assert.same({ "error", "protocol" }, { reply.shape, reply.err.kind })
    end
  end)

  it("holds numbers within what they can mean", function()
    for progress, value in pairs { ["0"] = 0, ["100"] = 100, ["33.9"] = 33, ["250"] = 100,
      ["-1"] = -1, ["1e99"] = -1, ['"50"'] = -1, ["null"] = -1 } do
      assert.same(value, read(('{"id":"t","status":"pending","progress":%s}'):format(progress))
        .progress)
    end
    for seconds, ms in pairs { ["0"] = 0, ["1.5"] = 1500, ["100"] = 100000, ["-3"] = -1,
      ["1e18"] = -1, ['"9"'] = -1 } do
      local body = '{"id":"t","status":"pending","task_info":{"estimated_time":%s}}'
      assert.same(ms, read(body:format(seconds)).estimated_ms)
    end
    for _, info in ipairs { "null", "[]", "1", '{"can_cancel":"yes"}', "{}" } do
      local body = '{"id":"t","status":"pending","task_info":%s,"created":"x","usage":%s}'
      assert.same(expected { shape = "task", id = "t", state = "pending" },
        read(body:format(info, info)))
    end
    for usage, credits in pairs { ['{"credits_reserved":0.1,"credits_used":0.3}'] =
      { 100000, 300000 }, ['{"cost":{"credits":7,"usd":0.1}}'] = { -1, 7000000 },
      ['{"credits_used":"3"}'] = { -1, -1 }, ['{"credits_reserved":-1}'] = { -1, -1 } } do
      local reply = read(('{"id":"t","status":"pending","usage":%s}'):format(usage))
      assert.same(credits, { reply.reserved, reply.used })
    end
  end)

  it("finds the pictures of a completed task in every place that is known", function()
    for body, found in pairs {
      ['"results":["https://a/1","https://a/2"]'] = { "https://a/1", "https://a/2" },
      ['"results":[{"url":"https://a/1.png","revised_prompt":"p"}]'] = { "https://a/1.png" },
      ['"results":[{"image_url":"http://a/1"},{"image_url":{"url":"http://a/2"}}]'] =
        { "http://a/1", "http://a/2" },
      ['"results":[{"result_url":"http://a/1"},{"file_url":"http://a/2"}]'] =
        { "http://a/1", "http://a/2" },
      ['"results":[{"url":"","output_url":"http://a/3"}]'] = { "http://a/3" },
      ['"results":["","https://a/2",null,7,{},[]]'] = { "https://a/2" },
      ['"results":"https://a/1"'] = { "https://a/1" },
      ['"results":[],"result_data":[{"image_url":"https://a/1"}]'] = { "https://a/1" },
      ['"results":null,"result_data":{"url":"https://a/1"}'] = { "https://a/1" },
      ['"result_url":"https://a/1","url":"https://a/2"'] = { "https://a/1" },
      ['"url":"","file_url":"https://a/2"'] = { "https://a/2" },
      ['"output_url":"https://a/2"'] = { "https://a/2" },
      ['"result":"https://a/2"'] = { "https://a/2" },
      ['"results":[{"b64_json":"<image 1>"},{"b64_json":"<image 0>","url":""}]'] = { 1, 0 },
      ['"results":["HTTPS://A/1"]'] = { "HTTPS://A/1" },
      ['"x":1'] = {}, ['"results":[]'] = {}, ['"data":[]'] = {},
    } do
      local reply = read(('{"id":"t","status":"completed",%s}'):format(body), { payloads = 2 })
      assert.same({ "task", "completed", found }, { reply.shape, reply.state, urls(reply) })
      assert.is_nil(reply.err)
    end
  end)

  it("drops links that nobody should open", function()
    for _, link in ipairs { "ftp://a/b", "file:///etc/passwd", "data:image/png;base64,AAAA",
      "javascript:1", "//a/b", "/a/b", "a", "https://", "http://", "https://a/ b", "https://a/\\n",
      "https://a/\\u0000b", "https://a/\\u007f", " https://a/b", "https:/a/b",
      "https://a/" .. ("x"):rep(8192) } do
      local body = '{"id":"t","status":"completed","results":["%s","https://good/"]}'
      assert.same({ "https://good/" }, urls(read(body:format(link))))
    end
    local longest = "https://a/" .. ("x"):rep(8182)
    assert.same({ longest },
      urls(read(('{"id":"t","status":"completed","results":["%s"]}'):format(longest))))
  end)

  it("takes 128 pictures and not one more, and counts the others", function()
    local body = '{"id":"t","status":"completed","results":[' .. ('"https://a/b",'):rep(200)
      .. '""]}'
    assert.same(128, #read(body).images)
    assert.same(72, read(body).left_out)
    assert.is_nil(read('{"data":["https://a/b",""]}').left_out)
  end)

  it("reads no answer of more values than pictures could have", function()
    local function body(count)
      return '{"id":"t","status":"pending","x":[' .. ("0,"):rep(count - 5) .. "0]}"
    end
    assert.same("task", read(body(4096)).shape)
    local reply = read(body(4097))
    assert.same({ "error", "protocol" }, { reply.shape, reply.err.kind })
  end)

  it("gives no pictures of a task that is not completed", function()
    for _, state in ipairs { "pending", "processing", "failed" } do
      local reply = read(('{"id":"t","status":"%s","results":["%s"]}'):format(state, LINK))
      assert.same({}, reply.images)
    end
  end)
end)

describe("a failed task", function()
  local function failed(error, fields)
    return read(('{"id":"t","status":"failed","error":%s}'):format(error), fields)
  end

  it("says what the service says, and what to do", function()
    local reply = failed [[{"code":"content_policy_violation",
      "message":"Content policy violation.\nChange the prompt.","type":"task_error"}]]
    assert.same({ "task", "failed", "t" }, { reply.shape, reply.state, reply.id })
    assert.same({ kind = "refused", code = "content_policy_violation", status = 200,
      retryable = false, retry_after_ms = -1, offset = -1,
      message = "Content policy violation. Change the prompt or the reference images." }, reply.err)
  end)

  it("ends a bare message like a sentence before the advice", function()
    for message, shown in pairs { ["try again"] = "try again. Submit it again.",
      ["really?"] = "really? Submit it again.", ["太慢。"] = "太慢。 Submit it again." } do
      assert.same(shown, failed(('{"code":"generation_timeout","message":"%s"}'):format(message))
        .err.message)
    end
  end)

  it("keeps the advice when the message is too long", function()
    local reply = failed(('{"code":"generation_timeout","message":"%s"}'):format(("x"):rep(900)))
    assert.same(319, #reply.err.message)
    assert.is_truthy(reply.err.message:find("x Submit it again.", 1, true))
  end)

  it("needs no reason, and reads one of any shape", function()
    local support = " Ask the service's support, with the id."
    for error, seen in pairs {
      ["null"] = { "server", "The task failed; the service does not say why." .. support },
      ["{}"] = { "server", "The task failed; the service does not say why." .. support },
      ["[]"] = { "server", "The task failed; the service does not say why." .. support },
      ['""'] = { "server", "The task failed; the service does not say why." .. support },
      ['"out of paint"'] = { "server", "out of paint." .. support },
      ['{"message":"gone","code":null}'] = { "server", "gone." .. support },
      ['{"code":"unknown_error"}'] = { "server", "The task failed; the service does not say why."
        .. support },
      ['{"code":1234,"message":"no"}'] = { "server", "no." .. support, "1234" },
    } do
      local reply = failed(error)
      assert.same({ "failed", seen[1], seen[2], false },
        { reply.state, reply.err.kind, reply.err.message, reply.err.retryable })
      assert.same(seen[3] or reply.err.code, reply.err.code)
    end
  end)

  it("may be one that was cancelled", function()
    for _, word in ipairs { "cancelled", "canceled" } do
      local reply = read(('{"id":"t","status":"%s"}'):format(word))
      assert.same({ "task", "cancelled", "cancelled",
        "The service cancelled the task. Submit it again if it is still wanted.", false },
        { reply.shape, reply.state, reply.err.kind, reply.err.message, reply.err.retryable })
    end
    local reply = failed '{"code":"request_cancelled","message":"by you"}'
    assert.same({ "failed", "cancelled", "by you. Submit it again if it is still wanted." },
      { reply.state, reply.err.kind, reply.err.message })
  end)

  it("names the request", function()
    assert.same({ "h", "h" }, (function(r) return { r.request_id, r.err.request_id } end)(
      failed('{"request_id":"e"}', { request_id = "h" })))
    assert.same({ "e", "e" }, (function(r) return { r.request_id, r.err.request_id } end)(
      failed '{"request_id":"e","message":"x (request id: m)"}'))
    assert.same({ "m", "m" }, (function(r) return { r.request_id, r.err.request_id } end)(
      failed '{"message":"x (y) (request id: m) z"}'))
  end)
end)

describe("pictures in the reply", function()
  it("come by link, by payload or by both, whatever was asked", function()
    local reply = read([[{"created":1712345678,"data":[
      {"url":"https://example.com/a.png","b64_json":"","revised_prompt":""},
      {"url":"","b64_json":"<image 0>","revised_prompt":"a \u00e4 b"},
      {"url":"https://example.com/c.png","b64_json":"<image 1>"},
      {"b64_json":"<image 2>"}],"usage":{"total_tokens":210}}]], { payloads = 3 })
    assert.same(expected { shape = "images", state = "completed", created = 1712345678,
      images = {
        { url = "https://example.com/a.png", payload = -1 },
        { payload = 0, revised_prompt = "a \u{E4} b" },
        { url = "https://example.com/c.png", payload = 1 },
        { payload = 2 },
      } }, reply)
  end)

  it("must have come: a placeholder of no payload is no picture", function()
    for _, text in ipairs { "<image 1>", "<image x>", "AAAA", "<image 0" } do
      local body = ('{"data":[{"b64_json":"%s"}]}'):format(text)
      assert.same("error", read(body, { payloads = 1 }).shape)
    end
    assert.same("error", read([[{"data":[{"b64_json":null},{"b64_json":7}]}]],
      { payloads = 1 }).shape)
  end)

  it("win over an error beside them, and over id and status", function()
    local body = '{"data":[{"url":"%s"}],"error":{"message":"x"},"id":"t","status":"pending"}'
    local reply = read(body:format(LINK))
    assert.same({ "images", { LINK } }, { reply.shape, urls(reply) })
    assert.is_nil(reply.err)
  end)

  it("leave a task a task when there are none", function()
    local reply = read '{"data":[],"id":"t","status":"pending"}'
    assert.same({ "task", "pending" }, { reply.shape, reply.state })
  end)

  it("answer a poll too", function()
    assert.same("images", read(('{"data":["%s"]}'):format(LINK), { poll = true }).shape)
  end)
end)

describe("gim_reply_not_accepted", function()
  local function not_accepted(status, body)
    return (window.reply_not_accepted({ status = status, body = body }, "no_available_channel"))
  end

  it("trusts a 429, and a 503 with a code of the list, and nothing else", function()
    assert.is_true(not_accepted(429, ""))
    assert.is_true(not_accepted(429, '{"error":{"code":"rate_limit_exceeded"}}'))
    assert.is_true(not_accepted(503, '{"error":{"code":"no_available_channel"}}'))
    assert.is_false(not_accepted(429, '{"error":{"code":"insufficient_quota"}}'))
    assert.is_false(not_accepted(503, '{"error":{"code":"model_not_found"}}'))
    assert.is_false(not_accepted(503, ""))
    assert.is_false(not_accepted(503, "<html>no_available_channel</html>"))
    assert.is_false(not_accepted(500, '{"error":{"code":"no_available_channel"}}'))
    assert.is_false(not_accepted(200, '{"error":{"code":"no_available_channel"}}'))
    assert.is_false(not_accepted(200, '{"id":"t","status":"failed","error":{"code":429}}'))
    local none = { window.reply_not_accepted({ status = 429, body = "" }, "") }
    assert.is_true(none[2])
  end)
end)

describe("a code that is a status", function()
  it("counts as one from 400 to 599, and is kept where it repeats the status", function()
    for code, kind in pairs { ["399"] = "server", ["400"] = "invalid", ['"400"'] = "invalid",
      ["599"] = "server", ["600"] = "server", ['"40x"'] = "server", ['"4290"'] = "server",
      ["402.0"] = "quota", ["402.5"] = "server" } do
      assert.same(kind, read(('{"error":{"code":%s}}'):format(code)).err.kind, code)
    end
    for _, code in ipairs { "400", '"400"' } do
      local err = read(('{"error":{"code":%s}}'):format(code), { status = 400 }).err
      assert.same("400", err.code)
      assert.is_nil(err.message:find("HTTP 400, 400", 1, true))
    end
    assert.same("401", read('{"error":{"code":401}}', { status = 400 }).err.code)
    assert.same("599", read('{"success":false,"code":599}').err.code)
    assert.is_true(read('{"success":false,"code":599}').err.retryable)
    assert.is_false(read('{"success":false,"code":600}').err.retryable)
  end)
end)

describe("gim_reply_is_refusal", function()
  local function is_refusal(status, body)
    return select(3, window.reply_not_accepted({ status = status, body = body or "" }, ""))
  end

  it("is sure of most 3xx and 4xx, and of nothing where a gateway lost track", function()
    for _, status in ipairs { 301, 307, 400, 401, 402, 403, 404, 409, 413, 422, 425, 429, 451 } do
      assert.is_true(is_refusal(status), status)
    end
    for _, status in ipairs { 200, 204, 408, 500, 502, 503, 504, 524 } do
      assert.is_false(is_refusal(status), status)
    end
  end)

  it("believes a code that says so, whatever the status", function()
    for _, code in ipairs { "invalid_request", "insufficient_quota", "moderation_blocked",
      "model_not_found" } do
      for _, status in ipairs { 200, 400, 500, 503 } do
        assert.is_true(is_refusal(status, ('{"error":{"code":"%s"}}'):format(code)))
      end
    end
    for _, status in ipairs { 200, 409, 503 } do
      assert.is_false(is_refusal(status, '{"error":{"code":"paid_outcome_unknown"}}'))
    end
    assert.is_false(is_refusal(200, '{"error":{"message":"no"}}'))
    assert.is_false(is_refusal(200, '{"id":"t","status":"failed","error":{"code":"x"}}'))
  end)
end)

describe("reading replies", function()
  it("survives every failing allocation", function()
    for _, body in ipairs {
      '{"id":"t","model":"m","status":"completed","results":["https://a/1","https://a/2"]}',
      '{"data":[{"url":"https://a/1","revised_prompt":"p"},{"b64_json":"<image 0>"}]}',
      '{"error":{"message":"a \\n ' .. ("long \\u00e4"):rep(40) .. '","code":"x"}}',
      '{"id":7,"status":"failed","error":{"message":"' .. ("m\\n"):rep(100) .. '"}}',
    } do
      local whole = read(body, { payloads = 1 })
      local n, left = 0
      repeat
        n = n + 1
        window.fail_allocation(n)
        local reply, kind = window.reply { body = body, payloads = 1 }
        left = window.fail_allocation(0)
        -- The index of the body is done without.
        if reply then assert.same(whole, reply) else assert.equal("no_memory", kind) end
      until left > 0
      assert.is_true(n > 1)
    end
  end)

  it("never crashes on random replies, and always says something", function()
    local random = Random.new(418)
    local keys = { "id", "status", "data", "error", "results", "url", "b64_json", "message", "code",
      "success", "task_info", "usage", "progress", "type", "request_id", "image_url" }
    local values = { '"t"', '"completed"', '"failed"', "null", "true", "false", "1", "-1.5", "500",
      '""', '"https://a/b"', '"<image 0>"', '"insufficient_quota"', '"\\ud800\\u0000"' }
    local function value(depth)
      local kind = random:below(depth > 3 and 3 or 6)
      if kind <= 3 then return random:pick(values) end
      local out = {}
      for i = 1, random:below(5) - 1 do
        out[i] = (kind < 6 and ('"%s":'):format(random:pick(keys)) or "") .. value(depth + 1)
      end
      out = table.concat(out, ",")
      return kind < 6 and "{" .. out .. "}" or "[" .. out .. "]"
    end
    local begins = { "", '"id":"t",', '"status":"completed",', '"data":[{"url":"https://a/b"}],' }
    local shapes = {}
    for _ = 1, 5000 do
      local body = "{" .. random:pick(begins) .. '"x":' .. value(0) .. "," .. value(0):sub(2)
      if random:below(10) == 1 then body = body:sub(1, random:below(#body)) end
      local reply = read(body, { payloads = 1, poll = random:below(2) == 1,
        status = random:below(3) > 1 and 200 or random:pick { 204, 302, 400, 404, 429, 503 } })
      shapes[reply.shape] = (shapes[reply.shape] or 0) + 1
      if reply.shape == "error" then
        assert.is_truthy(reply.err and reply.err.kind ~= "ok" and reply.err.message, body)
      end
    end
    assert.is_true(shapes.task > 100 and shapes.images > 50 and shapes.error > 1000)
  end)
end)
