#!/bin/bash
# toride intel fetch against a TAXII 2.1 server: pages, what was added since, what was revoked; who proves nothing, leads in circles or never
# ends is refused, and what was there stays.
cd "${TORIDE_SOURCE:-$(dirname "$0")/../..}" || exit 1
toride=${TORIDE:-toride}
work=$(mktemp -d /tmp/toride-taxii.XXXXXX) || exit 1
chmod 755 "$work"; mkdir "$work/intel"
n=0 bad=0
tap() { n=$((n + 1)); if [ "$1" -eq 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; bad=1; sed 's/^/# /' "$work/said"; fi; }
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout "$work/site.key" -out "$work/site.pem" 2>/dev/null
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=other -keyout "$work/other.key" -out "$work/other.pem" 2>/dev/null
echo ok >"$work/mode"; echo "s3cret pass" >"$work/secret"
python3 test/replay/taxii/server.py "$work" & server=$!
trap 'kill $server; rm -rf "$work"' EXIT
for _ in $(seq 400); do [ -e "$work/port" ] && break; sleep 0.05; done
conf() { # NAME JSON-MEMBERS
	printf '{"sources": [{"name": "%s", "api_root": "https://localhost:%s/api1/", "collection": "c0ffee", %s}]}' "$1" "$(cat "$work/port")" "$2" >"$work/$1.conf"
}
mine="\"user\": \"saga\", \"secret\": \"$work/secret\", \"ca\": \"$work/site.pem\""
conf jpcert "$mine"
on=() # on another machine
fetch() { "${on[@]}" "$toride" intel fetch "$work/$1.conf" -o "$work/intel" --json >"$work/said" 2>&1; }
says() { jq -se ".[0] | $1" "$work/said" >/dev/null; }
values() { "$toride" intel check "$work/intel" --json | jq -se ".[0].values == $1 and .[0].faults == 0" >/dev/null; }

fetch jpcert && says '.pages == 3 and .taken == 25 and .kept == 25 and .since == "2026-11-02T00:00:20.000000Z"'; tap $? "three pages are fetched, one behind another"
values 25; tap $? "and are looked for"
grep -q '/api1/collections/c0ffee/objects/?match%5Btype%5D=indicator Basic .* application/taxii+json;version=2.1$' "$work/asked"; tap $? "it asks as TAXII 2.1 wants, for indicators, with the password"
! grep -q added_after "$work/asked"; tap $? "for all of them the first time"
fetch jpcert && says '.pages == 1 and .taken == 1 and .removed == 1 and .kept == 25'; tap $? "then for what was added since: one new, one revoked"
grep -q 'added_after=2026-11-02T00:00:20.000000Z ' "$work/asked"; tap $? "… from the time the server had named"
jq -se '[.[0].objects[].id] | (length > 0) and (index("indicator--00000000-0000-4000-8000-000000000003") == null) and (length == (unique | length))' "$work/intel/taxii-jpcert.json" >"$work/said"; tap $? "each stands there once, the revoked one not at all"
echo '{"class_uid":4003,"time":1795341600000,"org":"412015","product":"unbound","src_endpoint":{"ip":"10.1.0.5"},"query":{"hostname":"www.evil99.example","type":"A"},"rcode":"NOERROR","action":"Allowed"}' >"$work/event"
"$toride" detect --rules rules --input "$work/event" --format jsonl --intel "$work/intel" --json >"$work/said"; jq -se 'any(.[]; .rule.id == "54495047-7e11-4ced-8001-ca11ed000002")' "$work/said" >/dev/null; tap $? "a question for a fetched name is a finding"
rm "$work/intel/taxii-jpcert.json"; fetch jpcert && says '.pages == 3 and .kept == 25'; tap $? "where the bundle is gone all are fetched again"

cp "$work/intel/taxii-jpcert.json" "$work/was"
refused() { # MODE|- CONF WORDS SAYING
	[ "$1" = - ] || echo "$1" >"$work/mode"
	fetch "$2"; local code=$?
	[ $code -ne 0 ] && grep -qF "$3" "$work/said" && cmp -s "$work/was" "$work/intel/taxii-jpcert.json" && [ -z "$(ls "$work"/intel/.*.part 2>/dev/null)" ]; tap $? "$4"
}
refused loop jpcert "leads to the same page again" "a server that leads in circles is left, and what was there stays"
refused endless jpcert "longer than 32 MiB" "so is one whose page never ends"
refused html jpcert "isn't application/taxii+json" "and one that answers something else"
refused redirect jpcert "it answered 302" "a redirect isn't followed"
! grep -q elsewhere "$work/asked"; tap $? "… and the password isn't carried there"
echo ok >"$work/mode"
conf jpcert "\"user\": \"saga\", \"secret\": \"$work/secret\", \"ca\": \"$work/other.pem\""; refused - jpcert "certificate" "a server that can't prove who it is isn't asked"
mkdir "$work/certs"; cp "$work/site.pem" "$work/certs"; openssl rehash "$work/certs"
what="not even where the machine trusts it: the source's own authorities stand in place of the machine's"
on=(unshare -m sh -c 'mount --bind "$0" /etc/ssl/certs && exec "$@"' "$work/certs")
if [ "$(id -u)" = 0 ]; then refused - jpcert "certificate" "$what"; else n=$((n + 1)); echo "ok $n - $what # SKIP needs root"; fi
on=()
echo wrong >"$work/secret"; conf jpcert "$mine"; refused - jpcert "it answered 401" "a wrong password is told"
: >"$work/secret"; refused - jpcert "must hold one line" "an empty one too"
sed -i 's/localhost:[0-9]*/localhost:1/' "$work/jpcert.conf"; echo x >"$work/secret"; refused - jpcert "jpcert: server" "so is one that isn't there"
! grep -rqF "s3cret pass" "$work/intel" "$work/said"; tap $? "the password stands nowhere"
echo "1..$n"
exit $bad
