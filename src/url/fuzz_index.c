/* An index of any bytes, with its length and checksum put right so that the rest is looked at: it is refused, or asking it
 * stays within it. */
#include "url/index_file.h"

#include "base/err.h"
#include "base/mem.h"

#include <zlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(const struct url_index *x, const char *host, const char *path)
{
	struct url_query q = { .scheme = STR("http"), .host = str_from(host), .path = str_from(path) };
	struct url_target t;
	struct url_hit hit;
	struct url_reason r[4];
	if (url_target_from(&q, &t) < 0)
		bug("a good name was refused");
	url_index_find(x, &t, &hit);
	url_index_explain(x, &t, r, 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct url_index *x = NULL;
	if (size < INDEX_PAGE || size > 1024 * 1024)
		return 0;
	char *copy = aligned_alloc(INDEX_PAGE, (size + INDEX_PAGE - 1) / INDEX_PAGE * INDEX_PAGE);
	if (!copy)
		return 0;
	memcpy(copy, data, size);
	struct index_header *h = (struct index_header *)(void *)copy;
	h->size = size;
	h->crc = 0;
	h->crc = crc32_z(0, (const unsigned char *)copy, size);
	if (url_index_from(copy, size, &x, NULL) == 0) {
		ask(x, "www.adult.example", "/");
		ask(x, "www.files.example", "/warez/deep/x.exe?y");
		ask(x, "192.0.2.7", "/");
		for (size_t i = 0; url_index_source(x, i); i++)
			if (strlen(url_index_source(x, i)->name) > 95)
				bug("a source without an end");
	}
	url_index_unref(&x);
	free(copy);
	return 0;
}
