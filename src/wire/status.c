/* See status.h. */
#include "wire/status.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "wire/order.h"
#include "wire/place.h"
#include "wire/stats.h"

#include <stdio.h>
#include <stdlib.h>

struct row {
	char org[8], process[32], name[48];
	uint64_t value;
};

struct rows {
	struct row *list;
	size_t n, cap;
	bool failed;
};

static void take(const char *process, const char *org, const char *name, uint64_t value, void *user)
{
	struct rows *r = user;
	if (r->n == STATUS_ROWS)
		return;
	if (r->n == r->cap) {
		size_t cap = r->cap ? r->cap * 2 : 256;
		struct row *list = mem_grow(r->list, cap * sizeof *list);
		if (!list) {
			r->failed = true;
			return;
		}
		r->list = list;
		r->cap = cap;
	}
	struct row *w = &r->list[r->n++];
	snprintf(w->org, sizeof w->org, "%.7s", org);
	snprintf(w->process, sizeof w->process, "%.31s", process);
	snprintf(w->name, sizeof w->name, "%.47s", name);
	w->value = value;
}

static int by_org_and_process(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int r = strcmp(x->org, y->org);
	r = r ? r : strcmp(x->process, y->process);
	return r ? r : strcmp(x->name, y->name);
}

static void counters_write(const struct rows *r, struct buf *b)
{
	buf_puts(b, ",\"counters\":[");
	for (size_t i = 0; i < r->n; i++) {
		const struct row *w = &r->list[i], *before = i ? w - 1 : NULL;
		bool org = !before || strcmp(before->org, w->org) != 0, process = org || strcmp(before->process, w->process) != 0;
		if (org) {
			buf_puts(b, before ? "}},{" : "{");
			json_field_s(b, "org", w->org);
		}
		if (process) {
			buf_puts(b, org ? "" : "}");
			json_key(b, w->process);
			buf_putc(b, '{');
		}
		json_field_u64(b, w->name, w->value);
	}
	buf_puts(b, r->n ? "}}]" : "]");
}

/* The file is one JSON object that torided wrote: its members, with a comma before the first. */
static int processes_write(const char *path, struct buf *b, struct err *err)
{
	struct buf file;
	buf_init(&file, 256 * KIB);
	int r = fs_read(path, &file, err);
	struct str s = buf_view(&file);
	while (s.len && (s.ptr[s.len - 1] == '\n' || s.ptr[s.len - 1] == ' '))
		s.len--;
	if (r == 0 && (s.len < 3 || s.ptr[0] != '{' || s.ptr[s.len - 1] != '}'))
		r = err_set(err, E_CORRUPT, path, "not what torided writes");
	if (r == 0) {
		buf_putc(b, ',');
		buf_str(b, (struct str){ s.ptr + 1, s.len - 2 });
	}
	buf_done(&file);
	return r;
}

int status_collect(struct buf *b, struct err *err)
{
	struct order_reply reply;
	struct rows rows = { 0 };
	int r = order_call(&(struct order){ .op = ORDER_STATUS }, 2000, &reply, err);
	if (r == 0)
		r = processes_write(reply.text, b, err);
	if (r == 0)
		r = stats_read_all(take, &rows, err);
	if (r == 0 && rows.failed)
		r = err_set(err, E_NOMEM, "", "no memory");
	if (r == 0) {
		if (rows.n)
			qsort(rows.list, rows.n, sizeof *rows.list, by_org_and_process);
		counters_write(&rows, b);
	}
	mem_free(rows.list);
	return r;
}
