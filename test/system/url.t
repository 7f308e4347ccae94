#!/bin/bash
# toride url check: the same request, allowed for one organisation and denied for another, by the shipped binary.
set -u
cd "${TORIDE_SOURCE:-$(dirname "$0")/../..}" || exit 4
bin=${TORIDE_BIN:-build}/toride
export LC_ALL=C.UTF-8
n=0
check() { # NAME CODE OUTPUT ARGUMENTS...
	local name=$1 want=$2 words=$3 got out; shift 3
	out=$("$bin" url check "$@" 2>&1); got=$?
	n=$((n + 1))
	if [ "$got" = "$want" ] && grep -qF -- "$words" <<<"$out"; then echo "ok $n - $name"; else echo "not ok $n - $name"; echo "# $got: $out"; fi
}
d=examples/saga
check "denied by the body's own list" 1 'deny url.black[0] sns.example' http://sns.example/ --org 412015 --desc $d
check "allowed for another body" 0 'allow url.default' http://sns.example/ --org 412023 --desc $d
check "a disguised host is the same host" 1 'url.black[0]' 'http://SNS%2Eexample.:8080/x' --org 412015 --desc $d
check "the common list holds for everyone, below the domain too" 1 'service.black[0] .malware.example' https://a.b.malware.example/ --org 412023 --desc $d
check "as JSON" 1 '"pattern":"sns.example"' http://sns.example/ --org 412015 --desc $d --json
check "not a URL" 1 'not an http:// or https:// URL' ftp://x --org 412015 --desc $d
check "no such organisation" 1 'no organisation has this code' http://x/ --org 999999 --desc $d
check "usage" 2 'usage:'
LC_ALL=ja_JP.UTF-8 check "in Japanese" 1 '拒否 url.black[0]' http://sns.example/ --org 412015 --desc $d

# ---- toride url import
top=$(mktemp -d /tmp/toride-url.XXXXXX)
trap 'rm -rf "$top"' EXIT
run() { # NAME CODE OUTPUT ARGUMENTS...
	local name=$1 want=$2 words=$3 got out; shift 3
	out=$("$bin" url "$@" 2>&1); got=$?
	n=$((n + 1))
	if [ "$got" = "$want" ] && grep -qF -- "$words" <<<"$out"; then echo "ok $n - $name"; else echo "not ok $n - $name"; echo "# $got: $out"; fi
}
mkdir -p "$top/ut1/social_networks" "$top/ut1/porn"
printf 'sns.example\nmicroblog.example\n' >"$top/ut1/social_networks/domains"
printf 'adult.example\n' >"$top/ut1/porn/domains"
printf 'files.example/adult\n' >"$top/ut1/porn/urls"
printf '127.0.0.1 localhost\n0.0.0.0 ad.example\n' >"$top/ads.hosts"
printf 'bad.example CNAME .\n*.bad.example CNAME .\n' >"$top/phishing.rpz"
{ printf 'n%s.example\n' {1..20}; echo 'foo bar'; } >"$top/few.txt"
run "lists of four kinds make one index" 0 '27 entries' import "$top/ut1" "$top/ads.hosts" "$top/phishing.rpz" malware="$top/few.txt" -o "$top/x"
run "a bad line is told with its place" 0 'few.txt:21: more than one thing on the line' import malware="$top/few.txt" -o "$top/y"
run "what is in it" 0 "$top/ut1/porn/urls" show "$top/x"
run "as JSON" 0 '"category":"adult","entries":1,"sha256":"' show "$top/x" --json
run "an index half the size isn't taken" 3 '--shrink' import "$top/ads.hosts" -o "$top/x"
run "the old one stands" 0 '27 entries' show "$top/x"
run "but where it is meant" 0 '1 entries' import "$top/ads.hosts" -o "$top/x" --shrink
run "a list with too many bad lines is refused" 1 'are bad' import --format hosts ads="$top/few.txt" -o "$top/z"
n=$((n + 1)); [ ! -e "$top/z" ] && echo "ok $n - and nothing is written" || echo "not ok $n - and nothing is written"
run "a list that isn't there" 4 "$top/none" import "$top/none" -o "$top/z"
printf x | dd of="$top/y" bs=1 seek=4200 conv=notrunc 2>/dev/null
mkdir -p "$top/away/porn" && ln -s "$top/few.txt" "$top/away/porn/domains"
run "what reads the lists reaches nothing but them: a link that leads out stays shut" 4 'Permission denied' import "$top/away" -o "$top/z"
n=$((n + 1)); [ -z "$(find "$top" -name 'z*')" ] && echo "ok $n - … and no part of an index is left" || echo "not ok $n - … and no part of an index is left"
run "a damaged index isn't believed" 1 'not a usable URL index' show "$top/y"
run "usage" 2 'usage:' import
TORIDE_STATE=$top/state run "without -o it is the gateway's own, whose directory must be there" 4 "$top/state/feeds/url" import "$top/few.txt"

# ---- toride url check with an index
printf 'games.example,games\nsns.example,social\nsns.example/blog,blog\n192.0.2.0/24,malware\n' >"$top/c.csv"
run "categories of one file" 0 '4 entries' import "$top/c.csv" -o "$top/c"
why() { check "$@" --index "$top/c" --desc $d; }
why "a category's rule, and which entry says so" 1 'index entry domain games.example: games' http://www.games.example/ --org 412015
why "why, in words" 1 "the organisation's rule by category: games" http://www.games.example/ --org 412015
LC_ALL=ja_JP.UTF-8 why "and in Japanese" 1 '団体のカテゴリ規則に当たります: ゲーム' http://www.games.example/ --org 412015
why "opposite for another body" 0 'allow url.default' http://www.games.example/ --org 412031
why "denied for all, by address" 1 'service.deny_categories[malware]' http://0xc0000205/ --org 412031
why "a rule for one terminal" 0 'url.categories[koho]' http://sns.example/ --org 412031 --terminal 10.3.0.5
why "not for its neighbour" 1 'url.categories[sns]' http://sns.example/ --org 412031 --terminal 10.3.0.6
why "all entries, the most exact first" 1 '"entries":[{"entry":"path sns.example/blog","categories":"blog"},{"entry":"domain sns.example","categories":"social"}]' https://sns.example/blog/1 --org 412031 --json
why "a time that isn't one" 1 'not a time' http://sns.example/ --org 412031 --at noon
run "the categories by name" 0 'gambling         gambling' categories
echo "1..$n"
