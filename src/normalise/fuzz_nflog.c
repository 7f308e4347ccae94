/* A netlink body with a packet in it, as far as the event; which must be JSON that passes the schema. */
#include "normalise/accept.h"
#include "normalise/nflog.h"
#include "normalise/schema.h"

static const char *name_of(uint32_t index, void *user)
{
	(void)user;
	return index & 1 ? "wan0" : index & 2 ? "o412015" : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct orgs *orgs;
	struct nflog_packet p;
	struct event e;
	struct buf b;
	struct err err;
	if (!orgs && orgs_parse(STR("{\"uplinks\":[\"wan0\"],\"orgs\":[{\"code\":\"412015\",\"index\":1,\"interface\":\"o412015\"}]}"),
	                        &orgs, NULL) < 0)
		return 0;
	if (nflog_parse((struct str){ (const char *)data, size }, &p) < 0)
		return 0;
	buf_init(&b, 8192);
	nflog_event(&p, &(struct nflog_place){ orgs, name_of, NULL, 1 }, &b);
	if (b.failed || event_parse(buf_view(&b), &e) < 0)
		bug("not an event: " STR_FMT, STR_ARG(buf_view(&b)));
	if (schema_check(&e, &err) < 0)
		bug("%s: %s in " STR_FMT, err.path, err.msg, STR_ARG(buf_view(&b)));
	event_done(&e);
	buf_done(&b);
	return 0;
}
