# segtools: see README.md.
#
#   make            build the commands into build/bin
#   make install    install them and the manual (PREFIX=/usr/local, DESTDIR=)
#   make demo       watch a database being backed up, compacted and restored
#   make check      every test, against a copy installed in build/inst
#                   (TESTS=tests/50-cut.t: that one alone)
#   make san        the same, built with the address and undefined sanitizers
#   make lint       compilers' warnings, linters, layers, manual pages
#   make bench      the figures, in one table        (BENCH=plan: those alone)
#   make fuzz       libFuzzer, FUZZ_SECONDS=30 for each tests/fuzz/*.c
#   make soak       longer tests; SOAK_SECONDS=3600 of random histories
#   make faults     commands killed at every step, failing calls and requests,
#                   crashes of the machine, in one table
#   make mutants    is each of many deliberate mistakes seen by a test?
#                   (MUTANTS=publish-order: that one; ALL=1: what the tests
#                   that it names do not see is shown to all)
#   make analyze    gcc -fanalyzer, scan-build, valgrind over the unit tests
#   make coverage   which lines the tests reach
#   make dist       an archive of HEAD, the same bytes whoever makes it
#   make deb        Debian packages of it, in build/deb
#   make static     the commands for directory stores, linked statically with
#                   musl, in build/static/bin
#   make distcheck  that an archive of HEAD builds, passes and cleans up
#   make format     clang-format, in place
#
# Nothing is built outside $(B).  A new lib/*/*.c, cmd/*.c, ext/*.c, man/* or
# program under tests/ is found by its name; there is no list to keep.

PREFIX = /usr/local
B = build
CC = cc
CFLAGS = -O2 -g $(HARDEN)
LDFLAGS = -Wl,-z,relro,-z,now,-z,noexecstack
VERSION := $(shell sed -n 's/.*SEGTOOLS_VERSION "\(.*\)"/\1/p' lib/cli/cli.h)
FUZZ_SECONDS = 30
SOAK_SECONDS = 3600
TESTS = $(UNIT) $(wildcard tests/*.t)
BENCH =

PKGS = sqlite3 libarchive libcurl expat libisal libxxhash nettle zlib libzstd uuid
WARN = -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wvla -Wformat=2 \
	-Wcast-qual -Wmissing-prototypes
# What makes a mistake end a process instead of obeying whoever found it; what
# the processor checks is asked for where there is one that can.
HARDEN := -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-protector-strong \
	-fstack-clash-protection \
	$(if $(filter x86_64-%,$(shell $(CC) -dumpmachine)),-fcf-protection)
# Asked once each time make runs, not once for each use.
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS))
PKG_LIBS := $(shell pkg-config --libs $(filter-out libcurl,$(PKGS)))
CPPFLAGS_ALL = -Ilib -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64 \
	$(PKG_CFLAGS) $(CPPFLAGS)
# The library is in the commands and in SQLite's extensions.
CFLAGS_ALL = -std=c11 $(WARN) -fPIC -fvisibility=hidden $(CFLAGS)
# libcurl is loaded by lib/http/curl.c when a bucket is opened.  A command gets
# the libraries that it names a function of, and no others.
LDLIBS_ALL = -Wl,--as-needed $(PKG_LIBS) -lm -ldl $(LDLIBS)

LIB_OBJ = $(patsubst %.c,$(B)/%.o,$(wildcard lib/*/*.c))
EXTS = $(patsubst ext/%.c,$(B)/ext/%.so,$(wildcard ext/*.c))
BINS = $(patsubst cmd/%.c,$(B)/bin/%,$(wildcard cmd/*.c))
UNIT = $(patsubst tests/%.c,$(B)/%,$(wildcard tests/unit/*.c))
HELPERS = $(patsubst tests/%.c,$(B)/%,$(wildcard tests/helper/*.c))
PRELOADS = $(patsubst tests/%.c,$(B)/%.so,$(wildcard tests/preload/*.c))
BENCHES = $(patsubst tests/%.c,$(B)/%,$(wildcard tests/bench/*.c))
FUZZERS = $(patsubst tests/%.c,$(B)/%,$(wildcard tests/fuzz/*.c))
MAN1 = $(wildcard man/*.1)
MAN5 = $(wildcard man/*.5)
MAN7 = $(wildcard man/*.7)
C_FILES = $(wildcard lib/*/*.c cmd/*.c ext/*.c tests/*/*.c)
SH_FILES = $(wildcard tests/run tests/*.sh tests/*.t tests/*/*.sh \
	tests/*/*.t man/*/*.sh .ci/run)

all: $(BINS) $(EXTS)

$(B)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

$(B)/libsegtools.a: $(LIB_OBJ)
	@rm -f $@
	ar rcs $@ $^

# SQLite's extensions: nothing of the library is seen outside, and SQLite is the
# program's that loads it.
$(B)/ext/%.so: $(B)/ext/%.o $(B)/libsegtools.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(LDFLAGS) -shared -Wl,-soname,$(@F) -o $@ $^ \
		$(filter-out -lsqlite3,$(LDLIBS_ALL))

define LINK
@mkdir -p $(@D)
$(CC) $(CFLAGS_ALL) $(LDFLAGS) -pie -o $@ $^ $(LDLIBS_ALL)
endef

$(B)/bin/%: $(B)/cmd/%.o $(B)/libsegtools.a
	$(LINK)
$(B)/unit/%: $(B)/tests/unit/%.o $(B)/libsegtools.a
	$(LINK)
$(B)/helper/%: $(B)/tests/helper/%.o $(B)/libsegtools.a
	$(LINK)
# Libraries for LD_PRELOAD: never sanitized, they come before the sanitizer.
$(B)/preload/%.so: tests/preload/%.c Makefile
	@mkdir -p $(@D)
	$(CC) -std=c11 $(WARN) -O1 -g -shared -fPIC -o $@ $< -ldl
$(B)/bench/%: $(B)/tests/bench/%.o $(B)/libsegtools.a
	$(LINK)
$(B)/fuzz/%: $(B)/tests/fuzz/%.o $(B)/libsegtools.a
	$(LINK)

# --- installing

BINDIR = $(PREFIX)/bin
LIBDIR = $(PREFIX)/lib
MANDIR = $(PREFIX)/share/man
BASHDIR = $(PREFIX)/share/bash-completion/completions
ZSHDIR = $(PREFIX)/share/zsh/site-functions
FISHDIR = $(PREFIX)/share/fish/vendor_completions.d
SHAREDIR = $(PREFIX)/share/segtools
UNITDIR = $(SHAREDIR)/systemd
# $(call PUT,DIR,MODE,FILES)
PUT = mkdir -p $(DESTDIR)$(1) && install -m $(2) $(3) $(DESTDIR)$(1)

install: all $(B)/completions/zsh
	$(call PUT,$(BINDIR),755,$(BINS))
	$(if $(EXTS),$(call PUT,$(LIBDIR),644,$(EXTS)))
	$(call PUT,$(MANDIR)/man1,644,$(MAN1))
	$(call PUT,$(MANDIR)/man5,644,$(MAN5))
	$(call PUT,$(MANDIR)/man7,644,$(MAN7))
	mkdir -p $(DESTDIR)$(BASHDIR) $(DESTDIR)$(ZSHDIR) $(DESTDIR)$(FISHDIR)
	for c in $(notdir $(BINS)); do \
		install -m 644 $(B)/completions/bash $(DESTDIR)$(BASHDIR)/$$c && \
		grep "^complete -c $$c " $(B)/completions/fish \
			>$(DESTDIR)$(FISHDIR)/$$c.fish || exit; \
	done
	install -m 644 $(B)/completions/zsh $(DESTDIR)$(ZSHDIR)/_segtools
	$(call PUT,$(UNITDIR),644,$(wildcard man/systemd/*@.*))
	$(call PUT,$(SHAREDIR)/systemd,644,man/systemd/segtools.conf.example)
	$(call PUT,$(SHAREDIR)/container,755,man/container/entrypoint.sh)

$(B)/completions/zsh: $(BINS) man/completions/make.sh
	@mkdir -p $(@D)
	for s in bash fish zsh; do \
		sh man/completions/make.sh $$s $(BINS) >$(@D)/$$s || exit; \
	done

# The copy that the tests and the demo use.
inst: $(BINS) $(EXTS) $(B)/completions/zsh
	@$(MAKE) --no-print-directory -s install DESTDIR= \
		PREFIX=$(abspath $(B)/inst)

demo: inst
	@SEGTOOLS_BUILD=$(abspath $(B)) sh tests/demo.sh

# The commands alone: nothing is loaded into a static program, libcurl neither.
STATIC = $(abspath $(B)/static/libs)
$(STATIC)/made: man/static/libs.sh
	sh $< $(@D)
static: $(STATIC)/made
	$(MAKE) B=$(B)/static EXTS= CC='gcc -specs=$(STATIC)/specs' \
		PKG_CFLAGS='-isystem $(STATIC)/include' PKG_LIBS='-L$(STATIC)/lib \
		-larchive -lexpat -lisal -lnettle -lsqlite3 -luuid -lxxhash \
		-lz -lzstd' inst

# --- tests

# Three, for two cores: many a test waits for a server or a clock.
PROVE = SEGTOOLS_BUILD=$(abspath $(B)) prove -j3 -e ''

check: inst $(UNIT) $(HELPERS) $(PRELOADS)
	$(PROVE) $(TESTS)

soak: inst $(HELPERS) $(PRELOADS)
	SOAK=1 SOAK_SECONDS=$(SOAK_SECONDS) $(PROVE) -v tests/12-streams.t tests/17-segvfs.t \
		tests/18-query-bad.t tests/19-diff-random.t tests/38-several.t \
		tests/39-pack-bad.t tests/43-cut-restart.t tests/47-cut-pipe.t \
		tests/52-s3-faults.t tests/56-s3-multipart.t \
		tests/58-s3-several.t tests/62-catalog-random.t \
		tests/82-history.t tests/87-fleet.t tests/90-packages.t \
		tests/91-slurm.t tests/92-endian.t tests/92-histories.t \
		tests/92-static.t

# Each system call, each request, each state that a crash may leave.
faults: inst $(HELPERS) $(PRELOADS)
	@SEGTOOLS_BUILD=$(abspath $(B)) sh tests/faults.sh -w 3 \
		calls power twice s3

mutants:
	sh tests/mutants.sh $(B)/mutants $(MUTANTS)

# A sanitizer's own status is 99, lest it look like "the answer is no".
SANITIZE = -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined \
	-fno-sanitize-recover=all
SAN_ENV = ASAN_OPTIONS=exitcode=99:detect_stack_use_after_return=1 \
	UBSAN_OPTIONS=exitcode=99:print_stacktrace=1

san:
	$(SAN_ENV) $(MAKE) B=$(B)/san CFLAGS='$(SANITIZE)' SANITIZED=1 check

bench: inst $(BENCHES) $(HELPERS)
	@SEGTOOLS_BUILD=$(abspath $(B)) sh tests/bench.sh $(BENCH)

fuzz:
	$(MAKE) B=$(B)/fuzzing CC=clang CFLAGS='-O1 -g \
	-fsanitize=fuzzer-no-link,address,undefined,integer \
	-fno-sanitize-recover=all \
	-fsanitize-ignorelist=$(CURDIR)/tests/fuzz/wraps' \
	LDFLAGS=-fsanitize=fuzzer run-fuzzers

# First what the seeds alone reach, which must not become less; then on from
# them, and from what earlier runs have found.
run-fuzzers: $(FUZZERS)
	sh tests/fuzz.sh $(B) $(FUZZ_SECONDS) $(FUZZERS)

# exit() is the end of what is tried, not of the process.
$(B)/fuzz/options: override LDFLAGS += -Wl,--wrap=exit

# --- lint

lint: layers lint-gcc lint-clang lint-tidy lint-cppcheck lint-sh lint-man \
	lint-units lint-format lint-hardened lint-mutants

layers: $(B)/libsegtools.a
	@sh tests/layers.sh $(B)

objects: $(C_FILES:%.c=$(B)/%.o)

lint-gcc:
	$(MAKE) B=$(B)/lint-gcc CC=gcc CFLAGS='-O2 -Werror $(HARDEN)' objects
lint-clang:
	$(MAKE) B=$(B)/lint-clang CC=clang CFLAGS='-O2 -Werror' objects
lint-tidy:
	printf '%s\n' $(C_FILES) | xargs -P 2 -n 4 sh -c 'clang-tidy --quiet \
		--warnings-as-errors="*" "$$@" -- -std=c11 $(CPPFLAGS_ALL) \
		2>/dev/null' clang-tidy
lint-cppcheck:
	cppcheck --quiet --std=c11 -Ilib --error-exitcode=1 --inline-suppr \
		--enable=warning,performance,portability -j 2 -D_GNU_SOURCE \
		--suppress=missingIncludeSystem --suppress=normalCheckLevelMaxBranches \
		lib cmd ext tests
lint-sh:
	shellcheck $(SH_FILES)
lint-man:
	mandoc -Tlint -W warning $(MAN1) $(MAN5) $(MAN7)
# An instance of each unit, where systemd is there to look at it.
lint-units:
	@command -v systemd-analyze >/dev/null || \
		{ echo "lint-units: no systemd-analyze here"; exit 0; }; \
	rm -rf $(B)/units && mkdir -p $(B)/units && \
	for u in man/systemd/*@.*; do \
		f=$${u##*/}; cp $$u $(B)/units/$${f%@.*}@x.$${f##*.}; \
	done && cd $(B)/units && systemd-analyze verify --man=no ./*@x.*
lint-hardened: all
	sh tests/hardened.sh '$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL)' \
		$(B)/libsegtools.a $(BINS) $(EXTS)
# Each mistake still applies, and no module has too few.
lint-mutants:
	sh tests/mutants.sh -n >$(B)/mutants.log || { cat $(B)/mutants.log; exit 1; }
lint-format:
	clang-format --dry-run -Werror $(wildcard lib/*/*.h) $(C_FILES)

# What takes too long for each change.
analyze: analyze-gcc analyze-clang analyze-valgrind

analyze-gcc:
	$(MAKE) B=$(B)/analyze-gcc CC=gcc CFLAGS='-O1 -fanalyzer -Werror' all
analyze-clang:
	scan-build -o $(B)/scan --status-bugs \
		$(MAKE) B=$(B)/analyze-clang CC=clang all
analyze-valgrind: $(UNIT)
	@for u in $(UNIT); do \
		echo "valgrind $$u"; SEGTOOLS_BUILD=$(abspath $(B)) \
		valgrind --quiet --error-exitcode=9 --leak-check=full \
			--errors-for-leak-kinds=definite $$u >$(B)/valgrind.log || \
		{ cat $(B)/valgrind.log; exit 1; }; \
	done

COUNTING = B=$(B)/cov CFLAGS='-O0 -g --coverage -fprofile-update=atomic \
	-include tests/counting.h' \
	LDFLAGS='--coverage -Wl,--export-dynamic-symbol=counting_dump'
coverage:
	$(MAKE) $(COUNTING) inst
	sh tests/coverage.sh $(B)/cov "$(MAKE) $(COUNTING) check"

format:
	clang-format -i $(wildcard lib/*/*.h) $(C_FILES)

# --- releases

DIST = segtools-$(VERSION)

# The same commit, the same bytes.
dist:
	@mkdir -p $(B)
	git archive --prefix=$(DIST)/ HEAD | gzip -9n >$(B)/$(DIST).tar.gz

distcheck: dist
	rm -rf $(B)/dist
	mkdir -p $(B)/dist/root
	tar -xz -C $(B)/dist -f $(B)/$(DIST).tar.gz
	cd $(B)/dist && find $(DIST) | LC_ALL=C sort >before
	$(MAKE) -C $(B)/dist/$(DIST) B=build check
	$(MAKE) -C $(B)/dist/$(DIST) B=build PREFIX=/usr \
		DESTDIR=$(abspath $(B)/dist/root) install lint-man clean
	cd $(B)/dist && find $(DIST) | LC_ALL=C sort | diff before -

# Debian packages of HEAD in $(B)/deb.  Their time, and so that of all that is in
# them, is the commit's.
deb: dist
	rm -rf $(B)/deb
	mkdir -p $(B)/deb
	tar -xz -C $(B)/deb -f $(B)/$(DIST).tar.gz
	cp -R $(B)/deb/$(DIST)/man/debian $(B)/deb/$(DIST)/debian
	printf 'segtools (%s) unstable; urgency=medium\n\n  * %s\n\n -- %s  %s\n' \
		$(VERSION) "Commit $$(git rev-parse HEAD)." \
		"$$(sed -n 's/^Maintainer: //p' man/debian/control)" \
		"$$(git log -1 --format=%cD)" >$(B)/deb/$(DIST)/debian/changelog
	cd $(B)/deb/$(DIST) && env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS \
		dpkg-buildpackage --no-sign
	lintian --fail-on error,warning --info $(B)/deb/segtools_*.changes

clean:
	rm -rf $(B)

.PHONY: all install inst static demo check soak faults mutants san bench fuzz run-fuzzers lint \
	layers objects lint-gcc lint-clang lint-tidy lint-cppcheck lint-sh lint-man \
	lint-units lint-format lint-hardened lint-mutants analyze \
	analyze-gcc analyze-clang analyze-valgrind coverage format dist distcheck \
	deb clean
.SECONDARY:

-include $(shell find $(B) -type f -name '*.d' 2>/dev/null)
