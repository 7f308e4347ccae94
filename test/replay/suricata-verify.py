#!/usr/bin/env python3
# Chooses which cases of suricata-verify say something of our configuration, and makes what its own runner wants around them.
# usage: suricata-verify.py CASES OURS DEFAULT TOP
#   CASES its tests/; OURS the suricata.yaml we compile; DEFAULT the packaged one; TOP a new directory:
#   TOP/src/suricata, TOP/suricata.yaml, TOP/etc as in a source tree, TOP/tests links to the cases chosen, TOP/left REASON: CASE a line
import glob, os, re, sys, yaml

cases, ours, default, top = sys.argv[1:]
# What decides how bytes are read is ours; addresses and what is written down are the packaged configuration's, which the cases expect.
SECTIONS = ['app-layer', 'stream', 'flow', 'defrag', 'host', 'exception-policy', 'detect', 'mpm-algo', 'spm-algo', 'pcre', 'security', 'datasets', 'host-mode']
load = lambda path: yaml.load(open(path), Loader=yaml.CSafeLoader)
off = [name for name, p in load(ours)['app-layer']['protocols'].items() if str(p.get('enabled')) in ('no', 'False')]
word = re.compile(r'(?<![a-z0-9])(' + '|'.join(map(re.escape, off)) + r'|dce|bittorrent|kerberos|ikev[12]|ntlmssp)(?![a-z0-9])', re.I)


def why_not(case):
    """None, or why the case says nothing of us."""
    config = load(case + '/test.yaml') if os.path.exists(case + '/test.yaml') else {}
    config = config or {}
    requires = config.get('requires') or {}
    rules = [case + '/' + config['rules']] if config.get('rules') else glob.glob(case + '/*.rules')
    if os.path.exists(case + '/suricata.yaml'):
        return 'brings a configuration of its own'
    if any(k in config for k in ('command', 'unix-commands', 'pre-check')) or any(k in requires for k in ('script', 'files', 'lambda', 'env')):
        return 'runs commands of its own'
    if not config.get('pcap') and not glob.glob(case + '/*.pcap*'):
        return 'has no capture'
    if any(not os.path.exists(r) for r in rules) or (config.get('pcap') and not os.path.exists(case + '/' + config['pcap'])):
        return 'a file of it is not there'
    text = os.path.basename(case).replace('-', ' ') + open(case + '/test.yaml').read() if os.path.exists(case + '/test.yaml') else ''
    text += ''.join(open(r, errors='replace').read() for r in rules)
    if word.search(text):
        return 'is of a protocol that is not parsed here'
    return None


os.makedirs(top + '/src')
os.makedirs(top + '/tests')
os.symlink('/usr/bin/suricata', top + '/src/suricata')
os.symlink('/etc/suricata', top + '/etc')
merged, mine = load(default), load(ours)
merged.update({s: mine[s] for s in SECTIONS if s in mine})
with open(top + '/suricata.yaml', 'w') as f:
    f.write('%YAML 1.1\n---\n' + yaml.dump(merged).replace(': true\n', ': yes\n').replace(': false\n', ': no\n'))
with open(top + '/left', 'w') as left:
    for case in sorted(glob.glob(cases + '/*')):
        reason = why_not(case) if os.path.isdir(case) else None
        if reason:
            print(f'{reason}: {os.path.basename(case)}', file=left)
        elif os.path.isdir(case):
            os.symlink(os.path.realpath(case), top + '/tests/' + os.path.basename(case))
