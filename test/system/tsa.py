# tsa.py DIR: a time stamp authority (RFC 3161) on a loopback port (DIR/port): `openssl ts` behind HTTP, with a certificate of an authority of its own
# (DIR/ca.pem). DIR/mode: ok; refuse (says no); stale (answers the first question for ever); html.
import http.server, os, subprocess, sys
d = sys.argv[1]
os.chdir(d)

def run(*a, **k): return subprocess.run(a, check=True, capture_output=True, **k).stdout

key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
run("openssl", "req", "-x509", *key, "-days", "2", "-subj", "/CN=time authority", "-keyout", "ca.key", "-out", "ca.pem")
run("openssl", "req", *key, "-subj", "/CN=time stamps", "-keyout", "tsa.key", "-out", "tsa.csr")
with open("ext", "w") as f: f.write("extendedKeyUsage=critical,timeStamping\n")
run("openssl", "x509", "-req", "-in", "tsa.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "ext", "-out", "tsa.pem")
with open("serial", "w") as f: f.write("01\n")
with open("tsa.cnf", "w") as f:
    f.write("[tsa]\ndefault_tsa=t\n[t]\nserial=serial\nsigner_cert=tsa.pem\nsigner_key=tsa.key\ncerts=ca.pem\ndefault_policy=1.2.3.4.1\nother_policies=1.2.3.4.2\n"
            "digests=DIGESTS\nordering=yes\ness_cert_id_alg=sha256\nsigner_digest=sha256\n")
first = None

class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *a): pass
    def do_POST(self):
        global first
        mode = open("mode").read().strip()
        with open("q", "wb") as f: f.write(self.rfile.read(int(self.headers["Content-Length"])))
        with open("tsa.cnf") as f: conf = f.read()
        with open("cnf", "w") as f: f.write(conf.replace("DIGESTS", "sha512" if mode == "refuse" else "sha256"))
        subprocess.run(["openssl", "ts", "-reply", "-queryfile", "q", "-config", "cnf", "-section", "t", "-out", "r"], capture_output=True)
        r = open("r", "rb").read()
        first = first or r
        body = b"<p>hello</p>" if mode == "html" else first if mode == "stale" else r
        self.send_response(200); self.send_header("Content-Type", "application/timestamp-reply"); self.send_header("Content-Length", str(len(body))); self.end_headers()
        self.wfile.write(body)

server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
with open("port.new", "w") as f: f.write(str(server.server_port))
os.rename("port.new", "port")
server.serve_forever()
