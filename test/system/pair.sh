# What the test and the bench of a pair share: its description, its flows, and how its parts are broken. Sourced; T, L and $top are set.
at() { local host=$1; shift; $T lab exec "$host" -- "$@"; }
other() { [ "$1" = gw1 ] && echo gw2 || echo gw1; }
role() { cat "$L/$([ "$1" = gw1 ] || echo gw2/)run/pair-role" 2>/dev/null; }
is_role() { [ "$(role "$1")" = "$2" ]; }
open_door() { at "$1" nft list set netdev toride_pair open 2>/dev/null | grep -q expires; }

pair_description() { # DIR: the golden description becomes a pair's
	python3 - "$1" <<-'PY'
	import json, sys
	path = sys.argv[1] + "/service.json"
	s = json.loads("".join(l for l in open(path) if not l.lstrip().startswith("//")))
	s["pair"] = {"interface": "sync0", "nodes": [
	    {"name": "gw1", "sync4": "192.0.2.241/30", "own": ["198.51.100.4/24", "2001:db8:100::4/64"]},
	    {"name": "gw2", "sync4": "192.0.2.242/30", "own": ["198.51.100.5/24", "2001:db8:100::5/64"]}]}
	json.dump(s, open(path, "w"), ensure_ascii=False)
	path = sys.argv[1] + "/orgs/412015.json"
	o = json.load(open(path))
	o["fw"].append({"id": "echo", "direction": "out", "action": "allow", "to": ["203.0.113.50"], "protocol": "tcp", "port_low": 7, "port_high": 7,
	                "comment": "test", "owner": "test"})
	json.dump(o, open(path, "w"), ensure_ascii=False)
	PY
}

# A connection of a terminal past the proxy that stays open: what is written comes back, in order. A file that a published server sends for
# minutes: each byte is checked.
flows=()
flows_begin() {
	cat >"$top/echo.py" <<-'PY'
	import socket
	s = socket.create_server(("203.0.113.50", 7)); c, _ = s.accept()
	while d := c.recv(4096): c.sendall(d)
	PY
	cat >"$top/talk.py" <<-'PY'
	import socket, sys, time
	s = socket.create_connection(("203.0.113.50", 7)); s.settimeout(60)
	n, end, trace = 0, time.time() + 580, open(sys.argv[2], "w") if len(sys.argv) > 2 else None
	while time.time() < end:
	    last = time.monotonic()
	    word = b"%08d" % n; s.sendall(word); got = b""
	    while len(got) < 8: got += s.recv(8 - len(got))
	    if got != word: sys.exit(1)
	    n += 1; open(sys.argv[1], "w").write("%d" % n)
	    if trace: trace.write("%d %d 1\n" % (last * 1e6, (time.monotonic() - last) * 1e6)); trace.flush()
	    time.sleep(0.02)
	PY
	cat >"$top/serve.py" <<-'PY'
	import socket, time
	s = socket.create_server(("10.1.0.20", 8443)); c, _ = s.accept()
	for n in range(100000): c.sendall((b"%08d" % n) * 512); time.sleep(0.02)
	PY
	cat >"$top/fetch.py" <<-'PY'
	import socket, sys
	s = socket.create_connection(("198.51.100.101", 443), source_address=("203.0.113.50", 0)); s.settimeout(60)
	n, rest = 0, b""
	while d := s.recv(65536):
	    rest += d
	    while len(rest) >= 4096:
	        if rest[:4096] != (b"%08d" % n) * 512: sys.exit(1)
	        n, rest = n + 1, rest[4096:]
	    open(sys.argv[1], "w").write(str(n))
	PY
	at 412015 ip addr add 10.1.0.20/16 dev br0
	at inet python3 "$top/echo.py" & flows+=($!)
	at 412015 python3 "$top/serve.py" & flows+=($!)
	until_true 5 at inet sh -c 'ss -ltnH "sport = 7" | grep -q .'
	until_true 5 at 412015 sh -c 'ss -ltnH "sport = 8443" | grep -q .'
	at 412015-pc1 python3 "$top/talk.py" "$top/said" ${talk_trace:+"$talk_trace"} & talk=$!
	at inet python3 "$top/fetch.py" "$top/got" & fetch=$!
	flows+=("$talk" "$fetch")
}
flow_at() { at "$1" conntrack -L -o id -p tcp --dport 7 2>/dev/null | grep ESTABLISHED | grep -o 'id=[0-9]*'; } # NODE: which entry the open connection has there
flows_end() { kill "${flows[@]}" 2>/dev/null; wait "${flows[@]}" 2>/dev/null; }
said() { cut -d' ' -f1 "$top/said" 2>/dev/null || echo 0; }
got() { cat "$top/got" 2>/dev/null || echo 0; }
talks() { local a; a=$(said); sleep 0.5; kill -0 "$talk" && [ "$(said)" -gt "${a:-0}" ]; }
grows() { local a; a=$(got); sleep 0.5; kill -0 "$fetch" && [ "$(got)" -gt "${a:-0}" ]; }
page() { [ "$(at 412015-pc2 curl -s -m 3 -x 192.0.2.10:8080 http://www.news.example/whoami | cut -d' ' -f1)" = 198.51.100.101 ]; }

pid_of() { cut -d' ' -f1 "$L/$([ "$1" = gw1 ] || echo gw2/)run/pids/$2"; } # NODE PROCESS
end_process() { kill -9 "$(pid_of "$1" "$2")"; }
torided_of() { awk -v name="torided$([ "$1" = gw1 ] || echo 2)" '$3 == name { pid = $1 } END { print pid }' "$L/pids"; }
links_of() { at "$1" ip -o link show type veth | sed 's/^[0-9]*: \([^@:]*\).*/\1/' | grep -v '^i-'; }
# All its cables are dead at once, then all its processes; nothing is left of its kernel's state.
power_cut() {
	local link
	links_of "$1" >"$top/links-$1"
	while read -r link; do echo "link set $link down"; done <"$top/links-$1" | at "$1" ip -batch -
	kill -9 "$(torided_of "$1")"
	at "$1" nft flush ruleset
	while read -r link; do echo "addr flush dev $link"; done <"$top/links-$1" | at "$1" ip -batch -
	at "$1" conntrack -F 2>/dev/null
}
power_on() { # NODE [DIRECTORY of the programs]
	local link
	while read -r link; do echo "link set $link up"; done <"$top/links-$1" | at "$1" ip -batch -
	(exec env TORIDE_RULES="$PWD/rules" $T lab exec "$1" -- "${2:-build}/torided") >>"$L/log/torided$([ "$1" = gw1 ] || echo 2).log" 2>&1 &
	sed -i "/ torided$([ "$1" = gw1 ] || echo 2)\$/d" "$L/pids"
	echo "$! $(awk '{ sub(/^.*\) /, ""); print $20 }' /proc/$!/stat) torided$([ "$1" = gw1 ] || echo 2)" >>"$L/pids"
}
# The programs as another version would lie: beside those that run.
new_build() { mkdir -p "$1" && cp -al build/torided build/toride build/toride-* "$1" && cp -a build/*.so "$1"; }
ends_in_order() { # NODE
	local pid; pid=$(torided_of "$1")
	kill -TERM "$pid" && until_true 20 sh -c "! kill -0 $pid 2>/dev/null"
}
programs_of() { dirname "$(readlink "/proc/$(pid_of "$1" paird)/exe")"; }
