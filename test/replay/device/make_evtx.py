#!/usr/bin/env python3
"""make_evtx.py FILE: a Windows event log file of two records, made from the description of the format ([MS-EVEN6] 2.2.12): the first
defines a template right where it is used, the second uses it again."""
import struct, sys

class Chunk:
    def __init__(self):
        self.b = bytearray(512)
        self.b[0:8] = b"ElfChnk\0"
    def put(self, fmt, *v): self.b += struct.pack("<" + fmt, *v)
    def name(self, text):
        self.put("I", len(self.b) + 4)
        raw = text.encode("utf-16-le")
        self.put("IHH", 0, 0, len(raw) // 2)
        self.b += raw + b"\0\0"
    def open(self, text, attributes=()):
        self.put("BHI", 0x41 if attributes else 0x01, 0xffff, 0)
        self.name(text)
        if attributes:
            self.put("I", 0)
            for i, (name, value) in enumerate(attributes):
                self.put("B", 0x46 if i + 1 < len(attributes) else 0x06)
                self.name(name)
                value()
        self.put("B", 0x02)
    def close(self): self.put("B", 0x04)
    def text(self, text):
        raw = text.encode("utf-16-le")
        self.put("BBH", 0x05, 0x01, len(raw) // 2)
        self.b += raw
    def sub(self, index, kind): self.put("BHB", 0x0e, index, kind)
    def leaf(self, name, index, kind):
        self.open(name); self.sub(index, kind); self.close()

def template(c):
    at = len(c.b)
    c.put("I16sI", 0, b"\1" * 16, 0)
    begin = len(c.b)
    c.put("BBBB", 0x0f, 1, 1, 0)
    c.open("Event")
    c.open("System")
    c.open("Provider", [("Name", lambda: c.text("Microsoft-Windows-Security-Auditing"))]); c.close()
    c.leaf("EventID", 0, 0x06)
    c.open("TimeCreated", [("SystemTime", lambda: c.sub(1, 0x11))]); c.close()
    c.open("Channel"); c.text("Security"); c.close()
    c.leaf("Computer", 2, 0x01)
    c.close()
    c.open("EventData")
    for i, (name, kind) in enumerate((("TargetUserName", 0x01), ("SubjectUserSid", 0x13), ("LogonType", 0x08), ("Status", 0x14), ("IpAddress", 0x01))):
        c.open("Data", [("Name", lambda n=name: c.text(n))]); c.sub(3 + i, kind); c.close()
    c.close()
    c.sub(8, 0x21)
    c.close()
    c.put("B", 0)
    struct.pack_into("<I", c.b, begin - 4, len(c.b) - begin)
    return at

def values(c, list):
    c.put("I", len(list))
    for kind, raw in list: c.put("HBB", len(raw), kind, 0)
    for kind, raw in list: c.b += raw

def record(c, number, known, list):
    start = len(c.b)
    c.put("IIQQ", 0x2a2a, 0, number, 0)
    c.put("BBBB", 0x0f, 1, 1, 0)
    c.put("BBII", 0x0c, 1, 1, known or len(c.b) + 10)
    at = known or template(c)
    values(c, list)
    c.put("B", 0)
    size = len(c.b) + 4 - start
    struct.pack_into("<I", c.b, start + 4, size)
    c.put("I", size)
    return at

def u16(t): return t.encode("utf-16-le")
def time(ms): return struct.pack("<Q", ms * 10000 + 116444736000000000)
sid = struct.pack("<BB6sIII", 1, 3, b"\0\0\0\0\0\5", 21, 1000, 500)
def list(id, user, kind, ip):
    return [(6, struct.pack("<H", id)), (17, time(1795914000123)), (1, u16("dc1.city.example")), (1, u16(user)), (0x13, sid),
            (8, struct.pack("<I", kind)), (0x14, struct.pack("<I", 0xc000006d)), (1, u16(ip)), (0, b"")]
c = Chunk()
at = record(c, 1, 0, list(4625, "太郎", 3, "10.1.0.31"))
record(c, 2, at, list(4624, "hanako", 10, "10.1.0.33"))
used = bytes(c.b)
head = bytearray(4096)
head[0:8] = b"ElfFile\0"
open(sys.argv[1], "wb").write(bytes(head) + used + bytes(65536 - len(used)))
if len(sys.argv) > 2: open(sys.argv[2], "wb").write(used[512:]) # the records alone, as the fuzz target takes them
