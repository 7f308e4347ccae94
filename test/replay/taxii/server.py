# server.py DIR: a TAXII 2.1 server on a loopback port (written to DIR/port), TLS by DIR/site.pem and DIR/site.key. What it does is DIR/mode:
# ok, loop (the same page for ever), endless (no end of one page), html, redirect, slow is what a test waits for. Each request's line and
# authorisation go to DIR/asked.
import base64, http.server, json, os, ssl, sys
d = sys.argv[1]
mode = lambda: open(d + "/mode").read().strip()
from urllib.parse import urlparse, parse_qs

def indicator(n, modified, **more):
    return dict(type="indicator", spec_version="2.1", id="indicator--00000000-0000-4000-8000-%012d" % n, created="2026-11-01T00:00:00.000Z", modified=modified,
                pattern_type="stix", pattern="[domain-name:value = 'evil%d.example']" % n, valid_from="2026-11-01T00:00:00Z", valid_until="2099-01-01T00:00:00Z", **more)

FIRST = [indicator(n, "2026-11-01T00:00:00.000Z") for n in range(25)]
LATER = [indicator(3, "2026-11-20T00:00:00.000Z", revoked=True), indicator(99, "2026-11-20T00:00:00.000Z")]

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *a): pass
    def answer(self, status, body, **headers):
        self.send_response(status)
        for k, v in dict({"Content-Type": "application/taxii+json;version=2.1", "Content-Length": str(len(body))}, **headers).items(): self.send_header(k, v)
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        with open(d + "/asked", "a") as f: f.write("%s %s %s\n" % (self.path, self.headers.get("Authorization"), self.headers.get("Accept")))
        if self.headers.get("Authorization") != "Basic " + base64.b64encode(b"saga:s3cret pass").decode(): return self.answer(401, b"{}")
        m, q = mode(), parse_qs(urlparse(self.path).query)
        if m == "html": return self.answer(200, b"<p>hello</p>", **{"Content-Type": "text/html"})
        if m == "redirect": return self.answer(302, b"", Location="https://localhost:%d/elsewhere" % self.server.server_port)
        if m == "loop": return self.answer(200, json.dumps({"more": True, "next": "again", "objects": FIRST}).encode())
        if m == "endless":
            self.send_response(200); self.send_header("Content-Type", "application/taxii+json;version=2.1"); self.send_header("Transfer-Encoding", "chunked"); self.end_headers()
            chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
            try:
                while True: self.wfile.write(chunk)
            except OSError: self.close_connection = True
            return
        if "added_after" in q: # "added" later than it says
            return self.answer(200, json.dumps({"objects": LATER}).encode(), **{"X-TAXII-Date-Added-Last": "2026-11-21T00:00:00.000000Z"})
        at = int(q.get("next", ["0"])[0].split()[-1])
        page = {"objects": FIRST[at:at + 10]}
        if at + 10 < len(FIRST): page.update(more=True, next="page & %d" % (at + 10))
        self.answer(200, json.dumps(page).encode(), **{"X-TAXII-Date-Added-Last": "2026-11-02T00:00:%02d.000000Z" % at})

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER); c.load_cert_chain(d + "/site.pem", d + "/site.key")
server.socket = c.wrap_socket(server.socket, server_side=True)
with open(d + "/port.new", "w") as f: f.write(str(server.server_port))
os.rename(d + "/port.new", d + "/port")
server.serve_forever()
