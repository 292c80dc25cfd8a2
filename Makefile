# `make` alone lists what there is.
.DEFAULT_GOAL := help
.PHONY: help demo test lint generate check-generated fuzz engines clean-engines build conformance conformance-vm compatibility FORCE
SHELL := bash

ENGINES ?= docker podman-root podman-rootless
FUZZTIME ?= 10s

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 18

demo: build ## run a first command in a sandbox, on the engine found, else on one installed for it (Debian 12, root)
	@.ci/demo

test: generate ## run all tests on $(ENGINES), which it starts and ends (or on SANDLOT_TEST_ENGINES, where that is set)
	@ENGINES='$(ENGINES)' .ci/test

lint: generate ## gofmt, go vet and staticcheck, and builds for the other systems
	@.ci/lint

generate: ## build the programs that Sandlot carries
	@go generate ./...

check-generated: ## build them again elsewhere and compare bit for bit
	@.ci/check-generated

fuzz: generate ## run every fuzz target for FUZZTIME (10s)
	@.ci/fuzz $(FUZZTIME)

engines: ## start $(ENGINES) and leave them running
	@conformance/engines/engines up $(ENGINES)

clean-engines: ## end the engines started here and remove their data
	@conformance/engines/engines clean

build: bin/sandlot ## build bin/sandlot

bin/sandlot: generate FORCE
	@CGO_ENABLED=0 go build -trimpath -o $@ ./cmd/sandlot

conformance: ENGINES = docker docker26 docker28 podman-root podman-rootless podman54-root podman54-rootless podman58-root podman58-rootless
conformance: build ## run the conformance suite on every engine, or on ENGINES="..."; reports are in build/conformance
	@conformance/engines/engines with $(ENGINES) -- .ci/conformance

conformance-vm: build ## run it in a virtual machine that is a truthful rootless Podman host (slow)
	@.ci/conformance-vm

compatibility: build ## keep the results of build/conformance in docs/compatibility.json and .md
	@.ci/compatibility
