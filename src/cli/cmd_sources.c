/* toride log sources: the bodies' own devices and when each was heard. toride log parse: what a line of theirs becomes, offline and by
 * the same code as live; its output is what toride detect reads. */
#include "cli/cli.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "device/device.h"
#include "device/evtx.h"
#include "jail/tool.h"
#include "wire/ctl.h"
#include "wire/events.h"

#include <stdio.h>

/* ---- sources ---- */

struct seen_source {
	struct str org, name;
	uint64_t lines, unparsed, bytes, heard_ms;
	bool silent, skew_known;
	int64_t skew_ms;
};

static uint64_t counter(yyjson_val *recvd, struct str name, const char *what)
{
	char key[96];
	snprintf(key, sizeof key, "src." STR_FMT ".%s", STR_ARG(name), what);
	return ctl_u64(recvd, key, 0);
}

static void read_source(yyjson_val *recvd, struct seen_source *s)
{
	s->lines = counter(recvd, s->name, "lines");
	s->unparsed = counter(recvd, s->name, "unparsed");
	s->bytes = counter(recvd, s->name, "bytes");
	s->heard_ms = counter(recvd, s->name, "heard_ms");
	s->silent = counter(recvd, s->name, "silent");
	s->skew_known = counter(recvd, s->name, "skew_known");
	s->skew_ms = (int64_t)counter(recvd, s->name, "skew_ms");
}

static void source_json(const struct seen_source *s)
{
	struct buf b;
	buf_init(&b, 4 * KIB);
	buf_putc(&b, '{');
	json_field(&b, "org", s->org);
	json_field(&b, "name", s->name);
	json_field_u64(&b, "lines", s->lines);
	json_field_u64(&b, "unparsed", s->unparsed);
	json_field_u64(&b, "bytes", s->bytes);
	if (s->heard_ms)
		json_field_u64(&b, "heard_ms", s->heard_ms);
	json_field_bool(&b, "silent", s->silent);
	if (s->skew_known)
		buf_printf(&b, ",\"clock_skew_ms\":%lld", (long long)s->skew_ms);
	buf_putc(&b, '}');
	printf("%s\n", buf_cstr(&b));
	buf_done(&b);
}

static void source_line(const struct seen_source *s)
{
	char heard[CLOCK_TEXT] = "-", skew[32] = "-";
	if (s->heard_ms)
		clock_format_jst((int64_t)s->heard_ms, heard);
	if (s->skew_known)
		snprintf(skew, sizeof skew, "%+.1f", (double)s->skew_ms / 1000);
	printf("%-7.*s %-24.*s %-29.29s %-10s %-12llu %-10llu %s\n", STR_ARG(s->org), STR_ARG(s->name), heard, skew, (unsigned long long)s->lines,
	       (unsigned long long)s->unparsed, s->silent ? say("途絶", "SILENT") : s->lines ? say("受信中", "heard") : say("未受信", "not yet"));
}

/* "src.NAME.on" of 1 is a source. 1 when one is silent. */
static int show_sources(yyjson_val *root, const char *org, bool json)
{
	size_t i, n, k, m;
	yyjson_val *row, *key, *v;
	int code = EXIT_DONE;
	if (!json)
		printf("%s\n", say("団体    機器                     最後の受信                    時計差(秒) 件数         解析不能   状態",
		                   "body    device                   last heard                    clock (s)  lines        unparsed   state"));
	yyjson_arr_foreach(yyjson_obj_get(root, "counters"), i, n, row) {
		struct seen_source s = { .org = ctl_str(row, "org") };
		yyjson_val *recvd = yyjson_obj_get(row, "recvd");
		if (org && !str_eq(s.org, str_from(org)))
			continue;
		yyjson_obj_foreach(recvd, k, m, key, v) {
			struct str name = { yyjson_get_str(key), yyjson_get_len(key) };
			if (!str_starts(name, STR("src.")) || !str_ends(name, STR(".on")) || !yyjson_get_uint(v))
				continue;
			s.name = (struct str){ name.ptr + 4, name.len - 7 };
			read_source(recvd, &s);
			(json ? source_json : source_line)(&s);
			code = s.silent ? EXIT_REFUSED : code;
		}
	}
	return code;
}

static int run_sources(int argc, char **argv)
{
	struct buf request, reply;
	struct err err = { 0 };
	bool json = cli_flag(&argc, argv, "--json");
	const char *org = cli_option(&argc, argv, "--org");
	if (argc)
		return cli_usage(&cli_sources[0]);
	cli_request(&request, "status", NULL);
	int r = cli_ask(&request, &reply, 5000, &err);
	yyjson_doc *doc = r == 0 ? yyjson_read(reply.ptr, reply.len, 0) : NULL;
	int code = r < 0 ? cli_error(&err) : show_sources(yyjson_doc_get_root(doc), org, json);
	yyjson_doc_free(doc);
	buf_done(&reply);
	return code;
}

/* ---- parse ---- */

static void parse_line(struct str line, const struct device_source *from, struct buf *out, bool *all)
{
	struct device_result result;
	struct buf b;
	buf_init(&b, EVENTS_MAX);
	device_event(line, from, clock_now_ms(), NULL, false, &b, &result);
	buf_str(out, buf_view(&b));
	buf_putc(out, '\n');
	buf_done(&b);
	*all = *all && result.parsed;
}

struct parsing {
	const struct device_source *from;
	struct buf *out;
	bool *all;
};

static void parse_record(struct str json, void *user)
{
	struct parsing *p = user;
	parse_line(json, p->from, p->out, p->all);
}

/* A Windows event log file; false when it isn't one. */
static bool parse_evtx(struct str file, struct device_source *from, struct buf *out, bool *all)
{
	size_t n, bad;
	if (!evtx_is(file))
		return false;
	from->format = device_format_find(STR("windows"));
	bad = evtx_each(file, parse_record, &(struct parsing){ from, out, all }, &n);
	if (bad)
		fprintf(stderr, "toride: %zu %s\n", bad, say("件の記録を読めませんでした", "records could not be read"));
	*all = *all && bad == 0;
	return true;
}

static int run_parse(int argc, char **argv)
{
	struct err err = { 0 };
	const char *format = cli_option(&argc, argv, "--format"), *zone = cli_option(&argc, argv, "--zone");
	bool utc = zone && strcmp(zone, "utc") == 0, all = true;
	static struct mail_queue *queue;
	struct device_source from = { .format = format ? device_format_find(str_from(format)) : NULL, .zone_s = utc ? 0 : 9 * 3600, .queue = &queue };
	struct buf in, out;
	struct str rest, line;
	if (argc != 1 || (format && strcmp(format, "auto") != 0 && !from.format) || (zone && !utc && strcmp(zone, "jst") != 0))
		return cli_usage(&cli_sources[1]);
	buf_init(&in, 1024u * MIB);
	buf_init(&out, 4096ull * MIB);
	int r = fs_read(argv[0], &in, &err);
	r = r < 0 ? r : jail_tool((struct jail_tool){ 0 }, &err); /* what is in it was written by others */
	rest = buf_view(&in);
	if (r == 0 && parse_evtx(rest, &from, &out, &all))
		rest = STR("");
	while (r == 0 && str_next(&rest, '\n', &line))
		if (line.len)
			parse_line(line, &from, &out, &all);
	buf_done(&in);
	if (r < 0) {
		buf_done(&out);
		return cli_error(&err);
	}
	int code = cli_print(&out);
	return code == EXIT_DONE && !all ? EXIT_REFUSED : code;
}

const struct cli_command cli_sources[] = {
	{ "log sources", "toride log sources [--org CODE] [--json]", "the devices whose logs are collected: last heard, clock, what could not be parsed; 1 when one is silent",
	  "ログを集める機器の一覧: 最後の受信、時計のずれ、解析できなかった件数 (途絶した機器があれば 1)", run_sources },
	{ "log parse", "toride log parse FILE [--format F] [--zone jst|utc]", "what the lines of a device's log, or a Windows .evtx file, become, one event a line; 1 when one can't be parsed",
	  "機器のログの各行や Windows の .evtx ファイルがどの記録になるかを示す (解析できないものがあれば 1)", run_parse },
	{ 0 },
};
