#!/usr/bin/env bash
# The demo of 20,000 with the optimised program: how long the hand-over to the spool takes, and the whole campaign.
# Target of the hand-over: under 2 s. RUNS=3 runs, the median counts.
set -euo pipefail
cd "$(dirname "$0")/.."
. bench/lib.sh
ies=$(program)
work=$(mktemp -d /tmp/ies-bench.XXXXXX)
trap 'rm -rf "$work"' EXIT
for run in $(seq "${RUNS:-3}"); do
  "$ies" demo --once --contacts "${CONTACTS:-20000}" --dir "$work/$run" >"$work/$run.log" 2>&1 || { tail -20 "$work/$run.log"; exit 1; }
  python3 - "$work/$run/data/ies.db" >>"$work/figures" <<'PY'
import sqlite3, sys
rows = sqlite3.connect(sys.argv[1]).execute("SELECT started_at, fed_at, finished_at FROM campaign WHERE fed_at IS NOT NULL").fetchall()
started, fed, finished = rows[0]
print((fed - started) / 1e6, (finished - started) / 1e6 if finished else "nan")
PY
done
median() { awk -v column="$1" '{ print $column }' "$work/figures" | sort -n | awk '{ value[NR] = $1 } END { print value[int((NR + 1) / 2)] }'; }
out=$(run_file demo)
header "bench/demo.sh (RUNS=${RUNS:-3} CONTACTS=${CONTACTS:-20000})" >"$out"
figure "hand-over of ${CONTACTS:-20000} to the spool" target "$(median 1)" 2 s >>"$out"
figure "campaign of ${CONTACTS:-20000}, from Send to the last final outcome" none "$(median 2)" null s >>"$out"
cat "$out"
