#!/bin/sh
# fuzz/run.sh SECONDS [TARGET...]: builds the fuzzer and runs each target for so long, one after the other, one process
# each; without a target all of them. FUZZ_BUILD=0 runs what was built before.
# Stable Rust and a C++ compiler are enough. FUZZ_DIR (default: fuzz/) holds target/, work/ (corpora that grow) and artifacts/;
# what is kept for good stands in fuzz/corpus/, which is only read.
# Ends with 1 when a target found something; the input stands in artifacts/TARGET/.
set -eu
cd "$(dirname "$0")"
seconds=${1:?how many seconds for each target? fuzz/run.sh SECONDS [TARGET...]}
shift
dir=${FUZZ_DIR:-$PWD}
export CARGO_TARGET_DIR="$dir/target" RUSTC_WRAPPER="$PWD/rustc.sh"
[ "${FUZZ_BUILD:-1}" = 0 ] || cargo build --release --quiet --bin fuzz
fuzz="$CARGO_TARGET_DIR/release/fuzz"
targets=${*:-$(LIST=1 "$fuzz" | cut -d' ' -f1)}
# Logs of the journal targets belong into memory where the machine has such a place.
[ -d /dev/shm ] && { TMPDIR=$(mktemp -d /dev/shm/ies-fuzz.XXXXXX); export TMPDIR; trap 'rm -rf "$TMPDIR"' EXIT; }
failed=
for target in $targets; do
    work="$dir/work/$target"
    mkdir -p "$work" "$dir/artifacts/$target" "corpus/$target"
    TARGET=$target SEEDS="$work.seeds" "$fuzz" >/dev/null 2>&1
    len=$(LIST=1 "$fuzz" | sed -n "s/^$target //p")
    log="$dir/artifacts/$target.log"
    if TARGET=$target "$fuzz" -max_total_time="$seconds" -max_len="$len" -timeout=10 -rss_limit_mb=1024 \
        -print_final_stats=1 -artifact_prefix="$dir/artifacts/$target/" "$work" "$work.seeds" "corpus/$target" >"$log" 2>&1
    then
        result=ok
    else
        result=FOUND
        failed=1
    fi
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    edges=$(sed -n 's/.* cov: \([0-9]*\).*/\1/p' "$log" | tail -1)
    rss=$(sed -n 's/^stat::peak_rss_mb: *//p' "$log")
    printf '%-16s %-6s %12s runs %7s edges %5s MB\n' "$target" "$result" "${runs:-?}" "${edges:-?}" "${rss:-?}"
done
[ -z "$failed" ]
