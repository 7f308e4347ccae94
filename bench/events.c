/* See events.h. */
#include "events.h"

#include "base/clock.h"
#include "base/mem.h"
#include "normalise/accept.h"
#include "normalise/dnstap.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define HOSTS 2000
#define NOW 1795386357708

const char *const events_names[EVENTS_KINDS] = { "proxy", "dns", "sysmon" };

static unsigned zipf(void)
{
	double u = (double)(rnd_u64() >> 11) / 9007199254740992.0;
	return (unsigned)(exp(u * log(HOSTS)) - 1);
}

static size_t proxy(unsigned i, char *s, size_t size)
{
	static const char *const paths[] = { "/static/js/vendor.7f3a.js", "/img/2026/11/photo", "/api/v2/items", "/news/article", "/search" };
	static const char *const agents[] = { "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/140.0",
		"Mozilla/5.0 (Windows NT 10.0; rv:140.0) Firefox/140.0" };
	unsigned host = zipf(), id = (unsigned)(rnd_u64() % 100000), org = 412015 + (unsigned)(rnd_u64() % 20);
	bool odd = i % 1000 == 0;
	const char *path = odd ? "/files/invoice.pdf.exe" : paths[rnd_u64() % 5];
	return (size_t)snprintf(
	        s, size,
	        "{\"class_uid\":4002,\"time\":%llu,\"org\":\"%u\",\"product\":\"proxyd\",\"src_endpoint\":{\"ip\":\"10.%u.%u.%u\",\"port\":%u},"
	        "\"dst_endpoint\":{\"hostname\":\"www.s%u.example\",\"ip\":\"203.0.113.%u\",\"port\":443},\"http_request\":{\"http_method\":\"GET\","
	        "\"user_agent\":\"%s\",\"url\":{\"url_string\":\"https://www.s%u.example%s/%u\",\"scheme\":\"https\",\"hostname\":\"www.s%u.example\","
	        "\"path\":\"%s%s\"}},\"http_response\":{\"code\":200},\"traffic\":{\"bytes_in\":%u,\"bytes_out\":420},\"duration\":35,"
	        "\"action\":\"Allowed\",\"disposition\":\"Allowed\"}",
	        NOW - 5000ull + i % 5000, org, org % 200, id % 250, id % 200, 1024 + id % 60000, host, host % 250, agents[i % 2], host, path, id,
	        host, path, odd ? "" : "/x", 1000 + id);
}

/* One answered question to the resolver (dnstap.proto: identity, message{type, protocol, addresses, ports, time, response}). */
static size_t dns(unsigned i, char *s, size_t size)
{
	static const unsigned char head[] = { 0x08, 6, 0x10, 1, 0x18, 1, 0x22, 4, 10, 1, 0, 5, 0x2a, 4, 100, 64, 1, 53, 0x30, 0xc0, 0xb8, 2, 0x38, 53,
		0x40, 0xf5, 0xd7, 0x8d, 0xd8, 6, 0x4d, 5, 0, 0, 0, 0x60, 0xf5, 0xd7, 0x8d, 0xd8, 6, 0x6d, 9, 0, 0, 0 };
	unsigned host = zipf();
	char name[64], q[128];
	bool odd = i % 1000 == 0;
	snprintf(name, sizeof name, odd ? "aaa.stage.%u.evil" : "www.s%u.example", host);
	size_t at = 0;
	for (char *p = name, *dot; *p; p = dot + (*dot == '.')) {
		dot = p + strcspn(p, ".");
		q[at++] = (char)(dot - p);
		memcpy(q + at, p, (size_t)(dot - p));
		at += (size_t)(dot - p);
	}
	q[at++] = 0;
	unsigned char msg[256] = { 0x12, 0x34, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0 };
	static const unsigned char tail[] = { 0, 1, 0, 1, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 203, 0, 113, 9 };
	memcpy(msg + 12, q, at);
	memcpy(msg + 12 + at, tail, sizeof tail);
	size_t len = 12 + at + sizeof tail, message = sizeof head + 2 + len;
	if (size < message + 8 || message > 127 + sizeof head)
		exit(4);
	size_t o = 0;
	s[o++] = 0x72; /* message */
	if (message > 127)
		s[o++] = (char)((message & 127) | 128), s[o++] = (char)(message >> 7);
	else
		s[o++] = (char)message;
	memcpy(s + o, head, sizeof head);
	o += sizeof head;
	s[o++] = 0x72; /* response_message */
	s[o++] = (char)len;
	memcpy(s + o, msg, len);
	return o + len;
}

#define CHROME "C:\\\\Program Files\\\\Google\\\\Chrome\\\\Application\\\\chrome.exe"
#define SYSTEM(id) "{\"Event\":{\"#attributes\":{\"xmlns\":\"http://schemas.microsoft.com/win/2004/08/events/event\"},\"System\":{\"Provider\":" \
	"{\"#attributes\":{\"Name\":\"Microsoft-Windows-Sysmon\",\"Guid\":\"5770385F-C22A-43E0-BF4C-06F5698FFBD9\"}},\"EventID\":" id "," \
	"\"Version\":5,\"Level\":4,\"Task\":1,\"Opcode\":0,\"Keywords\":\"0x8000000000000000\",\"TimeCreated\":{\"#attributes\":{\"SystemTime\":" \
	"\"2026-11-22T21:11:02.649150Z\"}},\"EventRecordID\":%u,\"Correlation\":null,\"Execution\":{\"#attributes\":{\"ProcessID\":3904," \
	"\"ThreadID\":4272}},\"Channel\":\"Microsoft-Windows-Sysmon/Operational\",\"Computer\":\"PC%u.city.example\",\"Security\":" \
	"{\"#attributes\":{\"UserID\":\"S-1-5-18\"}}},\"EventData\":{\"RuleName\":\"-\",\"UtcTime\":\"2026-11-22 21:11:02.632\"," \
	"\"ProcessGuid\":\"0197231E-9BE6-6934-5301-000000000B00\",\"ProcessId\":%u,"

/* The share of each kind is what Sysmon with a common configuration gives: processes, connections, files, registry, names. */
static size_t sysmon(unsigned i, char *s, size_t size)
{
	static const char *const images[][2] = { { "C:\\\\Windows\\\\System32\\\\svchost.exe", "C:\\\\Windows\\\\System32\\\\services.exe" },
		{ CHROME, CHROME }, { "C:\\\\Windows\\\\System32\\\\conhost.exe", "C:\\\\Windows\\\\System32\\\\csrss.exe" },
		{ "C:\\\\Program Files\\\\Microsoft Office\\\\root\\\\Office16\\\\EXCEL.EXE", "C:\\\\Windows\\\\explorer.exe" },
		{ "C:\\\\Windows\\\\System32\\\\taskhostw.exe", "C:\\\\Windows\\\\System32\\\\svchost.exe" } };
	unsigned id = (unsigned)(rnd_u64() % 100000), pc = zipf() % 300, pid = id % 30000, kind = (unsigned)(rnd_u64() % 10);
	static const char *const args[] = { "-k netsvcs -p -s Schedule", "--type=renderer --lang=ja", "0xffffffff -ForceV1", "/dde", "Install" };
	unsigned which = kind > 2 && kind < 5 ? (unsigned)(rnd_u64() % 2) : (unsigned)(rnd_u64() % 5);
	const char *image = images[which][0], *parent = images[which][1];
	if (i % 1000 == 0 || kind < 3)
		return (size_t)snprintf(
		        s, size,
		        SYSTEM("1") "\"Image\":\"%s\",\"FileVersion\":\"10.0.26100.2454 (WinBuild.160101.0800)\",\"Description\":\"Program\",\"Product\":"
		        "\"Microsoft Windows Operating System\",\"Company\":\"Microsoft Corporation\",\"OriginalFileName\":\"program.exe\",\"CommandLine\":"
		        "\"%s %s -%u\",\"CurrentDirectory\":\"C:\\\\Users\\\\user%u\\\\\",\"User\":\"CITY\\\\user%u\",\"LogonGuid\":"
		        "\"0197231E-9BE6-6934-5301-000000000B00\",\"LogonId\":\"0x%x\",\"TerminalSessionId\":1,\"IntegrityLevel\":\"Medium\",\"Hashes\":"
		        "\"MD5=AB3F5C4D5F6A7B8C9D0E1F2A3B4C5D6E,SHA256=7F83B1657FF1FC53B92DC18148A1D65DFC2D4B1FA3D677284ADDD200126D9069\","
		        "\"ParentProcessGuid\":\"0197231E-9BE6-6934-5301-000000000B00\",\"ParentProcessId\":%u,\"ParentImage\":\"%s\",\"ParentCommandLine\":"
		        "\"%s -k netsvcs\",\"ParentUser\":\"NT AUTHORITY\\\\SYSTEM\"}}}",
		        id, pc, pid, i % 1000 ? image : "C:\\\\Windows\\\\System32\\\\cmd.exe", image,
		        i % 1000 ? args[which] : "/c vssadmin.exe delete shadows /all", id, pc, pc, id, pid, parent, parent);
	if (kind < 5)
		return (size_t)snprintf(s, size,
		                        SYSTEM("3") "\"Image\":\"%s\",\"User\":\"CITY\\\\user%u\",\"Protocol\":\"tcp\",\"Initiated\":\"true\",\"SourceIsIpv6\":"
		                        "\"false\",\"SourceIp\":\"10.1.0.%u\",\"SourceHostname\":\"PC%u\",\"SourcePort\":%u,\"SourcePortName\":\"-\","
		                        "\"DestinationIsIpv6\":\"false\",\"DestinationIp\":\"203.0.113.%u\",\"DestinationHostname\":\"www.s%u.example\","
		                        "\"DestinationPort\":443,\"DestinationPortName\":\"https\"}}}",
		                        id, pc, pid, image, pc, pc % 250, pc, 1024 + id % 60000, id % 250, id % HOSTS);
	if (kind < 7)
		return (size_t)snprintf(s, size,
		                        SYSTEM("11") "\"Image\":\"%s\",\"TargetFilename\":\"C:\\\\Users\\\\user%u\\\\AppData\\\\Local\\\\Cache\\\\f_%06u\","
		                        "\"CreationUtcTime\":\"2026-11-22 21:11:02.632\",\"User\":\"CITY\\\\user%u\"}}}",
		                        id, pc, pid, image, pc, id, pc);
	if (kind < 9)
		return (size_t)snprintf(s, size,
		                        SYSTEM("13") "\"EventType\":\"SetValue\",\"Image\":\"%s\",\"TargetObject\":\"HKU\\\\S-1-5-21-1-2-3-%u\\\\SOFTWARE\\\\"
		                        "Microsoft\\\\Windows\\\\CurrentVersion\\\\Explorer\\\\RecentDocs\\\\%u\",\"Details\":\"Binary Data\",\"User\":"
		                        "\"CITY\\\\user%u\"}}}",
		                        id, pc, pid, image, pc, id % 50, pc);
	return (size_t)snprintf(s, size,
	                        SYSTEM("22") "\"QueryName\":\"www.s%u.example\",\"QueryStatus\":\"0\",\"QueryResults\":\"::ffff:203.0.113.%u;\",\"Image\":"
	                        "\"%s\",\"User\":\"CITY\\\\user%u\"}}}",
	                        id, pc, pid, id % HOSTS, id % 250, image, pc);
}

struct events *events_make(enum events_kind kind)
{
	static size_t (*const make[])(unsigned, char *, size_t) = { proxy, dns, sysmon };
	struct events *e = mem_alloc(sizeof *e);
	char s[4096];
	struct err err = { 0 };
	if (!e || orgs_parse(STR("{\"v\":1,\"uplinks\":[\"up0\"],\"orgs\":[{\"code\":\"412015\",\"index\":1,\"interface\":\"org1\",\"resolver4\":\"100.64.1.53\"}]}"),
	                     &e->orgs, &err) < 0) {
		fprintf(stderr, "bench: %s: %s\n", err.path, err.msg);
		exit(4);
	}
	e->kind = kind;
	rnd_hold(1);
	for (unsigned i = 0; i < EVENTS; i++) {
		size_t n = make[kind](i, s, sizeof s);
		e->in[i] = (struct str){ mem_strndup(s, n), n };
		e->bytes += n;
	}
	return e;
}

void events_free(struct events *e)
{
	for (unsigned i = 0; i < EVENTS; i++)
		mem_free((char *)(uintptr_t)e->in[i].ptr);
	orgs_destroy(&e->orgs);
	mem_free(e);
}

struct str events_record(const struct events *e, unsigned i, struct buf *b, struct buf *scratch)
{
	struct accept_result res;
	struct str json = e->in[i];
	buf_reset(b);
	if (e->kind == EVENTS_DNS) {
		struct dnstap d;
		buf_reset(scratch);
		if (dnstap_parse(json, &d) < 0 || !dnstap_event(&d, &(struct dnstap_place){ e->orgs, "unbound", NOW }, scratch))
			return (struct str){ "", 0 };
		json = buf_view(scratch);
	}
	accept_event(json, &(struct accept_from){ .org = "412015", .now_ms = NOW, .source = "bench/0", .sequence = i }, b, &res);
	return res.raw || b->failed ? (struct str){ "", 0 } : buf_view(b);
}
