# What the benches share: certificates, origin, CPU accounting, figure lines. Sourced; all processes and files it makes
# are gone when the shell ends. Everything is on the loopback of a network namespace of its own: no port can be busy.
set -u
if [ -z "${TORIDE_BENCH_NET:-}" ]; then
	[ "$(id -u)" = 0 ] || { echo "bench: this needs root (a network namespace of its own)" >&2; exit 4; }
	export TORIDE_BENCH_NET=1
	exec unshare -n bash -c 'ip link set lo up && exec bash "$@"' bench "$0" "$@"
fi
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=${TORIDE_BUILD:-$(cd "$here/.." && pwd)/build}
load=$build/bench-load
PATH=/usr/sbin:/sbin:$PATH
work=$(mktemp -d /dev/shm/toride-bench.XXXXXX) # memory, so that no disk is measured
pids=()
say() { printf 'bench: %s\n' "$*" >&2; }
die() { say "$*"; exit 4; }

ended() {
	local p
	for p in "${pids[@]:-}"; do [ -n "$p" ] && kill "$p" 2>/dev/null; done
	for p in "${pids[@]:-}"; do [ -n "$p" ] && for _ in $(seq 50); do kill -0 "$p" 2>/dev/null || break; sleep 0.1; done; done
	for p in "${pids[@]:-}"; do [ -n "$p" ] && kill -9 "$p" 2>/dev/null; done
	rm -rf "$work"
}
trap ended EXIT
trap 'exit 130' INT TERM

# up PORT: waits until something listens there.
up() {
	for _ in $(seq 150); do
		(exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return 0
		sleep 0.1
	done
	return 1
}

# Clock ticks of a process and all its descendants, living and reaped.
tree_ticks() {
	cat /proc/[0-9]*/stat 2>/dev/null | awk -v root="$1" '
	{ pid = $1; sub(/^.*\) /, ""); split($0, f, " "); parent[pid] = f[2]; t[pid] = f[12] + f[13] + f[14] + f[15] }
	END { for (p in t) { q = p; while (q != root && q > 1 && (q in parent)) q = parent[q]; if (q == root) sum += t[p] } print sum + 0 }'
}
ticks() { local p sum=0; for p in "$@"; do sum=$((sum + $(tree_ticks "$p"))); done; echo "$sum"; }
hz=$(getconf CLK_TCK)
# Bytes of memory that these processes and their descendants have to themselves: shared pages count by their share (PSS).
memory() {
	local p
	for p in "$@"; do echo "$p"; pgrep -P "$p"; done | sort -u | while read -r p; do cat "/proc/$p/smaps_rollup" 2>/dev/null; done |
		awk '/^Pss:/ { kb += $2 } END { print kb * 1024 }'
}

calc() { awk "BEGIN { printf \"%.${2:-4}g\", $1 }"; }
field() { sed -n "s/.*\"$2\":\([0-9.]*\).*/\1/p" <<<"$1"; }

# figure NAME VALUE UNIT PEER PEERVALUE RATIO GOAL [REACHED]: a ratio above 1 is better; "-" where there is none. The goal is
# for REACHED, which is the ratio unless given.
figure() {
	local verdict=- reached=${8:-$6}
	if [ "$7" != - ] && [ "$reached" != - ]; then
		verdict=$(awk "BEGIN { print ($reached >= $7) ? \"met\" : \"short\" }")
	fi
	printf 'figure %s %s %s peer %s %s ratio %s goal %s %s\n' "$1" "$2" "$3" "$4" "$5" "$6" "$7" "$verdict"
}

certificates() {
	local d=$work/pki; mkdir -p "$d"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=bench origin CA" \
		-keyout "$d/origin-ca.key" -out "$d/origin-ca.pem" 2>/dev/null
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=bench interception CA" \
		-keyout "$d/mitm.key" -out "$d/mitm.pem" 2>/dev/null
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=www.bench.test" \
		-keyout "$d/origin.key" -out "$d/origin.csr" 2>/dev/null
	printf 'subjectAltName=DNS:*.www.bench.test,DNS:www.bench.test\n' >"$d/ext"
	openssl x509 -req -in "$d/origin.csr" -CA "$d/origin-ca.pem" -CAkey "$d/origin-ca.key" -CAcreateserial -days 30 \
		-extfile "$d/ext" -out "$d/origin.pem" 2>/dev/null || die "openssl cannot make certificates"
	cat "$d/origin-ca.pem" "$d/mitm.pem" >"$d/trust.pem"
	chmod -R a+rX "$work"
}

objects() { # NAME BYTES COUNT: incompressible and all different, so that each has a hash of its own
	mkdir -p "$work/www/$1"
	head -c $(($2 * $3)) /dev/urandom | split -a 4 -d -b "$2" - "$work/www/$1/x"
	local i=0 f
	for f in "$work/www/$1"/x*; do mv "$f" "$work/www/$1/$i"; i=$((i + 1)); done
}

origin_port=18443 plain_port=18081
# What every server of nginx here offers, and so does the load: the same work for all peers, on both sides.
one_cipher="ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256; ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256; ssl_prefer_server_ciphers on;"
# The origin of all peers: nginx, TLS and in clear, files in memory. One worker. [http2]: it speaks that too.
origin() {
	mkdir -p "$work/origin"
	cat >"$work/origin/nginx.conf" <<-END
	worker_processes 1; pid $work/origin/pid; error_log $work/origin/error.log; daemon off; user root;
	events { worker_connections 4096; }
	http {
		access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000; keepalive_timeout 300;
		default_type application/octet-stream;
		ssl_certificate $work/pki/origin.pem; ssl_certificate_key $work/pki/origin.key;
		ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache shared:s:16m; ssl_session_tickets on; $one_cipher
		server { listen 127.0.0.1:$origin_port ssl ${1:-}; listen 127.0.0.1:$plain_port; root $work/www; }
	}
	END
	nginx -c "$work/origin/nginx.conf" -p "$work/origin" 2>>"$work/origin/error.log" & pids+=($!)
	up $origin_port || die "the origin doesn't start: $(tail -n 2 "$work/origin/error.log")"
}
