-- SPDX-License-Identifier: MIT
-- Replies that are wrong, as services, proxies and accidents make them, and
-- the exact error that each gives. No field of an error is left unsaid here:
-- what is not listed must be absent.
local window = require "gptimage.core_test"

local replies = {
  { "EvoLink: no money", status = 402,
    body = '{"error":{"code":"insufficient_quota","message":"Insufficient quota. Please top '
      .. 'up your account.","type":"insufficient_quota"}}',
    kind = "quota", code = "insufficient_quota",
    message = "Insufficient quota. Please top up your account." },
  { "EvoLink: a field that is wrong", status = 400,
    body = '{"error":{"code":"invalid_request","message":"size must be one of 1:1, 3:2",'
      .. '"type":"invalid_request_error","param":"size"}}',
    kind = "invalid", code = "invalid_request", param = "size",
    message = "size must be one of 1:1, 3:2" },
  { "EvoLink: no key", status = 401,
    body = '{"error":{"code":"unauthorized","message":"Invalid API key",'
      .. '"type":"authentication_error"}}',
    kind = "auth", code = "unauthorized",
    message = "Invalid API key" },
  { "EvoLink: a model that the key may not use", status = 403,
    body = '{"error":{"code":"model_access_denied","message":"No access to gpt-image-2",'
      .. '"type":"invalid_request_error"}}',
    kind = "auth", code = "model_access_denied",
    message = "No access to gpt-image-2" },
  { "EvoLink: a task that is not there", status = 404, poll = true,
    body = '{"error":{"code":"task_not_found","message":"Task not found",'
      .. '"type":"invalid_request_error"}}',
    kind = "not_found", code = "task_not_found",
    message = "Task not found" },
  { "EvoLink: an older page's 404", status = 404,
    body = '{"error":{"code":404,"message":"Model not found","type":"not_found_error"},'
      .. '"fallback_suggestion":"try gpt-image-2"}',
    kind = "not_found", code = "404",
    message = "Model not found" },
  { "EvoLink: a task id of another kind", status = 400, poll = true,
    body = [[{"error":{"code":"invalid_task_id","message":"must start with 'task-unified-'",]]
      .. '"type":"invalid_request_error","param":"task_id"}}',
    kind = "invalid", code = "invalid_task_id", param = "task_id",
    message = "must start with 'task-unified-'" },
  { "EvoLink: the account is empty while polling", status = 402, poll = true,
    body = '{"error":{"code":"quota_exceeded","message":"Quota exceeded",'
      .. '"type":"insufficient_quota"}}',
    kind = "quota", code = "quota_exceeded",
    message = "Quota exceeded" },
  { "EvoLink: too many requests", status = 429, retry_after = "7",
    body = '{"error":{"code":"rate_limit_exceeded","message":"Too many requests",'
      .. '"type":"rate_limit_error"}}',
    kind = "rate_limited", retryable = true, code = "rate_limit_exceeded", retry_after_ms = 7000,
    message = "Too many requests" },
  { "EvoLink: broken inside", status = 500,
    body = '{"error":{"code":"internal_error","message":"Internal server error",'
      .. '"type":"api_error"}}',
    kind = "server", retryable = true, code = "internal_error",
    message = "Internal server error" },
  { "EvoLink: upstream broken", status = 502,
    body = '{"error":{"code":"upstream_error","message":"Upstream failed",'
      .. '"type":"upstream_error"}}',
    kind = "server", retryable = true, code = "upstream_error",
    message = "Upstream failed" },
  { "EvoLink: unavailable, by type alone", status = 503, retry_after = "30",
    body = '{"error":{"code":503,"message":"Retry after 30 seconds",'
      .. '"type":"service_unavailable_error"}}',
    kind = "server", retryable = true, code = "503", retry_after_ms = 30000,
    message = "Retry after 30 seconds" },
  { "EvoLink: the same key for another body", status = 409,
    body = '{"error":{"code":"idempotency_conflict","message":"Key reused"}}',
    kind = "invalid", code = "idempotency_conflict",
    message = "Key reused" },
  { "EvoLink: an earlier call that hangs", status = 409,
    body = '{"error":{"code":"paid_outcome_unknown","message":"Still running"}}',
    kind = "server", retryable = true, code = "paid_outcome_unknown",
    message = "Still running" },
  { "EvoLink: too large", status = 413,
    body = "Request too large",
    kind = "too_big",
    message = "HTTP 413 with a body that is no JSON: 'Request too large'. Send smaller images." },
  { "EvoLink: an address that the key does not allow", status = 403,
    body = '{"error":{"code":"ip_restricted","request_id":"req_77"}}',
    kind = "auth", code = "ip_restricted", request_id = "req_77",
    message = "HTTP 403, ip_restricted. The key may not be used from this address." },
  { "an upload that failed with 200", status = 200,
    body = '{"success":false,"code":413,"msg":"file too large"}',
    kind = "too_big", code = "413",
    message = "file too large" },
  { "an upload that failed without a code", status = 200,
    body = '{"success":false,"msg":"no"}',
    kind = "server",
    message = "no" },
  { "an upload that failed, code as text", status = 200,
    body = '{"success":false,"code":"402","msg":"no credits"}',
    kind = "quota", code = "402",
    message = "no credits" },
  { "Magick: no channel for the model", status = 503,
    body = '{"error":{"message":"No available channel for model gpt-image-9 under group '
      .. 'default (distributor) (request id: 2026070112000000)","type":"new_api_error",'
      .. '"code":"model_not_found"}}',
    kind = "not_found", code = "model_not_found", request_id = "2026070112000000",
    message = "No available channel for model gpt-image-9 under group default (distributor) "
      .. "(request id: 2026070112000000)" },
  { "Magick: a route that is not there", status = 404,
    body = '{"error":{"message":"Invalid URL (GET /v1/x)","type":"invalid_request_error",'
      .. '"param":"","code":""}}',
    kind = "not_found",
    message = "Invalid URL (GET /v1/x)" },
  { "Magick: moderation", status = 400,
    body = '{"error":{"message":"Your request was rejected by the safety system (request '
      .. 'id: 20260701)","type":"image_generation_user_error","param":"",'
      .. '"code":"moderation_blocked"}}',
    kind = "refused", code = "moderation_blocked", request_id = "20260701",
    message = "Your request was rejected by the safety system (request id: 20260701)" },
  { "Magick: words, with a 500", status = 500,
    body = '{"error":{"message":"sensitive words detected","type":"new_api_error",'
      .. '"code":"sensitive_words_detected"}}',
    kind = "refused", code = "sensitive_words_detected",
    message = "sensitive words detected" },
  { "Magick: a wrong request, with a 500", status = 500,
    body = '{"error":{"message":"size must use x","type":"new_api_error","param":"",'
      .. '"code":"invalid_request"}}',
    kind = "invalid", code = "invalid_request",
    message = "size must use x" },
  { "Magick: no image, with a 500", status = 500,
    body = '{"error":{"message":"image is required","type":"new_api_error",'
      .. '"code":"convert_request_failed"}}',
    kind = "invalid", code = "convert_request_failed",
    message = "image is required" },
  { "Magick: no money, in Chinese, with a 403", status = 403,
    body = '{"error":{"message":"用户额度不足, 剩余额度: ＄0.00 (request id: '
      .. '20260701)","type":"new_api_error","param":"","code":"insufficient_user_quota"}}',
    kind = "quota", code = "insufficient_user_quota", request_id = "20260701",
    message = '用户额度不足, 剩余额度: ＄0.00 (request id: 20260701)' },
  { "Magick: a token that is spent", status = 403,
    body = '{"error":{"message":"token quota is not enough","code":"pre_consume_token_quota_'
      .. 'failed"}}',
    kind = "quota", code = "pre_consume_token_quota_failed",
    message = "token quota is not enough" },
  { "Magick: a banned user, without a code", status = 403,
    body = '{"error":{"message":"用户已被封禁","type":"new_api_error","code":""}}',
    kind = "auth",
    message = '用户已被封禁' },
  { "Magick: a bad token", status = 401,
    body = '{"error":{"message":"Invalid token","type":"new_api_error","code":""}}',
    kind = "auth",
    message = "Invalid token" },
  { "Magick: the limiter, silent", status = 429,
    body = "",
    kind = "rate_limited", retryable = true,
    message = "HTTP 429 with an empty body. Ask again later and less often." },
  { "Magick: upstream trouble", status = 500,
    body = '{"error":{"message":"do request failed","type":"new_api_error",'
      .. '"code":"do_request_failed"}}',
    kind = "server", retryable = true, code = "do_request_failed",
    message = "do request failed" },
  { "Magick: an upstream status passed on", status = 400,
    body = '{"error":{"message":"bad response status code 400","type":"upstream_error",'
      .. '"code":"bad_response_status_code"}}',
    kind = "invalid", code = "bad_response_status_code",
    message = "bad response status code 400" },
  { "Magick: no such endpoint", status = 501,
    body = '{"error":{"message":"API not implemented","type":"new_api_error","param":"",'
      .. '"code":"api_not_implemented"}}',
    kind = "not_found", code = "api_not_implemented",
    message = "API not implemented" },
  { "Magick: a body over its limit", status = 413,
    body = '{"error":{"message":"request body too large","type":"new_api_error",'
      .. '"code":"read_request_body_failed"}}',
    kind = "too_big", code = "read_request_body_failed",
    message = "request body too large" },
  { "OpenAI: nulls", status = 400,
    body = [[{"error":{"message":"Unknown parameter: 'response_format'.",]]
      .. '"type":"invalid_request_error","param":"response_format","code":null}}',
    kind = "invalid", param = "response_format",
    message = "Unknown parameter: 'response_format'." },
  { "OpenAI: no money, with a 429",
    status = 429, retry_after = "9", retry_after_ms_header = "1500",
    body = '{"error":{"message":"You exceeded your current quota",'
      .. '"type":"insufficient_quota","param":null,"code":"insufficient_quota"}}',
    kind = "quota", code = "insufficient_quota", retry_after_ms = 1500,
    message = "You exceeded your current quota" },
  { "OpenAI: a wrong key, echoed", status = 401,
    body = '{"error":{"message":"Incorrect API key provided: sk-proj-abcDEF123. Find yours '
      .. 'at https://x.example/keys?id=1","type":"invalid_request_error","param":null,'
      .. '"code":"invalid_api_key"}}',
    kind = "auth", code = "invalid_api_key",
    message = "Incorrect API key provided: sk-*** Find yours at https://x.example/keys?***" },
  { "a proxy's page", status = 502, content_type = "text/html; charset=utf-8",
    body = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 "
      .. "Bad Gateway</h1></center>",
    kind = "server", retryable = true,
    message = "HTTP 502 with a body that is no JSON (text/html; charset=utf-8): '<html> "
      .. "<head><title>502 Bad Gateway</title></head> <body> <center><h1>502 Bad Ga'. The "
      .. "service, or a proxy before it, has trouble: try later." },
  { "a page for a long wait", status = 524, content_type = "text/html",
    body = "<!DOCTYPE html><title>524: A timeout occurred</title>",
    kind = "server", retryable = true,
    message = "HTTP 524 with a body that is no JSON (text/html): '<!DOCTYPE html><title>524: A "
      .. "timeout occurred</title>'. The service, or a proxy before it, has trouble: try later." },
  { "a proxy's silence", status = 504,
    body = "",
    kind = "server", retryable = true,
    message = "HTTP 504 with an empty body. "
      .. "The service, or a proxy before it, has trouble: try later." },
  { "a page with a 200", status = 200, content_type = "text/html",
    body = "<html><body>Welcome</body></html>",
    kind = "protocol",
    message = "HTTP 200 with a body that is no JSON (text/html): "
      .. "'<html><body>Welcome</body></html>'." },
  { "nothing with a 200", status = 200,
    body = "",
    kind = "protocol",
    message = "HTTP 200 with an empty body." },
  { "nothing with a 204", status = 204,
    body = "",
    kind = "protocol",
    message = "HTTP 204 with an empty body." },
  { "a picture instead of a reply", status = 200, content_type = "image/png",
    body = "\x89PNG\r\n\x1A\n\x00\x00\x00\rIHDR",
    kind = "protocol",
    message = "HTTP 200 with a body that is no JSON (image/png): '?PNG IHDR'." },
  { "a reply that was cut", status = 200,
    body = '{"created":1712345678,"data":[{"url":"https://a/b?sig=SECRET","b64',
    kind = "protocol",
    message = [[HTTP 200 with a body that is no JSON: '{"created":1712345678,]]
      .. [["data":[{"url":"https://a/b?***","b64'.]] },
  { "no pictures", status = 200,
    body = '{"created":1712345678,"data":[]}',
    kind = "protocol",
    message = [[HTTP 200 without a picture in its data: '{"created":1712345678,"data":[]}'.]] },
  { "pictures that are empty", status = 200,
    body = '{"data":[{"url":"","b64_json":"","revised_prompt":""}]}',
    kind = "protocol",
    message = [[HTTP 200 without a picture in its data: '{"data":[{"url":"","b64_json":"",]]
      .. [["revised_prompt":""}]}'.]] },
  { "pictures where nobody may look", status = 200,
    body = '{"data":[{"url":"file:///etc/passwd"}]}',
    kind = "protocol",
    message = [[HTTP 200 without a picture in its data: '{"data":[{"url":"file:///etc/passwd"}]}]]
      .. "'." },
  { "no pictures, and why", status = 200,
    body = '{"data":[],"error":{"code":"content_policy_violation","message":"Blocked"}}',
    kind = "refused", code = "content_policy_violation",
    message = "Blocked" },
  { "an error with a 200", status = 200,
    body = '{"error":{"message":"upstream is busy","type":"upstream_error","code":"x"}}',
    kind = "server", retryable = true, code = "x",
    message = "upstream is busy" },
  { "an error with a status inside and a 200", status = 200,
    body = '{"error":{"code":429,"message":"slow down"}}',
    kind = "rate_limited", retryable = true, code = "429",
    message = "slow down" },
  { "an error that is a text", status = 500,
    body = '{"error":"it broke"}',
    kind = "server", retryable = true,
    message = "it broke" },
  { "an error of another framework", status = 422,
    body = '{"detail":"field required"}',
    kind = "invalid",
    message = "field required" },
  { "an error without words", status = 400,
    body = '{"error":{"code":"invalid_request"}}',
    kind = "invalid", code = "invalid_request",
    message = "HTTP 400, invalid_request. Correct the request." },
  { "an error without anything", status = 418,
    body = "{}",
    kind = "invalid",
    message = "HTTP 418: '{}'. Correct the request." },
  { "an object of nothing", status = 200,
    body = "{}",
    kind = "protocol",
    message = "HTTP 200 without pictures or a task: '{}'." },
  { "a list", status = 200,
    body = "[1,2]",
    kind = "protocol",
    message = "HTTP 200 without pictures or a task: '[1,2]'." },
  { "a text", status = 200,
    body = '"ok"',
    kind = "protocol",
    message = [[HTTP 200 without pictures or a task: '"ok"'.]] },
  { "an id that cannot be asked for", status = 200,
    body = [[{"id":"a\nb","status":"pending"}]],
    kind = "protocol",
    message = [[HTTP 200 without pictures or a task: '{"id":"a\nb","status":"pending"}'.]] },
  { "a status without an id", status = 200,
    body = '{"status":"processing"}',
    kind = "protocol",
    message = [[HTTP 200 without pictures or a task: '{"status":"processing"}'.]] },
  { "pictures with a 4xx", status = 400,
    body = '{"data":[{"url":"https://a/b"}]}',
    kind = "invalid",
    message = [[HTTP 400: '{"data":[{"url":"https://a/b"}]}'. Correct the request.]] },
  { "a task with a 5xx", status = 503,
    body = '{"id":"t","status":"pending"}',
    kind = "server", retryable = true,
    message = [[HTTP 503: '{"id":"t","status":"pending"}'. The service, or a proxy before it, ]]
      .. "has trouble: try later." },
  { "a redirect", status = 307,
    body = "",
    kind = "protocol",
    message = "HTTP 307 with an empty body. Redirects are not followed: check the base URL." },
  { "a redirect with a page", status = 301,
    body = "Moved to https://b.example/?token=SECRET",
    kind = "protocol",
    message = "HTTP 301 with a body that is no JSON: 'Moved to https://b.example/?***'. "
      .. "Redirects are not followed: check the base URL." },
  { "a header that is echoed", status = 400, content_type = "text/plain",
    body = "bad header: Authorization: Bearer abcdefSECRET",
    kind = "invalid",
    message = "HTTP 400 with a body that is no JSON (text/plain): 'bad header: Authorization: "
      .. "Bearer ***'. Correct the request." },
  { "controls and bytes that are no text", status = 500,
    body = "\x00\x01\xFF\xFEoops\n\n",
    kind = "server", retryable = true,
    message = "HTTP 500 with a body that is no JSON: '??oops'. The service, or a proxy before "
      .. "it, has trouble: try later." },
  { "JSON that is too deep", status = 200,
    body = ("["):rep(100) .. ("]"):rep(100),
    kind = "protocol",
    message = "HTTP 200 with a body that is no JSON: '[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
      .. "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[['." },
  { "two values", status = 200,
    body = '{"id":"t","status":"pending"}{}',
    kind = "protocol",
    message = [[HTTP 200 with a body that is no JSON: '{"id":"t","status":"pending"}{}'.]] },
  { "a number that is no number", status = 200,
    body = '{"id":"t","status":"pending","progress":01}',
    kind = "protocol",
    message = [[HTTP 200 with a body that is no JSON: '{"id":"t","status":"pending",]]
      .. [["progress":01}'.]] },
  { "a message that is too long", status = 400,
    body = '{"error":{"message":"' .. ("long "):rep(500) .. '"}}',
    kind = "invalid",
    message = ("long "):rep(59) .. "lon" },
  { "a wait that is too long", status = 429, retry_after = "999999",
    body = "",
    kind = "rate_limited", retryable = true, retry_after_ms = 86400000,
    message = "HTTP 429 with an empty body. Ask again later and less often." },
  { "a wait until a date",
    status = 503, now = 1782907200, retry_after = "Wed, 01 Jul 2026 12:00:30 GMT",
    body = "",
    kind = "server", retryable = true, retry_after_ms = 30000,
    message = "HTTP 503 with an empty body. "
      .. "The service, or a proxy before it, has trouble: try later." },
  { "an impossible status", status = 999,
    body = "",
    kind = "protocol",
    message = "HTTP 999 with an empty body." },
}

describe("a wrong reply", function()
  for _, case in ipairs(replies) do
    it(("(%s) gives its error"):format(case[1]), function()
      local reply = assert(window.reply {
        status = case.status, body = case.body, poll = case.poll, now = case.now,
        content_type = case.content_type, retry_after = case.retry_after,
        retry_after_ms = case.retry_after_ms_header,
      })
      assert.same("error", reply.shape)
      assert.same({}, reply.images)
      -- What happened, and then one sentence that says what to do.
      local message = reply.err.message
      assert.same(case.message, message:sub(1, #case.message))
      local advice = message:sub(#case.message + 1)
      assert.is_truthy(advice == "" or advice:find "^%.? %u[^%.]*%.$", advice)
      assert.matches(" %u[^%.]+%.$", message)
      assert.same({
        kind = case.kind, message = message, code = case.code, param = case.param,
        request_id = case.request_id, retryable = case.retryable or false,
        retry_after_ms = case.retry_after_ms or -1, status = case.status, offset = -1,
      }, reply.err)
    end)
  end

  it("is one of many", function()
    assert.is_true(#replies >= 40)
  end)

  it("never shows a secret that it echoes, however its body is cut", function()
    local secrets = { "Bearer SECRETSECRET", "sk-SECRETSECRET", "https://a/b?sig=SECRETSECRET",
      ("x"):rep(70) .. " bearer SECRETSECRET" }
    local shapes = { "%s", '{"error":{"message":"%s","code":"%s","param":"%s"}}', '{"error":"%s"}',
      '{"data":[],"x":"%s"}', "<html><p>%s</p>", '{"detail":"said %s"}',
      '{"request_id":"%s","error":{"message":"(request id: %s)"}}',
      '{"id":"t","status":"failed","error":{"message":"%s","code":"%s"}}' }
    for _, secret in ipairs(secrets) do
      for _, shape in ipairs(shapes) do
        local body = shape:gsub("%%s", (secret:gsub("%%", "%%%%")))
        for _, status in ipairs { 200, 400, 502 } do
          for i = #body, #body // 2, -1 do
            local err = window.reply({ status = status, body = body:sub(1, i) }).err
            local shown = err.message .. (err.code or "") .. (err.param or "")
            assert.is_nil((shown .. (err.request_id or "")):find("SEC", 1, true))
          end
        end
      end
    end
  end)
end)
