# What the tests of toride-proxyd share: a network namespace, a place, authorities, clamd, the daemons as shipped, and words
# for what they say. Sourced first; proxy_start when nginx and the configuration stand.
[ "$(id -u)" = 0 ] || { echo "1..0 # SKIP needs root"; echo "ok 1 - $(basename "$0" .t) # SKIP needs root"; exit 0; }
bin=$(dirname "$(command -v toride-proxyd)") || { echo "not ok 1 - toride-proxyd isn't built"; exit 1; }
if [ -z "${TRP_NS:-}" ]; then
	TRP_NS=trp-$$
	ip netns add "$TRP_NS" && ip -n "$TRP_NS" link set lo up
	TRP_NS=$TRP_NS ip netns exec "$TRP_NS" "$0" "$@"
	code=$?
	ip netns del "$TRP_NS"
	exit $code
fi
top=$(mktemp -d /tmp/toride-proxy.XXXXXX)
chmod 755 "$top"
. "$(dirname "$0")/lib.sh"
cd "$top" || exit 1
export TORIDE_STATE=$top/state TORIDE_RUN=$top/run LC_ALL=C.UTF-8
pids=
ulimit -n 8192

finish() { for p in $pids; do kill "$p" 2>/dev/null; done; sleep 0.3; rm -rf "$top"; }
trap finish EXIT

mkdir -p state/generations/{a,b} state/vault state/vault-public state/feeds/{clamav,url} run/{stats,ready,clamd} www/slow
ln -s generations/a state/current
touch run/ready/{proxyd,vaultd,scand}
echo '44d88612fea8a8f36de82e1278abb02f:68:Eicar-Test-Signature' >state/feeds/clamav/eicar.hdb
{ printf 'X5O!P%%@AP[4\\PZX54(P^)7CC)7}$EICAR-'; printf 'STANDARD-ANTIVIRUS-TEST-FILE!$H+H*'; } >www/eicar.bin
make_ca() { openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -out "$1.pem" -subj "/CN=$1" -days 30; }
sign() { openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -out "$1.csr" -subj "/CN=$1" &&
	openssl x509 -req -in "$1.csr" -CA "$2.pem" -CAkey "$2.key" -CAcreateserial -days 30 -out "$1.crt" \
		-extfile <(printf 'subjectAltName=%s' "$3"); }

cat >clamd.conf <<-END
	Foreground yes
	LocalSocket $top/run/clamd/clamd.sock
	LocalSocketMode 666
	TemporaryDirectory $top/run/clamd
	DatabaseDirectory $top/state/feeds/clamav
	MaxFileSize 64M
	MaxScanSize 250M
END
cat >state/generations/a/scand.json <<-END
	{"max_bytes":67108864,"clamd_socket":"$top/run/clamd/clamd.sock","database":"$top/state/feeds/clamav","connections":4,
	 "queue":1024,"cache_entries":65536,"clean_age_s":86400,"signature_max_age_h":720000,"orgs":{}}
END
run() { "$@" >"${1##*/}.log" 2>&1 & pids="$! $pids"; }

proxy_start() {
	# What intaked would get: every thread's connection is read, nothing is acknowledged.
	perl -MIO::Socket::UNIX -MIO::Select -e '$| = 1; my $l = IO::Socket::UNIX->new(Local => "run/events.sock", Listen => 8);
		my $s = IO::Select->new($l); while (my @r = $s->can_read) { for my $h (@r) { if ($h == $l) { $s->add($l->accept) }
		elsif (sysread($h, my $b, 65536)) { print $b } else { $s->remove($h) } } }' >events.bin & pids="$! $pids"
	run "$bin/toride-vaultd"; vaultd=$!
	until_true 30 test -S run/clamd/clamd.sock
	run "$bin/toride-scand"; scand=$!
	until_true 10 test -S run/vault.sock; until_true 10 test -S run/verdict.sock
	run "$bin/toride-proxyd"; proxyd=$!
	try "proxyd becomes ready" until_true 10 test -s run/ready/proxyd
}

get() { local want=$1; shift; local got; got=$(curl -s -m 20 -o out -w '%{http_code}' "$@"); is "$got" "$want"; }
page() { local want=$1 word=$2; shift 2; get "$want" "$@" && grep -q "$word" out; }
event() { until_true 5 grep -aqE "$1" events.bin; }
be() { local v=$1 w=$2 s=; while [ "$w" -gt 0 ]; do s="\\x$(printf %02x $((v & 255)))$s"; v=$((v >> 8)); w=$((w - 1)); done; printf "$s"; }
text() { be ${#1} 2; printf %s "$1"; }
blocks() { # kind value ...
	local out=table count=$(($# / 2)); { be 1 1; be $count 4; while [ $# -gt 0 ]; do
		text B-20261122-0001; text 412015; be "$1" 1; text "$2"; text I-1; text test; text reason; be 1 8; be 4102444800000 8; shift 2; done; } >body
	{ be "$(wc -c <body)" 4; cat body; } >$out
	is "$(timeout 5 nc -N -U run/proxy.sock <$out | od -An -tx1 | tr -d ' ')" 0000000100
}
# ORGANISATION NAME: a counter of proxyd's
counter() { perl -e 'read STDIN, $b, 1 << 20; for (my $i = 0; $i + 64 <= length $b; $i += 64) { my ($v, $o, $n) = unpack "QZ8Z47", substr $b, $i; print $v if $o eq $ARGV[0] && $n eq $ARGV[1] }' "$1" "$2" <run/stats/proxyd; }
counted() { is "$(counter "$1" "$2")" "$3"; }
# An origin at 127.0.0.6:8888: half of the file gated (or of gated.tar, which holds EICAR too) by /gate/NAME at once, the other half when there is a file NAME.go.
gate() {
	perl -e 'print pack "N*", 1 .. 500000' >gated; tar -cf gated.tar -C "$top" gated www/eicar.bin
	cat >gate.pl <<-'END'
		use IO::Socket::INET; $SIG{CHLD} = 'IGNORE'; my $l = IO::Socket::INET->new(LocalAddr => '127.0.0.6', LocalPort => 8888, Listen => 64, ReuseAddr => 1) or die;
		while (my $s = $l->accept) {
			next if fork; my $head = <$s>; while (<$s>) { last if /^\r?$/ }
			my ($name) = $head =~ m{^\S+ /gate/([\w-]+)}; my $b = do { local (@ARGV, $/) = $name =~ /^eicar/ ? 'gated.tar' : 'gated'; <> };
			print $s "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/octet-stream\r\nContent-Length: " . length($b) . "\r\n\r\n", substr $b, 0, length($b) / 2; $s->flush;
			for (1 .. 600) { last if -e "$name.go"; select undef, undef, undef, 0.1 }
			print $s substr $b, length($b) / 2; exit 0
		}
	END
	run perl gate.pl
	until_true 5 bash -c 'exec 3<>/dev/tcp/127.0.0.6/8888'
}
