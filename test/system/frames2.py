"""Raw frames of HTTP/2 (RFC 9113), as no library would send them, for http2.t.

  frames2.py client PROXY_PORT CA HOST     a table of what a terminal may send, TAP lines "ok - …" without numbers
  frames2.py stall PROXY_PORT CA HOST PATH a terminal that opens no window; says what became of its stream
  frames2.py origin ADDR CERT KEY          a server of HTTP/2 that does what the path asks for
"""
import socket, ssl, struct, sys, threading, time

DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONT = range(10)
ES, EH, PAD = 1, 4, 8
MAGIC = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DIGITS = {"00000": "0", "00001": "1", "00010": "2", "011001": "3", "011010": "4", "011011": "5", "011100": "6", "011101": "7",
          "011110": "8", "011111": "9"}


def frame(kind, flags, sid, payload=b"", length=None):
    return struct.pack(">I", len(payload) if length is None else length)[1:] + bytes([kind, flags]) + struct.pack(">I", sid) + payload


def integer(first, bits, n):
    most = (1 << bits) - 1
    if n < most:
        return bytes([first | n])
    out, n = [first | most], n - most
    while n > 127:
        out.append(n % 128 + 128)
        n //= 128
    return bytes(out + [n])


def text(s):
    s = s.encode("latin-1") if isinstance(s, str) else s
    return integer(0, 7, len(s)) + s


def field(name, value):
    return b"\x00" + text(name) + text(value)


def block(*fields):
    return b"".join(field(n, v) for n, v in fields)


def status_of(b):
    """The first field of an answer's block: :status."""
    while b and b[0] & 0xe0 == 0x20:  # table size
        b = b[1:]
    if b[0] & 0x80:
        return {8: "200", 9: "204", 10: "206", 11: "304", 12: "400", 13: "404", 14: "500"}.get(b[0] & 0x7f, "?")
    huffman, n = b[1] & 0x80, b[1] & 0x7f
    v = b[2:2 + n]
    if not huffman:
        return v.decode()
    bits, out = "".join(f"{x:08b}" for x in v), ""
    while len(out) < 3:
        out += next((d for p, d in DIGITS.items() if bits.startswith(p)), "?")
        bits = bits[5 if out[-1] in "012" else 6:]
    return out


class Peer:
    def __init__(self, s):
        self.s, self.buf, self.seen = s, b"", []

    def send(self, *frames):
        try:
            self.s.sendall(b"".join(frames))
        except OSError:
            pass

    def get(self, n):
        while len(self.buf) < n:
            try:
                more = self.s.recv(65536)
            except socket.timeout:
                raise
            except OSError:
                more = b""
            if not more:
                return None
            self.buf += more
        out, self.buf = self.buf[:n], self.buf[n:]
        return out

    def next(self):
        h = self.get(9)
        if h is None:
            return None
        n, kind, flags, sid = int.from_bytes(h[:3], "big"), h[3], h[4], int.from_bytes(h[5:], "big") & 0x7fffffff
        p = self.get(n)
        return None if p is None else (kind, flags, sid, p)

    def result(self, sid=1, want=None):
        """What became of stream sid, or of the connection."""
        try:
            while True:
                f = self.next()
                if f is None:
                    return "closed"
                kind, flags, s, p = f
                if kind == SETTINGS and not flags & 1:
                    self.send(frame(SETTINGS, 1, 0))
                if kind == HEADERS and s == sid and want != "data":
                    return status_of(p)
                if kind == RST and s == sid:
                    return "rst %d" % int.from_bytes(p, "big")
                if kind == GOAWAY and int.from_bytes(p[4:8], "big"):
                    return "goaway %d" % int.from_bytes(p[4:8], "big")
                if kind == PING and flags & 1 and want == "pong":
                    return "pong"
        except socket.timeout:
            return "silence"


def dial(port, ca, host, first=MAGIC + frame(SETTINGS, 0, 0)):
    s = socket.create_connection(("127.0.0.1", port), 10)
    s.sendall(f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n".encode())
    head = b""
    while b"\r\n\r\n" not in head:
        head += s.recv(1)
    c = ssl.create_default_context(cafile=ca)
    c.set_alpn_protocols(["h2"])
    t = c.wrap_socket(s, server_hostname=host)
    t.settimeout(30)
    assert t.selected_alpn_protocol() == "h2", t.selected_alpn_protocol()
    p = Peer(t)
    p.send(first)
    return p


HOST = sys.argv[4] if len(sys.argv) > 4 else ""
M, S, A, P = (":method", "GET"), (":scheme", "https"), (":authority", HOST), (":path", "/10k")
GET = (M, S, A, P)
POST = ((":method", "POST"), S, A, (":path", "/up"))


def ask(*fields, flags=ES | EH, sid=1):
    return frame(HEADERS, flags, sid, block(*fields))


def swap(name, value):
    return ask(*[(n, value if n == name else v) for n, v in GET])


def post(data, *fields, end=ES):
    return ask(*POST, *fields, flags=EH) + frame(DATA, end, 1, data)


BAD = ("rst 1", "400", "405")  # a stream's own fault: reset (RFC 9113 8.1.1), or a page that says so
OFF = ("goaway 1",)          # the connection's
CALM = ("goaway 11", "closed")  # what was still on its way to us may eat the last words

CASES = [
    # ---- what is well-formed passes
    ("a request", ask(*GET), ("200",)),
    ("its path in an indexed field", frame(HEADERS, ES | EH, 1, b"\x82\x87" + field(*A) + field(*P)), ("200",)),
    ("a head in CONTINUATION frames", frame(HEADERS, ES, 1, block(*GET)[:20]) + frame(CONT, 0, 1, block(*GET)[20:30]) + frame(CONT, EH, 1, block(*GET)[30:]), ("200",)),
    ("padding and priority", frame(HEADERS, ES | EH | PAD | 0x20, 1, b"\x03" + b"\0\0\0\0\x10" + block(*GET) + b"\0\0\0"), ("200",)),
    ("unknown frames", frame(0x77, 0xff, 0, b"abc") + ask(*GET) + frame(0x78, 0, 1, b"x"), ("200",)),
    ("host beside :authority, the same", ask(*GET, ("host", HOST)), ("200",)),
    ("host without :authority", ask(M, S, P, ("host", HOST)), ("200",)),
    ("te: trailers", ask(*GET, ("te", "trailers")), ("200",)),
    ("content with trailers", ask(*POST, flags=EH) + frame(DATA, 0, 1, b"hello") + ask(("x", "y"), flags=ES | EH), ("200",)),
    ("a length in trailers", ask(*POST, flags=EH) + frame(DATA, 0, 1, b"hello") + ask(("content-length", "9"), flags=ES | EH), ("rst 1", "400")),
    ("Expect", ask(*POST, ("expect", "100-continue"), flags=EH) + frame(DATA, ES, 1, b"hello"), ("?", "100")),
    # ---- malformed requests (8.2, 8.3)
    ("a name in capitals", ask(*GET, ("X-A", "b")), BAD),
    ("a pseudo-header after others", ask(M, S, A, ("x", "y"), P), BAD),
    ("an unknown pseudo-header", ask(*GET, (":x", "y")), BAD),
    (":status in a request", ask(*GET, (":status", "200")), BAD),
    (":protocol without being told", ask((":method", "CONNECT"), (":protocol", "websocket"), S, A, P), BAD),
    (":path twice", ask(*GET, P), BAD),
    (":method twice", ask(M, *GET), BAD),
    (":authority twice", ask(M, S, A, A, P), BAD),
    ("no :method", ask(S, A, P), BAD),
    ("no :scheme", ask(M, A, P), BAD),
    ("no :path", ask(M, S, A), BAD),
    ("no :authority, no host", ask(M, S, P), BAD),
    ("an empty :path", swap(":path", ""), BAD),
    (":path isn't a path", swap(":path", "10k"), BAD),
    (":path is an URL", swap(":path", "https://deny.example/"), BAD),
    (":path *", swap(":path", "*"), BAD),
    (":path with a fragment", swap(":path", "/10k#x"), BAD),
    (":path with a blank", swap(":path", "/10k x"), BAD),
    (":path with a line of its own", swap(":path", "/10k HTTP/1.1\r\nX: y"), BAD),
    (":path with NUL", swap(":path", "/10k\0"), BAD),
    (":method with a line", swap(":method", "GET /secret HTTP/1.1\r\nX: y"), BAD),
    (":method of nobody", swap(":method", "FETCH"), BAD),
    (":method in small letters", swap(":method", "get"), BAD),
    (":scheme http", swap(":scheme", "http"), BAD),
    (":scheme with more", swap(":scheme", "https://deny.example/?"), BAD),
    (":authority of another", swap(":authority", "deny.example"), ("421",)),
    (":authority of another port", swap(":authority", HOST + ":8443"), ("421",)),
    (":authority with a user", swap(":authority", "deny.example@" + HOST), BAD),
    (":authority with a line", swap(":authority", HOST + "\r\nX: y"), BAD),
    ("host of another beside :authority", ask(*GET, ("host", "deny.example")), BAD),
    ("two hosts", ask(M, S, P, ("host", HOST), ("host", "deny.example")), BAD),
    ("CONNECT", ask((":method", "CONNECT"), (":authority", "deny.example:443")), BAD),
    ("connection", ask(*GET, ("connection", "close")), BAD),
    ("keep-alive", ask(*GET, ("keep-alive", "1")), BAD),
    ("proxy-connection", ask(*GET, ("proxy-connection", "x")), BAD),
    ("upgrade", ask(*GET, ("upgrade", "h2c")), BAD),
    ("te: gzip", ask(*GET, ("te", "gzip")), BAD),
    ("transfer-encoding", post(b"0\r\n\r\nGET /secret HTTP/1.1\r\n\r\n", ("transfer-encoding", "chunked")), BAD),
    ("a value with a line", ask(*GET, ("x", "y\r\nz: w")), BAD),
    ("a value with LF", ask(*GET, ("x", "y\nz: w")), BAD),
    ("a value with CR", ask(*GET, ("x", "y\rz: w")), BAD),
    ("a value with NUL", ask(*GET, ("x", "y\0z")), BAD),
    ("a cookie with a line", ask(*GET, ("cookie", "y\r\nz: w")), BAD),
    ("a name with a colon", ask(*GET, ("x:y", "z")), BAD),
    ("a name with a line", ask(*GET, ("x\r\ny", "z")), BAD),
    ("a name with a blank", ask(*GET, ("transfer-encoding ", "chunked")), BAD),
    ("an empty name", ask(*GET, ("", "z")), BAD),
    ("more content than its length", post(b"hello", ("content-length", "3")), BAD),
    ("less content than its length", post(b"hello", ("content-length", "9")), BAD),
    ("a length without content", ask(*POST, ("content-length", "9")), BAD),
    ("two lengths", post(b"hello", ("content-length", "5"), ("content-length", "5")), BAD),
    ("a length list", post(b"hello", ("content-length", "5, 5")), BAD),
    ("a length with a sign", post(b"hello", ("content-length", "+5")), BAD),
    ("pseudo-headers in trailers", ask(*POST, flags=EH) + frame(DATA, 0, 1, b"hello") + ask(P, flags=ES | EH), BAD),
    ("trailers that don't end it", ask(*POST, flags=EH) + frame(DATA, 0, 1, b"hello") + ask(("x", "y"), flags=EH), BAD + OFF),
    ("a head too long", frame(HEADERS, ES, 1, block(*GET)) + b"".join(frame(CONT, EH if i == 6 else 0, 1, field("x", "y" * 12000)) for i in range(7)), BAD),
    ("101 headers", ask(*GET, *[("x", "y")] * 101), BAD),
    # ---- frames (4 to 7)
    ("no preface", b"", OFF + ("closed",)),
    ("DATA on an idle stream", frame(DATA, ES, 1, b"x"), OFF),
    ("RST_STREAM on an idle stream", frame(RST, 0, 1, b"\0\0\0\0"), OFF),
    ("WINDOW_UPDATE on an idle stream", frame(WINDOW, 0, 1, b"\0\0\0\1"), OFF),
    ("HEADERS on an even stream", ask(*GET, sid=2), OFF),
    ("HEADERS on stream 0", ask(*GET, sid=0), OFF),
    ("a stream lower than the last isn't begun", ask(*GET, sid=5) + ask(M, S, A, (":path", "/lower"), sid=1) + frame(PING, 0, 1, b""), ("goaway 6", "goaway 1")),
    ("CONTINUATION alone", frame(CONT, EH, 1, block(*GET)), OFF),
    ("a PING in a header block", frame(HEADERS, ES, 1, block(*GET)) + frame(PING, 0, 0, b"12345678"), OFF),
    ("CONTINUATION of another stream", frame(HEADERS, ES, 1, block(*GET)) + frame(CONT, EH, 3, b""), OFF),
    ("more padding than frame", frame(HEADERS, ES | EH | PAD, 1, b"\xff" + block(*GET)), OFF),
    ("a frame too long", frame(DATA, 0, 1, b"x" * 16385), ("goaway 6", "goaway 1")),
    ("PING of 7 bytes", frame(PING, 0, 0, b"1234567"), ("goaway 6",)),
    ("PING on a stream", frame(PING, 0, 1, b"12345678"), OFF),
    ("SETTINGS of 5 bytes", frame(SETTINGS, 0, 0, b"12345"), ("goaway 6",)),
    ("SETTINGS on a stream", frame(SETTINGS, 0, 1), OFF),
    ("ENABLE_PUSH 2", frame(SETTINGS, 0, 0, struct.pack(">HI", 2, 2)), OFF),
    ("a window of 2^31", frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 1 << 31)), ("goaway 3", "goaway 1")),
    ("frames of 1 byte", frame(SETTINGS, 0, 0, struct.pack(">HI", 5, 1)), OFF),
    ("a window grown by 0", frame(WINDOW, 0, 0, b"\0\0\0\0"), OFF),
    ("a window grown too far", frame(WINDOW, 0, 0, b"\x7f\xff\xff\xff") * 2, ("goaway 3",)),
    ("a stream's window grown too far", ask(*POST, flags=EH) + frame(WINDOW, 0, 1, b"\x7f\xff\xff\xff") * 2, ("rst 3", "goaway 3")),
    ("PUSH_PROMISE", ask(*POST, flags=EH) + frame(PUSH, EH, 1, b"\0\0\0\2" + block(*GET)), OFF),
    ("HPACK: index 0", frame(HEADERS, ES | EH, 1, b"\x80"), ("goaway 9",)),
    ("HPACK: an index of nothing", frame(HEADERS, ES | EH, 1, b"\xff\x80\x01"), ("goaway 9",)),
    ("HPACK: a table too large", frame(HEADERS, ES | EH, 1, b"\x3f\xff\xff\x03" + block(*GET)), ("goaway 9",)),
    ("HPACK: a text cut short", frame(HEADERS, ES | EH, 1, b"\x00\x7fx"), ("goaway 9",)),
    # ---- floods and bombs
    ("rapid reset", b"".join(ask(*GET, sid=i) + frame(RST, 0, i, b"\0\0\0\x08") for i in range(1, 1400, 2)), CALM),
    ("resets provoked", b"".join(ask(*POST, flags=EH, sid=i) + frame(WINDOW, 0, i, b"\0\0\0\0") for i in range(1, 1400, 2)), CALM + OFF),
    ("malformed requests without end", b"".join(ask(*GET, ("connection", "x"), sid=i) for i in range(1, 1400, 2)), CALM),
    ("SETTINGS flood", frame(SETTINGS, 0, 0) * 60, CALM),
    ("PING flood", frame(PING, 0, 0, b"12345678") * 300, CALM),
    ("PRIORITY flood", frame(PRIORITY, 0, 1, b"\0\0\0\0\x10") * 2000, CALM),
    ("window flood", ask(*POST, flags=EH) + frame(WINDOW, 0, 1, b"\0\0\0\1") * 9000, CALM),
    ("empty DATA flood", ask(*POST, flags=EH) + frame(DATA, 0, 1) * 200, CALM),
    ("unknown frame flood", frame(0x77, 0, 0) * 300, CALM),
    ("CONTINUATION flood", frame(HEADERS, ES, 1, block(*GET)) + frame(CONT, 0, 1, b"") * 1000, CALM),
    ("CONTINUATION flood with fields", frame(HEADERS, ES, 1, block(*GET)) + frame(CONT, 0, 1, field("x", "y" * 16000)) * 20, CALM),
    ("HPACK bomb", frame(HEADERS, ES, 1, block(*GET) + b"\x40" + text("x") + text("y" * 4000)) + frame(CONT, EH, 1, b"\xbe" * 16000), CALM),
]


def client(port, ca, host):
    for name, sent, want in CASES:
        p = dial(port, ca, host, MAGIC + frame(SETTINGS, 0, 0) if name != "no preface" else b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        p.send(sent)
        want_data = "flood" in name or "bomb" in name or name in ("rapid reset", "resets provoked", "malformed requests without end")
        got = p.result(0 if want_data else 1)
        p.s.close()
        print("%s - %s%s" % ("ok" if got in want else "not ok", name, "" if got in want else ": %s is not one of %s" % (got, ", ".join(want))))
    p = dial(port, ca, host)
    p.send(frame(PING, 0, 0, b"12345678"))
    print("%s - a PING is answered" % ("ok" if p.result(0, "pong") == "pong" else "not ok"))
    p = dial(port, ca, host)
    p.send(*[ask(*POST, flags=EH, sid=i) for i in range(1, 203, 2)])
    got = p.result(201)
    print("%s - the 101st stream at once is refused%s" % (("ok", "") if got in ("rst 7", "goaway 1") else ("not ok", ": " + got)))


def stall(port, ca, host, path):
    p = dial(port, ca, host, MAGIC + frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 0)))
    p.send(ask(M, S, A, (":path", path)))
    p.s.settimeout(30)
    print(p.result(1, "data"), flush=True)
    p.send(frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 65535)), ask(*GET, sid=3))
    print(p.result(3), flush=True)


def answer(sid, *fields, flags=EH):
    return frame(HEADERS, flags, sid, block(*fields))


OK = (":status", "200")
PAGE = b"the answer"
ORIGIN = {  # path -> frames after a request on stream n
    "ok": lambda n: answer(n, OK, ("content-length", "10")) + frame(DATA, ES, n, PAGE),
    "trailers": lambda n: answer(n, OK) + frame(DATA, 0, n, PAGE) + answer(n, ("x", "y"), flags=ES | EH),
    "badtrailers": lambda n: answer(n, OK) + frame(DATA, 0, n, PAGE) + answer(n, ("x y", "z"), flags=ES | EH),
    "longtrailers": lambda n: answer(n, OK) + frame(DATA, 0, n, PAGE) + answer(n, ("x", "y" * 14000), ("z", "y" * 9), flags=ES) + frame(CONT, EH, n, field("y", "z" * 9000)),
    "hints": lambda n: answer(n, (":status", "103"), ("link", "x")) * 3 + answer(n, OK) + frame(DATA, ES, n, PAGE),
    "interim": lambda n: answer(n, (":status", "103")) * 9 + answer(n, OK) + frame(DATA, ES, n, PAGE),
    "switch": lambda n: answer(n, (":status", "101")) + answer(n, OK) + frame(DATA, ES, n, PAGE),
    "short": lambda n: answer(n, OK, ("content-length", "11")) + frame(DATA, ES, n, PAGE),
    "long": lambda n: answer(n, OK, ("content-length", "9")) + frame(DATA, ES, n, PAGE),
    "lengths": lambda n: answer(n, OK, ("content-length", "10"), ("content-length", "10")) + frame(DATA, ES, n, PAGE),
    "line": lambda n: answer(n, OK, ("x", "y\r\nset-cookie: z")) + frame(DATA, ES, n, PAGE),
    "name": lambda n: answer(n, OK, ("x\r\nset-cookie", "z")) + frame(DATA, ES, n, PAGE),
    "capitals": lambda n: answer(n, OK, ("X", "z")) + frame(DATA, ES, n, PAGE),
    "connection": lambda n: answer(n, OK, ("transfer-encoding", "chunked")) + frame(DATA, ES, n, PAGE),
    "nostatus": lambda n: answer(n, ("x", "y")) + frame(DATA, ES, n, PAGE),
    "path": lambda n: answer(n, OK, (":path", "/")) + frame(DATA, ES, n, PAGE),
    "reset": lambda n: answer(n, OK) + frame(DATA, 0, n, PAGE) + frame(RST, 0, n, b"\0\0\0\2"),
    "push": lambda n: frame(PUSH, EH, n, b"\0\0\0\2" + block(M, S, (":authority", "bad.example"), P)) + answer(n, OK) + frame(DATA, ES, n, PAGE),
    "settings": lambda n: frame(SETTINGS, 0, 0) * 100,
    "ping": lambda n: frame(PING, 0, 0, b"12345678") * 400,
    "bomb": lambda n: frame(HEADERS, 0, n, b"\x88" + b"\x40" + text("x") + text("y" * 4000)) + frame(CONT, EH, n, b"\xbe" * 16000),
    "cont": lambda n: frame(HEADERS, 0, n, b"\x88") + frame(CONT, 0, n, b"") * 100,
    "empty": lambda n: answer(n, OK) + frame(DATA, 0, n) * 200,
    "huge": lambda n: answer(n, OK, ("x", "y" * 16000)) ,
    "refuse": lambda n: frame(RST, 0, n, b"\0\0\0\7"),
    "away": lambda n: frame(GOAWAY, 0, 0, struct.pack(">II", 0, 0)),
    "window": lambda n: answer(n, OK) + frame(DATA, 0, n, b"x" * 16384) * 1200,
}


def serve(s):
    p = Peer(s)
    p.get(len(MAGIC))
    p.send(frame(SETTINGS, 0, 0))
    first = True
    while (f := p.next()) is not None:
        kind, flags, sid, data = f
        if kind == SETTINGS and not flags & 1:
            p.send(frame(SETTINGS, 1, 0))
        if kind == HEADERS:
            path = next((k for k in sorted(ORIGIN, key=len, reverse=True) if ("/" + k).encode() in data or huffman("/" + k) in bits(data)), None)
            # Who was refused, or told to go, asks again and is answered then.
            p.send(ORIGIN[path if path else "ok"](sid))


def bits(b):
    return "".join(f"{x:08b}" for x in b)


LETTERS = dict(zip("/abcdefghijklmnopqrstuvwxyz", "011000 00011 100011 00100 100100 00101 100101 100110 100111 00110 1110100 1110101 101000 101001 101010 00111 101011 1110110 101100 01000 01001 101101 1110111 1111000 1111001 1111010 1111011".split()))


def huffman(s):
    return "".join(LETTERS[c] for c in s)


def origin(addr, cert, key):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    c.load_cert_chain(cert, key)
    c.set_alpn_protocols(["h2"])
    l = socket.create_server((addr, 443), backlog=64)
    while True:
        s, _ = l.accept()
        threading.Thread(target=one, args=(c, s), daemon=True).start()


def one(c, s):
    try:
        serve(c.wrap_socket(s, server_side=True))
    except (OSError, TypeError):
        pass


if __name__ == "__main__":
    what, args = sys.argv[1], sys.argv[2:]
    if what == "client":
        client(int(args[0]), *args[1:])
    elif what == "stall":
        stall(int(args[0]), *args[1:])
    else:
        origin(*args)
