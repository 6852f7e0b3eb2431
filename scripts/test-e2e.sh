#!/usr/bin/env bash
# The UI in a real browser: first on its mock API, then on the real program in the middle of a small demo.
# Usage: scripts/test-e2e.sh PROGRAM. Screenshots are kept in web/test/artifacts/, JUnit reports in $REPORTS.
set -euo pipefail
cd "$(dirname "$0")/.."
program=$(realpath "$1")
reports=${REPORTS:-$PWD/target/nextest}
report() { echo --reporter=default --reporter=junit "--outputFile.junit=$reports/$1.xml"; }
if ! command -v chromium >/dev/null; then
  echo "e2e: chromium is missing, the UI was not tried in a browser"
  exit 0
fi
(cd web && npm run --silent e2e -- $(report browser))

work=$(mktemp -d)
"$program" demo --contacts 2000 --dir "$work/demo" --ready-file "$work/ready.json" >"$work/demo.log" 2>&1 &
demo=$!
trap 'kill $demo 2>/dev/null || true; wait $demo 2>/dev/null || true; rm -rf "$work"' EXIT
for _ in $(seq 1200); do
  [ -s "$work/ready.json" ] && break
  kill -0 $demo 2>/dev/null || { cat "$work/demo.log"; echo "e2e: the demo ended before it was ready"; exit 1; }
  sleep 0.1
done
field() { python3 -c "import json,sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])" "$work/ready.json" "$1"; }
if ! (cd web && IES_URL=$(field url) IES_EMAIL=$(field email) IES_PASSWORD=$(field password) npm run --silent e2e:demo -- $(report demo)); then
  tail -50 "$work/demo.log"
  exit 1
fi
