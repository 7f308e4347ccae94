#!/bin/bash
# Each engine takes twenty changes of one body's (or the service's) description while a terminal of every one of Saga's 21 bodies goes on asking, visitors
# ask for every public site and resolvers for every zone: not one request may fail. Then all of it once more, and what every process holds is compared
# with what it held after the first time (a heap has found its size by then; Unbound's after some forty reloads, so it gets as many): it must be flat.
. "$(dirname "$0")/lab.sh"
. "$here/everybody.sh"
times=${BENCH_TIMES:-20}
# name, file of the description, jq that changes it
changes=(
	filter orgs/412015.json '.fw += [{"id":"bench","direction":"out","action":"allow","to":["203.0.113.25"],"protocol":"tcp","port_low":2525,"port_high":2525,"comment":"b","owner":"b"}]'
	proxy orgs/412015.json '.url.black += ["bench.example"]'
	resolver service.json '.black += ["bench.malware.example"]'
	sites orgs/412015.json '.sites[0].cache_s = 7'
	zones orgs/412015.json '.zones[0].records += [{"name":"bench","type":"A","data":"198.51.100.101"}]'
	inspection orgs/412015.json '.ips = (if .ips == "detect" then "prevent" else "detect" end)'
	bandwidth orgs/412015.json '.ceiling_mbps -= 1'
	notices orgs/412015.json '.contacts[0].phone = "0000-99-0001"'
)
held() { toride status --json | jq -s '[.[].processes[]? | select(.rss_bytes) | {(.name): .rss_bytes}] | add'; }

lab_up
cp -rT "$lab/description" "$work/base"
for f in "$work"/base/service.json "$work"/base/orgs/*.json; do sed -i '/^\/\//d' "$f"; done
base=$(approved "$work/base") && toride apply "$base" >/dev/null || die "the base isn't applied"
outside "$work/base" 412023
everybody $(cd "$work/base/orgs" && ls | sed 's/\.json$//' | grep -v "$(cd "$work/base/orgs" && grep -l whitelist_only *.json | sed 's/\.json//')")
for turn in warm measured; do
	for ((i = 0; i < ${#changes[@]}; i += 3)); do
		name=${changes[i]}
		if [ $turn = warm ]; then
			rm -rf "$work/$name" && cp -r "$work/base" "$work/$name"
			jq "${changes[i + 2]}" "$work/base/${changes[i + 1]}" >"$work/$name/${changes[i + 1]}" || die "$name: cannot be written"
			approved "$work/$name" >"$work/$name.digest" || die "$name isn't accepted"
		fi
		rounds=$((times / 2))
		[ $turn$name != warmresolver ] || rounds=$((times * 3 / 2))
		for ((k = 0; k < rounds; k++)); do
			timed "$work/$name.apply" toride apply "$(cat "$work/$name.digest")"
			timed "$work/$name.apply" toride apply "$base"
		done
		[ $turn = warm ] || say "$name: $times changes, median $(median <"$work/$name.apply") s; $(failed) of $(asked) requests failed until now"
	done
	[ $turn = measured ] || { sleep 3; held >"$work/before"; }
done
everybody_ends
sleep 3
held >"$work/after"
jq -rs '.[0] as $a | .[1] | to_entries[] | select($a[.key]) | "\(.key) \($a[.key]) \(.value)"' "$work/before" "$work/after" | while read -r name a b; do
	say "$name: $((a / 1024)) KiB before, $((b / 1024)) KiB after"
	calc "$b / $a"
	echo
done >"$work/grown"
say "$(unasked) more were never asked, by a client without a processor"
figure reload.others_failed "$(failed)" requests - - 0 atmost
figure reload.memory "$(worst <"$work/grown")" times - - 1.1 atmost
