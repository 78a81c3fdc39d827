-- SPDX-License-Identifier: MIT
-- Tests src/core/gim_verdict.c through the test window: what WIRE 2.1, 2.2,
-- 5.6 and 6.5 tell of codes and statuses.
local window = require "gptimage.core_test"

local function http(status, code, kind_of_error)
  local kind, retryable = window.verdict_http(status, code or "", kind_of_error or "")
  return kind .. (retryable and ", later" or "")
end

describe("the verdict on a refused request", function()
  it("follows the status where there is no code", function()
    for status, verdict in pairs {
      [0] = "protocol", [100] = "protocol", [200] = "protocol", [299] = "protocol",
      [301] = "protocol", [308] = "protocol", [400] = "invalid", [401] = "auth", [402] = "quota",
      [403] = "auth", [404] = "not_found", [405] = "not_found", [407] = "network",
      [408] = "server, later", [409] = "invalid", [410] = "not_found", [413] = "too_big",
      [415] = "invalid", [422] = "invalid", [425] = "server, later",
      [429] = "rate_limited, later", [451] = "refused", [499] = "invalid",
      [500] = "server, later", [501] = "not_found", [502] = "server, later",
      [503] = "server, later", [504] = "server, later", [505] = "protocol",
      [524] = "server, later", [529] = "server, later", [599] = "server, later",
      [600] = "protocol", [999] = "protocol", [-1] = "protocol",
    } do
      assert.same(verdict, http(status), status)
      assert.same(verdict, http(status, "a_code_of_tomorrow", "a_type"), status)
    end
  end)

  it("follows the code wherever it comes", function()
    for verdict, codes in pairs {
      quota = { "insufficient_quota", "insufficient_user_quota", "insufficient_token_quota",
        "pre_consume_token_quota_failed", "quota_not_enough", "account_balance_insufficient",
        "key_quota_exhausted", "token_daily_quota_exceeded", "key_daily_quota_exhausted",
        "billing_hard_limit_reached" },
      auth = { "unauthorized", "invalid_api_key", "authentication_error", "access_denied",
        "permission_denied", "model_access_denied", "key_model_not_allowed", "key_disabled",
        "key_expired", "ip_restricted" },
      refused = { "content_policy_violation", "moderation_blocked", "input_moderation_failed",
        "content_filter", "sensitive_content", "sensitive_words_detected" },
      invalid = { "invalid_request", "invalid_parameters", "unsupported_parameters",
        "convert_request_failed", "invalid_media_url", "image_processing_error",
        "image_dimension_mismatch", "invalid_task_id", "idempotency_conflict" },
      not_found = { "task_not_found", "model_not_found", "resource_not_found",
        "api_not_implemented" },
      cancelled = { "request_cancelled" },
      ["rate_limited, later"] = { "rate_limit_exceeded" },
      ["server, later"] = { "paid_outcome_unknown" },
    } do
      for _, code in ipairs(codes) do
        for _, status in ipairs { 200, 400, 401, 402, 403, 404, 409, 413, 429, 500, 502, 503 } do
          assert.same(verdict, http(status, code), code .. " at " .. status)
          assert.same(verdict, http(status, "", code), code .. " as a type at " .. status)
        end
      end
    end
  end)

  it("takes codes of the service's own trouble for that, but not with a 4xx", function()
    for _, code in ipairs { "service_error", "service_unavailable", "internal_error",
      "unknown_error", "upstream_error", "generation_timeout", "do_request_failed",
      "get_channel_failed", "channel_selection_failed", "no_available_channel",
      "model_unavailable", "resource_exhausted" } do
      for _, status in ipairs { 200, 500, 501, 502, 503, 524 } do
        assert.same("server, later", http(status, code), code)
      end
      assert.same("invalid", http(400, code), code)
      assert.same("auth", http(401, code), code)
      assert.same("rate_limited, later", http(429, code), code)
    end
  end)

  it("tells an empty account from a busy one", function()
    assert.same("quota", http(402, "quota_exceeded", "insufficient_quota"))
    assert.same("rate_limited, later", http(429, "quota_exceeded"))
    assert.same("quota", http(429, "insufficient_quota"))
    assert.same("quota", http(403, "insufficient_user_quota"))
    assert.same("quota", http(402, "", "insufficient_quota"))
  end)

  it("prefers a code that it knows to the type, and either to the status", function()
    assert.same("not_found", http(503, "model_not_found", "rate_limit_error"))
    assert.same("rate_limited, later", http(500, "new_code", "rate_limit_error"))
    assert.same("invalid", http(400, "bad_response_status_code", "upstream_error"))
    assert.same("invalid", http(500, "invalid_request", "new_api_error"))
  end)

  it("gives advice that is one sentence, for every status and every code", function()
    local function is_sentence(advice, what)
      assert.is_truthy(advice:find "^%u[^\n]*%.$", what)
      assert.is_nil(advice:find "%.%s", what)
    end
    for status = 200, 599 do
      is_sentence(select(3, window.verdict_http(status, "", "")), status)
      is_sentence(select(3, window.verdict_http(status, "", "", true)), status)
    end
    local file <close> = assert(io.open "src/core/gim_verdict.c")
    local count = 0
    for code in file:read "a":gmatch '{"([%l_]+)", GIM_E_' do
      is_sentence(select(3, window.verdict_http(500, code, "")), code)
      is_sentence(select(3, window.verdict_task(code)), code)
      count = count + 1
    end
    assert.is_true(count > 60)
  end)

  it("tells of a form that the service may not edit, where that may be meant", function()
    for _, refusal in ipairs { { 404, "" }, { 501, "api_not_implemented" },
      { 503, "model_not_found" }, { 400, "invalid_request" }, { 400, "" },
      { 500, "convert_request_failed" } } do
      local kind, retryable, advice = window.verdict_http(refusal[1], refusal[2], "")
      local kind_too, retryable_too, other = window.verdict_http(refusal[1], refusal[2], "", true)
      assert.same({ kind, retryable }, { kind_too, retryable_too })
      assert.matches("may not edit pictures", other)
      assert.matches("edit_path", other)
      assert.is_nil(advice:find("edit_path", 1, true))
    end
    for _, refusal in ipairs { { 401, "" }, { 402, "" }, { 403, "access_denied" }, { 413, "" },
      { 429, "" }, { 500, "" }, { 400, "moderation_blocked" }, { 400, "image_dimension_mismatch" },
      { 502, "upstream_error" }, { 200, "" } } do
      assert.same({ window.verdict_http(refusal[1], refusal[2], "") },
        { window.verdict_http(refusal[1], refusal[2], "", true) })
    end
  end)
end)

describe("the verdict on a failed task", function()
  for code, expected in pairs {
    content_policy_violation = { "refused", "Change the prompt or the reference images." },
    invalid_parameters = { "invalid", "Correct the request." },
    image_processing_error = { "invalid",
      "Check format, size and link of the reference images." },
    image_dimension_mismatch = { "invalid", "Give mask and reference image the same pixels." },
    request_cancelled = { "cancelled", "Submit it again if it is still wanted." },
    generation_failed_no_content = { "server", "Change the prompt." },
    service_error = { "server, later", "Wait a minute before submitting it again." },
    generation_timeout = { "server, later", "Submit it again." },
    resource_exhausted = { "server, later", "Wait 1 to 5 minutes before submitting it again." },
    quota_exceeded = { "rate_limited, later",
      "Submit fewer tasks at once, some seconds apart." },
    service_unavailable = { "server, later", "Wait some minutes before submitting it again." },
    resource_not_found = { "not_found", "Check the model and what the request refers to." },
    unknown_error = { "server", "Ask the service's support, with the id." },
    model_unavailable = { "server", "Try another model, or later." },
    upstream_error = { "server", "Try later." },
    -- not of that table
    moderation_blocked = { "refused", "Change the prompt or the reference images." },
    insufficient_quota = { "quota", "Top up the account, or raise the key's limit." },
    rate_limit_exceeded = { "rate_limited, later", "Ask again later and less often." },
    internal_error = { "server", "The service, or a proxy before it, has trouble: try later." },
    a_code_of_tomorrow = { "server", "Ask the service's support, with the id." },
    [""] = { "server", "Ask the service's support, with the id." },
  } do
    it(("%q is %s"):format(code, expected[1]), function()
      local kind, retryable, advice = window.verdict_task(code)
      assert.same(expected, { kind .. (retryable and ", later" or ""), advice })
    end)
  end
end)
