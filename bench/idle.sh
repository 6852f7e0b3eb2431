#!/usr/bin/env bash
# Memory of an idle `ies serve` on an empty data directory, a minute after its start. Target: under 150 MB.
set -euo pipefail
cd "$(dirname "$0")/.."
. bench/lib.sh
ies=$(program)
dir=$(mktemp -d /tmp/ies-bench.XXXXXX)
printf '[http]\nlisten = "127.0.0.1:0"\n[[intake.listeners]]\nlisten = "127.0.0.1:0"\n' >"$dir/ies.toml"
"$ies" serve --config "$dir/ies.toml" >"$dir/log" 2>&1 &
suite=$!
trap 'kill $suite 2>/dev/null || true; wait $suite 2>/dev/null || true; rm -rf "$dir"' EXIT
sleep "${SETTLE_S:-60}"
megabytes() { awk -v field="$1:" '$1 == field { printf "%.1f", $2 / 1024 }' "/proc/$suite/smaps_rollup"; }
out=$(run_file idle)
header "bench/idle.sh" >"$out"
figure "idle memory of ies serve (RSS)" target "$(megabytes Rss)" 150 MB >>"$out"
figure "idle memory of ies serve (PSS)" target "$(megabytes Pss)" 150 MB >>"$out"
cat "$out"
