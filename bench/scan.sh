#!/bin/bash
# What walking through archives costs beside clamd, cold: files never seen, the synthetic database, CPU-seconds a GB unpacked.
# Peer: clamd alone on the same files. The second figure is clamd's own part of what Toride takes.
. "$(dirname "$0")/lib.sh"
command -v clamd >/dev/null || die "clamd isn't installed"
src=$here/..
export TORIDE_STATE=$work/state TORIDE_RUN=$work/run TORIDE_RULES=$src/rules
mkdir -p "$TORIDE_STATE"/generations/aa "$TORIDE_STATE"/feeds "$TORIDE_RUN"/{stats,ready,clamd,scand} "$work/files"
ln -s generations/aa "$TORIDE_STATE/current"
"$src/tools/mkclamdb" --large "$TORIDE_STATE/feeds/clamav"
cat >"$TORIDE_STATE/current/scand.json" <<END
{"max_bytes":100000000,"clamd_socket":"$TORIDE_RUN/clamd/clamd.sock","database":"$TORIDE_STATE/feeds/clamav","orgs":{}}
END
cat >"$work/clamd.conf" <<END
Foreground yes
User root
LocalSocket $TORIDE_RUN/clamd/clamd.sock
DatabaseDirectory $TORIDE_STATE/feeds/clamav
TemporaryDirectory $TORIDE_RUN/clamd
MaxFileSize 100M
MaxScanSize 400M
DisableCache yes
AlertExceedsMax yes
AlertEncrypted yes
END
# 8 archives of words, markup and noise, half of them zip and half tar.gz, each different.
for i in $(seq 8); do
	d=$work/files/$i; mkdir "$d"
	for k in 1 2 3 4 5; do seq -f "$i $k line %g of a report nobody has read" 12000 >"$d/$k.txt"; done
	head -c 300000 /dev/urandom >"$d/noise.bin"
	{ echo '<html><body>'; seq -f "<p>$i paragraph %g</p>" 8000; echo '</body></html>'; } >"$d/page.html"
	if [ $((i % 2)) = 0 ]; then (cd "$d" && zip -q -r ../$i.zip .); else tar -C "$d" -czf "$work/files/$i.tgz" .; fi
done
unpacked=$(du -sb "$work"/files/*/ | awk '{n += $1} END {print n}')
clamd -c "$work/clamd.conf" >"$work/clamd.log" 2>&1 & clamd_pid=$!; pids+=($clamd_pid)
"$build/toride-scand" >"$work/scand.log" 2>&1 & scand_pid=$!; pids+=($scand_pid)
for _ in $(seq 300); do [ -S "$TORIDE_RUN/clamd/clamd.sock" ] && [ -S "$TORIDE_RUN/verdict.sock" ] && break; sleep 0.2; done
"$build/toride" scan "$src/README.md" >/dev/null || die "no verdict: $(tail -n 1 "$work/scand.log")"

say "clamd alone"
before=$(ticks $clamd_pid)
for f in "$work"/files/*.zip "$work"/files/*.tgz; do
	perl -MIO::Socket::UNIX -e '$s = IO::Socket::UNIX->new($ARGV[0]) or die; print $s "zSCAN $ARGV[1]\0"; $s->flush; local $/; exit(<$s> =~ /OK/ ? 0 : 1)' \
		"$TORIDE_RUN/clamd/clamd.sock" "$f" || die "clamd doesn't scan $f"
done
alone=$(($(ticks $clamd_pid) - before))
say "with the walk"
before=$(ticks $clamd_pid) before_scand=$(ticks $scand_pid)
for f in "$work"/files/*.zip "$work"/files/*.tgz; do "$build/toride" scan "$f" >/dev/null || die "not clean: $f"; done
sleep 0.3 # the last worker is reaped
share=$(($(ticks $clamd_pid) - before)) walk=$(($(ticks $scand_pid) - before_scand))
gb() { calc "$1 / $hz / $unpacked * 1e9"; }
figure scan.archive.cold "$(gb $((share + walk)))" s/GB clamd "$(gb $alone)" "$(calc "$alone / ($share + $walk)" 3)" -
figure scan.archive.clamd_share "$(calc "100 * $share / ($share + $walk)" 3)" % - - - -
