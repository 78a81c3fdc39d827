# SPDX-License-Identifier: MIT
# gptimage: build, demo and tests. `make help` lists the targets.
#
# Two objects are linked from one archive: core.so, which ships, and
# core_test.so, the window through which the specs look at the C files.

LUA       ?= lua5.4
LUA_PC    ?= lua5.4
BUSTED    ?= /usr/bin/busted
BUILD     ?= build
CC        ?= cc
OPTIMISE  ?= -O2
SANITIZE  ?=
CFLAGS    ?= $(OPTIMISE) -g
PREFIX    ?= /usr/local
DESTDIR   ?=
PKGCONFIG ?= pkg-config
SPEC      ?=

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion \
  -Wstrict-prototypes -Wmissing-prototypes -Wundef -Werror=return-type

LUA_CFLAGS  = $(shell $(PKGCONFIG) --cflags $(LUA_PC))
CURL_CFLAGS = $(shell $(PKGCONFIG) --cflags libcurl)
CURL_LIBS   = $(shell $(PKGCONFIG) --libs libcurl)

ALL_CFLAGS = -std=c11 -fPIC -fvisibility=hidden -pthread $(WARNINGS) $(EXTRA_WARNINGS) \
  $(CFLAGS) $(SANITIZE) -D_GNU_SOURCE -Isrc/core -Isrc/net -Isrc/bind \
  $(LUA_CFLAGS) $(CURL_CFLAGS)

WINDOW_SOURCES := $(wildcard src/bind/lgim_window*.c)
SOURCES := $(filter-out $(WINDOW_SOURCES),$(wildcard src/core/*.c src/net/*.c src/bind/*.c))
HEADERS := $(wildcard src/core/*.h src/net/*.h src/bind/*.h)
OBJECTS := $(SOURCES:src/%.c=$(BUILD)/obj/%.o)
WINDOW_OBJECTS := $(WINDOW_SOURCES:src/%.c=$(BUILD)/obj/%.o)
ARCHIVE := $(BUILD)/libgptimage.a
CORE    := $(BUILD)/gptimage/core.so
WINDOW  := $(BUILD)/gptimage/core_test.so

# Allocations of the window, and its calls to the disk, go through counters that
# can be told to fail.
WRAP := -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=write,--wrap=fdatasync,$\
  --wrap=pwrite,--wrap=fsync,--wrap=rename,--wrap=renameat,--wrap=linkat,--wrap=syscall,$\
  --wrap=getrandom,--wrap=getentropy,--wrap=ftruncate,--wrap=open,--wrap=openat,$\
  --wrap=mkdir,--wrap=rmdir,--wrap=unlink,--wrap=unlinkat

# Debian's lua-http is plain Lua that runs on 5.4, but is filed under 5.1: that
# folder comes last, behind everything that was made for 5.4.
LUA_PATH_VALUE  = $(CURDIR)/lua/?.lua;$(CURDIR)/lua/?/init.lua;$(CURDIR)/?.lua;;$\
  /usr/share/lua/5.1/?.lua;/usr/share/lua/5.1/?/init.lua
LUA_CPATH_VALUE = $(abspath $(BUILD))/?.so;;

# What this user's shell says about keys, proxies and Lua is no business of a
# demo or a test on this machine.
HERMETIC = env -u LUA_INIT -u LUA_INIT_5_4 -u LUA_PATH_5_4 -u LUA_CPATH_5_4 \
  -u STARMAGIC_API_KEY -u EVOLINK_API_KEY -u MAGICK_API_KEY -u GPTIMAGE_BASE_URL \
  -u http_proxy -u https_proxy -u HTTPS_PROXY -u all_proxy -u ALL_PROXY \
  -u no_proxy -u NO_PROXY \
  LUA_PATH="$(LUA_PATH_VALUE)" LUA_CPATH="$(LUA_CPATH_VALUE)" GPTIMAGE_TOOLS="$(BENCH)"

# A sanitized module in an interpreter that is not: the runtimes have to be
# there first. Leaks are not looked for at exit, where Lua's own memory and
# libcurl's pinned module would be reported; the specs count allocations. Lua
# collects without a pause: what was let go of too early is gone when it is used.
ifneq ($(SANITIZE),)
SANITIZED_ENV = \
  LD_PRELOAD="$$($(CC) -print-file-name=libasan.so) $$($(CC) -print-file-name=libubsan.so)" \
  LUA_INIT="collectgarbage('setpause', 100)" \
  ASAN_OPTIONS=detect_leaks=0:detect_stack_use_after_return=1 \
  UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
endif

.DEFAULT_GOAL := build

include src/mask/mask.mk

build: $(CORE) $(MASK) ## the modules that ship: build/gptimage/core.so, mask_core.so
window: $(CORE) $(WINDOW) $(MASK) $(MASK_WINDOW)

# One short line a file; V=1 shows the whole commands.
Q   := $(if $(V),,@)
say = $(if $(V),,@echo "  $(1) $@")

# A folder is newer when a file of it has gone: its object must go as well.
$(ARCHIVE): $(OBJECTS) src/core src/net src/bind
	$(call say,ar)
	@rm -f $@
	$(Q)$(AR) rcs $@ $(OBJECTS)

$(CORE): $(ARCHIVE)
	$(call say,ld)
	@mkdir -p $(@D)
	$(Q)$(CC) -shared $(SANITIZE) -pthread $(LDFLAGS) -o $@ -Wl,--whole-archive $(ARCHIVE) \
	  -Wl,--no-whole-archive $(CURL_LIBS)

$(WINDOW): $(ARCHIVE) $(WINDOW_OBJECTS)
	$(call say,ld)
	@mkdir -p $(@D)
	$(Q)$(CC) -shared $(SANITIZE) -pthread $(LDFLAGS) $(WRAP) -o $@ $(WINDOW_OBJECTS) \
	  -Wl,--whole-archive $(ARCHIVE) -Wl,--no-whole-archive $(CURL_LIBS)

$(BUILD)/obj/%.o: src/%.c
	$(call say,cc)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

-include $(OBJECTS:.o=.d) $(WINDOW_OBJECTS:.o=.d)

# An application in C that hosts Lua: our module and Lua are linked into it, and
# what Lua loads besides (cjson) finds Lua's functions there.
EMBED := $(abspath $(BUILD))/embed/host
embed: $(EMBED) ## the application in C of examples/embed, with the module linked into it

$(EMBED): examples/embed/host.c $(ARCHIVE)
	$(call say,ld)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $< $(ARCHIVE) -Wl,--export-dynamic \
	  -Wl,--whole-archive -l:lib$(LUA_PC).a -Wl,--no-whole-archive $(CURL_LIBS) -lm -ldl

deps: ## installs the Debian packages of .ci/deps that are missing (root or sudo)
	@sh .ci/install.sh

# Set-up first, then a make of its own: what is compiled with is asked of
# packages that may have come just now.
demo: ## a picture from each service, against a server on this machine; sets up all
	@sh .ci/install.sh build run
	@$(MAKE) --no-print-directory build
	@$(HERMETIC) $(LUA) examples/demo.lua

# Peers of the specs and of the benchmarks that are no packages of Debian's. Those
# that cannot be had are skipped, by name; whoever has them needs no network.
NPM := $(CURDIR)/build/npm
PEER := $(NPM)/node_modules/openai/package.json
AGENT := $(NPM)/node_modules/undici/package.json
peers: $(PEER)
$(PEER) $(AGENT): $(NPM)/node_modules/%/package.json:
	@mkdir -p $(NPM)
	@! command -v npm >/dev/null || timeout 60 npm install --silent --no-audit --no-fund \
	  --fetch-retries=0 --prefix $(NPM) $*@6 || echo "npm has no package $* for us"

# $(1) the command that runs Lua, $(2) where the counts go, $(3) the specs.
define run_specs
	@rm -f $(2)
	@$(HERMETIC) $(SANITIZED_ENV) GPTIMAGE_COUNTS="$(abspath $(2))" GPTIMAGE_NPM="$(NPM)" \
	  $(1) $(BUSTED) $(3); status=$$?; \
	  $(LUA) .ci/counts.lua $(2) && exit $$status
endef

test: ## runs the specs on the plain build; SPEC=spec/x_spec.lua for one; sets up all
	@sh .ci/install.sh build run test
	@$(MAKE) --no-print-directory window embed peers $(BENCH)/tasks
	$(call run_specs,$(LUA),$(BUILD)/counts,$(SPEC))

SANITIZERS := OPTIMISE=-O1 CC=gcc $\
  SANITIZE="-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer"
asan: ## runs the specs under the address and undefined-behaviour sanitizers (gcc)
	@$(MAKE) --no-print-directory test BUILD=build-asan $(SANITIZERS)

# The kernels that this machine's processor cannot run: their instructions are emulated.
emulated: ## runs the specs of decoding with AVX-512 in plain C, under the sanitizers
	@$(MAKE) --no-print-directory test BUILD=build-emulated $(SANITIZERS) \
	  CFLAGS="$(CFLAGS) -include spec/support/avx512.h" \
	  SPEC="spec/core/gim_base64_spec.lua spec/core/gim_split_payload_spec.lua"

# What other threads than the host's do, and who waits for it. In some three minutes.
TSAN := $(CURDIR)/build-tsan
TSAN_SPECS := spec/writing_spec.lua $(patsubst %,spec/net/gim_%_spec.lua,writer file_blocks sink_behind \
  journal archive job_journal) spec/net/regress_fork_spec.lua spec/journal_spec.lua

$(BUILD)/lua: spec/support/lua.c
	$(call say,ld)
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $< -Wl,--export-dynamic -Wl,--whole-archive -l:lib$(LUA_PC).a \
	  -Wl,--no-whole-archive -lm -ldl

tsan: ## runs the specs of what has threads under the thread sanitizer (gcc)
	@sh .ci/install.sh build run test
	@$(MAKE) --no-print-directory window $(TSAN)/lua BUILD=$(TSAN) OPTIMISE=-O1 CC=gcc \
	  SANITIZE=-fsanitize=thread
	$(call run_specs,LUA_CPATH="$(TSAN)/?.so;;" TSAN_OPTIONS=die_after_fork=0 $(TSAN)/lua,$\
	  $(TSAN)/counts,$(if $(SPEC),$(SPEC),$(TSAN_SPECS)))

# What other systems compile, on this one: curl_multi_poll in place of epoll, and
# no descriptor (src/core/gim_system.h).
portable: ## runs the specs on the build for systems without epoll
	@$(MAKE) --no-print-directory test BUILD=build-portable CFLAGS="$(CFLAGS) -DGIM_PORTABLE"

# What the ordinary run does with 40 deaths, for an answer to how sure it is.
CRASHES ?= 200
crash: ## kills a paying program at 200 seeded moments, fails the power at all of them, and recovers
	@sh .ci/install.sh build run test
	@$(MAKE) --no-print-directory window
	$(call run_specs,GPTIMAGE_CRASHES=$(CRASHES) $(LUA),$(BUILD)/counts-crash,spec/power_spec.lua $\
	  spec/crash_spec.lua)

# What the sanitizers leave out: bytes that nobody wrote, and leaks.
valgrind: ## runs the specs of src/core under valgrind, on the plain build
	@sh .ci/install.sh build run test valgrind
	@$(MAKE) --no-print-directory window
	$(call run_specs,valgrind --quiet --error-exitcode=9 --leak-check=full \
	  --show-leak-kinds=definite --errors-for-leak-kinds=definite $(LUA),$\
	  $(BUILD)/counts-valgrind,$(if $(SPEC),$(SPEC),spec/core))

# Servers, floors and clocks of the benchmarks. What is missing is skipped, by
# name.
BENCH := $(abspath $(BUILD))/bench
BENCH_TOOLS := $(BENCH)/server $(BENCH)/measure $(BENCH)/floors $(BENCH)/polls

$(BENCH)/server: BENCH_LIBS = -pthread -lssl -lcrypto
$(BENCH)/floors: BENCH_LIBS = $(ARCHIVE) $(CURL_LIBS)
$(BENCH)/polls: BENCH_LIBS = $(CURL_LIBS)
$(BENCH)/floors: $(ARCHIVE)
$(BENCH_TOOLS): $(BENCH)/%: bench/tools/%.c
	$(call say,cc)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $< $(BENCH_LIBS)

# The task service has several sources, and is what the load spec asks as well.
TASKS_SOURCES := $(wildcard bench/tools/tasks*.c)
$(BENCH)/tasks: $(TASKS_SOURCES) bench/tools/tasks.h
	$(call say,cc)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $(TASKS_SOURCES) -lssl -lcrypto -lnghttp2

bench-tools: $(CORE) $(BENCH)/tasks $(BENCH_TOOLS) $(PEER) $(AGENT)

REPETITIONS ?= 7
BENCHES ?= $(filter-out %chart.lua,$(wildcard bench/*.lua))

bench: ## what things cost, against what one would use instead; REPETITIONS=7, BENCHES=bench/speed.lua
	@sh .ci/install.sh build run bench
	@$(MAKE) --no-print-directory bench-tools
	@for program in $(BENCHES); do \
	  echo "== $$program"; $(HERMETIC) BENCH="$(BENCH)" GPTIMAGE_NPM="$(NPM)" REPETITIONS=$(REPETITIONS) \
	    $(LUA) $$program || exit 1; done

bench-readme: ## draws the results of the last `make bench` for the README
	@for name in results scale step; do \
	  [ ! -f $(BENCH)/$$name.json ] || cp $(BENCH)/$$name.json bench/$$name.json; done
	@$(HERMETIC) $(LUA) bench/chart.lua bench/results.json bench/speed.svg README.md
	@[ ! -f bench/scale.json ] || \
	  $(HERMETIC) $(LUA) bench/scale_chart.lua bench/scale.json bench/scale.svg README.md
	@[ ! -f bench/step.json ] || \
	  $(HERMETIC) $(LUA) bench/support/step_readme.lua bench/step.json README.md

# LDoc reads no annotations of the language server, nor Doxygen plain comments: both
# get them in their own words. A warning of either is an error.
META := lua/gptimage/meta.lua $(wildcard lua/gptimage/meta/*.lua)
DOCS := $(abspath $(BUILD))/docs
docs: ## the reference as pages in build/docs: lua/index.html (LDoc), c/html/index.html (Doxygen)
	@sh .ci/install.sh run docs
	@rm -rf $(DOCS) && mkdir -p $(DOCS)/source
	@$(LUA) .ci/docs/ldoc.lua $(DOCS)/source $(META)
	@env -u LUA_PATH -u LUA_CPATH ldoc --quiet --fatalwarnings --config .ci/docs/config.ld \
	  --dir $(DOCS)/lua $(DOCS)/source
	@{ cat .ci/docs/Doxyfile; echo 'OUTPUT_DIRECTORY = "$(DOCS)/c"'; } | doxygen -
	@rm -r $(DOCS)/source
	@echo "pages: $(DOCS)/lua/index.html, $(DOCS)/c/html/index.html"

LINTS := lint-docs lint-lua lint-format lint-floors lint-rockspec lint-headers lint-gcc lint-clang \
  lint-exports

lint: $(LINTS) ## luacheck, layout, floors, docs, rockspec, exports, warnings of gcc and clang

# luacheck is a program of its own, on the Lua that Debian gave it. Given the
# rockspec it would look at every file named there once more.
lint-lua: lint-deps
	@env -u LUA_PATH -u LUA_CPATH luacheck --quiet --no-color $(wildcard lua spec examples bench) .ci \
	  bin/gptimage .busted .luacheckrc

lint-format: lint-deps
	@clang-format --dry-run -Werror $(SOURCES) $(WINDOW_SOURCES) $(HEADERS) \
	  $(wildcard src/mask/*.[ch] examples/embed/*.c)

lint-docs: lint-gcc
	@$(HERMETIC) LUA_CPATH="build-lint/gcc/?.so;;" $(LUA) .ci/documented.lua $(META)
	@$(MAKE) --no-print-directory docs BUILD=build-lint

lint-floors: lint-deps
	@$(LUA) .ci/floors.lua

lint-rockspec: lint-deps
	@$(LUA) .ci/rockspec.lua
	@for rockspec in *.rockspec; do \
	  env -u LUA_PATH -u LUA_CPATH luarocks --lua-version=5.4 lint $$rockspec || exit 1; done

# Each header alone: whoever includes it needs nothing before it.
lint-headers: lint-deps
	@for header in $(HEADERS) $(MASK_HEADERS); do \
	  echo "#include \"$$(basename $$header)\"" | \
	    $(CC) $(ALL_CFLAGS) -Isrc/mask -Werror -fsyntax-only -x c - || exit 1; \
	done

lint-gcc lint-clang: lint-%: lint-deps
	@$(MAKE) --no-print-directory window embed BUILD=build-lint/$* CC=$* EXTRA_WARNINGS=-Werror
	@$(AR) rc build-lint/$*/libmask.a build-lint/$*/obj/mask/gim_*.o build-lint/$*/obj/mask/lgim_mask*.o
	@sh .ci/objects.sh build-lint/$*/libgptimage.a
	@sh .ci/objects.sh build-lint/$*/libmask.a

lint-exports: lint-gcc lint-clang
	@sh .ci/exports.sh build-lint/*/gptimage/core.so build-lint/*/gptimage/mask_core.so

lint-deps:
	@sh .ci/install.sh build run lint rock

format: ## lays out the C files as lint wants them
	clang-format -i $(SOURCES) $(WINDOW_SOURCES) $(HEADERS) \
	  $(wildcard src/mask/*.[ch] examples/embed/*.c)

rockspec: ## writes the rockspec's lists of sources and modules anew
	@$(LUA) .ci/rockspec.lua --write

rock: ## builds with LuaRocks into an empty folder and makes a picture from there
	@sh .ci/install.sh
	@bash .ci/rock.sh

install: build ## into PREFIX (/usr/local), below DESTDIR
	install -d $(DESTDIR)$(PREFIX)/lib/lua/5.4/gptimage $(DESTDIR)$(PREFIX)/bin
	install -m 755 $(CORE) $(MASK) $(DESTDIR)$(PREFIX)/lib/lua/5.4/gptimage/
	cd lua && find . -name '*.lua' -exec \
	  install -D -m 644 {} $(abspath $(DESTDIR)$(PREFIX))/share/lua/5.4/{} \;
	install -m 755 bin/gptimage $(DESTDIR)$(PREFIX)/bin/gptimage

env: ## prints the exports under which lua5.4 finds the build
	@echo 'unset LUA_PATH_5_4 LUA_CPATH_5_4' # they would win
	@echo 'export LUA_PATH="$(LUA_PATH_VALUE)"'
	@echo 'export LUA_CPATH="$(LUA_CPATH_VALUE)"'

clean: ## removes what make made, and what LuaRocks leaves beside the sources
	rm -rf build build-* out gptimage
	find src -name '*.o' -delete

help: ## lists the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 10

.PHONY: build window embed peers deps demo test asan tsan portable crash valgrind bench bench-tools \
  bench-readme docs lint $(LINTS) lint-deps format rockspec rock install env clean help
