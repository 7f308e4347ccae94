# What the system tests share: TAP lines, and waiting. Sourced; the test has made the directory $top for its files.
n=0
checked=$SECONDS # when the check before ended
show=() # the ends of these files are printed under a check that failed, beside what its command said

ok() { # CODE WORDS
	n=$((n + 1))
	[ $((SECONDS - checked)) -lt 4 ] || echo "# $((SECONDS - checked)) s:"
	checked=$SECONDS
	[ "$1" != 0 ] || { echo "ok $n - $2"; return; }
	bad=1
	echo "not ok $n - $2"
	tail -qn 12 "$top/try" "${show[@]}" 2>/dev/null | cut -c1-400 | sed 's/^/# /'
}
# The command has a function of its own to return from: an `eval` that says `return 1` would otherwise leave try() before it counts.
try() { local words=$1; shift; it_does "$@" >"$top/try" 2>&1; ok $? "$words"; }
it_does() { "$@"; }
is() { [ "$1" = "$2" ] || { echo "$1 is not $2"; return 1; }; }
# Of a process, whose name may hold blanks (nsd's do): when it began, and whether it has ended and nobody has asked how.
since() { sed 's/^.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }
zombie() { [ "$(sed 's/^.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f1)" = Z ]; }
# A torided and all below it, each with its start time; engines hide their environment, so descent is what tells them. What ends while we look is no line.
descent() { local p t; t=$(since "$1"); [ -z "$t" ] || echo "$1 $t"; for p in $(pgrep -P "$1"); do descent "$p"; done; }
# FILE WORDS...: of those that descent() wrote there none runs, nor any of ours which began since, with those words in its environment.
none_left() {
	local p t w
	while read -r p t; do
		[ "$(since "$p")" != "$t" ] || zombie "$p" || { ps -o pid,ppid,stat,wchan:20,args -p "$p"; return 1; }
	done <"$1"
	for p in $(grep -lszxF "$2" /proc/[0-9]*/environ); do
		for w in "${@:3}"; do grep -qszxF "$w" "$p" || continue 2; done
		! readlink "${p%environ}exe" | grep -E "/torided|/toride-[a-z]+d$" || return
	done
}
# SECONDS COMMAND...: until it holds. A busy machine gets four times the seconds: a test asserts what comes, not when.
until_true() {
	local end=$((SECONDS + 4 * $1)); shift
	while ! it_does "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || { it_does "$@"; return; }
		sleep 0.05
	done
}
# COMMAND... DIR: the description there is handed in by one person, approved by another and put in force, by `toride` of the node as COMMAND has
# it. Its digest is left in $digest.
put_in_force() {
	local node=("${@:1:$#-1}")
	digest=$("${node[@]}" submit "${!#}" --as sato) && "${node[@]}" approve "$digest" --as tanaka && "${node[@]}" apply "$digest" --as tanaka
}
# NAME LINE: the one line that the socket of that name in $TORIDE_RUN answers
ask_socket() { python3 -c 'import os, socket, sys
s = socket.socket(socket.AF_UNIX); s.settimeout(60); s.connect(os.environ["TORIDE_RUN"] + "/" + sys.argv[1])
s.sendall(sys.argv[2].encode() + b"\n"); print(s.makefile().readline(), end="")' "$1" "$2"; }
# NAME: that process of the node serves. The caller has set $toride.
serves() { "$toride" status --json 2>/dev/null | jq -se --arg p "$1" 'any(.[].processes[]; .name == $p and .state == "ready")' >/dev/null; }
# DIR...: all are there, and no file of theirs holds a private key
keyless() { local d; for d; do
	[ -d "$d" ] || { echo "no $d"; return 1; }
	grep -rl "PRIVATE KEY" "$d"; [ $? = 1 ] || return 1; done; }
# DIR: the golden description there without what a lab hasn't: its public sites' certificates' keys, the directory that knows users, the store of cold segments, the ClickHouse elsewhere, and the keys to them.
without_sites() { local f; sed -i '/^  "\(cold\|store\)": /d' "$1/service.json"; for f in "$1"/orgs/*.json; do jq 'del(.sites, .proxy_users, .url.group_lists)' "$f" >"$f.new" && mv "$f.new" "$f" || return; done; }
