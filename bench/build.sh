#!/usr/bin/env bash
# How long a newcomer waits: a fresh clone until the demo runs, then the rebuild of the program after an edit in one crate of
# each wing. Downloaded packages are used where cargo and npm have them. Targets: 15 minutes; 30 s.
set -euo pipefail
cd "$(dirname "$0")/.."
. bench/lib.sh
work=$(mktemp -d /tmp/ies-bench.XXXXXX)
trap 'rm -rf "$work"' EXIT
out=$PWD/$(run_file build)
head_line=$(header "bench/build.sh")
git clone --quiet . "$work/clone"
cd "$work/clone"
unset CARGO_TARGET_DIR
since() { awk -v from="$1" -v to="$(date +%s.%N)" 'BEGIN { printf "%.1f", to - from }'; }

started=$(date +%s.%N)
make ui >"$work/log" 2>&1
cargo build --quiet --package ies >>"$work/log" 2>&1
target/debug/ies demo --once --contacts 100 --dir "$work/demo" --ready-file "$work/ready" >>"$work/log" 2>&1 &
demo=$!
until [ -s "$work/ready" ]; do kill -0 $demo; sleep 0.2; done
clean=$(since "$started")
wait $demo

echo "$head_line" >"$out"
figure "clean clone to running demo" target "$(awk -v s="$clean" 'BEGIN { printf "%.2f", s / 60 }')" 15 min >>"$out"
for crate in mta/delivery campaign monitor; do
  # A new public function, so that what depends on the crate is compiled again too.
  echo "pub fn edited() -> u64 { $(date +%s) }" >>"crates/$crate/src/lib.rs"
  started=$(date +%s.%N)
  cargo build --quiet --package ies >>"$work/log" 2>&1
  figure "rebuild of the program after an edit in $crate" target "$(since "$started")" 30 s >>"$out"
done
cat "$out"
