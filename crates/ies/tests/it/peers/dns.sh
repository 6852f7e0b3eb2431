# A signed zone, an unsigned one and one whose signatures are wrong, at nsd; unbound in front of it, which validates.
# Usage: dns.sh ADDRESS (of unbound, port 53) NSD_PORT PORT (of unbound, at 127.0.0.1) MAIL_PORT; works where it is.
# Says who has connected, in the words of posttls-finger, in the file `fingers`, when there is a file `go`.
set -e
address=$1 nsd_port=$2 port=$3 mail_port=$4
chmod 1777 .
leaf=$(openssl x509 -in cert.pem -noout -pubkey | openssl pkey -pubin -outform DER | openssl dgst -sha256 -r | cut -c1-64)
authority=$(openssl x509 -in authority.pem -outform DER | openssl dgst -sha256 -r | cut -c1-64)
wrong=$(printf 'another key' | openssl dgst -sha256 -r | cut -c1-64)
hosts='ee ta other bad unusable two none'
zone() { # NAME
  printf '$ORIGIN %s.\n$TTL 60\n@ SOA ns h 1 3600 600 86400 60\n@ NS ns\nns A 127.0.0.1\n' "$1"
  for host in $hosts; do printf '%s MX 10 %s\n%s A 127.0.0.1\n' $host $host $host; done
  tlsa() { echo "_$mail_port._tcp.$1 TLSA $2"; }
  tlsa ee "3 1 1 $leaf"
  tlsa ta "2 0 1 $authority"
  tlsa other "2 0 1 $authority"
  tlsa bad "3 1 1 $wrong"
  tlsa unusable "1 1 1 $leaf"
  tlsa two "3 1 1 $wrong"
  tlsa two "3 1 1 $leaf"
}
: >anchors
for name in example.org bogus.example; do
  zone $name >$name.zone
  key=$(ldns-keygen -a ECDSAP256SHA256 -k $name)
  cat $key.key >>anchors
  ldns-signzone -n $name.zone $key
done
# Behind the signature's back: the addresses are others than those that were signed.
sed -i 's/\(IN\tA\t\)127.0.0.1/\1127.0.0.2/' bogus.example.zone.signed
zone plain.example >plain.example.zone.signed
{
  printf 'server:\n ip-address: 127.0.0.1@%s\n zonesdir: "%s"\n database: ""\n pidfile: ""\n xfrdfile: ""\n' $nsd_port "$PWD"
  printf ' zonelistfile: "%s/zone.list"\n username: nsd\n chroot: ""\nremote-control:\n control-enable: no\n' "$PWD"
  for name in example.org bogus.example plain.example; do printf 'zone:\n name: %s\n zonefile: %s.zone.signed\n' $name $name; done
} >nsd.conf
{
  printf 'server:\n interface: 127.0.0.1@%s\n interface: %s@53\n do-not-query-localhost: no\n chroot: ""\n' $port $address
  printf ' pidfile: ""\n directory: "%s"\n username: unbound\n use-syslog: no\n trust-anchor-file: anchors\n' "$PWD"
  printf ' module-config: "validator iterator"\n domain-insecure: plain.example\n local-zone: example. nodefault\n'
  for name in example.org bogus.example plain.example; do printf 'stub-zone:\n name: %s\n stub-addr: 127.0.0.1@%s\n' $name $nsd_port; done
} >unbound.conf
nsd -d -c "$PWD/nsd.conf" &
unbound -d -c unbound.conf &
while [ ! -e go ]; do sleep 0.05; done
for name in ee.example.org ta.example.org other.example.org bad.example.org unusable.example.org two.example.org \
  none.example.org ee.plain.example ee.bogus.example; do
  echo "== $name"
  posttls-finger -c -t 5 -T 5 -l dane -L summary "$name:$mail_port" 2>&1 || true
done >fingers.new
mv fingers.new fingers
wait
