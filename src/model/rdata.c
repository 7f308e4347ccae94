/* See rdata.h. What a person typed goes into a zone file that a name server parses: every part is checked to be exactly what
 * it says it is, so that no data can end its record and begin another. */
#include "model/rdata.h"

#include "base/mem.h"

#include <string.h>

#define WRONG(name, e, j) static const struct text2 name = { e, j }
#define WORDS 4

/* Words apart by one space; 0 when there are not exactly n. */
static bool split(struct str s, struct str *word, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!str_next(&s, i + 1 < n ? ' ' : 0, &word[i]) || word[i].len == 0 || memchr(word[i].ptr, ' ', word[i].len))
			return false;
	return true;
}

static bool number(struct str s, uint64_t max)
{
	uint64_t v;
	return s.len <= 5 && str_to_u64(s, max, &v);
}

static bool hex(struct str s, size_t min, size_t max)
{
	for (size_t i = 0; i < s.len; i++)
		if (!strchr("0123456789abcdefABCDEF", s.ptr[i]))
			return false;
	return s.len >= min && s.len <= max && s.len % 2 == 0;
}

/* A target may be a name of services and keys too. */
static bool target_ok(struct str s)
{
	return !str_eq(s, STR("@")) && s.len && s.ptr[0] != '*' && memchr(s.ptr, '.', s.len) && !form_owner.check(s);
}

static const struct text2 *check_address(enum zone_type type, struct str s)
{
	WRONG(bad4, "isn't an IPv4 address", "IPv4 アドレスとして正しくありません");
	WRONG(bad6, "isn't an IPv6 address", "IPv6 アドレスとして正しくありません");
	struct prefix p;
	bool ok = s.len && !memchr(s.ptr, '/', s.len) && prefix_parse(s, &p) == 0 && p.family == (type == ZONE_A ? 4 : 6);
	return ok ? NULL : type == ZONE_A ? &bad4 : &bad6;
}

static const struct text2 *check_name(enum zone_type type, struct str s)
{
	WRONG(bad, "isn't a whole name, like www.town.example", "www.town.example のように、名前をすべて書いてください");
	if (type == ZONE_NS && form_host.check(s))
		return &bad;
	return target_ok(s) ? NULL : &bad;
}

static const struct text2 *check_mx(struct str s)
{
	WRONG(bad, "must be a preference and a host, like 10 mx.town.example", "10 mx.town.example のように、優先度とホスト名で書いてください");
	struct str w[2];
	if (str_eq(s, STR("0 .")))
		return NULL;
	return split(s, w, 2) && number(w[0], 65535) && !form_host.check(w[1]) && target_ok(w[1]) ? NULL : &bad;
}

static const struct text2 *check_srv(struct str s)
{
	WRONG(bad, "must be priority, weight, port and host, like 0 5 5060 sip.town.example",
	      "0 5 5060 sip.town.example のように、優先度・重み・ポート・ホスト名で書いてください");
	struct str w[4];
	return split(s, w, 4) && number(w[0], 65535) && number(w[1], 65535) && number(w[2], 65535) && target_ok(w[3]) ? NULL : &bad;
}

static const struct text2 *check_caa(struct str s)
{
	WRONG(bad, "must be flags, issue, issuewild or iodef, and a value, like 0 issue ca.example",
	      "0 issue ca.example のように、フラグ・issue/issuewild/iodef・値で書いてください");
	struct str w[3], rest = s;
	if (!str_next(&rest, ' ', &w[0]) || !str_next(&rest, ' ', &w[1]) || !rest.ptr || !number(w[0], 255))
		return &bad;
	bool tag = str_eq(w[1], STR("issue")) || str_eq(w[1], STR("issuewild")) || str_eq(w[1], STR("iodef"));
	return tag && rest.len && rest.len <= 255 && !memchr(rest.ptr, '"', rest.len) && !memchr(rest.ptr, '\\', rest.len) ? NULL : &bad;
}

static const struct text2 *check_ds(struct str s)
{
	WRONG(bad, "must be key tag, algorithm, digest type 2 or 4, and the digest in hex",
	      "鍵タグ・アルゴリズム・ダイジェスト種別 (2 または 4)・16 進数のダイジェストで書いてください");
	struct str w[4];
	if (!split(s, w, 4) || !number(w[0], 65535) || !number(w[1], 255))
		return &bad;
	size_t n = str_eq(w[2], STR("2")) ? 64 : str_eq(w[2], STR("4")) ? 96 : 0;
	return n && hex(w[3], n, n) ? NULL : &bad;
}

static const struct text2 *check_tlsa(struct str s)
{
	WRONG(bad, "must be usage, selector, matching type and the hex of it, like 3 1 1 ab12…",
	      "3 1 1 ab12… のように、用途・選択・照合種別・16 進数で書いてください");
	struct str w[4];
	return split(s, w, 4) && number(w[0], 3) && number(w[1], 1) && number(w[2], 2) && hex(w[3], 2, 3000) ? NULL : &bad;
}

const struct text2 *rdata_check(enum zone_type type, struct str s)
{
	WRONG(empty, "must not be empty", "空にはできません");
	if (s.len == 0)
		return &empty;
	switch (type) {
	case ZONE_A: case ZONE_AAAA:
		return check_address(type, s);
	case ZONE_CNAME: case ZONE_NS: case ZONE_PTR:
		return check_name(type, s);
	case ZONE_MX:
		return check_mx(s);
	case ZONE_SRV:
		return check_srv(s);
	case ZONE_CAA:
		return check_caa(s);
	case ZONE_DS:
		return check_ds(s);
	case ZONE_TLSA:
		return check_tlsa(s);
	default:
		return form_ascii.check(s);
	}
}

struct str rdata_target(enum zone_type type, struct str data)
{
	if (type == ZONE_CNAME || type == ZONE_NS || type == ZONE_PTR)
		return data;
	const char *at = type == ZONE_MX || type == ZONE_SRV ? memrchr(data.ptr, ' ', data.len) : NULL;
	struct str t = at ? (struct str){ at + 1, (size_t)(data.ptr + data.len - at - 1) } : STR("");
	return str_eq(t, STR(".")) ? STR("") : t;
}

static void quoted(struct buf *b, struct str s)
{
	buf_putc(b, '"');
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] == '"' || s.ptr[i] == '\\')
			buf_putc(b, '\\');
		buf_putc(b, s.ptr[i]);
	}
	buf_putc(b, '"');
}

static void write_text(struct buf *b, struct str s)
{
	for (size_t at = 0; at < s.len; at += 255) {
		size_t n = s.len - at < 255 ? s.len - at : 255;
		buf_puts(b, at ? " " : "");
		quoted(b, (struct str){ s.ptr + at, n });
	}
}

static void write_caa(struct buf *b, struct str s)
{
	struct str flags, tag;
	str_next(&s, ' ', &flags);
	str_next(&s, ' ', &tag);
	buf_printf(b, STR_FMT " " STR_FMT " ", STR_ARG(flags), STR_ARG(tag));
	quoted(b, s);
}

void rdata_write(struct buf *b, enum zone_type type, struct str data)
{
	if (type == ZONE_TXT)
		write_text(b, data);
	else if (type == ZONE_CAA)
		write_caa(b, data);
	else
		buf_printf(b, STR_FMT "%s", STR_ARG(data), rdata_target(type, data).len ? "." : "");
}

const char *rdata_type(enum zone_type type)
{
	static const struct {
		enum zone_type type;
		const char *name;
	} names[] = { { ZONE_A, "A" }, { ZONE_NS, "NS" }, { ZONE_CNAME, "CNAME" }, { ZONE_PTR, "PTR" }, { ZONE_MX, "MX" },
		      { ZONE_TXT, "TXT" }, { ZONE_AAAA, "AAAA" }, { ZONE_SRV, "SRV" }, { ZONE_DS, "DS" }, { ZONE_TLSA, "TLSA" },
		      { ZONE_CAA, "CAA" } };
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (names[i].type == type)
			return names[i].name;
	return "";
}
