#!/bin/bash
# toride-scand as shipped, confined, with a real clamd and a synthetic database: EICAR and Debian's test files are found,
# clamd's death and new signatures are survived, and hostile bytes on the socket harm nobody.
set -u
src=${TORIDE_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
bin=${TORIDE_BIN:-$src/build}
PATH=/usr/sbin:$PATH
skip() { echo "1..0 # skip $*"; echo "ok 1 - # skip $*"; exit 0; }
command -v clamd >/dev/null || skip "clamd isn't installed"
[ "$(id -u)" = 0 ] || skip "needs root"

work=$(mktemp -d /tmp/toride-scan.XXXXXX)
top=$work
. "$src/test/system/lib.sh"
show=("$work/scand.log")
export TORIDE_STATE=$work/state TORIDE_RUN=$work/run TORIDE_RULES=$src/rules
clamd_pid='' scand_pid=''
ended() {
	for p in $clamd_pid $scand_pid; do kill "$p" 2>/dev/null; done
	wait 2>/dev/null
	rm -rf "$work"
}
trap ended EXIT
mkdir -p "$TORIDE_STATE"/generations/aa "$TORIDE_STATE"/feeds "$TORIDE_RUN"/{stats,ready,clamd,scand}
chmod 755 "$work"
clam=47110 scan=47103 # USER_CLAM, USER_SCAN: the directory is as torided makes it, the socket's mode as it is compiled
chown $clam:$scan "$TORIDE_RUN/clamd"; chmod 2750 "$TORIDE_RUN/clamd"
ln -s generations/aa "$TORIDE_STATE/current"
db=$TORIDE_STATE/feeds/clamav
"$src/tools/mkclamdb" "$db"; chmod -R a+rX "$TORIDE_STATE"
cat >"$TORIDE_STATE/current/scand.json" <<END
{"max_bytes":2000000,"clamd_socket":"$TORIDE_RUN/clamd/clamd.sock","database":"$db","clamd_mute_s":3,"orgs":{}}
END
cat >"$work/clamd.conf" <<END
Foreground yes
LocalSocket $TORIDE_RUN/clamd/clamd.sock
$(grep ^LocalSocketMode "$src/test/golden/two/expected/clamd/clamd.conf")
FixStaleSocket yes
DatabaseDirectory $db
TemporaryDirectory $TORIDE_RUN/clamd
MaxFileSize 2M
MaxScanSize 20M
AlertExceedsMax yes
AlertEncrypted yes
END
clamd_start() { setpriv --reuid $clam --regid $clam --clear-groups clamd -c "$work/clamd.conf" >>"$work/clamd.log" 2>&1 & clamd_pid=$!; }
verdict() { timeout 60 "$bin/toride" scan --json "$1" 2>/dev/null | sed -n 's/.*"verdict":"\([a-z]*\)".*/\1/p'; }

printf '%s' 'X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*' >"$work/eicar.com"
echo hello >"$work/hello.txt"
head -c 3000000 /dev/zero >"$work/large"
head -c 100000 /dev/urandom >"$work/random"

setpriv --groups $scan "$bin/toride-scand" >"$work/scand.log" 2>&1 & scand_pid=$!
try "scand serves, confined" until_true 10 test -S "$TORIDE_RUN/verdict.sock"
confined() { is "$(awk '/^Seccomp:/{print $2}' "/proc/$1/status")" 2; }
try "scand runs under seccomp" until_true 10 confined "$scand_pid" # its socket is there before that

# asked before clamd is there: the answer waits for it
verdict "$work/hello.txt" >"$work/early" & early=$!
sleep 0.5; clamd_start
wait $early
ok $([ "$(cat "$work/early")" = clean ]; echo $?) "a file asked for before clamd had started is answered when it has"
# SHUTDOWN, RELOAD and SCAN of any path: whoever reaches the socket commands clamd
ping_as() { printf zPING'\0' | timeout 10 setpriv --reuid "$1" --regid "$1" --clear-groups nc -U -q 1 "$TORIDE_RUN/clamd/clamd.sock" 2>&1 | tr -d '\0'; }
ok $([ "$(ping_as $scan)" = PONG ]; echo $?) "scand's user speaks to clamd"
for u in 65534 47102 47107; do
	ok $(ping_as $u | grep -q PONG; [ $? = 1 ]; echo $?) "user $u doesn't reach it"
done
ok $([ "$(verdict "$work/hello.txt")" = clean ]; echo $?) "a harmless file is clean"
ok $([ "$(verdict "$work/large")" = unscannable ]; echo $?) "a file above the limit is unscannable"
ok $([ "$(verdict "$work/random")" = clean ]; echo $?) "random bytes are clean (hashed by a thread, under seccomp)"
"$bin/toride" scan "$work/hello.txt" "$work/eicar.com" >/dev/null 2>&1; ok $([ $? = 1 ]; echo $?) "toride scan exits 1 when something is found"
"$bin/toride" scan "$work/hello.txt" >/dev/null 2>&1; ok $? "toride scan exits 0 when all is clean"
"$bin/toride" scan "$work/none" >/dev/null 2>&1; ok $([ $? = 4 ]; echo $?) "toride scan exits 4 when the file can't be read"

if [ -d /usr/share/clamav-testfiles ]; then
	for f in clam.exe clam.zip clam.pdf clam.ole.doc clam.7z clam.cab clam.mail clam.tar.gz clam.exe.html; do
		[ "$(verdict "/usr/share/clamav-testfiles/$f")" = malicious ] || echo "# $f"
	done >"$work/missed"
	ok $([ ! -s "$work/missed" ]; echo $?) "clam.exe is found in nine containers"
else
	n=$((n + 1)); echo "ok $n - # skip clamav-testfiles isn't installed"
fi

# ---- containers: walked through by a worker a file ----
cd "$work" || exit 1
cp eicar.com in.txt
zip -q a.zip in.txt; cp a.zip n.zip
for i in 1 2 3 4 5; do zip -q "n$i.zip" n.zip; mv "n$i.zip" n.zip; done
zstd -q -f in.txt -o in.zst; tar -cf in.tar in.txt; zstd -q -f in.tar -o in.tar.zst
for f in a.zip n.zip in.tar in.zst in.tar.zst; do [ "$(verdict "$work/$f")" = malicious ] || echo "# $f"; done >missed
ok $([ ! -s missed ]; echo $?) "EICAR in zip, six zips deep, in tar, and in zstd, which clamd can't open"
"$bin/toride" scan --json in.tar.zst | grep -q '"where":"data'; ok $? "the verdict names the member"
echo harmless >p.txt; zip -q -P secret locked.zip p.txt; 7z a -psecret -mhe=on locked.7z p.txt >/dev/null; zip -q outer.zip locked.7z
for f in locked.zip locked.7z outer.zip; do [ "$(verdict "$work/$f")" = encrypted ] || echo "# $f"; done >missed
ok $([ ! -s missed ]; echo $?) "what opens with a password only is told as encrypted, also inside"
head -c 150000000 /dev/zero | gzip -9 >bomb.gz; zip -q bomb.zip bomb.gz
ok $([ "$(verdict "$work/bomb.zip")" = unscannable ]; echo $?) "a bomb is unscannable"
head -c 60000 random >r; tar -czf half.tgz r; head -c 30000 half.tgz >half2.tgz
ok $([ "$(verdict "$work/half2.tgz")" = unscannable ]; echo $?) "half an archive is unscannable"
nursery=$(pgrep -P "$scand_pid" | head -n 1)
try "the workers' nursery runs under seccomp" until_true 10 confined "$nursery"
none_stays() { [ -z "$(pgrep -P "$nursery")" ]; }
try "no worker stays" until_true 10 none_stays
cd / || exit 1

# ---- our own rules ----
printf 'MZ' >"$work/invoice.pdf.exe"; head -c 500 /dev/zero >>"$work/invoice.pdf.exe"
"$bin/toride" scan --json "$work/invoice.pdf.exe" 2>/dev/null | grep -q '"malware":"Name_Hides_Program"'; ok $? "a rule of ours names what it found"
echo 'the word of the day is umbrella' >"$work/own"
ok $([ "$(verdict "$work/own")" = clean ]; echo $?) "a text is clean"
mkdir -p "$TORIDE_STATE/feeds/yara"; chmod 755 "$TORIDE_STATE/feeds/yara"
echo 'rule Broken { condition: nosuch }' >"$TORIDE_STATE/feeds/yara/own.yar"
try "a broken rule is told with file and line" until_true 10 grep -q 'own.yar:1.*undefined identifier' "$work/scand.log"
ok $([ "$(verdict "$work/invoice.pdf.exe")" = malicious ]; echo $?) "and the old rules stay"
echo 'rule Umbrella { strings: $a = "umbrella" condition: $a }' >"$TORIDE_STATE/feeds/yara/own.yar"
becomes() { is "$(verdict "$1")" malicious; }
try "a new rule acts without a restart, also on what was clean" until_true 10 becomes "$work/own"

# clamd dies under load
kill -9 "$clamd_pid"; wait "$clamd_pid" 2>/dev/null
cp "$work/hello.txt" "$work/hello2.txt"; echo more >>"$work/hello2.txt"
verdict "$work/hello2.txt" >"$work/late" & late=$!
sleep 0.5; clamd_start
wait $late
ok $([ "$(cat "$work/late")" = clean ]; echo $?) "clamd killed: the question waits for its return"

# clamd is there and does nothing: it lets itself be connected to, and never answers
try "while it works nobody calls it mute" until_true 10 eval '[ -e "$TORIDE_RUN/scand/mute" ] && [ ! -s "$TORIDE_RUN/scand/mute" ]'
kill -STOP "$clamd_pid"
echo "asked while it is stopped" >"$work/waits"
verdict "$work/waits" >"$work/mute" & late=$!
try "clamd stopped: told for torided, which ends it" until_true 20 test -s "$TORIDE_RUN/scand/mute"
try "and to the watch" until_true 5 grep -q 'has said nothing for' "$work/scand.log"
kill -KILL "$clamd_pid"; wait "$clamd_pid" 2>/dev/null # as torided does then
clamd_start
wait $late
ok $([ "$(cat "$work/mute")" = clean ]; echo $?) "what was asked meanwhile waits for the new one"
try "which isn't called mute" until_true 20 eval '[ ! -s "$TORIDE_RUN/scand/mute" ]'

# new signatures: what was clean is asked again
echo 'a new kind of malware, not known an hour ago' >"$work/new"
ok $([ "$(verdict "$work/new")" = clean ]; echo $?) "unknown malware is clean at first"
before=$(od -An -tu8 -N8 "$TORIDE_RUN/scand/generation" | tr -d ' ')
printf '%s:%s:Toride.Test.New\n' "$(md5sum <"$work/new" | cut -c1-32)" "$(wc -c <"$work/new")" >"$db/new.hdb"
chmod a+r "$db/new.hdb"
try "a new signature is loaded without a restart, and acts" until_true 30 becomes "$work/new"
after=$(od -An -tu8 -N8 "$TORIDE_RUN/scand/generation" | tr -d ' ')
ok $([ "$after" -gt "$before" ]; echo $?) "the generation number went up, so that cached verdicts are void"

# ---- new signatures are tried before they act ----
mkdir "$work/feed" "$work/clean"; cp "$db"/* "$work/feed/"; echo 'the accounting program of the town' >"$work/clean/accounting"
printf '%s:%s:Toride.Test.Staged\n' "$(md5sum <"$work/hello.txt" | cut -c1-32)" "$(wc -c <"$work/hello.txt")" >"$work/feed/staged.hdb"
printf 'Toride.Test.Wrong:0:*:%s\n' "$(printf 'accounting program' | od -An -v -tx1 | tr -d ' \n')" >"$work/feed/wrong.ndb"
"$bin/toride" signatures import "$work/feed" --clean "$work/clean" >"$work/import" 2>&1
ok $([ $? = 1 ] && grep -q 'clean file.*accounting.*Toride.Test.Wrong' "$work/import"; echo $?) "signatures that find something in a clean file are refused, with its name"
ok $([ ! -e "$db/wrong.ndb" ] && [ ! -e "$TORIDE_STATE/feeds/clamav.new" ]; echo $?) "and the old ones stay"
rm "$work/feed/wrong.ndb" "$work/feed/toride-test.hdb" "$work/feed/toride-test.ndb"
"$bin/toride" signatures import "$work/feed" --clean "$work/clean" >"$work/import" 2>&1
ok $([ $? = 1 ] && grep -q "don't find the test file" "$work/import"; echo $?) "signatures that don't find the test file are refused"
cp "$db"/toride-test.* "$work/feed/"
"$bin/toride" signatures import "$work/feed" --clean "$work/clean" >"$work/import" 2>&1
ok $([ $? = 0 ] && [ -e "$db/staged.hdb" ] && [ -e "$TORIDE_STATE/feeds/clamav.before/toride-test.ndb" ]; echo $?) "others are put in force, the old ones kept"
try "and act without a restart" until_true 30 becomes "$work/hello.txt"
# of a day ago: the watch is told
touch -d '2 days ago' "$db"
try "signatures older than a day are an alarm" until_true 10 grep -q 'signatures are 4[0-9] hours old' "$work/scand.log"

# hostile bytes
for bytes in '\377\377\377\377' '\0\0\0\1\t' 'GET / HTTP/1.0\r\n\r\n'; do printf "$bytes" | timeout 10 nc -N -U "$TORIDE_RUN/verdict.sock" >/dev/null 2>&1; done
ok $([ "$(verdict "$work/eicar.com")" = malicious ]; echo $?) "hostile bytes on the socket harm nobody else"
kill "$clamd_pid"; wait "$clamd_pid" 2>/dev/null; clamd_pid=''
kill -TERM "$scand_pid"; wait "$scand_pid"; code=$?; scand_pid=''
ok $([ $code = 0 ]; echo $?) "SIGTERM ends scand with 0"
echo "1..$n"
exit ${bad:-0}
