#!/usr/bin/env bash
# The queue with many recipients, on a real spool and event log: memory of a recipient, start-up, search, cancelling.
# Targets: 128 bytes a recipient in all, start and cancel of 1,000,000 within 5 s each, 60 MB for 100,000 raw messages.
# `make bench-queue` builds what it takes; QUEUE_BENCH names another.
set -euo pipefail
cd "$(dirname "$0")/.."
. bench/lib.sh
bench=${QUEUE_BENCH:-${CARGO_TARGET_DIR:-target}/release/examples/queue_bench}
[ -x "$bench" ] || { echo "$bench is missing: make bench-queue" >&2; exit 1; }
n=${N:-1000000}
out=$(run_file queue)
header "bench/queue.sh (N=$n)" >"$out"
run() { # RECIPIENTS PER_MESSAGE CONTENT_BYTES
  local dir
  dir=$(mktemp -d /tmp/ies-bench.XXXXXX)
  "$bench" "$1" "$2" "$3" "$dir" | python3 -c '
import json, sys
targets = {"B": 128.0, "s": 5.0}  # by unit
for line in sys.stdin:
    found = json.loads(line)
    target = targets.get(found["unit"], 60.0 if "memory of 100000 recipients of 100000" in found["name"] and "allocated" in found["name"] else None)
    ratio = round(found["ours"] / target, 3) if target else None
    print(json.dumps({**found, "peer": "target" if target else "none", "theirs": target, "ratio": ratio}))
' >>"$out"
  rm -rf "$dir"
}
run "$n" "$n" 10240
run "$n" 10 10240
run $((n / 10)) 1 10240
cat "$out"
