# The house of one real peer: namespaces of its own for mounts and processes, entered by `unshare` as their first process.
# Usage: house.sh PEERS DIRECTORY COMMAND …
# The unpacked programs lie over /usr, their users over /etc/passwd; what they write outside of DIRECTORY goes to memory.
# When standard input ends (the test has ended, whatever the way) the first process ends, and with it all others.
set -e
peers=$1 directory=$2
shift 2
mount --make-rprivate /
[ ! -d "$peers/usr" ] || mount -t overlay overlay -o "lowerdir=$peers/usr:/usr" /usr
mkdir -p "$directory/etc"
for file in passwd group; do cp "/etc/$file" "$directory/etc/$file"; done
number=64100
for user in Debian-exim dovecot dovenull nsd opensmtpd opensmtpq unbound; do
  number=$((number + 1))
  if ! grep -q "^$user:" /etc/passwd; then
    echo "$user:x:$number:$number::/nonexistent:/usr/sbin/nologin" >>"$directory/etc/passwd"
    echo "$user:x:$number:" >>"$directory/etc/group"
  fi
done
# Names of clients and hosts: no name server is asked.
echo '127.0.0.1 localhost mx.example.org ies.example.com' >"$directory/etc/hosts"
[ -e "$directory/etc/resolv.conf" ] || : >"$directory/etc/resolv.conf"
for file in passwd group hosts resolv.conf; do
  [ ! -e "/etc/$file" ] || mount --bind "$directory/etc/$file" "/etc/$file"
done
for place in /var/spool /var/lib /run; do mount -t tmpfs -o mode=755 tmpfs "$place"; done
mkdir -p -m 711 /var/spool/smtpd
mkdir -p /var/lib/opensmtpd/empty /var/lib/postfix
cd "$directory"
"$@" >>"$directory/log" 2>&1 &
cat >/dev/null
