-- SPDX-License-Identifier: MIT
rockspec_format = "3.0"
package = "gptimage"
version = "scm-1"
source = {
  url = "git+https://example.org/gptimage.git",
  branch = "main",
}
description = {
  summary = "Generate and edit images through the GPT Image APIs",
  detailed = [[
A Lua 5.4 module with a C core on libcurl for the GPT Image services StarMagic,
EvoLink and Magick: blocking, in coroutines or step by step from any event loop.
It never blocks its host, never pays twice, and refuses what the service would
refuse before anything is sent. Comes with a sandbox server that needs no key.]],
  license = "MIT",
  labels = { "image", "http", "api", "async" },
}
supported_platforms = { "linux" }
dependencies = {
  "lua >= 5.4, < 5.5",
  "lua-cjson",
  "argparse",
}
-- No header here: Debian keeps curl.h in a folder of the machine's architecture,
-- where LuaRocks does not look, and the compiler does.
external_dependencies = {
  CURL = { library = "curl" },
}
build = {
  type = "builtin",
  modules = {
    ["gptimage.core"] = {
      sources = {
        "src/core/gim_address.c",
        "src/core/gim_backoff.c",
        "src/core/gim_base.c",
        "src/core/gim_base64.c",
        "src/core/gim_buffer.c",
        "src/core/gim_complaint.c",
        "src/core/gim_decimal.c",
        "src/core/gim_escape.c",
        "src/core/gim_heap.c",
        "src/core/gim_issue.c",
        "src/core/gim_json.c",
        "src/core/gim_link.c",
        "src/core/gim_list.c",
        "src/core/gim_model.c",
        "src/core/gim_name.c",
        "src/core/gim_pictures.c",
        "src/core/gim_redact.c",
        "src/core/gim_reply.c",
        "src/core/gim_request.c",
        "src/core/gim_size.c",
        "src/core/gim_task.c",
        "src/core/gim_url.c",
        "src/core/gim_utf8.c",
        "src/core/gim_value.c",
        "src/core/gim_verdict.c",
        "src/net/gim_download.c",
        "src/net/gim_exchange.c",
        "src/net/gim_hub.c",
        "src/net/gim_job.c",
        "src/net/gim_proxy.c",
        "src/net/gim_reason.c",
        "src/net/gim_response.c",
        "src/net/gim_transfer.c",
        "src/net/gim_trust.c",
        "src/net/gim_wait.c",
      },
      defines = { "_GNU_SOURCE" },
      incdirs = { "src/core", "src/net", "src/bind", "$(CURL_INCDIR)" },
      libdirs = { "$(CURL_LIBDIR)" },
      libraries = { "curl", "pthread" },
    },
    ["gptimage"] = "lua/gptimage.lua",
    ["gptimage.cli"] = "lua/gptimage/cli.lua",
    ["gptimage.cli.sandbox"] = "lua/gptimage/cli/sandbox.lua",
    ["gptimage.deliver"] = "lua/gptimage/deliver.lua",
    ["gptimage.json"] = "lua/gptimage/json.lua",
    ["gptimage.report"] = "lua/gptimage/report.lua",
    ["gptimage.result"] = "lua/gptimage/result.lua",
    ["gptimage.sandbox"] = "lua/gptimage/sandbox.lua",
    ["gptimage.sandbox.base64"] = "lua/gptimage/sandbox/base64.lua",
    ["gptimage.sandbox.bending"] = "lua/gptimage/sandbox/bending.lua",
    ["gptimage.sandbox.callbacks"] = "lua/gptimage/sandbox/callbacks.lua",
    ["gptimage.sandbox.certificates"] = "lua/gptimage/sandbox/certificates.lua",
    ["gptimage.sandbox.checksums"] = "lua/gptimage/sandbox/checksums.lua",
    ["gptimage.sandbox.clock"] = "lua/gptimage/sandbox/clock.lua",
    ["gptimage.sandbox.control"] = "lua/gptimage/sandbox/control.lua",
    ["gptimage.sandbox.drawing"] = "lua/gptimage/sandbox/drawing.lua",
    ["gptimage.sandbox.drawing.canvas"] = "lua/gptimage/sandbox/drawing/canvas.lua",
    ["gptimage.sandbox.drawing.color"] = "lua/gptimage/sandbox/drawing/color.lua",
    ["gptimage.sandbox.faults"] = "lua/gptimage/sandbox/faults.lua",
    ["gptimage.sandbox.files"] = "lua/gptimage/sandbox/files.lua",
    ["gptimage.sandbox.json"] = "lua/gptimage/sandbox/json.lua",
    ["gptimage.sandbox.ledger"] = "lua/gptimage/sandbox/ledger.lua",
    ["gptimage.sandbox.magick"] = "lua/gptimage/sandbox/magick.lua",
    ["gptimage.sandbox.multipart"] = "lua/gptimage/sandbox/multipart.lua",
    ["gptimage.sandbox.png"] = "lua/gptimage/sandbox/png.lua",
    ["gptimage.sandbox.rules"] = "lua/gptimage/sandbox/rules.lua",
    ["gptimage.sandbox.rules.links"] = "lua/gptimage/sandbox/rules/links.lua",
    ["gptimage.sandbox.rules.magick"] = "lua/gptimage/sandbox/rules/magick.lua",
    ["gptimage.sandbox.rules.sizes"] = "lua/gptimage/sandbox/rules/sizes.lua",
    ["gptimage.sandbox.rules.starmagic"] = "lua/gptimage/sandbox/rules/starmagic.lua",
    ["gptimage.sandbox.server"] = "lua/gptimage/sandbox/server.lua",
    ["gptimage.sandbox.severing"] = "lua/gptimage/sandbox/severing.lua",
    ["gptimage.sandbox.starmagic"] = "lua/gptimage/sandbox/starmagic.lua",
    ["gptimage.sandbox.submission"] = "lua/gptimage/sandbox/submission.lua",
    ["gptimage.sandbox.tasks"] = "lua/gptimage/sandbox/tasks.lua",
    ["gptimage.wait"] = "lua/gptimage/wait.lua",
  },
  install = {
    bin = { gptimage = "bin/gptimage" },
  },
}
test = {
  type = "command",
  command = "make test",
}
