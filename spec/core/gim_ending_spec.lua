-- SPDX-License-Identifier: MIT
-- Tests src/core/gim_ending.c through the test window. Most of them are also
-- reached by tasks, in gim_task_end_spec.lua.
local window = require "gptimage.core_test"

describe("gim_ending", function()
  it("has a kind and one sentence or two for every end that is ours to explain", function()
    local look_first = 'Unless `billed` is "no" it may have been accepted: look at the '
      .. "service's log before you send it again."
    for i, case in ipairs {
      { "no_memory", "No memory for the request's reference pictures." },
      { "timeout", "No answer to the request in time. " .. look_first },
      { "timeout", "The task's time was over before the request could be sent: give it more "
        .. "time with `timeout`, or submit fewer at once." },
      { "timeout", "The task's time was over before the service answered. " .. look_first },
      { "timeout", "The task's time is over, but it goes on at the service: attach to its id, "
        .. "or give it more time with `timeout`." },
      { "timeout", "The task's time was over before the pictures were saved. They are paid: "
        .. "save them again, or attach to the id." },
      { "protocol", "The service says it is completed, but names no picture. Ask its support, "
        .. "with the id." },
      { "protocol", "The service accepted a task but gave it no id." },
      { "no_memory", "No memory for the links of the pictures. They are paid: where there is an "
        .. "id, attach to it to get them." },
      { "server", "The service ended the task without saying why." },
      { "cancelled", "The service cancelled the task without saying why." },
    } do
      local none, err = window.ending(i - 1)
      assert.is_nil(none)
      assert.same({ kind = case[1], message = case[2], retryable = case[1] == "timeout",
        status = 0, retry_after_ms = -1, offset = -1 }, err)
    end
    assert.has_error(function() window.ending(11) end)
  end)
end)
