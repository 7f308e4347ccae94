"""WebSockets (RFC 6455) for http2.t: an origin that echoes messages, and a terminal.

  ws.py origin ADDR PORT CERT KEY     TLS where CERT isn't "-"; /wrong answers with another's key, /hold never ends
  ws.py client PROXY_PORT CA URL      what became of it: "echo" of a message each of 5 and 200,000 bytes, or the status;
                                      /hold: "held", then "cut" when it ends
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
        key = ("y" if key[0] == "x" else "x") + key[1:] if "/wrong" in path else key
        s.sendall(f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept(key)}\r\n\r\n".encode())
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


def client(port, ca, url):
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
    s.sendall(f"GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode())
    h = head(s)
    status = h.split(" ")[1]
    if status != "101":
        print(status)
        return
    assert value(h, "sec-websocket-accept") == accept(key)
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
