/* A sender's message, and the event in it on its way to a record; which must be one line of JSON with our own org. */
#include "base/mem.h"
#include "intake/server.h"
#include "normalise/accept.h"
#include "normalise/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct intake_message m;
	struct accept_result res;
	struct event e;
	struct buf b;
	if (intake_message_parse((struct str){ (const char *)data, size }, &m) < 0)
		return 0;
	if (strpbrk(m.org, "\n\r") || strpbrk(m.source, "\n\r"))
		bug("a newline got through");
	buf_init(&b, MIB);
	const struct sender *sender = sender_find(m.boot & 1 ? "scand" : "proxyd");
	accept_event(m.json.ptr ? m.json : (struct str){ "", 0 },
	             &(struct accept_from){ "412015", 1000, sender->process, m.boot, m.sequence, sender }, &b, &res);
	if (!b.failed && (event_parse(buf_view(&b), &e) < 0 || memchr(b.ptr, '\n', b.len) || memchr(b.ptr, '\r', b.len)))
		bug("not a record: " STR_FMT, STR_ARG(buf_view(&b)));
	if (!b.failed) {
		if (!str_eq(event_str(&e, "org"), res.refused ? STR("service") : STR("412015")) || (m.boot & 1 && !res.refused))
			bug("another org: " STR_FMT, STR_ARG(buf_view(&b)));
		uint64_t class_uid = yyjson_get_uint(yyjson_obj_get(e.root, "class_uid"));
		if (class_uid != (res.raw ? 0 : 4002))
			bug("not for it to say: " STR_FMT, STR_ARG(buf_view(&b)));
		struct err err;
		if (!res.raw && (schema_check(&e, &err) < 0) != res.schema_fault) /* the one goes through the table row by row, the other through the event */
			bug("told otherwise of what came in: " STR_FMT, STR_ARG(buf_view(&b)));
		event_done(&e);
	}
	buf_done(&b);
	return 0;
}
