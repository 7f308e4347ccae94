#!/bin/bash
# The CRS's own regression tests against our edge with the installed CRS, in place from $TORIDE_CORPORA/coreruleset (a checkout of
# the installed version's tag). Their set-up is what they ask for: paranoia 4, detection only; everything else is what we compile.
# What doesn't pass is listed in crs.known with its reason, and explained in doc/CORPORA.md.
cd "${TORIDE_SOURCE:-$(dirname "$0")/../..}" || exit 1
tests=${TORIDE_CORPORA:-}/coreruleset/tests/regression/tests
[ -d "$tests" ] || { echo "ok 1 - # SKIP the CRS's tests: \$TORIDE_CORPORA/coreruleset isn't there"; echo "1..1"; exit 0; }
toride=${TORIDE:-$PWD/build/toride}
top=$(mktemp -d /tmp/toride-crs.XXXXXX) || exit 1
trap '[ ! -f $top/run/edge/nginx.pid ] || kill $(cat $top/run/edge/nginx.pid); sleep 0.5; rm -rf "$top"' EXIT
chmod 755 "$top"
n=0
ok() { n=$((n + 1)); if [ "$1" -eq 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; bad=1; fi; }

mkdir -p "$top/d/orgs" "$top"/state/edge/{log,cache} "$top/run/edge/tmp" "$top/www"
cp -r examples/saga/prefectures "$top/d/"
jq '.state_dir = "'$top'/state" | .run_dir = "'$top'/run" | .web_source_per_s = 10000 | .web_forms_per_min = 10000' \
	<(grep -v '^ *//' examples/saga/service.json) >"$top/d/service.json"
jq '.sites = [{name: "www.412015.lg.example", title: "x", origins: [{addr: "10.1.0.80"}], paranoia: 4, waf: "detect", body_max_mib: 100}]' \
	examples/saga/orgs/412015.json >"$top/d/orgs/412015.json"
"$toride" compile "$top/d" -o "$top/state/current" >/dev/null; ok $? "a site at paranoia 4 that only detects is compiled"
# Any name leads to the site, from the loopback and to an origin on it: that is all that isn't as compiled. 900005 is the tests' own set-up.
sed -E -e 's/^ *listen 198.*:80( |;).*/    listen 127.0.0.1:18480;/; /listen (198|\[)/d; s/server_name www\..*/server_name www.412015.lg.example localhost 127.0.0.1 "";/' \
	-e 's/server 10.1.0.80:80 .*/server 127.0.0.1:18481;/; /proxy_bind/d; /ssl_reject_handshake/d' \
	-e "/modsecurity_rules '/a\\      SecAction \"id:10900,phase:1,nolog,pass,t:none,setvar:tx.crs_validate_utf8_encoding=1,setvar:tx.arg_name_length=100,setvar:tx.arg_length=400\"" \
	"$top/state/current/edge/nginx.conf" |
	awk '/^  server \{/ { s = 1 } { if (s) b = b $0 "\n"; else print } s && /^  \}/ { if (b !~ /server_name _;/) printf "%s", b; b = ""; s = 0 }' |
	sed '$d' >"$top/nginx.conf"
printf '  server { listen 127.0.0.1:18481; modsecurity off; access_log off; location / { return 200 "ok\\n"; } }\n}\n' >>"$top/nginx.conf"
OPENSSL_ENGINES=$PWD/build nginx -p "$top/run/edge" -e stderr -g "load_module $PWD/build/toride_kept.so;" -c "$top/nginx.conf"; ok $? "nginx takes the configuration"
python3 test/replay/crs.py "$tests" 18480 "$top/state/edge/log/access" "$top/state/edge/log/waf" >"$top/result" 2>"$top/said"
ok $? "all cases are sent"; cat "$top/said"
cp "$top/result" build/crs-result # all of it, for who wants to look
echo "# $(wc -l <"$top/result") cases: $(grep -c ^pass "$top/result") passed, $(grep -c ^refused "$top/result") refused before the WAF, $(grep -c ^fail "$top/result") failed"
[ "$(wc -l <"$top/result")" -ge 2000 ]; ok $? "there are two thousand at least"
grep -v ^pass "$top/result" | cut -d' ' -f2 | tr -d : | sort >"$top/not"
grep -o '^[0-9][0-9-]*' test/replay/crs.known | sort >"$top/known"
comm -23 "$top/not" "$top/known" >"$top/new"
while read -r id; do grep " $id:" "$top/result" | sed 's/^/# /'; done <"$top/new"
[ ! -s "$top/new" ]; ok $? "each that doesn't pass is known, and why"
comm -13 "$top/not" "$top/known" | sed 's/^/# passes by now: /'
[ -z "$(comm -13 "$top/not" "$top/known")" ]; ok $? "and none that is known passes by now"
echo "1..$n"
exit ${bad:-0}
