#!/usr/bin/env python3
"""compare_evtx.py TORIDE DIR: every FILE.evtx below DIR gives the EventData that FILE.json beside it has."""
import glob, json, subprocess, sys

def objects(text):
    decoder, i, out = json.JSONDecoder(), 0, []
    while i < len(text):
        if text[i].isspace(): i += 1; continue
        o, i = decoder.raw_decode(text, i)
        out += o if isinstance(o, list) else [o]
    return out
def plain(v): return " ".join(str(v).lower().strip("{}").split()) # GUIDs with and without braces, letters either way
files = same = 0
bad = []
for f in glob.glob(sys.argv[2] + "/**/*.evtx", recursive=True):
    try: want = objects(open(f[:-5] + ".json", encoding="utf-8-sig").read())
    except OSError: continue
    files += 1
    got = [json.loads(l) for l in subprocess.run([sys.argv[1], "log", "parse", f], capture_output=True, text=True).stdout.splitlines()]
    if len(got) != len(want): bad.append(f"{f}: {len(got)} records, not {len(want)}"); continue
    for w, g in zip(want, got):
        for k, v in (w["Event"].get("EventData") or {}).items():
            if k == "#attributes" or v in ("", None): continue
            if plain(g["unmapped"].get(k)) == plain(v): same += 1
            else: bad.append(f"{f}: {k}: {g['unmapped'].get(k)!r}, not {v!r}")
print(f"# {files} files, {same} values the same, {len(bad)} not")
print("\n".join("# " + b for b in bad[:10]))
sys.exit(1 if bad or not same else 0)
