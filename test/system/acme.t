#!/bin/bash
# Certificates that come and renew by themselves: real packets from the sites' edge to an ACME authority on the lab's Internet
# (Pebble, whose certificates live 18 seconds here) and back to the challenge on the edge.
cd "$(dirname "$0")/../.."
export TORIDE_LAB=tm TORIDE_SOURCE=$PWD LC_ALL=C.UTF-8
top=$(mktemp -d /tmp/toride-acme.XXXXXX)
. test/system/lib.sh
T=build/toride lab=build/lab-tm
show=("$lab/log/acme.log")
trap '$T lab down >/dev/null 2>&1; rm -rf "$top"' EXIT
A=412015 B=412023 W4=198.51.100.3

mkdir -p "$top/d/orgs"
cp -r examples/saga/prefectures "$top/d/"
sed 's|"web4": "198.51.100.3"|"acme": "https://ca.hosting.example/dir", &|' examples/saga/service.json >"$top/d/service.json"
jq '.sites[0] += {acme: true, aliases: ["'$A'.lg.example"]}' examples/saga/orgs/$A.json >"$top/d/orgs/$A.json"
jq '.' examples/saga/orgs/$B.json >"$top/d/orgs/$B.json"
toride() { TORIDE_STATE=$PWD/$lab/state TORIDE_RUN=$PWD/$lab/run $T "$@"; }
on() { local host=$1; shift; $T lab exec "$host" -- "$@"; }
serial() { on inet timeout 5 openssl s_client -connect $W4:443 -servername "$1" </dev/null 2>/dev/null | openssl x509 -noout -serial; }
site() { toride site list --json | jq -se ".[] | select(.site == \"$1\") | $2"; }

$T lab up "$top/d" >"$top/try" 2>&1; ok $? "the lab is up: one site asks an authority for its certificate, three were given theirs"
www=www.$A.lg.example
try "the certificate is there without anybody's doing" until_true 20 site $www '.state == "good" and .certificate == "acme"'
on inet curl -sSk https://127.0.0.1:15000/roots/0 >"$top/root.pem" && on inet curl -sSk https://127.0.0.1:15000/intermediates/0 >>"$top/root.pem"
get() { on inet curl -sS --cacert "$top/root.pem" --max-time 10 --interface 203.0.113.77 --resolve "$1:443:$W4" "https://$1/" "${@:2}"; }
try "a browser that trusts the authority takes it" until_true 5 eval 'get $www | grep -q "$A $www asked by"'
try "for the site's other name too" until_true 5 eval 'get $A.lg.example | grep -q "$A $A.lg.example asked by"'
try "sites whose certificates were given go on" until_true 5 site bousai.$A.lg.example '.state == "good" and .certificate == "given" and .days > 20'
try "no private key lies in any file of it" keyless "$lab/state/acme" "$lab/run/edge" "$lab/run/acme"
try "nothing is left of the challenge" until_true 5 eval '[ -d "$lab/state/acme/challenge" ] && [ -z "$(ls "$lab/state/acme/challenge")" ]' # the next may be under way
try "a path out of the challenge's directory leads nowhere" eval 'c=$(on inet curl -sS --path-as-is --resolve "$www:80:$W4" "http://$www/.well-known/acme-challenge/../live/$www.pem" -o "$top/leaked" -w "%{http_code}") && [ "$c" != 200 ] && [ "$c" != 000 ] && ! grep -s CERTIFICATE "$top/leaked"'
try "the certificate has a number" until_true 5 eval 'first=$(serial $www) && [ -n "$first" ]'
try "before it ends it is renewed by itself" until_true 25 eval 's=$(serial $www) && [ -n "$s" ] && [ "$s" != "'"$first"'" ]'
try "with another key" eval '[ "$(ls "$lab/state/vault/sites" | wc -l)" -ge 5 ]'
try "and a record of it" until_true 10 eval 'toride log tail --org $A -n 200 | grep acmed | grep -q "a new certificate for $www is in use"'
try "the new one has a number" until_true 5 eval 'second=$(serial $www) && [ -n "$second" ]'
try "an operator may ask for one now" toride site renew $www --as sato
try "and it comes" until_true 10 eval 's=$(serial $www) && [ -n "$s" ] && [ "$s" != "'"$second"'" ]'
try "who asked is on record" until_true 10 eval 'toride log tail --org service -n 200 | grep site.renew | grep -q sato'
try "for a given one it is refused" eval '! toride site renew bousai.$A.lg.example --as sato 2>"$top/said" && grep -F "was given" "$top/said"'
try "and for no site at all" eval '! toride site renew www.nobody.example --as sato 2>"$top/said" && grep -F "no public site with a certificate" "$top/said"'

# ---- the authority is gone
kill $(pgrep -f "^pebble -strict -config .*/lab-tm/")
try "when the authority doesn't answer the list says so" until_true 10 site $www '.failures >= 1 and (.why | test("authority"))'
try "and an alarm of the body" until_true 10 eval 'toride log tail --org $A -n 300 | grep acmed | grep -q "\"activity_name\":\"Alarm\""'
try "which is a finding" until_true 20 eval 'toride incident list --json | grep "公開サイトの証明書" | grep -q $A'
try "pages are served all the while" eval 'get $www -k | grep -q "$A $www asked by"'
try "the site goes back to a given certificate, or none" eval 'jq "del(.sites[0].acme)" "$lab/description/orgs/$A.json" >"$top/n" && cp "$top/n" "$lab/description/orgs/$A.json" && put_in_force toride "$lab/description"'
try "and is no longer watched" until_true 10 eval 'toride site list --json | jq -se --arg s $www "flatten | length > 0 and all(.[]; .site != \$s)"'
echo "1..$n"
exit ${bad:-0}
