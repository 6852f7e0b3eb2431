#!/bin/sh
# fuzz/run.sh SECONDS [TARGET...]: builds the targets and runs each for so long, one after the other, one process each.
# Without a target: all of them; with FUZZ_WINGS=0 those that need the whole suite are left out; FUZZ_BUILD=0 runs what
# was built before.
# Stable Rust and a C++ compiler are enough. FUZZ_DIR (default: fuzz/) holds target/, corpus/ and artifacts/.
# Ends with 1 when a target found something; the input stands in artifacts/TARGET/.
set -eu
cd "$(dirname "$0")"
light="smtp_server smtp_client smtp_path mime rewrite report auth dsn arf reply_class token liquid program source mjml event
journal_file journal_records address units rules injection"
wings="csv search config"
seconds=${1:?how many seconds for each target? fuzz/run.sh SECONDS [TARGET...]}
shift
dir=${FUZZ_DIR:-$PWD}
all=$light
[ "${FUZZ_WINGS:-1}" = 0 ] || all="$all $wings"
targets=${*:-$all}
features=
for target in $targets; do
    case " $wings " in *" $target "*) features="--features wings" ;; esac
done
export CARGO_TARGET_DIR="$dir/target" RUSTC_WRAPPER="$PWD/rustc.sh"
bins="--bin seeds"
for target in $targets; do bins="$bins --bin $target"; done
# shellcheck disable=SC2086
[ "${FUZZ_BUILD:-1}" = 0 ] || cargo build --release --quiet $features $bins
bin="$CARGO_TARGET_DIR/release"
# Logs of the journal targets belong into memory where the machine has such a place.
[ -d /dev/shm ] && { TMPDIR=$(mktemp -d /dev/shm/ies-fuzz.XXXXXX); export TMPDIR; trap 'rm -rf "$TMPDIR"' EXIT; }
failed=
for target in $targets; do
    corpus="$dir/corpus/$target"
    mkdir -p "$corpus" "$dir/artifacts/$target"
    SEEDS="$target $corpus.seeds" "$bin/seeds" >/dev/null 2>&1
    case $target in
    mime | rewrite | report | auth | program | mjml | csv | rules) len=16384 ;;
    *) len=4096 ;;
    esac
    log="$dir/artifacts/$target.log"
    if "$bin/$target" -max_total_time="$seconds" -max_len=$len -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
        -artifact_prefix="$dir/artifacts/$target/" "$corpus" "$corpus.seeds" >"$log" 2>&1; then
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
