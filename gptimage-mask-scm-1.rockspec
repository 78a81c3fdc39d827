-- SPDX-License-Identifier: MIT
rockspec_format = "3.0"
package = "gptimage-mask"
version = "scm-1"
source = {
  url = "git+https://example.org/gptimage.git",
  branch = "main",
}
description = {
  summary = "Makes masks for gptimage: what of a picture is painted anew",
  detailed = [[
The part of gptimage that needs libpng: rectangles, ellipses, masks from a PNG's
alpha, inverted masks, and a look at a mask before it is sent.]],
  license = "MIT",
  labels = { "image", "png" },
}
supported_platforms = { "linux" }
dependencies = {
  "lua >= 5.4, < 5.5",
  "gptimage",
}
-- Debian has png.h in /usr/include, as a link into a folder of its version.
external_dependencies = {
  PNG = { library = "png" },
}
build = {
  type = "builtin",
  modules = {
    ["gptimage.mask_core"] = {
      sources = {
        "src/bind/lgim_options.c",
        "src/bind/lgim_table.c",
        "src/core/gim_base.c",
        "src/core/gim_image.c",
        "src/core/gim_list.c",
        "src/mask/gim_mask.c",
        "src/mask/gim_mask_png.c",
        "src/mask/lgim_mask.c",
        "src/mask/lgim_mask_core.c",
        "src/net/gim_clock.c",
        "src/net/gim_file.c",
        "src/net/gim_file_blocks.c",
        "src/net/gim_file_limit.c",
        "src/net/gim_file_make.c",
        "src/net/gim_file_room.c",
        "src/net/gim_final.c",
        "src/net/gim_process.c",
        "src/net/gim_thread.c",
        "src/net/gim_writer.c",
      },
      defines = { "_GNU_SOURCE" },
      incdirs = { "src/core", "src/net", "src/bind", "src/mask", "$(PNG_INCDIR)" },
      libdirs = { "$(PNG_LIBDIR)" },
      libraries = { "png", "pthread" },
    },
  },
}
