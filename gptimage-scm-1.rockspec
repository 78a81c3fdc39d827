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
      },
      defines = { "_GNU_SOURCE" },
      incdirs = { "src/core", "src/net", "src/bind", "$(CURL_INCDIR)" },
      libdirs = { "$(CURL_LIBDIR)" },
      libraries = { "curl", "pthread" },
    },
  },
  install = {
    bin = { gptimage = "bin/gptimage" },
  },
}
test = {
  type = "command",
  command = "make test",
}
