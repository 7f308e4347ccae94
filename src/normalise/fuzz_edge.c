/* A line of the public sites' server as an access record and as the WAF's: what becomes an event is JSON that passes the schema. */
#include "base/err.h"
#include "base/mem.h"
#include "normalise/accept.h"
#include "normalise/edge.h"
#include "normalise/event.h"
#include "normalise/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct orgs *orgs;
	const char *(*const makers[])(struct str, const struct orgs *, struct buf *) = { edge_access_event, edge_waf_event };
	if (!orgs && orgs_parse(STR("{\"uplinks\":[\"wan0\"],\"orgs\":[{\"code\":\"412015\",\"index\":1,\"interface\":\"o412015\"}]}"), &orgs, NULL) < 0)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(makers); i++) {
		struct accept_result res;
		struct buf b, stored;
		buf_init(&b, MIB);
		buf_init(&stored, 2 * MIB);
		const char *org = makers[i]((struct str){ (const char *)data, size }, orgs, &b);
		if (org) {
			accept_event(buf_view(&b), &(struct accept_from){ .org = org, .now_ms = 1 }, &stored, &res);
			if (b.failed || res.raw || res.schema_fault)
				bug("%s in " STR_FMT, res.fault, STR_ARG(buf_view(&b)));
		}
		buf_done(&b);
		buf_done(&stored);
	}
	return 0;
}
