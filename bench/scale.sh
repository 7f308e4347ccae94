#!/bin/bash
# From a description to everything that runs: reading, checking and compiling the whole of Mie (33 bodies, 26,500 registered
# terminals) and of a nation (1,788 bodies). The best of five each, turn about, since other work shares the cores.
. "$(dirname "$0")/lib.sh"
cd "$here/.." || exit 4
toride=$build/toride dir=$work/scale
mkdir "$dir"
python3 tools/gen-examples.py --mie 33 26500 "$dir/mie" && python3 tools/gen-examples.py --nation 1788 "$dir/nation" || die "no descriptions"

once() { # DIR: seconds of check and compile together
	local a b
	rm -rf "$dir/out"
	a=$(date +%s%N)
	"$toride" check "$1" >/dev/null && "$toride" compile "$1" -o "$dir/out" >/dev/null || return
	b=$(date +%s%N)
	echo $(((b - a) / 1000000))
}
least() { [ "$1" -lt "$2" ] && echo "$1" || echo "$2"; }
mie=999999 nation=999999
for _ in 1 2 3 4 5; do
	a=$(once "$dir/mie") && b=$(once "$dir/nation") || die "a description doesn't compile"
	mie=$(least "$a" "$mie") nation=$(least "$b" "$nation")
done
# A nation has 54 times Mie's bodies: up to 60 times its time is no worse than in proportion.
figure scale.nation.compile "$(calc "$nation / 1000")" s mie.compile "$(calc "$mie / 1000")" "$(calc "60 * $mie / $nation")" 1
figure scale.nation.five-seconds "$(calc "$nation / 1000")" s limit 5 "$(calc "5000 / $nation")" 1
