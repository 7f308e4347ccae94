"""ask_on.py SERVER NAMES RATE REPORT: asks SERVER the questions of NAMES ("name type" a line) in turn, RATE a second, until SIGINT, as a
resolver does: what isn't answered within two seconds is asked again, twice at most (UDP may lose a packet anywhere). Then writes to REPORT
how many were asked, how many again, how many had no answer and how many another answer than NOERROR."""
import selectors, signal, socket, struct, sys, time

AGAIN_S, TIMES = 2, 3
TYPES = {"A": 1, "SOA": 6, "MX": 15, "TXT": 16}

def question(number, name, kind):
    labels = b"".join(bytes([len(l)]) + l.encode() for l in name.split("."))
    return struct.pack("!HHHHHH", number, 0, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", TYPES[kind], 1)

server, names, rate, report = sys.argv[1], [l.split() for l in open(sys.argv[2])], int(sys.argv[3]), sys.argv[4]
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setblocking(False)
s.connect((server, 53))
ready = selectors.DefaultSelector()
ready.register(s, selectors.EVENT_READ)
open_ = {}  # number -> [packet, asked when, how often]
sent = again = lost = wrong = 0
ended = False

def end(*_):
    global ended
    ended = True

signal.signal(signal.SIGINT, end)
began = time.monotonic()
while not ended or open_:
    now = time.monotonic()
    while not ended and sent < (now - began) * rate:
        number = sent % 65536
        packet = question(number, *names[sent % len(names)])
        open_[number] = [packet, now, 1]
        s.send(packet)
        sent += 1
    for number, q in list(open_.items()):
        if now - q[1] < AGAIN_S:
            continue
        if q[2] == TIMES:
            lost += 1
            del open_[number]
        else:
            s.send(q[0])
            again += 1
            q[1:] = now, q[2] + 1
    if not ready.select(0.01):
        continue
    try:
        while True:
            answer = s.recv(4096)
            number, flags = struct.unpack("!HH", answer[:4])
            if open_.pop(number, None) and flags & 15:
                wrong += 1
    except BlockingIOError:
        pass
with open(report, "w") as f:
    f.write(f"asked {sent} again {again} lost {lost} wrong {wrong}\n")
