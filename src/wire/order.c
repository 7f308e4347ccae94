/* See order.h. */
#include "wire/order.h"

#include "base/err.h"
#include "base/mem.h"
#include "wire/cursor.h"
#include "wire/place.h"
#include "wire/sock.h"

void block_write(struct buf *b, const struct block *k)
{
	wr_text(b, str_from(k->id));
	wr_text(b, str_from(k->org));
	wr_u8(b, k->kind);
	wr_text(b, str_from(k->value));
	wr_text(b, str_from(k->incident));
	wr_text(b, str_from(k->author));
	wr_text(b, str_from(k->reason));
	wr_u64(b, (uint64_t)k->created_ms);
	wr_u64(b, (uint64_t)k->expires_ms);
}

void block_read(struct rd *r, struct block *k)
{
	rd_text(r, k->id, sizeof k->id);
	rd_text(r, k->org, sizeof k->org);
	k->kind = rd_u8(r);
	rd_text(r, k->value, sizeof k->value);
	rd_text(r, k->incident, sizeof k->incident);
	rd_text(r, k->author, sizeof k->author);
	rd_text(r, k->reason, sizeof k->reason);
	k->created_ms = (int64_t)rd_u64(r);
	k->expires_ms = (int64_t)rd_u64(r);
}

bool block_is_announced(uint8_t kind)
{
	return kind == BLOCK_BLACKHOLE || kind == BLOCK_FLOW;
}

const char *block_kind_name(uint8_t kind)
{
	static const char *const names[] = { "none", "address", "name", "url", "terminal", "blackhole", "flow" };
	return kind < ARRAY_LEN(names) ? names[kind] : "unknown";
}

/* Copies b into dst of exactly `size` bytes with zero padding. */
static int pad(struct buf *b, unsigned char *dst, size_t size)
{
	int r = b->failed ? b->failed : b->len > size ? -E_LIMIT : 0;
	memset(dst, 0, size);
	if (r == 0)
		memcpy(dst, b->ptr, b->len);
	buf_done(b);
	return r;
}

/* What follows the fields must be zero padding. */
static int rest_is_zero(struct rd *r, size_t n, size_t size)
{
	if (r->bad || n != size)
		return -E_INVALID;
	for (; r->p < r->end; r->p++)
		if (*r->p)
			return -E_INVALID;
	return 0;
}

int order_format(const struct order *o, unsigned char dst[ORDER_SIZE])
{
	struct buf b;
	buf_init(&b, ORDER_SIZE);
	wr_u8(&b, o->op);
	wr_text(&b, str_from(o->digest));
	wr_u32(&b, o->confirm_s);
	block_write(&b, &o->block);
	wr_u8(&b, o->lines_dead);
	wr_u8(&b, o->pair);
	return pad(&b, dst, ORDER_SIZE);
}

int order_parse(const void *p, size_t n, struct order *ret)
{
	struct rd r = rd_from(p, n);
	struct order o = { 0 };
	o.op = rd_u8(&r);
	rd_text(&r, o.digest, sizeof o.digest);
	o.confirm_s = rd_u32(&r);
	block_read(&r, &o.block);
	o.lines_dead = rd_u8(&r);
	o.pair = rd_u8(&r);
	int res = rest_is_zero(&r, n, ORDER_SIZE);
	if (res < 0 || o.op < ORDER_APPLY || o.op > ORDER_PAIR_YIELD)
		return -E_INVALID;
	*ret = o;
	return 0;
}

int order_reply_format(const struct order_reply *r, unsigned char dst[ORDER_REPLY_SIZE])
{
	struct buf b;
	buf_init(&b, ORDER_REPLY_SIZE);
	wr_u8(&b, r->code);
	wr_text(&b, str_from(r->path));
	wr_text(&b, str_from(r->text));
	wr_u32(&b, r->took_ms);
	return pad(&b, dst, ORDER_REPLY_SIZE);
}

int order_reply_parse(const void *p, size_t n, struct order_reply *ret)
{
	struct rd r = rd_from(p, n);
	struct order_reply o = { 0 };
	o.code = rd_u8(&r);
	rd_text(&r, o.path, sizeof o.path);
	rd_text(&r, o.text, sizeof o.text);
	o.took_ms = rd_u32(&r);
	if (rest_is_zero(&r, n, ORDER_REPLY_SIZE) < 0)
		return -E_INVALID;
	*ret = o;
	return 0;
}

int order_call(const struct order *o, int timeout_ms, struct order_reply *ret, struct err *err)
{
	unsigned char msg[ORDER_SIZE];
	char path[PLACE_MAX];
	struct order_reply reply;
	struct buf b;
	if (order_format(o, msg) < 0)
		return err_set(err, E_INVALID, "order", "a field is too long or holds a newline");
	buf_init(&b, ORDER_REPLY_SIZE);
	int r = sock_call(place_in_run(path, sizeof path, SOCK_TORIDED), (struct str){ (char *)msg, sizeof msg }, -1, &b,
	                  timeout_ms, err);
	if (r == 0 && order_reply_parse(b.ptr, b.len, &reply) < 0)
		r = err_set(err, E_INVALID, "torided", "the answer is malformed");
	if (r == 0 && reply.code)
		r = err_set(err, (enum err_code)reply.code, reply.path, "%s", reply.text);
	if (r == 0 && ret)
		*ret = reply;
	buf_done(&b);
	return r;
}
