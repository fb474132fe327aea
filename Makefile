# SPDX-License-Identifier: MIT
#
# CC CPPFLAGS CFLAGS LDFLAGS LDLIBS, PREFIX and DESTDIR are the user's: what the sources cannot do without
# is kept apart from them. A change of any of them, or of the compiler, rebuilds everything.
#
#   make SANITIZE=address   also undefined; in build/asan
#   make SANITIZE=thread    in build/tsan
#   make WERROR=1           warnings are errors
#   make BUILD=/tmp/shmq    somewhere else
#   make PROBES=no          without static probes, even if <sys/sdt.h> is there
#   make NATS=no            without the bridges to NATS, even if libnats is there; so for NCURSES (monitor top) and
#                           MICROHTTPD (monitor metrics)

BUILD = build
PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
LIBEXECDIR ?= $(PREFIX)/libexec
MANDIR ?= $(PREFIX)/share/man
BASH_COMPLETIONS ?= $(PREFIX)/share/bash-completion/completions
ZSH_COMPLETIONS ?= $(PREFIX)/share/zsh/site-functions
FISH_COMPLETIONS ?= $(PREFIX)/share/fish/vendor_completions.d
# Installed, a program called "monitor" would be anybody's.
PROGRAM_PREFIX ?= shmq-

ifeq ($(SANITIZE),)
out := $(BUILD)
CFLAGS ?= -O2 -g -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
link_strict := -Wl,-z,defs
else ifeq ($(SANITIZE),address)
out := $(BUILD)/asan
CFLAGS ?= -O1 -g
sanitize := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
else ifeq ($(SANITIZE),thread)
out := $(BUILD)/tsan
CFLAGS ?= -O1 -g
# gcc warns that ThreadSanitizer does not understand fences, by an option that clang does not know.
sanitize := -fsanitize=thread -fno-omit-frame-pointer $(if $(findstring clang,$(CC)),,-Wno-tsan)
else
$(error SANITIZE=$(SANITIZE): unknown (address and thread are known))
endif

warnings := -Wall -Wextra -Wconversion -Wshadow -Wpedantic -Wmissing-prototypes -Wstrict-prototypes \
    $(if $(WERROR),-Werror)
# Without -fno-semantic-interposition, gcc inlines nothing that a shared library exports. Each function begins on a cache
# line of its own: else the speed of the short loops depends on what happens to stand before them (5 %).
PROBES ?= $(shell echo '\#include <sys/sdt.h>' | $(CC) $(CPPFLAGS) -E - >/dev/null 2>&1 && echo yes || echo no)
probes := $(if $(filter yes 1,$(PROBES)),-DSHMQ_PROBES)
language := -std=c17 -D_GNU_SOURCE -I. -pthread -fPIC -fno-semantic-interposition -falign-functions=64 -falign-loops=32
compile = $(CC) $(language) $(probes) $(warnings) $(CPPFLAGS) $(CFLAGS) $(sanitize)
link = $(CC) -pthread $(CFLAGS) $(sanitize) $(LDFLAGS)
libraries = $(LDLIBS) -lrt

obj := $(out)/obj
stamp := $(obj)/command
listed := $(obj)/sources
objects = $(patsubst %.c,$(obj)/%.o,$(wildcard $(1)))

version := $(shell sed -n 's/^.define SHMQ_VERSION_STRING "\(.*\)"/\1/p' common/shmq.h)
soname := libshmq.so.1

library_sources := $(wildcard common/core/*.c common/kernel/*.c common/queue/*.c)
library_objects := $(library_sources:%.c=$(obj)/%.o)
cli_objects := $(call objects,common/cli/*.c)
programs := $(foreach name,producer consumer monitor supervisor,$(if $(wildcard $(name)/*.c),$(out)/$(name)))

# Programs that others become (common/cli/sibling_program.h), each built where the library is that it needs. Nothing else
# links to these libraries.
has_package = $(shell pkg-config --exists $(1) 2>/dev/null && echo yes || echo no)
NATS ?= $(call has_package,libnats)
NCURSES ?= $(call has_package,ncursesw)
MICROHTTPD ?= $(call has_package,libmicrohttpd)
nats_libraries := $(if $(filter yes,$(NATS)),$(shell pkg-config --libs libnats))
nats_common := $(call objects,common/nats/*.c)
nats_objects := $(nats_common) $(call objects,consumer/nats/*.c producer/nats/*.c)
top_objects := $(call objects,monitor/top/*.c)
metrics_objects := $(call objects,monitor/metrics/*.c)
nats_programs := $(out)/consumer-nats $(out)/producer-nats
all_siblings := $(nats_programs) $(out)/monitor-top $(out)/monitor-metrics
siblings := $(if $(filter yes,$(NATS)),$(nats_programs)) $(if $(filter yes,$(NCURSES)),$(out)/monitor-top) \
    $(if $(and $(filter yes,$(MICROHTTPD)),$(metrics_objects)),$(out)/monitor-metrics)
programs += $(siblings)
producer_objects := $(call objects,producer/*.c)
consumer_objects := $(filter-out $(nats_objects),$(call objects,consumer/*.c consumer/*/*.c))
monitor_objects := $(filter-out $(top_objects) $(metrics_objects),$(call objects,monitor/*.c monitor/*/*.c))

# A test has no folder in its program's name, so names are unique across the folders of tests/.
stray_tests := $(wildcard tests/*.c tests/*.h tests/*.sh)
$(if $(stray_tests),$(error $(stray_tests): in no folder of tests/, so nothing would run it (CONTRIBUTING.md says which is right)))
unit_sources := $(wildcard tests/*/unit_*.c)
tool_sources := $(filter-out $(if $(nats_libraries),,%/tool_nats.c),$(wildcard tests/support/tool_*.c))
test_objects := $(filter-out $(obj)/tests/support/tool_% $(obj)/tests/support/preload_%,$(call objects,tests/support/*.c))
unit_tests := $(patsubst %.c,$(out)/tests/%,$(notdir $(unit_sources)))
test_tools := $(patsubst %.c,$(out)/tests/%,$(notdir $(tool_sources)))
bench_objects := $(call objects,bench/support/*.c)
benches := $(patsubst bench/%.c,$(out)/bench/%,$(wildcard bench/*.c))
optional_benches := boost libqb nats_in nats_out nng redis zeromq
# $(call sources_of,yes or no): of the siblings that are built, or of the others.
sources_of = $(patsubst $(obj)/%.o,%.c,$(if $(filter $(1),$(NATS)),$(nats_objects)) \
    $(if $(filter $(1),$(NCURSES)),$(top_objects)) $(if $(filter $(1),$(MICROHTTPD)),$(metrics_objects)))
sources := $(library_sources) $(wildcard common/cli/*.c producer/*.c) $(consumer_objects:$(obj)/%.o=%.c) \
    $(monitor_objects:$(obj)/%.o=%.c) $(wildcard supervisor/*.c docs/generator/*.c tests/*/unit_*.c tests/support/*.c \
    bench/*.c bench/support/*.c) $(call sources_of,yes)
optional_sources := $(wildcard bench/optional/*.c) $(filter-out $(sources),$(call sources_of,no))
headers := $(wildcard common/*.h common/*/*.h producer/*.h producer/*/*.h consumer/*.h consumer/*/*.h monitor/*.h monitor/*/*.h supervisor/*.h docs/generator/*.h \
    tests/*/*.h bench/*.h bench/support/*.h bench/optional/*.h)
shell_scripts := $(wildcard scripts/*.sh tests/*/*.sh bench/*.sh bench/support/*.sh) .ci/run

check_flags = $(shell pkg-config --cflags check 2>/dev/null)
check_libraries = $(shell pkg-config --libs check 2>/dev/null)

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all help tests unit-tests thread-tests test mutants kill-steps bench bench-quick benches install uninstall lint clean FORCE \
    lint-includes lint-format lint-shell lint-cppcheck lint-tidy lint-cxx lint-exports lint-errors lint-abi check-present

all: $(out)/libshmq.a $(out)/libshmq.so $(programs) ## the library and the programs (default)

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1|\2/p' Makefile | awk -F'|' '{ printf "%-12s %s\n", $$1, $$2 }'
	@sed -n 's/^#   \(make .*\)/  \1/p' Makefile

# ------------------------------------------------------------------ objects

# Each holds a line of text and is touched only when that changes: the command goes into every object,
# the list of sources into whatever is linked of them.
$(stamp): text = $(compile) | $(link) $(libraries)
$(listed): text = $(sources)
$(listed): | $(stamp)
$(stamp) $(listed): FORCE
	@mkdir -p $(@D) 2>/dev/null && test -w $(@D) || { \
	    echo "make: $(out): cannot be written (to build in another folder: make BUILD=DIR)" >&2; exit 1; }
	@printf '%s\n' '$(subst ','\'',$(text))' | cmp -s - $@ || printf '%s\n' '$(subst ','\'',$(text))' > $@

# Tests override defaults in the same initialiser.
$(obj)/tests/%.o: extra = $(check_flags) -Wno-override-init
$(unit_sources:%.c=$(obj)/%.o) $(test_objects): | check-present
$(nats_objects): extra = $(shell pkg-config --cflags libnats 2>/dev/null)
$(top_objects): extra = $(shell pkg-config --cflags ncursesw 2>/dev/null)
$(metrics_objects): extra = $(shell pkg-config --cflags libmicrohttpd 2>/dev/null)
# The web page is part of the program.
$(obj)/monitor/metrics/assets.o: $(wildcard monitor/metrics/page/*)

$(obj)/%.o: %.c $(stamp)
	@mkdir -p $(@D)
	$(compile) $(extra) -MMD -MP -c -o $@ $<

-include $(patsubst %.c,$(obj)/%.d,$(sources))

# ------------------------------------------------------------------ library and programs

$(out)/libshmq.a: $(library_objects)
$(obj)/libcli.a: $(cli_objects)
$(obj)/libtest.a: $(test_objects)
$(obj)/libbench.a: $(bench_objects)
$(out)/libshmq.a $(obj)/libcli.a $(obj)/libtest.a $(obj)/libbench.a: $(stamp) $(listed)
	@rm -f $@
	$(AR) rcs $@ $(filter %.o,$^)

$(out)/libshmq.so: $(library_objects) common/shmq.map $(stamp) $(listed)
	$(link) -shared -Wl,-soname,$(soname) -Wl,--version-script,common/shmq.map $(link_strict) \
	    -o $@ $(filter %.o,$^) $(libraries)
	@ln -sf libshmq.so $(out)/$(soname)

$(out)/producer: $(producer_objects)
$(out)/consumer: $(consumer_objects)
$(out)/monitor: $(monitor_objects)
$(out)/supervisor: $(call objects,supervisor/*.c producer/option_table.c consumer/option_table.c)
$(out)/producer $(out)/consumer $(out)/monitor $(out)/supervisor: $(obj)/libcli.a $(out)/libshmq.a $(stamp) $(listed)
	$(link) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(libraries)

# The same programs, with what needs the library instead of what becomes the sibling.
$(out)/consumer-nats: $(filter-out %/without_nats.o,$(consumer_objects)) $(call objects,consumer/nats/*.c) $(nats_common)
$(out)/producer-nats: $(filter-out %/without_nats.o,$(producer_objects)) $(call objects,producer/nats/*.c) $(nats_common)
$(out)/monitor-top: $(filter-out %/verbs/top.o,$(monitor_objects)) $(top_objects)
$(out)/monitor-metrics: $(filter-out %/verbs/metrics.o,$(monitor_objects)) $(metrics_objects)
$(nats_programs): private needs = $(nats_libraries)
$(out)/monitor-top: private needs = $(shell pkg-config --libs ncursesw)
$(out)/monitor-metrics: private needs = $(shell pkg-config --libs libmicrohttpd)
$(all_siblings): $(obj)/libcli.a $(out)/libshmq.a $(stamp) $(listed)
	$(link) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(needs) $(libraries)

# ------------------------------------------------------------------ manual pages and completion

# All of it is made from the tables of options, under the names that the programs have when they are installed.
tables := $(wildcard */option_table.c)
generator := $(obj)/docs/generator/generator
program_names := $(addprefix $(PROGRAM_PREFIX),producer consumer monitor run)
man_pages := $(program_names:%=$(out)/man/%.1) $(out)/man/shmq.3 $(out)/man/shmq.7
completions := $(foreach shell,bash zsh fish,$(program_names:%=$(out)/completion/$(shell)/%))
# As mdoc wants it; SOURCE_DATE_EPOCH is what a reproducible build is told.
man_date := $(shell LC_ALL=C date -u $(if $(SOURCE_DATE_EPOCH),-d @$(SOURCE_DATE_EPOCH),-r common/shmq.h) '+%B %-d, %Y')

.PHONY: man completion
man: $(man_pages) ## the manual pages, in build/man/
completion: $(completions) ## completion for bash, zsh and fish, in build/completion/

$(generator): $(call objects,docs/generator/*.c monitor/formats/fields.c) $(tables:%.c=$(obj)/%.o) $(obj)/libcli.a $(out)/libshmq.a $(stamp) $(listed)
	$(link) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(libraries)

$(out)/man/%.1: $(generator) common/shmq.h
	@mkdir -p $(@D)
	$(generator) manual $* '$(man_date)' > $@

$(out)/man/shmq.3: docs/header_manual.awk common/shmq.h
	@mkdir -p $(@D)
	LC_ALL=C awk -v date='$(man_date)' -f $^ > $@

$(out)/man/shmq.7: docs/shmq.7 common/shmq.h
	@mkdir -p $(@D)
	sed 's/@DATE@/$(man_date)/' $< > $@

$(out)/completion/bash/%: $(generator)
	@mkdir -p $(@D)
	$(generator) completion $* bash > $@

$(out)/completion/zsh/%: $(generator)
	@mkdir -p $(@D)
	$(generator) completion $* zsh > $@

$(out)/completion/fish/%: $(generator)
	@mkdir -p $(@D)
	$(generator) completion $* fish > $@

# ------------------------------------------------------------------ tests and benchmarks

tests: unit-tests ## the test programs, without running them
unit-tests: all $(unit_tests) $(test_tools)
# What runs under ThreadSanitizer: the programs, and the unit tests with threads.
thread-tests: all $(filter %_threads,$(unit_tests)) $(test_tools)

test: tests ## unit and shell tests of this build; scripts/test.sh runs everything
	scripts/test.sh --inner --build-dir $(out)

check-present:
	@pkg-config --exists check || { \
	    echo "make: the unit tests need the Check library: run scripts/test.sh, or apt-get update && apt-get install check pkg-config" >&2; \
	    echo "make: the programs do not: 'make all'" >&2; exit 1; }

$(filter $(out)/tests/unit_consumer_%,$(unit_tests)): $(filter-out %/main.o,$(consumer_objects))
$(filter $(out)/tests/unit_producer_%,$(unit_tests)): $(filter-out %/main.o,$(producer_objects))
# Calls of what a test wraps, from other files, go to its __wrap_NAME.
$(unit_tests): private wrap = $(wrapped:%=-Wl,--wrap=%)
$(out)/tests/unit_supervisor_states: $(filter-out %/main.o,$(call objects,supervisor/*.c producer/option_table.c consumer/option_table.c))
$(out)/tests/unit_supervisor_states: private wrapped = child_signal child_spawn command_make options_endless relay_add queue_died_at_work \
    queue_find_lane queue_has_ended queue_stat
$(out)/tests/unit_events: private wrapped = object_reserve sched_yield
$(out)/tests/unit_save: private wrapped = object_read sparse_copy sparse_write
$(out)/tests/unit_forward: private wrapped = lane_finish_dead
$(out)/tests/unit_why: private wrapped = process_state_of
$(out)/tests/unit_cli: private wrapped = isatty stop_now_ns
$(out)/tests/unit_consumer_commands: private wrapped = clone close_range fork pipe2 shmq_fail stop_now_ns stop_sleep_until syscall
$(out)/tests/unit_consumer_sinks: private wrapped = pwritev record_lock_take writev
$(out)/tests/unit_consumer_engine: private wrapped = clock_nanosleep shmq_acknowledge shmq_hold shmq_lease_many shmq_open sink_open \
    stop_now_ns stop_sleep_until
# What top shows needs no ncurses.
$(out)/tests/unit_top: $(addprefix $(obj)/monitor/,formats/event.o formats/json_string.o $(addprefix top/,$(addsuffix .o,canvas frame graph \
    inspection keys layout list_page model parties queue_page text)) watched.o)
$(out)/tests/unit_doctor: $(addprefix $(obj)/monitor/,doctor/neglect.o doctor/parties.o doctor/report.o formats/json_string.o)
$(out)/tests/unit_doctor: private wrapped = process_state_of
$(out)/tests/unit_finder: $(addprefix $(obj)/monitor/,finder.o signal_free_thread.o top/errand.o)
# Not all of a bridge needs libnats.
$(out)/tests/unit_nats_bridge: $(addprefix $(obj)/,$(addsuffix .o,common/nats/answer common/nats/counters \
    consumer/nats/reply consumer/nats/window producer/nats/delivery))
$(out)/tests/unit_event_text: $(addprefix $(obj)/monitor/formats/,event.o json_string.o)
$(out)/tests/unit_option_table: $(call objects,producer/option_table.c consumer/option_table.c)
$(foreach source,$(unit_sources) $(tool_sources),$(eval $(out)/tests/$(notdir $(source:.c=)): $(obj)/$(source:.c=.o)))
$(unit_tests): $(obj)/libtest.a $(obj)/libcli.a $(out)/libshmq.a $(stamp)
	@mkdir -p $(@D)
	$(link) $(wrap) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(check_libraries) $(libraries)

mutants: ## plants small faults, and lists those that no test notices; MUTANTS= names files or functions
	@scripts/mutants.sh --every $(or $(EVERY),1) --jobs $(or $(JOBS),1) --longest $(or $(LONGEST),20) \
	    --tests '$(TESTS)' $(MUTANTS)

kill-steps: $(out)/tests/unit_kill_steps ## kill and stop the library between its instructions, and say where
	$<

# It stands alone, so that benchmarks can be built without Check.
nats_tool := $(filter %/tool_nats,$(test_tools))
$(nats_tool): $(stamp)
	@mkdir -p $(@D)
	$(link) -o $@ $(filter %.o,$^) $(nats_libraries) $(libraries)

$(filter-out $(nats_tool),$(test_tools)): $(obj)/libtest.a $(obj)/libcli.a $(out)/libshmq.a $(stamp)
	@mkdir -p $(@D)
	$(link) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(libraries)

benches: $(benches) $(optional_benches:%=$(out)/bench/%) $(nats_tool) ## build the benchmarks, in build/bench/

bench: all benches ## run them all side by side: about half an hour (bench/bench.sh --help)
	bench/bench.sh --build-dir $(out)

bench-quick: all benches ## the same in less than two minutes, and less sure
	bench/bench.sh --build-dir $(out) --quick

$(out)/bench/%: $(obj)/bench/%.o $(obj)/libbench.a $(obj)/libcli.a $(out)/libshmq.a $(stamp)
	@mkdir -p $(@D)
	$(link) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(libraries)

# Contenders that need another library: what it is called to the linker, a header of it, its Debian package. Where it
# is missing, the contender is left out, and named.
needs_boost = -lstdc++ boost/interprocess/ipc/message_queue.hpp libboost-dev
needs_libqb = -lqb qb/qbrb.h libqb-dev
needs_nats_in = -lnats nats/nats.h libnats-dev
needs_nats_out = $(needs_nats_in)
needs_nng = -lnng nng/nng.h libnng-dev
needs_redis = -lhiredis hiredis/hiredis.h libhiredis-dev
needs_zeromq = -lzmq zmq.h libzmq3-dev

probe = echo '\#include <$(word 2,$(needs_$(1)))>' | $(if $(filter boost,$(1)),$(CXX) -x c++,$(CC) -x c) $(CPPFLAGS) \
    -E - >/dev/null 2>&1
boost_object = $(obj)/bench/optional/boost_queue.o
compile_boost = mkdir -p $(dir $(boost_object)) && $(CXX) -std=c++17 -D_GNU_SOURCE -I. -pthread -fPIC \
    -Wall -Wextra -Wconversion -Wshadow -Wpedantic $(if $(WERROR),-Werror) $(CPPFLAGS) -O2 -g $(sanitize) \
    -c -o $(boost_object) bench/optional/boost_queue.cpp &&

$(optional_benches:%=$(out)/bench/%): $(out)/bench/%: bench/optional/%.c $(obj)/libbench.a $(out)/libshmq.a \
    $(wildcard bench/support/*.h bench/optional/*.h bench/optional/boost_queue.cpp) $(stamp)
	@mkdir -p $(@D) && rm -f $@
	@if $(call probe,$*); \
	then echo 'bench: $*'; $(if $(filter boost,$*),$(compile_boost)) $(compile) -o $@ $< \
	    $(if $(filter boost,$*),$(boost_object)) $(filter %.a,$^) $(LDFLAGS) $(word 1,$(needs_$*)) $(libraries); \
	else echo 'bench: $* is left out: <$(word 2,$(needs_$*))> is missing (apt-get install $(word 3,$(needs_$*)))'; fi

# ------------------------------------------------------------------ fuzzers

# Each is one LLVMFuzzerTestOneInput, with the product's sources compiled once more, with hooks, and a main that replays
# inputs; `make fuzz` links it with libFuzzer instead.
FUZZ_CC ?= clang
fuzzers := queue file input numbers answer producer_options consumer_options monitor_options supervisor_options
fuzz_programs := $(fuzzers:%=$(out)/tests/fuzz_%)
fuzz_support := $(filter-out %/replay.o,$(call objects,tests/fuzz/support/*.c))
fuzz_main := $(if $(LIBFUZZER),,$(obj)/tests/fuzz/support/replay.o)
fuzz_sources := $(wildcard tests/fuzz/*.c tests/fuzz/support/*.c)
sources += $(fuzz_sources)
headers += $(wildcard tests/fuzz/support/*.h)
hooked = $(patsubst %.c,$(obj)/hooked/%.o,$(wildcard $(1)))
hooked_library := $(library_sources:%.c=$(obj)/hooked/%.o)
hooked_cli := $(hooked_library) $(call hooked,common/cli/*.c)
hooked_consumer := $(patsubst $(obj)/%,$(obj)/hooked/%,$(filter-out %/main.o,$(consumer_objects)))

.PHONY: fuzz fuzzers clean-fuzz
tests fuzzers: $(fuzz_programs)

$(obj)/hooked/%.o: %.c $(stamp)
	@mkdir -p $(@D)
	$(compile) -include tests/fuzz/support/hooks.h -MMD -MP -c -o $@ $<

-include $(patsubst %.c,$(obj)/%.d,$(fuzz_sources)) $(wildcard $(obj)/hooked/*/*.d $(obj)/hooked/*/*/*.d)

$(out)/tests/fuzz_queue $(out)/tests/fuzz_file: $(hooked_library)
$(out)/tests/fuzz_answer: $(addprefix $(obj)/hooked/,common/nats/answer.o consumer/nats/reply.o)
$(out)/tests/fuzz_numbers: $(hooked_cli)
$(out)/tests/fuzz_input: $(hooked_cli) $(call hooked,producer/*.c)
$(out)/tests/fuzz_producer_options: $(hooked_cli) $(call hooked,producer/command_line.c producer/option_table.c)
$(out)/tests/fuzz_consumer_options: $(hooked_cli) $(hooked_consumer)
$(out)/tests/fuzz_monitor_options: $(hooked_cli) $(call hooked,monitor/alert.c monitor/command_line.c monitor/listen_address.c monitor/message_ids.c monitor/option_table.c)
$(out)/tests/fuzz_supervisor_options: $(hooked_cli) $(call hooked,producer/command_line.c producer/option_table.c) \
    $(hooked_consumer) $(call hooked,$(patsubst %,supervisor/%.c,options option_table arguments child_arguments command \
    label preflight))
$(fuzz_programs): $(out)/tests/fuzz_%: $(obj)/tests/fuzz/fuzz_%.o $(fuzz_main) $(obj)/libfuzz.a $(stamp) $(listed)
	@mkdir -p $(@D)
	$(link) $(if $(LIBFUZZER),-fsanitize=fuzzer) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(libraries)

$(obj)/libfuzz.a: $(fuzz_support) $(stamp) $(listed)
	@rm -f $@
	$(AR) rcs $@ $(filter %.o,$^)

fuzz: ## the fuzzers with libFuzzer (clang); scripts/fuzz.sh runs them
	@echo 'int LLVMFuzzerTestOneInput(const char *data, long size) { return !data && size; }' | \
	    $(FUZZ_CC) -fsanitize=fuzzer,address -x c -o /dev/null - 2>/dev/null || { \
	    echo "make: $(FUZZ_CC) has no libFuzzer: apt-get install clang libclang-rt-dev, or name one with FUZZ_CC=" >&2; \
	    echo "make: the tests replay the corpus without it: tests/fuzz/fuzz.sh" >&2; exit 1; }
	@$(MAKE) --no-print-directory CC=$(FUZZ_CC) BUILD=$(BUILD)/fuzz SANITIZE=address LIBFUZZER=1 \
	    CFLAGS='-O1 -g -fsanitize=fuzzer-no-link' fuzzers

clean: clean-fuzz
clean-fuzz:
	@rm -rf $(BUILD)/fuzz/asan/obj $(BUILD)/fuzz/asan/tests
	@rmdir $(BUILD)/fuzz/asan $(BUILD)/fuzz 2>/dev/null || true

# ------------------------------------------------------------------ install

# mode:source:destination; the one list that install and uninstall go by.
installed = $(foreach name,producer consumer monitor,755:$(out)/$(name):$(BINDIR)/$(PROGRAM_PREFIX)$(name)) \
    755:$(out)/supervisor:$(BINDIR)/$(PROGRAM_PREFIX)run \
    644:common/shmq.h:$(INCLUDEDIR)/shmq.h \
    644:$(out)/libshmq.a:$(LIBDIR)/libshmq.a \
    755:$(out)/libshmq.so:$(LIBDIR)/libshmq.so.$(version) \
    link:libshmq.so.$(version):$(LIBDIR)/$(soname) \
    link:$(soname):$(LIBDIR)/libshmq.so \
    644:$(out)/shmq.pc:$(LIBDIR)/pkgconfig/shmq.pc \
    644:docs/prometheus-alerts.yml:$(PREFIX)/share/shmq/prometheus-alerts.yml \
    644:docs/grafana-dashboard.json:$(PREFIX)/share/shmq/grafana-dashboard.json \
    644:docs/shmq-latency.bt:$(PREFIX)/share/shmq/shmq-latency.bt \
    $(foreach page,$(man_pages),644:$(page):$(MANDIR)/man$(subst .,,$(suffix $(page)))/$(notdir $(page))) \
    $(foreach name,$(program_names),644:$(out)/completion/bash/$(name):$(BASH_COMPLETIONS)/$(name) \
        644:$(out)/completion/zsh/$(name):$(ZSH_COMPLETIONS)/_$(name) \
        644:$(out)/completion/fish/$(name):$(FISH_COMPLETIONS)/$(name).fish)

# What a program becomes: found by its own name, beside it or here.
siblings_installed = $(foreach name,$(notdir $(1)),755:$(out)/$(name):$(LIBEXECDIR)/shmq/$(PROGRAM_PREFIX)$(name))

$(out)/shmq.pc: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' 'prefix=$(PREFIX)' 'libdir=$(LIBDIR)' 'includedir=$(INCLUDEDIR)' '' 'Name: shmq' \
	    'Description: Crash-safe producer/consumer queue for the processes of one Linux host' \
	    'Version: $(version)' 'Libs: -L$${libdir} -lshmq' 'Libs.private: -pthread -lrt' \
	    'Cflags: -I$${includedir}' > $@

install_record := $(PREFIX)/share/shmq/folders

install: all man completion $(out)/shmq.pc ## programs, library, manual pages, completion, into $(DESTDIR)$(PREFIX)
	@DESTDIR='$(DESTDIR)' scripts/install.sh install $(install_record) $(installed) \
	    $(call siblings_installed,$(siblings))

uninstall: ## takes away what install put there, and the folders that it made
	@DESTDIR='$(DESTDIR)' scripts/install.sh uninstall $(install_record) $(installed) $(call siblings_installed,$(all_siblings))

# ------------------------------------------------------------------ lint and clean

lint: lint-includes lint-format lint-shell lint-exports lint-errors lint-abi lint-cxx lint-cppcheck lint-tidy ## format, shellcheck, cppcheck, clang-tidy, header as C++

comma := ,
# $(call with,TOOL,COMMAND): runs it, or says that it is missing.
with = if command -v $(1) >/dev/null; then echo "lint: $(1)"; $(2); else echo "lint: $(1) is missing, skipped (apt-get install $(1))" >&2; fi

lint-includes:
	@echo "lint: directions of includes"; scripts/lint_includes.sh

lint-format:
	@$(call with,clang-format,clang-format --dry-run -Werror $(sources) $(optional_sources) $(headers))

lint-shell:
	@$(call with,shellcheck,shellcheck $(shell_scripts))

# It follows no call into another file with the condition under which it is made: hence the suppressed kind.
cppcheck_flags := --quiet --std=c11 --language=c --error-exitcode=1 --inline-suppr \
    --enable=warning$(comma)performance$(comma)portability --suppress=missingIncludeSystem --suppress=ctunullpointer \
    -I. -D_GNU_SOURCE -D__linux__ -D__LP64__ -D__STDC_VERSION__=201710L '-D_Noreturn=__attribute__((noreturn))'

lint-cppcheck:
	@$(call with,cppcheck,cppcheck $(cppcheck_flags) $(filter-out tests/%,$(sources)) $(optional_sources))

lint-tidy:
	@$(call with,clang-tidy,clang-tidy --quiet --warnings-as-errors='*' \
	    $(filter-out tests/%,$(sources)) -- -std=c17 -D_GNU_SOURCE -I.)

lint-cxx:
	@$(call with,g++,g++ -fsyntax-only -x c++ -std=c++11 -Wall -Wextra -Wpedantic -Werror common/shmq.h)

# What the header declares is exported, and nothing else.
lint-exports:
	@echo "lint: common/shmq.map"
	@declared=$$(sed -n '/^typedef/d; /^inline/d; /^template/d; s/^[a-z].*[ *]\(shmq_[a-z0-9_]*\)(.*/\1/p' common/shmq.h | sort); \
	exported=$$(sed -n 's/^ *\(shmq_[a-z0-9_]*\);.*/\1/p' common/shmq.map | sort); \
	[ "$$declared" = "$$exported" ] || { \
	    echo "lint: common/shmq.map and the functions of common/shmq.h differ:" >&2; \
	    printf '%s\n' "$$declared" "$$exported" | sort | uniq -u >&2; exit 1; }

# Every error code that can leave a public function is in its Return list, and no other.
lint-errors:
	@echo "lint: Return lists of common/shmq.h"
	@scripts/lint_errors.sh

# What callers have compiled in is what common/shmq.abi says.
lint-abi:
	@echo "lint: common/shmq.abi"
	@CC='$(CC)' scripts/lint_abi.sh
	@grep -q '^SHMQ_$(soname:libshmq.so.%=%) {' common/shmq.map || { \
	    echo "lint: $(soname) in Makefile, another version in common/shmq.map" >&2; exit 1; }

clean: ## removes what was built, of every variant
	@for top in $(BUILD) $(BUILD)/asan $(BUILD)/tsan $(BUILD)/clang; do \
	    rm -rf $$top/obj $$top/tests $$top/bench $$top/man $$top/completion $$top/libshmq.* $$top/shmq.pc \
	        $$top/producer $$top/consumer $$top/monitor $$top/supervisor $(patsubst $(out)/%,$$top/%,$(all_siblings)); \
	done
	@rmdir $(BUILD)/asan $(BUILD)/tsan $(BUILD)/clang $(BUILD) 2>/dev/null || true
