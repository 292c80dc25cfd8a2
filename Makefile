# `make` alone lists what there is.
.DEFAULT_GOAL := help
.PHONY: help demo test lint generate check-generated fuzz engines clean-engines build static conformance FORCE
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

static: generate ## build the command for linux/amd64 and linux/arm64 into bin/, with SHA256SUMS
	@for arch in amd64 arm64; do \
	  CGO_ENABLED=0 GOOS=linux GOARCH=$$arch go build -trimpath -ldflags='-s -w' -o bin/sandlot_linux_$$arch ./cmd/sandlot || exit; \
	done
	@cd bin && sha256sum sandlot_linux_amd64 sandlot_linux_arm64 >SHA256SUMS && cat SHA256SUMS

conformance: build ## run the conformance suite on $(ENGINES)
	@conformance/engines/engines with $(ENGINES) -- .ci/conformance
