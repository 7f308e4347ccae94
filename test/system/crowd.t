#!/bin/bash
# More ask a site than are answered: strangers are asked to wait a second and come again with a token, who has one is let in, another site's visitors see nothing
# of it, and it ends by itself. The sites' server as `toride compile` writes it, in a namespace of its own, with 200 sources that each stay below every limit.
set -u
[ "$(id -u)" = 0 ] || { echo "1..0 # SKIP needs root"; echo "ok 1 - crowd # SKIP needs root"; exit 0; }
bin=$(dirname "$(readlink -f "$(command -v toride)")") || { echo "not ok 1 - toride isn't built"; exit 1; }
src=${TORIDE_SOURCE:-$PWD}
top=$(mktemp -d /tmp/toride-crowd.XXXXXX)
ns=tcr-$$ bad=0
. "$(dirname "$0")/lib.sh"
show=("$top/log")
trap 'kill $(jobs -p) 2>/dev/null; ip netns del "$ns" 2>/dev/null; rm -rf "$top"' EXIT
on() { ip netns exec "$ns" "$@"; }
ip netns add "$ns"
{ echo "link set lo up"; for a in 198.51.100.3 10.1.0.80 100.64.1.1 203.0.113.1 203.0.113.2 203.0.113.3; do echo "addr add $a/32 dev lo"; done
	for i in $(seq 200); do echo "addr add 9.9.9.$i/32 dev lo"; done; } | ip -n "$ns" -batch -

mkdir -p "$top/d/orgs" "$top/s/edge/log" "$top/s/edge/cache" "$top/r/edge" "$top/www"
chmod 755 "$top"
echo '<p>the page</p>' >"$top/www/index.html"
cp -r "$src/examples/saga/prefectures" "$top/d/"
jq --arg s "$top/s" --arg r "$top/r" '.state_dir = $s | .run_dir = $r | del(.web6)' <(grep -v '^//' "$src/examples/saga/service.json") >"$top/d/service.json"
jq '.ips = "off" | .sites = [{"name": "busy.example", "title": "x", "origins": [{"addr": "10.1.0.80"}]}, {"name": "calm.example", "title": "x", "origins": [{"addr": "10.1.0.80"}], "cache_s": 600}]' \
	<(grep -v '^//' "$src/examples/saga/orgs/412015.json") >"$top/d/orgs/412015.json"
try "it compiles" "$bin/toride" compile "$top/d" -o "$top/s/current"
# Port 81: HTTP/2 without the cost of TLS. One worker: then it isn't a matter of the machine's processors how many it takes.
sed -e '1i user root;' -e 's/^worker_processes 2/worker_processes 1/; s/worker_connections 16384/worker_connections 8192/; s/^    listen 198.51.100.3:80;/&\n    listen 198.51.100.3:81 http2;/' "$top/s/current/edge/nginx.conf" >"$top/edge.conf"
echo "user root; pid $top/o.pid; daemon off; events { worker_connections 4096; } http { access_log off; log_format c '\$host \$http_cookie'; types { text/html html; } client_body_temp_path $top/t1; proxy_temp_path $top/t2;
	fastcgi_temp_path $top/t3; uwsgi_temp_path $top/t4; scgi_temp_path $top/t5; server { listen 10.1.0.80:80; error_page 405 =200 /index.html; root $top/www; location = /told { access_log $top/told c; try_files /index.html =404; } } }" >"$top/origin.conf"
ulimit -n 16384
# Not by on(): the number is to be the server's own.
ip netns exec "$ns" nginx -p "$top" -e "$top/log" -c "$top/origin.conf" &
ip netns exec "$ns" nginx -p "$top" -e "$top/log" -c "$top/edge.conf" -g "daemon off; load_module $bin/toride_kept.so;" 2>>"$top/log" & edge=$!

asks() { # FROM SITE [CURL...]: status, fields and page
	local from=$1 site=$2; shift 2
	on curl -si --max-time 20 --interface "$from" -A Mozilla/5.0 -H 'Accept: text/html' -H "Host: $site" "$@" http://198.51.100.3/ | tr -d '\r'
}
page() { asks "$@" >"$top/page"; grep -q '^HTTP/1.1 200' "$top/page" && grep -q 'the page' "$top/page" || { cat "$top/page"; return 1; }; }
plainly() { page "$@" && ! grep -qi 'set-cookie\|refresh' "$top/page"; }
waits() { asks "$@" >"$top/page"; grep -q '^HTTP/1.1 503' "$top/page" && grep -q 'アクセスが集中しています' "$top/page" || { cat "$top/page"; return 1; }; }
try "in peace a page comes, and no cookie" until_true 20 plainly 203.0.113.1 busy.example

# ---- floods of HTTP/2's own kind: each ends by itself, and the server keeps nothing of them
worker() { cut -d' ' -f1 "/proc/$edge/task/$edge/children"; }
memory() { awk '/^VmRSS/ { print $2 }' "/proc/$(worker)/status"; }
had=$(memory)
h2() { on timeout 60 python3 "$src/test/system/h2flood.py" 198.51.100.3 81 busy.example 203.0.113.3 "$(worker)" "$1" >"$top/h2"; cat "$top/h2"; }
ends() { h2 "$1"; grep -qE ' why (goaway|closed)' "$top/h2"; } # KIND
seen() { grep -c '"src":"203.0.113.3"' "$top/s/edge/log/access"; }
some() { k=$(seen); echo "$k"; [ "$k" -gt 0 ]; }
try "HTTP/2: requests reset at once end the connection" ends reset
try "of eight hundred it began a third at most" eval 'until_true 5 some && [ "$(seen)" -le 264 ]'
try "a header without end is cut off as too much" eval 'h2 headers && grep -q " why goaway 11" "$top/h2"'
before=$(seen)
try "of three hundred requests at once those past 64 are refused, and the connection ends" eval 'ends streams && grep -q "resets 7:" "$top/h2" && [ $(($(seen) - before)) -le 64 ]'
for kind in ping settings; do try "who asks ($kind) and never reads is cut off" eval "h2 $kind && grep -q ' ended ' \"\$top/h2\""; done
try "DATA of nothing ends the connection" ends empty
try "the server kept nothing of it" eval 'k=$(memory); echo "$had, $k kB"; [ "$k" -lt $((had + 32768)) ]'
try "and a visitor has his page" plainly 203.0.113.1 busy.example

cat >"$top/flood.py" <<'PY'
import asyncio
async def visitor(n):
    while True:
        try:
            r, w = await asyncio.open_connection("198.51.100.3", 80, local_addr=("9.9.9.%d" % (n % 200 + 1), 0))
            while True:
                w.write(b"GET / HTTP/1.1\r\nHost: busy.example\r\nUser-Agent: Mozilla/5.0\r\nAccept: text/html\r\n\r\n")
                head = await r.readuntil(b"\r\n\r\n")
                await r.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]))
        except (OSError, EOFError, IndexError): await asyncio.sleep(.1)
async def all(): await asyncio.gather(*(visitor(n) for n in range(1600)))
asyncio.run(all())
PY
ip netns exec "$ns" python3 "$top/flood.py" 2>>"$top/log" & flood=$!
try "many ask, and late: a stranger is asked to wait" until_true 20 waits 203.0.113.1 busy.example
try "for a second, after which his browser asks again" grep -qx 'Refresh: 1' "$top/page"
token=$(sed -n 's/^Set-Cookie: \(toride_seen=[0-9a-f]*\);.*HttpOnly.*/\1/p' "$top/page")
try "with a token" test "${#token}" = 60
try "that lets him in" until_true 10 page 203.0.113.1 busy.example -H "Cookie: a=b; $token"
try "and nobody else" until_true 10 waits 203.0.113.2 busy.example -H "Cookie: $token"
try "nor does one that he made" until_true 10 waits 203.0.113.1 busy.example -H "Cookie: ${token%?????}00000"
try "another site's strangers don't wait" until_true 10 plainly 203.0.113.2 calm.example
try "a form isn't sent again by itself" eval 'until_true 10 waits 203.0.113.2 busy.example -d a=b && ! grep -qi "^refresh" "$top/page" && grep -q "^Set-Cookie: toride_seen" "$top/page"'
many() { # one visitor asks 1,300 times at once: some connections end without a word, sooner than he'd have to wait, and most don't
	on python3 - <<'PY'
import asyncio
async def one():
    try: r, w = await asyncio.open_connection("198.51.100.3", 80, local_addr=("203.0.113.3", 0))
    except OSError: return False
    w.write(b"GET / HTTP/1.1\r\nHost: busy.example\r\nUser-Agent: Mozilla/5.0\r\nAccept: text/html\r\n\r\n")
    try: return len(await asyncio.wait_for(r.read(1), 3.5)) == 0
    except asyncio.TimeoutError: return False
    except ConnectionError: return True
async def all():
    ends = await asyncio.gather(*(one() for _ in range(1300)))
    exit(0 if 0 < sum(ends) < 1000 else "%d of 1300" % sum(ends))
asyncio.run(all())
PY
}
try "who asks without end isn't kept waiting, but hung up on" until_true 20 many
workers() { cat "/proc/$edge/task/$edge/children"; }
before=$(workers); kill -HUP "$edge"
try "the server takes a change over" until_true 20 eval '[ -n "$(workers)" ] && [ "$(workers | tr " " "\n" | grep . | tail -n 1)" != "$(tr " " "\n" <<<"$before" | grep . | tail -n 1)" ]'
try "and tokens are good as before" until_true 20 page 203.0.113.1 busy.example -H "Cookie: $token"
try "who waits is on record" until_true 20 eval 'grep -a busy.example "$top/s/edge/log/access" | grep -q "\"src\":\"203.0.113.2\".*\"status\":\"503\".*HELD"'
kill "$flood"; wait "$flood" 2>/dev/null
own() { on curl -si --max-time 20 --interface 203.0.113.1 -A Mozilla/5.0 -H 'Accept: text/html' -H "Host: calm.example" "$@" | tr -d '\r' >"$top/page"; }
kept() { own -H "Cookie: $token" http://198.51.100.3/; grep -q '^X-Cache: HIT' "$top/page" || { cat "$top/page"; return 1; }; }
try "who still has a token is answered from the cache" until_true 10 kept
try "who has another cookie isn't" eval 'own -H "Cookie: a=b; $token" http://198.51.100.3/ && grep -q "^X-Cache: BYPASS" "$top/page"'
try "and the origin is told of that one alone" eval 'own -H "Cookie: a=b; $token; c=d" http://198.51.100.3/told && until_true 5 grep -qx "calm.example a=b; c=d" "$top/told"'
try "the flood is over: strangers are let in as ever" until_true 60 plainly 203.0.113.2 busy.example
echo "1..$n"
exit $bad
