#!/bin/bash
# Interception in HTTP/2: CPU-seconds of Toride's proxy, HTTP/2 on both sides, against the limit (nginx, HTTP/2 to the client and
# HTTP/1.1 to the origin: it speaks no other). The same h2load asks both; Squid has no HTTP/2.
. "$(dirname "$0")/lib.sh"
. "$here/peers.sh"
command -v h2load >/dev/null || die "h2load isn't here (tools/setup bench)"
say "certificates and objects"
certificates
objects 10k 10240 1000
objects 131k 134144 300
objects 1m 1048576 60
origin http2
toride_start || die "nothing to measure"
nginx_start http2 || die "no peer"

# h2load knows no proxies: this asks ours for a tunnel and passes bytes. Its CPU is the load's.
relay_port=18446
cat >"$work/relay.pl" <<'END'
use IO::Socket::INET;
my ($port, $proxy, $target) = @ARGV;
$SIG{CHLD} = 'IGNORE';
my $l = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 64, ReuseAddr => 1) or die;
sub pass { my ($from, $to) = @_; # until either ends
	while (sysread $from, my $b, 262144) { for (my $at = 0; $at < length $b;) { my $n = syswrite $to, $b, length($b) - $at, $at; exit unless $n; $at += $n } }
	shutdown $to, 1 }
while (my $c = $l->accept) {
	next if fork; my $p = IO::Socket::INET->new("127.0.0.1:$proxy");
	syswrite $p, "CONNECT $target HTTP/1.1\r\nHost: $target\r\n\r\n"; sysread $p, my $b, 4096;
	my $child = fork; pass($child ? ($c, $p) : ($p, $c)); exit;
}
END
perl "$work/relay.pl" $relay_port $toride_port www.bench.test:$origin_port 2>/dev/null & pids+=($!)
up $relay_port || die "the relay doesn't start"

where() { case $1 in toride) echo "--connect-to=127.0.0.1:$relay_port" ;; nginx) echo "--connect-to=127.0.0.1:$nginx_port" ;; esac; }
pids_of() { case $1 in toride) echo "$toride_pids" ;; nginx) echo "$nginx_pid" ;; esac; }
ask() { # PEER NAME OBJECTS REQUESTS [CONNECTIONS]: all must be answered 200, in HTTP/2
	for i in $(seq 0 $(($3 - 1))); do echo "https://www.bench.test:$origin_port/$2/$i"; done >"$work/urls"
	h2load -n "$4" -c "${5:-4}" -m 4 -t 1 "$(where "$1")" -i "$work/urls" >"$work/out" 2>&1
	grep -q "Application protocol: h2" "$work/out" && grep -q " $4 2xx" "$work/out"
}
http2() { # NAME OBJECTS REQUESTS
	declare -A cost
	for peer in toride nginx; do
		say "$1 over HTTP/2 through $peer"
		[ $peer = nginx ] || ask $peer "$1" "$2" "$2" 1 # warm: each client begins at the first object
		before=$(ticks $(pids_of $peer))
		ask $peer "$1" "$2" "$3"; ok=$?
		cost[$peer]=$(calc "($(ticks $(pids_of $peer)) - $before) / $hz / $3 * 1000")
		[ $ok = 0 ] || { cost[$peer]=failed; say "$peer: $(grep -E 'protocol|status|requests' "$work/out")"; }
	done
	case "${cost[toride]}${cost[nginx]}" in *failed*) ratio=- ;; *) ratio=$(calc "${cost[nginx]} / ${cost[toride]}" 3) ;; esac
	figure "http2.$1.cpu.limit" "${cost[toride]}" cpu-s/1000req limit "${cost[nginx]}" "$ratio" -
}
http2 10k 1000 20000
http2 131k 300 3000
http2 1m 60 500
