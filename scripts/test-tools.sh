#!/usr/bin/env bash
# Installs the real peers that tests talk to, where it may, and says plainly what is missing where it may not.
#   postfix (smtp-source, smtp-sink) · swaks · chromium · python3 (smtplib) · dkimpy (from PyPI, into a folder of its own)
# and whether a test may have a small disk of its own (unshare, user namespaces).
set -uo pipefail
cd "$(dirname "$0")/.."
tools="${CARGO_TARGET_DIR:-target}/test-tools"
mkdir -p "$tools"

missing=()
command -v swaks >/dev/null || missing+=(swaks)
[ -x /usr/sbin/smtp-source ] || command -v smtp-source >/dev/null || missing+=(postfix)
command -v chromium >/dev/null || missing+=(chromium)
command -v python3 >/dev/null || missing+=(python3 python3-venv)
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing+=(postgresql)
if [ ${#missing[@]} -gt 0 ] && command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
  echo "tools: installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  { apt-get update -qq && apt-get install -y -qq --no-install-recommends "${missing[@]}"; } >"$tools/apt.log" 2>&1 ||
    echo "tools: apt-get failed, see $tools/apt.log"
fi
if [ ! -x "$tools/python/bin/dkimverify" ] && command -v python3 >/dev/null; then
  { python3 -m venv "$tools/python" && "$tools/python/bin/pip" install --quiet 'dkimpy==1.1.8' pynacl; } >"$tools/pip.log" 2>&1 ||
    echo "tools: dkimpy could not be installed, see $tools/pip.log"
fi

say() { if [ -n "$2" ]; then echo "tools: $1 is there"; else echo "tools: $1 is MISSING; $3"; fi; }
say swaks "$(command -v swaks)" "the tests of mail coming in from it are left out (Debian: swaks)"
say smtp-source "$(ls /usr/sbin/smtp-source 2>/dev/null || command -v smtp-source)" "the tests with it are left out (Debian: postfix)"
say python3 "$(ls /usr/bin/python3 /usr/local/bin/python3 2>/dev/null)" "SMTPUTF8 is not tried with its smtplib (Debian: python3)"
say 'a mount namespace' "$(unshare --map-root-user --mount echo yes 2>/dev/null)" "the tests with a full disk are left out (util-linux, user namespaces)"
say chromium "$(command -v chromium)" "the tests of the UI in a browser are left out (Debian: chromium)"
say postgresql "$(ls /usr/lib/postgresql/*/bin/initdb 2>/dev/null)" "the store is tested on SQLite only (Debian: postgresql)"
say dkimpy "$(ls "$tools/python/bin/dkimverify" 2>/dev/null)" "signatures are verified by our own library only (PyPI: dkimpy)"
exit 0
