# The desk's pages as a browser without scripts meets them, by curl in the node's network. Sourced after lib.sh; wants $toride, $top, TORIDE_LAB.
url=http://127.0.0.1:8480

on() { local host=$1; shift; ip netns exec "$TORIDE_LAB-$host" "$@"; }
# WHO PATH [CURL OPTION...]: the page into $top/page, its head into $top/head; WHO names a jar of cookies
# from where and to which address: the node's own loopback, unless `there` and `url` say otherwise
there=gw1 options=()
page() { on "$there" curl -s --max-time 30 "${options[@]}" -b "$top/$1.jar" -c "$top/$1.jar" -D "$top/head" -o "$top/page" "${@:3}" "$url$2"; }
token() { grep -o 'name="form" value="[0-9a-f]*"' "$top/page" | head -n 1 | cut -d'"' -f4; }
# WHO FROM TO FIELD...: opens the page FROM and sends the form to TO, as a browser would
post() {
	local who=$1 from=$2 to=$3 f args=(); shift 3
	page "$who" "$from" || return
	for f in "form=$(token)" "$@"; do args+=(--data-urlencode "$f"); done
	page "$who" "$to" -H "Origin: $url" "${args[@]}"
}
code_is() { head -n 1 "$top/head" | grep -q " $1" || { cat "$top/head"; return 1; }; }
goes_to() { grep -qi "^location: [a-z:/0-9.]*$1"$'\r' "$top/head" || { cat "$top/head"; return 1; }; }
holds() { grep -qF -- "$1" "$top/page"; }
lacks() { ! grep -qF -- "$1" "$top/page"; }
# A code counts once: this step's, or the next one's, which a phone that is a little ahead would show.
fresh_code() {
	local step at now=0
	now=$(date +%s); step=$((now / 30)); at=$(cat "$top/$1.used" 2>/dev/null || echo 0)
	[ "$step" -gt "$at" ] || step=$((at + 1))
	while [ "$step" -gt $(($(date +%s) / 30 + 1)) ]; do sleep 1; done
	echo "$step" >"$top/$1.used"
	oathtool --totp -b -N "@$((step * 30))" "$(cat "$top/$1.secret")"
}
sign_in() { local c; c=$(fresh_code "$1"); post "$1" /login /login "name=$1" "password=$own" "code=$c"; }
own='Kx9#mPq2!v-desk'
enrol() { # NAME ONE-TIME-PASSWORD
	post "$1" /login /login "name=$1" "password=$2" && goes_to /enrol && page "$1" /enrol || return
	sed -n 's/.*class="key"><code>\([A-Z2-7 ]*\).*/\1/p' "$top/page" | tr -d ' ' >"$top/$1.secret"
	[ "$(wc -c <"$top/$1.secret")" = 33 ] || return
	post "$1" /enrol /enrol "password=$own" "again=$own" "code=$(fresh_code "$1")" && goes_to /
}
# ROLE-OPTIONS...: adds somebody and has them sign in for the first time
join() { local name=$1; shift; once=$("$toride" user add "$name" "$@" --json | jq -r .password) && [ -n "$once" ] && enrol "$name" "$once"; }
recorded() { "$toride" log tail -n 100000 --org "$1" | grep '"class_uid":3002' >"$top/records"; grep -q -- "$2" "$top/records"; }
