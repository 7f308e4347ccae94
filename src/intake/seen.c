/* See seen.h. */
#include "intake/seen.h"

#include "base/mem.h"
#include "normalise/event.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>

#define BOOT_TEXT 17 /* hex and a space, before the source: the key */
#define KEY_TEXT (BOOT_TEXT + SEEN_SOURCE_TEXT)

static struct str source_of(struct str key)
{
	return (struct str){ key.ptr + BOOT_TEXT, key.len - BOOT_TEXT };
}

void seen_init(struct seen *s)
{
	s->uses = 0;
	map_init(&s->by_source, SEEN_SOURCES);
}

void seen_done(struct seen *s)
{
	void *v;
	for (size_t i = 0; map_next(&s->by_source, &i, NULL, &v);) {
		mem_free(((struct seen_source *)v)->window);
		mem_free(v);
	}
	map_done(&s->by_source);
}

/* ---- one sender's numbers ---- */

static bool bit(const struct seen_source *k, uint64_t at)
{
	return k->window[at / 64] >> at % 64 & 1;
}

bool seen_has(const struct seen_source *k, uint64_t sequence)
{
	if (sequence <= k->base || !k->window)
		return sequence <= k->base;
	return sequence <= k->sequence && bit(k, sequence - k->base - 1);
}

static void close_window(struct seen_source *k)
{
	mem_free(k->window);
	k->window = NULL;
	k->base = k->sequence;
}

void seen_take(struct seen_source *k, uint64_t sequence)
{
	if (sequence > k->sequence) {
		k->sequence = sequence;
		close_window(k);
	} else if (k->window && sequence > k->base) {
		k->window[(sequence - k->base - 1) / 64] |= 1ull << (sequence - k->base - 1) % 64;
	}
}

/* Moves the window up so that `sequence` is in it: what falls out is too old to be sent again. */
static void slide(struct seen_source *k, uint64_t sequence)
{
	const size_t half = SEEN_WINDOW / 2 / 64;
	uint64_t steps = (sequence - k->base - 1) / (SEEN_WINDOW / 2) - 1; /* into the upper half */
	if (steps == 1)
		memcpy(k->window, k->window + half, half * 8);
	else
		memset(k->window, 0, half * 8);
	memset(k->window + half, 0, half * 8);
	k->base += steps * (SEEN_WINDOW / 2);
}

/* A source's oldest boot goes when there are too many: the last few can still be under way or in the segments. */
static void forget_oldest(struct seen *s, struct str source)
{
	struct seen_source *oldest = NULL;
	struct str key, oldest_key = { "", 0 };
	size_t n = 0;
	void *v;
	for (size_t i = 0; map_next(&s->by_source, &i, &key, &v);) {
		struct seen_source *k = v;
		if (!str_eq(source_of(key), source))
			continue;
		n++;
		if (!oldest || k->used < oldest->used)
			oldest = k, oldest_key = key;
	}
	if (n < SEEN_BOOTS)
		return;
	map_del(&s->by_source, oldest_key);
	mem_free(oldest->window);
	mem_free(oldest);
}

/* "%016llx %s", without the price of a format: it is made for each event. */
static void make_key(char key[KEY_TEXT], const char *source, uint64_t boot)
{
	const uint64_t big = htobe64(boot);
	hex_format(&big, sizeof big, key);
	key[BOOT_TEXT - 1] = ' ';
	str_clip(source, key + BOOT_TEXT, SEEN_SOURCE_TEXT);
}

struct seen_source *seen_get(struct seen *s, const char *source, uint64_t boot)
{
	char key[KEY_TEXT];
	make_key(key, source, boot);
	struct seen_source *k = map_get(&s->by_source, str_from(key));
	if (!k) {
		forget_oldest(s, str_from(source));
		k = mem_alloc(sizeof *k);
		if (!k)
			return NULL;
		if (map_put(&s->by_source, str_from(key), k) < 0) {
			mem_free(k);
			return NULL;
		}
	}
	k->used = ++s->uses;
	return k;
}

static bool hex_u64(struct str s, uint64_t *ret)
{
	unsigned char b[8];
	if (!hex_parse(s, b, sizeof b))
		return false;
	*ret = 0;
	for (size_t i = 0; i < sizeof b; i++)
		*ret = *ret << 8 | b[i];
	return true;
}

/* whole: everything up to it, too. */
static void note(struct seen *s, struct str source, struct str boot_text, uint64_t sequence, bool whole)
{
	char name[SEEN_SOURCE_TEXT];
	uint64_t boot;
	if (!str_copy(source, name, sizeof name) || !hex_u64(boot_text, &boot))
		return;
	struct seen_source *k = seen_get(s, name, boot);
	if (!k || sequence <= k->base)
		return;
	if (!k->window && !whole)
		k->window = mem_array(SEEN_WINDOW / 64, sizeof *k->window);
	k->sequence = sequence > k->sequence ? sequence : k->sequence;
	if (!k->window) {
		k->base = k->sequence; /* from the file; or no memory: then as if all below had been taken */
		return;
	}
	if (sequence - k->base > SEEN_WINDOW)
		slide(k, sequence);
	k->window[(sequence - k->base - 1) / 64] |= 1ull << (sequence - k->base - 1) % 64;
}

bool seen_settle(struct seen *s, bool give_up)
{
	bool missing = false;
	void *v;
	for (size_t i = 0; map_next(&s->by_source, &i, NULL, &v);) {
		struct seen_source *k = v;
		uint64_t n = k->base;
		while (k->window && n < k->sequence && bit(k, n - k->base))
			n++;
		if (give_up || n == k->sequence)
			close_window(k);
		missing = missing || k->window;
	}
	return missing;
}

void seen_record(struct seen *s, struct str json)
{
	struct event e;
	if (event_parse(json, &e) < 0)
		return;
	struct str source = event_str(&e, "intake.source"), boot = event_str(&e, "intake.boot");
	yyjson_val *sequence = event_get(&e, "intake.sequence");
	if (source.ptr && boot.ptr && yyjson_is_uint(sequence))
		note(s, source, boot, yyjson_get_uint(sequence), false);
	event_done(&e);
}

void seen_format(const struct seen *s, struct str cursors, struct buf *b)
{
	struct str key;
	void *v;
	for (size_t i = 0; map_next(&s->by_source, &i, &key, &v);) {
		const struct seen_source *k = v;
		buf_printf(b, "%.*s %llu " STR_FMT "\n", BOOT_TEXT - 1, key.ptr, (unsigned long long)k->sequence,
		           STR_ARG(source_of(key)));
	}
	buf_putc(b, '\n');
	buf_str(b, cursors);
}

int seen_parse(struct seen *s, struct str text, struct str *ret_cursors, struct err *err)
{
	struct str line, boot, sequence;
	uint64_t n;
	*ret_cursors = (struct str){ "", 0 };
	while (str_next(&text, '\n', &line)) {
		if (line.len == 0) {
			*ret_cursors = text;
			return 0;
		}
		if (!str_next(&line, ' ', &boot) || !str_next(&line, ' ', &sequence) || !str_to_u64(sequence, UINT64_MAX, &n))
			return err_set(err, E_CORRUPT, "", "not the list of senders");
		note(s, line, boot, n, true);
	}
	return 0;
}
