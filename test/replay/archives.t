#!/bin/bash
# Archives and documents of other projects' test suites, many of them broken on purpose, through toride-scand as shipped: in place from
# $TORIDE_CORPORA/{libarchive,poi,oletools} (doc/CORPORA.md). Each gets a verdict, no worker dies or runs out of time, and what
# isn't clean is so for a reason that stands in archives.known. Then EICAR in whatever bsdtar and 7z write.
set -u
cd "${TORIDE_SOURCE:-$(dirname "$0")/../..}" || exit 1
src=$PWD bin=${TORIDE_BIN:-$PWD/build} corpora=${TORIDE_CORPORA:-/nonexistent} PATH=/usr/sbin:$PATH
skip() { echo "ok 1 - # SKIP $*"; echo "1..1"; exit 0; }
[ "$(id -u)" = 0 ] || skip "needs root"
[ -d "$corpora/libarchive/libarchive/test" ] || [ -d "$corpora/poi/test-data" ] || [ -d "$corpora/oletools/tests" ] ||
	skip "other projects' archives: none of \$TORIDE_CORPORA/{libarchive,poi,oletools} is there"
top=$(mktemp -d /tmp/toride-archives.XXXXXX) work=$top
. test/system/lib.sh
export TORIDE_STATE=$work/state TORIDE_RUN=$work/run TORIDE_RULES=$src/rules
pids=
trap 'kill $pids 2>/dev/null; wait 2>/dev/null; rm -rf "$work"' EXIT
chmod 755 "$work"
mkdir -p "$TORIDE_STATE"/generations/aa "$TORIDE_STATE"/feeds/clamav "$TORIDE_RUN"/{stats,ready,clamd,scand} "$work"/{libarchive,poi,oletools,eicar}
ln -s generations/aa "$TORIDE_STATE/current"
tools/mkclamdb "$TORIDE_STATE/feeds/clamav"; chmod -R a+rX "$TORIDE_STATE"; chmod 777 "$TORIDE_RUN/clamd"
printf '{"max_bytes":67108864,"clamd_socket":"%s","database":"%s","orgs":{}}' "$TORIDE_RUN/clamd/clamd.sock" "$TORIDE_STATE/feeds/clamav" >"$TORIDE_STATE/current/scand.json"
{ printf 'Foreground yes\nLocalSocket %s\nDatabaseDirectory %s\nTemporaryDirectory %s\n' "$TORIDE_RUN/clamd/clamd.sock" "$TORIDE_STATE/feeds/clamav" "$TORIDE_RUN/clamd"
  printf 'LocalSocketMode 666\nMaxFileSize 64M\nMaxScanSize 256M\nAlertExceedsMax yes\nAlertEncrypted yes\n'; } >"$work/clamd.conf"
clamd -c "$work/clamd.conf" >"$work/clamd.log" 2>&1 & pids="$pids $!"
"$bin/toride-scand" >"$work/scand.log" 2>&1 & scand=$!; pids="$pids $scand"
try "scand and clamd are there" until_true 60 eval '[ -S "$TORIDE_RUN/verdict.sock" ] && [ -S "$TORIDE_RUN/clamd/clamd.sock" ]'

# judge NAME: all files of $work/NAME into $work/NAME.result: verdict, type, reason, path
judge() {
	(cd "$work/$1" && find . -type f -size +0 -size -64M -printf '%P\0' | sort -z | timeout 300 xargs -0 -n 20 -P 3 "$bin/toride" scan --json 2>>"$work/said") |
		jq -r '[.verdict, .type // "-", .reason // .malware // "-", .path] | @tsv' >"$work/$1.result"
}
# suite NAME: what is there is judged, and compared with what is known.
suite() {
	local files
	files=$(find "$work/$1" -type f -size +0 -size -64M | wc -l)
	[ "$files" -gt 0 ] || { echo "ok $((++n)) - # SKIP $1: \$TORIDE_CORPORA/$1 isn't there"; return; }
	judge "$1"
	cp "$work/$1.result" "build/archives-$1" # all of it, for who wants to look
	echo "# $1: $files files: $(cut -f1 "$work/$1.result" | sort | uniq -c | sort -rn | tr -s ' \n' ' ')"
	try "$1: each file has its verdict" is "$(wc -l <"$work/$1.result")" "$files"
	try "$1: no worker died or ran out of time" eval "! grep -P '^error|\\t(the worker .*|no worker .*|time|rules take too long)\\t' $work/$1.result | grep -vf <(sed -n 's,^$1/\\(.*\\)\\tdies.*,\\1,p' test/replay/archives.known)"
	sed -n "s,^$1/,,p" test/replay/archives.known | sed 's/\tdies/\tunscannable/' | cut -f1,2 | sort >"$work/known"
	awk -F'\t' '$1 != "clean" { print $4 "\t" $1 }' "$work/$1.result" | sort >"$work/not"
	try "$1: what isn't clean is known, and why" eval "! comm -13 $work/known $work/not | grep ."
	try "$1: and what is known isn't clean" eval "! comm -23 $work/known $work/not | grep ."
}
[ ! -d "$corpora/libarchive/libarchive/test" ] || for f in "$corpora"/libarchive/libarchive/test/*.uu; do
	perl -ne 'if (/^begin \d+ /) { $in = 1; next } last if /^end/; print unpack "u", $_ if $in' "$f" >"$work/libarchive/$(basename "$f" .uu)"
done
[ ! -d "$corpora/poi/test-data" ] || cp -r "$corpora/poi/test-data/." "$work/poi/"
[ ! -d "$corpora/oletools/tests" ] || cp -r "$corpora/oletools/tests/." "$work/oletools/"
suite libarchive; suite poi; suite oletools

# ---- EICAR in what these programs write: found, or refused as unscannable; never clean
cd "$work/eicar" || exit 1
printf '%s' 'X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*' >in.bin
mkdir out
for format in 7zip cpio iso9660 pax ustar gnutar v7tar zip ar_bsd ar_svr4 newc odc bin pwb xar raw; do
	for filter in '' --gzip --bzip2 --xz --zstd --lz4 --lzma --lzip --compress; do
		bsdtar -cf "out/$format$filter" --format=$format $filter in.bin 2>/dev/null || rm -f "out/$format$filter"
	done
done
for m in Copy Deflate Deflate64 BZip2 LZMA PPMd; do 7z a -tzip -mm=$m "out/zip.$m" in.bin >/dev/null; done
for m in Copy LZMA LZMA2 PPMd BZip2 Deflate; do 7z a -t7z -m0=$m "out/7z.$m" in.bin >/dev/null; done
for t in gzip bzip2 xz tar wim; do 7z a -t$t "out/t.$t" in.bin >/dev/null; done
rm in.bin
judge eicar
echo "# EICAR in $(wc -l <"$work/eicar.result") kinds: $(cut -f1 "$work/eicar.result" | sort | uniq -c | tr -s ' \n' ' ')"
try "EICAR in seventy kinds of containers and more" eval '[ "$(wc -l <"$work/eicar.result")" -ge 70 ]'
try "is found, or the container refused" eval "! grep -v '^malicious\|^unscannable' $work/eicar.result"
awk -F'\t' '$1 == "unscannable" { print $4 }' "$work/eicar.result" | sed 's/^/# refused: /'
try "and found in most" eval '[ "$(grep -c ^malicious "$work/eicar.result")" -ge 60 ]'

try "scand is still the same process" kill -0 $scand
echo "1..$n"
exit ${bad:-0}
