/* See asking.h. */
#include "cli/asking.h"

#include "base/mem.h"

#include <stdio.h>

int ask_usage(const struct cli_command *table, const char *name)
{
	for (const struct cli_command *c = table; c->name; c++)
		if (strcmp(c->name, name) == 0)
			return cli_usage(c);
	return EXIT_USAGE;
}

void ask_begin(struct asking *a, int *argc, char **argv, const char *what)
{
	a->json = cli_flag(argc, argv, "--json");
	cli_request(&a->rq, what, NULL);
}

void ask_option(struct asking *a, int *argc, char **argv, const char *option)
{
	const char *v = cli_option(argc, argv, option);
	char key[32];
	snprintf(key, sizeof key, "%s", option + 2);
	for (char *p = key; *p; p++)
		*p = *p == '-' ? '_' : *p;
	if (v)
		json_field_s(&a->rq, key, v);
}

bool ask_number(struct asking *a, int *argc, char **argv, const char *option)
{
	const char *v = cli_option(argc, argv, option);
	uint64_t n;
	if (!v)
		return true;
	if (!str_to_u64(str_from(v), 1000000, &n))
		return false;
	json_field_u64(&a->rq, option + 2, n);
	return true;
}

int ask(struct asking *a, ask_show *show)
{
	struct err err = { 0 };
	struct buf reply;
	int code = EXIT_DONE;
	if (cli_ask(&a->rq, &reply, ASK_WAIT_MS, &err) < 0) {
		code = cli_error(&err);
	} else {
		yyjson_doc *doc = yyjson_read(reply.ptr, reply.len, 0);
		show(yyjson_doc_get_root(doc), a->json);
		yyjson_doc_free(doc);
	}
	buf_done(&reply);
	return code;
}

void show_json_list(yyjson_val *list)
{
	size_t i, n;
	yyjson_val *v;
	yyjson_arr_foreach(list, i, n, v)
		cli_print_json(v);
}

void show_list(yyjson_val *list, bool json, const char *none, void (*line)(yyjson_val *v))
{
	size_t i, n;
	yyjson_val *v;
	if (!json && none && yyjson_arr_size(list) == 0)
		printf("%s\n", none);
	yyjson_arr_foreach(list, i, n, v)
		(json ? cli_print_json : line)(v);
}

const char *json_text(yyjson_val *o, const char *key)
{
	struct str s = ctl_str(o, key);
	return s.ptr ? s.ptr : "";
}

const char *json_when(yyjson_val *o, const char *key, char dst[CLOCK_TEXT])
{
	uint64_t ms = ctl_u64(o, key, 0);
	snprintf(dst, CLOCK_TEXT, "-");
	if (ms)
		clock_format_jst((int64_t)ms, dst);
	dst[ms ? 19 : 1] = 0;
	return dst;
}

const char *json_word(enum words_of what, yyjson_val *o, const char *key)
{
	return words_of(what, json_text(o, key), cli_japanese());
}

int ask_one(const struct cli_command *table, const char *name, const char *what, const char *key, const char *const *options, int argc,
            char **argv, ask_show *show)
{
	struct asking a;
	ask_begin(&a, &argc, argv, what);
	static const char *const numbers[] = { "--severity", "--hours", "--days", "--task" };
	bool ok = true;
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		ok = ask_number(&a, &argc, argv, numbers[i]) && ok;
	for (size_t i = 0; options[i]; i++)
		ask_option(&a, &argc, argv, options[i]);
	if (argc > 1 || !ok || (argc == 0 && strcmp(what, "block.consent") != 0) || (argc == 1 && argv[0][0] == '-')) {
		buf_done(&a.rq);
		return ask_usage(table, name);
	}
	if (argc == 1)
		json_field_s(&a.rq, key, argv[0]);
	return ask(&a, show);
}

