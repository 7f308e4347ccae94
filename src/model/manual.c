/* The manual of the description, from the table: what nobody has to keep in step by hand. */
#include "model/manual.h"

#include "model/model.h"
#include "model/schema.h"

static void type_words(struct buf *b, const struct field *f, bool ja)
{
	switch (f->type) {
	case FIELD_TEXT: case FIELD_CODE: buf_puts(b, ja ? "文字列" : "text"); break;
	case FIELD_BOOL: buf_puts(b, "true / false"); break;
	case FIELD_UINT: buf_printf(b, ja ? "整数 %u~%u" : "whole number %u–%u", f->min, f->max); break;
	case FIELD_PREFIX: buf_printf(b, "CIDR%s", f->family == 4 ? " (IPv4)" : f->family == 6 ? " (IPv6)" : ""); break;
	case FIELD_ADDRESS:
		buf_printf(b, "%s%s", ja ? "アドレス" : "address", f->family == 4 ? " (IPv4)" : f->family == 6 ? " (IPv6)" : "");
		break;
	case FIELD_HOST: buf_puts(b, ja ? "アドレス/ネットワーク長" : "address/network length"); break;
	case FIELD_TIME: buf_puts(b, ja ? "時刻 (RFC 3339)" : "time (RFC 3339)"); break;
	case FIELD_MINUTE: buf_puts(b, ja ? "時刻 \"8:30\"" : "time of day \"8:30\""); break;
	case FIELD_PREFECTURE: buf_puts(b, ja ? "都道府県番号" : "prefecture's number"); break;
	case FIELD_OBJECT: buf_printf(b, "[%s](#%s)", ja ? f->sub->title.ja : f->sub->title.en, f->sub->name); break;
	case FIELD_ENUM:
		for (const struct word *w = f->words; w->word; w++)
			buf_printf(b, "%s`%s` (%s)", w == f->words ? "" : ja ? "、" : ", ", w->word, ja ? w->label.ja : w->label.en);
		break;
	}
	if (f->list)
		buf_puts(b, ja ? " のリスト" : ", a list");
}

static void member(struct buf *b, const struct field *f, bool ja)
{
	buf_printf(b, "| `%s` | ", f->name);
	if (ja)
		buf_printf(b, "%s | ", f->label_ja);
	type_words(b, f, ja);
	buf_printf(b, " | %s | ", f->required ? (ja ? "必須" : "required") : f->def ? f->def : "");
	buf_printf(b, "%s |\n", ja ? f->help.ja : f->help.en);
}

static void object(struct buf *b, const struct object *o, const char *file, bool ja)
{
	buf_printf(b, "\n<a id=\"%s\"></a>\n## %s%s%s\n\n", o->name, ja ? o->title.ja : o->title.en, file ? ": " : "", file ? file : "");
	buf_puts(b, ja ? "| 項目 | 呼び名 | 型 | 既定値 | 説明 |\n|---|---|---|---|---|\n" : "| member | type | default | what it is |\n|---|---|---|---|\n");
	SCHEMA_EACH(f, o)
		member(b, f, ja);
	SCHEMA_EACH(f, o)
		if (f->sub && !(o == &schema_prefecture)) /* contacts stand with the organisation */
			object(b, f->sub, NULL, ja);
}

void model_manual(struct buf *out, bool ja)
{
	buf_puts(out, ja ? "# 記述の手引き\n\n記述は JSON ファイルのディレクトリです (コメントと末尾のカンマが使えます)。`toride check DIR` で確かめます。\n"
	                 : "# The description\n\nA directory of JSON files (comments and trailing commas allowed). `toride check DIR` checks it.\n");
	object(out, &schema_service, "service.json", ja);
	object(out, &schema_prefecture, "prefectures/NN.json", ja);
	object(out, &schema_org, "orgs/CODE.json", ja);
}
