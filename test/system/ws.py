"""WebSockets (RFC 6455) for http2.t: an origin that echoes messages, and a terminal.

  ws.py origin ADDR PORT CERT KEY     TLS where CERT isn't "-"; /wrong answers with another's key, /hold never ends
  ws.py client PROXY_PORT CA URL      what became of it: "echo" of a message each of 5 and 200,000 bytes, or the status;
                                      /hold: "held", then "cut" when it ends
  ws.py send PROXY_PORT CA URL WHAT   sends that, says what came: "text N", "binary N", "pong N", "close CODE", "end"; an origin sends WHAT
                                      itself for a path /say/WHAT, and writes down (ws.got) what it is sent
"""
import base64, hashlib, os, socket, ssl, struct, sys, threading


def head(s):
    b = b""
    while b"\r\n\r\n" not in b:
        c = s.recv(1)
        if not c:
            return None
        b += c
    return b.decode("latin-1")


def value(h, name):
    return next((l.split(":", 1)[1].strip() for l in h.split("\r\n") if l.lower().startswith(name + ":")), None)


def exactly(s, n):
    b = b""
    while len(b) < n:
        c = s.recv(n - len(b))
        if not c:
            raise OSError("closed")
        b += c
    return b


def read(s):
    a, n = exactly(s, 2)
    masked, n = n & 0x80, n & 0x7f
    n = n if n < 126 else int.from_bytes(exactly(s, 2 if n == 126 else 8), "big")
    key = exactly(s, 4) if masked else b""
    p = exactly(s, n)
    if masked:
        p = (int.from_bytes(p, "big") ^ int.from_bytes((key * (n // 4 + 1))[:n], "big")).to_bytes(n, "big")
    return a & 15, p


def write(s, p, mask):
    n = len(p)
    h = bytes([0x82, (0x80 if mask else 0) | (n if n < 126 else 126 if n < 65536 else 127)])
    h += b"" if n < 126 else struct.pack(">H", n) if n < 65536 else struct.pack(">Q", n)
    s.sendall(h + (b"\0\0\0\0" if mask else b"") + p)


def frame(op, p, mask, fin=True, rsv=0):
    n, key = len(p), os.urandom(4) if mask else b""
    h = bytes([(0x80 if fin else 0) | rsv | op, (0x80 if mask else 0) | (n if n < 126 else 126 if n < 65536 else 127)])
    h += b"" if n < 126 else struct.pack(">H", n) if n < 65536 else struct.pack(">Q", n)
    return h + key + bytes(x ^ key[i % 4] for i, x in enumerate(p)) if mask else h + p


EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-" + b"STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


def said(what, mask):
    """Bytes of what a test wants said: WHAT, or several with + between."""
    f = lambda op, p, **k: frame(op, p, mask, **k)
    all = {
        "bad": lambda: f(2, EICAR), "badtext": lambda: f(1, EICAR), "bad64": lambda: f(1, b"<a href='data:application/octet-stream;base64," + base64.b64encode(EICAR) + b"'>"),
        "pieces": lambda: b"".join(f(2 if i == 0 else 0, EICAR[i:i + 7], fin=i + 7 >= len(EICAR)) for i in range(0, len(EICAR), 7)),
        "pingpieces": lambda: f(2, EICAR[:9], fin=False) + f(9, b"x") + f(0, EICAR[9:]),
        "json": lambda: f(1, b'{"a":1}'), "good": lambda: f(2, b"harmless"), "many": lambda: f(1, b"one of many, each its own", fin=True) * 40,
        "empty": lambda: f(2, b""), "ping": lambda: f(9, b"p"), "close": lambda: f(8, b"\x03\xe8"),
        "big": lambda: f(2, b"0123456789abcdef" * 65536), "huge": lambda: f(2, b"0123456789abcdef" * 196608),
        "hugepieces": lambda: b"".join(f(2 if i == 0 else 0, bytes([65 + i]) * 262144, fin=i == 11) for i in range(12)),
        "unmasked": lambda: frame(2, b"x", not mask), "rsv": lambda: f(2, b"x", rsv=0x40), "kind": lambda: f(3, b"x"), "loose": lambda: f(0, b"x"),
        "longping": lambda: bytes([0x89, (0x80 if mask else 0) | 126, 0, 126]) + b"\0" * 200, "within": lambda: f(2, b"x", fin=False) + f(2, b"y"),
        "giant": lambda: f(2, b"0123456789abcdef" * 327680),
        "length": lambda: bytes([0x82, (0x80 if mask else 0) | 126, 0, 1]) + b"\0" * 5,
    }
    return b"".join(all[w]() for w in what.split("+"))


def accept(key):
    return base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()


def serve(s, c):
    try:
        s = c.wrap_socket(s, server_side=True) if c else s
        h = head(s)
        path, key = h.split(" ")[1], value(h, "sec-websocket-key") or ""
        if value(h, "upgrade") != "websocket":
            s.sendall(b"HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        if value(h, "sec-websocket-extensions"):
            open("ws.got", "ab").write(b"extensions\n")
        key = ("y" if key[0] == "x" else "x") + key[1:] if "/wrong" in path else key
        s.sendall(f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept(key)}\r\n\r\n".encode())
        if "/say/" in path:
            s.sendall(said(path.split("/say/")[1], False))
        while "/say/" in path or "/take" in path:
            op, p = read(s)
            open("ws.got", "ab").write(b"%d %d %s\n" % (op, len(p), p[:20]))
            if op == 8:
                s.sendall(frame(8, p[:2], False))
                return
        while True:
            write(s, read(s)[1], False)
    except (OSError, AttributeError, IndexError):
        pass


def origin(addr, port, cert, key):
    c = None
    if cert != "-":
        c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        c.load_cert_chain(cert, key)
    l = socket.create_server((addr, int(port)), backlog=16)
    while True:
        s, _ = l.accept()
        threading.Thread(target=serve, args=(s, c), daemon=True).start()


def client(port, ca, url, what=""):
    scheme, rest = url.split("://")
    host, path = rest.split("/", 1)
    s = socket.create_connection(("127.0.0.1", int(port)), 10)
    s.settimeout(20)
    target = f"http://{host}/{path}"
    if scheme == "wss":
        s.sendall(f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n".encode())
        head(s)
        c = ssl.create_default_context(cafile=ca)
        c.set_alpn_protocols(["http/1.1"])
        s = c.wrap_socket(s, server_hostname=host)
        target = "/" + path
    key = base64.b64encode(os.urandom(16)).decode()
    s.sendall(f"GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode())
    h = head(s)
    status = h.split(" ")[1]
    if status != "101":
        print(status)
        return
    assert value(h, "sec-websocket-accept") == accept(key)
    if what and what != "stay":
        s.sendall(said(what, True))
    while what or "/say/" in url:
        try:
            op, p = read(s)
        except (OSError, ValueError):
            print("end")
            return
        print("close %d" % int.from_bytes(p[:2], "big") if op == 8 else "%s %d" % ({0: "more", 1: "text", 2: "binary", 9: "ping", 10: "pong"}[op], len(p)), flush=True)
        if op == 8:
            return
        if op in (1, 2) and what != "stay":
            s.sendall(said("close", True))
    if "/hold" in url:
        print("held", flush=True)
        try:
            read(s)
        except (OSError, ValueError):
            print("cut", flush=True)
        return
    for n in (5, 200000):
        m = os.urandom(n)
        write(s, m, True) # the origin takes all of it before it echoes
        assert read(s)[1] == m
    print("echo")


if __name__ == "__main__":
    (origin if sys.argv[1] == "origin" else client)(*sys.argv[2:])
