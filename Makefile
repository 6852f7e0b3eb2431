# The two commands of the README are `make demo` and `make test`; each sets up what it needs.

CARGO ?= cargo
ONCE ?=
export CARGO_TERM_PROGRESS_WHEN ?= auto
TARGET := $(abspath $(or $(CARGO_TARGET_DIR),target))
# Where nextest keeps its reports, whatever the target folder of cargo is.
REPORTS := $(abspath target/nextest)
report = --reporter=default --reporter=junit --outputFile.junit=$(REPORTS)/$(1).xml

.PHONY: demo run test clean-reports test-rust test-web test-e2e simulation tools ui release bench-mta bench-queue bench-demo bench-idle bench-build lint fmt reference

## A real campaign of 20,000 mails to ten simulated mailbox providers; ONCE=1 ends with the table and an exit code.
demo: ui
	$(CARGO) build --package ies
	$(TARGET)/debug/ies demo $(if $(ONCE),--once)

## The suite with the configuration in ies.toml.
run: ui
	$(CARGO) run --package ies -- serve --config ies.toml

## Everything that is tested: Rust, UI, real peers, real browser.
test: clean-reports tools ui test-rust test-web test-e2e
	@scripts/test-summary.py Rust=$(REPORTS)/default/junit.xml simulation=$(REPORTS)/simulation/junit.xml $(foreach part,ui browser demo,"$(part)=$(REPORTS)/$(part).xml")

# Reports of an earlier run must not be counted into this one.
clean-reports:
	@rm -rf $(REPORTS)

test-rust:
	scripts/test-rust.sh

test-web: web/node_modules/.package-lock.json
	cd web && npm run lint && npm test -- $(call report,ui)

test-e2e: ui
	$(CARGO) build --package ies
	REPORTS=$(REPORTS) scripts/test-e2e.sh $(TARGET)/debug/ies

## The engine in 1,000 seeded worlds with crashes; SEEDS=n for more or fewer, FROM=n to begin elsewhere.
simulation:
	$(CARGO) nextest run --profile simulation --package ies-simulation --features virtual-clock

## Programs that tests use when they are there: installed where that is possible, named where it is not.
tools:
	scripts/test-tools.sh

ui: web/dist/index.html

web/node_modules/.package-lock.json: web/package-lock.json
	cd web && npm ci --no-audit --no-fund

web/dist/index.html: web/node_modules/.package-lock.json $(shell find web/app web/public web/index.html web/vite.config.ts -type f 2>/dev/null)
	cd web && npm run build
	@touch $@

## The optimised program, target/release/ies.
release: ui
	$(CARGO) build --release --package ies

## Measurements, written to bench/runs/ (see bench/README.md). None of them is a test.
bench-mta: release
	bench/mta.sh

bench-queue:
	$(CARGO) build --release --package ies-queue --example queue_bench
	bench/queue.sh

bench-demo: release
	bench/demo.sh

bench-idle: release
	bench/idle.sh

bench-build:
	bench/build.sh

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	$(CARGO) xtask tidy
	cd web && npm run lint

fmt:
	$(CARGO) fmt --all
	cd web && npx biome check --write app test mock-api

## Writes the generated references anew: configuration, events, OpenAPI and the types of the UI.
reference:
	UPDATE_EXPECT=1 $(CARGO) nextest run --package ies --package ies-model --package ies-api reference
	cd web && npm run api

