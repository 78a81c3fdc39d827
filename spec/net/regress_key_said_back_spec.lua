-- SPDX-License-Identifier: MIT
-- Services quote the key that they refuse. gim_redact knows the usual forms of keys; the one that
-- was sent is known whatever its form.
local services = require "spec.support.service"

describe("the key", function()
  it("of whatever form is in no error, log or task when the service says it back", function()
    local KEY = "9f8e7d6c5b4a39281706f5e4d3c2b1a0"
    local shown = {}
    local function gather(value, depth)
      shown[#shown + 1] = tostring(value)
      if type(value) ~= "table" or depth > 3 then return end
      for _, inner in pairs(value) do gather(inner, depth + 1) end
    end
    for _, answer in ipairs {
      { '{"error":{"message":"bad key %s","code":"%s","param":"%s"}}', "401 Unauthorized" },
      { "<html>%s</html>", "502 Bad Gateway" },
      { "[%s", "200 OK" },
      { '{"id":"%s","status":"pending"}', "200 OK" },
      { '{"id":"t","status":"failed","error":{"message":"%s"}}', "200 OK" },
    } do
      local service <close> = services.start { submit = function(conn, head)
        local sent = head.headers.authorization:match "Bearer (.*)"
        conn:reply((answer[1]:gsub("%%s", sent)), answer[2], { "X-Request-Id: " .. sent,
          "Content-Type: text/" .. sent })
      end }
      service:client { api_key = KEY, log = function(event) gather(event, 0) end,
        retry = { max = 0 } }
      local result, err, task = service:generate()
      assert.is_nil(result)
      gather(err, 0)
      gather({ task.id or "", task.status, tostring(task), err.message }, 0)
    end
    local text = table.concat(shown, "\n")
    assert.is_truthy(text:find("bad key ***", 1, true))
    assert.is_nil(text:find(KEY:sub(1, 8), 1, true))
  end)
end)
