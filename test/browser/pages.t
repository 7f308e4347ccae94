#!/bin/bash
# What people see: a real browser on a terminal, through the intercepting proxy, trusting the cloud's authority as a managed
# terminal does; the page that stops it; and the desk, on the node: an analyst's first day. At a phone's width and a desk's. Chromium is driven through
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
says_now() { text >"$W/text"; head -c 600 "$W/text"; grep -q -- "$1" "$W/text"; }
says() { until_true 5 says_now "$1"; } # a click is answered before the page that follows is there
picture() { wd GET /screenshot | jq -r .value | base64 -d >"$shots/page-$1.png"; }
fits() { # WIDTH: nothing to be scrolled sideways for, and letters that can be read
	local n; n=$(js 'document.documentElement.scrollWidth'); echo "the page is $n wide, letters $(js 'getComputedStyle(document.body).fontSize')"
	[ "$n" -le "$1" ] && [ "$(js 'parseFloat(getComputedStyle(document.body).fontSize) >= 14')" = true ]
}
both_widths() { # NAME WORDS: the page now shown, looked at as on a phone and a desk
	local w
	for w in 390 1280; do
		width $w 844
		try "$2: fits $w pixels" until_true 5 fits $w # some go on by themselves meanwhile
		picture "$1-$w"
	done
}

$T lab up >&2; ok $? "lab up"
proxy=--proxy-server=http://192.0.2.10:8080

# ---- an ordinary terminal: the cloud's authority is in its store
mkdir -p "$W/home/.pki/nssdb"
certutil -N --empty-password -d "sql:$W/home/.pki/nssdb" && certutil -A -n toride -t C,, -i build/lab-tg/run/ca.pem -d "sql:$W/home/.pki/nssdb"
try "a browser starts on a terminal of Saga City" browser 412015-pc1 "$W/home" $proxy --proxy-bypass-list=desk.toride.example --host-resolver-rules="MAP desk.toride.example 192.0.2.44"
try "it fetches a page over HTTPS, decrypted and inspected, without a warning" visit https://www.news.example/
try "and shows what the origin sent" says "today's news"
try "in HTTP/2, as the site speaks it" is "$(js 'performance.getEntriesByType("navigation")[0].nextHopProtocol')" h2
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
try "that came in HTTP/2 too" is "$(js 'performance.getEntriesByType("navigation")[0].nextHopProtocol')" h2
both_widths malware "the page about malware"
try "the desk on the terminal, over TLS, without a warning" visit https://desk.toride.example/
try "its door, in HTTP/2" eval 'says ログイン && is "$(js "location.pathname + performance.getEntriesByType(\"navigation\")[0].nextHopProtocol")" /loginh2'
both_widths desk-terminal "the desk's door on a terminal"
mkdir "$W/down"
wd POST /goog/cdp/execute '{"cmd":"Page.setDownloadBehavior","params":{"behavior":"allow","downloadPath":"'"$W/down"'"}}' >/dev/null
try "a file that takes long to come: a page says how far it is" eval 'visit https://www.news.example/slow/1m.bin && until_true 5 says ファイルを受け取っています'
try "and which file" grep -q 1m.bin "$W/text"
both_widths waiting "the page with the progress"
try "it goes on by itself, without a script" eval 'until_true 20 says 安全の確認が終わりました && is "$(js document.scripts.length)" 0'
both_widths ready "the page that hands it over"
try "and the file arrives under its own name" until_true 10 cmp "$W/down/1m.bin" build/lab-tg/internet/www/news/1m.bin
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
at_now() { is "$(js location.pathname)" "$1"; }
at() { until_true 5 at_now "$1"; }
labelled() { is "$(js '[...document.querySelectorAll("input:not([type=hidden]),select,textarea")].filter(e => !e.labels.length).map(e => e.name).join()')" ""; }
quiet() { # no refused style or script, nothing blocked by its own policy
	wd POST /se/log '{"type":"browser"}' >"$W/console"; cat "$W/console"
	[ -s "$W/console" ] && jq -e '[.value[] | select(.level == "SEVERE" and (.message | contains("favicon") | not))] == []' "$W/console"
}
# Letters against what is behind them, WCAG 2.1, 1.4.3: at least 4.5 to 1, everywhere on the page.
contrast() {
	is "$(js '(() => {
		const rgb = c => c.match(/[\d.]+/g).map(Number), part = v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
		const light = c => 0.2126 * part(c[0]) + 0.7152 * part(c[1]) + 0.0722 * part(c[2]);
		const behind = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > 0) return c; } return [255, 255, 255]; };
		const bad = [];
		for (const e of document.querySelectorAll("body *")) {
			if (![...e.childNodes].some(n => n.nodeType == 3 && n.data.trim()) || !e.getClientRects().length) continue;
			const a = light(rgb(getComputedStyle(e).color)), b = light(behind(e)), ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
			if (ratio < 4.5) bad.push(e.tagName + " " + e.className + " " + ratio.toFixed(2));
		}
		return bad.join();
	})()')" ""
}
# All that can be pressed or filled in is reached by Tab and shows that it is there.
reached_now() { # by Tab from the top; the page may have renewed itself between the key and the look: then once more, from the top
	wd POST /actions '{"actions":[{"type":"key","id":"k","actions":[{"type":"keyDown","value":"\uE004"},{"type":"keyUp","value":"\uE004"}]}]}' >/dev/null
	is "$(js '[document.activeElement.className, getComputedStyle(document.activeElement).outlineStyle, [...document.querySelectorAll("a[href],button,input:not([type=hidden]),select,textarea,summary")].filter(e => e.tabIndex < 0 || e.disabled).length].join(" ")')" "skip solid 0" && return
	js 'document.activeElement.outerHTML' | head -c 300
	wd POST /refresh '{}' >/dev/null
	return 1
}
reached() { until_true 5 reached_now; }
keys() { # TEXT...: typed where the focus is, as at a keyboard
	wd POST /actions "$(printf '%s' "$1" | jq -Rsc '{actions: [{type: "key", id: "k", actions: [split("")[] | {type: "keyDown", value: .}, {type: "keyUp", value: .}]}]}')" >/dev/null
}
looks() { # NAME WORDS: the page now shown, with everything we want of each
	both_widths "$1" "$2"
	try "$2: every field has a label" labelled
	try "$2: letters stand out from what is behind them" contrast
	try "$2: all of it is reached by keyboard" reached
	try "$2: the browser complains of nothing" quiet
}
ip netns exec tg-412015-pc1 bash -c 'while :; do curl -s -A "" --max-time 5 -o /dev/null -x http://192.0.2.10:8080 "http://c2.example/beacon?<script>alert(1)</script>"; sleep 1; done' & drivers=($! "${drivers[@]}")
try "a browser starts beside the node" browser here "$W/operator" --no-proxy-server
try "the desk asks who it is" eval 'visit $desk/ && at /login'
looks login "the door"
once=$(node user add "佐藤 花子" --role analyst --json | jq -r .password)
sign_in() { field "#name" "佐藤 花子" && field "#password" "$1" && field "#code" "$2" && press "main button"; }
try "a name and the one-time password lead to the first time" eval 'sign_in "$once" "" && at /enrol'
looks enrol "the first time"
photographed() { zbarimg -q --raw "$shots/page-enrol-390.png" | tr -d '\n'; }
try "the picture is read from the screen, as a phone would" eval 'photographed | grep -q "^otpauth://totp/Toride:%E4%BD%90"'
secret=$(photographed | sed 's/.*secret=\([A-Z2-7]*\).*/\1/')
code() { oathtool --totp -b -N "@$(($(date +%s) + ${1:-0}))" "$secret"; }
try "a password of one's own and the app's code" eval 'field "#password" "$own"; field "#again" "$own"; field "#code" "$(code)"; press "main button" && at /'
try "the board comes" says 監視ボード
try "with the bodies' names" says 佐賀市
try "in Japanese" is "$(js document.documentElement.lang)" ja
looks board "the board"
try "its session is out of a script's reach" is "$(js document.cookie)" ""
try "signing out leads to the door" eval 'press "nav button" && says ログアウトしました && visit $desk/ && at /login'
try "by keyboard alone one signs in again, with password and code" eval 'visit $desk/login && wd POST /element/active "{}" >/dev/null; js "document.getElementById(\"name\").focus()" >/dev/null;
	keys "佐藤花子$(printf "\uE004")$own$(printf "\uE004")$(code 30)$(printf "\uE007")"; until_true 5 at /'

# ---- an incident that came from packets
number=
incident() { number=$(node incident list --org 412015 --json | jq -r .number | head -n 1); [ -n "$number" ]; }
try "packets have become an incident" until_true 30 incident
try "the list shows it" eval 'visit $desk/incidents && says "$number"'
looks incidents "the list"
try "its card, by the list's link" eval 'press "tbody a" && at "/incident/$number"'
looks card "the card"
try "what the terminal sent is text there" eval '[ "$(js "document.scripts.length + document.querySelectorAll(\"main img\").length")" = 0 ]'
try "its steps and who does them are there" says 手順と作業
try "receipt is confirmed by a button" eval 'press "form[action\$=\"/ack\"] button" && says 受領を確認しました'
try "a judgement, with a reason that would like to be a script" eval 'press "form[action\$=\"/judge\"] input[value=\"3\"]"; field "#judge-reason" "<img src=x onerror=document.title=1>"; press "form[action\$=\"/judge\"] button" && says "onerror=document.title=1" && [ "$(js document.title)" != 1 ]'
news() { ip netns exec tg-412015-pc1 curl -s --max-time 10 -x http://192.0.2.10:8080 http://www.news.example/ | grep -q "today.s news"; }
stopped() { ip netns exec tg-412015-pc1 curl -s --max-time 10 -x http://192.0.2.10:8080 http://www.news.example/ | grep -q P-20; }
try "the terminal reads the news" news
try "a block is ordered" eval 'field "#value" www.news.example; field "#block-reason" 試し; field "#hours" 1; press "form[action\$=\"/block\"] button" && says 遮断を指示しました'
try "and its traffic stops" until_true 10 stopped
try "the blocks" eval 'visit $desk/blocks && says www.news.example'
looks blocks "the blocks"
try "the block is undone by a button" eval 'js "[...document.querySelectorAll(\"li\")].find(e => e.innerText.includes(\"www.news.example\")).querySelector(\"form\").setAttribute(\"id\", \"undo\")" >/dev/null; press "#undo button" && says 解除を指示しました'
try "and the terminal reads the news again" until_true 30 news
try "the form for suspicions" eval 'visit $desk/report && says 気になること'
looks report "the form"
try "the public sites, and until when their certificates are good" eval 'visit $desk/sites && says www.412015.lg.example && grep -q 有効 "$W/text"'
looks sites "the public sites"
try "the changes" eval 'visit $desk/changes && says 適用中'
looks changes "the changes"
try "a change in words" eval 'press "main li a" && says 違い'
looks change "a change"
if [ -e build/libchdb.so ]; then
	found() { visit "$desk/log?q=class%3Ahttp+host%3Ac2.example&hours=1" && says c2.example/beacon; }
	try "the log is searched" until_true 20 found
else
	visit "$desk/log" >/dev/null
fi
looks log "the search"
if [ -e build/libchdb.so ]; then
	counted() { visit "$desk/counts" && says Webプロキシ; }
	try "counts by the hour, with bars" eval 'until_true 20 counted && [ "$(js "[...document.querySelectorAll(\"svg.bars rect\")].filter(e => e.getBoundingClientRect().height > 0).length")" -gt 0 ]'
	try "narrowed by a name's link" eval 'press "main section:nth-of-type(2) tbody a" && at /counts && js location.search | grep -q "org=41[0-9]"'
else
	visit "$desk/counts" >/dev/null
fi
looks counts "the counts"
try "what the rules could find" eval 'visit $desk/coverage && says T1110'
looks coverage "the coverage"

# ---- a passkey, on a terminal of the clerk's body: registered, then asked for in place of the code
quit
desk=https://desk.toride.example
try "a browser with an authenticator starts on the terminal" eval 'browser 412015-pc1 "$W/home" $proxy --proxy-bypass-list=desk.toride.example --host-resolver-rules="MAP desk.toride.example 192.0.2.44" &&
	wd POST /webauthn/authenticator "{\"protocol\":\"ctap2\",\"transport\":\"usb\",\"hasResidentKey\":true,\"hasUserVerification\":true,\"isUserVerified\":true}" | jq -se ".[0].value | strings" '
once=$(node user add 山田 --role clerk --org 412015 --json | jq -r .password)
enter() { visit $desk/login && field "#name" 山田 && field "#password" "$1" && field "#code" "$2" && press "main button"; }
try "the clerk's first time" eval 'enter "$once" "" && at /enrol'
secret=$(js 'document.querySelector(".key code").innerText' | tr -d ' ')
try "with password and app" eval 'field "#password" "$own"; field "#again" "$own"; field "#code" "$(code)"; press "main button" && at /'
try "one's own account offers passkeys" eval 'visit $desk/account && says パスキー'
looks account "one's own account"
used=$(($(date +%s) / 30 + 1)) # the step of the code that comes next: it counts once
try "password and code, once more" eval 'field "#key-label" 庁舎の鍵; field "#key-password" "$own"; field "#key-code" "$(code 30)"; press "form[action\$=\"/begin\"] button" && at /account/key/begin'
looks passkey-new "the page that registers"
registered() { at /account && says パスキーを登録しました && grep -q 庁舎の鍵 "$W/text"; }
try "the authenticator answers, and it is registered" eval 'press "#passkey-go" && until_true 10 registered'
press "nav button"
try "signing in again, the code left empty: the passkey is asked for" eval 'enter "$own" "" && at /key'
looks passkey "the page that asks"
try "nothing else is open meanwhile" eval 'visit $desk/incidents && at /key && visit $desk/account && at /key'
try "the authenticator answers, and the board comes" eval 'press "#passkey-go" && until_true 10 at / && says 監視ボード'
try "on record as signed in by it" until_true 5 eval 'node log tail -n 100000 --org 412015 | grep -q "\"user\":{\"name\":\"山田\"[,}].*\"status_detail\":\"done_by_passkey\""'
try "and that the password was right before it" until_true 5 eval 'node log tail -n 100000 --org 412015 | grep -q "\"user\":{\"name\":\"山田\"[,}].*\"status\":\"Other\",\"status_detail\":\"passkey_asked\""'
while [ $(($(date +%s) / 30)) -lt "$used" ]; do sleep 1; done # the next code's time has come
try "an open desk isn't enough to remove it" eval 'visit $desk/account && press "form[action\$=\"/remove\"] summary"; field "form[action\$=\"/remove\"] [name=password]" "$own"; field "form[action\$=\"/remove\"] [name=code]" 000000; press "form[action\$=\"/remove\"] button"; visit $desk/account && says 庁舎の鍵'
try "removed, it is asked for no more" eval 'visit $desk/account && press "form[action\$=\"/remove\"] summary"; field "form[action\$=\"/remove\"] [name=password]" "$own"; field "form[action\$=\"/remove\"] [name=code]" "$(code 30)"; press "form[action\$=\"/remove\"] button" && says パスキーを消しました; press "nav button"; enter "$own" "" && at /login && says ログインできません'
quit
echo "1..$n"
exit $bad
