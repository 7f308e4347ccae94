#!/usr/bin/python3
"""s3.py PORT DIR CERT KEY ACCESS SECRET BUCKET: as much of an S3-compatible store as Toride asks for, over TLS.

Each request's signature is worked out here from its own bytes (AWS Signature Version 4), by nothing of Toride's or libcurl's. What comes must have the hash
it was announced with. DIR/objects/KEY are the objects, DIR/KEY.lock what was asked of a lock, DIR/asked a line a request. DIR/mode, when it is there:
lie = one byte of what is given back is another; away = 503; half = what comes breaks off in the middle, and so does the answer;
talk = nothing is kept, and each answer is long, whatever was asked.

DIR/versioned, when it is there: the bucket keeps versions, as one with locks does. A plain DELETE, of which no lock keeps it, lays a mark over the object
(DIR/objects/KEY.mark; the object goes to KEY.old); a DELETE that names a version removes that.
"""
import base64, datetime, hashlib, hmac, http.server, os, ssl, sys

port, top, cert, key, access, secret, bucket = int(sys.argv[1]), *sys.argv[2:8]


def mode():
    try:
        return open(f"{top}/mode").read().strip()
    except OSError:
        return ""


class Refused(Exception):
    pass


def expect(good, word):
    if not good:
        raise Refused(word)


def mac(k, text):
    return hmac.new(k, text.encode(), hashlib.sha256).digest()


class Store(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def signed(self):
        said = self.headers.get("authorization", "")
        expect(said.startswith("AWS4-HMAC-SHA256 "), "AccessDenied")
        parts = dict(p.strip().split("=", 1) for p in said[17:].split(","))
        who, day, region, service, end = parts["Credential"].split("/")
        names = parts["SignedHeaders"].split(";")
        date = self.headers["x-amz-date"]
        expect(who == access and service == "s3" and end == "aws4_request" and date.startswith(day), "InvalidAccessKeyId")
        then = datetime.datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc)
        expect(abs((datetime.datetime.now(datetime.timezone.utc) - then).total_seconds()) < 900, "RequestTimeTooSkewed")
        sent = {k.lower() for k in self.headers if k.lower().startswith("x-amz-")} | {"host"}
        expect(names == sorted(names) and sent <= set(names) and all(self.headers[n] is not None for n in names), "AccessDenied")
        lines = "".join(f"{n}:{' '.join(self.headers[n].split())}\n" for n in names)
        canonical = "\n".join([self.command, *(self.path + "?").split("?")[:2], lines, ";".join(names), self.headers["x-amz-content-sha256"]])
        text = "\n".join(["AWS4-HMAC-SHA256", date, f"{day}/{region}/s3/aws4_request", hashlib.sha256(canonical.encode()).hexdigest()])
        k = mac(mac(mac(mac(("AWS4" + secret).encode(), day), region), "s3"), "aws4_request")
        expect(hmac.compare_digest(mac(k, text).hex(), parts["Signature"]), "SignatureDoesNotMatch")

    def where(self):
        parts = self.path.split("?")[0].lstrip("/").split("/")
        expect(parts[0] == bucket and ".." not in parts and len(parts) == 4, "NoSuchBucket")
        return "/".join(parts[1:])

    def locked(self, name):
        try:
            until = open(f"{top}/{name.replace('/', '_')}.lock").read().split()[1]
        except OSError:
            return False
        return datetime.datetime.strptime(until, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.timezone.utc) > datetime.datetime.now(datetime.timezone.utc)

    def delete(self, name, path):
        version = self.path.partition("?versionId=")[2]
        if os.path.exists(path + ".mark") and version == "M1":
            os.unlink(path + ".mark")
            os.rename(path + ".old", path)
        elif os.path.exists(f"{top}/versioned") and not version:
            os.rename(path, path + ".old")
            open(path + ".mark", "w").close()
        elif os.path.exists(path):
            expect(not self.locked(name), "AccessDenied")
            expect(version in ("", "V1.a_b-c"), "NoSuchVersion")
            os.unlink(path)
        return 204, b""

    def put(self, name, path):
        length = int(self.headers["content-length"])
        if mode() == "half":
            self.rfile.read(length // 2)
            os._exit(1)
        body = self.rfile.read(length)
        expect(hashlib.sha256(body).hexdigest() == self.headers["x-amz-content-sha256"], "XAmzContentSHA256Mismatch")
        expect(base64.b64encode(hashlib.sha256(body).digest()).decode() == self.headers["x-amz-checksum-sha256"], "BadDigest")
        expect(not self.locked(name), "AccessDenied")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path + ".new", "wb") as f:
            f.write(body)
        os.rename(path + ".new", path)
        if self.headers.get("x-amz-object-lock-mode"):
            with open(f"{top}/{name.replace('/', '_')}.lock", "w") as f:
                f.write(f"{self.headers['x-amz-object-lock-mode']} {self.headers['x-amz-object-lock-retain-until-date']}\n")
        return 200, b""

    def serve(self):
        self.signed()
        name = self.where()
        path = f"{top}/objects/{name}"
        with open(f"{top}/asked", "a") as f:
            f.write(f"{self.command} {name}\n")
        if mode() == "away":
            return 503, b"<Error><Code>SlowDown</Code></Error>"
        if mode() == "talk":
            self.rfile.read(int(self.headers["content-length"] or 0))
            return (404 if self.command == "HEAD" else 200), b"!" * (1 << 20)
        if self.command == "PUT":
            return self.put(name, path)
        if self.command == "DELETE":
            return self.delete(name, path)
        if os.path.exists(f"{top}/versioned") and (os.path.exists(path) or os.path.exists(path + ".mark")):
            self.more = {"x-amz-version-id": "V1.a_b-c" if os.path.exists(path) else "M1"}
        if not os.path.exists(path):
            return 404, b"<Error><Code>NoSuchKey</Code></Error>"
        body = open(path, "rb").read()
        if mode() == "lie":
            body = body[:-1] + bytes([body[-1] ^ 1])
        return 200, body

    def do(self):
        self.more = {}
        try:
            status, body = self.serve()
        except Refused as word:
            status, body = 403, f"<Error><Code>{word}</Code></Error>".encode()
            self.close_connection = True
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in self.more.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD" and status != 204:
            self.wfile.write(body)

    do_GET = do_HEAD = do_PUT = do_DELETE = do


server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Store)
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain(cert, key)
server.socket = tls.wrap_socket(server.socket, server_side=True)
open(f"{top}/ready", "w").close()
server.serve_forever()
