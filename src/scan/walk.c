/* See walk.h. One member is open at a time on each level, in a memfd: it can be mapped, matched and passed on, and goes
 * away by itself. */
#include "scan/walk.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "scan/archive.h"
#include "scan/locked.h"
#include "scan/parts.h"

#include <fcntl.h>
#include <iconv.h>
#include <locale.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <sys/mman.h>

struct level {
	struct level *above;
	char name[WALK_NAME]; /* the container's own */
	unsigned depth;       /* of its members */
	/* the member being read */
	char member[WALK_NAME];
	bool member_blind;
	int fd;               /* -1: none */
	uint64_t size;
};

struct walk {
	struct walk_limits limits;
	const struct walk_about *about;
	const struct walk_ops *ops;
	struct walk_result *r;
	struct level *level;
	uint64_t file_size;
	bool stop;
};

static iconv_t from_cp932 = (iconv_t)-1, to_cp932 = (iconv_t)-1;

/* ---- names ---- */

/* Zip made in Japan says nothing of its names' encoding, and means CP932. */
static size_t to_utf8(struct str in, char *dst, size_t size)
{
	char *src = (char *)(uintptr_t)in.ptr, *out = dst;
	size_t left = in.len, room = size;
	if (from_cp932 == (iconv_t)-1 || str_is_utf8(in))
		return 0;
	iconv(from_cp932, NULL, NULL, NULL, NULL);
	return iconv(from_cp932, &src, &left, &out, &room) == (size_t)-1 ? 0 : size - room;
}

static struct str last_of(struct str s, size_t max)
{
	size_t skip = s.len > max ? s.len - max : 0;
	while (skip && skip < s.len && ((unsigned char)s.ptr[skip] & 0xc0) == 0x80)
		skip++;
	return (struct str){ s.ptr + skip, s.len - skip };
}

/* dst: above/name, its end when that is long. */
static void join_name(const char *above, struct str name, char dst[WALK_NAME])
{
	char utf8[3 * WALK_NAME], whole[4 * WALK_NAME];
	name = last_of(name, WALK_NAME);
	size_t n = to_utf8(name, utf8, sizeof utf8);
	if (n)
		name = (struct str){ utf8, n };
	snprintf(whole, sizeof whole, "%s%s" STR_FMT, above, *above ? "/" : "", STR_ARG(name));
	struct str s = last_of(str_from(whole), WALK_NAME - 1);
	bool utf = str_is_utf8(s);
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		dst[i] = c < 0x20 || c == 0x7f || (c >= 0x80 && !utf) ? '?' : (char)c;
	}
	dst[s.len] = 0;
}

/* ---- what is found ---- */

/* Malicious is worse than encrypted, and that is told before what is only beyond us. */
void walk_note(struct walk *w, unsigned what, const char *reason, const char *name)
{
	bool tell = (w->r->found & (what | (what - 1))) == 0;
	w->r->found |= what;
	if (!tell)
		return;
	const char *above = w->level ? w->level->name : "";
	snprintf(w->r->reason, sizeof w->r->reason, "%s", reason);
	join_name(above, str_from(name ? name : ""), w->r->where);
	size_t n = strlen(w->r->where);
	if (!name && n && w->r->where[n - 1] == '/')
		w->r->where[n - 1] = 0;
}

bool walk_over(const struct walk *w)
{
	return w->stop;
}

const char *walk_password(const struct walk *w)
{
	return w->about->password;
}

bool walk_password_cp932(const struct walk *w, char dst[WALK_PASSWORD])
{
	char *src = (char *)(uintptr_t)w->about->password, *out = dst;
	size_t left = strlen(src), room = WALK_PASSWORD - 1;
	if (to_cp932 == (iconv_t)-1)
		return false;
	iconv(to_cp932, NULL, NULL, NULL, NULL);
	if (iconv(to_cp932, &src, &left, &out, &room) == (size_t)-1)
		return false;
	*out = 0;
	return strcmp(dst, w->about->password) != 0;
}

static int over(struct walk *w, const char *reason)
{
	walk_note(w, WALK_BEYOND, reason, NULL);
	w->stop = true;
	return -E_LIMIT;
}

static int spend(struct walk *w, size_t n)
{
	w->r->bytes += n;
	if (w->r->bytes > w->limits.bytes)
		return over(w, "too large inside");
	if (w->r->bytes > WALK_RATIO_FROM && w->r->bytes / w->limits.ratio > w->file_size)
		return over(w, "ratio");
	if (w->limits.deadline_ms && clock_mono_ms() > w->limits.deadline_ms)
		return over(w, "time");
	return 0;
}

/* ---- a file, and what is in it ---- */

bool part_matters(enum file_type type)
{
	return type > TYPE_TEXT && type < TYPE_PNG && type != TYPE_XML && type != TYPE_PEM;
}

static void into(struct walk *w, struct str bytes, enum file_type type)
{
	switch (type) {
	case TYPE_OLE: case TYPE_DOC: case TYPE_XLS: case TYPE_PPT: case TYPE_MSI: case TYPE_MSG: case TYPE_JTD: case TYPE_HWP:
		ole_read(w, bytes);
		archive_read_appended(w, bytes, true);
		return;
	case TYPE_PDF:
		pdf_read(w, bytes);
		break;
	case TYPE_FORM:
		form_read(w, bytes);
		break;
	case TYPE_ARJ:
		arj_read(w, bytes);
		return;
	case TYPE_ACE: case TYPE_WIM: case TYPE_XAR: /* nobody here opens them; libarchive 3.6 turns for ever in some of xar */
		walk_note(w, WALK_BEYOND, file_type_name(type), NULL);
		return;
	case TYPE_HTML: case TYPE_SVG: case TYPE_XML: case TYPE_TEXT: case TYPE_MAIL: case TYPE_SCRIPT: case TYPE_PHP: case TYPE_BAT: case TYPE_VBA:
		smuggled_read(w, bytes, type == TYPE_MAIL);
		break;
	default:
		if (archive_opens(type)) {
			archive_read_all(w, type, bytes);
			return;
		}
	}
	archive_read_appended(w, bytes, false);
}

/* Opens a level below. Nothing is opened past the last one, and that is said. */
static void look_inside(struct walk *w, const char *name, unsigned depth, struct str bytes, enum file_type type)
{
	struct level *above = w->level;
	struct level *l = mem_alloc(sizeof *l);
	if (!l) {
		over(w, "memory");
		return;
	}
	l->above = above;
	l->depth = depth;
	l->fd = -1;
	snprintf(l->name, sizeof l->name, "%s", name);
	w->level = l;
	if (depth <= w->limits.depth)
		into(w, bytes, type);
	else if (part_matters(type) && type != TYPE_HTML)
		walk_note(w, WALK_BEYOND, "depth", NULL);
	walk_member_drop(w);
	w->level = above;
	mem_free(l);
}

enum file_type part_type(struct str s)
{
	size_t n = s.len < TYPE_WINDOW ? s.len : TYPE_WINDOW;
	return file_type_of((struct str){ s.ptr, n }, (struct str){ s.ptr + s.len - n, n });
}

static void matched(struct walk *w, const char *rule, const char *name)
{
	if (w->r->found & WALK_MALICIOUS)
		return;
	w->r->found |= WALK_MALICIOUS;
	snprintf(w->r->reason, sizeof w->r->reason, "%s", rule);
	snprintf(w->r->where, sizeof w->r->where, "%s", name);
	w->stop = true;
}

static void look_at(struct walk *w, const struct walk_member *m)
{
	char rule[WALK_REASON] = "";
	const char *name = m->depth ? m->name : w->about->name;
	int hit = w->ops->match ? w->ops->match(m->bytes, m->type, name, rule, w->ops->user) : 0;
	if (m->depth)
		w->r->inside |= file_type_groups(m->type);
	if (hit > 0)
		matched(w, rule, m->name);
	else if (hit < 0)
		over(w, "rules take too long");
	if (m->depth && w->ops->member && w->ops->member(m, w->ops->user) != 0)
		matched(w, "", m->name);
	if (!w->stop)
		look_inside(w, m->name, m->depth + 1, m->bytes, m->type);
}

/* ---- members ---- */

int walk_member_begin(struct walk *w, const char *name, size_t n, bool blind)
{
	struct level *l = w->level;
	if (++w->r->files > w->limits.files)
		return over(w, "too many files");
	walk_member_drop(w);
	join_name(l->name, (struct str){ name, n }, l->member);
	l->member_blind = blind;
	l->size = 0;
	l->fd = memfd_create("member", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return l->fd < 0 ? over(w, "memory") : 0;
}

int walk_member_put(struct walk *w, const void *p, size_t n)
{
	struct level *l = w->level;
	int r = spend(w, n);
	if (r == 0 && fs_write_all(l->fd, p, n, NULL) < 0)
		r = over(w, "memory");
	l->size += r == 0 ? n : 0;
	return r;
}

void walk_member_drop(struct walk *w)
{
	if (w->level->fd >= 0)
		close(w->level->fd);
	w->level->fd = -1;
}

static int look_at_mapped(struct walk *w, void *map)
{
	struct level *l = w->level;
	struct walk_member m = { .name = l->member, .depth = l->depth, .bytes = { map, l->size }, .fd = l->fd, .blind = l->member_blind };
	SHA256(map, l->size, m.sha256);
	m.type = part_type(m.bytes);
	look_at(w, &m);
	return w->stop ? -E_LIMIT : 0;
}

int walk_member_end(struct walk *w)
{
	struct level *l = w->level;
	if (l->size == 0 || w->stop) {
		walk_member_drop(w);
		return w->stop ? -E_LIMIT : 0;
	}
	fcntl(l->fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK);
	void *map = mmap(NULL, l->size, PROT_READ, MAP_PRIVATE, l->fd, 0);
	if (map == MAP_FAILED)
		return over(w, "memory");
	int r = look_at_mapped(w, map);
	munmap(map, l->size);
	walk_member_drop(w);
	return r;
}

int walk_member(struct walk *w, const char *name, struct str bytes, bool blind)
{
	int r = walk_member_begin(w, name, strlen(name), blind);
	r = r < 0 ? r : walk_member_put(w, bytes.ptr, bytes.len);
	return r < 0 ? r : walk_member_end(w);
}

/* ---- all of it ---- */

void walk_prepare(void)
{
	unsigned char sha[32];
	setlocale(LC_CTYPE, "C.UTF-8");
	if (from_cp932 == (iconv_t)-1)
		from_cp932 = iconv_open("UTF-8", "CP932");
	if (to_cp932 == (iconv_t)-1)
		to_cp932 = iconv_open("CP932", "UTF-8");
	SHA256((const unsigned char *)"", 0, sha);
	locked_prepare();
	pdf_prepare();
}

void walk(struct str file, const struct walk_about *about, const struct walk_limits *limits, const struct walk_ops *ops, struct walk_result *ret)
{
	struct walk w = { .limits = *limits, .about = about, .ops = ops, .r = ret, .file_size = file.len };
	struct walk_member m = { .name = "", .bytes = file, .fd = -1 };
	*ret = (struct walk_result){ 0 };
	if (file.len == 0)
		return;
	m.type = part_type(file);
	look_at(&w, &m);
}
