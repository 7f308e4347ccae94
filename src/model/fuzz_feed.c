/* Address lists as text, and as the file root reads. */
#include "model/feed.h"

#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str s = { (const char *)data, size };
	struct feed_text t = { .lines = 0 };
	struct feed f;
	struct buf b;
	buf_init(&b, FEED_FILE_MAX);
	if (feed_read(&t, "list", s) == 0) {
		feed_sort(&t.feed);
		if (feed_format(&t.feed, &b) < 0 || feed_parse(buf_view(&b), &f, NULL) < 0)
			bug("written otherwise than read");
		feed_done(&f);
	}
	feed_done(&t.feed);
	buf_reset(&b);
	if (feed_parse(s, &f, NULL) == 0) {
		if (feed_format(&f, &b) < 0 || !str_eq(buf_view(&b), s))
			bug("read otherwise than written");
		feed_done(&f);
	}
	buf_done(&b);
	return 0;
}
