#!/usr/bin/env bash
# iES beside Postfix in one run of mta-peers.sh: durable reception, and relay through eight sinks. Loopback only; root.
#
#   bench/mta.sh                     writes bench/runs/mta-COMMIT.jsonl, a line a figure
#   N=20000 RUNS=3 SIZES="10240" PEERS="postfix exim ext" BODY=random bench/mta.sh
#
# iES runs as shipped: durable spool, event log, monitor; only the limits towards the sinks are lifted, as Postfix's are.
set -euo pipefail
cd "$(dirname "$0")/.."
. bench/lib.sh
ies=$(program)
smtp=127.0.0.1:2600
work=$(mktemp -d /tmp/ies-bench.XXXXXX)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work" # Postfix runs as other users

# The routes dK.bench.test -> 127.0.0.K that the harness asks for.
zone() {
  echo '$ORIGIN bench.test.'
  for k in 2 3 4 5 6 7 8 9; do
    echo "d$k 3600 IN MX 10 mx$k"
    echo "mx$k 3600 IN A 127.0.0.$k"
  done
}
config() {
  cat <<CONFIG
[http]
listen = "127.0.0.1:0"
[[intake.listeners]]
listen = "$smtp"
[dns]
zone_file = "$work/bench.zone"
[delivery]
port = 2525
allow_private_routes = true
[log]
filter = "warn"
[[queue.overrides]]
connections = 20
provider_connections = 1000
rate = "1000000/s"
provider_rate = "1000000/s"
connection_rate = "100000/s"
messages_per_connection = 100000
CONFIG
}
zone >"$work/bench.zone"
config >"$work/base.toml"
cat >"$work/start.sh" <<START
cp $work/base.toml "\$SPOOL_DIR/ies.toml"
$ies serve --config "\$SPOOL_DIR/ies.toml" >>"$work/ies.log" 2>&1 &
echo \$! >"$work/pid"
START
cat >"$work/stop.sh" <<STOP
kill -TERM "\$(cat $work/pid)"
STOP

export EXT_NAME=ies EXT_ADDR=$smtp EXT_START="$work/start.sh" EXT_STOP="$work/stop.sh"
export PEERS="${PEERS:-postfix ext}" TESTS="${TESTS:-recv relay}" RUNS="${RUNS:-3}" OUT="$work/results.tsv"
chmod +x "$work"/*.sh
WORK="$work/harness" bash bench/mta-peers.sh

out=$(run_file "mta${BODY:+-$BODY}")
header "bench/mta.sh (PEERS='$PEERS' TESTS='$TESTS' N=${N:-20000} RUNS=$RUNS SIZES=${SIZES:-10240} BODY=${BODY:-x})" >"$out"
python3 bench/mta_figures.py ies "$work/results.tsv" >>"$out"
cat "$out"
