#!/usr/bin/python3
"""clickhouse.py PORT DIR CERT KEY SOCKET USER PASSWORD: today's ClickHouse as a cluster's server has it, by TLS and with a name and a key, in front of the embedded one
at SOCKET (toride-indexd), which has neither. DIR/asked: a line a request. DIR/version, when it is there: what it says it is. DIR/mode, when it is there: garbage = an
answer that is no ClickHouse's; long = one that never ends.
"""
import http.client, http.server, os, socket, ssl, sys

port, top, cert, key, path, user, password = int(sys.argv[1]), *sys.argv[2:8]


def word(name):
    try:
        return open(f"{top}/{name}").read().strip()
    except OSError:
        return ""


class Engine(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(path)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def get_request(self):
        s, a = super().get_request()
        s.settimeout(30)
        return s, a

    def handle_error(self, request, address):
        pass


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *a):
        pass

    def setup(self):
        self.request = context.wrap_socket(self.request, server_side=True)
        super().setup()

    def say(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        with open(f"{top}/asked", "a") as f:
            f.write(f"{self.path} {body[:2000]!r}\n")
        if self.headers.get("X-ClickHouse-User") != user or self.headers.get("X-ClickHouse-Key") != password:
            return self.say(403, b"Code: 516. DB::Exception: toride: Authentication failed\n")
        mode = word("mode")
        if mode == "garbage":
            return self.say(200, b"<html>\xff\xfe welcome</html>")
        if mode == "long":
            self.send_response(200)
            self.end_headers()
            for _ in range(4000):
                self.wfile.write(b"x" * 65536)
            return
        if body == b"SELECT version()" and word("version"):
            return self.say(200, word("version").encode() + b"\n")
        e = Engine("index", timeout=60)
        e.request("POST", self.path, body)
        a = e.getresponse()
        self.say(a.status, a.read())


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(cert, key)
Server(("127.0.0.1", port), Handler).serve_forever()
