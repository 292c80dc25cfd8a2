# `make` alone lists what there is.
.DEFAULT_GOAL := help
.PHONY: help demo test lint generate check-generated fuzz engines clean-engines build static conformance conformance-diff conformance-vm compatibility bench bench-report bench-quick FORCE
SHELL := bash

PAIRS ?= docker~podman-rootless
SEEDS ?= 1 2 3 4 5
STEPS ?= 2000
ENGINES ?= docker podman-root podman-rootless
FUZZTIME ?= 10s

# All builds but those of tests are alike, and share what they compile. Also for the scripts that build.
ALIKE := CGO_ENABLED=0 GOFLAGS=-trimpath

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 18

demo: ## run a first command in a sandbox, on the engine found, else on one installed for it (Debian 12, root)
	@echo 'demo: building bin/sandlot first, which takes a minute the first time'
	@$(MAKE) --no-print-directory build
	@.ci/demo

test: generate ## run all tests on $(ENGINES), which it starts and ends (or on SANDLOT_TEST_ENGINES, where that is set)
	@ENGINES='$(ENGINES)' .ci/test

lint: generate ## gofmt, go vet and staticcheck, and builds for the other systems
	@$(ALIKE) .ci/lint

generate: ## build the programs that Sandlot carries (not where GENERATED says that they are those of the source)
	@[[ -n "$(GENERATED)" ]] || $(ALIKE) go generate ./...

check-generated: ## build them again elsewhere and compare bit for bit
	@$(ALIKE) .ci/check-generated

fuzz: generate ## run every fuzz target for FUZZTIME (10s)
	@.ci/fuzz $(FUZZTIME)

engines: ## start $(ENGINES) and leave them running
	@conformance/engines/engines up $(ENGINES)

clean-engines: ## end the engines started here and remove their data
	@conformance/engines/engines clean

build: bin/sandlot ## build bin/sandlot

bin/sandlot: generate FORCE
	@$(ALIKE) go build -o $@ ./cmd/sandlot

static: generate ## build the command for linux/amd64 and linux/arm64 into bin/, with SHA256SUMS
	@for arch in amd64 arm64; do \
	  $(ALIKE) GOOS=linux GOARCH=$$arch go build -ldflags='-s -w' -o bin/sandlot_linux_$$arch ./cmd/sandlot || exit; \
	done
	@cd bin && sha256sum sandlot_linux_amd64 sandlot_linux_arm64 >SHA256SUMS && cat SHA256SUMS

conformance: ENGINES = docker docker26 docker28 podman-root podman-rootless podman54-root podman54-rootless podman58-root podman58-rootless
conformance: build ## run the conformance suite on every engine, or on ENGINES="..."; reports are in build/conformance
	@conformance/engines/engines with $(ENGINES) -- .ci/conformance

conformance-vm: build ## run it in a virtual machine that is a truthful rootless Podman host (slow)
	@.ci/conformance-vm

compatibility: build ## keep the results of build/conformance in docs/compatibility.json and .md
	@.ci/compatibility

conformance-diff: build ## compare the engines of PAIRS by random operations, with each of SEEDS, in STEPS operations
	@conformance/engines/engines with $(sort $(subst ~, ,$(PAIRS))) -- .ci/conformance-diff '$(PAIRS)' '$(SEEDS)' '$(STEPS)'

bench: ENGINES = docker podman-rootless
bench: bin/bench ## measure beside others on ENGINES, docker and podman-rootless by default, and write docs/benchmarks.md
	@conformance/engines/engines with $(ENGINES) -- bin/bench $(BENCHFLAGS)

bench-report: bin/bench ## write docs/benchmarks.md and its chart again, out of docs/benchmarks.json
	@bin/bench -report

bench-quick: bin/bench ## see that every benchmark works, on the first of SANDLOT_TEST_ENGINES
	@$(ALIKE) .ci/bench-quick

bin/bench: generate FORCE
	@cd bench && $(ALIKE) go build -o ../$@ .
