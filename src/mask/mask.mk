# SPDX-License-Identifier: MIT
# The module that makes masks: built where libpng is, from its own sources and
# from a few of the house's. Read by the Makefile.

ifneq ($(shell $(PKGCONFIG) --exists libpng && echo yes),)
MASK        := $(BUILD)/gptimage/mask_core.so
MASK_WINDOW := $(BUILD)/gptimage/mask_test.so
endif

PNG_CFLAGS = $(shell $(PKGCONFIG) --cflags libpng)
PNG_LIBS   = $(shell $(PKGCONFIG) --libs libpng)

MASK_WINDOW_SOURCES := $(wildcard src/mask/lgim_window*.c)
MASK_SOURCES := $(filter-out $(MASK_WINDOW_SOURCES),$(wildcard src/mask/*.c)) \
  src/bind/lgim_options.c src/bind/lgim_table.c src/core/gim_base.c src/core/gim_image.c \
  src/core/gim_list.c src/net/gim_clock.c src/net/gim_file.c src/net/gim_file_blocks.c \
  src/net/gim_file_limit.c src/net/gim_file_make.c src/net/gim_file_room.c src/net/gim_final.c \
  src/net/gim_process.c src/net/gim_thread.c src/net/gim_writer.c
MASK_HEADERS := $(wildcard src/mask/*.h)
MASK_OBJECTS := $(MASK_SOURCES:src/%.c=$(BUILD)/obj/%.o)
MASK_WINDOW_OBJECTS := $(MASK_WINDOW_SOURCES:src/%.c=$(BUILD)/obj/%.o)

$(BUILD)/obj/mask/%.o: ALL_CFLAGS += -Isrc/mask $(PNG_CFLAGS)

$(BUILD)/gptimage/mask_core.so: $(MASK_OBJECTS)
	$(call say,ld)
	@mkdir -p $(@D)
	$(Q)$(CC) -shared $(SANITIZE) -pthread $(LDFLAGS) -o $@ $^ $(PNG_LIBS)

$(BUILD)/gptimage/mask_test.so: $(MASK_OBJECTS) $(MASK_WINDOW_OBJECTS)
	$(call say,ld)
	@mkdir -p $(@D)
	$(Q)$(CC) -shared $(SANITIZE) -pthread $(LDFLAGS) -Wl,--wrap=malloc,--wrap=calloc -o $@ $^ $(PNG_LIBS)

-include $(MASK_OBJECTS:.o=.d) $(MASK_WINDOW_OBJECTS:.o=.d)
