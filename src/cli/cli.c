/* Arguments, errors and language of the command line; see cli.h. */
#include "cli/cli.h"

#include "base/clock.h"
#include "base/mem.h"
#include "model/model.h"
#include "wire/ctl.h"
#include "wire/place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool cli_japanese(void)
{
	const char *names[] = { "LC_ALL", "LC_MESSAGES", "LANG" };
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *v = getenv(names[i]);
		if (v && *v)
			return strncmp(v, "ja", 2) == 0;
	}
	return false;
}

const char *say(const char *ja, const char *en)
{
	return cli_japanese() ? ja : en;
}

int cli_usage(const struct cli_command *c)
{
	fprintf(stderr, "%s %s\n", cli_japanese() ? "使い方:" : "usage:", c->usage);
	return EXIT_USAGE;
}

int cli_error(const struct err *err)
{
	fprintf(stderr, "toride: %s%s%s\n", err->path, err->path[0] ? ": " : "", err->msg);
	switch (err->code) {
	case E_IO: case E_NOMEM: case E_TIMEOUT: case E_CLOSED:
		return EXIT_COULD_NOT;
	case E_STATE:
		return EXIT_BLOCKED;
	default:
		return EXIT_REFUSED;
	}
}

static void take_out(int *argc, char **argv, int i, int n)
{
	for (; i + n <= *argc; i++)
		argv[i] = argv[i + n];
	*argc -= n;
}

const char *cli_option(int *argc, char **argv, const char *name)
{
	size_t len = strlen(name);
	for (int i = 0; i < *argc && strcmp(argv[i], "--") != 0; i++) {
		char *v = argv[i];
		if (strcmp(v, name) == 0 && i + 1 < *argc) {
			v = argv[i + 1];
			take_out(argc, argv, i, 2);
			return v;
		}
		if (strncmp(v, name, len) == 0 && v[len] == '=') {
			take_out(argc, argv, i, 1);
			return v + len + 1;
		}
	}
	return NULL;
}

bool cli_flag(int *argc, char **argv, const char *name)
{
	for (int i = 0; i < *argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], name) == 0) {
			take_out(argc, argv, i, 1);
			return true;
		}
	return false;
}

static const char *acting;

void cli_act_for(const char *name)
{
	acting = name;
}

const char *cli_acting(void)
{
	return acting;
}

void cli_request(struct buf *b, const char *what, const char *as)
{
	as = as ? as : acting;
	buf_init(b, 64 * KIB);
	buf_puts(b, "{\"v\":1");
	json_field_s(b, "do", what);
	if (as)
		json_field_s(b, "as", as);
}

int cli_ask(struct buf *request, struct buf *reply, int timeout_ms, struct err *err)
{
	char path[PLACE_MAX];
	buf_putc(request, '}');
	buf_init(reply, CTL_MAX);
	int r = request->failed == -E_LIMIT ? err_set(err, E_LIMIT, "", "the request is larger than %zu bytes", request->max)
	        : request->failed           ? err_set(err, E_NOMEM, "", "no memory")
	                                    : ctl_call(place_in_run(path, sizeof path, SOCK_CONTROL), buf_view(request), reply, timeout_ms, err);
	buf_done(request);
	return r;
}

void cli_print_json(yyjson_val *v)
{
	char *s = yyjson_val_write(v, 0, NULL);
	printf("%s\n", s ? s : "{}");
	free(s); /* yyjson's own allocation */
}

size_t cli_control(struct str s)
{
	const unsigned char *p = (const unsigned char *)s.ptr;
	if (s.len == 0)
		return 0;
	if (p[0] == 0xc2 && s.len > 1 && p[1] >= 0x80 && p[1] < 0xa0)
		return 2;
	return p[0] < 0x20 || p[0] == 0x7f;
}

void cli_harmless(char *s, size_t size)
{
	s[size - 1] = 0;
	for (size_t n; *s; s++)
		for (n = cli_control(str_from(s)); n; n--)
			s[n - 1] = ' ';
}

void cli_line(struct buf *b)
{
	bool ok = !b->failed && b->len && *buf_cstr(b);
	if (ok)
		cli_harmless(b->ptr, b->len + 1);
	printf("%s\n", ok ? b->ptr : "…");
	buf_done(b);
}

int cli_print(struct buf *b)
{
	int failed = b->failed;
	bool ok = !failed && fwrite(b->len ? b->ptr : "", 1, b->len, stdout) == b->len && fflush(stdout) == 0;
	buf_done(b);
	return ok ? EXIT_DONE : cli_error(&(struct err){ .code = failed ? -failed : E_IO, .msg = "can't write the output" });
}

int cli_time(const char *text, int64_t *ret, struct err *err)
{
	*ret = 0;
	if (!text || clock_parse(text, strlen(text), ret) == 0)
		return 0;
	return err_set(err, E_INVALID, text, "not a time like 2026-11-22T09:00:00+09:00");
}

int cli_since(const char *text, int64_t *ret, struct err *err)
{
	uint64_t n;
	size_t len = text ? strlen(text) : 0;
	const char *unit = len > 1 ? strchr("mhd", text[len - 1]) : NULL;
	if (unit && *unit && str_to_u64((struct str){ text, len - 1 }, 100000, &n)) {
		*ret = clock_now_ms() - (int64_t)n * (*unit == 'm' ? 60000 : *unit == 'h' ? 3600000 : 86400000);
		return 0;
	}
	return cli_time(text, ret, err);
}

const char *cli_observable(const char *v)
{
	struct prefix p;
	if (strchr(v, '@'))
		return "mail";
	if (strstr(v, "://"))
		return "url";
	if (strlen(v) == 64 && strspn(v, "0123456789abcdefABCDEF") == 64)
		return "hash";
	return prefix_parse(str_from(v), &p) == 0 ? "ip" : "hostname";
}
