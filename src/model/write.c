/* The canonical form, whose SHA-256 names a description; also the words in which differences show a value. */
#include "model/write.h"

#include "base/clock.h"

static void write_prefix(struct buf *b, const struct field *f, const struct prefix *p)
{
	char text[PREFIX_TEXT];
	json_str(b, str_from(f->type == FIELD_ADDRESS ? prefix_format_addr(p, text) : prefix_format(p, text)));
}

static void write_time(struct buf *b, int64_t ms)
{
	char text[CLOCK_TEXT] = "";
	if (ms)
		clock_format_utc(ms, text);
	json_str(b, str_from(text));
}

static void write_enum(struct buf *b, const struct field *f, const void *at)
{
	const struct word *w = word_of_value(f->words, (int)uint_get(f, at));
	json_str(b, str_from(w ? w->word : ""));
}

void write_value(struct buf *b, const struct field *f, const void *at)
{
	uint32_t v;
	switch (f->type) {
	case FIELD_TEXT: json_str(b, str_from(*(const char *const *)at)); break;
	case FIELD_CODE: json_str(b, str_from(at)); break;
	case FIELD_BOOL: buf_puts(b, *(const bool *)at ? "true" : "false"); break;
	case FIELD_UINT: buf_u64(b, uint_get(f, at)); break;
	case FIELD_ENUM: write_enum(b, f, at); break;
	case FIELD_PREFIX: case FIELD_ADDRESS: case FIELD_HOST: write_prefix(b, f, at); break;
	case FIELD_TIME: write_time(b, *(const int64_t *)at); break;
	case FIELD_MINUTE:
		v = uint_get(f, at);
		buf_printf(b, "\"%02u:%02u\"", v / 60, v % 60);
		break;
	case FIELD_PREFECTURE:
		json_str(b, str_from(*(const struct prefecture *const *)at ? (*(const struct prefecture *const *)at)->code : ""));
		break;
	case FIELD_OBJECT: write_object(b, f->sub, at); break;
	}
}

void write_member(struct buf *b, const struct field *f, const void *object)
{
	size_t n;
	const char *items = field_items(f, object, &n);
	if (f->list)
		buf_putc(b, '[');
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_putc(b, ',');
		write_value(b, f, items + i * f->size);
	}
	if (f->list)
		buf_putc(b, ']');
}

void write_object(struct buf *b, const struct object *o, const void *src)
{
	buf_putc(b, '{');
	SCHEMA_EACH(f, o) {
		json_key(b, f->name);
		write_member(b, f, src);
	}
	buf_putc(b, '}');
}

void write_model(struct buf *b, const struct model *m)
{
	buf_printf(b, "{\"format\":%d,\"service\":", MODEL_FORMAT);
	write_object(b, &schema_service, &m->service);
	buf_puts(b, ",\"prefectures\":[");
	for (size_t i = 0; i < m->n_prefectures; i++) {
		buf_puts(b, i ? "," : "");
		write_object(b, &schema_prefecture, &m->prefectures[i]);
	}
	buf_puts(b, "],\"orgs\":[");
	for (size_t i = 0; i < m->n_orgs; i++) {
		buf_puts(b, i ? "," : "");
		write_object(b, &schema_org, &m->orgs[i]);
	}
	buf_puts(b, "]}");
}
