/* The bytes as a request, as an answer, and as what a browser sends; what is read can be written and read again. */
#include "users/users.h"

#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct users_request rq, again;
	struct users_answer a;
	struct buf b;
	buf_init(&b, USERS_MESSAGE_MAX);
	if (users_request_read(data, size, &rq) == 0) {
		users_request_write(&b, &rq);
		if (b.failed || users_request_read(b.ptr, b.len, &again) < 0)
			bug("a request can't be repeated");
	}
	buf_reset(&b);
	if (users_answer_read(data, size, &a) == 0) {
		users_answer_write(&b, &a);
		if (b.failed || users_answer_read(b.ptr, b.len, &a) < 0)
			bug("an answer can't be repeated");
	}
	rq = (struct users_request){ 0 };
	if (users_basic((struct str){ (const char *)data, size }, &rq) == 0 && (!users_name_ok(str_from(rq.name)) || !rq.password[0]))
		bug("credentials that no directory could have");
	buf_done(&b);
	return 0;
}
