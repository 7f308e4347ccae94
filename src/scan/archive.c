/* See archive.h. libarchive is asked for one format only, so that the type by content (scan/type.h) and what is walked
 * can't differ; filters that start programs are never enabled. */
#include "scan/archive.h"

#include "base/mem.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <strings.h>

typedef int (*support)(struct archive *);

/* blind: clamd 1.4 of Debian doesn't open it, so each member is asked for by itself. Which of them it opens was tried
 * with EICAR in each (test/system/scan.t does so again). */
static const struct kind {
	enum file_type type;
	support format[2];
	support filter[4];
	bool blind;
} kinds[] = {
	{ TYPE_7Z, { archive_read_support_format_7zip }, { 0 }, false },
	{ TYPE_RAR, { archive_read_support_format_rar, archive_read_support_format_rar5 }, { 0 }, true },
	{ TYPE_CAB, { archive_read_support_format_cab }, { 0 }, false },
	{ TYPE_LZH, { archive_read_support_format_lha }, { 0 }, true },
	{ TYPE_TAR, { archive_read_support_format_tar }, { 0 }, false },
	{ TYPE_CPIO, { archive_read_support_format_cpio }, { 0 }, false },
	{ TYPE_ISO, { archive_read_support_format_iso9660 }, { 0 }, false },
	{ TYPE_DEB, { archive_read_support_format_ar }, { 0 }, true },
	{ TYPE_RPM, { archive_read_support_format_cpio },
	  { archive_read_support_filter_rpm, archive_read_support_filter_gzip, archive_read_support_filter_xz, archive_read_support_filter_zstd }, true },
	{ TYPE_GZIP, { archive_read_support_format_raw }, { archive_read_support_filter_gzip }, false },
	{ TYPE_BZIP2, { archive_read_support_format_raw }, { archive_read_support_filter_bzip2 }, false },
	{ TYPE_XZ, { archive_read_support_format_raw }, { archive_read_support_filter_xz }, false },
	{ TYPE_ZSTD, { archive_read_support_format_raw }, { archive_read_support_filter_zstd }, true },
	{ TYPE_LZ4, { archive_read_support_format_raw }, { archive_read_support_filter_lz4 }, true },
	{ TYPE_COMPRESS, { archive_read_support_format_raw }, { archive_read_support_filter_compress }, true },
	{ TYPE_LZMA, { archive_read_support_format_raw }, { archive_read_support_filter_lzma }, true },
	{ TYPE_LZIP, { archive_read_support_format_raw }, { archive_read_support_filter_lzip }, true },
};

/* Members of zip's family differ in their contents, not in how they are read. */
static const uint8_t zips[] = { TYPE_ZIP, TYPE_JAR, TYPE_APK, TYPE_DOCX, TYPE_DOCM, TYPE_XLSX, TYPE_XLSM, TYPE_PPTX, TYPE_PPTM,
	                        TYPE_OOXML, TYPE_ODT, TYPE_ODS, TYPE_ODP, TYPE_ODG, TYPE_EPUB, TYPE_HWPX };
static const struct kind zip_kind = { TYPE_ZIP, { archive_read_support_format_zip_seekable }, { 0 }, false };
/* A zip without its end record, or written to a pipe. */
static const struct kind zip_stream = { TYPE_ZIP, { archive_read_support_format_zip_streamable }, { 0 }, false };
static const struct kind appended = { TYPE_PE, { archive_read_support_format_7zip, archive_read_support_format_zip_seekable }, { 0 }, true };
/* Excel writes drawings as zips into records of its old format, cut where a record ends: nobody's archive, but it looks like one. */
static const struct kind inserted = { TYPE_OLE, { archive_read_support_format_zip_seekable }, { 0 }, true };

static const struct kind *kind_of(enum file_type type)
{
	for (size_t i = 0; i < ARRAY_LEN(zips); i++)
		if (zips[i] == type)
			return &zip_kind;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (kinds[i].type == type)
			return &kinds[i];
	return NULL;
}

bool archive_opens(enum file_type type)
{
	return kind_of(type) != NULL;
}

/* libarchive tells encryption by flags where it knows the format's, else in words only. */
static bool about_encryption(struct archive *a)
{
	const char *why = archive_error_string(a);
	return archive_read_has_encrypted_entries(a) == 1 || (why && (strcasestr(why, "encrypt") || strcasestr(why, "passphrase")));
}

/* Methods of zip that libarchive doesn't know and clamd does: it sees the whole file anyway. */
static bool left_to_clamd(struct archive *a, const struct kind *k)
{
	static const char *const words[] = { "deflation-64", "imploded", "implode" };
	const char *why = archive_error_string(a);
	for (size_t i = 0; why && k == &zip_kind && i < ARRAY_LEN(words); i++)
		if (strstr(why, words[i]))
			return true;
	return false;
}

static const char *name_of(struct archive_entry *e)
{
	const char *name = archive_entry_pathname(e);
	name = name ? name : archive_entry_pathname_utf8(e);
	return name ? name : "";
}

/* False: nothing more can be read of this archive. */
static bool read_content(struct walk *w, struct archive *a, const struct kind *k, const char *name)
{
	static char chunk[65536];
	for (;;) {
		la_ssize_t n = archive_read_data(a, chunk, sizeof chunk);
		if (n == ARCHIVE_RETRY)
			continue;
		if (n < 0 && n != ARCHIVE_WARN) {
			if (about_encryption(a))
				walk_note(w, WALK_ENCRYPTED, "encrypted", name);
			else if (!left_to_clamd(a, k) && k != &inserted)
				walk_note(w, WALK_BEYOND, "broken", name);
			return n != ARCHIVE_FATAL;
		}
		if (n <= 0)
			return true;
		if (walk_member_put(w, chunk, (size_t)n) < 0)
			return false;
	}
}

/* What a link names is its content for those who know no links (Explorer and zip). */
static void read_link(struct walk *w, struct archive_entry *e)
{
	const char *to = archive_entry_symlink(e);
	to = to ? to : archive_entry_symlink_utf8(e);
	if (to && *to)
		walk_member_put(w, to, strlen(to));
}

static bool read_entry(struct walk *w, struct archive *a, struct archive_entry *e, const struct kind *k)
{
	const char *name = name_of(e), *password = walk_password(w);
	bool locked = archive_entry_is_encrypted(e);
	if (walk_member_begin(w, name, strlen(name), k->blind || locked) < 0)
		return false;
	if (locked && !*password) {
		walk_member_drop(w);
		walk_note(w, WALK_ENCRYPTED, "encrypted", name);
		return true;
	}
	if (archive_entry_filetype(e) == AE_IFLNK)
		read_link(w, e);
	bool on = read_content(w, a, k, name);
	return walk_member_end(w) == 0 && on; /* also what came before an error */
}

static void read_entries(struct walk *w, struct archive *a, const struct kind *k)
{
	struct archive_entry *e;
	while (!walk_over(w)) {
		int r = archive_read_next_header(a, &e);
		if (r == ARCHIVE_EOF)
			return;
		if (r == ARCHIVE_RETRY)
			continue;
		if (r != ARCHIVE_OK && r != ARCHIVE_WARN) {
			bool locked = about_encryption(a);
			if (locked || k != &inserted)
				walk_note(w, locked ? WALK_ENCRYPTED : WALK_BEYOND, locked ? "encrypted" : "broken", NULL);
			return;
		}
		if (!read_entry(w, a, e, k))
			return;
	}
}

static bool open_as(struct archive *a, const struct kind *k, struct str bytes, const char *password, const char *cp932)
{
	int r = ARCHIVE_OK;
	for (size_t i = 0; i < ARRAY_LEN(k->format) && k->format[i]; i++)
		r = r < ARCHIVE_WARN ? r : k->format[i](a);
	for (size_t i = 0; i < ARRAY_LEN(k->filter) && k->filter[i]; i++)
		r = r < ARCHIVE_WARN ? r : k->filter[i](a);
	if (*password)
		archive_read_add_passphrase(a, password);
	if (cp932)
		archive_read_add_passphrase(a, cp932);
	return r >= ARCHIVE_WARN && archive_read_open_memory(a, bytes.ptr, bytes.len) >= ARCHIVE_WARN;
}

/* False: it isn't that after all. */
static bool read_as(struct walk *w, const struct kind *k, struct str bytes)
{
	struct archive *a = archive_read_new();
	char cp932[WALK_PASSWORD];
	bool ok = a && open_as(a, k, bytes, walk_password(w), walk_password_cp932(w, cp932) ? cp932 : NULL);
	if (ok)
		read_entries(w, a, k);
	archive_read_free(a);
	return ok;
}

void archive_read_all(struct walk *w, enum file_type type, struct str bytes)
{
	const struct kind *k = kind_of(type);
	if (read_as(w, k, bytes) || (k == &zip_kind && read_as(w, &zip_stream, bytes)))
		return;
	walk_note(w, WALK_BEYOND, "broken", NULL);
}

/* zip's end record is looked for in the last 64 KiB (APPNOTE 4.3.16); 7-Zip's signature stands behind the program. */
static bool has_archive(struct str s)
{
	size_t tail = s.len < 65557 ? s.len : 65557;
	return memmem(s.ptr + s.len - tail, tail, "PK\5\6", 4) || memmem(s.ptr, s.len, "7z\xbc\xaf\x27\x1c", 6);
}

/* Does zip's end record end the file, as it does where something was put behind a document on purpose? */
static bool ends_it(struct str s)
{
	for (size_t at = s.len - 22; at + 65557 > s.len; at--) {
		const unsigned char *p = (const unsigned char *)s.ptr + at;
		if (memcmp(p, "PK\5\6", 4) == 0)
			return at + 22 + (p[20] | (size_t)p[21] << 8) == s.len;
		if (at == 0)
			break;
	}
	return true;
}

void archive_read_appended(struct walk *w, struct str bytes, bool document)
{
	if (bytes.len > 64 && has_archive(bytes))
		read_as(w, document && !ends_it(bytes) ? &inserted : &appended, bytes);
}
