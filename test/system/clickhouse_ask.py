#!/usr/bin/python3
"""clickhouse_ask.py SOCKET: what cluster.t asks of stored, whichever ClickHouse is behind it, of the pages 1 to 200 that it sealed. A line each: 0 or 1 (failed), a tab, the words."""
import json, re, socket, sys, time


def ask(do, **fields):
    fields.setdefault("from", int(time.time() - 3600) * 1000)  # a search walks back to it
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(60)
    s.connect(sys.argv[1])
    s.sendall(json.dumps({"v": 1, "do": do, **fields}).encode() + b"\n")
    return json.loads(s.makefile().readline())


def number(query, **fields):
    a = ask("log.search", query=query, limit=10000, **fields)
    assert a["ok"] and not a["more"], a
    return len(a["records"])


def finds(wanted):
    for query, want in wanted.items():
        got = number(query)
        assert got == want, f"{query}: {got} in place of {want}"


def by(query, group, **fields):
    a = ask("log.search", query=query, group=group, limit=100, **fields)
    assert a["ok"], a
    return sorted((c["value"], c["count"]) for c in a["counts"])


def same(got, want):
    assert got == want, f"{got} in place of {want}"


def words():
    finds({"page-3": 1, "PAGE-3": 1, "pag": 0, "pag*": 180})


def japanese():
    finds({"請求書": 20, "invoice*": 20, "請求書invoice-10": 1})


def columns():
    finds({"url:*/page-7.html or url:*/page-9.html": 2, "host:www.NEWS.example": 200, "page-3 not code:404": 1, "page-3 code:404": 0})


def numbers():
    finds({"code>=400": 40, "src:10.1.0.0/16": 100, "class:http ip:203.0.113.80": 200, "src:10.3.0.0/16": 0})


def newest():
    a = ask("log.search", query="class:http", limit=3)
    assert a["more"], a
    times = [r["record"]["time"] for r in a["records"]]
    same(times, sorted(times, reverse=True))
    same(len(times), 3)
    full = ask("log.search", query="class:http", limit=10000)["records"]
    same([r["name"] for r in a["records"]], [r["name"] for r in full[:3]])


def counts():
    same(by("class:http", "org"), [("412015", 100), ("412023", 100)])
    same(by("class:http org:412015", "src"), [("10.1.0.2", 50), ("10.1.0.4", 50)])
    same(sum(n for _, n in by("class:http", "day")), 200)
    assert all(re.fullmatch("20[0-9]{2}-[0-9]{2}-[0-9]{2} [0-9]{2}:00", v) for v, _ in by("class:http", "hour"))


def bodies():
    same(number("class:http", org="412015"), 100)
    same(number("org:412023", org="412015"), 0)
    same(number("(org:412023 or class:http or not class:http) class:http", org="412023"), 100)
    same(number("class:http", org="412040"), 0)
    same(number("class:http", org="41"), 200)
    same(by("class:http", "org", org="412015"), [("412015", 100)])


def quotes():
    finds({"\"x' OR 1=1 OR 'y\"": 0, "url:\"x\\' OR 1=1\"": 0, "host:\"toride' OR database = 'toride\"": 0, "\"database = 'toride'\" or page-3": 1})
    assert not ask("log.search", query="class:http", org="412015' OR 1")["ok"]


def sweep():
    a = ask("log.sweep", type="hostname", value="news.example")
    assert a["ok"] and a["source"] == "index" and not a["more"], a
    same(sorted((h["terminal"], h["passed"]) for h in a["hits"]), [("10.1.0.2", 50), ("10.1.0.4", 50), ("10.2.0.1", 50), ("10.2.0.3", 50)])
    assert all(re.fullmatch("412[0-9]{3}/events/[0-9]{6}/[0-9]+", h["record"]) for h in a["hits"]), a
    same(sum(h["passed"] for h in ask("log.sweep", type="hostname", value="news.example", org="412015")["hits"]), 100)


def rollup():
    a = ask("log.counts", group="product", org="412015")
    assert a["ok"] and any(c["value"] == "proxyd" and c["records"] == 100 for c in a["counts"]), a


for test, said in (
    (words, "a word of an address, whole or its beginning"),
    (japanese, "a word beside Japanese, and Japanese within"),
    (columns, "columns, patterns, either, not"),
    (numbers, "numbers and addresses"),
    (newest, "newest first, as many as are asked for"),
    (counts, "counts by column, address, hour and day"),
    (bodies, "a body's search shows its own, whatever the query says"),
    (quotes, "a quotation mark doesn't get out"),
    (sweep, "who met this destination, by terminal, of a body its own"),
    (rollup, "counts of a body"),
):
    try:
        test()
        print(f"0\t{said}", flush=True)
    except Exception as e:
        print(f"1\t{said}\n{e!r:.600}", flush=True)
