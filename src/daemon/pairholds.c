/* See pairholds.h. */
#include "daemon/pairholds.h"

#include "base/err.h"
#include "base/map.h"
#include "base/mem.h"
#include "wire/ctl.h"
#include "wire/place.h"

#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

#define CONTROL_MS 5000

static void put_value(struct buf *b, yyjson_val *v)
{
	size_t n = 0;
	char *text = yyjson_val_write(v, 0, &n);
	if (text)
		buf_put(b, text, n);
	free(text); /* yyjson's own allocation */
}

/* controld takes in what the other node knows (empty: nothing), and says what is known here then. */
static int exchange(struct str theirs, struct buf *ret, struct err *err)
{
	char path[PLACE_MAX];
	struct buf request, reply;
	yyjson_doc *doc = theirs.len ? yyjson_read(theirs.ptr, theirs.len, 0) : NULL;
	if (theirs.len && !yyjson_is_obj(yyjson_doc_get_root(doc))) {
		yyjson_doc_free(doc);
		return err_set(err, E_INVALID, "holds", "the other node's are of another form");
	}
	buf_init(&request, FOLLOW_MAX);
	buf_init(&reply, FOLLOW_MAX);
	buf_puts(&request, "{\"v\":1,\"do\":\"hold.exchange\"");
	if (doc) {
		json_key(&request, "theirs");
		put_value(&request, yyjson_doc_get_root(doc));
	}
	buf_putc(&request, '}');
	yyjson_doc_free(doc);
	int r = request.failed ? err_set(err, E_LIMIT, "holds", "more than fits into a request") :
	                         ctl_call(place_in_run(path, sizeof path, SOCK_CONTROL), buf_view(&request), &reply, CONTROL_MS, err);
	doc = r == 0 ? yyjson_read(reply.ptr, reply.len, 0) : NULL;
	yyjson_val *known = yyjson_obj_get(yyjson_doc_get_root(doc), "known");
	if (known)
		put_value(ret, known);
	else if (r == 0)
		r = err_set(err, E_INVALID, "holds", "controld's answer is of another form");
	yyjson_doc_free(doc);
	buf_done(&request), buf_done(&reply);
	return r;
}

int pairholds_answer(const struct follow_question *q, struct buf *out, struct err *err)
{
	struct follow_holds h = { 0 };
	struct buf known;
	buf_init(&known, FOLLOW_MAX);
	int r = exchange(q->holds, &known, err);
	hash_sha256(known.ptr ? known.ptr : "", known.len, h.sum);
	if (memcmp(h.sum, q->blocks, sizeof h.sum) != 0)
		h.known = buf_view(&known);
	if (r == 0)
		follow_holds_write(out, &h);
	buf_done(&known);
	return r;
}

/* Where the other node knows something else, what it knows is taken in, and the next question tells it what is known here. */
int pairholds_take(struct pairfollow *f, pairfollow_ask_fn ask, struct err *err)
{
	struct follow_question q = { .digest = FOLLOW_HOLDS };
	struct follow_holds h;
	struct buf known, in;
	buf_init(&known, FOLLOW_MAX);
	buf_init(&in, FOLLOW_MAX);
	int r = exchange((struct str){ 0 }, &known, err);
	hash_sha256(known.ptr ? known.ptr : "", known.len, q.blocks);
	if (f->holds_told)
		q.holds = buf_view(&known);
	r = r < 0 ? r : ask(f, &q, &in, err);
	if (r == 0 && follow_holds_parse(buf_view(&in), &h) < 0)
		r = err_set(err, E_INVALID, "holds", "the other node doesn't tell whose records are held: it is of an older version");
	f->holds_told = r == 0 && h.known.len;
	if (f->holds_told) {
		buf_reset(&known);
		r = exchange(h.known, &known, err);
	}
	buf_done(&known), buf_done(&in);
	return r;
}
