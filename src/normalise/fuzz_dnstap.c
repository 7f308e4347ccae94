/* A dnstap frame as far as the event; which must be JSON that passes the schema. */
#include "base/err.h"
#include "base/mem.h"
#include "normalise/dnstap.h"
#include "normalise/event.h"
#include "normalise/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct orgs *orgs;
	struct dnstap d;
	struct event e;
	struct buf b;
	struct err err;
	if (!orgs && orgs_parse(STR("{\"uplinks\":[\"wan0\"],\"orgs\":[{\"code\":\"412015\",\"index\":1,\"interface\":\"o412015\","
	                            "\"resolver4\":\"100.64.1.53\"}],\"zones\":[{\"name\":\"city.example\",\"org\":\"412015\"}]}"),
	                        &orgs, NULL) < 0)
		return 0;
	if (dnstap_parse((struct str){ (const char *)data, size }, &d) < 0)
		return 0;
	buf_init(&b, 64 * KIB);
	const char *org = dnstap_event(&d, &(struct dnstap_place){ orgs, "unbound", 1 }, &b);
	if (org && (b.failed || event_parse(buf_view(&b), &e) < 0))
		bug("not an event: " STR_FMT, STR_ARG(buf_view(&b)));
	if (org && schema_check(&e, &err) < 0)
		bug("%s: %s in " STR_FMT, err.path, err.msg, STR_ARG(buf_view(&b)));
	if (org)
		event_done(&e);
	buf_done(&b);
	return 0;
}
