#!/bin/bash
# Searching the largest store that fits: one heavy week in the index's own tables, and a year of light days around it. The rows are made by the
# engine itself, in the shape of bench-index's records (two thirds pages, a third questions, SEARCH_BODIES (21) bodies): what is measured is the search, by
# stored's own code, not how the rows came in. SEARCH_RECORDS (14,000,000) is of the week, SEARCH_YEAR (3,650,000) of the other days. Data lies in
# SEARCH_DIR (build/bench-search.d), and stays there with SEARCH_KEEP=1, to be asked again. Peer: the engine reading every record of the same body
# and week for the word, without an index of words.
. "$(dirname "$0")/lib.sh"
[ -e "$build/libchdb.so" ] || die "libchdb.so isn't there: make setup fetches it"
week=${SEARCH_RECORDS:-14000000} year=${SEARCH_YEAR:-3650000} keep=${SEARCH_KEEP:-}
d=${SEARCH_DIR:-$build/bench-search.d}
[ -e "$d/last" ] || rm -rf "$d/state" # of a run that ended before its store was whole
mkdir -p "$d/state" "$d/run/indexd"
export TORIDE_STATE=$d/state TORIDE_RUN=$d/run
sock=$d/run/indexd/index.sock
begin() { "$build/toride-indexd" 2>>"$d/log" & engine=$!; pids=($engine); for _ in $(seq 600); do [ -S "$sock" ] && curl -sf --max-time 10 --unix-socket "$sock" http://x/ -d 'SELECT 1' >/dev/null && return; sleep 0.1; done; die "indexd doesn't start: $(tail -n 2 "$d/log")"; }
stop() { kill "$engine"; for _ in $(seq 600); do kill -0 "$engine" 2>/dev/null || break; sleep 0.1; done; ! kill -9 "$engine" 2>/dev/null || say "indexd had to be killed"; wait "$engine" 2>/dev/null; rm -f "$sock"; }
trap 'ended; [ -n "$keep" ] || { rm -rf "$d/state" "$d/run" "$d/log" "$d/last"; rmdir --ignore-fail-on-non-empty "$d"; }' EXIT
ask() { local said; said=$(curl -sS --max-time 3600 --fail-with-body --unix-socket "$sock" http://x/ -d "$1") || die "the engine says no: ${said:0:300}"; printf '%s\n' "$said"; }

# rows DAY(YYYY-MM-DD) RECORDS: pages and questions spread over the day, as of the bench's end
rows() {
	local pages=$(($2 * 2 / 3)) names=$(($2 / 3)) common="cityHash64(number, '$1') AS h, concat('4', leftPad(toString(12015 + 8 * if(number % 60000 = 0, 0, h % ${SEARCH_BODIES:-21})), 5, '0')) AS o,
		toDateTime64('$1 00:00:00', 3, 'Asia/Tokyo') AS d, toUInt64(86400000 * number / N) AS at, toUnixTimestamp64Milli(d) + at AS ms_utc, fromUnixTimestamp64Milli(ms_utc, 'UTC') AS t,
		toUInt32(pow(20000, (h % 1000003) / 1000003.)) - 1 AS site, bitShiftRight(h, 20) % 12500 AS a, bitShiftRight(h, 34) % 5000 AS page,
		concat('10.', toString(1 + intDiv(a, 65536)), '.', toString(intDiv(a, 256) % 256), '.', toString(a % 256)) AS ip, concat('www.site', toString(site), '.example.jp') AS name,
		toString(ms_utc) AS ms_text"
	ask "INSERT INTO toride.c4002_http_activity (org, time, arrival, class, product, action, disposition, src, srcport, dst, dstport, host, url, method, code, agent, rule, verdict, ref, \`in\`, out, ms, series, segment, idx, words, raw)
	WITH ${common//N/$pages}, concat(if(number % 60000 = 0, '/p/rareword/', '/p/'), toString(page), '.html') AS path, hex(toUInt32(h)) AS number_shown, concat('203.0.113.', toString(site % 254)) AS to
	SELECT o, t, t, 4002, 'proxyd', 'Allowed', 'Allowed', toIPv6(concat('::ffff:', ip)), 1024 + page, toIPv6(concat('::ffff:', to)), 443, name, concat('https://', name, path), 'GET', 200,
		'Mozilla/5.0 (Windows NT 10.0; Win64; x64)', 'url.default', 'clean', number_shown, page * 31, 412, page % 400, 'events', toYYYYMMDD(d) % 1000000, number,
		lower(concat(ms_text, '\n', o, '\nproxyd/0\n9f3c5a1d20b7e64c\n', toString(number), '\n4002\n', ms_text, '\nproxyd\n', number_shown, '\n', ip, '\n', toString(1024 + page), '\n', name, '\n', to, '\n443\nGET\nMozilla/5.0 (Windows NT 10.0; Win64; x64)\nhttps://', name, path, '\nhttps\n', name, '\n', path, '\n200\ntext/html\n', toString(page * 31), '\n', toString(page * 31), '\n412\n', toString(page % 400), '\nTLSv1.3\n', name, '\nAllowed\nAllowed\nurl.default\nclean\n')),
		concat('{\"ingest_time\":', ms_text, ',\"org\":\"', o, '\",\"intake\":{\"source\":\"proxyd/0\",\"boot\":\"9f3c5a1d20b7e64c\",\"sequence\":', toString(number), '},\"class_uid\":4002,\"time\":', ms_text, ',\"product\":\"proxyd\",\"ref\":\"', number_shown, '\",\"src_endpoint\":{\"ip\":\"', ip, '\",\"port\":', toString(1024 + page), '},\"dst_endpoint\":{\"hostname\":\"', name, '\",\"ip\":\"', to, '\",\"port\":443},\"http_request\":{\"http_method\":\"GET\",\"user_agent\":\"Mozilla/5.0 (Windows NT 10.0; Win64; x64)\",\"url\":{\"url_string\":\"https://', name, path, '\",\"scheme\":\"https\",\"hostname\":\"', name, '\",\"path\":\"', path, '\"}},\"http_response\":{\"code\":200,\"content_type\":\"text/html\",\"length\":', toString(page * 31), '},\"traffic\":{\"bytes_in\":', toString(page * 31), ',\"bytes_out\":412},\"duration\":', toString(page % 400), ',\"tls\":{\"version\":\"TLSv1.3\",\"sni\":\"', name, '\",\"intercepted\":true},\"action\":\"Allowed\",\"disposition\":\"Allowed\",\"rule\":{\"uid\":\"url.default\"},\"verdict\":\"clean\"}')
	FROM numbers($pages) SETTINGS max_threads = 1, max_insert_threads = 1, max_memory_usage = 4000000000"
	ask "INSERT INTO toride.c4003_dns_activity (org, time, arrival, class, product, action, disposition, src, srcport, dst, dstport, host, qtype, rcode, \`in\`, ms, series, segment, idx, words, raw)
	WITH ${common//N/$names}, concat('203.0.113.', toString(site % 254)) AS to
	SELECT o, t, t, 4003, 'unbound', 'Allowed', 'Allowed', toIPv6(concat('::ffff:', ip)), 1024 + page, toIPv6('::ffff:100.64.1.53'), 53, name, 'A', 'NOERROR', 96, 3, 'events', toYYYYMMDD(d) % 1000000, $pages + number,
		lower(concat(ms_text, '\n', o, '\n4003\n', ms_text, '\nunbound\n', ip, '\n', toString(1024 + page), '\n100.64.1.53\n53\n', name, '\nA\nNOERROR\nA\n', to, '\n300\n96\n3\nAllowed\nAllowed\n')),
		concat('{\"ingest_time\":', ms_text, ',\"org\":\"', o, '\",\"class_uid\":4003,\"time\":', ms_text, ',\"product\":\"unbound\",\"src_endpoint\":{\"ip\":\"', ip, '\",\"port\":', toString(1024 + page), '},\"dst_endpoint\":{\"ip\":\"100.64.1.53\",\"port\":53},\"query\":{\"hostname\":\"', name, '\",\"type\":\"A\"},\"rcode\":\"NOERROR\",\"answers\":[{\"type\":\"A\",\"rdata\":\"', to, '\",\"ttl\":300}],\"traffic\":{\"bytes_in\":96},\"duration\":3,\"action\":\"Allowed\",\"disposition\":\"Allowed\"}')
	FROM numbers($names) SETTINGS max_threads = 1, max_insert_threads = 1, max_memory_usage = 4000000000"
}
day_before() { TZ=Asia/Tokyo date -d "$last -$1 days" +%F; }

begin
if [ -e "$d/last" ]; then
	last=$(<"$d/last")
else
	last=$(TZ=Asia/Tokyo date -d yesterday +%F)
	"$build/bench-index" schema "$sock" || die "no tables"
	for i in $(seq 7 371); do [ "$year" -lt 365 ] || rows "$(day_before "$i")" $((year / 365)); done
	at="toDateTime64('$(day_before 200) 10:00:00', 3, 'Asia/Tokyo')"
	ask "INSERT INTO toride.c4002_http_activity (org, time, arrival, class, product, series, segment, idx, words, raw) SELECT '412015', $at, $at, 4002, 'proxyd', 'events', 1, 1, 'onceword\n', '{\"class_uid\":4002}'"
	for i in $(seq 0 6); do say "day $i of the week"; rows "$(day_before "$i")" $((week / 7)); done
	echo "$last" >"$d/last"
fi
all=$(ask "SELECT count() FROM toride.events") || exit
read -r size bytes < <(ask "SELECT sum(bytes_on_disk) / sum(rows), sum(bytes_on_disk) FROM system.parts WHERE active AND database = 'toride'") || exit
say "$all records, $bytes bytes on disk, $(ask "SELECT count() FROM system.parts WHERE active AND database = 'toride'") parts"
figure search.store "$all" records - - - -
figure search.size "$(calc "$size" 3)" bytes/record - - - -
org=412015
end=$(date -d "$last 24:00:00 JST" +%s 2>/dev/null || TZ=Asia/Tokyo date -d "$last +1 day" +%s)
cpu() { awk '{ print ($14 + $15) * 10 }' "/proc/$engine/stat"; }
asked() { "$build/bench-index" search "$sock" "$1" "$2" "$(($end - $3 * 86400))000" "${end}000"; }
# NAME WORD DAYS FOUND [ORG]: one search of so many days up to the end, cold and warm (median of five), and the engine's own work in ms of CPU: on a busy machine
# the only one of these that says much. Peer: the same body's rows of those days read for the word.
one() {
	stop; sync; echo 3 >/proc/sys/vm/drop_caches 2>/dev/null; begin
	local cold warm found peer=- ratio_cold=- ratio_warm=- i who=${5-$org} from=$((end - $3 * 86400)) before after
	before=$(cpu); read -r cold found < <(asked "$2" "$who" "$3"); after=$(cpu)
	[ "$found" = "$4" ] || die "$2: found $found"
	figure "search.$1.cold.cpu" $((after - before)) ms - - - -
	before=$(cpu)
	for i in 1 2 3 4 5; do asked "$2" "$who" "$3" >>"$work/warm.$1"; done
	after=$(cpu)
	warm=$(sort -g "$work/warm.$1" | sed -n '3s/ .*//p')
	figure "search.$1.warm.cpu" $(((after - before) / 5)) ms - - - -
	if [[ $2 =~ ^[a-z0-9]+$ && $who = "$org" ]]; then
		peer=$(date +%s%N)
		ask "SELECT count() FROM toride.events WHERE org = '$org' AND time >= fromUnixTimestamp64Milli(${from}000) AND time < fromUnixTimestamp64Milli(${end}000) AND hasToken(words, '$2') SETTINGS use_skip_indexes = 0, max_execution_time = 600" >"$work/peer"
		peer=$((($(date +%s%N) - peer) / 1000000)); ratio_cold=$(calc "$peer/$cold") ratio_warm=$(calc "$peer/$warm")
	fi
	local name=scan; [ "$peer" != - ] || name=-
	figure "search.$1.cold" "$cold" ms $name "$peer" "$ratio_cold" -
	figure "search.$1.warm" "$warm" ms $name "$peer" "$ratio_warm" -
	most=$(awk -v m="${most:-0}" '/VmHWM/ { v = int($2 / 1024); print v > m ? v : m }' "/proc/$engine/status")
}
figure search.week.of_the_body "$(ask "SELECT count() FROM toride.events WHERE org = '$org' AND time >= fromUnixTimestamp64Milli($((end - 7 * 86400))000) AND time < fromUnixTimestamp64Milli(${end}000)")" records - - - -
for d in day:1 week:7 year:372; do
	one "common.${d%:*}" html "${d#*:}" 1
	one "rare.${d%:*}" rareword "${d#*:}" 1
	one "none.${d%:*}" nosuchword "${d#*:}" 0
done
one once.year onceword 372 1
one two_words.week "rareword html" 7 1
one host.week host:www.site77.example.jp 7 1
one address.week src:10.1.3.77 7 1
one common.week.all html 7 1 41
one rare.week.all rareword 7 1 41
one none.year.all nosuchword 372 0 41
figure search.memory "$most" MiB - - - -
