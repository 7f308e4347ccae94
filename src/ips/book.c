/* See book.h. Stands between a source of signatures and what a description may pin: `toride ips rules` reads and writes books, torided
 * only counts how long one was in force (apply/trials.h). */
#include "ips/book.h"

#include "base/map.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <yyjson.h>

#define HEAD "# toride-ips 1 "
#define MARKED UINT32_MAX /* in line: book_trial_time() gives it nothing more; book_judge() takes it out */
#define LINES_OF_EVE_MAX (64u * 1024)

bool book_is(struct str text)
{
	return str_starts(text, STR(HEAD));
}

bool book_source_ok(struct str name)
{
	for (size_t i = 0; i < name.len; i++)
		if (!name.ptr[i] || !strchr("abcdefghijklmnopqrstuvwxyz0123456789-", name.ptr[i]))
			return false;
	return name.len > 0 && name.len <= 32;
}

static int begin(struct book *b, struct str text)
{
	size_t lines = 1;
	*b = (struct book){ .n = 0 };
	arena_init(&b->arena, 1024u * MIB);
	for (size_t i = 0; i < text.len; i++)
		lines += text.ptr[i] == '\n';
	b->list = arena_array(&b->arena, lines, sizeof *b->list);
	b->refused = arena_array(&b->arena, lines, sizeof *b->refused);
	return b->list && b->refused ? 0 : -E_NOMEM;
}

void book_done(struct book *b)
{
	arena_done(&b->arena);
	*b = (struct book){ .n = 0 };
}

/* One word of a line: what it is told of may be anybody's text. */
static const char *clean(struct book *b, struct str s, size_t max, bool blanks)
{
	char *t;
	if (s.len > max)
		s.len = max;
	while (s.len && ((unsigned char)s.ptr[s.len - 1] & 0xc0) == 0x80)
		s.len--; /* not in the middle of a character */
	t = arena_strdup(&b->arena, s);
	for (char *c = t; c && *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f || (!blanks && *c == ' '))
			*c = blanks ? ' ' : '_';
	return t && *t && str_is_utf8(str_from(t)) ? t : "-";
}

static int refuse(struct book *b, uint32_t sid, uint32_t rev, struct str where, struct str words)
{
	struct book_refusal *r = &b->refused[b->n_refused];
	*r = (struct book_refusal){ sid, rev, clean(b, where, 100, false), clean(b, words, 200, true) };
	b->n_refused++;
	return r->where && r->words ? 0 : -E_NOMEM;
}

static int by_sid(const void *a, const void *b)
{
	const struct book_entry *x = a, *y = b;
	if (x->rule.sid != y->rule.sid)
		return x->rule.sid < y->rule.sid ? -1 : 1;
	if (x->stage != y->stage)
		return x->stage == IPS_STAGE_DROP ? -1 : 1;
	return x->line < y->line ? -1 : x->line > y->line;
}

static void sort(struct book *b)
{
	qsort(b->list, b->n, sizeof *b->list, by_sid);
}

/* ---- from a source ---- */

static int import_line(struct book *b, struct str line, uint32_t number)
{
	struct book_entry *e = &b->list[b->n];
	struct err why = { 0 };
	char where[24];
	line = str_trim(line);
	if (line.len && line.ptr[line.len - 1] == '\r')
		line.len--;
	if (!line.len || line.ptr[0] == '#')
		return 0;
	if (ips_rule_parse(line, &e->rule, &why) == 0 && e->rule.sid >= IPS_OWN_SID && e->rule.sid < IPS_OWN_SID_END)
		err_set(&why, E_INVALID, "", "its sid is one of those that are kept for our own signatures");
	if (!why.code) {
		e->line = number;
		e->stage = IPS_STAGE_TRIAL;
		b->n++;
		return 0;
	}
	snprintf(where, sizeof where, "line-%u", number);
	return refuse(b, e->rule.sid, e->rule.sid ? e->rule.rev : 0, str_from(where), str_from(why.msg));
}

/* The first of each number stands. */
static int drop_doubles(struct book *b)
{
	size_t kept = 0;
	int r = 0;
	sort(b);
	for (size_t i = 0; r == 0 && i < b->n; i++) {
		if (kept && b->list[kept - 1].rule.sid == b->list[i].rule.sid) {
			char where[24];
			snprintf(where, sizeof where, "line-%u", b->list[i].line);
			r = refuse(b, b->list[i].rule.sid, b->list[i].rule.rev, str_from(where), STR("its sid is another rule's"));
		} else {
			b->list[kept++] = b->list[i];
		}
	}
	b->n = kept;
	return r;
}

int book_import(struct str input, const char *source, struct book *b, struct err *err)
{
	unsigned char sum[SHA256_LEN];
	struct str rest = input, line;
	uint32_t number = 0;
	int r = begin(b, input);
	snprintf(b->source, sizeof b->source, "%s", source);
	hash_sha256(input.ptr, input.len, sum);
	hex_format(sum, sizeof sum, b->input);
	while (r == 0 && rest.len && str_next(&rest, '\n', &line))
		r = import_line(b, line, ++number);
	r = r < 0 ? r : drop_doubles(b);
	if (r < 0)
		return err_set(err, (enum err_code)-r, source, "no memory");
	if (b->n > BOOK_RULES_MAX)
		return err_set(err, E_LIMIT, source, "more than %u rules", BOOK_RULES_MAX);
	return b->n ? 0 : err_set(err, E_INVALID, source, "no rule of it is one that is taken: %s", b->n_refused ? b->refused[0].words : "it holds none");
}

/* ---- a book ---- */

static int parse_head(struct book *b, struct str line, struct err *err)
{
	struct str word;
	unsigned char hex[SHA256_LEN];
	line = (struct str){ line.ptr + sizeof HEAD - 1, line.len - (sizeof HEAD - 1) };
	bool ok = str_next(&line, ' ', &word) && book_source_ok(word) && str_copy(word, b->source, sizeof b->source);
	ok = ok && str_next(&line, ' ', &word) && hex_parse(word, hex, sizeof hex) && str_copy(word, b->input, sizeof b->input);
	ok = ok && str_next(&line, ' ', &word) && (str_eq(word, STR("-")) || (hex_parse(word, hex, sizeof hex) && str_copy(word, b->before, sizeof b->before)));
	return ok && !line.len ? 0 : err_set(err, E_INVALID, "line 1", "not the head of a book of signatures");
}

static int parse_refused(struct book *b, struct str rest)
{
	struct str sid, rev, where;
	uint64_t n = 0, v = 0;
	if (!str_next(&rest, ' ', &sid) || !str_next(&rest, ' ', &rev) || !str_next(&rest, ' ', &where) || !str_to_u64(sid, UINT32_MAX, &n) ||
	    !str_to_u64(rev, UINT32_MAX, &v))
		return -E_INVALID;
	return refuse(b, (uint32_t)n, (uint32_t)v, where, rest);
}

static int parse_line(struct book *b, struct str line, struct err *err)
{
	struct book_entry *e = &b->list[b->n];
	bool act = str_starts(line, STR("#act ")), trial = str_starts(line, STR("#trial "));
	if (str_starts(line, STR("#refused ")))
		return parse_refused(b, (struct str){ line.ptr + 9, line.len - 9 }) < 0 ? err_set(err, E_INVALID, "", "a refusal that isn't one") : 0;
	if (!act && !trial)
		return 0; /* copies, made anew when it is written */
	size_t head = act ? 5 : 7;
	int r = ips_rule_parse((struct str){ line.ptr + head, line.len - head }, &e->rule, err);
	e->stage = act ? IPS_STAGE_DROP : IPS_STAGE_TRIAL;
	b->n += r == 0;
	return r;
}

int book_parse(struct str text, struct book *b, struct err *err)
{
	struct str rest = text, line;
	char place[24];
	uint32_t number = 1;
	int r = begin(b, text);
	if (r < 0)
		return err_set(err, E_NOMEM, "", "no memory");
	if (!book_is(text) || !str_next(&rest, '\n', &line))
		return err_set(err, E_INVALID, "line 1", "not a book of signatures");
	r = parse_head(b, line, err);
	while (r == 0 && rest.len && str_next(&rest, '\n', &line)) {
		number++;
		r = parse_line(b, line, err);
		if (r < 0 && err) {
			snprintf(place, sizeof place, "line %u", number);
			snprintf(err->path, sizeof err->path, "%s", place);
		}
	}
	sort(b);
	return r < 0 ? r : b->n > BOOK_RULES_MAX ? err_set(err, E_LIMIT, "", "more than %u rules", BOOK_RULES_MAX) : 0;
}

void book_format(const struct book *b, struct buf *out)
{
	buf_printf(out, HEAD "%s %s %s\n", b->source, b->input, b->before[0] ? b->before : "-");
	for (size_t i = 0; i < b->n_refused; i++)
		buf_printf(out, "#refused %u %u %s %s\n", b->refused[i].sid, b->refused[i].rev, b->refused[i].where, b->refused[i].words);
	for (size_t i = 0; i < b->n; i++) {
		const struct book_entry *e = &b->list[i];
		buf_printf(out, "#%s " STR_FMT "\n", e->stage == IPS_STAGE_DROP ? "act" : "trial", STR_ARG(e->rule.text));
		ips_rule_emit(&e->rule, e->stage, out);
	}
}

struct book_entry *book_find(const struct book *b, uint32_t sid, enum ips_stage stage)
{
	const struct book_entry key = { .rule = { .sid = sid }, .stage = stage };
	size_t low = 0, high = b->n;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (by_sid(&b->list[mid], &key) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low < b->n && b->list[low].rule.sid == sid && b->list[low].stage == stage ? &b->list[low] : NULL;
}

size_t book_count(const struct book *b, enum ips_stage stage)
{
	size_t n = 0;
	for (size_t i = 0; i < b->n; i++)
		n += b->list[i].stage == stage;
	return n;
}

/* ---- stages ---- */

int book_carry(struct book *b, const struct book *before, const char *before_hex)
{
	/* Room for those that stay beside their successors. */
	struct book_entry *list = arena_array(&b->arena, 2 * b->n + 1, sizeof *list);
	size_t n = 0;
	if (!list)
		return -E_NOMEM;
	for (size_t i = 0; i < b->n; i++) {
		const struct book_entry *acts = book_find(before, b->list[i].rule.sid, IPS_STAGE_DROP);
		struct book_entry e = b->list[i];
		if (acts && str_eq(acts->rule.text, e.rule.text))
			e.stage = IPS_STAGE_DROP;
		else if (acts) {
			list[n] = *acts;
			list[n++].line = 0;
		}
		list[n++] = e;
	}
	b->list = list;
	b->n = n;
	sort(b);
	snprintf(b->before, sizeof b->before, "%s", before_hex);
	return n > BOOK_RULES_MAX ? -E_LIMIT : 0;
}

void book_trial_time(struct book *b, const struct book *older, uint64_t seconds)
{
	for (size_t i = 0; i < b->n; i++) {
		struct book_entry *e = &b->list[i];
		const struct book_entry *o = e->stage == IPS_STAGE_TRIAL && e->line != MARKED ? book_find(older, e->rule.sid, IPS_STAGE_TRIAL) : NULL;
		if (o && str_eq(o->rule.text, e->rule.text))
			e->trial_s += seconds;
		else
			e->line = MARKED;
	}
}

static void take_out(struct book *b, struct book_entry *e)
{
	size_t at = (size_t)(e - b->list);
	memmove(e, e + 1, (b->n - at - 1) * sizeof *e);
	b->n--;
}

bool book_promote(struct book *b, uint32_t sid)
{
	struct book_entry *e = book_find(b, sid, IPS_STAGE_TRIAL), *was = book_find(b, sid, IPS_STAGE_DROP);
	if (!e)
		return false;
	e->stage = IPS_STAGE_DROP;
	if (was)
		take_out(b, was);
	return true;
}

bool book_demote(struct book *b, uint32_t sid)
{
	struct book_entry *e = book_find(b, sid, IPS_STAGE_DROP);
	if (!e || book_find(b, sid, IPS_STAGE_TRIAL))
		return false;
	e->stage = IPS_STAGE_TRIAL;
	return true;
}

/* ---- the trial by captures ---- */

void book_format_try(const struct book *b, struct buf *out)
{
	for (size_t i = 0; i < b->n; i++)
		ips_rule_emit_try(&b->list[i].rule, b->list[i].stage, out);
}

/* Line → entry, of what book_format_try() wrote. */
static struct book_entry *at_line(const struct book *b, uint64_t line, const uint32_t *first)
{
	size_t low = 0, high = b->n;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (first[mid + 1] <= line)
			low = mid + 1;
		else
			high = mid;
	}
	return low < b->n ? &b->list[low] : NULL;
}

static uint32_t *first_lines(struct book *b)
{
	uint32_t *first = arena_array(&b->arena, b->n + 1, sizeof *first), line = 1;
	struct buf text;
	buf_init(&text, MIB);
	for (size_t i = 0; first && i < b->n; i++) {
		buf_reset(&text);
		first[i] = line;
		ips_rule_emit_try(&b->list[i].rule, b->list[i].stage, &text);
		for (size_t k = 0; k < text.len; k++)
			line += text.ptr[k] == '\n';
	}
	if (first)
		first[b->n] = line;
	buf_done(&text);
	return first;
}

/* A refused entry is marked first: lines and places must not move while they are read. */
static int mark(struct book *b, struct book_entry *e, struct str where, struct str words)
{
	if (!e || e->line == MARKED)
		return 0;
	e->line = MARKED;
	return refuse(b, e->rule.sid, e->rule.rev, where, words);
}

/* "E: detect-parse: WORDS" and below it "E: detect: error parsing signature "…" from file F at line N". */
static int judge_said(struct book *b, struct str said, const uint32_t *first)
{
	struct str line, words = STR("it can't be read"), tail = { NULL, 0 };
	int r = 0;
	while (r == 0 && said.len && str_next(&said, '\n', &line)) {
		uint64_t n = 0;
		const char *at = line.len > 9 ? memrchr(line.ptr, ' ', line.len) : NULL;
		bool names_line = at && at - line.ptr > 8 && memcmp(at - 8, " at line", 8) == 0;
		tail = (struct str){ at ? at + 1 : NULL, at ? (size_t)(line.ptr + line.len - at - 1) : 0 };
		if (names_line && str_starts(line, STR("E: detect: error parsing signature")) && str_to_u64(tail, UINT32_MAX, &n))
			r = mark(b, at_line(b, n, first), STR("engine"), words);
		else if (str_starts(line, STR("E: ")))
			words = (struct str){ line.ptr + 3, line.len - 3 };
	}
	return r;
}

static int judge_alert(struct book *b, yyjson_val *root)
{
	yyjson_val *alert = yyjson_obj_get(root, "alert"), *file = yyjson_obj_get(root, "pcap_filename");
	uint64_t gid = yyjson_get_uint(yyjson_obj_get(alert, "gid")), sid = yyjson_get_uint(yyjson_obj_get(alert, "signature_id"));
	struct str name = { yyjson_is_str(file) ? yyjson_get_str(file) : "capture", yyjson_is_str(file) ? yyjson_get_len(file) : 7 };
	const char *slash = memrchr(name.ptr, '/', name.len);
	if (slash)
		name = (struct str){ slash + 1, (size_t)(name.ptr + name.len - slash - 1) };
	if (!alert || sid > UINT32_MAX)
		return 0;
	return mark(b, book_find(b, (uint32_t)sid, gid % 3 == IPS_GID_TRIAL % 3 ? IPS_STAGE_TRIAL : IPS_STAGE_DROP), name, STR("it speaks of clean traffic"));
}

static int judge_eve(struct book *b, struct str eve)
{
	struct str line;
	int r = 0;
	while (r == 0 && eve.len && str_next(&eve, '\n', &line)) {
		yyjson_doc *doc = line.len <= LINES_OF_EVE_MAX ? yyjson_read(line.ptr, line.len, 0) : NULL;
		r = doc ? judge_alert(b, yyjson_doc_get_root(doc)) : 0;
		yyjson_doc_free(doc);
	}
	return r;
}

int book_judge(struct book *b, struct str said, struct str eve)
{
	const uint32_t *first = first_lines(b);
	/* Beside those of the input there may be one more for each entry. */
	struct book_refusal *all = arena_array(&b->arena, b->n_refused + b->n + 1, sizeof *all);
	size_t kept = 0;
	if (!first || !all)
		return -E_NOMEM;
	memcpy(all, b->refused, b->n_refused * sizeof *all);
	b->refused = all;
	for (size_t i = 0; i < b->n; i++)
		b->list[i].line = 0;
	int r = judge_said(b, said, first);
	r = r < 0 ? r : judge_eve(b, eve);
	for (size_t i = 0; i < b->n; i++)
		if (b->list[i].line != MARKED)
			b->list[kept++] = b->list[i];
	b->n = kept;
	return r;
}
