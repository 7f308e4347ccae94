/* Up to the first NUL a source or a book, behind it what Suricata said of it: what is kept is a book again, of as many signatures. */
#include "ips/book.h"

#include "base/mem.h"

static void again(struct book *b)
{
	struct book copy;
	struct err err = { 0 };
	struct buf text;
	buf_init(&text, 64 * MIB);
	book_format(b, &text);
	if (!text.failed && (book_parse(buf_view(&text), &copy, &err) < 0 || copy.n != b->n || copy.n_refused != b->n_refused))
		bug("%zu signatures and %zu refusals became %zu and %zu: %s", b->n, b->n_refused, copy.n, copy.n_refused, err.msg);
	book_done(&copy);
	buf_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str all = { (const char *)data, size }, text = { NULL, 0 };
	struct book b;
	struct err err;
	str_next(&all, '\0', &text);
	if (!text.ptr)
		text = STR("");
	int r = book_is(text) ? book_parse(text, &b, &err) : book_import(text, "fuzz", &b, &err);
	if (r == 0) {
		again(&b);
		if (book_judge(&b, all, all) == 0)
			again(&b);
	}
	book_done(&b);
	return 0;
}
