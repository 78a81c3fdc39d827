-- SPDX-License-Identifier: MIT
-- What lua-http's HTTP/2 connections leave undone.

local cqueues_errno = require "cqueues.errno"

local M = {}

---Makes whoever waits on a connection learn that its peer has gone. Without this a connection at
---its end is readable for ever and `step` succeeds on it, so that a stream waiting for a body or
---for the leave to send spins.
function M.notice_end(connection)
  local step = connection.step
  function connection:step(timeout)
    local ok, err, errno = step(self, timeout)
    local socket = self.socket
    if ok and (socket == nil or socket:eof("r") and socket:pending() == 0) then
      return nil, cqueues_errno.strerror(cqueues_errno.EPIPE), cqueues_errno.EPIPE
    end
    return ok, err, errno
  end
end

return M
