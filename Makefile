# gptimage: build, demo and tests. `make help` lists the targets.
#
# Two objects are linked from one archive: core.so, which ships, and
# core_test.so, the window through which the specs look at the C files.

LUA       ?= lua5.4
BUILD     ?= build
CC        ?= cc
OPTIMISE  ?= -O2
SANITIZE  ?=
CFLAGS    ?= $(OPTIMISE) -g
PREFIX    ?= /usr/local
PKGCONFIG ?= pkg-config

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion \
  -Wstrict-prototypes -Wmissing-prototypes -Wundef -Werror=return-type

LUA_CFLAGS  = $(shell $(PKGCONFIG) --cflags lua5.4)
CURL_CFLAGS = $(shell $(PKGCONFIG) --cflags libcurl)
CURL_LIBS   = $(shell $(PKGCONFIG) --libs libcurl)

ALL_CFLAGS = -std=c11 -fPIC -fvisibility=hidden -pthread $(WARNINGS) $(EXTRA_WARNINGS) \
  $(CFLAGS) $(SANITIZE) -D_GNU_SOURCE -Isrc/core -Isrc/net -Isrc/bind \
  $(LUA_CFLAGS) $(CURL_CFLAGS)

WINDOW_SOURCES := $(wildcard src/bind/lgim_window*.c)
SOURCES := $(filter-out $(WINDOW_SOURCES),$(wildcard src/core/*.c src/net/*.c src/bind/*.c))
OBJECTS := $(SOURCES:src/%.c=$(BUILD)/obj/%.o)
WINDOW_OBJECTS := $(WINDOW_SOURCES:src/%.c=$(BUILD)/obj/%.o)
ARCHIVE := $(BUILD)/libgptimage.a
CORE    := $(BUILD)/gptimage/core.so
WINDOW  := $(BUILD)/gptimage/core_test.so

# Allocations of the window go through counters that can be told to fail.
WRAP := -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc

LUA_PATH_VALUE  = $(CURDIR)/lua/?.lua;$(CURDIR)/lua/?/init.lua;$(CURDIR)/?.lua;;
LUA_CPATH_VALUE = $(abspath $(BUILD))/?.so;;

.DEFAULT_GOAL := build

build: $(CORE) ## the module that ships: build/gptimage/core.so
window: $(CORE) $(WINDOW)

$(ARCHIVE): $(OBJECTS)
	@rm -f $@
	$(AR) rcs $@ $^

$(CORE): $(ARCHIVE)
	@mkdir -p $(@D)
	$(CC) -shared $(SANITIZE) -pthread $(LDFLAGS) -o $@ -Wl,--whole-archive $(ARCHIVE) \
	  -Wl,--no-whole-archive $(CURL_LIBS)

$(WINDOW): $(ARCHIVE) $(WINDOW_OBJECTS)
	@mkdir -p $(@D)
	$(CC) -shared $(SANITIZE) -pthread $(LDFLAGS) $(WRAP) -o $@ $(WINDOW_OBJECTS) \
	  -Wl,--whole-archive $(ARCHIVE) -Wl,--no-whole-archive $(CURL_LIBS)

$(BUILD)/obj/%.o: src/%.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

-include $(OBJECTS:.o=.d) $(WINDOW_OBJECTS:.o=.d)

env: ## prints the exports under which lua5.4 finds the build
	@echo 'export LUA_PATH="$(LUA_PATH_VALUE)"'
	@echo 'export LUA_CPATH="$(LUA_CPATH_VALUE)"'

clean: ## removes what make made
	rm -rf build build-* out

.PHONY: build window env clean
