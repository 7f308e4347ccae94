/* Intrusion detection and prevention: one Suricata between the sockets of all inspected lines and the gateway.
 *
 * An inspected line (uplinks[].port) is made of three interfaces: the port, and a virtual cable whose outer end is the
 * uplink's interface (it has the addresses) and whose inner end is "i-" + interface. Suricata copies packets between port
 * and inner end (AF_PACKET inline; the kernels we meet lack nftables' queue) and drops what a rule of the prevent half says.
 * What becomes of packets while it doesn't run is apply/door.c's matter.
 *
 * What the web proxy decrypts comes by a cable of its own (ips/mirror.h), as connections of terminals: their prefixes are in $DETECT_NET, and the
 * VLAN says whose they are.
 *
 * Outside, a packet's organisation is its global address: $PREVENT_NET and $DETECT_NET are lists of these, and each rule
 * stands there twice (ips/rule.h). An organisation that has neither is in no list, and no rule sees it.
 *
 * The leg between the public sites' server and their origins is one more line (ips/leg.h): there a body is the places of its origins
 * (nft_leg.c), and who asked stands in X-Forwarded-For, which the server writes.
 *
 * suricata/suricata.yaml    all of it; rules and address lists can be taken over while it runs, the rest needs a restart
 * suricata/lines.bin        what needs a restart: u8 flags (1 bridge, else closed; 2 mirror), u8 threads, and a line char interface[16],
 *                           inner[16], port[16]; read by apply/door.c
 * suricata/feeds.bin        the SHA-256 of each rule file from outside, checked before it is loaded
 * suricata/toride.rules     our own rules (rules/ips), both halves */
#include "compile/emit.h"

#include "base/mem.h"
#include "ips/leg.h"
#include "ips/mirror.h"
#include "ips/own.h"
#include "ips/rule.h"

#include <stdio.h>

/* whole: with its length. */
static size_t put_group(struct buf *b, size_t before, const struct prefix *p, bool whole)
{
	char text[PREFIX_TEXT];
	if (!prefix_is_set(p))
		return 0;
	buf_printf(b, "%s%s", before ? "," : "", whole ? prefix_format(p, text) : prefix_format_addr(p, text));
	return 1;
}

/* A list of addresses as a variable; Suricata takes no empty one, so what can't be an address of anybody stands for none. */
static void address_group(struct buf *b, const struct model *m, const char *name, bool detect, bool prevent, const char *more)
{
	size_t n = *more != 0;
	buf_printf(b, "    %s: \"[%s", name, more);
	/* The gateway's own outside: the resolver's questions, the mails it hands over, the name servers, the public sites. */
	struct own_address own[OWN_MAX];
	for (size_t i = 0, all = service_own(&m->service, own); detect && i < all; i++)
		if (own[i].kind >= OWN_SITES)
			n += put_group(b, n, &own[i].prefix, false);
	for (size_t i = 0; i < m->n_orgs; i++) {
		const struct org *o = &m->orgs[i];
		if (!(o->ips == IPS_DETECT && detect) && !(o->ips == IPS_PREVENT && prevent))
			continue;
		for (size_t k = 0; k < o->n_publics; k++)
			n += put_group(b, n, &o->publics[k], false);
		struct leg_origin leg[LEG_ORIGINS_MAX];
		for (size_t k = 0, all = leg_origins(m, o, leg); k < all; k++)
			n += put_group(b, n, &leg[k].place, false);
	}
	for (size_t i = 0; detect && m->service.ips.mirror && i < m->n_orgs; i++)
		for (size_t k = 0; m->orgs[i].ips != IPS_OFF && k < m->orgs[i].n_prefixes; k++)
			n += put_group(b, n, &m->orgs[i].prefixes[k], true);
	buf_puts(b, n ? "]\"\n" : "255.255.255.255]\"\n");
}

/* home: one more address that counts as a body's, or "". */
static void variables(struct buf *b, const struct model *m, const char *home)
{
	static const char *const servers[] = { "HTTP_SERVERS", "SMTP_SERVERS", "SQL_SERVERS", "DNS_SERVERS", "TELNET_SERVERS",
		                               "DC_SERVERS", "DNP3_SERVER", "DNP3_CLIENT", "MODBUS_CLIENT", "MODBUS_SERVER",
		                               "ENIP_CLIENT", "ENIP_SERVER" };
	buf_puts(b, "vars:\n  address-groups:\n");
	address_group(b, m, "PREVENT_NET", false, true, "");
	address_group(b, m, "DETECT_NET", true, false, "");
	address_group(b, m, "HOME_NET", true, true, home);
	buf_puts(b, "    EXTERNAL_NET: \"!$HOME_NET\"\n");
	for (size_t i = 0; i < ARRAY_LEN(servers); i++)
		buf_printf(b, "    %s: \"$HOME_NET\"\n", servers[i]);
	buf_puts(b, "    AIM_SERVERS: \"$EXTERNAL_NET\"\n"
	            "  port-groups:\n    HTTP_PORTS: \"80\"\n    SHELLCODE_PORTS: \"!80\"\n    ORACLE_PORTS: 1521\n    SSH_PORTS: 22\n"
	            "    DNP3_PORTS: 20000\n    MODBUS_PORTS: 502\n    FILE_DATA_PORTS: \"[$HTTP_PORTS,110,143]\"\n    FTP_PORTS: 21\n"
	            "    GENEVE_PORTS: 6081\n    VXLAN_PORTS: 4789\n    TEREDO_PORTS: 3544\n");
}

#define RING 8192     /* packets a thread */
#define RING_LEG 2048 /* a local cable waits for nobody far away: TCP goes slower, and each ring of RING costs 13 MiB */

static void half(struct buf *b, const struct service *s, const char *from, const char *to, unsigned cluster, unsigned ring)
{
	buf_printf(b, "  - interface: %s\n    copy-iface: %s\n    copy-mode: ips\n    cluster-id: %u\n    cluster-type: cluster_flow\n"
	              "    threads: %u\n    defrag: no\n    use-mmap: yes\n    tpacket-v3: no\n    ring-size: %u\n    use-emergency-flush: yes\n",
	           from, to, cluster, s->ips.threads, ring);
}

static void lines(struct buf *b, const struct model *m)
{
	const struct service *s = &m->service;
	unsigned cluster = 1;
	buf_puts(b, "af-packet:\n");
	for (size_t i = 0; i < s->n_uplinks; i++) {
		char inner[32];
		const struct uplink *u = &s->uplinks[i];
		if (!line_inspected(u))
			continue;
		snprintf(inner, sizeof inner, UPLINK_INNER "%s", u->interface);
		half(b, s, u->port, inner, cluster++, RING);
		half(b, s, inner, u->port, cluster++, RING);
	}
	if (leg_used(m)) {
		half(b, s, LEG_INNER, LEG_PORT, cluster++, RING_LEG);
		half(b, s, LEG_PORT, LEG_INNER, cluster++, RING_LEG);
	}
	if (s->ips.mirror) /* no copy-mode: it only looks. One thread: all of a connection comes inside one tunnel */
		buf_printf(b, "  - interface: " MIRROR_INNER "\n    cluster-id: %u\n    cluster-type: cluster_flow\n    threads: 1\n    defrag: no\n"
		              "    use-mmap: yes\n    tpacket-v3: no\n    ring-size: 8192\n    use-emergency-flush: yes\n", cluster);
	/* Offloads are switched off by apply, which has the right to. */
	buf_puts(b, "capture:\n  disable-offloading: false\n  checksum-validation: none\nhost-mode: router\n");
}

/* What the gateway's Internet side speaks; everything else isn't parsed at all. */
static void protocols(struct buf *b)
{
	static const char *const off[] = { "http2", "smb", "nfs", "tftp", "krb5", "ntp", "dhcp", "snmp", "sip", "rfb", "mqtt", "modbus",
		                           "dnp3", "enip", "ike", "quic", "telnet", "pgsql", "bittorrent-dht", "rdp", "dcerpc", "imap" };
	buf_puts(b, "app-layer:\n  error-policy: ignore\n  protocols:\n"
	            "    http:\n      enabled: yes\n      libhtp:\n        default-config:\n          personality: IDS\n"
	            "          request-body-limit: 64kb\n          response-body-limit: 64kb\n"
	            "          request-body-minimal-inspect-size: 32kb\n          request-body-inspect-window: 4kb\n"
	            "          response-body-minimal-inspect-size: 40kb\n          response-body-inspect-window: 16kb\n"
	            "          response-body-decompress-layer-limit: 2\n          http-body-inline: auto\n          double-decode-path: no\n"
	            "          double-decode-query: no\n"
	            "    tls:\n      enabled: yes\n      detection-ports:\n        dp: 443\n      ja3-fingerprints: yes\n"
	            "      encryption-handling: bypass\n"
	            "    ssh:\n      enabled: yes\n      hassh: no\n    smtp:\n      enabled: yes\n      mime:\n        decode-mime: yes\n"
	            "        decode-base64: yes\n        decode-quoted-printable: yes\n        header-value-depth: 2000\n        extract-urls: no\n"
	            "    ftp:\n      enabled: yes\n"
	            "    dns:\n      tcp:\n        enabled: yes\n        detection-ports:\n          dp: 53\n      udp:\n        enabled: yes\n"
	            "        detection-ports:\n          dp: 53\n");
	for (size_t i = 0; i < ARRAY_LEN(off); i++)
		buf_printf(b, "    %s:\n      enabled: no\n", off[i]);
}

/* "closed" lets nothing by that it hadn't the memory to inspect; "bridge" prefers the traffic. Flows that are older than
 * the process (it was restarted) are picked up where they are. An urgent byte is no part of the stream, as all receivers have it
 * (RFC 6093 section 3): left in, it would split an attack for us alone. */
static void streams(struct buf *b, const struct service *s)
{
	const char *full = s->ips.fail == IPS_BRIDGE ? "ignore" : "drop-packet";
	buf_printf(b, "exception-policy: ignore\n"
	              "stream:\n  memcap: 256mb\n  memcap-policy: %s\n  checksum-validation: no\n  inline: yes\n  bypass: no\n"
	              "  midstream: true\n  midstream-policy: ignore\n  max-synack-queued: 5\n  drop-invalid: no\n"
	              "  reassembly:\n    memcap: 512mb\n    memcap-policy: %s\n    depth: 1mb\n    toserver-chunk-size: 2560\n"
	              "    toclient-chunk-size: 2560\n    randomize-chunk-size: no\n    urgent:\n      policy: oob\n"
	              "flow:\n  memcap: 256mb\n  memcap-policy: %s\n  hash-size: 65536\n  prealloc: 10000\n  emergency-recovery: 30\n"
	              "defrag:\n  memcap: 64mb\n  memcap-policy: %s\n  hash-size: 65536\n  trackers: 65535\n  max-frags: 65535\n"
	              "  prealloc: no\n  timeout: 30\n"
	              "host:\n  hash-size: 4096\n  prealloc: 0\n  memcap: 32mb\n",
	           full, full, full, full);
}

/* Does a body keep packets as evidence? Whose they are intaked tells (normalise/eve.c). */
static bool packets_kept(const struct model *m)
{
	bool any = false;
	for (size_t i = 0; i < m->n_orgs; i++)
		any |= m->orgs[i].packet_days != 0;
	return any;
}

/* Everything it says goes to intake over one socket; a line that doesn't fit is dropped there and counted, never waited for. */
static void outputs(struct buf *b, const struct model *m)
{
	const struct service *s = &m->service;
	const char *packets = packets_kept(m) ? "yes" : "no";
	buf_printf(b, "default-log-dir: %s/suricata\n"
	              "logging:\n  default-log-level: notice\n  outputs:\n    - console:\n        enabled: yes\n"
	              "stats:\n  enabled: yes\n  interval: 10\n  decoder-events: false\n  stream-events: false\n"
	              "outputs:\n  - eve-log:\n      enabled: yes\n      filetype: unix_stream\n      filename: %s/eve.sock\n"
	              "      community-id: true\n      types:\n"
	              "        - alert:\n            payload: no\n            payload-printable: no\n            packet: %s\n"
	              "            tagged-packets: %s\n"
	              "            http-body: no\n            metadata:\n              app-layer: true\n              flow: true\n"
	              "              rule:\n                metadata: true\n                raw: false\n"
	              /* Whom the sites' server asks for; believed of what came by the leg alone (normalise/eve.c). */
	              "            xff:\n              enabled: yes\n              mode: extra-data\n              deployment: reverse\n"
	              "              header: X-Forwarded-For\n"
	              "        - drop:\n            alerts: no\n            flows: start\n"
	              "        - stats:\n            totals: yes\n            threads: no\n            deltas: no\n"
	              "unix-command:\n  enabled: yes\n  filename: %s/suricata/control.sock\n",
	           s->run_dir, s->run_dir, packets, packets, s->run_dir);
}

static void rules(struct buf *b, const struct service *s)
{
	buf_printf(b, "default-rule-path: %s/current/suricata\nrule-files:\n  - %s/current/suricata/toride.rules\n", s->state_dir,
	           s->state_dir);
	for (size_t i = 0; i < s->ips.n_rules; i++)
		buf_printf(b, "  - %s/feeds/ips/%s.rules\n", s->state_dir, s->ips.rules[i]);
}

static void detection(struct buf *b)
{
	buf_puts(b, "classification-file: /etc/suricata/classification.config\n"
	            "reference-config-file: /etc/suricata/reference.config\n"
	            "threshold-file: /dev/null\n"
	            "detect:\n  profile: medium\n  sgh-mpm-context: auto\n  inspection-recursion-limit: 3000\n  delayed-detect: no\n"
	            "  prefilter:\n    default: mpm\n  grouping:\n  profiling:\n    inspect-logging-threshold: 200\n"
	            "mpm-algo: hs\nspm-algo: hs\nrunmode: workers\nmax-pending-packets: 4096\ndefault-packet-size: 1522\n"
	            "threading:\n  set-cpu-affinity: no\n  detect-thread-ratio: 1.0\n"
	            "pcre:\n  match-limit: 3500\n  match-limit-recursion: 1500\n"
	            "security:\n  limit-noproc: true\n  lua:\n    allow-rules: false\n  landlock:\n    enabled: no\n"
	            "datasets:\n  rules:\n    allow-write: false\n    allow-absolute-filenames: false\n"
	            "engine-analysis:\n  rules-fast-pattern: no\n  rules: no\n");
}

static void put_name(struct buf *b, const char *name)
{
	char text[16] = { 0 };
	snprintf(text, sizeof text, "%s", name);
	buf_put(b, text, sizeof text);
}

static void binary_lines(struct buf *b, const struct model *m)
{
	const struct service *s = &m->service;
	buf_putc(b, (char)((s->ips.fail == IPS_BRIDGE ? 1 : 0) | (s->ips.mirror ? 2 : 0)));
	buf_putc(b, (char)s->ips.threads);
	for (size_t i = 0; i < s->n_uplinks; i++) {
		char inner[32];
		if (!line_inspected(&s->uplinks[i]))
			continue;
		snprintf(inner, sizeof inner, UPLINK_INNER "%s", s->uplinks[i].interface);
		put_name(b, s->uplinks[i].interface);
		put_name(b, inner);
		put_name(b, s->uplinks[i].port);
	}
	if (leg_used(m)) {
		put_name(b, LEG_OUTER);
		put_name(b, LEG_INNER);
		put_name(b, LEG_PORT);
	}
}

static void feeds(struct buf *b, const struct service *s)
{
	unsigned char sha[32];
	for (size_t i = 0; i < s->ips.n_rules; i++)
		if (hex_parse(str_from(s->ips.rules[i]), sha, sizeof sha))
			buf_put(b, sha, sizeof sha);
}

static int own_rules(struct buf *b, struct err *err)
{
	for (size_t i = 0; i < ips_own_n; i++) {
		struct ips_rule r;
		struct err why = { 0 };
		if (ips_rule_parse(str_from(ips_own[i]), &r, &why) < 0)
			return err_set(err, E_INVALID, "rules/ips", "%s", why.msg);
		ips_rule_emit(&r, IPS_STAGE_DROP, b);
	}
	return 0;
}

/* Parsers, streams and addresses as they are in force; rules are named on the command line, what is said of captures goes to a file. */
void compile_suricata_try(const struct model *m, const char *home, struct buf *b)
{
	buf_puts(b, "%YAML 1.1\n---\nsuricata-version: \"7.0\"\n");
	variables(b, m, home);
	buf_puts(b, "default-log-dir: /tmp\nlogging:\n  default-log-level: notice\n  outputs:\n    - console:\n        enabled: yes\n"
	            "stats:\n  enabled: no\noutputs:\n  - eve-log:\n      enabled: yes\n      filetype: regular\n      filename: eve.json\n"
	            "      pcap-file: true\n      types:\n        - alert:\n            metadata: no\n");
	protocols(b);
	streams(b, &m->service);
	detection(b);
}

int compile_suricata(const struct model *m, struct outset *out, struct err *err)
{
	static const char *const names[] = { "suricata/suricata.yaml", "suricata/lines.bin", "suricata/toride.rules",
		                             "suricata/feeds.bin" };
	struct buf b[ARRAY_LEN(names)];
	int res = 0;
	if (!lines_inspected(&m->service))
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		buf_init(&b[i], 32 * MIB);
	buf_puts(&b[0], "%YAML 1.1\n---\nsuricata-version: \"7.0\"\n");
	variables(&b[0], m, "");
	lines(&b[0], m);
	outputs(&b[0], m);
	protocols(&b[0]);
	streams(&b[0], &m->service);
	rules(&b[0], &m->service);
	detection(&b[0]);
	binary_lines(&b[1], m);
	feeds(&b[3], &m->service);
	res = own_rules(&b[2], err);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		int r = emit(out, names[i], &b[i], res < 0 ? NULL : err);
		res = res < 0 ? res : r;
	}
	return res;
}
