#!/bin/bash
# The set-up script on machines that can't: one clear sentence each, and nothing installed. The machine is pretended:
# stubs for dpkg-query, apt-get and df in PATH, files of /etc and /proc covered by mounts of a private namespace.
cd "$(dirname "$0")/../.."
if [ "${1:-}" != inside ]; then exec unshare -m --propagation private bash "$0" inside; fi
W=$(mktemp -d); trap 'umount -q "$W"/* /etc/os-release /proc/meminfo 2>/dev/null; rm -rf "$W"' EXIT
cp -r tools "$W/tools"; mkdir "$W/bin"
n=0 bad=0
ok() { n=$((n + 1)); if [ "$1" -eq 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; bad=1; fi; }
stub() { printf '#!/bin/sh\n%s\n' "$2" >"$W/bin/$1"; chmod 755 "$W/bin/$1"; }
missing() { stub dpkg-query 'exit 1'; stub apt-get "echo \"\$@\" >>$W/apt; exit 100"; rm -f "$W/apt"; }
run() { PATH="$W/bin:$PATH" "$@" "$W/tools/setup" run >"$W/out" 2>&1 </dev/null; code=$?; }
says() { grep -q "$1" "$W/out" && [ "$(wc -l <"$W/out")" -le "${2:-1}" ]; }
chmod 755 "$W"; chmod -R a+rX "$W"

stub dpkg-query 'echo install ok installed'; stub apt-get "echo \"\$@\" >>$W/apt"
run; [ $code -eq 0 ] && [ ! -s "$W/out" ] && [ ! -e "$W/apt" ]; ok $? "nothing is missing: silent, quick, nothing is called"
run setpriv --reuid 65534 --clear-groups; [ $code -eq 0 ]; ok $? "nothing is missing: root isn't needed"

stub dpkg-query "echo \"\$4\" >>$W/asked; echo install ok installed"
stub npm 'exit 1' # what only the benches read isn't fetched for this
PATH="$W/bin:$PATH" "$W/tools/setup" bench >"$W/out" 2>&1 </dev/null
rm "$W/bin/npm"
[ "$(wc -l <"$W/asked")" -gt 60 ] && ! grep -vE '^[a-z0-9][a-z0-9+.-]+$' "$W/asked"; ok $? "what it asks for are names of packages"
missing; run setpriv --reuid 65534 --clear-groups
[ $code -eq 4 ] && says "only root can install them" && [ ! -e "$W/apt" ]; ok $? "not root: one sentence, nothing begun"

missing; stub df 'echo h; echo x x x 100 x'; run
[ $code -eq 4 ] && says "too little disk: 100 MiB free" && [ ! -e "$W/apt" ]; ok $? "full disk: one sentence, nothing begun"
rm "$W/bin/df"

missing; stub apt-get "echo 'Could not resolve the mirror'; exit 100"; run
[ $code -eq 4 ] && says "Could not resolve the mirror" 2; ok $? "no network: the reason in one sentence"
[ ! -e /usr/sbin/policy-rc.d ] || ! grep -q 'exit 101' /usr/sbin/policy-rc.d || [ -n "$(find /usr/sbin/policy-rc.d -mmin +1)" ]
ok $? "no network: no policy file is left behind"

printf 'ID=fedora\nVERSION_ID=40\nPRETTY_NAME="Fedora 40"\n' >"$W/os"; touch "$W/os"; mount --bind "$W/os" /etc/os-release
missing; run; [ $code -eq 4 ] && says "made for Debian 12; this is Fedora 40" && [ ! -e "$W/apt" ]; ok $? "another distribution: one sentence"
umount /etc/os-release

echo "MemTotal: 1000000 kB" >"$W/mem"; mount --bind "$W/mem" /proc/meminfo
missing; run; [ $code -eq 4 ] && says "too little memory: 976 MiB" && [ ! -e "$W/apt" ]; ok $? "too little memory: one sentence"
umount /proc/meminfo

tools/setup nonsense >"$W/out" 2>&1; [ $? -eq 2 ]; ok $? "wrong use: exit code 2"
echo "1..$n"; exit $bad
