/* First byte: the format. What is taken builds into an index that opens. */
#include "url/import.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum url_format formats[] = { URL_FORMAT_AUTO, URL_FORMAT_PLAIN, URL_FORMAT_HOSTS, URL_FORMAT_RPZ, URL_FORMAT_CSV };
	struct url_import im = { 0 };
	struct url_index *x = NULL;
	struct buf file;
	uint64_t entries;
	if (size < 1)
		return 0;
	struct str text = { (const char *)data + 1, size - 1 };
	enum url_format f = formats[data[0] % ARRAY_LEN(formats)];
	buf_init(&file, 16 * MIB);
	if (url_build_create(&im.build, NULL) < 0)
		return 0;
	int r = url_import_text(&im, "x", text, f, f == URL_FORMAT_CSV ? NULL : "adult", NULL);
	if (r == 0 && url_build_finish(im.build, 1, &file, &entries, NULL) == 0) {
		if (entries > im.entries)
			bug("more entries than were taken");
		if (url_index_from(file.ptr, file.len, &x, NULL) < 0)
			bug("what was built doesn't open");
	}
	url_index_unref(&x);
	url_build_destroy(&im.build);
	buf_done(&file);
	return 0;
}
