/* A message as request and as answer; what is read can be written and read again. Then the same bytes as clamd's reply. */
#include "scan/clamd.h"
#include "scan/verdict.h"

#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct verdict_request rq, again;
	struct verdict v;
	uint64_t id;
	struct str name;
	struct buf b;
	buf_init(&b, VERDICT_MESSAGE_MAX);
	if (verdict_request_read(data, size, &rq) == 0) {
		verdict_request_write(&b, &rq);
		if (b.failed || verdict_request_read(b.ptr, b.len, &again) < 0)
			bug("a request can't be repeated");
	}
	buf_reset(&b);
	if (verdict_answer_read(data, size, &id, &v) == 0) {
		verdict_answer_write(&b, id, &v);
		if (b.failed || verdict_answer_read(b.ptr, b.len, &id, &v) < 0)
			bug("an answer can't be repeated");
	}
	buf_done(&b);
	clamd_reply((struct str){ (const char *)data, size }, &name);
	return 0;
}
