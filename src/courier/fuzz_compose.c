/* A hostile recipient and text in a template: the body stays the JSON it was, and no value leaves its string. */
#include "courier/courier.h"

#include "base/mem.h"

#include <stdlib.h>
#include <yyjson.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct gateway g = { .name = "g", .body = "{\"a\":{\"to\":\"{{to}}\",\"m\":\"x{{text}}y\"},\"r\":\"{{reference}}\"}" };
	struct buf b;
	char *text = mem_strndup((const char *)p, n);
	struct courier_message m = { text, text, text, "412015", 3 };
	if (!text)
		return 0;
	buf_init(&b, 16 * COURIER_TEXT_MAX);
	courier_compose(&g, &m, &b);
	yyjson_doc *doc = b.failed ? NULL : yyjson_read(b.ptr, b.len, 0);
	if (!b.failed && (!doc || yyjson_obj_size(yyjson_doc_get_root(doc)) != 2))
		abort();
	yyjson_doc_free(doc);
	buf_reset(&b);
	g.form = true;
	g.body = "a={{to}}&b={{text}}";
	courier_compose(&g, &m, &b);
	for (size_t i = 0, equals = 0; !b.failed && i < b.len; i++)
		if ((equals += b.ptr[i] == '=') > 2 || b.ptr[i] < 0x21)
			abort();
	mem_free(text);
	buf_done(&b);
	return 0;
}
