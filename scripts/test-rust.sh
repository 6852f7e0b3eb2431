#!/usr/bin/env bash
# All Rust tests, with cargo-nextest where it is installed; formatting and lints first, because they are quick to mend.
set -euo pipefail
cd "$(dirname "$0")/.."
export IES_TEST_TOOLS="${CARGO_TARGET_DIR:-$PWD/target}/test-tools"
cargo fmt --all --check
cargo clippy --quiet --workspace --all-targets -- -D warnings
cargo build --quiet --package ies
if cargo nextest --version >/dev/null 2>&1; then
  cargo nextest run --workspace
  # On a paused clock, which only this crate compiles.
  cargo nextest run --profile simulation --package ies-simulation --features virtual-clock
else
  cargo test --workspace
  cargo test --package ies-simulation --features virtual-clock
fi
