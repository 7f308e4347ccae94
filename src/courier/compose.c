/* The body of a request to a gateway; see courier.h. Nothing of the message can leave its place in the template: each value is quoted
 * for the content it stands in. */
#include "courier/courier.h"

#include "base/mem.h"
#include "model/gateway.h"

#include <stdio.h>

/* A JSON string's inside: json_str() without its quotes. */
static void put_json(struct buf *b, const char *v)
{
	struct buf q;
	buf_init(&q, 8 * COURIER_TEXT_MAX);
	json_str(&q, str_from(v));
	if (q.failed)
		b->failed = q.failed;
	else
		buf_put(b, q.ptr + 1, q.len - 2);
	buf_done(&q);
}

void courier_compose(const struct gateway *g, const struct courier_message *m, struct buf *b)
{
	char severity[12];
	snprintf(severity, sizeof severity, "%d", m->severity);
	const char *values[] = { m->to, m->text, m->reference, m->org, severity };
	struct str name;
	for (const char *p = g->body; *p;) {
		const char *end;
		int k = gateway_placeholder(p, &end, &name);
		if (k < 0) {
			buf_putc(b, *p++);
			continue;
		}
		if (g->form)
			buf_percent(b, str_from(values[k]));
		else
			put_json(b, values[k]);
		p = end;
	}
}
