/* See seen.h. */
#include "intake/seen.h"

#include "base/mem.h"
#include "normalise/event.h"

#include <stdio.h>
#include <stdlib.h>

void seen_init(struct seen *s)
{
	map_init(&s->by_source, SEEN_SOURCES);
}

void seen_done(struct seen *s)
{
	void *v;
	for (size_t i = 0; map_next(&s->by_source, &i, NULL, &v);)
		mem_free(v);
	map_done(&s->by_source);
}

struct seen_source *seen_get(struct seen *s, const char *source, uint64_t boot)
{
	struct seen_source *k = map_get(&s->by_source, str_from(source));
	if (!k) {
		k = mem_alloc(sizeof *k);
		if (!k)
			return NULL;
		k->boot = boot;
		if (map_put(&s->by_source, str_from(source), k) < 0) {
			mem_free(k);
			return NULL;
		}
	}
	if (k->boot != boot)
		*k = (struct seen_source){ .boot = boot };
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

static void note(struct seen *s, struct str source, struct str boot_text, uint64_t sequence)
{
	char name[SEEN_SOURCE_TEXT];
	uint64_t boot;
	if (!str_copy(source, name, sizeof name) || !hex_u64(boot_text, &boot))
		return;
	struct seen_source *k = seen_get(s, name, boot);
	if (k && sequence > k->sequence)
		k->sequence = sequence;
}

void seen_record(struct seen *s, struct str json)
{
	struct event e;
	if (event_parse(json, &e) < 0)
		return;
	struct str source = event_str(&e, "intake.source"), boot = event_str(&e, "intake.boot");
	yyjson_val *sequence = event_get(&e, "intake.sequence");
	if (source.ptr && boot.ptr && yyjson_is_uint(sequence))
		note(s, source, boot, yyjson_get_uint(sequence));
	event_done(&e);
}

void seen_format(const struct seen *s, struct str cursors, struct buf *b)
{
	struct str source;
	void *v;
	for (size_t i = 0; map_next(&s->by_source, &i, &source, &v);) {
		const struct seen_source *k = v;
		buf_printf(b, "%016llx %llu " STR_FMT "\n", (unsigned long long)k->boot, (unsigned long long)k->sequence,
		           STR_ARG(source));
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
		note(s, line, boot, n);
	}
	return 0;
}
