#!/usr/bin/env bash
# The sending engine measured: beside Postfix and Exim in one run of mta-peers.sh, and by itself. Loopback only; root.
#
#   bench/mta.sh                     writes bench/runs/mta-COMMIT.jsonl, a line a figure
#   PARTS="peers signed" N=20000 RUNS=3 SIZES="10240" PEERS="postfix exim" BODY=random bench/mta.sh
#
# AS=NAME writes bench/runs/NAME-COMMIT.jsonl, for a run of some parts beside another of the same commit.
# PARTS: peers (reception and relay), signed (relay with DKIM RSA-2048), merged, memory, isolation.
# iES runs as shipped: durable spool, event log, monitor; only the limits towards the sinks are lifted, as Postfix's are.
set -euo pipefail
cd "$(dirname "$0")/.."
. bench/lib.sh
ies=$(program)
smtp=127.0.0.1:2600
: "${PARTS:=peers signed merged memory isolation}" "${PEERS:=postfix exim}" "${RUNS:=5}" "${N:=20000}"
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
dnssec = "off"
[delivery]
port = 2525
mta_sts = "off"
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
dkim_config() {
  printf '[[dkim]]\ndomain = "sender.test"\nselector = "s1"\nkey_file = "%s"\n' "$work/dkim.pem"
}
zone >"$work/bench.zone"
config >"$work/plain.toml"
{ config; dkim_config; } >"$work/signed.toml"
openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$work/dkim.pem"
cat >"$work/stop.sh" <<STOP
kill -TERM "\$(cat $work/pid)"
STOP

beside() { # CONFIG TESTS PEERS -> rows in $work/CONFIG.tsv
  cat >"$work/start.sh" <<START
cp $work/$1.toml "\$SPOOL_DIR/ies.toml"
$ies serve --config "\$SPOOL_DIR/ies.toml" >>"$work/ies.log" 2>&1 &
echo \$! >"$work/pid"
START
  chmod +x "$work"/*.sh
  env EXT_NAME=ies EXT_ADDR=$smtp EXT_START="$work/start.sh" EXT_STOP="$work/stop.sh" DKEY="$work/dkim.pem" \
    PEERS="$3 ext" TESTS="$2" RUNS="$RUNS" N="$N" OUT="$work/$1.tsv" WORK="$work/harness" bash bench/mta-peers.sh >&2
}
signature_s() { # seconds of one RSA-2048 signature on one core
  openssl speed -seconds 3 rsa2048 2>/dev/null | awk '/^rsa *2048/ { sub("s", "", $4); print $4 }'
}

out=$(run_file "${AS:-mta}${BODY:+-$BODY}")
header "bench/mta.sh (PARTS='$PARTS' PEERS='$PEERS' N=$N RUNS=$RUNS SIZES=${SIZES:-10240} BODY=${BODY:-x})" >"$out"
for part in $PARTS; do
  case $part in
  peers)
    beside plain "recv relay" "$PEERS"
    python3 bench/mta_figures.py ies "$work/plain.tsv" >>"$out" ;;
  signed)
    [ -s "$work/plain.tsv" ] || beside plain relay ""
    beside signed relay "$(printf '%s-dkim ' $PEERS)"
    python3 bench/mta_figures.py ies "$work/signed.tsv" --signed "$work/plain.tsv" "$(signature_s)" >>"$out" ;;
  merged) python3 bench/merged.py "$ies" "${RECIPIENTS:-200000}" "$RUNS" >>"$out" ;;
  memory) python3 bench/memory.py "$ies" "${QUEUED:-100000}" >>"$out" ;;
  isolation) python3 bench/isolation.py "$ies" "$RUNS" >>"$out" ;;
  *) echo "no such part: $part" >&2; exit 2 ;;
  esac
done
cat "$out"
