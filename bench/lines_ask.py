#!/usr/bin/env python3
"""lines_ask.py SERVER RATE SECONDS TRACE: asks the resolver for names that nobody has asked before, open loop, each once and again after
a second and three as a terminal's library does; writes a line an answer as bench-load --trace does."""
import os, select, socket, struct, sys, time

server, rate, seconds, path = sys.argv[1], float(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect((server, 53))
s.setblocking(False)
begun, n, open_asks, trace = time.monotonic(), 0, {}, open(path, "w")
tag = "%x" % time.monotonic_ns()


def question(i):
    name = b"".join(bytes([len(l)]) + l for l in (b"q%d-" % i + tag.encode(), b"new", b"news", b"example")) + b"\0"
    return struct.pack(">HHHHHH", i & 0xFFFF, 0x0100, 1, 0, 0, 0) + name + struct.pack(">HH", 1, 1)


def note(due, well):
    trace.write("%d %d %d\n" % (due * 1e6, (time.monotonic() - due) * 1e6, well))


end = begun + seconds
while time.monotonic() < end + (5 if open_asks else 0):
    now = time.monotonic()
    if now < end and begun + n / rate <= now:
        open_asks[n & 0xFFFF] = [n, begun + n / rate, now + 1, 2]
        n += 1
        try:
            s.send(question(n - 1))
        except OSError:
            pass
        continue
    for key, a in list(open_asks.items()):
        if a[2] <= now and a[3]:
            a[2], a[3] = now + a[3], 0 if a[3] == 3 else 3
            try:
                s.send(question(a[0]))
            except OSError:
                pass
    due = begun + n / rate if now < end else now + 0.1
    if not select.select([s], [], [], max(0, min(due - now, 0.05)))[0]:
        continue
    try:
        answer = s.recv(4096)
    except OSError:
        continue
    a = open_asks.pop(struct.unpack(">H", answer[:2])[0], None)
    if a:
        note(a[1], answer[3] & 15 in (0, 3))  # no such name is an answer; SERVFAIL is none
for a in open_asks.values():
    note(a[1], 0)
