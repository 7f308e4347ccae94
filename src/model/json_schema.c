/* The JSON Schema of the description (2020-12), from the table, for editors that complete and underline while one types. It
 * refuses nothing that `toride check` takes; the check is stricter. */
#include "model/manual.h"

#include "base/mem.h"
#include "model/model.h"
#include "model/schema.h"

static void type_name(struct buf *b, const char *type)
{
	json_field_s(b, "type", type);
}

static void words(struct buf *b, const struct word *w)
{
	json_key(b, "enum");
	buf_putc(b, '[');
	for (const struct word *i = w; i->word; i++) {
		buf_puts(b, i == w ? "" : ",");
		json_str(b, str_from(i->word));
	}
	buf_putc(b, ']');
}

static void text(struct buf *b, const struct field *f)
{
	type_name(b, "string");
	if ((f->required || f->def) && !f->list)
		json_field_u64(b, "minLength", 1);
	json_field_u64(b, "maxLength", f->type == FIELD_CODE ? f->size - 1u : f->max ? f->max : TEXT_MAX);
	if (!f->form || !f->form->regex)
		return;
	json_key(b, "pattern");
	struct buf re;
	buf_init(&re, 4 * KIB);
	if (f->required || f->def || f->list)
		buf_puts(&re, f->form->regex);
	else
		buf_printf(&re, "^$|%s", f->form->regex);
	json_str(b, buf_view(&re));
	if (re.failed && !b->failed)
		b->failed = re.failed;
	buf_done(&re);
}

static void pattern(struct buf *b, const struct field *f, const char *regex)
{
	type_name(b, "string");
	json_field_s(b, "pattern", regex + (f->required || f->list ? 3 : 0)); /* each begins with "^$|" */
}

static void value(struct buf *b, const struct field *f)
{
	switch (f->type) {
	case FIELD_TEXT: case FIELD_CODE: text(b, f); break;
	case FIELD_BOOL: type_name(b, "boolean"); break;
	case FIELD_ENUM: words(b, f->words); break;
	case FIELD_PREFIX: pattern(b, f, "^$|^[0-9A-Fa-f.:]+(/[0-9]+)?$"); break;
	case FIELD_ADDRESS: pattern(b, f, "^$|^[0-9A-Fa-f.:]+$"); break;
	case FIELD_HOST: pattern(b, f, "^$|^[0-9A-Fa-f.:]+/[0-9]+$"); break;
	case FIELD_TIME: pattern(b, f, "^$|^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ].+$"); break;
	case FIELD_MINUTE: pattern(b, f, "^$|^[0-9]{1,2}:[0-9]{2}$"); break;
	case FIELD_PREFECTURE: pattern(b, f, "^$|^[0-9]{2}$"); break;
	case FIELD_OBJECT: buf_printf(b, "\"$ref\":\"#/$defs/%s\"", f->sub->name); break;
	case FIELD_UINT:
		type_name(b, "integer");
		json_field_u64(b, "minimum", f->min);
		json_field_u64(b, "maximum", f->max);
		break;
	}
}

static void member(struct buf *b, const struct field *f, bool ja)
{
	json_key(b, f->name);
	buf_putc(b, '{');
	if (f->list) {
		type_name(b, "array");
		json_field_u64(b, "maxItems", f->max_entries ? f->max_entries : LIST_MAX);
		if (f->required)
			json_field_u64(b, "minItems", 1);
		json_key(b, "items");
		buf_putc(b, '{');
	}
	value(b, f);
	if (f->list)
		buf_putc(b, '}');
	if (f->def) {
		json_key(b, "default");
		buf_puts(b, f->def);
	}
	if (ja)
		json_field_s(b, "title", f->label_ja);
	json_field_s(b, "description", ja ? f->help.ja : f->help.en);
	buf_putc(b, '}');
}

static void object(struct buf *b, const struct object *o, bool ja)
{
	bool first = true;
	json_key(b, o->name);
	buf_puts(b, "{\"type\":\"object\",\"additionalProperties\":false");
	json_field_s(b, "title", ja ? o->title.ja : o->title.en);
	json_key(b, "required");
	buf_putc(b, '[');
	SCHEMA_EACH(f, o)
		if (f->required) {
			buf_puts(b, first ? "" : ",");
			json_str(b, str_from(f->name));
			first = false;
		}
	buf_putc(b, ']');
	json_key(b, "properties");
	buf_putc(b, '{');
	SCHEMA_EACH(f, o)
		member(b, f, ja);
	buf_puts(b, "}}");
	SCHEMA_EACH(f, o)
		if (f->sub && o != &schema_prefecture) /* contacts stand with the organisation */
			object(b, f->sub, ja);
}

void model_json_schema(struct buf *out, bool ja)
{
	buf_puts(out, "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"title\":");
	json_str(out, ja ? STR("砦 Toride の記述 (正規形)") : STR("Toride: the description (canonical form)"));
	buf_printf(out, ",\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"format\",\"service\",\"prefectures\",\"orgs\"],"
	                "\"properties\":{\"format\":{\"const\":%d},\"service\":{\"$ref\":\"#/$defs/service\"},"
	                "\"prefectures\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":%d,\"items\":{\"$ref\":\"#/$defs/prefecture\"}},"
	                "\"orgs\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":%d,\"items\":{\"$ref\":\"#/$defs/org\"}}},\"$defs\":{",
	           MODEL_FORMAT, PREFECTURES_MAX, ORGS_MAX);
	object(out, &schema_service, ja);
	object(out, &schema_prefecture, ja);
	object(out, &schema_org, ja);
	buf_puts(out, "}}\n");
}
