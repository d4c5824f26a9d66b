SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
export CARGO_TERM_COLOR ?= auto

.PHONY: help setup tools servers build package viewer demo test check size bench fmt clean

help: ## what each command does
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: tools servers ## install all that is missing, the servers that tests need included

tools: # the wasm target, Chromium, npm packages
	@.ci/setup

servers: # Loki, Prometheus, Jaeger and the Collector, cached outside the clone
	@tests/backends/build

build: tools package viewer ## leave target/release/farol and a packable npm/
	cargo build --release --locked --package farol

package:
	cargo run --locked --quiet --package xtask -- package

viewer:
	npm run --silent build --workspace receiver/viewer

demo: build ## start receiver and example page; DRIVE=1 plays a visit, prints what arrived and ends
	node examples/demo.mjs $(if $(DRIVE),--drive)

npm/wasm/farol_agent.js:
	cargo run --locked --quiet --package xtask -- wasm

check: tools npm/wasm/farol_agent.js ## the fast loop: format, lints, unit tests
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets --quiet -- -D warnings
	cargo test --locked --workspace --quiet
	npm run --silent check --workspace farol --workspace receiver/viewer
	node --test tests/tidy.test.mjs

size: package ## bytes of each part of the agent; fails over the budget
	cargo run --locked --quiet --package xtask -- size

# The servers build while Rust does; both need minutes on a fresh machine.
test: tools ## everything that CI runs
	@tests/backends/build > target-servers.log 2>&1 & servers=$$!; \
	trap 'kill $$servers 2>/dev/null || true' EXIT; \
	$(MAKE) --no-print-directory build check size; \
	wait $$servers || { cat target-servers.log; exit 1; }; \
	cat target-servers.log; rm target-servers.log
	npm run --silent test --workspace farol
	node --test --test-concurrency=1 tests/*.test.mjs

bench: build servers ## speed beside Faro, the Collector and plain axum; numbers, not a verdict
	cargo build --release --locked --package farol --example value_reference
	node tests/bench/agent.mjs
	node tests/bench/receiver.mjs

fmt:
	cargo fmt --all

clean:
	cargo clean
	rm -rf npm/dist npm/wasm receiver/viewer/dist node_modules
