#!/usr/bin/env python3
# Sends the CRS's own regression tests (YAML of its framework FTW) to a server and compares what its WAF's log says.
# usage: crs.py TESTS-DIR PORT ACCESS-LOG WAF-LOG   ->  one line a case: pass|refused|fail ID: words
#   refused: the server turned the request away by itself (4xx or 505 without any rule), so that there was nothing for the WAF to see
# A case is known in the logs by its own source port.
import base64, concurrent.futures, glob, json, re, socket, sys, time, urllib.parse, yaml

FIRST_PORT = 20000

def raw(i):
    if 'encoded_request' in i:
        return base64.b64decode(i['encoded_request'])
    if 'raw_request' in i:
        return i['raw_request'].encode('utf-8')
    head, data = {k: str(v) for k, v in (i.get('headers') or {}).items()}, i.get('data', '')
    data = '\r\n'.join(data) if isinstance(data, list) else str(data or '')
    have = {k.lower(): v for k, v in head.items()}
    magic = not i.get('stop_magic')
    if data and magic and 'content-type' not in have:
        head['Content-Type'] = have['content-type'] = 'application/x-www-form-urlencoded'
    if data and magic and have.get('content-type') == 'application/x-www-form-urlencoded' and urllib.parse.unquote(data) == data:
        pairs = urllib.parse.parse_qsl(data)
        data = urllib.parse.urlencode(pairs) if pairs else data
    body = data.encode('utf-8')
    if data and magic and 'content-length' not in have:
        head['Content-Length'] = str(len(body))
    if magic and 'connection' not in have:
        head['Connection'] = 'close'
    first = ' '.join((i.get('method', 'GET'), str(i.get('uri', '/')), i.get('version', 'HTTP/1.1')))
    return (first + '\r\n' + ''.join(f'{k}: {v}\r\n' for k, v in head.items()) + '\r\n').encode('utf-8') + body

def send(n, stage, to):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(('127.0.0.1', FIRST_PORT + n))
    s.settimeout(15)
    got = b''
    try:
        s.connect(('127.0.0.1', to))
        s.sendall(raw(stage['input']))
        while b'\r\n\r\n' not in got:
            more = s.recv(65536)
            if not more:
                break
            got += more
    except OSError:
        pass
    s.close()
    m = re.match(rb'HTTP/1\.[01] ([0-9]{3})', got)
    return int(m.group(1)) if m else 0

def cases(top):
    for f in sorted(glob.glob(top + '/**/*.yaml', recursive=True)):
        for t in yaml.safe_load(open(f, encoding='utf-8'))['tests']:
            yield str(t['test_title']), t['stages'][-1].get('stage', t['stages'][-1])

def fired(path):
    ids = {}
    for line in open(path, encoding='utf-8', errors='replace'):
        try:
            t = json.loads(line)['transaction']
        except ValueError:
            continue
        ids.setdefault(int(t['client_port']), set()).update(m['details']['ruleId'] for m in t['messages'])
    return ids

def judge(out, status, ids):
    want = re.findall(r'id "(\d+)"', out.get('log_contains', ''))
    never = re.findall(r'id "(\d+)"', out.get('no_log_contains', ''))
    if out.get('expect_error'):
        return status == 0 or 400 <= status < 500, f'an error was expected, {status} came'
    if 'status' in out and not want and not never:
        wanted = out['status'] if isinstance(out['status'], list) else [out['status']]
        return status in wanted or (400 in wanted and 400 <= status < 500), f'status {status}, expected {wanted}, fired {sorted(ids)}'
    if want:
        return all(w in ids for w in want), f'status {status}, fired {sorted(ids)}'
    return not any(w in ids for w in never), f'status {status}, fired {sorted(ids)}'

def main():
    top, port, access, waf = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
    todo = list(cases(top))
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        status = list(pool.map(lambda a: send(a[0], a[1][1], port), enumerate(todo)))
    time.sleep(2)
    ids = fired(waf)
    for n, (name, stage) in enumerate(todo):
        mine = ids.get(FIRST_PORT + n, set())
        good, words = judge(stage['output'], status[n], mine)
        kind = 'pass' if good else 'refused' if not mine and (400 <= status[n] < 500 or status[n] == 505) else 'fail'
        print(f'{kind} {name}: {words}')

main()
