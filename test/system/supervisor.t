#!/bin/bash
# torided as shipped, on a temporary state and run directory in a network namespace of its own: who runs as whom, what
# comes back after kill -9, and that no end of torided leaves anything behind.
set -u
[ "$(id -u)" = 0 ] || { echo "1..0 # SKIP needs root"; echo "ok 1 - supervisor # SKIP needs root"; exit 0; }
bin=$(dirname "$(command -v torided)") || { echo "not ok 1 - torided isn't built"; exit 1; }
top=$(mktemp -d /tmp/toride-supervisor.XXXXXX)
chmod 755 "$top"
export TORIDE_STATE=$top/state TORIDE_RUN=$top/run LC_ALL=C.UTF-8
ns=trs-$$ n=0 pid=
ip netns add "$ns"

. "$(dirname "$0")/lib.sh"
show=("$top/out")
ready() { [ -s "$TORIDE_RUN/ready/$1" ] && [ -s "$TORIDE_RUN/pids/$1" ]; }
pid_of() { cut -d' ' -f1 "$TORIDE_RUN/pids/$1"; }
back() { local p; p=$(pid_of "$1"); [ -n "$p" ] && [ "$p" != "$2" ] && ready "$1"; }
field() { awk -v k="$2:" '$1 == k { print $2 }' "/proc/$1/status"; }
# Every process of this instance: its environment names the run directory. torided's own is asked for by number.
ours() { grep -lsF "TORIDE_RUN=$TORIDE_RUN" /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3 | while read -r p; do
	[ "$p" = $$ ] || [ "$(readlink "/proc/$p/exe" 2>/dev/null)" = "$(readlink -f "$BASH")" ] || case $(readlink "/proc/$p/exe" 2>/dev/null) in
		"$bin"/* | /usr/lib/postgresql/*) echo "$p" ;; esac; done; }
none_left() { [ -z "$(ours)" ]; }
start() { prlimit --data=8589934592: ip netns exec "$ns" "$bin/torided" >>"$top/out" 2>&1 & pid=$!; }
finish() {
	kill "${stray:-}" "${other:-}" 2>/dev/null
	[ -n "$pid" ] && kill -9 "$pid" 2>/dev/null
	ip netns del "$ns" 2>/dev/null
	sleep 0.2
	rm -rf "$top"
}
trap finish EXIT

start
try "vaultd and controld become ready" until_true 10 eval 'ready vaultd && ready controld'
try "PostgreSQL is made and becomes ready" until_true 60 ready postgres
try "a limit that torided was started under isn't an engine's" grep -E "^Max data size +unlimited" "/proc/$(pid_of postgres)/limits"
v=$(pid_of vaultd)
try "vaultd runs under its own user" is "$(field "$v" Uid)" 47101
try "it holds no capability" is "$(field "$v" CapEff)$(field "$v" CapPrm)$(field "$v" CapAmb)" "$(printf '0%.0s' {1..48})"
try "its bounding set is empty" is "$(field "$v" CapBnd)" 0000000000000000
try "it can gain no privilege" is "$(field "$v" NoNewPrivs)" 1
try "it is under seccomp" is "$(field "$v" Seccomp)" 2
try "it has a network of its own" eval '[ "$(readlink /proc/'"$v"'/ns/net)" != "$(readlink /proc/'"$pid"'/ns/net)" ]'
try "that network is empty" eval '[ "$(nsenter -t '"$v"' -n ip -o link | wc -l)" = 1 ] && nsenter -t '"$v"' -n ip -o link show lo | grep -q "state DOWN"'
try "it holds no descriptor but its own" eval 'l=$(ls -l /proc/'"$v"'/fd) && [ "$(wc -l <<<"$l")" -gt 3 ] && ! grep -E "torided|\.log|control\.sock" <<<"$l"'
try "keys are readable by nobody else" eval '! setpriv --reuid 47102 --regid 47102 --clear-groups cat "$TORIDE_STATE/vault/master.key"'
try "clamd's socket will be scand's to reach alone" is "$(stat -c '%a %u %g' "$TORIDE_RUN/clamd")" "2750 47110 47103"
try "a user who is no peer can't connect to the vault" eval '! setpriv --reuid 47103 --regid 47103 --clear-groups nc -U -z "$TORIDE_RUN/vault.sock"'
try "its peer can, by the group torided gives it" setpriv --reuid 47102 --regid 47102 --groups 47202 nc -U -z "$TORIDE_RUN/vault.sock"
try "without a generation the proxy waits" eval '"$bin/toride" status --json | jq -se "any(.[0].processes[]; .name == \"proxyd\" and (.state | IN(\"waiting\", \"missing\")))"'
try "PostgreSQL knows respondd by its number" setpriv --reuid 47106 --regid 47106 --clear-groups \
	psql -h "$TORIDE_RUN/pg" -U toride_respond -c 'create table t (a int)' toride
try "and doesn't take the page for it" eval '! setpriv --reuid 47107 --regid 47107 --clear-groups psql -h "$TORIDE_RUN/pg" -U toride_respond -c "select 1" toride'
try "nor anybody for its superuser" eval '! setpriv --reuid 47106 --regid 47106 --clear-groups psql -h "$TORIDE_RUN/pg" -U postgres -c "select 1" toride'
try "a second torided on the same directories is refused" eval '"$bin/torided"; [ $? = 4 ]'

ca=$(sha256sum <"$TORIDE_RUN/ca.pem")
kill -9 "$v"
try "vaultd comes back after kill -9" until_true 10 back vaultd "$v"
try "with the same CA" is "$(sha256sum <"$TORIDE_RUN/ca.pem")" "$ca"
try "which is counted" until_true 5 eval '"$bin/toride" status --json | jq -se "any(.[0].processes[]; .name == \"vaultd\" and .restarts == 1 and .crashes == 1 and .state == \"ready\")"'
src=${TORIDE_SOURCE:-$(dirname "$0")/../..}
# The golden example's members, types and all; a process that never ended has no last_end, hence vaultd.
shape='[paths(type | IN("array", "object") | not)] | map(map(if type == "number" then 0 else . end)) | unique'
first='(.processes |= map(select(.name == "vaultd"))) | del(.counters, .generation)'
try "its status has the shape of doc/interfaces/status.json" is "$("$bin/toride" status --json | jq -c "$first | $shape")" \
	"$(jq -c "$first | $shape" "$src/doc/interfaces/status.json")"
try "and told in the log" until_true 5 grep -q '"object":"vaultd","message":"killed by signal 9' "$top/out"
p=$(pid_of postgres)
kill -9 "$p"
try "PostgreSQL comes back after kill -9, children and all" until_true 30 back postgres "$p"
try "with what was committed" setpriv --reuid 47106 --regid 47106 --clear-groups psql -h "$TORIDE_RUN/pg" -U toride_respond -c 'select a from t' toride

kill -TERM "$pid"
try "SIGTERM ends torided within 12 s" until_true 12 eval '! kill -0 '"$pid"
wait "$pid"; ok $? "with exit code 0"
try "no process is left" until_true 2 none_left
try "no mount is left" eval '! grep -F "$top" /proc/mounts'

start
try "it starts again on the same state" until_true 30 eval 'ready vaultd && ready controld && ready postgres'
try "the CA is still the same" is "$(sha256sum <"$TORIDE_RUN/ca.pem")" "$ca"
try "there are processes to lose" eval '[ "$(ours | wc -l)" -ge 4 ]'
kill -9 "$pid"; wait "$pid" 2>/dev/null
try "kill -9 of torided leaves none" until_true 3 none_left
try "and no mount" eval '! grep -F "$top" /proc/mounts'

rm -rf "$TORIDE_RUN/ready"
sleep 60 & stray=$!
echo "$stray $(awk '{print $22}' "/proc/$stray/stat")" >"$TORIDE_RUN/pids/vaultd"
sleep 60 & other=$!
echo "$other 12345" >"$TORIDE_RUN/pids/controld"
start
try "the next start comes up" until_true 30 eval 'ready vaultd && ready controld && ready postgres'
try "it swept what the former one left" eval 'case $(awk "{ print \$3 }" /proc/'"$stray"'/stat 2>/dev/null) in "" | Z) true ;; *) false ;; esac'
try "but not a stranger under an old number" kill -0 "$other"
kill "$other"
kill -TERM "$pid"; until_true 12 eval '! kill -0 '"$pid"
wait "$pid"; ok $? "and ends with exit code 0"
try "leaving no process" until_true 2 none_left
pid=
echo "1..$n"
