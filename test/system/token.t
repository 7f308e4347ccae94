#!/bin/bash
# The vault's master key moves to a PKCS#11 token (SoftHSM's) and the vault as shipped starts by it; without the token it doesn't.
set -u
[ "$(id -u)" = 0 ] || { echo "1..0 # SKIP needs root"; echo "ok 1 - token # SKIP needs root"; exit 0; }
bin=$(dirname "$(command -v toride-vaultd)") || { echo "not ok 1 - toride-vaultd isn't built"; exit 1; }
[ -n "${TOKEN_NET:-}" ] || TOKEN_NET=1 exec unshare -n bash "$0" "$@"
top=$(mktemp -d /tmp/toride-token.XXXXXX)
. "$(dirname "$0")/lib.sh"
show=("$top/log") vaultd=
finish() { [ -z "$vaultd" ] || kill "$vaultd"; wait; rm -rf "$top"; }
trap finish EXIT
export TORIDE_STATE=$top/state TORIDE_RUN=$top/run SOFTHSM2_CONF=$top/softhsm.conf
mkdir -p "$top"/state/{vault,vault-public,generations/a} "$top"/run/{ready,stats} "$top/tokens"
ln -s generations/a "$top/state/current"
touch "$top/run/ready/vaultd"
printf 'directories.tokendir = %s\nobjectstore.backend = file\n' "$top/tokens" >"$SOFTHSM2_CONF"
cp "$bin/toride-vaultd" "$top/vaultd" # where its user may look
chmod 700 "$top/state/vault"; chown -R nobody "$top"
as="setpriv --reuid nobody --regid nogroup --clear-groups"
try "a token is made" $as softhsm2-util --init-token --free --label saga --so-pin 1357-so --pin 2468-pin
begin() { : >"$top/run/ready/vaultd"; rm -f "$top/run/vault.sock"; $as "$top/vaultd" >"$top/log" 2>&1 & vaultd=$!; until_true 30 test -s "$top/run/ready/vaultd"; }
end() { kill "$vaultd"; wait "$vaultd"; local code=$?; vaultd=; return $code; }
refuses() { : >"$top/run/ready/vaultd"; $as timeout 60 "$top/vaultd" >"$top/log" 2>&1; is $? 1 && grep -q "$1" "$top/log" && [ ! -s "$top/run/ready/vaultd" ]; }
move() { "$bin/toride" vault token --module /usr/lib/softhsm/libsofthsm2.so --token "$1" --pin-file "$top/pin" >"$top/said" 2>&1; }
key=$top/state/vault/master.key
key_lies() { find "$top/state/vault" -type f -exec perl -e 'local $/; my ($k, @f) = map { open my $h, "<", $_ or die; <$h> } @ARGV; exit !grep { index($_, substr $k, 0, 12) >= 0 } @f' "$top/stolen" {} +; }

echo 2468-pin >"$top/pin"; chmod 600 "$top/pin" # root's own
try "no vault, nothing to move" eval '! move saga && grep -q "no master key yet" "$top/said"'
try "the vault starts, its key in a file" eval 'begin && [ -s "$key" ]'
cp "$top/run/ca.pem" "$top/before"
cp "$key" "$top/stolen"
try "control: what looks for it finds it there" key_lies
try "a token that isn't there: nothing changes" eval '! move tosu && grep -q "no token has this label" "$top/said" && cmp "$key" "$top/stolen"'
echo 1111 >"$top/wrong"; cp "$top/pin" "$top/right"; cp "$top/wrong" "$top/pin"
try "nor with a wrong PIN" eval '! move saga && cmp "$key" "$top/stolen"'
cp "$top/right" "$top/pin"
try "it moves while the vault runs" move saga
try "the file is gone" eval '[ ! -e "$key" ] && ! key_lies'
try "what is there is the vault's alone" is "$(cd "$top/state/vault" && stat -c '%n %U %a' master.token token | tr '\n' ' ')" "master.token nobody 600 token nobody 600 "
try "the vault ends" eval end
try "and starts by the token, with the same authority" eval 'begin && cmp "$top/run/ca.pem" "$top/before"'
try "jailed as ever" eval 'grep -qx "Seccomp:	2" "/proc/$vaultd/status"'
try "the token's library isn't in its memory" eval '! grep -q softhsm "/proc/$vaultd/maps"'
try "nor is another process left" eval '[ -z "$(cat "/proc/$vaultd/task/$vaultd/children")" ]'
end
mv "$top/tokens" "$top/away"; mkdir "$top/tokens"; chown nobody "$top/tokens"
try "the disk without its token opens nothing" refuses "no token has this label"
rmdir "$top/tokens"; mv "$top/away" "$top/tokens"
sed -i 's/2468-pin/2468-pen/' "$top/state/vault/token"
try "nor does the token with another PIN" refuses "C_Login"
sed -i 's/2468-pen/2468-pin/' "$top/state/vault/token"
cp "$top/state/vault/master.token" "$top/kept"; printf x | dd of="$top/state/vault/master.token" bs=1 seek=20 conv=notrunc 2>/dev/null
try "nor what was altered" refuses "isn't what the token's key encrypted"
cp "$top/kept" "$top/state/vault/master.token"
cp "$top/state/vault/token" "$top/kept"; cp /usr/lib/softhsm/libsofthsm2.so "$top/state/vault/own.so"; sed -i "1s,.*,$top/state/vault/own.so," "$top/state/vault/token"
try "nor is a library loaded that others than root may write" refuses "others than root may write it"
cp "$top/kept" "$top/state/vault/token"
try "all as it was: it starts" eval 'begin && cmp "$top/run/ca.pem" "$top/before" && end'
echo "1..$n"
exit ${bad:-0}
