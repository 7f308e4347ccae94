/* See archive.h. libarchive is asked for one format only, so that the type by content (scan/type.h) and what is walked
 * can't differ; filters that start programs are never enabled. */
#include "scan/archive.h"

#include "base/mem.h"
#include "scan/odf.h"
#include "scan/unlock.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <strings.h>

#define MANIFEST "META-INF/manifest.xml" /* of OpenDocument */
#define MANIFEST_MAX (4 * MIB)
#define MANIFEST_AT 10000u /* members that are looked at for it: as many as are read */
#define ODF_MAX (256 * MIB)
#define ROOM (64 * MIB) /* for a header that was packed */

typedef int (*support)(struct archive *);

/* blind: clamd 1.4 of Debian doesn't open it, so each member is asked for by itself. Which of them it opens was tried
 * with EICAR in each (test/system/scan.t does so again). */
static const struct kind {
	enum file_type type;
	support format[2];
	support filter[4];
	enum { SEEN, BLIND, UNLOCKED } blind; /* UNLOCKED: written again without its password (unlock.h); what doesn't fit then was
	                                       * opened with a wrong one */
} kinds[] = {
	{ TYPE_7Z, { archive_read_support_format_7zip }, { 0 }, SEEN },
	{ TYPE_RAR, { archive_read_support_format_rar, archive_read_support_format_rar5 }, { 0 }, BLIND },
	{ TYPE_CAB, { archive_read_support_format_cab }, { 0 }, SEEN },
	{ TYPE_LZH, { archive_read_support_format_lha }, { 0 }, BLIND },
	{ TYPE_TAR, { archive_read_support_format_tar }, { 0 }, SEEN },
	{ TYPE_CPIO, { archive_read_support_format_cpio }, { 0 }, SEEN },
	{ TYPE_ISO, { archive_read_support_format_iso9660 }, { 0 }, SEEN },
	{ TYPE_DEB, { archive_read_support_format_ar }, { 0 }, BLIND },
	{ TYPE_RPM, { archive_read_support_format_cpio },
	  { archive_read_support_filter_rpm, archive_read_support_filter_gzip, archive_read_support_filter_xz, archive_read_support_filter_zstd }, BLIND },
	{ TYPE_GZIP, { archive_read_support_format_raw }, { archive_read_support_filter_gzip }, SEEN },
	{ TYPE_BZIP2, { archive_read_support_format_raw }, { archive_read_support_filter_bzip2 }, SEEN },
	{ TYPE_XZ, { archive_read_support_format_raw }, { archive_read_support_filter_xz }, SEEN },
	{ TYPE_ZSTD, { archive_read_support_format_raw }, { archive_read_support_filter_zstd }, BLIND },
	{ TYPE_LZ4, { archive_read_support_format_raw }, { archive_read_support_filter_lz4 }, BLIND },
	{ TYPE_COMPRESS, { archive_read_support_format_raw }, { archive_read_support_filter_compress }, BLIND },
	{ TYPE_LZMA, { archive_read_support_format_raw }, { archive_read_support_filter_lzma }, BLIND },
	{ TYPE_LZIP, { archive_read_support_format_raw }, { archive_read_support_filter_lzip }, BLIND },
};

/* Members of zip's family differ in their contents, not in how they are read. */
static const uint8_t zips[] = { TYPE_ZIP, TYPE_JAR, TYPE_APK, TYPE_DOCX, TYPE_DOCM, TYPE_XLSX, TYPE_XLSM, TYPE_PPTX, TYPE_PPTM,
	                        TYPE_OOXML, TYPE_ODT, TYPE_ODS, TYPE_ODP, TYPE_ODG, TYPE_EPUB, TYPE_HWPX };
static const struct kind zip_kind = { TYPE_ZIP, { archive_read_support_format_zip_seekable }, { 0 }, SEEN };
/* A zip without its end record, or written to a pipe. */
static const struct kind zip_stream = { TYPE_ZIP, { archive_read_support_format_zip_streamable }, { 0 }, SEEN };
static const struct kind appended = { TYPE_PE, { archive_read_support_format_7zip, archive_read_support_format_zip_seekable }, { 0 }, BLIND };
/* Excel writes drawings as zips into records of its old format, cut where a record ends: nobody's archive, but it looks like one. */
static const struct kind inserted = { TYPE_OLE, { archive_read_support_format_zip_seekable }, { 0 }, BLIND };

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

/* opened: by a password, which a wrong checksum (a warning elsewhere) says was the wrong one. Zip's first check lets one in 256 pass: who
 * writes the archive could give one password for us and another for who reads it. False: nothing more can be read of this archive. */
static bool read_content(struct walk *w, struct archive *a, const struct kind *k, const char *name, bool opened)
{
	static char chunk[65536];
	for (;;) {
		la_ssize_t n = archive_read_data(a, chunk, sizeof chunk);
		if (n == ARCHIVE_RETRY)
			continue;
		if (n < 0 && (n != ARCHIVE_WARN || opened)) {
			if (opened || about_encryption(a))
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

/* All of a member, up to `out`'s ceiling. */
static bool read_whole(struct archive *a, struct buf *out)
{
	char chunk[16384];
	la_ssize_t n;
	while ((n = archive_read_data(a, chunk, sizeof chunk)) > 0 || n == ARCHIVE_RETRY)
		buf_put(out, chunk, n > 0 ? (size_t)n : 0);
	return n == 0 && !out->failed;
}

/* A member that OpenDocument's manifest says is encrypted: as it is inside, and as it stands there, for who takes it to be plain. */
static bool read_odf(struct walk *w, struct archive *a, struct odf_entry *e, const char *name)
{
	struct buf in, out;
	e->seen = true;
	buf_init(&in, ODF_MAX);
	buf_init(&out, ODF_MAX);
	if (*walk_password(w) && read_whole(a, &in) && odf_open(e, buf_view(&in), walk_password(w), &out) == LOCKED_OPENED) {
		if (walk_member(w, name, buf_view(&out), true) == 0)
			walk_member(w, name, buf_view(&in), false);
	} else {
		walk_note(w, WALK_ENCRYPTED, "encrypted", name);
	}
	buf_done(&in);
	buf_done(&out);
	return !walk_over(w);
}

static bool read_entry(struct walk *w, struct archive *a, struct archive_entry *e, const struct kind *k, const struct odf *odf)
{
	const char *name = name_of(e), *password = walk_password(w);
	struct odf_entry *encrypted = odf ? odf_find(odf, name) : NULL;
	if (encrypted)
		return read_odf(w, a, encrypted, name);
	bool locked = archive_entry_is_encrypted(e);
	if (walk_member_begin(w, name, strlen(name), k->blind != SEEN || locked) < 0)
		return false;
	if (locked && !*password) {
		walk_member_drop(w);
		walk_note(w, WALK_ENCRYPTED, "encrypted", name);
		return true;
	}
	if (archive_entry_filetype(e) == AE_IFLNK)
		read_link(w, e);
	bool on = read_content(w, a, k, name, locked || k->blind == UNLOCKED);
	return walk_member_end(w) == 0 && on; /* also what came before an error */
}

static void read_entries(struct walk *w, struct archive *a, const struct kind *k, const struct odf *odf)
{
	struct archive_entry *e;
	while (!walk_over(w)) {
		int r = archive_read_next_header(a, &e);
		if (r == ARCHIVE_EOF)
			return;
		if (r == ARCHIVE_RETRY)
			continue;
		if (r != ARCHIVE_OK && r != ARCHIVE_WARN) {
			bool locked = k->blind == UNLOCKED || about_encryption(a);
			if (locked || k != &inserted)
				walk_note(w, locked ? WALK_ENCRYPTED : WALK_BEYOND, locked ? "encrypted" : "broken", NULL);
			return;
		}
		if (!read_entry(w, a, e, k, odf))
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
static bool read_with(struct walk *w, const struct kind *k, struct str bytes, const struct odf *odf)
{
	struct archive *a = archive_read_new();
	char cp932[WALK_PASSWORD];
	bool ok = a && open_as(a, k, bytes, walk_password(w), walk_password_cp932(w, cp932) ? cp932 : NULL);
	if (ok)
		read_entries(w, a, k, odf);
	archive_read_free(a);
	return ok;
}

static bool read_as(struct walk *w, const struct kind *k, struct str bytes)
{
	return read_with(w, k, bytes, NULL);
}

enum manifest { MANIFEST_NONE, MANIFEST_READ, MANIFEST_UNSURE };

/* The manifest of OpenDocument into `xml`. MANIFEST_UNSURE: it is larger than we read, or locked itself, or there are two. */
static enum manifest find_manifest(struct str bytes, struct buf *xml)
{
	struct archive *a = archive_read_new();
	struct archive_entry *e;
	enum manifest found = MANIFEST_NONE;
	if (a && open_as(a, &zip_kind, bytes, "", NULL))
		for (unsigned i = 0; found != MANIFEST_UNSURE && i < MANIFEST_AT && archive_read_next_header(a, &e) >= ARCHIVE_WARN; i++)
			if (strcmp(name_of(e), MANIFEST) == 0)
				found = found == MANIFEST_NONE && read_whole(a, xml) ? MANIFEST_READ : MANIFEST_UNSURE;
	archive_read_free(a);
	return found;
}

/* OpenDocument behind a password. False: it isn't. */
static bool read_locked_odf(struct walk *w, struct str bytes)
{
	struct buf xml;
	struct odf odf;
	if (!memmem(bytes.ptr, bytes.len, MANIFEST, sizeof MANIFEST - 1))
		return false;
	buf_init(&xml, MANIFEST_MAX);
	enum manifest found = find_manifest(bytes, &xml);
	bool is = found == MANIFEST_READ && odf_read(buf_view(&xml), &odf);
	buf_done(&xml);
	if (found == MANIFEST_UNSURE)
		walk_note(w, WALK_BEYOND, "broken", MANIFEST);
	if (!is)
		return false;
	is = read_with(w, &zip_kind, bytes, &odf);
	if (odf.more || (!walk_over(w) && !odf_all_seen(&odf)))
		walk_note(w, WALK_ENCRYPTED, "encrypted", MANIFEST);
	odf_done(&odf);
	return is;
}

/* Formats whose encryption libarchive doesn't know: with the password that was told, or as far as it goes without. False: nothing is
 * locked in it. */
static bool read_locked(struct walk *w, const struct kind *k, struct str bytes)
{
	enum locked (*unlock)(struct str, const char *, struct buf *) = k->type == TYPE_7Z ? unlock_7z : k->type == TYPE_RAR ? unlock_rar : NULL;
	struct kind open = *k;
	struct buf out;
	if (!unlock)
		return false;
	open.blind = UNLOCKED;
	buf_init(&out, bytes.len + ROOM);
	enum locked r = unlock(bytes, walk_password(w), &out);
	bool read = r != LOCKED_UNKNOWN && read_as(w, &open, r == LOCKED_OPENED ? buf_view(&out) : bytes);
	if (r == LOCKED_WRONG || (r == LOCKED_OPENED && !read))
		walk_note(w, WALK_ENCRYPTED, "encrypted", NULL);
	buf_done(&out);
	return r != LOCKED_UNKNOWN;
}

void archive_read_all(struct walk *w, enum file_type type, struct str bytes)
{
	const struct kind *k = kind_of(type);
	if (!k || read_locked(w, k, bytes) || (k == &zip_kind && read_locked_odf(w, bytes)))
		return;
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
