/* See parts.h. A compound file is a small file system: sectors, chains of them in a table (FAT), a directory, and a second, finer
 * file system (mini FAT) inside its first stream for what is small. */
#include "scan/parts.h"

#include "base/mem.h"
#include "scan/flate.h"
#include "scan/locked.h"
#include "scan/office97.h"

#include <stdio.h>
#include <strings.h>

#define END 0xfffffffau /* from here on: no sector (MS-CFB 2.1) */
#define STREAM_MAX (256u * MIB)
#define EMBEDDED_MAX (64u * MIB)
#define ENTRIES 65536u

struct cfb {
	struct str bytes;
	unsigned shift, mini_shift;
	uint32_t cutoff, first_dir, first_mini_fat, n_sectors;
	uint32_t *fat_sectors; /* where the FAT lies */
	uint32_t n_fat;
	struct buf mini, mini_fat;
};

struct entry {
	char name[34];
	unsigned kind; /* 1 storage, 2 stream, 5 root */
	uint32_t start;
	uint64_t size;
};

static uint32_t le32(struct str s, size_t off)
{
	uint32_t v;
	if (off > s.len || s.len - off < 4)
		return UINT32_MAX;
	memcpy(&v, s.ptr + off, 4);
	return v;
}

static unsigned le16(struct str s, size_t off)
{
	uint16_t v;
	if (off > s.len || s.len - off < 2)
		return 0xffff;
	memcpy(&v, s.ptr + off, 2);
	return v;
}

static struct str sector(const struct cfb *c, uint32_t n)
{
	uint64_t off = ((uint64_t)n + 1) << c->shift;
	if (n >= END || off >= c->bytes.len)
		return (struct str){ "", 0 };
	size_t len = c->bytes.len - off, size = (size_t)1 << c->shift;
	return (struct str){ c->bytes.ptr + off, len < size ? len : size };
}

static uint32_t next_sector(const struct cfb *c, uint32_t n)
{
	uint32_t each = 1u << (c->shift - 2), at = n / each;
	return at < c->n_fat ? le32(sector(c, c->fat_sectors[at]), (size_t)(n % each) * 4) : UINT32_MAX;
}

/* A chain's bytes, `size` at most. A chain that bites its tail ends where it has been longer than the file. */
static void read_chain(const struct cfb *c, uint32_t n, uint64_t size, struct buf *b)
{
	for (uint32_t i = 0; n < END && b->len < size && i <= c->n_sectors; i++) {
		struct str s = sector(c, n);
		if (s.len == 0)
			return;
		if (s.len > size - b->len)
			s.len = (size_t)(size - b->len);
		buf_str(b, s);
		n = next_sector(c, n);
	}
}

static void read_mini(const struct cfb *c, uint32_t n, uint64_t size, struct buf *b)
{
	struct str all = buf_view(&c->mini), fat = buf_view(&c->mini_fat);
	for (uint32_t i = 0; n < END && b->len < size && i <= all.len >> c->mini_shift; i++) {
		uint64_t off = (uint64_t)n << c->mini_shift;
		if (off >= all.len)
			return;
		struct str s = { all.ptr + off, all.len - (size_t)off };
		size_t most = (size_t)1 << c->mini_shift, left = (size_t)(size - b->len);
		most = most < left ? most : left;
		s.len = s.len < most ? s.len : most;
		buf_str(b, s);
		n = le32(fat, (size_t)n * 4);
	}
}

static void read_stream(const struct cfb *c, const struct entry *e, struct buf *b)
{
	uint64_t size = e->size < STREAM_MAX ? e->size : STREAM_MAX;
	if (e->size < c->cutoff)
		read_mini(c, e->start, size, b);
	else
		read_chain(c, e->start, size, b);
}

/* The FAT's own sectors: 109 in the header, more in a chain of their own (2.5). */
static bool find_fat(struct cfb *c)
{
	uint32_t want = le32(c->bytes, 44), n = le32(c->bytes, 68), each = (1u << (c->shift - 2)) - 1;
	if (want > c->n_sectors + 1)
		want = c->n_sectors + 1;
	c->fat_sectors = mem_array(want + 1, sizeof *c->fat_sectors);
	if (!c->fat_sectors)
		return false;
	for (uint32_t i = 0; i < 109 && c->n_fat < want; i++)
		c->fat_sectors[c->n_fat++] = le32(c->bytes, 76 + 4 * (size_t)i);
	for (uint32_t i = 0; n < END && c->n_fat < want && i <= c->n_sectors; i++) {
		struct str s = sector(c, n);
		for (uint32_t k = 0; k < each && c->n_fat < want; k++)
			c->fat_sectors[c->n_fat++] = le32(s, 4 * (size_t)k);
		n = le32(s, 4 * (size_t)each);
	}
	return true;
}

static bool entry_at(struct str dir, uint32_t i, struct entry *ret)
{
	size_t off = (size_t)i * 128, n;
	if (off + 128 > dir.len)
		return false;
	*ret = (struct entry){ .kind = (unsigned char)dir.ptr[off + 66], .start = le32(dir, off + 116), .size = le32(dir, off + 120) };
	n = le16(dir, off + 64) / 2;
	n = n > 32 ? 32 : n;
	for (size_t k = 0; k < n; k++) {
		unsigned ch = le16(dir, off + 2 * k);
		ret->name[k] = ch && ch < 128 ? (char)ch : ch ? '?' : 0;
	}
	return true;
}

static bool cfb_open(struct cfb *c, struct str bytes, struct buf *dir)
{
	struct entry root;
	*c = (struct cfb){ .bytes = bytes, .shift = le16(bytes, 30), .mini_shift = le16(bytes, 32), .cutoff = le32(bytes, 56),
		           .first_dir = le32(bytes, 48), .first_mini_fat = le32(bytes, 60) };
	buf_init(&c->mini, STREAM_MAX);
	buf_init(&c->mini_fat, STREAM_MAX);
	if (bytes.len < 512 || (c->shift != 9 && c->shift != 12) || c->mini_shift > c->shift || c->mini_shift < 4)
		return false;
	c->n_sectors = (uint32_t)(bytes.len >> c->shift);
	if (!find_fat(c))
		return false;
	read_chain(c, c->first_dir, (uint64_t)ENTRIES * 128, dir);
	if (!entry_at(buf_view(dir), 0, &root))
		return false;
	read_chain(c, root.start, root.size < STREAM_MAX ? root.size : STREAM_MAX, &c->mini);
	read_chain(c, c->first_mini_fat, STREAM_MAX, &c->mini_fat);
	return true;
}

static void cfb_done(struct cfb *c)
{
	mem_free(c->fat_sectors);
	buf_done(&c->mini);
	buf_done(&c->mini_fat);
}

/* ---- macros ---- */

/* One chunk: 4 KiB of text as literals and copies from it (2.4.1.3.2 to .5). */
static bool ovba_chunk(struct str in, struct buf *out)
{
	size_t at = 0, begin = out->len;
	while (at < in.len) {
		unsigned flags = (unsigned char)in.ptr[at++];
		for (unsigned bit = 0; bit < 8 && at < in.len; bit++) {
			if (!(flags & 1u << bit)) {
				buf_putc(out, in.ptr[at++]);
				continue;
			}
			unsigned token = le16(in, at), have = (unsigned)(out->len - begin), bits = 4;
			at += 2;
			while (bits < 12 && (1u << bits) < have)
				bits++;
			unsigned length = (token & (0xffffu >> bits)) + 3, back = (token >> (16 - bits)) + 1;
			if (at > in.len || back > have || out->failed || have + length > 8192)
				return false;
			for (unsigned i = 0; i < length && !out->failed; i++)
				buf_putc(out, out->ptr[out->len - back]);
		}
	}
	return !out->failed;
}

bool ovba_decompress(struct str in, struct buf *out)
{
	size_t at = 1;
	if (in.len < 3 || in.ptr[0] != 1)
		return false;
	while (at + 2 <= in.len) {
		unsigned head = le16(in, at);
		size_t size = (head & 0xfff) + 1;
		if ((head & 0x7000) != 0x3000)
			return out->len > 0;
		at += 2;
		size = size < in.len - at ? size : in.len - at;
		struct str chunk = { in.ptr + at, size };
		if (head & 0x8000) {
			if (!ovba_chunk(chunk, out))
				return out->len > 0;
		} else {
			buf_str(out, chunk);
		}
		at += size;
	}
	return out->len > 0;
}

/* A module's stream: what it was compiled to, then its source, which begins with "Attribute" (the first eight letters and a
 * flag byte between stand as they are). */
static void read_macro(struct walk *w, const char *name, struct str s)
{
	const char *p = s.len > 3 ? memmem(s.ptr + 3, s.len - 3, "\0Attribut", 9) : NULL;
	struct buf b;
	char text[64];
	if (!p || p[-3] != 1)
		return;
	buf_init(&b, 4 * MIB);
	snprintf(text, sizeof text, "%s.vba", name);
	if (ovba_decompress((struct str){ p - 3, s.len - (size_t)(p - 3 - s.ptr) }, &b))
		walk_member(w, text, buf_view(&b), false);
	buf_done(&b);
}

/* ---- passwords ---- */

/* BIFF: records of the workbook's globals, FilePass among the first. */
static bool xls_locked(struct str s)
{
	for (size_t at = 0, i = 0; i < 64 && at + 4 <= s.len; i++) {
		unsigned type = le16(s, at), len = le16(s, at + 2);
		if (type == 0x2f)
			return true;
		if (type == 0x0a)
			return false;
		at += 4 + len;
	}
	return false;
}

/* Names differ by more than case only (MS-CFB 2.6.4). */
static bool is_locked(const char *name, struct str s)
{
	if (strcasecmp(name, "EncryptedPackage") == 0)
		return true;
	if (strcasecmp(name, "WordDocument") == 0)
		return s.len > 12 && (le16(s, 10) & 0x0100);
	if (strcasecmp(name, "Workbook") == 0 || strcasecmp(name, "Book") == 0)
		return xls_locked(s);
	return false;
}

/* Streams of that name, the last one's entry. Of two, one of them in a storage, nobody knows which a program takes: what opens with the
 * one's key needn't be what the other's hides. */
static unsigned count_entries(struct str dir, const char *name, struct entry *ret)
{
	struct entry e;
	unsigned n = 0;
	for (uint32_t i = 0; entry_at(dir, i, &e); i++)
		if (e.kind == 2 && strcasecmp(e.name, name) == 0) {
			*ret = e;
			n++;
		}
	return n;
}

static bool find_entry(struct str dir, const char *name, struct entry *ret)
{
	return count_entries(dir, name, ret) == 1;
}

static bool find_stream(const struct cfb *c, struct str dir, const char *name, struct buf *b)
{
	struct entry e;
	if (!find_entry(dir, name, &e))
		return false;
	read_stream(c, &e, b);
	return true;
}

/* Where a sector of the mini stream lies in the file; "": nowhere. It doesn't cross the root's. */
static struct str mini_sector(const struct cfb *c, struct str dir, uint32_t n)
{
	struct entry root;
	uint64_t off = (uint64_t)n << c->mini_shift;
	if (!entry_at(dir, 0, &root))
		return STR("");
	uint32_t at = root.start;
	for (uint64_t i = 0; i < off >> c->shift && i <= c->n_sectors; i++)
		at = next_sector(c, at);
	struct str s = sector(c, at);
	size_t in = (size_t)(off & (((uint64_t)1 << c->shift) - 1)), size = (size_t)1 << c->mini_shift;
	return in >= s.len ? STR("") : (struct str){ s.ptr + in, s.len - in < size ? s.len - in : size };
}

/* Writes what a stream is now over what it was in a copy of the file. False: it is cut. */
static bool put_stream(const struct cfb *c, struct str dir, const char *name, struct str now, char *copy)
{
	struct entry e;
	size_t done = 0;
	struct str fat = buf_view(&c->mini_fat);
	if (now.len == 0)
		return true;
	if (!find_entry(dir, name, &e))
		return false;
	bool mini = e.size < c->cutoff;
	uint32_t n = e.start;
	for (uint32_t i = 0; n < END && done < now.len && i <= c->bytes.len >> c->mini_shift; i++) {
		struct str s = mini ? mini_sector(c, dir, n) : sector(c, n);
		size_t len = s.len < now.len - done ? s.len : now.len - done;
		if (len == 0)
			return false;
		memcpy(copy + (s.ptr - c->bytes.ptr), now.ptr + done, len);
		done += len;
		n = mini ? le32(fat, (size_t)n * 4) : next_sector(c, n);
	}
	return done == now.len;
}

/* Excel, Word or PowerPoint before 2007: the streams that its password hides (MS-XLS, MS-DOC, MS-PPT; macros of the former two stand beside them
 * in clear), written into a copy of the whole, so that all who know the format see a document. */
static bool open_streams(const struct cfb *c, struct str dir, const char *const names[3], const char *password, char *copy)
{
	struct buf in[3], out[3];
	struct entry e;
	bool ok = true, xls = !names[1], ppt = strcmp(names[0], "Current User") == 0;
	for (int i = 0; i < 3; i++) {
		buf_init(&in[i], STREAM_MAX);
		buf_init(&out[i], STREAM_MAX);
		if (names[i] && !find_stream(c, dir, names[i], &in[i]))
			ok = ok && count_entries(dir, names[i], &e) == 0;
	}
	const struct str s[3] = { buf_view(&in[0]), buf_view(&in[1]), buf_view(&in[2]) };
	enum locked r = ppt ? office97_ppt(s, password, out) : xls ? office97_xls(s[0], password, &out[0]) : office97_doc(s[0], s[1], s[2], password, out);
	for (int i = 0; i < 3; i++) {
		ok = ok && r == LOCKED_OPENED && put_stream(c, dir, names[i] ? names[i] : "", buf_view(&out[i]), copy);
		buf_done(&in[i]);
	}
	for (int i = 0; i < 3; i++)
		buf_done(&out[i]);
	return ok;
}

static bool unlock97(struct walk *w, const struct cfb *c, struct str dir)
{
	struct buf head, copy;
	const char *names[3] = { "WordDocument", NULL, "Data" };
	buf_init(&head, STREAM_MAX);
	buf_init(&copy, c->bytes.len);
	if (find_stream(c, dir, names[0], &head)) {
		names[1] = office97_table(buf_view(&head));
	} else if (find_stream(c, dir, "Current User", &head)) {
		names[0] = "Current User";
		names[1] = "PowerPoint Document";
		names[2] = "Pictures";
	} else {
		names[0] = find_stream(c, dir, "Workbook", &head) ? "Workbook" : "Book";
		names[2] = NULL;
	}
	buf_str(&copy, c->bytes);
	bool ok = *walk_password(w) && !copy.failed && open_streams(c, dir, names, walk_password(w), copy.ptr);
	if (ok)
		walk_member(w, "opened", buf_view(&copy), true);
	buf_done(&head);
	buf_done(&copy);
	return ok;
}

/* A document of Office behind a password that was told: what is in it, which is a package of Office's (ECMA-376 part 2, a zip). What isn't one
 * was opened with another key than Office would use: who writes the document may say two, one of them where only we look. False: it stays
 * closed. */
static bool unlock(struct walk *w, const struct cfb *c, struct str dir, struct str package)
{
	struct buf info, out;
	buf_init(&info, MIB);
	buf_init(&out, STREAM_MAX);
	bool ok = *walk_password(w) && find_stream(c, dir, "EncryptionInfo", &info) &&
	          locked_open(buf_view(&info), package, walk_password(w), &out) == LOCKED_OPENED && str_starts(buf_view(&out), STR("PK\3\4"));
	if (ok)
		walk_member(w, "EncryptedPackage", buf_view(&out), true);
	buf_done(&info);
	buf_done(&out);
	return ok;
}

/* ---- what streams hold ---- */

static size_t skip_text(struct str s, size_t at)
{
	while (at < s.len && s.ptr[at])
		at++;
	return at + 1;
}

/* size, flags, label, path, two numbers, length and text of a temporary path, then the file. */
static bool read_package(struct walk *w, struct str s)
{
	size_t label = 6, at = skip_text(s, label);
	char name[128];
	at = skip_text(s, at) + 4;
	uint32_t n = le32(s, at);
	if (n > s.len || at + 4 + n > s.len)
		return false;
	at += 4 + n;
	uint32_t size = le32(s, at);
	if (at + 4 > s.len || size > s.len - at - 4)
		return false;
	snprintf(name, sizeof name, "%.*s", (int)strnlen(s.ptr + label, s.len - label), s.ptr + label);
	walk_member(w, name[0] ? name : "package", (struct str){ s.ptr + at + 4, size }, false);
	return true;
}

/* What is embedded in a presentation, its macros too: compound files in records of their own (MS-PPT 2.10.34), as they are or by zlib behind
 * their length. They are found by a directory, in any order and with anything between; so we look for what begins like one. */
static void read_embedded(struct walk *w, struct str s)
{
	for (const char *p = s.ptr; (p = memmem(p, s.len - (size_t)(p - s.ptr), "\0\x11\x10", 3)) && !walk_over(w); p++) {
		size_t at = (size_t)(p - s.ptr), n = le32(s, at + 3);
		if (at == 0 || at + 11 > s.len || n < 8 || n > s.len - at - 7)
			continue;
		struct str bytes = { p + 7, n };
		struct buf b;
		buf_init(&b, EMBEDDED_MAX);
		bool packed = (unsigned char)p[-1] == 0x10 && bytes.ptr[4] == 0x78 && (flate_all((struct str){ bytes.ptr + 4, n - 4 }, FLATE_ZLIB, &b) || b.len);
		if (b.failed) /* programs read on */
			walk_note(w, WALK_BEYOND, "too large inside", "embedded");
		if (packed)
			walk_member(w, "embedded", buf_view(&b), true);
		else if (p[-1] == 0 && part_matters(part_type(bytes)))
			walk_member(w, "embedded", bytes, true);
		buf_done(&b);
	}
}

/* A presentation that only one of its two streams calls locked is so too: programs go by the other. */
static bool ppt_locked(const struct cfb *c, struct str dir, struct str user)
{
	struct buf document;
	buf_init(&document, STREAM_MAX);
	find_stream(c, dir, "PowerPoint Document", &document);
	bool locked = office97_ppt_locked(user, buf_view(&document));
	buf_done(&document);
	return locked;
}

static void look_at_stream(struct walk *w, const struct entry *e, struct str s, bool locked)
{
	if (locked)
		walk_note(w, WALK_ENCRYPTED, "encrypted", e->name);
	if (strcasecmp(e->name, "PowerPoint Document") == 0)
		read_embedded(w, s);
	if (strcmp(e->name, "\1Ole10Native") == 0 && read_package(w, s))
		return;
	read_macro(w, e->name, s);
	if (part_matters(part_type(s)))
		walk_member(w, e->name, s, false);
}

void ole_read(struct walk *w, struct str bytes)
{
	struct cfb c;
	struct entry e;
	struct buf dir;
	buf_init(&dir, ENTRIES * 128);
	bool ok = cfb_open(&c, bytes, &dir), opened = ok && *walk_password(w) && unlock97(w, &c, buf_view(&dir));
	for (uint32_t i = 0; ok && !walk_over(w) && entry_at(buf_view(&dir), i, &e); i++) {
		struct buf b;
		if (e.kind != 2 || e.size < 4)
			continue;
		buf_init(&b, STREAM_MAX);
		read_stream(&c, &e, &b);
		bool is_user = strcasecmp(e.name, "Current User") == 0;
		if (strcasecmp(e.name, "EncryptedPackage") != 0 || !unlock(w, &c, buf_view(&dir), buf_view(&b)))
			look_at_stream(w, &e, buf_view(&b), !opened && (is_locked(e.name, buf_view(&b)) || (is_user && ppt_locked(&c, buf_view(&dir), buf_view(&b)))));
		buf_done(&b);
	}
	if (!ok)
		walk_note(w, WALK_BEYOND, "broken", NULL);
	cfb_done(&c);
	buf_done(&dir);
}
