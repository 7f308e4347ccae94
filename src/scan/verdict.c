/* Messages of the verdict protocol; see verdict.h. */
#include "scan/verdict.h"

#include "base/err.h"
#include "wire/cursor.h"

const char *verdict_kind_name(uint8_t kind)
{
	static const char *const names[] = { "unknown", "clean", "malicious", "unscannable", "error", "encrypted" };
	return kind <= VERDICT_ENCRYPTED ? names[kind] : "unknown";
}

/* Names come from strangers' headers: cut to what the reader has room for, controls become '?'. */
static void wr_clean(struct buf *b, const char *text, size_t room)
{
	char copy[VERDICT_NAME_MAX];
	size_t n = strnlen(text, room - 1);
	for (size_t i = 0; i < n; i++)
		copy[i] = (unsigned char)text[i] < 0x20 || text[i] == 0x7f ? '?' : text[i];
	wr_text(b, (struct str){ copy, n });
}

void verdict_request_write(struct buf *b, const struct verdict_request *r)
{
	wr_u8(b, r->op);
	wr_u64(b, r->id);
	if (r->op == VERDICT_SCAN) {
		wr_clean(b, r->org, sizeof r->org);
		wr_clean(b, r->content_type, sizeof r->content_type);
		wr_clean(b, r->name, sizeof r->name);
		wr_u32(b, r->timeout_ms);
		wr_clean(b, r->password, sizeof r->password);
	} else if (r->op == VERDICT_LOOKUP) {
		buf_put(b, r->sha256, VERDICT_SHA);
	}
}

static bool is_org(const char *s)
{
	return *s == 0 || (strspn(s, "0123456789") == 6 && s[6] == 0);
}

int verdict_request_read(const void *p, size_t n, struct verdict_request *ret)
{
	struct rd r = rd_from(p, n);
	*ret = (struct verdict_request){ .op = rd_u8(&r), .id = rd_u64(&r) };
	switch (ret->op) {
	case VERDICT_SCAN:
		rd_text(&r, ret->org, sizeof ret->org);
		rd_text(&r, ret->content_type, sizeof ret->content_type);
		rd_text(&r, ret->name, sizeof ret->name);
		ret->timeout_ms = rd_u32(&r);
		rd_text(&r, ret->password, sizeof ret->password);
		break;
	case VERDICT_LOOKUP:
		rd_bytes(&r, ret->sha256, VERDICT_SHA);
		break;
	case VERDICT_CANCEL:
		break;
	default:
		return -E_INVALID;
	}
	return is_org(ret->org) ? rd_end(&r) : -E_INVALID;
}

void verdict_answer_write(struct buf *b, uint64_t id, const struct verdict *v)
{
	wr_u8(b, VERDICT_ANSWER);
	wr_u64(b, id);
	wr_u8(b, v->kind);
	wr_u8(b, v->also);
	wr_u8(b, v->inside);
	wr_u8(b, v->cached);
	wr_u64(b, v->generation);
	wr_clean(b, v->malware, sizeof v->malware);
	wr_clean(b, v->where, sizeof v->where);
	wr_clean(b, v->type, sizeof v->type);
	buf_put(b, v->sha256, VERDICT_SHA);
}

int verdict_answer_read(const void *p, size_t n, uint64_t *ret_id, struct verdict *ret)
{
	struct rd r = rd_from(p, n);
	uint8_t op = rd_u8(&r);
	*ret_id = rd_u64(&r);
	*ret = (struct verdict){ .kind = rd_u8(&r), .also = rd_u8(&r), .inside = rd_u8(&r), .cached = rd_u8(&r) != 0, .generation = rd_u64(&r) };
	rd_text(&r, ret->malware, sizeof ret->malware);
	rd_text(&r, ret->where, sizeof ret->where);
	rd_text(&r, ret->type, sizeof ret->type);
	rd_bytes(&r, ret->sha256, VERDICT_SHA);
	return op == VERDICT_ANSWER && ret->kind <= VERDICT_ENCRYPTED ? rd_end(&r) : -E_INVALID;
}
