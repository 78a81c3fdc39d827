-- SPDX-License-Identifier: MIT
-- What the application in host.c runs: it asks for a picture and gives the client to C, which
-- steps it. Callbacks are called inside those steps.

local gptimage = require "gptimage"

local client = assert(gptimage.client { provider = "starmagic" })

local task = assert(client:submit {
  model = "gpt-image-2-beta",
  prompt = "A lighthouse in the morning fog",
  output = "lighthouse.{format}",
})
task:on_done(function(_, result, err)
  print(result and ("%s, billed: %s"):format(result.images[1].path, result.billed) or err)
end)

return client
