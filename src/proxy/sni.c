/* A ClientHello, read without touching it; see sni.h. The handshake message may be cut over several records. */
#include "proxy/sni.h"

#include "base/err.h"
#include "wire/cursor.h"

#include <string.h>

static struct rd take(struct rd *r, size_t n)
{
	if (r->bad || (size_t)(r->end - r->p) < n) {
		r->bad = true;
		return rd_from("", 0);
	}
	struct rd part = rd_from(r->p, n);
	r->p += n;
	return part;
}

/* Every other spelling with empty labels would be another name to the lists, and the same to a resolver. */
static bool empty_label(const char *name, size_t n)
{
	return name[0] == '.' || name[n - 1] == '.' || strstr(name, "..");
}

/* server_name list: only host_name (0) counts, one of it. A dot at its end is left out (RFC 6066 3 has none). */
static void read_sni(struct rd e, struct client_hello *ch, bool *bad)
{
	struct rd list = take(&e, rd_u16(&e));
	while (!list.bad && list.p < list.end) {
		uint8_t type = rd_u8(&list);
		struct rd name = take(&list, rd_u16(&list));
		size_t n = (size_t)(name.end - name.p);
		if (list.bad || type != 0 || ch->sni[0] || n == 0 || n > 253)
			break;
		for (size_t i = 0; i < n; i++) {
			unsigned char c = name.p[i];
			bool ok = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '-' || c == '.' ||
			          c == '_';
			ch->sni[i] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
			if (!ok) {
				*bad = true;
				ch->sni[0] = 0;
				return;
			}
		}
		ch->sni[n] = 0;
		if (n > 1 && ch->sni[n - 1] == '.')
			ch->sni[--n] = 0;
		if (empty_label(ch->sni, n)) {
			*bad = true;
			ch->sni[0] = 0;
			return;
		}
	}
	if (list.bad || e.bad || list.p != list.end || e.p != e.end)
		*bad = true;
}

/* Numbers of two bytes to the end of r. */
static void read_numbers(struct rd r, struct ja4_list *l)
{
	while (!r.bad && r.p + 1 < r.end)
		ja4_add(l, rd_u16(&r));
}

static void read_versions(struct rd e, struct ja4 *j)
{
	struct rd list = take(&e, rd_u8(&e));
	while (!list.bad && list.p + 1 < list.end) {
		uint16_t v = rd_u16(&list);
		if (!ja4_is_grease(v) && v > j->version)
			j->version = v;
	}
}

/* What of an extension the fingerprint wants (RFC 8446 4.2.1, 4.2.3; RFC 7301). */
static void read_extension(uint16_t type, struct rd e, struct ja4 *j)
{
	ja4_add(&j->extensions, type);
	if (type == 0) {
		j->sni = true;
	} else if (type == 13) {
		read_numbers(take(&e, rd_u16(&e)), &j->signatures);
	} else if (type == 43) {
		read_versions(e, j);
	} else if (type == 16) {
		struct rd list = take(&e, rd_u16(&e)), name = take(&list, rd_u8(&list));
		if (!list.bad && name.p < name.end)
			j->alpn = (struct str){ (const char *)name.p, (size_t)(name.end - name.p) };
	}
}

/* What it offers is ja4.c's; here it must be whole. */
static void check_alpn(struct rd e, bool *bad)
{
	struct rd list = take(&e, rd_u16(&e));
	while (!list.bad && list.p < list.end)
		take(&list, rd_u8(&list));
	if (list.bad || e.bad)
		*bad = true;
}

static int read_hello(struct rd r, struct client_hello *ch)
{
	bool bad = false;
	uint16_t seen_sni = 0;
	struct ja4 j = { .legacy_version = rd_u16(&r) };
	take(&r, 32);
	take(&r, rd_u8(&r));
	read_numbers(take(&r, rd_u16(&r)), &j.suites);
	take(&r, rd_u8(&r));
	if (r.bad)
		return -E_INVALID;
	if (r.p == r.end) { /* no extensions */
		ja4_format(&j, ch->ja4);
		return 1;
	}
	struct rd ext = take(&r, rd_u16(&r));
	while (!ext.bad && ext.p < ext.end) {
		uint16_t type = rd_u16(&ext);
		struct rd e = take(&ext, rd_u16(&ext));
		if (ext.bad)
			break;
		read_extension(type, e, &j);
		if (type == 0 && seen_sni++)
			bad = true;
		else if (type == 0)
			read_sni(e, ch, &bad);
		else if (type == 16)
			check_alpn(e, &bad);
	}
	ja4_format(&j, ch->ja4);
	return bad || ext.bad || r.bad ? -E_INVALID : 1;
}

int client_hello_parse(const void *p, size_t n, struct client_hello *ret)
{
	unsigned char msg[SNI_MAX_HELLO];
	size_t have = 0, need = 4;
	struct rd r = rd_from(p, n);
	memset(ret, 0, sizeof *ret);
	while (have < need) {
		size_t left = (size_t)(r.end - r.p);
		if ((left >= 1 && r.p[0] != 22) || (left >= 2 && r.p[1] != 3))
			return -E_INVALID;
		if (left < 5)
			return 0;
		size_t len = (size_t)r.p[3] << 8 | r.p[4];
		if (len == 0 || len > SNI_MAX_HELLO - have)
			return -E_INVALID;
		size_t part = left - 5 < len ? left - 5 : len;
		memcpy(msg + have, r.p + 5, part);
		have += part;
		r.p += 5 + part;
		if (have >= 1 && msg[0] != 1)
			return -E_INVALID;
		if (have >= 4)
			need = 4 + ((size_t)msg[1] << 16 | (size_t)msg[2] << 8 | msg[3]);
		if (need > SNI_MAX_HELLO)
			return -E_INVALID;
		if (part < len && have < need)
			return 0;
	}
	return read_hello(rd_from(msg + 4, need - 4), ret);
}
