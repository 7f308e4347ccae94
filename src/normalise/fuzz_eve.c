/* A line of EVE as far as the event, which must be JSON that passes the schema. */
#include "normalise/accept.h"
#include "normalise/eve.h"
#include "normalise/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(const struct buf *b)
{
	struct event e;
	struct err err;
	if (event_parse(buf_view(b), &e) < 0)
		bug("not an event: " STR_FMT, STR_ARG(buf_view(b)));
	if (schema_check(&e, &err) < 0)
		bug("%s: %s in " STR_FMT, err.path, err.msg, STR_ARG(buf_view(b)));
	event_done(&e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct orgs *orgs;
	struct eve_stats stats;
	enum eve_kind kind;
	const char *org;
	struct buf b, packet;
	if (!orgs && orgs_parse(STR("{\"uplinks\":[\"wan0\"],\"orgs\":[{\"code\":\"412015\",\"index\":1,\"interface\":\"o412015\","
	                            "\"publics\":[\"198.51.100.101\"],\"packet_days\":30}]}"), &orgs, NULL) < 0)
		return 0;
	buf_init(&b, 64 * 1024);
	buf_init(&packet, 64 * 1024);
	int r = eve_line((struct str){ (const char *)data, size }, &(struct eve_place){ orgs, 1, &packet }, &b, &kind, &org, &stats);
	if (r == 0 && kind == EVE_EVENT)
		look(&b);
	if (r == 0 && packet.len)
		look(&packet);
	buf_done(&b);
	buf_done(&packet);
	return 0;
}
