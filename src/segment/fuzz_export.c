/* An export that somebody else hands in: each file's bytes stand behind a line "%%NAME". Whatever is in them, verify_export()
 * ends, and names no record that the manifest's organisation can't have. */
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "segment/verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dir[64];
static const char *const names[] = { "manifest.json", "records.jsonl", "checkpoints.jsonl", "seal.pub", "README.md", "leaves/events-000001.txt",
	                             "leaves/events-000002.txt", "packets.pcapng" };

static void sweep(void)
{
	fs_rmtree(dir, NULL);
}

static void put(const char *name, struct str text)
{
	char path[128];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	FILE *f = fopen(path, "w"); /* fs_write syncs, which a fuzzer has no use for */
	if (!f || fwrite(text.ptr, 1, text.len, f) != text.len || fclose(f) != 0)
		abort();
}

/* "%%name\n…" up to the next one. */
static bool next_file(struct str *rest, struct str *ret_name, struct str *ret_text)
{
	if (!str_starts(*rest, STR("%%")) || !str_next(rest, '\n', ret_name))
		return false;
	const char *end = rest->len ? memmem(rest->ptr, rest->len, "\n%%", 3) : NULL;
	size_t n = end ? (size_t)(end - rest->ptr) + 1 : rest->len;
	*ret_text = n ? (struct str){ rest->ptr, n } : STR("");
	rest->ptr = n ? rest->ptr + n : NULL;
	rest->len -= n;
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = { (const char *)data, size }, name, text;
	char path[128];
	struct err err = { 0 };
	struct verify_report report = { 0 };
	if (!dir[0]) {
		snprintf(dir, sizeof dir, "/tmp/toride-fuzz-export.%d", (int)getpid());
		atexit(sweep);
	}
	snprintf(path, sizeof path, "%s/leaves", dir);
	sweep();
	if (fs_mkdirs(path, 0700, &err) < 0)
		bug("%s: %s", err.path, err.msg);
	while (next_file(&rest, &name, &text))
		for (size_t i = 0; i < ARRAY_LEN(names); i++)
			if (str_eq((struct str){ name.ptr + 2, name.len - 2 }, str_from(names[i])))
				put(names[i], text);
	struct verify_opts o = { .dir = dir };
	if (verify_is_export(dir))
		verify_export(&o, &report, &err);
	for (size_t i = 0; i < report.n; i++)
		if (report.faults[i].record[0] && strspn(report.faults[i].record, "0123456789servic") != strcspn(report.faults[i].record, "/"))
			bug("a name that can't be: %s", report.faults[i].record);
	verify_report_done(&report);
	return 0;
}
