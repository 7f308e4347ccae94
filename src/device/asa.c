/* Cisco ASA and Firepower (Secure Firewall ASA syslog messages): "%ASA-LEVEL-NUMBER: sentence". The number says how the sentence is read;
 * one that isn't listed is kept as text under its number. */
#include "device/parsers.h"
#include "device/table.h"

bool asa_looks(struct str text)
{
	return str_starts(text, STR("%ASA-")) || str_starts(text, STR("%FTD-"));
}

/* "outside:203.0.113.9/443", "203.0.113.9/443", "outside/203.0.113.9(443)" → endpoint and interface */
static void end_of(struct record *r, bool source, struct str text)
{
	const char *colon = text.len ? memchr(text.ptr, ':', text.len) : NULL;
	struct str host = text, port = { "", 0 };
	const char *mark;
	if (colon && memchr(text.ptr, '/', text.len) > (void *)colon && !memchr(colon + 1, ':', text.len - (size_t)(colon + 1 - text.ptr))) {
		record_text(r, source ? "src_endpoint.interface" : "dst_endpoint.interface", (struct str){ text.ptr, (size_t)(colon - text.ptr) });
		host = (struct str){ colon + 1, text.len - (size_t)(colon + 1 - text.ptr) };
	}
	if ((mark = host.len ? memchr(host.ptr, '(', host.len) : NULL)) {
		port = (struct str){ mark + 1, (size_t)(host.ptr + host.len - mark) - 1 };
		while (port.len && (port.ptr[port.len - 1] < '0' || port.ptr[port.len - 1] > '9'))
			port.len--;
		host.len = (size_t)(mark - host.ptr);
		if ((mark = memchr(host.ptr, '/', host.len))) {
			record_text(r, source ? "src_endpoint.interface" : "dst_endpoint.interface", (struct str){ host.ptr, (size_t)(mark - host.ptr) });
			host = (struct str){ mark + 1, (size_t)(host.ptr + host.len - mark) - 1 };
		}
	} else if ((mark = host.len ? memrchr(host.ptr, '/', host.len) : NULL)) {
		port = (struct str){ mark + 1, (size_t)(host.ptr + host.len - mark) - 1 };
		host.len = (size_t)(mark - host.ptr);
	}
	record_endpoint(r, source ? "src_endpoint" : "dst_endpoint", host);
	record_port(r, source ? "src_endpoint" : "dst_endpoint", port);
}

static void ends(struct record *r, struct str text, const char *from, const char *to)
{
	struct str s;
	if (text_after(text, from, " ,", &s))
		end_of(r, true, s);
	if (text_after(text, to, " ,", &s))
		end_of(r, false, s);
}

static void protocol(struct record *r, struct str text)
{
	static const char *const names[] = { "TCP", "UDP", "ICMP", "tcp", "udp", "icmp", NULL };
	for (const char *const *n = names; *n; n++)
		if (text_has(text, *n)) {
			record_protocol(r, str_from(*n));
			return;
		}
}

/* "Built inbound TCP connection 9 for outside:A/1 (…) to inside:B/2 (…)": inbound is from the first to the second, outbound the other way. */
static void connection(struct record *r, struct str text, bool teardown)
{
	struct str s;
	bool outbound = text_has(text, "outbound");
	ends(r, text, outbound ? " to " : " for ", outbound ? " for " : " to ");
	r->class_uid = 4001;
	record_word(r, "activity_name", teardown ? "Close" : "Open");
	if (teardown && text_after(text, " bytes ", " ", &s))
		record_decimal(r, "traffic.bytes", s);
	if (!teardown)
		record_word(r, "connection_info.direction", outbound ? "Outbound" : "Inbound");
	record_allowed(r, true);
}

static void denied(struct record *r, struct str text)
{
	struct str rule;
	ends(r, text, text_has(text, " src ") ? " src " : " from ", text_has(text, " dst ") ? " dst " : " to ");
	if (text_after(text, "access-group \"", "\"", &rule))
		record_text(r, "rule.uid", rule);
	r->class_uid = 4001;
	record_allowed(r, false);
}

/* "access-list ID permitted tcp inside/A(1) -> outside/B(2) hit-cnt …" */
static void access_list(struct record *r, struct str text)
{
	struct str rest = text, word;
	unsigned n = 0;
	while (str_next(&rest, ' ', &word)) {
		n++;
		if (n == 2)
			record_text(r, "rule.uid", word);
		else if (n == 4)
			record_protocol(r, word);
		else if (n == 5)
			end_of(r, true, word);
		else if (n == 7)
			end_of(r, false, word);
	}
	r->class_uid = 4001;
	record_allowed(r, text_has(text, " permitted ") || text_has(text, " est-allowed "));
}

/* "AAA user authentication Rejected : reason = R : server = S : user = U : user IP = A" */
static void aaa(struct record *r, struct str text)
{
	struct str s;
	if (text_after(text, "user = ", " ", &s))
		record_text(r, "user.name", s);
	if (text_after(text, "user IP = ", " ", &s))
		record_endpoint(r, "src_endpoint", s);
	if (text_after(text, "reason = ", ":", &s))
		record_text(r, "status_detail", str_trim(s));
	r->class_uid = 3002;
	record_word(r, "activity_name", "Logon");
	record_word(r, "status", text_has(text, "Rejected") ? "Failure" : "Success");
}

/* "Login denied from A/1 to inside:B/ssh for user "u"" */
static void admin(struct record *r, struct str text)
{
	struct str s;
	if (text_after(text, " from ", " ", &s))
		end_of(r, true, s);
	if (text_after(text, " to ", " ", &s))
		record_text(r, "service.name", memrchr(s.ptr, '/', s.len) ? (struct str){ (const char *)memrchr(s.ptr, '/', s.len) + 1, (size_t)(s.ptr + s.len - (const char *)memrchr(s.ptr, '/', s.len)) - 1 } : s);
	text_user(r, text);
	r->class_uid = 3002;
	record_word(r, "activity_name", "Logon");
	record_word(r, "status", text_has(text, "denied") ? "Failure" : "Success");
}

/* "Group <g> User <u> IP <a> …", "Group = g, Username = u, IP = a, …" */
static void vpn(struct record *r, struct str text, const char *activity)
{
	struct str s;
	if (text_after(text, "User <", ">", &s) || text_after(text, "Username = ", ",", &s))
		record_text(r, "user.name", s);
	if (text_after(text, "IP <", ">", &s) || text_after(text, "IP = ", ",", &s))
		record_endpoint(r, "src_endpoint", s);
	if (text_after(text, "Group <", ">", &s) || text_after(text, "Group = ", ",", &s))
		record_text(r, "user.group", s);
	r->class_uid = 4014;
	record_word(r, "activity_name", activity);
	record_word(r, "service.name", "vpn");
}

/* "User 'u', running 'CLI' from IP A, executed 'cmd'" */
static void command(struct record *r, struct str text)
{
	struct str s;
	text_user(r, text);
	if (text_after(text, "ser '", "'", &s))
		record_text(r, "actor.user", s);
	if (text_after(text, "from IP ", ", ", &s))
		record_endpoint(r, "src_endpoint", s);
	if (text_after(text, "executed ", "\n", &s))
		record_text(r, "api.operation", s);
	r->class_uid = 5019;
}

static void by_number(struct record *r, unsigned number, struct str text)
{
	switch (number) {
	case 302013: case 302015: case 302020: connection(r, text, false); break;
	case 302014: case 302016: case 302021: connection(r, text, true); break;
	case 106001: case 106006: case 106007: case 106014: case 106015: case 106017: case 106021: case 106023: case 710003: denied(r, text); break;
	case 106100: access_list(r, text); break;
	case 113004: case 113005: case 113012: case 113015: aaa(r, text); break;
	case 605004: case 605005: case 611101: case 611102: admin(r, text); break;
	case 113039: case 722022: case 722051: case 716001: vpn(r, text, "Open"); break;
	case 113019: case 716002: case 722023: vpn(r, text, "Close"); break;
	case 111008: case 111010: command(r, text); break;
	default: return;
	}
	if (r->class_uid == 4001)
		protocol(r, text);
}

int asa_read(const struct device_line *l, struct record *r)
{
	struct str rest = l->text, head, id;
	uint64_t level, number;
	const char *at = l->text.len ? memmem(l->text.ptr, l->text.len, "%ASA-", 5) : NULL;
	if (!at)
		at = l->text.len ? memmem(l->text.ptr, l->text.len, "%FTD-", 5) : NULL;
	if (!at)
		return -E_INVALID;
	rest = (struct str){ at + 5, l->text.len - (size_t)(at - l->text.ptr) - 5 };
	if (!str_next(&rest, '-', &head) || !str_next(&rest, ':', &id))
		return -E_INVALID;
	const char *dash = id.len ? memrchr(id.ptr, '-', id.len) : NULL; /* "%ASA-session-6-302013" */
	if (!str_to_u64(head, 7, &level) && dash)
		id = (struct str){ dash + 1, id.len - (size_t)(dash + 1 - id.ptr) };
	if (!str_to_u64(id, 999999, &number))
		return -E_INVALID;
	rest = str_trim(rest);
	record_begin(r, "asa");
	record_text(r, "message", rest);
	record_text(r, "message_id", id);
	by_number(r, (unsigned)number, rest);
	return 0;
}
