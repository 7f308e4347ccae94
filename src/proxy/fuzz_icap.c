/* A sanitiser's answer in two pieces, cut anywhere: the same is made of it as in one, its texts are texts, and no more content comes out than
 * came in. */
#include "proxy/icap.h"

#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int count(void *user, struct str content)
{
	*(size_t *)user += content.len;
	return 0;
}

static enum icap_result read_cut(struct str s, size_t at, size_t *ret_n)
{
	struct icap_reader r;
	icap_reader_init(&r);
	*ret_n = 0;
	enum icap_result e = icap_read(&r, (struct str){ s.ptr, at }, count, ret_n);
	if (e == ICAP_MORE)
		e = icap_read(&r, (struct str){ s.ptr + at, s.len - at }, count, ret_n);
	if (!str_is_utf8(str_from(r.type)) || !str_is_utf8(str_from(r.found)) || strpbrk(r.type, "\r\n") || strpbrk(r.disposition, "\r\n"))
		bug("a text that isn't one");
	icap_reader_done(&r);
	return e;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str s = { (const char *)data, size };
	size_t n, m;
	if (!size)
		return 0;
	enum icap_result whole = read_cut(s, size, &n);
	if (read_cut(s, data[0] % size, &m) != whole || n != m || n > size)
		bug("cut it is another answer");
	return 0;
}
