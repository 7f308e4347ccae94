/* See client.h. */
#include "cold/client.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "wire/ctl.h"
#include "wire/place.h"

int cold_fetch(const char *org, const char *series, uint32_t number, struct err *err)
{
	char path[PLACE_MAX];
	struct buf rq, reply;
	/* The socket is torided's, and takes us also where nobody would ever answer. */
	if (!fs_exists(place_in_state(path, sizeof path, "current/coldd.json")))
		return err_set(err, E_CLOSED, "service.cold", "no store of objects is in use");
	buf_init(&rq, 4 * KIB);
	buf_init(&reply, 64 * KIB);
	buf_puts(&rq, "{\"v\":1");
	json_field_s(&rq, "do", "cold.get");
	json_field_s(&rq, "org", org);
	json_field_s(&rq, "series", series);
	json_field_u64(&rq, "segment", number);
	buf_putc(&rq, '}');
	int r = ctl_call(place_in_run(path, sizeof path, SOCK_COLD), buf_view(&rq), &reply, COLD_WAIT_MS, err);
	buf_done(&rq);
	buf_done(&reply);
	return r;
}
