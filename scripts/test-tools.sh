#!/usr/bin/env bash
# Installs the real peers that tests talk to, where it may, and says plainly what is missing where it may not.
#   postfix (smtp-source, smtp-sink) · swaks · chromium · python3 (smtplib) · dkimpy, authheaders (from PyPI, into a folder of their own)
#   exim · opensmtpd · dovecot · haproxy · microsocks · opendkim · nsd · unbound · ldns: conflict with one another or would run as
#   services, so none of them is installed: they lie in $tools/peers, and tests lay that over /usr in a namespace of theirs
# and whether a test may have a small disk of its own (unshare, user namespaces).
set -uo pipefail
cd "$(dirname "$0")/.."
tools="${CARGO_TARGET_DIR:-target}/test-tools"
mkdir -p "$tools"

missing=()
command -v swaks >/dev/null || missing+=(swaks)
[ -x /usr/sbin/smtp-source ] || command -v smtp-source >/dev/null || missing+=(postfix)
command -v openssl >/dev/null || missing+=(openssl)
ls /usr/lib/*/sasl2/libplain.so >/dev/null 2>&1 || missing+=(libsasl2-modules)
command -v chromium >/dev/null || missing+=(chromium)
command -v python3 >/dev/null || missing+=(python3 python3-venv)
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing+=(postgresql)
if [ ${#missing[@]} -gt 0 ] && command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
  echo "tools: installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  { apt-get update -qq && apt-get install -y -qq --no-install-recommends "${missing[@]}"; } >"$tools/apt.log" 2>&1 ||
    echo "tools: apt-get failed, see $tools/apt.log"
fi

# PROGRAM PACKAGE: the package and those of its libraries that are not installed, unpacked below $tools/peers.
unpack() {
  if [ -e "$tools/peers/$1" ] || [ -e "/$1" ]; then return; fi
  command -v apt-get >/dev/null && command -v dpkg >/dev/null || return
  local folder names
  folder=$(mktemp -d) && mkdir -p "$tools/peers"
  # apt only plans here; it would remove one mail transfer agent for another.
  names=$(apt-get install --simulate --no-install-recommends "$2" 2>>"$tools/apt.log" | awk '/^Inst /{print $2}')
  echo "tools: unpacking ${names:-nothing for $2}" | tr '\n' ' ' && echo
  # shellcheck disable=SC2086
  (cd "$folder" && chmod 755 . && apt-get download -qq ${names:-$2}) >>"$tools/apt.log" 2>&1
  for package in "$folder"/*.deb; do [ -e "$package" ] && dpkg --extract "$package" "$tools/peers"; done
  rm -rf "$folder"
}
peers=(usr/sbin/exim4=exim4-daemon-heavy usr/sbin/smtpd=opensmtpd usr/lib/dovecot/lmtp=dovecot-lmtpd usr/sbin/haproxy=haproxy
  usr/bin/microsocks=microsocks usr/sbin/opendkim=opendkim usr/sbin/nsd=nsd usr/sbin/unbound=unbound usr/bin/ldns-signzone=ldnsutils)
for peer in "${peers[@]}"; do unpack "${peer%%=*}" "${peer##*=}"; done

if ! ls "$tools"/python/lib/*/site-packages/authheaders >/dev/null 2>&1 && command -v python3 >/dev/null; then
  { python3 -m venv "$tools/python" && "$tools/python/bin/pip" install --quiet 'dkimpy==1.1.8' pynacl 'authheaders==0.16.3'; } >"$tools/pip.log" 2>&1 ||
    echo "tools: dkimpy could not be installed, see $tools/pip.log"
fi

say() { if [ -n "$2" ]; then echo "tools: $1 is there"; else echo "tools: $1 is MISSING; $3"; fi; }
say swaks "$(command -v swaks)" "the tests of mail coming in from it are left out (Debian: swaks)"
say smtp-source "$(ls /usr/sbin/smtp-source 2>/dev/null || command -v smtp-source)" "the tests with it are left out (Debian: postfix)"
say python3 "$(ls /usr/bin/python3 /usr/local/bin/python3 2>/dev/null)" "SMTPUTF8 is not tried with its smtplib (Debian: python3)"
say 'a mount namespace' "$(unshare --map-root-user --mount echo yes 2>/dev/null)" "the tests with a full disk are left out (util-linux, user namespaces)"
for peer in "${peers[@]}"; do
  say "${peer##*=}" "$(ls "$tools/peers/${peer%%=*}" "/${peer%%=*}" 2>/dev/null)" "the tests with it are left out (Debian: ${peer##*=})"
done
say chromium "$(command -v chromium)" "the tests of the UI in a browser are left out (Debian: chromium)"
say postgresql "$(ls /usr/lib/postgresql/*/bin/initdb 2>/dev/null)" "the store is tested on SQLite only (Debian: postgresql)"
say dkimpy "$(ls "$tools/python/bin/dkimverify" 2>/dev/null)" "signatures are verified by our own library only (PyPI: dkimpy)"
exit 0
