-- SPDX-License-Identifier: MIT
-- Tests src/bind/lgim_object.c: what all userdata of the module have in common.

local gptimage = require "gptimage"

describe("an object of the module", function()
  local client, task

  setup(function()
    client = assert(gptimage.client { api_key = "sk-x", base_url = "http://127.0.0.1:9" })
    task = assert(client:attach "task-unified-1-abc")
  end)

  teardown(function() client:close() end)

  it("hides its metatable from scripts, and keeps it", function()
    for _, object in ipairs { client, task } do
      assert.equal("locked", getmetatable(object))
      assert.is_false((pcall(setmetatable, object, {})))
      assert.is_false((pcall(function() object.anything = 1 end)))
    end
  end)

  it("is not taken for one of another class", function()
    local ok, message = pcall(client.timeout, task)
    assert.is_false(ok)
    assert.matches("client expected", message)
    ok, message = pcall(task.cancel, client)
    assert.is_false(ok)
    assert.matches("task expected", message)
  end)

  it("has the methods of C and those that the Lua layer adds", function()
    assert.is_function(client.timeout) -- C
    assert.is_function(client.generate) -- Lua
    assert.is_function(task.done)
    assert.is_function(task.wait)
    assert.equal(client.generate, client.generate)
    assert.is_nil(client.no_such_method)
  end)
end)
