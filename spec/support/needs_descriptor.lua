-- SPDX-License-Identifier: MIT
-- For a test of the one descriptor, called first in it: needs_descriptor(pending) skips it on a
-- build that has none (`make portable`). `pending` is the test's own; busted's would do nothing.

local window = require "gptimage.core_test"

return function(pending)
  if not window.has_descriptor then
    pending "this build has no descriptor that a host could watch"
  end
end
