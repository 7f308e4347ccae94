#!/bin/bash
# A million addresses in the filter, kept by differences; see feeds.c.
. "$(dirname "$0")/lib.sh"
n=${BENCH_FEED_ENTRIES:-1000000}
mkdir -p "$work/feeds/addr"
python3 - "$work" "$n" <<'PY'
import random, sys
rnd, n = random.Random(1), int(sys.argv[2])
all_ = set()
while len(all_) < n: all_.add(rnd.randrange(0x01000000, 0xdf000000))
l = sorted(all_)
ip = lambda v: f"{v >> 24}.{v >> 16 & 255}.{v >> 8 & 255}.{v & 255}"
step = 100  # one in a hundred goes, and as many come
open(f"{sys.argv[1]}/a", "w").write("".join(ip(v) + "\n" for v in l))
new = [v + 1 for v in l[::step] if v + 1 not in all_]
open(f"{sys.argv[1]}/b", "w").write("".join(ip(v) + "\n" for i, v in enumerate(l) if i % step) + "".join(ip(v) + "\n" for v in new))
with open(f"{sys.argv[1]}/peer.nft", "w") as f:
    f.write("table inet peer { set s { type ipv4_addr; flags interval; }\n}\n")
    for i in range(0, n, 10000): f.write("add element inet peer s { " + ", ".join(ip(v) for v in l[i:i + 10000]) + " }\n")
PY
ip link add wan0 type dummy 2>/dev/null
began=$(date +%s%N)
a=$("$build/toride" fw feed import "$work/a" -o "$work/feeds/addr" --json | sed 's/.*sha256:\([0-9a-f]*\).*/\1/') || die "import"
took=$(( ($(date +%s%N) - began) / 1000000 ))
b=$("$build/toride" fw feed import "$work/b" -o "$work/feeds/addr" --json | sed 's/.*sha256:\([0-9a-f]*\).*/\1/') || die "import"
read -r load delta same whole < <("$build/bench-feeds" "$work" "$a" "$b" "$work/peer.nft") || die "no figures"
[ -n "${whole:-}" ] || die "no figures"
entries=$(nft list set inet toride_feed rep_4_32 | grep -o '[0-9]*\.[0-9]*\.[0-9]*\.[0-9]*' | sort -u | wc -l)
want=$(sort -u "$work/b" | wc -l)
[ "$entries" = "$want" ] || die "the kernel holds $entries of $want"
say "import $took ms, first load $load s, one in a hundred exchanged $delta s, again $same s; nft interval set as a whole $whole s"
ratio() { awk "BEGIN { printf \"%.3g\", $2 / ($1 > 0.001 ? $1 : 0.001) }"; }
figure feeds.load "$load" s nft-interval "$whole" "$(ratio "$load" "$whole")" 1
figure feeds.delta "$delta" s nft-interval "$whole" "$(ratio "$delta" "$whole")" 10
figure feeds.same "$same" s nft-interval "$whole" "$(ratio "$same" "$whole")" -
