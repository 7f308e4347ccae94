/* A line of a device, by every parser and as guessed: an event that intaked takes and that passes the schema. */
#include "base/mem.h"
#include "device/device.h"
#include "normalise/accept.h"
#include "normalise/sender.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct accept_from to = { .org = "412015", .now_ms = 1, .source = "recvd", .sequence = 1, .sender = sender_find("recvd") };
	struct mail_queue *queue = NULL;
	for (const struct device_format *f = device_formats;; f++) {
		struct device_source from = { "dev1", "10.1.0.254", f->name ? f : NULL, 9 * 3600, &queue };
		struct device_result result;
		struct accept_result taken;
		struct buf b, out;
		buf_init(&b, 256 * 1024 - 64);
		buf_init(&out, 512 * 1024);
		device_event((struct str){ (const char *)data, size }, &from, 1795914000000, NULL, false, &b, &result);
		accept_event(buf_view(&b), &to, &out, &taken);
		if (b.failed || taken.raw || taken.refused || taken.schema_fault)
			bug("%s: %s in " STR_FMT, f->name ? f->name : "auto", taken.fault, STR_ARG(buf_view(&b)));
		buf_done(&b);
		buf_done(&out);
		if (!f->name)
			break;
	}
	mem_free(queue);
	return 0;
}
