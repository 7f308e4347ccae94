#!/bin/bash
# The whole of Mie in the lab: 33 bodies with 76 public sites serve, and five more join while a terminal of each of the 33 goes on asking. Not one of
# their requests may fail (M-001). A figure for the time a join takes, and one for what failed.
. "$(dirname "$0")/lab.sh"
. "$here/everybody.sh"
python3 "$here/../tools/gen-examples.py" --mie 38 76 "$work/mie38" || die "no description"
began=$(us)
toride lab up "$work/mie38" 2>"$work/up" || { cat "$work/up" >&2; tail -n 20 "$lab/log/torided.log" >&2; die "the lab isn't up"; }
say "Mie with 38 bodies is up after $(calc "($(us) - $began) / 1e6") s"
joining=($(cd "$lab/description/orgs" && ls | sed 's/\.json$//' | tail -n 5))
cp -rT "$lab/description" "$work/d" # with the certificates that the lab made
for c in "${joining[@]}"; do mv "$work/d/orgs/$c.json" "$work/$c.json"; done
base=$(approved "$work/d") && toride apply "$base" >/dev/null || die "Mie's 33 bodies aren't applied"
everybody $(cd "$work/d/orgs" && ls | sed 's/\.json$//')
for c in "${joining[@]}"; do
	mv "$work/$c.json" "$work/d/orgs/$c.json"
	digest=$(approved "$work/d") || die "$c isn't accepted"
	timed "$work/join" toride apply "$digest"
	own=$(jq -r .global4 "$work/d/orgs/$c.json")
	seen=$(on "$c-pc1" curl -s -m 10 -x 192.0.2.10:8080 http://www.news.example/whoami | cut -d' ' -f1)
	[ "$seen" = "$own" ] || die "$c is seen as '$seen', not as $own"
done
everybody_ends
say "33 bodies asked $(asked) times while five joined"
say "$(unasked) more were never asked, by a client without a processor"
figure join.apply "$(median <"$work/join")" s - - - below
figure join.others_failed "$(failed)" requests - - 0 atmost
