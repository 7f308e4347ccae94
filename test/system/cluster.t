#!/bin/bash
# The index in a ClickHouse elsewhere, by URL: toride-clusterd and toride-stored as shipped, confined, against Debian's own clickhouse-server (18.16) over
# TLS with a name and a password, one and two replicas with their ZooKeeper, and against today's ClickHouse (the embedded one) behind the same; each sealed record is there once,
# whoever is killed; an index that is away, isn't ours, or lies, harms no record and is told.
set -u
export LC_ALL=C.UTF-8
[ "$(id -u)" = 0 ] || { echo "1..0 # SKIP needs root"; echo "ok 1 - cluster # SKIP needs root"; exit 0; }
command -v toride-clusterd >/dev/null || { echo "not ok 1 - toride-clusterd isn't built"; exit 1; }
for it in clickhouse-server java /usr/share/java/zookeeper.jar; do
	command -v "$it" >/dev/null || [ -e "$it" ] || { echo "ok 1 - cluster # SKIP $it isn't there (tools/setup test; Debian 13 has no clickhouse-server)"; echo "1..1"; exit 0; }
done
bin=$(dirname "$(command -v toride-clusterd)")
top=$(mktemp -d /tmp/toride-cluster.XXXXXX)
here=$(cd "$(dirname "$0")" && pwd)
chmod 755 "$top"
. "$here/lib.sh"
cd "$top" || exit 1
export TORIDE_STATE=$top/state TORIDE_RUN=$top/run TORIDE_NODE=node1
toride=$bin/toride
ns=trc-$$ bad=0 show=(log.clusterd log.stored log.intaked log.vaultd)
declare -A pid=()

finish() {
	for p in "${pid[@]}"; do kill "$p" 2>/dev/null; done
	for p in old r1 r2 keeper; do [ -z "${pid[$p]:-}" ] || kill -9 "${pid[$p]}" 2>/dev/null; done
	wait 2>/dev/null
	ip netns del "$ns" 2>/dev/null
	rm -rf "$top"
}
trap finish EXIT

mkdir -p state/generations/{old,new,replicas,embedded} state/{segments,segments-cold,holds,intake,vault,vault-public,index-fill,index,cluster} run/{stats,ready,indexd}
chmod 777 run run/stats
ip netns add "$ns"; ip -n "$ns" link set lo up
begin() { local name=$1; shift; ip netns exec "$ns" "$@" 2>>"log.$name" >&2 & pid[$name]=$!; }
end() { kill "${2:--TERM}" "${pid[$1]}" 2>/dev/null; wait "${pid[$1]}" 2>/dev/null; }
shoot() { end "$1" -KILL; rm -f "run/ready/$1"; }
# stored by its own user, as the supervisor has it: whom intaked hears of an alarm
daemon() {
	local as=()
	touch "run/ready/$1"
	[ "$1" != stored ] || { as=(setpriv --reuid 47118 --regid 47118 --groups 0); chown -R 47118 run/ready/stored state/index-fill; rm -f run/search.sock; }
	begin "$1" "${as[@]}" "$bin/toride-$1"
}
# ---- certificates, and the server of Debian

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -subj /CN=lab -days 3 -addext basicConstraints=critical,CA:TRUE 2>/dev/null
certify() { # NAME SAN
	openssl req -newkey rsa:2048 -nodes -keyout "$1.key" -subj "/CN=$1" 2>/dev/null |
		openssl x509 -req -CA ca.pem -CAkey ca.key -CAcreateserial -days 3 -extfile <(echo "subjectAltName=$2") -out "$1.pem" 2>/dev/null
}
certify good IP:127.0.0.1; certify other DNS:elsewhere.example
# Parameters of RFC 7919 would do as well; it wants a file of its own.
cat >dh.pem <<'END'
-----BEGIN DH PARAMETERS-----
MIIBCAKCAQEA//////////+t+FRYortKmq/cViAnPTzx2LnFg84tNpWp4TZBFGQz
+8yTnc4kmz75fS/jY2MMddj2gbICrsRhetPfHtXV/WVhJDP1H18GbtCFY2VVPe0a
87VXE15/V8k1mE8McODmi3fipona8+/och3xWKE2rec1MKzKT0g6eXq8CrGCsyT7
YdEIqUuyyOP7uWrat2DX9GgdT0Kj3jlN9K5W7edjcrsZCwenyO4KbXCeAvzhzffi
7MA0BM0oNC9hkXL+nOmFg/+OTxIy7vKBg8P+OxtMb61zO7X8vC7CIAXFjvGDfRaD
ssbzSibBsu/6iGtCOGEoXJf//////////wIBAg==
-----END DH PARAMETERS-----
END
server() { # DIR HTTPS TCP MORE: its configuration
mkdir -p "$1"/{data,tmp,files}
cat >"$1/config.xml" <<END
<?xml version="1.0"?>
<yandex><logger><level>warning</level><console>1</console></logger><https_port>$2</https_port><tcp_port>$3</tcp_port><listen_host>127.0.0.1</listen_host>
<openSSL><server><certificateFile>$top/good.pem</certificateFile><privateKeyFile>$top/good.key</privateKeyFile><dhParamsFile>$top/dh.pem</dhParamsFile>
<verificationMode>none</verificationMode><loadDefaultCAFile>false</loadDefaultCAFile><cacheSessions>true</cacheSessions><preferServerCiphers>true</preferServerCiphers></server></openSSL>
<mark_cache_size>67108864</mark_cache_size><uncompressed_cache_size>0</uncompressed_cache_size><path>$top/$1/data/</path><tmp_path>$top/$1/tmp/</tmp_path>
<user_files_path>$top/$1/files/</user_files_path><users_config>../users.xml</users_config><default_profile>default</default_profile><default_database>default</default_database>$4</yandex>
END
}
server ch 9443 9000 ""
member() { echo "<replica><host>127.0.0.1</host><port>$1</port><user>toride</user><password>a word, &amp; another</password></replica>"; }
for i in 1 2; do
	server r$i 944$((i + 4)) 901$i "<interserver_http_port>902$i</interserver_http_port><interserver_http_host>127.0.0.1</interserver_http_host>
<zookeeper><node><host>127.0.0.1</host><port>2181</port></node><session_timeout_ms>10000</session_timeout_ms></zookeeper><macros><shard>1</shard><replica>r$i</replica></macros>
<distributed_ddl><path>/clickhouse/task_queue/ddl</path></distributed_ddl>
<remote_servers><logs><shard><internal_replication>true</internal_replication>$(member 9011)$(member 9012)</shard></logs></remote_servers>"
done
cat >users.xml <<END
<?xml version="1.0"?>
<yandex><profiles><default><max_memory_usage>2000000000</max_memory_usage></default></profiles>
<users><toride><password_sha256_hex>$(printf '%s' 'a word, & another' | sha256sum | cut -d' ' -f1)</password_sha256_hex><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota></toride></users>
<quotas><default></default></quotas></yandex>
END
start() { begin "$1" clickhouse-server --config-file="$top/$([ "$1" = old ] && echo ch || echo "$1")/config.xml"; }
at() { ip netns exec "$ns" curl -sS --fail-with-body --max-time 30 --cacert ca.pem -H "X-ClickHouse-User: toride" -H "X-ClickHouse-Key: a word, & another" "https://127.0.0.1:$1/" -d "$2"; }
there() { at 9443 "$1"; }

# ---- a node: what the compiler writes of two descriptions

echo 'a word, & another' >state/cluster/secret
orgs='[{"code":"412015","retention_days":396},{"code":"412023","retention_days":396}]'
generation() { # NAME URLS CLUSTER
	echo '{"v":1,"uplinks":["wan0"],"orgs":[{"code":"412015","index":1,"interface":"o412015","publics":[]},{"code":"412023","index":2,"interface":"o412023","publics":[]}]}' >"state/generations/$1/intaked.json"
	[ -z "${2:-}" ] || jq -n --rawfile ca ca.pem --argjson urls "$2" --arg name "${3:-}" --arg place "$1" '{v: 1, urls: $urls, user: "toride", cluster: $name, place: $place, ca: $ca}' >"state/generations/$1/clusterd.json"
	jq -n --argjson orgs "$orgs" --arg urls "${2:-}" --arg name "${3:-}" --arg place "$1" '{v: 1, orgs: $orgs} + if $urls == "" then {} else {cluster: {database: "toride_log", name: $name, place: $place, away_s: 5, of_node: false}} end' >"state/generations/$1/stored.json"
}
ready() { test -s "run/ready/$1"; }
generation old '["https://127.0.0.1:9440", "https://127.0.0.1:9443"]' # nobody is at the first
generation new '["https://127.0.0.1:9444"]'
generation replicas '["https://127.0.0.1:9445", "https://127.0.0.1:9446"]' logs
generation embedded
ln -sfn generations/old state/current
go_over() { ln -sfn "generations/$1" state/current; kill -HUP "${pid[clusterd]}" "${pid[stored]}"; }
# FROM TO: that many pages by proxyd's user, acknowledged by intaked: sealed (wire/events.h)
pages() {
	python3 - "$@" <<-'END'
	import os, socket, struct, sys, json, time
	low, high = int(sys.argv[1]), int(sys.argv[2])
	text = lambda t: struct.pack(">H", len(t)) + t
	frame = lambda m: struct.pack(">I", len(m)) + m
	os.setgroups([]); os.setgid(47102); os.setuid(47102)
	s = socket.socket(socket.AF_UNIX); s.settimeout(120); s.connect("run/events.sock")
	s.sendall(frame(b"\1" + os.urandom(8) + text(b"proxyd/0")))
	n = high - low + 1
	for k in range(n):
	    i = low + k
	    org, net = ("412015", 1) if i % 2 else ("412023", 2)
	    path = "/s/請求書invoice-%d.html" % i if i % 10 == 0 else "/s/page-%d.html" % i
	    e = {"class_uid": 4002, "time": int(time.time() * 1000), "product": "proxyd", "src_endpoint": {"ip": "10.%d.0.%d" % (net, i % 4 + 1), "port": 40000 + i % 1000},
	         "dst_endpoint": {"hostname": "www.news.example", "ip": "203.0.113.80", "port": 443},
	         "http_request": {"http_method": "GET", "url": {"url_string": "https://www.news.example" + path, "hostname": "www.news.example"}},
	         "http_response": {"code": 200 + 204 * (i % 5 == 0)}, "traffic": {"bytes_in": i, "bytes_out": 100}, "action": "Allowed", "disposition": "Allowed", "ref": "N%dE" % i}
	    m = json.dumps(e, ensure_ascii=False, separators=(",", ":")).encode()
	    s.sendall(frame(b"\2" + struct.pack(">Q", k + 1) + text(org.encode()) + struct.pack(">I", len(m)) + m))
	got, done = b"", 0
	while done < n:
	    part = s.recv(65536)
	    if not part: sys.exit("intaked went at %d of %d" % (done, n))
	    got += part
	    while len(got) >= 13:
	        done, got = struct.unpack(">Q", got[5:13])[0], got[13:]
	END
}
asks() { ask_socket search.sock '{"v":1,"do":"log.search","query":"class:http","limit":10000}'; }
# Every page sealed so far, and each of them once.
sealed() { for o in 412015 412023; do "$toride" log tail -n 100000 --org $o; done | grep -F '"product":"proxyd"' | cut -f1 | sort; }
all_once() {
	sealed >sealed; asks | jq -r '.records[].name' | sort >indexed
	[ -s sealed ] && cmp sealed indexed || { comm -3 sealed indexed | head -5; return 1; }
}
alarms() { "$toride" log tail -n 1000 --org service | grep -F '"product":"stored"' | grep -cF "\"activity_name\":\"$1\""; }
said() { grep -qF -- "$2" "log.$1"; }

begin vaultd "$bin/toride-vaultd"; until_true 10 test -S run/vault.sock
daemon intaked; until_true 10 test -S run/events.sock
start old
until_true 30 there "SELECT 1"
daemon clusterd; daemon stored
try "clusterd and stored are ready" until_true 20 eval 'ready clusterd && ready stored'
try "clusterd has no right, no file to write and a filter; stored still has no network to speak of" eval 'grep -qE "^CapEff:\s+0+$" /proc/${pid[clusterd]}/status && grep -qE "^Seccomp:\s+2" /proc/${pid[clusterd]}/status && grep -qE "^Seccomp:\s+2" /proc/${pid[stored]}/status'
[ $bad = 0 ] || exit 1
try "pages are taken in" pages 1 200
[ $bad = 0 ] || exit 1
try "each is in Debian's ClickHouse, over TLS and by name and key" until_true 30 all_once
try "… in tables of its own make, where the database is named" eval 'is "$(there "SELECT count() FROM toride_log.c4002_http_activity")" 200 && is "$(there "SELECT type FROM system.columns WHERE database = '\''toride_log'\'' AND table = '\''c4002_http_activity'\'' AND name = '\''src'\''")" "FixedString(16)"'

# ---- the same questions, whoever is asked

questions() { # WHOSE
	local code words
	python3 "$here/clickhouse_ask.py" run/search.sock >answers 2>&1; tail -n 3 answers >try
	while IFS=$'\t' read -r code words; do ok "$code" "$1: $words"; done < <(grep -P '^[01]\t' answers)
	[ "$(grep -cP '^[01]\t' answers)" = 10 ]; ok $? "$1: ten questions were put"
}
questions "18.16"

# ---- today's ClickHouse in the same place

begin indexd "$bin/toride-indexd"; until_true 60 test -S run/indexd/index.sock
begin front python3 "$here/clickhouse.py" 9444 "$top" other.pem other.key run/indexd/index.sock toride 'a word, & another'
go_over new
try "a server whose certificate is another's isn't spoken to" eval 'until_true 20 eval "asks | jq -se \".[0].ok == false\"" && until_true 20 said clusterd "none of its servers answers" && [ ! -s asked ]'
end front; begin front python3 "$here/clickhouse.py" 9444 "$top" good.pem good.key run/indexd/index.sock toride 'a word, & another'
echo garbage >mode; kill -HUP "${pid[stored]}"
try "one that is no ClickHouse isn't believed" until_true 30 said stored "doesn't say a version of ClickHouse"
echo long >mode; n_asked=$(grep -c . asked)
try "nor one that never ends" until_true 30 eval '[ "$(grep -c . asked)" -gt $((n_asked + 1)) ] && kill -0 ${pid[clusterd]} && kill -0 ${pid[stored]}'
rm mode; kill -HUP "${pid[stored]}" # it asks at once
try "today's, whose database is empty, has each page once" until_true 90 all_once
questions "today's"
grep -F 'CREATE TABLE' asked >made
try "… in tables with an index of words" grep -qF "TYPE text" made
echo 25.8.1.1 >version
ask_socket search.sock '{"v":1,"do":"log.rebuild"}' >/dev/null
try "a rebuild of one that says it is of last year has each page once" until_true 90 eval 'grep -F "TYPE tokenbf_v1" asked && all_once'
questions "one before 26.2"
rm version
ln -sfn generations/old state/current; kill -HUP "${pid[clusterd]}"
try "a place that only the carrier was told of isn't asked by who still means another" until_true 20 eval "asks | jq -se '.[0].ok == false'"
go_over old
try "back at the first, which is gone on with from where it was" eval 'pages 201 210 && until_true 60 all_once && is "$(there "SELECT count() FROM toride_log.owner")" 1'
# ---- away, and killed

told() { [ "$(alarms "$1")" -gt "$2" ]; } # slow steps before may have been told of as well
until_true 20 eval '[ "$(alarms Alarm)" = "$(alarms Start)" ]'; before=$(alarms Alarm) resumed=$(alarms Start)
shoot old
try "the server is killed: pages are taken in all the same" pages 211 3000
try "a search says that it isn't there, and that the records are" eval 'asks | jq -se ".[0] | (.ok | not) and (.why // .error // tostring | tostring | contains(\"records are sealed\"))"'
try "an alarm is raised" until_true 20 told Alarm "$before"
start old
try "it is back, and has each page once" until_true 60 all_once
try "… which is told too" until_true 20 told Start "$resumed"
# Of what isn't a page the index has the name and the columns alone (index/original.h).
started() { ask_socket search.sock '{"v":1,"do":"log.search","query":"product:stored operation:Start","limit":1}' | jq -cse '.[0].records[0]'; }
whole_one() { local q; q=$(started) && is "$(jq -cS .record <<<"$q")" "$("$toride" log show "$(jq -r .name <<<"$q")" | jq -cS .)" && is "$(there "SELECT sum(length(raw)) FROM toride_log.c6002_application_lifecycle")" 0; }
try "what isn't a page is told from its segment" until_true 20 whole_one
segment=state/segments/$(started | jq -r '.name | sub("/[0-9]+$"; "")').seg mode=$(stat -c %a "$segment")
chmod 0 "$segment"
try "… and where that can't be read, from the columns that are there" eval 'started | jq -se ".[0].record | (.message | test(\"log verify\")) and .product == \"stored\" and .activity_name == \"Start\" and .class_uid == 6002 and .org == \"service\" and .time > 1e12"'
chmod "$mode" "$segment"
try "… and then whole again" whole_one

# ---- two replicas, and their keeper

end front; end indexd
mkdir keeper
printf 'tickTime=1000\ndataDir=%s\nclientPort=2181\nclientPortAddress=127.0.0.1\nadmin.enableServer=false\nmaxClientCnxns=0\n4lw.commands.whitelist=ruok\n' "$top/keeper" >keeper.cfg
jars=$(printf '/usr/share/java/%s.jar:' zookeeper{,-jute} slf4j-{api,simple} commons-{cli,io} metrics-core netty-{all,handler} snappy-java jackson-{databind,core,annotations})
begin keeper java -Xmx96m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$jars" org.apache.zookeeper.server.quorum.QuorumPeerMain keeper.cfg
until_true 30 eval '{ echo ruok; sleep 0.2; } | ip netns exec "$ns" nc -w 2 127.0.0.1 2181 | grep -q imok'
rows() { at "944$(($1 + 4))" "SELECT count() FROM toride_log.c4002_http_activity"; }
alike() { local a b; a=$(rows 1) && b=$(rows 2) && is "$a" "$b"; }
# A server that ends by itself is started again, as on any machine: 18.16 does when its keeper is slow to answer (DDLWorker).
up() { local r; for r; do kill -0 "${pid[r$r]:-}" 2>/dev/null || start "r$r"; at "944$((r + 4))" "SELECT 1" || return; done; }
until_true 30 up 1 2
go_over replicas
try "two replicas have each page once" until_true 90 eval 'up 1 2 && all_once'
try "… either of them" until_true 30 eval 'up 1 2 && alike'
long() { for i in 5 6; do at 944$i "SELECT count() FROM system.processes WHERE position(query, 'LIMIT 1000000000000)') > 0 AND position(query, 'system.processes') = 0"; done | awk '{ n += $1 } END { print n }'; }
curl -s --unix-socket run/cluster.sock "http://x/?place=replicas" -d "SELECT count() FROM (SELECT number FROM system.numbers LIMIT 1000000000000)" >answer & asker=$!
try "a long question runs there" until_true 20 eval 'is "$(long)" 1'
kill -9 $asker; wait $asker 2>/dev/null
try "its asker is killed: the server has ended it" until_true 20 eval 'is "$(long)" 0'
shoot r1; pages 3001 3200
try "the one that is asked is killed: the other is filled on, and has each page once" until_true 60 eval 'up 2 && all_once'
last=3200 # it learns of it when it has more to give
try "… and it is told that there is one copy" until_true 20 eval 'last=$((last + 1)); pages $last $last && up 2 && said clusterd "rows go into one"'
start r1; until_true 30 up 1 2
try "it is back, and catches up" until_true 60 eval 'up 1 2 && alike'
turns() { pages 4001 5000 & local writer=$!; for r in 2 1 2; do until_true 30 eval '[ "$(rows 1)" -gt 3200 ]'; shoot r$r; start r$r; until_true 30 eval "up 1 2 && rows $r"; done; wait $writer; }
try "each is killed in turn while pages come" turns
try "each page is there once" until_true 60 eval 'up 1 2 && all_once && alike'
kill -STOP "${pid[r1]}"; shoot clusterd; daemon clusterd; kill -HUP "${pid[stored]}"; pages 5001 5010
try "one that doesn't answer, and may still write what it was given, is waited for" until_true 40 said stored "may still be written"
kill -CONT "${pid[r1]}"
try "… and then each page is there once" until_true 60 eval 'up 1 2 && all_once && alike'
go_over old; end r2 -KILL; end r1 -KILL; end keeper -KILL

three() { pages 5011 9000 & local writer=$!; for p in clusterd stored old; do until_true 30 eval '[ "$(there "SELECT count() FROM toride_log.c4002_http_activity")" -gt 5010 ]'; shoot $p; [ $p = old ] && start old || daemon $p; until_true 30 there "SELECT 1"; done; wait $writer; }
try "clusterd, stored and the server are killed while pages come" three
try "each page is there once" until_true 60 all_once

# ---- refused

echo wrong >state/cluster/secret; kill -HUP "${pid[clusterd]}"
last=9000 # it is asked when there is something to give it
try "a wrong password is told as such" until_true 20 eval 'last=$((last + 1)); pages $last $last && said stored "refuses our name or key"'
try "… and isn't in any log" eval '! grep -rF "another" log.clusterd log.stored'
echo 'a word, & another' >state/cluster/secret; kill -HUP "${pid[clusterd]}"
end clusterd; end stored; mv state/index-fill mine; mkdir state/index-fill
daemon clusterd; daemon stored
try "another installation's database isn't filled" until_true 20 said stored "another installation's records are in the database"
try "… nor asked" eval 'asks | jq -se ".[0] | (.ok | not) and (has(\"records\") | not)"'
try "… not a row" eval 'is "$(there "SELECT count() FROM toride_log.owner")" 1'
end stored; rm -rf state/index-fill; mv mine state/index-fill; daemon stored
try "our own is, as before" until_true 40 all_once
end stored
for i in $(seq 5000); do printf '%06d/events-%d/000001/0\n' $((100000 + i / 20)) $((i % 20 + 1)); done >>"$(ls -d state/index-fill/*/ | while read -r d; do [ "$(there "SELECT id FROM toride_log.owner")" != "$(basename "$d")" ] || echo "$d"; done)place"
daemon stored
try "5,000 series are more than one question may name: it is filled on, each page once" eval 'until_true 20 ready stored && last=$((last + 1)) && pages $last $last && until_true 60 all_once'

try "the log is intact" eval '"$toride" log verify --json | jq -se ".[-1].ok"'

echo "1..$n"
exit $bad
