#!/usr/bin/env python3
"""iprules.py N: N made-up signatures, each in both copies (as src/ips/rule.c writes them), of the kinds real sets are made
of: request lines and headers, answers, plain TCP, names asked for, server names. The same N gives the same bytes."""
import random
import sys

random.seed(41)
WORD = "abcdefghijklmnopqrstuvwxyz0123456789_-"


def word(low, high):
    return "".join(random.choice(WORD) for _ in range(random.randint(low, high)))


KINDS = [
    (40, "http", "$EXTERNAL_NET any -> {} any", "flow:established,to_server; http.uri; content:\"/{}\"; content:\"{}\"; distance:0;"),
    (15, "http", "{} any -> $EXTERNAL_NET any", "flow:established,to_server; http.header; content:\"{}|3a|\"; nocase; content:\"{}\";"),
    (20, "http", "$EXTERNAL_NET any -> {} any", "flow:established,to_client; file.data; content:\"{}\"; content:\"{}\"; within:400;"),
    (10, "tcp", "$EXTERNAL_NET any -> {} [21,25,80,8080]", "flow:established,to_server; content:\"{}\"; content:\"{}\"; distance:4;"),
    (10, "dns", "{} any -> any any", "dns.query; content:\"{}\"; content:\".{}\"; distance:0;"),
    (5, "tls", "{} any -> $EXTERNAL_NET any", "tls.sni; content:\"{}\"; content:\".{}\"; distance:0;"),
]
for i in range(int(sys.argv[1])):
    _, protocol, where, what = random.choices(KINDS, [k[0] for k in KINDS])[0]
    what = what.format(word(6, 18), word(4, 10))
    for gid, action, net in ((1, "drop", "$PREVENT_NET"), (2, "alert", "$DETECT_NET")):
        print(f"{action} {protocol} {where.format(net)} (msg:\"made up {i}\"; {what} sid:{9500000 + i}; rev:1; gid:{gid};)")
