#!/bin/bash
# What people see: a real browser on a terminal, through the intercepting proxy, trusting the cloud's authority as a managed
# terminal does; the page that stops it; and the desk, on the node: signing in for the first time. At a phone's width and a desk's. Chromium is driven through
# its own driver (W3C WebDriver) with curl; pictures of what it saw stay in build/test-log/.
cd "$(dirname "$0")/../.."
export TORIDE_LAB=tg TORIDE_SOURCE=$PWD
T=build/toride W=$(mktemp -d /tmp/toride-browser.XXXXXX) shots=build/test-log
bad=0 drivers=()
. test/system/lib.sh
top=$W
mkdir -p "$shots"; rm -f "$shots"/page-*.png
finish() {
	local p; for p in "${drivers[@]}"; do kill -- "-$p" 2>/dev/null; done
	sleep 0.3
	$T lab down >&2; rm -rf "$W"
}
trap finish EXIT
trap 'exit 1' INT TERM
on() { local host=$1; shift; [ "$host" = here ] && { "$@"; return; }; ip netns exec "tg-$host" "$@"; } # here: beside the node, as make run

# ---- a browser: its driver in the host's network, a home of its own
browser() { # HOST HOME CHROMIUM-ARGUMENTS...: sets $host and $session
	host=$1; local home=$2; shift 2
	mkdir -p "$home"
	local enter=(); [ "$host" = here ] || enter=(ip netns exec "tg-$host")
	HOME=$home setsid "${enter[@]}" chromedriver --port=9515 --log-path="$W/driver.log" >/dev/null 2>&1 & drivers+=($!)
	until_true 10 on "$host" curl -sf http://127.0.0.1:9515/status || return 1
	local args; args=$(printf '%s\n' --headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --disable-background-networking \
		--lang=ja --user-data-dir="$home/profile" "$@" | jq -R . | jq -sc .)
	session=$(wd_raw POST /session '{"capabilities":{"alwaysMatch":{"browserName":"chrome","pageLoadStrategy":"normal",
		"timeouts":{"pageLoad":20000,"script":5000},"goog:loggingPrefs":{"browser":"ALL"},"goog:chromeOptions":{"binary":"/usr/bin/chromium","args":'"$args"',
		"prefs":{"intl.accept_languages":"ja"}}}}}' | tee "$W/session" | jq -r .value.sessionId)
	[ -n "$session" ] && [ "$session" != null ]
}
quit() { wd DELETE "" >/dev/null; local p=${drivers[-1]}; kill -- "-$p"; wait "$p" 2>/dev/null; unset 'drivers[-1]'; }
wd_raw() { on "$host" curl -s --max-time 40 -X "$1" -H 'Content-Type: application/json' ${3:+-d "$3"} "http://127.0.0.1:9515$2"; }
wd() { wd_raw "$1" "/session/$session$2" "${3:-}"; }
width() { # PIXELS HEIGHT: the page's own, whatever a window needs
	wd POST /goog/cdp/execute '{"cmd":"Emulation.setDeviceMetricsOverride","params":{"width":'"$1"',"height":'"$2"',"deviceScaleFactor":1,"mobile":'"$([ "$1" -lt 700 ] && echo true || echo false)"'}}' >/dev/null
}
visit() { wd POST /url "$(jq -nc --arg u "$1" '{url: $u}')" >"$W/visit"; cat "$W/visit"; jq -se 'length == 1 and .[0].value == null' "$W/visit" >/dev/null; }
js() { wd POST /execute/sync "$(jq -nc --arg s "return $1" '{script: $s, args: []}')" | jq -r .value; }
text() { js document.body.innerText; }
says() { text >"$W/text"; head -c 600 "$W/text"; grep -q -- "$1" "$W/text"; }
picture() { wd GET /screenshot | jq -r .value | base64 -d >"$shots/page-$1.png"; }
fits() { # WIDTH: nothing to be scrolled sideways for, and letters that can be read
	local n; n=$(js 'document.documentElement.scrollWidth'); echo "the page is $n wide, letters $(js 'getComputedStyle(document.body).fontSize')"
	[ "$n" -le "$1" ] && [ "$(js 'parseFloat(getComputedStyle(document.body).fontSize) >= 14')" = true ]
}
both_widths() { # NAME WORDS: the page now shown, looked at as on a phone and a desk
	local w
	for w in 390 1280; do
		width $w 844
		try "$2: fits $w pixels" fits $w
		picture "$1-$w"
	done
}

$T lab up >&2; ok $? "lab up"
proxy=--proxy-server=http://192.0.2.10:8080

# ---- an ordinary terminal: the cloud's authority is in its store
mkdir -p "$W/home/.pki/nssdb"
certutil -N --empty-password -d "sql:$W/home/.pki/nssdb" && certutil -A -n toride -t C,, -i build/lab-tg/run/ca.pem -d "sql:$W/home/.pki/nssdb"
try "a browser starts on a terminal of Saga City" browser 412015-pc1 "$W/home" $proxy
try "it fetches a page over HTTPS, decrypted and inspected, without a warning" visit https://www.news.example/
try "and shows what the origin sent" says "today's news"
try "by a connection it takes for secure" is "$(js 'location.protocol + " " + isSecureContext')" "https: true"
try "a page its body forbids" visit http://sns.example/
try "is a page in Japanese that says so" says このページの閲覧は制限されています
try "with a number to give to one's IT staff" eval 'grep -qE "P-[0-9]{8}-[0-9A-Z]+" "$W/text"'
try "and what to do now" grep -q 情報システム担当 "$W/text"
try "its language is marked" is "$(js document.documentElement.lang)" ja
try "nothing of the forbidden page is in it" eval '! grep -q "<p>sns</p>" "$W/text"'
both_widths denied "the page that says no"
try "the same inside HTTPS" eval 'visit https://sns.example/ && says このページの閲覧は制限されています'
try "malware inside HTTPS" visit https://login.phish.example/invoice.pdf.exe
try "is a page that says what was found, not a file" says ウイルスが見つかった
both_widths malware "the page about malware"
quit

# ---- the control: without the authority the same browser must warn, so it really checks
try "a browser that doesn't know the authority starts" browser 412015-pc1 "$W/stranger" $proxy
visit https://www.news.example/ >/dev/null
try "it warns, and doesn't show the decrypted page" eval 'says ERR_CERT_AUTHORITY_INVALID && ! grep -q "today.s news" "$W/text"'
quit

# ---- the desk, by the one loopback address that leads to the node
setsid build/toride-relay 127.0.0.1:8480 /run/netns/tg-gw1 2>"$W/relay" & drivers=($! "${drivers[@]}")
desk=http://127.0.0.1:8480
node() { TORIDE_STATE=build/lab-tg/state TORIDE_RUN=build/lab-tg/run "$T" "$@"; }
own='Kx9#mPq2!v-desk'
# CSS VALUE: into a field, as with keys
field() {
	local e; e=$(wd POST /element "$(jq -nc --arg v "$1" '{using: "css selector", value: $v}')" | jq -r '.value | to_entries[0].value')
	wd POST "/element/$e/clear" '{}' >/dev/null; wd POST "/element/$e/value" "$(jq -nc --arg t "$2" '{text: $t}')" >/dev/null
}
press() { # CSS: and wait for the page that follows
	local e; e=$(wd POST /element "$(jq -nc --arg v "$1" '{using: "css selector", value: $v}')" | jq -r '.value | to_entries[0].value')
	wd POST "/element/$e/click" '{}' | jq -se 'length == 1 and .[0].value == null' >/dev/null
}
at() { is "$(js location.pathname)" "$1"; }
labelled() { is "$(js '[...document.querySelectorAll("input:not([type=hidden]),select,textarea")].filter(e => !e.labels.length).map(e => e.name).join()')" ""; }
quiet() { # no refused style or script, nothing blocked by its own policy
	wd POST /se/log '{"type":"browser"}' >"$W/console"; cat "$W/console"
	[ -s "$W/console" ] && jq -e '[.value[] | select(.level == "SEVERE" and (.message | contains("favicon") | not))] == []' "$W/console"
}
try "a browser starts beside the node" browser here "$W/operator" --no-proxy-server
try "the desk asks who it is" eval 'visit $desk/ && at /login'
both_widths login "the door"
try "each of its fields has a label" labelled
once=$(node user add "佐藤 花子" --role analyst --json | jq -r .password)
sign_in() { field "#name" "佐藤 花子" && field "#password" "$1" && field "#code" "$2" && press "main button"; }
try "a name and the one-time password lead to the first time" eval 'sign_in "$once" "" && at /enrol'
both_widths enrol "the first time"
try "each field there has a label" labelled
secret=$(js 'document.querySelector(".key code").textContent' | tr -d ' ')
try "a password of one's own and the app's code" eval 'field "#password" "$own"; field "#again" "$own"; field "#code" "$(oathtool --totp -b "$secret")"; press "main button" && at /'
try "the board comes" says 監視ボード
try "with the bodies' names" says 佐賀市
try "in Japanese" is "$(js document.documentElement.lang)" ja
both_widths board "the board"
try "its session is out of a script's reach" is "$(js document.cookie)" ""
try "and the browser complains of nothing" quiet
quit
echo "1..$n"
exit $bad
