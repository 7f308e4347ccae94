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
check "as JSON" 1 '"allow":false,"rule":"url.black[0]","pattern":"sns.example"}' http://sns.example/ --org 412015 --desc $d --json
check "not a URL" 1 'not an http:// or https:// URL' ftp://x --org 412015 --desc $d
check "no such organisation" 1 'no organisation has this code' http://x/ --org 999999 --desc $d
check "usage" 2 'usage:'
LC_ALL=ja_JP.UTF-8 check "in Japanese" 1 '拒否 url.black[0]' http://sns.example/ --org 412015 --desc $d
echo "1..$n"
