/* 7z and RAR behind a password, written again without, OpenDocument's manifest with a member, Excel's, Word's and PowerPoint's streams of old: no read outside. The turns of a hash
 * are those the bytes ask for, up to the bound. */
#include "scan/odf.h"
#include "scan/office97.h"
#include "scan/unlock.h"

#include "base/err.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const passwords[] = { "", "\xe3\x81\xb2\xe3\x81\xbf\xe3\x81\xa4" "123" };
	struct str s = { (const char *)data, size };
	struct buf out;
	for (size_t i = 0; i < ARRAY_LEN(passwords); i++) {
		buf_init(&out, size + 4 * MIB);
		unlock_7z(s, passwords[i], &out);
		buf_reset(&out);
		unlock_rar(s, passwords[i], &out);
		buf_done(&out);
	}
	struct buf three[3];
	for (size_t i = 0; i < 3; i++)
		buf_init(&three[i], size + KIB);
	office97_xls(s, passwords[1], &three[0]);
	buf_reset(&three[0]);
	office97_doc(s, (struct str){ s.ptr + size / 2, size - size / 2 }, STR(""), passwords[1], three);
	for (size_t i = 0; i < 3; i++)
		buf_reset(&three[i]);
	const struct str ppt[3] = { s, { s.ptr + size / 4, size / 2 }, { s.ptr + size / 2, size - size / 2 } };
	office97_ppt(ppt, passwords[1], three);
	for (size_t i = 0; i < 3; i++)
		buf_done(&three[i]);
	struct odf odf = { 0 };
	if (size < 100000 && odf_read(s, &odf) && odf.n) {
		buf_init(&out, MIB);
		odf.entries[0].turns &= 1023;
		odf_open(&odf.entries[0], (struct str){ s.ptr, size & ~(size_t)15 }, passwords[1], &out);
		buf_done(&out);
	}
	odf_done(&odf);
	return 0;
}
