#!/usr/bin/env python3
"""Writes examples/saga/ from examples/saga.csv: 21 organisations with real staff, users, bandwidth and options.

Addresses, contacts and rules are made up, from ranges for documentation (RFC 5737, RFC 3849, RFC 2606) and private
ones. The same input gives the same bytes; a test compares. With --nation N DIR it writes a made-up country of N
organisations in 47 prefectures instead, to measure loading and compiling with."""
import csv
import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
ENGLISH = {
    "412015": "Saga City", "412023": "Karatsu City", "412031": "Tosu City", "412040": "Taku City", "412058": "Imari City",
    "412066": "Takeo City", "412074": "Kashima City", "412082": "Ogi City", "412091": "Ureshino City",
    "412104": "Kanzaki City", "413275": "Yoshinogari Town", "413411": "Kiyama Town", "413453": "Kamimine Town",
    "413461": "Miyaki Town", "413879": "Genkai Town", "414018": "Arita Town", "414239": "Omachi Town",
    "414247": "Kohoku Town", "414255": "Shiroishi Town", "414417": "Tara Town", "410004": "Saga Prefecture",
}
KINDS = {"県": "prefecture", "市": "city", "町": "town", "村": "village"}
OPTIONS = ["ad_monitoring", "tls_decryption", "mail_sanitize_a", "mail_sanitize_b", "file_sanitize", "tamper_detection",
           "remote_desktop", "edr"]


def contact(order, name, mail, phone, severity=0):
    return {"order": order, "name": name, "mail": mail, "phone": phone, "min_severity": severity}


def service():
    return {
        "name": "佐賀県自治体情報セキュリティクラウド",
        "name_en": "Saga Prefecture Municipal Information Security Cloud",
        "node": "gw1",
        "uplinks": [{"name": "isp1", "interface": "wan0", "port": "line0", "addr4": "198.51.100.2/24", "gateway4": "198.51.100.1",
                     "addr6": "2001:db8:100::2/64", "gateway6": "2001:db8:100::1", "in_mbps": 1500, "out_mbps": 1500,
                     "priority": 1, "probes": ["203.0.113.1", "203.0.113.2"]},
                    {"name": "isp2", "interface": "wan1", "port": "line1", "addr4": "192.0.2.66/29", "gateway4": "192.0.2.65",
                     "addr6": "2001:db8:200::2/64", "gateway6": "2001:db8:200::1", "in_mbps": 500, "out_mbps": 500,
                     "priority": 2, "probes": ["203.0.113.2"]}],
        "breakout": {"line": "isp2", "services": [
            {"name": "saas", "title": "グループウェア (SaaS)", "names": ["saas.example"], "comment": "提供者が公開する名前。アドレスの一覧は toride fw feed import で取り込む"},
            {"name": "meet", "title": "Web 会議", "names": [".meet.example"], "comment": "提供者が公開する名前"}]},
        "proxy4": "192.0.2.10", "proxy6": "2001:db8:2::10", "proxy_port": 8080,
        "dns4": "192.0.2.53", "dns6": "2001:db8:2::53",
        "name_servers": [
            {"name": "ns1.toride.example", "addr4": "198.51.100.53", "addr6": "2001:db8:100::53"},
            {"name": "ns2.toride.example", "addr4": "198.51.100.54", "addr6": "2001:db8:100::54"}],
        "log4": "192.0.2.14", "log6": "2001:db8:2::14",
        "time": {"addr4": "192.0.2.123", "addr6": "2001:db8:2::123", "servers": [{"host": "203.0.113.123", "nts": True}]},
        "desk": {"name": "desk.toride.example", "addr4": "192.0.2.44", "addr6": "2001:db8:2::44"},
        "web4": "198.51.100.3", "web6": "2001:db8:100::3",
        "internal4": "100.64.0.0/16",
        "management": ["192.0.2.128/25", "2001:db8:2:ff::/64"],
        "lgwan": ["198.18.0.0/16", "2001:db8:ffff::/48"],
        "doh_resolvers": ["203.0.113.53", "2001:db8:113::53"],
        "root_hints": ["203.0.113.1"],
        "trust_anchor": "",
        "origin_ca": [],
        "black": [".malware.example", ".phishing-list.example", "tracker.adware.example"],
        "deny_categories": ["malware", "phishing"],
        "mail": {"host": "203.0.113.25", "port": 25, "from": "soc@toride.example"},
        "clock": {"notice_s": 900, "escalate1_s": 300, "escalate2_s": 600, "block_hours": 24},
        "ips": {"fail": "closed", "threads": 2, "rules": []},
        "page": "127.0.0.1:8480",
        "proxy_threads": 2,
    }


def firewall(code):
    if code == "412015":
        return [{"id": "r1", "direction": "out", "action": "allow", "from": [], "to": ["203.0.113.40"], "protocol": "tcp",
                 "port_low": 443, "port_high": 443, "comment": "共同利用の申請受付サーバへの直接通信", "owner": "総務課 情報係"}]
    if code == "412023":
        return [{"id": "r1", "direction": "out", "action": "deny", "from": [], "to": ["203.0.113.40"], "protocol": "tcp",
                 "port_low": 443, "port_high": 443, "comment": "申請受付サーバは利用しない", "owner": "総務課 情報係"}]
    return []


def published(code):
    if code != "412015":
        return []
    site = {"port": 443, "server_port": 8443, "limits": {"per_source": 20, "attack_per_second": 40, "attack_hold_s": 10}, "comment": "公式サイト", "owner": "広報課"}
    return [{"id": "www", "address": "198.51.100.101", "server": "10.1.0.6", **site},
            {"id": "www6", "address": "2001:db8:100::165", "server": "2001:db8:4101::6", **site}]


def url_policy(code):
    if code == "414247":
        return {"mode": "whitelist_only", "white": [".lg.example", "www.news.example"]}
    policy = {"mode": "blacklist", "black": ["sns.example"] if code == "412015" else []}
    if code == "412015":
        policy["categories"] = [{"id": "leisure", "action": "deny", "categories": ["games", "gambling", "warez"]}]
    if code == "412031":
        policy["categories"] = [
            {"id": "koho", "action": "allow", "categories": ["social"], "terminals": ["10.3.0.5"]},
            {"id": "sns", "action": "deny", "categories": ["social", "gambling", "filehosting"]}]
    return policy


def breakout(code):
    """Three bodies' large services go by the second line, each from an address of its own there and under a ceiling of its own."""
    place = {"410004": (67, ["saas", "meet"], 40), "412015": (68, ["saas"], 20), "414417": (69, ["meet"], 5)}.get(code)
    if not place:
        return {}
    address, services, mbps = place
    return {"breakout": {"global4": f"192.0.2.{address}", "global6": f"2001:db8:200::{address:x}", "guaranteed_mbps": mbps, "ceiling_mbps": mbps * 4,
                         "burst_mbps": mbps * 10, "services": [{"service": v, "owner": "情報担当", "reason": "職員が日常に使う", "expires": "2035-03-31T15:00:00Z"} for v in services]}}


def record(name, kind, data, **more):
    return {"name": name, "type": kind, **more, "data": data}


def terminals(code, net):
    """Two desktops; Karatsu's AD server has the cloud's address as its syslog server."""
    out = [{"addr": f"10.{net}.0.5", "name": "pc1"}, {"addr": f"10.{net}.0.6", "name": "pc2"}]
    return out + ([{"addr": f"10.{net}.0.9", "name": "ad1"}] if code == "412023" else [])


def log_sources(code, net):
    if code != "412023":
        return []
    return [{"name": "ad1", "addr": f"10.{net}.0.9", "format": "windows"}]


def zones(code):
    """A body's zone, as town.genkai.lg.example; Saga has a sub-zone of its own, Karatsu one that others serve."""
    place, kind = ENGLISH[code].lower().rsplit(" ", 1)
    name = f"{'pref' if kind == 'prefecture' else kind}.{place}.lg.example"
    records = [record("@", "MX", f"10 mx.{name}"), record("@", "TXT", "v=spf1 mx -all"),
               record("_dmarc", "TXT", f"v=DMARC1; p=reject; rua=mailto:dmarc@{name}"),
               record("@", "CAA", "0 issue ca.example"), record("mx", "A", "198.51.100.25"),
               record("www", "A", "198.51.100.80"), record("www", "AAAA", "2001:db8:100::80")]
    out = [{"name": name, "ttl": 3600, "parents": ["203.0.113.2"], "records": records}]
    if code == "412015":
        out.append({"name": "school." + name, "ttl": 3600, "records": [record("www", "A", "198.51.100.81")]})
    if code == "412023":
        records += [record("bus", "NS", "ns.hosting.example", ttl=300)]
    return out


def consent(i):
    if i % 2 == 0:
        return {"given": False}
    return {"given": True, "min_severity": 3, "by": "総務課長", "date": "2026-04-01"}


def sites(code, net):
    """26 names, as Saga publishes: each body's own site, and the disaster sites of five."""
    origin = [{"addr": f"10.{net}.0.80", "port": 80}]
    out = [{"name": f"www.{code}.lg.example", "title": "公式サイト", "origins": origin,
            "paranoia": 2 if code == "410004" else 1, "waf": "detect" if code == "414417" else "block"}]
    if code in ("410004", "412015", "412023", "412031", "412058"):
        out.append({"name": f"bousai.{code}.lg.example", "title": "防災情報", "origins": [dict(origin[0], port=81)],
                    "disaster": True, "cache_s": 30})
    return out


def mie_sites(i, code):
    """76 names of 33 bodies: an official and a disaster site each, and ten more (M-014)."""
    out = sites(code, i)[:1] + [{"name": f"bousai.{code}.lg.example", "title": "防災情報", "origins": [{"addr": f"10.{i}.0.80", "port": 81}], "disaster": True,
                                 "cache_s": 30}]
    if i <= 10:
        out.append({"name": f"kanko.{code}.lg.example", "title": "観光情報", "origins": [{"addr": f"10.{i}.0.80", "port": 82}], "cache_s": 60})
    return out


def organisation(i, row, smallest):
    code, net = row["code"], 1 if row["code"] == "412023" else i
    return {
        "code": code, "index": i, "name": row["name"], "name_en": ENGLISH[code], "kind": KINDS[row["name"][-1]],
        **({"desk": "all"} if row["name"][-1] == "県" else {}),
        "state": "live", "model": "alpha" if code in smallest else "beta", "prefecture": code[:2],
        "interface": "o" + code, "pattern": row["connection_pattern"],
        "prefixes": [f"10.{net}.0.0/16", f"2001:db8:41{i:02x}::/48"],
        "router4": f"100.64.{i}.2", "router6": f"fd00:64:{i:x}::2",
        "global4": f"198.51.100.{100 + i}", "global6": f"2001:db8:100::{100 + i:x}",
        "terminals": terminals(code, net),
        "registered_only": code == "413453",
        "child_proxies": [f"10.{net}.0.8"] if code == "412040" else [],
        "guaranteed_mbps": int(row["average_high_mbps"]), "ceiling_mbps": int(row["peak_mbps"]),
        "burst_mbps": int(row["peak_mbps"]), "staff": int(row["staff"]), "users": int(row["users"]),
        "options": {o: row[o] == "1" for o in OPTIONS},
        "contacts": [contact(1, "総務課 情報担当", f"joho1@{code}.lg.example", f"0000-{i:02d}-0001"),
                     contact(2, "総務課長", f"joho2@{code}.lg.example", f"0000-{i:02d}-0002", 1)],
        "calendar": {"open": "8:30", "close": "17:15", "closed": []},
        "demarcation": "団体庁舎内に設置する接続ルータの庁内側ポートを責任分界点とし、ルータまでをクラウド側が管理する。",
        "fw": firewall(code), "publish": published(code), "url": url_policy(code),
        "ips": "detect" if i % 2 == 0 else "prevent", "no_decrypt": [".bank.example"],
        **({"no_decrypt_categories": ["finance", "health"]} if code == "412015" else {}),
        "scan_fail": "closed", "scan_max_mib": 100, "unscannable_allow": False,
        "consent": consent(i), "retention_days": 396, "zones": zones(code), "sites": sites(code, net),
        "dns": {"safe_search": code in ("412015", "414417"), "encrypted": code == "412015"},
        "log_sources": log_sources(code, net), **breakout(code),
    }


def prefecture(code, name, english):
    return {"code": code, "name": name, "name_en": english,
            "contacts": [contact(1, "情報政策課 セキュリティ担当", "soc-ken@pref.lg.example", "0000-00-0001", 2)]}


def layout(value, depth=0):
    """JSON with one member a line, and lists and objects of plain values on one line where they fit."""
    flat = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, (dict, list)) or (depth > 0 and len(flat) <= 100) or not value:
        return flat
    pad, end = "  " * (depth + 1), "  " * depth
    if isinstance(value, list):
        return "[\n" + ",\n".join(pad + layout(v, depth + 1) for v in value) + "\n" + end + "]"
    items = (pad + json.dumps(k) + ": " + layout(v, depth + 1) for k, v in value.items())
    return "{\n" + ",\n".join(items) + "\n" + end + "}"


def write(path, value, comment=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text((f"// {comment}\n" if comment else "") + layout(value) + "\n", encoding="utf-8")


def saga(out):
    rows = list(csv.DictReader(open(ROOT / "examples/saga.csv", encoding="utf-8")))
    smallest = {r["code"] for r in sorted(rows, key=lambda r: int(r["staff"]))[:2]}
    write(out / "service.json", service(), "Written by tools/gen-examples.py. Addresses are from documentation ranges.")
    write(out / "prefectures/41.json", prefecture("41", "佐賀県", "Saga Prefecture"))
    for i, row in enumerate(rows, 1):
        write(out / f"orgs/{row['code']}.json", organisation(i, row, smallest))


def check_digit(five):
    return str((11 - sum(w * int(d) for w, d in zip((6, 5, 4, 3, 2), five)) % 11) % 10)


def nation(count, out):
    row = {"staff": 300, "users": 500, "average_high_mbps": 50, "peak_mbps": 100, "connection_pattern": "A"}
    row.update({o: "0" for o in OPTIONS})
    s = service()
    s["internal4"] = "100.64.0.0/10"
    del s["uplinks"][1:], s["breakout"]
    s["uplinks"][0].update(addr4="198.18.0.2/15", gateway4="198.18.0.1", in_mbps=100000, out_mbps=100000)
    s["lgwan"] = ["172.16.0.0/12"]
    del s["web4"], s["web6"]
    write(out / "service.json", s)
    for p in range(1, 48):
        write(out / f"prefectures/{p:02d}.json", prefecture(f"{p:02d}", f"第{p}県", f"Prefecture {p}"))
    for i in range(1, count + 1):
        five = f"{(i - 1) % 47 + 1:02d}{200 + (i - 1) // 47:03d}"
        row.update(code=five + check_digit(five), name=f"第{i}市")
        ENGLISH[row["code"]] = f"City {i}"
        o = organisation(1, row, set())
        o.update(index=i, global4=f"198.{18 + (i + 256 >> 16)}.{i + 256 >> 8 & 255}.{i + 256 & 255}",
                 router4=f"100.{64 + (i >> 8)}.{i & 255}.2", router6=f"fd00:64:{i:x}::2", global6=f"2001:db8:100::{1000 + i:x}")
        o.pop("breakout", None)
        o["publish"] = []
        o["url"] = url_policy("")
        o["zones"] = []
        o["sites"] = []
        o["fw"] = [dict(firewall("412015")[0], id=f"r{k}", to=[f"203.0.113.{k}"]) for k in range(1, 6)]
        write(out / f"orgs/{row['code']}.json", o)


MIE = {  # 三重県 and its 29 cities and towns, by code without check digit
    "24000": "三重県", "24201": "津市", "24202": "四日市市", "24203": "伊勢市", "24204": "松阪市", "24205": "桑名市", "24207": "鈴鹿市", "24208": "名張市",
    "24209": "尾鷲市", "24210": "亀山市", "24211": "鳥羽市", "24212": "熊野市", "24214": "いなべ市", "24215": "志摩市", "24216": "伊賀市", "24303": "木曽岬町",
    "24324": "東員町", "24341": "菰野町", "24343": "朝日町", "24344": "川越町", "24441": "多気町", "24442": "明和町", "24443": "大台町", "24461": "玉城町",
    "24470": "度会町", "24471": "大紀町", "24472": "南伊勢町", "24543": "紀北町", "24561": "御浜町", "24562": "紀宝町",
    # three unions of municipalities; their codes and names are made up
    "24981": "第一広域連合", "24982": "第二広域連合", "24983": "第三広域連合",
}


def mie(out, bodies, terminals):
    """33 bodies (more: joining later) and their registered terminals; two lines of 1 Gbps promised and 1 Gbps more each (M-006).
    The numbers of bodies, terminals and lines are of Mie's specification, how they are spread is made up."""
    row = {"staff": 450, "users": 900, "average_high_mbps": 25, "peak_mbps": 250, "connection_pattern": "A"}
    row.update({o: "0" for o in OPTIONS})
    s = service()
    s.update(name="三重県自治体情報セキュリティクラウド", name_en="Mie Prefecture Municipal Information Security Cloud")
    del s["breakout"]
    s["uplinks"] = [dict(s["uplinks"][0], in_mbps=2000, out_mbps=2000),
                    {"name": "isp2", "interface": "wan1", "addr4": "192.0.2.66/29", "gateway4": "192.0.2.65", "in_mbps": 2000, "out_mbps": 2000,
                     "priority": 2, "probes": ["203.0.113.2"]}]
    write(out / "service.json", s, "Written by tools/gen-examples.py. Addresses are from documentation ranges.")
    write(out / "prefectures/24.json", prefecture("24", "三重県", "Mie Prefecture"))
    names = list(MIE.items()) + [(f"249{k:02d}", f"新規団体{k}") for k in range(34, bodies + 1)]
    for i, (five, name) in enumerate(names[:bodies], 1):
        row.update(code=five + check_digit(five), name=name if name[-1] in KINDS else name + "村")
        ENGLISH[row["code"]] = f"Body {i}"
        o = organisation(i, row, set())
        share = terminals // bodies + (i <= terminals % bodies)
        o.update(name=name, kind=KINDS.get(name[-1], "union"), registered_only=True, url=url_policy(""), fw=[], publish=[], child_proxies=[], sites=mie_sites(i, row["code"]),
                 terminals=[{"addr": f"10.{i}.{k >> 8}.{k & 255}", "name": f"pc{k - 4}"} for k in range(5, share + 5)])
        write(out / f"orgs/{row['code']}.json", o)


if len(sys.argv) == 5 and sys.argv[1] == "--mie":
    mie(pathlib.Path(sys.argv[4]), int(sys.argv[2]), int(sys.argv[3]))
elif len(sys.argv) == 4 and sys.argv[1] == "--nation":
    nation(int(sys.argv[2]), pathlib.Path(sys.argv[3]))
elif len(sys.argv) <= 2 and not sys.argv[-1].startswith("-"):
    saga(pathlib.Path(sys.argv[1]) if len(sys.argv) == 2 else ROOT / "examples/saga")
else:
    sys.exit("usage: gen-examples.py [OUT] | --mie BODIES TERMINALS OUT | --nation N OUT")
