# SPDX-FileCopyrightText: 2026 The Etherloom authors
# SPDX-License-Identifier: Apache-2.0
#
# The two commands that a newcomer needs are `make demo` and `make test`; `make help` lists the rest.
#
# Swift's own package manager builds; this file adds what it does not do: system packages, stripping, checks that
# are not the compiler's, installing. Recipes stay one or two lines, longer work is a script in Scripts/.

# ---- what may be set on the command line ---------------------------------------------------------------------------

PREFIX  ?= /usr/local
DESTDIR ?=
# Put vde_switch, slirpvde, unixterm, … into $(PREFIX)/bin. Otherwise they go to $(PREFIX)/lib/etherloom/bin, so that
# Debian's tools of the same names can stay installed beside ours.
COMPAT_ON_PATH ?= 0
# How long each fuzz target runs (`make fuzz SECONDS=600`).
SECONDS ?= 60
SWIFT   ?= swift
STRIP   ?= strip
# Added to every `swift build` and `swift test`, e.g. SWIFTFLAGS="--jobs 1" on a machine with little memory.
SWIFTFLAGS ?=

# ---- fixed ---------------------------------------------------------------------------------------------------------

# Recipes stop at the first failing command, also inside a pipe.
SHELL       := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
# SwiftPM uses all cores by itself, and two SwiftPMs in one directory wait for each other.
.NOTPARALLEL:

# The list of dependencies in Package.swift is binding: an import that it does not name is an error.
SWIFT_STRICT := --explicit-target-dependency-import-check error
# The Swift runtime goes into the program, so that it runs where no Swift is installed. Nothing looks up symbols in the
# programs, as libraries that are loaded later would; the runtime's own link options offer all of them nevertheless, which
# also keeps code that nobody calls: 2 of 25 MB.
SWIFT_RELEASE := -c release --static-swift-stdlib -Xlinker --no-export-dynamic

# Names that `etherloom` answers to like the program it succeeds.
COMPAT_NAMES := vde_switch slirpvde unixterm vde_plug vde_plug2tap dpipe vdens uml_switch uml_switch2 umls3 vdeterm unixcmd vdecmd wirefilter

binary  := build/etherloom
# The verbs that need libraries, found by the first: beside it, or in ../lib/etherloom.
lab     := build/etherloom-lab
# What runs in virtual machines: found beside the program, or in ../lib/etherloom.
agent   := build/etherloom-agent
# Everything the program is made of. A tree that was built needs neither Swift nor git to run `make demo`, also when
# somebody else (root) built it: make compares times and finds nothing to do.
sources := $(shell find Sources -type f) Package.swift

bindir    = $(DESTDIR)$(PREFIX)/bin
compatdir = $(if $(filter 1,$(COMPAT_ON_PATH)),$(bindir),$(DESTDIR)$(PREFIX)/lib/etherloom/bin)
# Where a compatible name's link points to, seen from its own directory.
compatto  = $(if $(filter 1,$(COMPAT_ON_PATH)),etherloom,../../../bin/etherloom)
# Their pages lie beside them: man looks for pages next to each directory of the PATH.
compatman = $(if $(filter 1,$(COMPAT_ON_PATH)),$(sharedir)/man,$(DESTDIR)$(PREFIX)/lib/etherloom/man)
libdir    = $(DESTDIR)$(PREFIX)/lib/etherloom
sharedir  = $(DESTDIR)$(PREFIX)/share
docdir    = $(sharedir)/doc/etherloom
# Units of users' service managers, systemd.unit(5).
unitdir   = $(DESTDIR)$(PREFIX)/lib/systemd/user

export SWIFT SWIFTFLAGS SWIFT_STRICT
# With etherloom-lab, which Package.swift leaves out otherwise.
export ETHERLOOM_LAB := 1

# ---- build ---------------------------------------------------------------------------------------------------------

.PHONY: build
build: $(binary) $(lab) $(agent)

# Two copies: a stripped one to run and install, and one with symbols for profilers and the allocation counts.
# The stripped one is moved into place last, so that an interrupted build never looks finished.
$(binary): $(sources)
	@Scripts/bootstrap build
	@Scripts/writable .build build
	$(SWIFT) build $(SWIFT_RELEASE) $(SWIFT_STRICT) $(SWIFTFLAGS) --product etherloom
	@mkdir -p build
	cp .build/release/etherloom build/etherloom.unstripped
	$(STRIP) -o build/etherloom.new build/etherloom.unstripped
	chmod 0755 build/etherloom.new
	mv build/etherloom.new $(binary)

# The same for the program of the lab verbs. One after the other: SwiftPM is asked twice, but compiles everything once.
$(lab): $(sources)
	@Scripts/bootstrap build
	@Scripts/writable .build build
	$(SWIFT) build $(SWIFT_RELEASE) $(SWIFT_STRICT) $(SWIFTFLAGS) --product etherloom-lab
	@mkdir -p build
	$(STRIP) -o build/etherloom-lab.new .build/release/etherloom-lab
	chmod 0755 build/etherloom-lab.new
	mv build/etherloom-lab.new $(lab)

$(agent): $(wildcard Sources/etherloom-agent/*) Scripts/agent
	@Scripts/agent $(agent)

# ---- use and check -------------------------------------------------------------------------------------------------

# The port-forwarding tutorial, start to end, on our own parts; then a lab of guests of three kinds.
.PHONY: demo
demo: $(binary) $(lab) $(agent)
	@Scripts/bootstrap demo
	@ETHERLOOM="$(CURDIR)/$(binary)" Examples/tutorial.sh
	@Scripts/guests || echo 'without kernels for guests: the lab has processes only'
	@ETHERLOOM="$(CURDIR)/$(binary)" MESH_GUESTS="$(CURDIR)/.build/guests" Examples/mesh/run.sh

# All tests. Those that need whole programs run the release program, as users will.
.PHONY: test
test: $(binary) $(lab) $(agent)
	@Scripts/bootstrap test
	@ETHERLOOM_BINARY="$(CURDIR)/$(binary)" Scripts/test

# A million random packet filters and frames: our machine against libpcap's.
.PHONY: filter-cases
filter-cases: $(binary)
	@Scripts/bootstrap test
	@ETHERLOOM_FILTER_CASES=1000000 ETHERLOOM_BINARY="$(CURDIR)/$(binary)" Scripts/test LibpcapComparisonTests

# Everything that can be said about the sources without running them.
.PHONY: check
check:
	@Scripts/bootstrap check
	@Scripts/check

# Formats all Swift files as `make check` wants them.
.PHONY: format
format:
	$(SWIFT) format -i --recursive --parallel Package.swift Sources Tests Benchmarks Fuzz

# Measurements against the programs that we want to be better than. Best on an idle machine.
.PHONY: bench
bench: $(binary)
	@Scripts/bootstrap bench
	@ETHERLOOM_BINARY="$(CURDIR)/$(binary)" Scripts/bench

# Each fuzz target for SECONDS, with AddressSanitizer.
.PHONY: fuzz
fuzz:
	@Scripts/bootstrap build
	@Scripts/fuzz "$(SECONDS)"

# ---- install -------------------------------------------------------------------------------------------------------

.PHONY: install
install: $(binary) $(lab) $(agent)
	install -d "$(bindir)" "$(compatdir)" "$(docdir)/Documentation" "$(docdir)/Examples"
	install -m 0755 $(binary) "$(bindir)/etherloom"
	install -d "$(libdir)"
	install -m 0755 $(lab) "$(libdir)/etherloom-lab"
	install -m 0755 $(agent) "$(libdir)/etherloom-agent"
	for name in $(COMPAT_NAMES); do ln -sfn $(compatto) "$(compatdir)/$$name"; done
	install -d "$(sharedir)/man/man1" "$(sharedir)/man/man5" "$(sharedir)/man/man7" "$(compatman)/man1"
	install -m 0644 Documentation/man/*.1 "$(sharedir)/man/man1/"
	install -m 0644 Documentation/man/*.5 "$(sharedir)/man/man5/"
	install -m 0644 Documentation/man/*.7 "$(sharedir)/man/man7/"
	install -m 0644 Documentation/man/compat/*.1 "$(compatman)/man1/"
	install -d "$(sharedir)/bash-completion/completions" "$(sharedir)/zsh/site-functions" \
	    "$(sharedir)/fish/vendor_completions.d"
	install -m 0644 Completions/etherloom.bash "$(sharedir)/bash-completion/completions/etherloom"
	install -m 0644 Completions/_etherloom "$(sharedir)/zsh/site-functions/_etherloom"
	install -m 0644 Completions/etherloom.fish "$(sharedir)/fish/vendor_completions.d/etherloom.fish"
	install -d "$(sharedir)/etherloom"
	install -m 0644 Documentation/lab.schema.json "$(sharedir)/etherloom/"
	install -m 0644 README.md CHANGELOG.md LICENSE "$(docdir)/"
	install -m 0644 Documentation/*.md "$(docdir)/Documentation/"
	install -m 0755 Examples/*.sh "$(docdir)/Examples/"
	for lab in mesh dumm; do install -d "$(docdir)/Examples/$$lab"; \
	    install -m 0644 Examples/$$lab/lab.yaml "$(docdir)/Examples/$$lab/"; done
	install -m 0755 Examples/mesh/run.sh "$(docdir)/Examples/mesh/"
	install -d "$(unitdir)"
	install -m 0644 systemd/etherloom.socket "$(unitdir)/"
	sed 's|@PREFIX@|$(PREFIX)|' systemd/etherloom.service >"$(unitdir)/etherloom.service"
	chmod 0644 "$(unitdir)/etherloom.service"

# Removes what `install` with the same PREFIX, DESTDIR and COMPAT_ON_PATH put there, and nothing else: a compatible
# name that is not our link belongs to somebody else, and so does its page.
.PHONY: uninstall
uninstall:
	for name in $(COMPAT_NAMES); do \
	    [ "$$(readlink "$(compatdir)/$$name")" = "$(compatto)" ] || continue; \
	    rm -f "$(compatdir)/$$name" "$(compatman)/man1/$$name.1"; done
	rm -f "$(bindir)/etherloom" "$(libdir)/etherloom-lab" "$(libdir)/etherloom-agent"
	for page in Documentation/man/*.1; do rm -f "$(sharedir)/man/man1/$${page##*/}"; done
	for page in Documentation/man/*.5; do rm -f "$(sharedir)/man/man5/$${page##*/}"; done
	rm -f "$(sharedir)/etherloom/lab.schema.json"
	for page in Documentation/man/*.7; do rm -f "$(sharedir)/man/man7/$${page##*/}"; done
	rm -f "$(sharedir)/bash-completion/completions/etherloom" "$(sharedir)/zsh/site-functions/_etherloom" \
	    "$(sharedir)/fish/vendor_completions.d/etherloom.fish"
	rm -f "$(unitdir)/etherloom.socket" "$(unitdir)/etherloom.service"
	rm -rf "$(docdir)"
	cd "$(DESTDIR)$(PREFIX)" 2>/dev/null && rmdir -p --ignore-fail-on-non-empty \
	    lib/etherloom/man/man1 lib/etherloom/bin lib/etherloom share/etherloom lib/systemd/user 2>/dev/null || true

.PHONY: clean
clean:
	rm -rf build .build

.PHONY: help
help:
	@echo 'make            build build/etherloom, build/etherloom-lab, build/etherloom-agent (release, stripped)'
	@echo 'make demo       run the port-forwarding tutorial, then a lab of guests, start to end'
	@echo 'make test       run all tests, also against the tools that Etherloom succeeds'
	@echo 'make check      format, warnings as errors, import rules, scripts, man pages'
	@echo 'make format     format all Swift files'
	@echo 'make bench      measure against vde_switch, the kernel bridge, slirp4netns, pasta'
	@echo 'make filter-cases  a million packet filters and frames against libpcap'
	@echo 'make fuzz       run each fuzz target for SECONDS=$(SECONDS)'
	@echo 'make install    to PREFIX=$(PREFIX) (DESTDIR= for packagers, COMPAT_ON_PATH=1 for the old names in bin)'
	@echo 'make uninstall, make clean'
