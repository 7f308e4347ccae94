#!/bin/bash
# The desk's pages as a browser without scripts meets them, by curl: signing in with password and code, what is recorded of it, the lock
# after wrong tries; bodies apart on every page; forms from elsewhere, cookies that were forged, a session named beforehand; a taken-over
# page worker asking for itself; broken and slow requests. The incident comes from packets.
set -u
[ "$(id -u)" = 0 ] || { echo "1..0 # SKIP needs root"; echo "ok 1 - desk # SKIP needs root"; exit 0; }
source=$(cd "$(dirname "$0")/../.." && pwd)
bin=$(dirname "$(readlink -f "$(command -v toride)")") || { echo "not ok 1 - toride isn't built"; exit 1; }
export TORIDE_LAB=td TORIDE_SOURCE=$source LC_ALL=C.UTF-8
toride=$bin/toride lab=$bin/lab-td
export TORIDE_STATE=$lab/state TORIDE_RUN=$lab/run TORIDE_RULES=$source/rules
top=$(mktemp -d /tmp/toride-desk.XXXXXX)
bad=0 beacon=
. "$(dirname "$0")/lib.sh"
show=("$top/page")
finish() { [ -z "$beacon" ] || kill "$beacon" 2>/dev/null; "$toride" lab down >&2; rm -rf "$top"; }
trap finish EXIT
trap 'exit 1' INT TERM
. "$(dirname "$0")/desk.sh"

"$toride" lab up >&2; ok $? "lab up"
[ $bad = 0 ] || exit 1
on 412015-pc1 bash -c 'while :; do curl -s -A "" --max-time 5 -o /dev/null -x http://192.0.2.10:8080 http://c2.example/beacon; sleep 1; done' & beacon=$!
try "authd and portald are ready" until_true 20 eval 'serves authd && serves portald'

# ---- nobody ----
try "without a session there is the door and nothing else" eval 'page nobody / && goes_to /login && lacks 佐賀市'
try "… from a card, too, and back to it afterwards" eval 'page nobody /incident/I-20261122-0001 && goes_to "/login?next=/incident/I-20261122-0001"'
try "the door's form has a label for each field" eval 'page nobody /login && [ "$(grep -o "<label for=" "$top/page" | wc -l)" = 3 ]'
try "its head forbids scripts, frames and being kept" eval 'grep -qi "^content-security-policy: default-src .none.; style-src .self.; base-uri .none.; form-action .self.; frame-ancestors .none." "$top/head" && grep -qi "^cache-control: no-store" "$top/head" && grep -qi "^x-content-type-options: nosniff" "$top/head"'
try "its cookie is out of reach for scripts and other sites" eval 'page stranger /login && grep -i "^set-cookie: toride_form=" "$top/head" | grep -q "; Secure; HttpOnly; SameSite=Strict"'

# ---- accounts ----
try "a clerk without a body is refused" eval '! "$toride" user add x --role clerk'
try "an account has a one-time password" eval '"$toride" user add temp --role operator >"$top/once" && grep -qE "[A-Z0-9]{4}(-[A-Z0-9]{4}){3}" "$top/once"'
try "with it comes the first time: a password of one's own and an app" eval 'enrol temp "$(grep -oE "[A-Z0-9]{4}(-[A-Z0-9]{4}){3}" "$top/once")"'
try "the one-time password is spent" eval 'post again /login /login name=temp "password=$(grep -oE "[A-Z0-9]{4}(-[A-Z0-9]{4}){3}" "$top/once")" && code_is 403'
try "what is kept of a password is a hash" eval 'grep -rqaF temp "$TORIDE_STATE/pg/data" && { grep -raF "$own" "$TORIDE_STATE/pg/data" "$lab/log"; [ $? = 1 ]; }'
try "and of the app's secret nothing that can be read" eval '[ "$(wc -c <"$top/temp.secret")" = 33 ] && grep -rqaF "v1:" "$TORIDE_STATE/pg/data" && { grep -raF "$(cat "$top/temp.secret")" "$TORIDE_STATE/pg/data"; [ $? = 1 ]; }'
try "the analyst, and clerks of two bodies, sign in" eval 'join sato --role analyst && join yamada --role clerk --org 412015 && join hamada --role clerk --org 412023'
try "each is on record, under the clerk's own body" until_true 5 recorded 412015 '"activity_name":"Logon","user":{"name":"yamada"[,}].*"status":"Success"'
try "a weak password isn't taken" eval 'once=$("$toride" user add weak --role operator --json | jq -r .password); post weak /login /login name=weak "password=$once" && page weak /enrol && post weak /enrol /enrol "password=P@ssw0rd2026!" "again=P@ssw0rd2026!" code=000000 && code_is 403 && holds よくある言葉'
try "the weak session sees nothing meanwhile" eval 'page weak / && goes_to /enrol'

# ---- what each sees ----
incident() { "$toride" incident list --org 412015 --json | jq -r .number | head -n 1 | grep .; }
try "the packets have become an incident" until_true 30 incident
number=$(incident)
try "the analyst's board shows it, with all bodies and processes" eval 'page sato / && holds "$number" && holds 佐賀市 && holds proxyd'
try "the clerk's shows it, and no processes" eval 'page yamada / && holds "$number" && lacks proxyd'
try "another body's clerk's doesn't" eval 'page hamada / && code_is 200 && lacks "$number"'
try "nor is its card there for them" eval 'page hamada "/incident/$number" && code_is 404 && lacks c2.example'
try "but for the clerk it concerns" eval 'page yamada "/incident/$number" && code_is 200 && holds c2.example'

# ---- cookies and forms ----
session=$(awk '$6 == "toride" { print $7 }' "$top/sato.jar")
try "a session's name is long and random" eval '[ "${#session}" = 64 ] && [ "$session" != "$(awk "\$6 == \"toride\" { print \$7 }" "$top/yamada.jar")" ]'
with() { on gw1 curl -s --max-time 20 -D "$top/head" -o "$top/page" -H "Cookie: $1" "${@:2}"; }
forged() { local c; for c in "toride=" "toride=x" "toride=$(printf '0%.0s' $(seq 64))" "toride=${session^^}" "toride=${session:1}0" "toride=$session; toride=$session" "toride='OR''='"; do
	with "$c" "$url/" && goes_to /login || { echo "$c"; return 1; }; done; }
try "a forged one opens nothing" forged
try "and the right one does" eval 'with "toride=$session" "$url/" && code_is 200'
printf '#HttpOnly_127.0.0.1\tFALSE\t/\tTRUE\t0\ttoride\t%s\n' "$(printf 'a%.0s' $(seq 64))" >"$top/temp.jar"
try "a session's name brought along is never taken (fixation)" eval 'sign_in temp && goes_to / && [ "$(awk "\$6 == \"toride\" { print \$7 }" "$top/temp.jar")" != "$(printf "a%.0s" $(seq 64))" ]'
page sato / && form=$(token)
try "a form without its token does nothing" eval 'with "toride=$session" -d x=1 "$url/logout" && code_is 403'
try "nor with another session's" eval 'page yamada / && with "toride=$session" -d "form=$(token)" "$url/logout" && code_is 403'
try "nor from another site" eval 'with "toride=$session" -H "Origin: http://evil.example" -d "form=$form" "$url/logout" && code_is 403'
try "nor where the browser says so" eval 'with "toride=$session" -H "Sec-Fetch-Site: cross-site" -d "form=$form" "$url/logout" && code_is 403'
try "nothing is done by opening a page" eval 'with "toride=$session" "$url/logout?form=$form" && code_is 405'
try "the session is still there" eval 'page sato / && code_is 200'
try "disabled is out at once" eval 'page temp / && code_is 200 && "$toride" user disable temp && page temp / && goes_to /login'

# ---- wrong tries ----
wrong() { post try /login /login name=hamada "password=wrong-$1" code=000000; code_is 403; }
try "five wrong tries" eval 'for i in 1 2 3 4 5; do wrong $i || exit 1; done'
try "lock the account: the right ones are refused, in the same words" eval 'cp "$top/page" "$top/wrong"; sign_in hamada; code_is 403 && [ "$(grep -o "role=.alert.>[^<]*" "$top/page")" = "$(grep -o "role=.alert.>[^<]*" "$top/wrong")" ]'
try "a name that doesn't exist is refused in the same words" eval 'post try /login /login name=nobody password=x && [ "$(grep -o "role=.alert.>[^<]*" "$top/page")" = "$(grep -o "role=.alert.>[^<]*" "$top/wrong")" ]'
try "the lock is on record" until_true 5 recorded 412023 '"user":{"name":"hamada"[,}].*"status":"Failure","status_detail":"locked_now"'
try "no word of a password is" eval '! grep -q wrong- "$top/records"'
try "the list says so" eval '"$toride" user list --json | jq -se "map(select(.name == \"hamada\")) | .[0].state == \"locked\""'
try "unlocked, it opens" eval '"$toride" user unlock hamada && sign_in hamada && goes_to /'

# ---- from the bodies' networks: two terminals that are both 10.1.0.5, and the prefecture's ----
name=desk.toride.example
by() { there=$1 url=https://$name options=(--cacert "$TORIDE_RUN/ca.pem" --resolve "$name:443:192.0.2.44"); }
home() { there=gw1 url=http://127.0.0.1:8480 options=(); }
asked() { on "$1" dig +short +time=2 +tries=3 @192.0.2.53 $name A; }
try "the desk's name leads to its address in a body's network" is "$(asked 412015-pc1)" 192.0.2.44
try "and in the other's, whose terminal has the same address" is "$(asked 412023-pc1) $(on 412023-pc1 hostname -I | cut -d' ' -f1)" "192.0.2.44 $(on 412015-pc1 hostname -I | cut -d' ' -f1)"
by 412015-pc1
try "there it is served under the cloud's authority" eval 'page far /login && code_is 200 && holds "ログイン"'
try "for half a year by TLS alone; its cookie is this host's alone" eval 'grep -qi "^strict-transport-security: max-age=15768000" "$top/head" && grep -i "^set-cookie: __Host-toride_form=" "$top/head" | grep -q "Path=/; Secure; HttpOnly; SameSite=Strict"'
try "without it the door is shut" eval '! on 412015-pc1 curl -s --max-time 5 -o /dev/null --resolve $name:443:192.0.2.44 https://$name/'
try "by another name no handshake is had" eval '! on 412015-pc1 curl -sk --max-time 5 -o /dev/null --resolve other.example:443:192.0.2.44 https://other.example/'
tls() { on 412015-pc1 openssl s_client -connect 192.0.2.44:443 -servername $name "$@" </dev/null >"$top/tls" 2>&1; grep -q "Cipher is [A-Z]" "$top/tls"; }
try "TLS 1.2 is spoken, 1.1 isn't, nor a cipher without forward secrecy" eval 'tls -tls1_2 && ! tls -tls1_1 -cipher ALL:@SECLEVEL=0 && ! tls -tls1_2 -cipher AES128-SHA:@SECLEVEL=0'
try "a clerk signs in for the first time from the own body's network" eval 'join kawai --role clerk --org 412015 && page kawai / && code_is 200 && holds "$number"'
cookie=$(awk '$6 == "__Host-toride" { print $7 }' "$top/kawai.jar")
try "the session's cookie is this host's alone" eval '[ "${#cookie}" = 64 ]'
by 412023-pc1
stolen() { on "$there" curl -s "${options[@]}" -H "Cookie: __Host-toride=$cookie" -D "$top/head" -o "$top/page" "$url/"; }
try "carried into another body's network it opens nothing" eval 'stolen && goes_to /login'
from_here() { post try /login /login "name=$1" "password=${2:-$own}" code=000000; ! code_is 403; }
try "nor does the right password there" eval '! from_here kawai'
try "which is on record" until_true 5 recorded 412015 '"user":{"name":"kawai"[,}].*"status":"Failure","status_detail":"not_from_here"'
state_of() { "$toride" user list --json | jq -r "select(.name == \"$1\").state"; }
try "six wrong ones there lock nobody out" eval 'for i in 1 2 3 4 5 6; do from_here kawai "wrong-$i" && exit 1; done; is "$(state_of kawai)" enabled'
try "an analyst doesn't sign in from a municipality" eval '! from_here sato'
try "not for a wrong code: by the way" until_true 5 recorded service '"user":{"name":"sato"[,}].*"status":"Failure","status_detail":"not_from_here"'
by 410004-pc1
try "the prefecture's people do from its network, as the description says" eval 'join kencho --role operator && page kencho / && code_is 200 && holds proxyd'
try "where another body's clerk doesn't" eval '! from_here kawai'
home
try "the clerk is still there meanwhile" eval 'by 412015-pc1; page kawai / && code_is 200; r=$?; home; [ $r = 0 ]'
try "nobody reaches it from the Internet" eval '! on inet curl -sk --max-time 3 -o /dev/null --resolve $name:443:198.51.100.2 https://$name/ && ! on inet curl -sk --max-time 3 -o /dev/null --resolve $name:443:198.51.100.3 https://$name/'
try "nor from a body at the node's inside address of another" eval '! on 412015-pc1 curl -sk --max-time 3 -o /dev/null --resolve $name:443:100.64.2.44 https://$name/'

# ---- a worker of the page that was taken over ----
as_portald() { as 47107 "$@" $(sed -n 's/^Groups:\s*//p' "/proc/$(pgrep -of "$bin/toride-portald")/status"); }
as() { # USER SOCKET JSON GROUP...: what it is answered
	python3 - "$@" <<-'END'
	import os, socket, sys
	user = int(sys.argv[1]); os.setgroups([int(g) for g in sys.argv[4:]]); os.setgid(user); os.setuid(user)
	s = socket.socket(socket.AF_UNIX); s.settimeout(10)
	try: s.connect(os.environ["TORIDE_RUN"] + "/" + sys.argv[2])
	except OSError as e: print(e); sys.exit(0)
	s.sendall(sys.argv[3].encode() + b"\n"); print(s.recv(65536).decode())
	END
}
denied() { as_portald "$1" "$2" >"$top/said"; cat "$top/said"; grep -qE '"code":"denied"|Permission denied' "$top/said"; }
try "by itself it reads nothing" eval 'denied control.sock "{\"v\":1,\"do\":\"incident.list\"}" && denied control.sock "{\"v\":1,\"do\":\"status\"}"'
try "nor acts for somebody it names" eval 'denied control.sock "{\"v\":1,\"do\":\"incident.ack\",\"number\":\"$number\",\"as\":\"sato\",\"by\":\"sato\"}"'
try "nor beside controld" eval 'denied respond.sock "{\"v\":1,\"do\":\"incident.ack\",\"number\":\"$number\",\"by\":\"sato\"}" && denied search.sock "{\"v\":1,\"do\":\"log.search\",\"query\":\"x\"}"'
try "nor makes an account" eval 'denied auth.sock "{\"v\":1,\"do\":\"user.add\",\"name\":\"x\",\"role\":\"analyst\"}" && denied control.sock "{\"v\":1,\"do\":\"user.add\",\"name\":\"x\",\"role\":\"analyst\",\"session\":\"$session\"}"'
clerk=$(awk '$6 == "toride" { print $7 }' "$top/hamada.jar")
try "another process of ours is told nothing at that door" eval 'as 47102 control.sock "{\"v\":1,\"do\":\"incident.list\"}" >"$top/said"; grep -q "\"code\":\"denied\"" "$top/said"'
try "with a clerk's session it has that clerk's body, whatever it asks for" eval 'as_portald control.sock "{\"v\":1,\"do\":\"incident.list\",\"org\":\"412015\",\"session\":\"$clerk\"}" >"$top/said"; grep -q "\"ok\":true" "$top/said" && ! grep -q "$number" "$top/said"'
try "and that clerk's role" denied control.sock "{\"v\":1,\"do\":\"incident.judge\",\"number\":\"$number\",\"severity\":0,\"reason\":\"x\",\"session\":\"$clerk\"}"

# ---- broken and slow ----
cat >"$top/fuzz.py" <<'END'
import random, socket, sys
random.seed(7)
good = b"REQUEST_METHOD\0POST\0DOCUMENT_URI\0/login\0CONTENT_LENGTH\x003\0CONTENT_TYPE\0application/x-www-form-urlencoded\0"
seeds = [b"%d:%s,a=b" % (len(good), good), b"99999999:", b"16385:x", b":,", b"0:,", b"5:a\0b\0\0,", b"-1:x,", b"\0" * 64, b"GET / HTTP/1.1\r\n\r\n"]
for i in range(400):
    m = bytearray(random.choice(seeds))
    for _ in range(random.randrange(0, 6)):
        m[random.randrange(len(m))] = random.randrange(256)
    s = socket.socket(socket.AF_UNIX); s.settimeout(10); s.connect(sys.argv[1])
    s.sendall(m[: random.randrange(1, len(m) + 1)]); s.shutdown(socket.SHUT_WR)
    try: s.recv(65536)
    except (ConnectionError, socket.timeout): pass
    s.close()
END
workers=$(pgrep -f "$bin/toride-portald" | sort | tr '\n' ' ')
try "four hundred broken requests" timeout 60 python3 "$top/fuzz.py" "$TORIDE_RUN/portal.sock"
try "end no worker" is "$(pgrep -f "$bin/toride-portald" | sort | tr '\n' ' ')" "$workers"
try "a form of 33 kB is refused" eval 'head -c 33000 /dev/zero | tr "\0" a >"$top/big"; with "toride=$session" --data-binary "@$top/big" "$url/logout"; code_is 413'
for i in $(seq 40); do on gw1 bash -c 'exec 3<>/dev/tcp/127.0.0.1/8480; printf "POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nform=" >&3; sleep 20' & slow[i]=$!; done 2>/dev/null
try "forty that send half a form hold nobody up" eval 'page sato / && code_is 200'
kill "${slow[@]}" 2>/dev/null
try "the clerk's session outlived all of it" eval 'page yamada / && code_is 200'
post again /login /login name=yamada "password=$own" "code=$(fresh_code yamada)"
try "a leak reported by one button shuts the account" eval 'post again /account /account && code_is 200 && holds アカウントを止めました && page yamada / && goes_to /login && "$toride" user list --json | jq -se "map(select(.name == \"yamada\")) | .[0].state == \"disabled\""'
try "and is on record" until_true 5 recorded 412015 '"user":{"name":"yamada"[,}].*"status_detail":"leak_reported"'
new='Nw8#rTy5!b-desk'
try "a new password, by the old one and a code" eval 'post sato /account /account/password "old=$own" "code=$(fresh_code sato)" "password=$new" "again=$new" && goes_to "/account?done=password"'
try "the old one is none any more" eval 'post again /login /login name=sato "password=$own" code=000000; code_is 403'
session=$(awk '$6 == "toride" { print $7 }' "$top/sato.jar")
try "signing out ends a session, also for who kept its name" eval 'post sato / /logout && code_is 200 && holds ログアウトしました && with "toride=$session" "$url/" && goes_to /login'

# ---- another name for the desk ----
cp -r "$lab/description" "$top/new"
jq '.desk.name = "mado.toride.example"' "$lab/description/service.json" >"$top/new/service.json"
jq '.transparent = true' "$lab/description/orgs/412015.json" >"$top/new/orgs/412015.json" # all it sends to the web goes to the proxy; to the desk it goes nevertheless
renamed() { local d; d=$("$toride" submit "$top/new" --as tanaka --json | jq -r .digest) && "$toride" approve "$d" --as suzuki && "$toride" apply "$d"; }
try "another name is put in force" renamed
name=mado.toride.example
try "it is certified, known and answered" until_true 20 eval 'by 412015-pc1; page far /login && code_is 200 && is "$(asked 412015-pc1)" 192.0.2.44'
name=desk.toride.example
try "the old one isn't any more" eval 'by 412015-pc1; ! page far /login && is "$(asked 412015-pc1)" ""'
echo "1..$n"
exit $bad
