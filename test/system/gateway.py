# A gateway for SMS, voice and webhooks, in the lab only: notes each POST as a JSON line and takes it; the first one on each path is
# answered 503, as a gateway does that is just busy. Usage: gateway.py ADDRESS PORT FILE
import http.server, json, sys

seen = set()


class Gateway(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
        status = 200 if self.path in seen else 503
        seen.add(self.path)
        with open(sys.argv[3], "a") as f:
            f.write(json.dumps({"path": self.path, "status": status, "key": self.headers.get("Idempotency-Key"),
                                "auth": self.headers.get("Authorization"), "body": body}) + "\n")
        self.send_response(status)
        self.end_headers()
        self.wfile.write(b"<html>whatever a gateway says</html>")

    def log_message(self, *args):
        pass


http.server.ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Gateway).serve_forever()
