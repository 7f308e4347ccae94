#!/bin/bash
# HTTP/2 through toride-proxyd, on either side and on both: judged, held and cut like HTTP/1.1, stream by stream; what is
# malformed or too much is refused and named; upgrades of HTTP/1.1. proxy-lib.sh has the bed.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/proxy-lib.sh"

cp www/eicar.bin www/eicar.ssi; cp www/eicar.bin www/eicar.txt
head -c 10240 /dev/urandom >www/10k; head -c 3000000 /dev/urandom >www/3m; head -c 20000000 /dev/urandom >www/20m
head -c 3000000 /dev/urandom >www/slow/a; head -c 400000 www/slow/a >www/slow/b; seq 20000 >www/text.txt; : >www/empty
mkdir -p www/many; for i in $(seq 60); do head -c $((i * 777)) /dev/urandom >www/many/$i; done
{ make_ca good; sign site good DNS:two.example,DNS:one.example,DNS:few.example,DNS:deny.example,DNS:bad.example,DNS:ws.example,DNS:other.example,DNS:grpc.example; } >/dev/null 2>&1
cat >nginx.conf <<-END
	daemon off; pid $top/nginx.pid; error_log $top/nginx.err; worker_processes 1; user root;
	events { worker_connections 4096; }
	http { log_format how '\$request_method \$host \$uri \$server_protocol \$connection'; access_log $top/how.log how; gzip on; gzip_min_length 1; gzip_types text/plain;
	  default_type application/octet-stream; types { text/plain txt; } client_max_body_size 100m; client_body_temp_path $top/b; proxy_temp_path $top/ptmp;
	  fastcgi_temp_path $top/f; uwsgi_temp_path $top/u; scgi_temp_path $top/s; ssl_certificate site.crt; ssl_certificate_key site.key; root $top/www;
	  log_format begun '\$host \$request_uri';
	  server { listen 127.0.0.1:443 ssl http2; location ~ ssi\$ { ssi on; ssi_types *; } location /slow { limit_rate 100k; mirror /begun; }
	    location = /begun { internal; proxy_pass http://127.0.0.1:8001; proxy_set_header Host \$host; }
	    location /echo { add_header X-One 1; add_header X-Two 2; return 200 "\$http_cookie|\$http_te|\$http_connection|\$http_host|"; }
	    location /up { proxy_pass http://127.0.0.1:8001; } location /gate { proxy_pass http://127.0.0.6:8888; proxy_buffering off; } }
	  server { listen 127.0.0.2:443 ssl http2; http2_max_concurrent_streams 3; keepalive_requests 7; location /up { return 200 ok; } }
	  server { listen 127.0.0.3:443 ssl; location /up { proxy_pass http://127.0.0.1:8001; } location / { } }
	  server { listen 127.0.0.1:8001; location / { return 200 "got \$http_content_length"; } location /begun { access_log $top/begun.log begun; return 200; } } }
END
jq -n --arg ca "$(cat good.pem)" '
	{v:1, threads:2, service:{name:"試験クラウド",name_en:"Test cloud"}, proxy:{addr4:"127.0.0.1",addr6:"::1",port:8080},
	 connect_ports:[443], refuse:[], origin_ca:[$ca], black:[],
	 dev:{except:["127.0.0.0/8"], verdict_ms:4000, held_mib:64, held_ms:4000, hosts:[{name:"few.example",addr:"127.0.0.2"},{name:"one.example",addr:"127.0.0.3"},
	   {name:"bad.example",addr:"127.0.0.4"},{name:"ws.example",addr:"127.0.0.5"},{name:"grpc.example",addr:"127.0.0.9"},{name:"other.example",addr:"127.0.0.5"},{name:".example",addr:"127.0.0.1"}]},
	 orgs:[
	  {code:"412015",index:1,name:"佐賀市",name_en:"Saga",interface:"",tls_decryption:true,no_decrypt:[],scan_fail:"closed",scan_max_mib:8,unscannable_allow:false,
	   upload_max_mib:4,websockets:["ws.example","two.example"],url:{black:["deny.example","https://two.example/secret","https://ws.example/secret"]}},
	  {code:"412023",index:2,port:8083,name:"唐津市",name_en:"Karatsu",interface:"",tls_decryption:true,scan_fail:"closed",scan_max_mib:2,scan_uploads:false,unscannable_allow:false,websockets:["ws.example"],url:{}},
	  {code:"412031",index:3,port:8082,name:"鳥栖市",name_en:"Tosu",interface:"",tls_decryption:true,scan_fail:"closed",scan_max_mib:2,trickle_after_s:1,unscannable_allow:true,websockets:["ws.example"],url:{}}]}' \
	>state/generations/a/proxyd.json
python3 "$here/frames2.py" origin 127.0.0.4 site.crt site.key >origin.log 2>&1 & pids="$! $pids"
python3 "$here/ws.py" origin 127.0.0.5 443 site.crt site.key >ws.log 2>&1 & pids="$! $pids"
python3 "$here/ws.py" origin 127.0.0.5 8080 - - >ws.log 2>&1 & pids="$! $pids"
/usr/bin/python3 "$here/grpc_calls.py" origin 127.0.0.9 site.crt site.key >grpc.log 2>&1 & pids="$! $pids"
echo "Body-Test:0:*:$(printf toride-test-body | od -An -tx1 | tr -d ' ')" >state/feeds/clamav/body.ndb
run nginx -p "$top" -c "$top/nginx.conf"
run clamd -c "$top/clamd.conf"
proxy_start

A="-x http://127.0.0.1:8080 --cacert run/ca.pem" C="-x http://127.0.0.1:8082 --cacert run/ca.pem" H=https://two.example
spoke() { is "$(curl -s -m 20 -o out -w '%{http_version} %{http_code}' "$@")" "$want"; }
log() { until_true 5 grep -qx "$1 [0-9]*" how.log; }

# ---- both framings, all ways
want="2 200"
try "a terminal speaks HTTP/2 where the origin does" spoke $A $H/10k
try "and gets what the origin has" cmp out www/10k
try "HTTP/2 goes to the origin" log "GET two.example /10k HTTP/2.0"
want="1.1 200"
try "where the origin doesn't, it doesn't" spoke $A https://one.example/10k
try "a terminal of HTTP/1.1 is served from an origin of HTTP/2" eval 'spoke --http1.1 $A $H/3m && cmp out www/3m'
try "over HTTP/2" log "GET two.example /3m HTTP/2.0"
want="2 200"
try "a large answer" eval 'spoke $A $H/3m && cmp out www/3m'
try "an empty one" eval 'spoke $A $H/empty && [ ! -s out ]'
try "HEAD tells the length without a body" eval 'curl -sI -m 20 $A $H/10k | grep -qi "content-length: 10240"'
try "gzip is opened, and delivered as it came" eval 'spoke --compressed $A $H/text.txt && cmp out www/text.txt && event "\"size\":$(wc -c <www/text.txt)"'
for i in 1.1 2; do
	want="$i 200"
	try "an upload passes (HTTP/$i)" eval "spoke --http$i \$A --data-binary @www/3m \$H/up && grep -q 'got 3000000' out"
	try "one of unknown length (HTTP/$i)" eval "curl -s -m 20 --http$i \$A -T - $H/up <www/3m >out; grep -q 'got 3000000' out"
	try "one of unknown length, origin of HTTP/1.1 (HTTP/$i)" eval "curl -s -m 20 --http$i \$A -T - https://one.example/up <www/3m >out; grep -q 'got 3000000' out"
	want="2 200"
done
try "sixty at once over one connection" eval 'rm -rf got; mkdir got; curl -s -m 30 --http2 $A -Z --parallel-max 60 -o "got/#1" "$H/many/[1-60]" && diff -r got www/many'
try "sixty, where the origin takes three streams and seven requests a connection" eval 'rm -rf got; mkdir got; curl -s -m 30 --http2 $A -Z --parallel-max 60 -o "got/#1" "https://few.example/many/[1-60]" && diff -r got www/many'
try "and one after another" eval 'for i in $(seq 20); do get 200 $A https://few.example/many/$i && cmp out www/many/$i || exit 1; done'
try "so are sixty with content" eval 'rm -rf got; mkdir got; curl -s -m 30 --http2 $A -Z --parallel-max 60 -X PUT -d a=b -o "got/#1" "https://few.example/up/[1-60]" && is "$(cat got/* | sed "s/ok/&\n/g" | grep -c ok)" 60'
gate
( curl -s -N -m 20 --http2 -o drip -w %{http_code} $C $H/gate/drip >drip.code ) &
try "a little of a stream before its verdict, where the body wants that" eval 'until_true 10 test -s drip && [ "$(wc -c <drip)" -le 4096 ]'
touch drip.go
try "then the rest" eval 'until_true 10 test -s drip.code; is "$(cat drip.code)" 200 && cmp drip gated'
( curl -s -N -m 20 --http2 -o late $C $H/gate/eicar >/dev/null; echo $? >late.code ) &
try "of a bad one too" until_true 10 test -s late
touch eicar.go
try "whose stream is reset then" eval 'until_true 10 test -s late.code; is "$(cat late.code)" 92 && [ "$(wc -c <late)" -le 4096 ] && event "\"message\":\"$(wc -c <late) of $(wc -c <gated.tar) bytes had gone out"'
try "cookies in crumbs are one again, nothing of a connection passes" eval 'spoke $A -H "Cookie: a=b; c=d" -H "TE: trailers" $H/echo && is "$(cat out)" "a=b; c=d|trailers||two.example|"'

# ---- judged as in HTTP/1.1
for f in bin ssi txt; do
	try "EICAR over HTTP/2 is stopped ($f: plain, unknown length, gzip)" page 403 ウイルスが見つかった --compressed $A $H/eicar.$f
done
try "its event names it" event '"url_string":"https://two.example/eicar.bin".*"intercepted":true.*"verdict":"malicious","malware":\{"name":"Eicar-Test-Signature'
try "a denied path: the page, with a number" page 403 制限されています $A $H/secret
ref=$(grep -oE "P-[0-9]{8}-[2-9A-Z]{6}" out | head -1)
try "the event carries the same number and the rule" event "\"ref\":\"$ref\".*\"action\":\"Denied\".*\"rule\":\\{\"uid\":\"url.black\\[1\\]\""
try "a denied name: the page, inside" page 403 制限されています $A https://deny.example/
want="2 413"
try "an upload above the limit is refused" spoke $A -H 'Expect:' --data-binary @www/20m $H/up
try "larger than is scanned: refused for A" page 403 検査できない $A $H/20m
want="2 200"
try "passed for C, whose setting it is" eval 'spoke $C $H/20m && cmp out www/20m'
want="1.1 200"
try "by HTTP/1.1 too" eval 'spoke --http1.1 $C $H/20m && cmp out www/20m'

# ---- what runs is cut, stream by stream
( curl -s -m 60 --http2 $A -Z -o slow.a $H/slow/a -o slow.b $H/slow/b -w '%{filename_effective} %{http_code} %{size_download}\n' >slow.out 2>slow.err ) & slow=$!
begun() { [ "$(grep -c '^two.example ' begun.log)" = 2 ]; }
try "two streams run" until_true 10 begun
try "a URL is blocked" blocks 3 $H/slow/a
try "its stream is cut, the one beside it goes on" eval 'wait $slow; grep -q "slow.b 200 400000" slow.out && ! grep -q "slow.a 200 400000" slow.out && cmp slow.b www/slow/b'
try "the event says by what" event '"path":"/slow/a".*"disposition":"Reset","rule":\{"uid":"block:B-20261122-0001"'
try "a new request for it gets the page" page 403 遮断しています $A $H/slow/a
blocks >/dev/null

# ---- terminals that mean it
while IFS= read -r line; do
	show=(/dev/null); echo "$line" >try
	case $line in ok*) ok 0 "terminal: ${line#ok - }" ;; *) ok 1 "terminal: ${line#not ok - }" ;; esac
done < <(python3 "$here/frames2.py" client 8080 run/ca.pem two.example 2>&1)
for flood in resets settings pings priorities "window updates" "empty frames" "unknown frames" continuations "header bomb"; do
	try "an event names it: $flood" event "\"hostname\":\"two.example\".*\"rule\":\{\"uid\":\"http2\",\"name\":\"$flood\""
done
try "and malformed requests" event '"disposition":"Reset","rule":\{"uid":"protocol","name":"malformed message"'
try "nothing of theirs came to the origin" eval '! grep -qE "secret|lower|FETCH|two.example .* HTTP/1" how.log'
want="2 200"
try "who comes after them is served" eval 'spoke $A $H/3m && cmp out www/3m'
(python3 "$here/frames2.py" stall 8080 run/ca.pem two.example /3m >stall 2>&1) & stall=$!
sleep 1
try "beside one that takes nothing too" eval 'spoke $A $H/3m && cmp out www/3m'
try "whose stream is given up, its connection isn't" eval 'wait $stall; is "$(tr "\n" " " <stall)" "rst 2 200 "'
try "as the event says" event '"path":"/3m".*"disposition":"Reset","rule":\{"uid":"slow"'

# ---- origins that do
B=https://bad.example
answered() { want=$1; shift; spoke -D head "$@" && is "$(cat out)" 'the answer' && tr -d '\r' <head | sed '1,/^$/d' >behind; }
trailed() { answered "$@" && grep -qx 'x: y' behind; }
untrailed() { answered "$@" && ! grep -qix 'x: y' behind; }
try "trailers reach a terminal that takes them" trailed "2 200" $A -H "TE: trailers" $B/trailers
try "by HTTP/1.1 too" trailed "1.1 200" --http1.1 $A -H "Connection: TE" -H "TE: trailers" $B/trailers
try "and no other" eval 'untrailed "2 200" $A $B/trailers && untrailed "1.1 200" --http1.1 $A $B/trailers'
try "gRPC: its server is there" until_true 20 grep -q ready grpc.log
while IFS= read -r line; do
	echo "$line" >try
	case $line in ok*) ok 0 "${line#ok - }" ;; *) ok 1 "${line#not ok - }" ;; esac
done < <(timeout 120 /usr/bin/python3 "$here/grpc_calls.py" client 8080 run/ca.pem grpc.example 2>grpc.err; is $? 0 >/dev/null || echo "not ok - gRPC: the client ended: $(tail -n 1 grpc.err)")
try "gRPC: events say what was found" eval 'event "/toride.Test/Bad\".*\"verdict\":\"malicious\"" && event "/toride.Test/Echo\".*\"uid\":\"upload.verdict\""'
want="2 200"
for f in ok trailers hints; do
	try "origin: $f" eval "spoke \$A \$B/$f && is \"\$(cat out)\" 'the answer'"
done
for f in interim switch short long lengths line name capitals connection nostatus path badtrailers longtrailers reset push settings ping bomb cont empty; do
	try "origin: $f: a page that says so" page 502 応答が正しくありません $A $B/$f
done
for f in settings pings "empty frames" continuations "header bomb"; do
	try "an event names it: $f" event "\"hostname\":\"bad.example\".*\"rule\":\{\"uid\":\"protocol\",\"name\":\"$f\""
done
try "one that refuses is asked again, once" page 502 応答が正しくありません $A $B/refuse
try "one that leaves, too" page 502 応答が正しくありません $A $B/away
try "one that sends without end" page 403 検査できない $A $B/window
want="2 200"
try "and then it answers as ever" eval 'spoke $A $B/ok && is "$(cat out)" "the answer"'

# ---- upgrades of HTTP/1.1
ws() { is "$(timeout 30 python3 "$here/ws.py" client 8080 run/ca.pem "$2" 2>&1)" "$1"; }
export PYTHONUNBUFFERED=1
try "a WebSocket passes, for a host that is named" ws echo wss://ws.example/echo
try "its event" event '"url_string":"https://ws.example/echo".*"code":101.*"bytes_in":2.*"intercepted":true'
try "in clear too" ws echo ws://ws.example:8080/echo
say() { : >ws.got; is "$(timeout 30 python3 "$here/ws.py" send "${4:-8080}" run/ca.pem "wss://ws.example/$2" "$3" 2>&1 | tr '\n' ' ')" "$1 "; }
try "what is harmless passes, each way" eval 'say "binary 8 close 1000" say/good "" && say "close 1000" take good+close && grep -qx "2 8 harmless" ws.got'
try "as do JSON, empty ones, many, a PING" eval 'say "close 1000" take json+empty+many+ping+close && is "$(cut -d" " -f1,2 ws.got | sort | uniq -c | tr -s " \n" " ")" " 40 1 25 1 1 7 1 2 0 1 8 2 1 9 1 "'
try "and one of a megabyte in a frame, of three in pieces" eval 'say "binary 1048576 close 1000" say/big "" && say "binary 3145728 close 1000" say/hugepieces ""'
for w in bad badtext bad64 pieces; do
	try "malware in a message of an origin ends it: $w" say "close 1008" say/$w ""
	try "in one of a terminal too: $w" eval "say 'close 1008' take $w && ! grep -qv '^8 ' ws.got"
done
try "a PING in the middle of one passes, the message doesn't" say "ping 1 close 1008" say/pingpieces ""
try "events say what was found" eval 'event "https://ws.example/say/pieces\".*\"code\":101.*\"action\":\"Denied\",\"disposition\":\"Blocked\",\"rule\":\{\"uid\":\"verdict\".*\"verdict\":\"malicious\",\"malware\":\{\"name\":\"Eicar" && event "https://ws.example/take\".*\"uid\":\"upload.verdict\".*\"malware\":\{\"name\":\"Eicar"'
try "what is behind a bad one isn't passed either" eval 'say "close 1008" take bad+good && ! grep -qv "^8 " ws.got'
for w in unmasked rsv kind loose longping within length; do
	try "a frame that isn't proper ends it: $w" eval "say 'close 1002' say/$w '' && say 'close 1002' take good+$w && ! grep -qv '^8 \|harmless' ws.got"
done
try "the event says which" event '"path":"/take".*"rule":\{"uid":"protocol","name":"a reserved bit is set"'
try "a message larger than may be sent" say "close 1008" take giant
(timeout 30 python3 "$here/ws.py" send 8082 run/ca.pem wss://ws.example/say/huge stay >huge 2>&1) & huge=$!
whole() { is "$(awk '/^(binary|more) / { n += $2 } END { print n }' huge)" 3145728; }
try "larger than is scanned: passes for C, whose setting it is" until_true 20 whole
kill $huge
try "one of a terminal passes where what is sent isn't scanned" say "close 1000" take huge+close 8083
try "what comes is, there too" say "close 1008" say/huge "" 8083
try "compression isn't agreed on" eval '! grep -q extensions ws.got'
try "not for another host" ws 403 wss://other.example/echo
try "the event says why" event '"hostname":"other.example".*"action":"Denied".*"rule":\{"uid":"websocket"'
try "not where the URL is denied" ws 403 wss://ws.example/secret
try "not when the origin answers somebody else's" ws 502 wss://ws.example/wrong
try "an origin of HTTP/2 is asked in HTTP/1.1, and its page passes" eval 'ws 200 wss://two.example/10k && log "GET two.example /10k HTTP/1.1"'
try "another upgrade isn't passed on" eval 'is "$(curl -s -m 20 -o out -w "%{http_code}" --http1.1 $A -H "Connection: Upgrade" -H "Upgrade: h2c" https://ws.example/echo)" 426'
(timeout 40 python3 "$here/ws.py" client 8080 run/ca.pem wss://ws.example/hold >held 2>&1) & held=$!
try "one that stays" until_true 5 grep -qx held held
try "a block of its URL" blocks 3 https://ws.example/hold
try "cuts it" eval 'wait $held; grep -qx cut held'
try "as its event says" event '"path":"/hold".*"disposition":"Reset","rule":\{"uid":"block:B-20261122-0001"'
blocks >/dev/null

try "proxyd is still the same process" kill -0 $proxyd
(curl -s -m 60 -o never $A $B/huge) & sleep 0.5 # whose end never comes
kill $proxyd
try "it ends when told to, whatever runs" until_true 5 eval '! kill -0 $proxyd'
wait "$proxyd"; code=$?
try "by itself, and properly" is "$code" 0
try "and logged no fault" eval '! grep -E -A 12 "Sanitizer|runtime error|process table does not allow" toride-proxyd.log'
echo "1..$n"
