#!/bin/bash
# Compiling is pure: the same description gives the same bytes, whatever the clock, the directory and the environment
# say; and exactly the expected ones. After a wanted change: test/golden/golden.t --update, and read the difference.
cd "$(dirname "$0")/../.."
T=$PWD/${TORIDE_BUILD:-build}/toride
W=$(mktemp -d); trap 'rm -rf "$W"' EXIT
n=0 bad=0
ok() { n=$((n + 1)); if [ "$1" -eq 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; bad=1; fi; }
for d in test/golden/*/; do
	name=$(basename "$d")
	"$T" compile "$d/description" -o "$W/$name" >/dev/null; ok $? "$name: compiles"
	cp -r "$d/description" "$W/moved"
	(cd / && env -i HOME=/nonexistent TZ=Asia/Tokyo LANG=ja_JP.UTF-8 "$T" compile "$W/moved" -o "$W/again" >/dev/null)
	diff -r "$W/$name" "$W/again"; ok $? "$name: the same bytes from another place, zone and language"
	rm -rf "$W/moved" "$W/again"
	# The description and its digest change with every schema row and are held by tests of their own.
	rm "$W/$name/description.json" "$W/$name/manifest.json"
	sed -i -E "s/sha256:[0-9a-f]{64}/sha256:DIGEST/" "$W/$name/nginx/nginx.conf"
	if [ "${1:-}" = --update ]; then rm -rf "$d/expected"; cp -r "$W/$name" "$d/expected"; fi
	diff -r "$d/expected" "$W/$name"; ok $? "$name: every file as expected"
done
"$T" compile examples/saga -o "$W/saga" >/dev/null; ok $? "saga: compiles"
unshare -n nft -c -f "$W/saga/nft/toride.nft"; ok $? "saga: nft takes the filter"
echo "1..$n"
exit $bad
