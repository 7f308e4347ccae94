/* Every file NAME.FORMAT.log of samples/ becomes the events of NAME.FORMAT.json beside it, and each of them passes the schema once intaked
 * has taken it. And the head of a line, the framing of a stream, times. */
#include "base/test.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "device/frame.h"
#include "device/when.h"
#include "device/device.h"
#include "normalise/accept.h"
#include "normalise/schema.h"
#include "wire/events.h"

#include <stdio.h>
#include <stdlib.h>

#define NOW 1795914000000LL /* 2026-11-29T01:00:00Z */

/* ---- samples ---- */

static char samples[512];
static int n_samples;

static void event_is(const char *file, size_t number, struct str got, struct str want)
{
	struct accept_from from = { .org = "412015", .now_ms = NOW, .source = "recvd", .sequence = 1, .sender = sender_find("recvd") };
	struct accept_result result;
	struct buf b;
	if (!str_eq(got, want))
		fail_msg("%s line %zu:\n  " STR_FMT "\nnot\n  " STR_FMT, file, number, STR_ARG(got), STR_ARG(want));
	buf_init(&b, EVENTS_MAX);
	accept_event(got, &from, &b, &result);
	if (b.failed || result.raw || result.refused || result.schema_fault)
		fail_msg("%s line %zu: %s in " STR_FMT, file, number, result.fault, STR_ARG(got));
	buf_done(&b);
}

static void sample(const char *name, const char *format)
{
	char path[1024];
	struct mail_queue *queue = NULL;
	struct device_source from = { NULL, NULL, device_format_find(str_from(format)), 9 * 3600, &queue };
	struct device_result result;
	struct buf in, want, b;
	struct str lines, line, wants, expected;
	size_t number = 0;
	buf_init(&in, MIB);
	buf_init(&want, MIB);
	buf_init(&b, EVENTS_MAX);
	snprintf(path, sizeof path, "%s/%s.log", samples, name);
	assert_int_equal(fs_read(path, &in, NULL), 0);
	snprintf(path, sizeof path, "%s/%s.json", samples, name);
	if (fs_read(path, &want, NULL) < 0)
		fail_msg("%s is missing", path);
	lines = buf_view(&in);
	wants = buf_view(&want);
	while (str_next(&lines, '\n', &line)) {
		if (line.len == 0)
			continue;
		buf_reset(&b);
		device_event(line, &from, NOW, NULL, false, &b, &result);
		if (!str_next(&wants, '\n', &expected))
			expected = STR("");
		event_is(name, ++number, buf_view(&b), expected);
	}
	assert_int_equal(wants.len, 0);
	assert_true(number > 0);
	mem_free(queue);
	buf_done(&in);
	buf_done(&want);
	buf_done(&b);
}

static int each(const char *file, void *user)
{
	char name[128], format[64] = "auto";
	struct str s = str_from(file);
	(void)user;
	if (!str_ends(s, STR(".log")))
		return 0;
	s.len -= 4;
	assert_true(str_copy(s, name, sizeof name));
	const char *dot = strchr(name, '.');
	if (dot)
		snprintf(format, sizeof format, "%s", dot + 1);
	sample(name, format);
	n_samples++;
	return 0;
}

static void test_samples(void **state)
{
	(void)state;
	const char *source = getenv("TORIDE_SOURCE");
	snprintf(samples, sizeof samples, "%s/src/device/samples", source ? source : ".");
	assert_int_equal(fs_list(samples, each, NULL, NULL), 0);
	assert_true(n_samples > 0);
}

/* ---- the head of a line ---- */

static const struct {
	const char *line, *host, *app, *procid, *text;
	int64_t time_ms; /* 0: none */
	int pri;         /* -1: none */
} heads[] = {
	{ "<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \xef\xbb\xbf'su root' failed", "mymachine.example.com", "su", "", "'su root' failed", 1065910455003, 34 },
	{ "<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% It's time", "192.0.2.1", "myproc", "8710", "%% It's time", 1061727255000, 165 },
	{ "<165>1 2003-10-11T22:14:15.003Z h evntslog - ID47 [exampleSDID@32473 iut=\"3\" eventSource=\"A]p\\\"p\"][x@1] text", "h", "evntslog", "", "text", 1065910455003, 165 },
	{ "<13>1 - - - - - -", "", "", "", "", 0, 13 },
	{ "<34>Nov 28 22:14:15 mymachine su[12]: 'su root' failed", "mymachine", "su", "12", "'su root' failed", 1795871655000, 34 },
	{ "<34>Dec  1 02:00:00 h postfix/smtpd[9]: x", "h", "postfix/smtpd", "9", "x", 1796058000000, 34 },
	{ "<166>Nov 29 2026 10:00:00: %ASA-6-302013: Built", "", "", "", "%ASA-6-302013: Built", 1795914000000, 166 },
	{ "<166>Nov 29 2026 10:00:00 fw1 : %ASA-6-302013: Built", "fw1", "", "", "%ASA-6-302013: Built", 1795914000000, 166 },
	{ "<189>date=2026-11-29 time=10:00:00 devname=\"FG\"", "", "", "", "date=2026-11-29 time=10:00:00 devname=\"FG\"", 0, 189 },
	{ "<14>2026-11-29T10:00:00.5+09:00 h app: t", "h", "app", "", "t", 1795914000500, 14 },
	{ "<192>x", "", "", "", "<192>x", 0, -1 },
	{ "<>x", "", "", "", "<>x", 0, -1 },
	{ "<1", "", "", "", "<1", 0, -1 },
	{ "", "", "", "", "", 0, -1 },
	{ "<34>1 2003-13-11T22:14:15.003Z h su - ID47 - t", "", "", "", "1 2003-13-11T22:14:15.003Z h su - ID47 - t", 0, 34 },
	{ "Nov 29 10:00:00 web sshd[1]: from a file\r\n", "web", "sshd", "1", "from a file", 1795914000000, -1 },
	{ "<34>1 - - - - - [broken x=\"1\" t", "", "", "", "1 - - - - - [broken x=\"1\" t", 0, 34 },
};

static void is(const char *line, struct str got, const char *want)
{
	if (!str_eq(got, str_from(want)))
		fail_msg("%s: \"" STR_FMT "\" is not \"%s\"", line, STR_ARG(got), want);
}

static void test_heads(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
		struct syslog h;
		syslog_parse(str_from(heads[i].line), 9 * 3600, NOW, &h);
		is(heads[i].line, h.host, heads[i].host);
		is(heads[i].line, h.app, heads[i].app);
		is(heads[i].line, h.procid, heads[i].procid);
		is(heads[i].line, h.text, heads[i].text);
		if (h.has_pri ? h.facility * 8 + h.severity != heads[i].pri : heads[i].pri != -1)
			fail_msg("%s: wrong priority", heads[i].line);
		if (h.has_time ? h.time_ms != heads[i].time_ms : heads[i].time_ms != 0)
			fail_msg("%s: %lld", heads[i].line, (long long)(h.has_time ? h.time_ms : 0));
	}
}

/* A log of New Year's Eve that comes after midnight is of the year before. */
static void test_years(void **state)
{
	struct str s = STR("Dec 31 23:59:59");
	int64_t t;
	(void)state;
	assert_int_equal(when_bsd(&s, 0, 1798761600000 /* 2027-01-01 */, &t), 0);
	assert_int_equal(t, 1798761599000);
	s = STR("Jan 1 00:00:01");
	assert_int_equal(when_bsd(&s, 0, 1798761599000, &t), 0);
	assert_int_equal(t, 1798761601000);
	s = STR("Feb 30 00:00:01");
	assert_int_equal(when_bsd(&s, 0, NOW, &t), -E_INVALID);
	s = STR("29/Nov/2026:10:00:00 +0900");
	assert_int_equal(when_clf(&s, 0, &t), 0);
	assert_int_equal(t, NOW);
}

/* ---- framing ---- */

/* Fed in pieces of `step` bytes; what comes out is joined by "|", with "~" behind what was cut; "!" is broken, "$TEXT" what was left. */
static void frames(struct str in, size_t step, struct buf *out)
{
	struct frame f = { 0 };
	struct buf b;
	struct str text;
	size_t used;
	buf_init(&b, 4 * MIB);
	for (size_t at = 0; at < in.len; at += step) {
		buf_put(&b, in.ptr + at, in.len - at < step ? in.len - at : step);
		for (;;) {
			enum frame_got got = frame_next(&f, buf_view(&b), &used, &text);
			if (got == FRAME_BROKEN) {
				buf_putc(out, '!');
				buf_done(&b);
				return;
			}
			if (got != FRAME_MORE && text.len) {
				buf_put(out, text.ptr, text.len > 100 ? 3 : text.len);
				buf_puts(out, got == FRAME_CUT ? "~|" : "|");
			}
			buf_drop(&b, used);
			if (used == 0)
				break;
		}
	}
	enum frame_got got = frame_end(&f, buf_view(&b), &text);
	if (got != FRAME_MORE) {
		buf_putc(out, '$');
		buf_str(out, text);
		buf_puts(out, got == FRAME_CUT ? "~" : "");
	}
	buf_done(&b);
}

static const struct {
	const char *in, *out;
} streams[] = {
	{ "5 <1>ab7 <2>c\nde", "<1>ab|<2>c\nde|" },
	{ "<1>a\n<2>b\r\n\n<3>c", "<1>a|<2>b\r|$<3>c" },
	{ "5 <1>ab\n5 <1>cd", "<1>ab|<1>cd|" },
	{ "5 <1>ab<2>lied\n", "<1>ab|!" },
	{ "9999999 <1>", "!" },
	{ "99999999 <1>\n", "99999999 <1>|" }, /* nobody's length: a line */
	{ "50 <1>short", "$50 <1>short~" },
	{ "5 <1>ab50 <1>short", "<1>ab|$50 <1>short~" },
	{ "1286536308.779 180 GET\n", "1286536308.779 180 GET|" },
	{ "{\"a\":1}\n{\"b\":2}\n", "{\"a\":1}|{\"b\":2}|" },
	{ "0 x\n", "0 x|" },
};

static void test_frames(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof streams / sizeof *streams; i++)
		for (size_t step = 1; step < 20; step += 6) {
			struct buf out;
			buf_init(&out, KIB);
			frames(str_from(streams[i].in), step, &out);
			is(streams[i].in, buf_view(&out), streams[i].out);
			buf_done(&out);
		}
}

/* Longer than it may be: its beginning is given once, and what follows is read as if nothing had been. */
static void test_long_frames(void **state)
{
	(void)state;
	for (int counted = 0; counted < 2; counted++) {
		struct buf in, out;
		size_t n = 300000;
		buf_init(&in, MIB);
		buf_init(&out, KIB);
		if (counted)
			buf_printf(&in, "%zu ", n);
		for (size_t i = 0; i < n; i++)
			buf_putc(&in, 'x');
		buf_puts(&in, counted ? "3 <1>" : "\n<1>\n");
		frames(buf_view(&in), 5000, &out);
		is("long", buf_view(&out), "xxx~|<1>|");
		buf_done(&in);
		buf_done(&out);
	}
}

/* ---- what is hostile ---- */

static void becomes(struct str line, const char *why, bool cut, const char *want)
{
	struct device_source from = { "dev1", "10.1.0.254", NULL, 0, NULL };
	struct device_result result;
	struct buf b;
	buf_init(&b, EVENTS_MAX);
	device_event(line, &from, NOW, why, cut, &b, &result);
	assert_int_equal(b.failed, 0);
	is(want, buf_view(&b), want);
	assert_false(result.parsed);
	buf_done(&b);
}

static void test_hostile(void **state)
{
	(void)state;
#define HEAD "{\"class_uid\":0,\"product\":\"syslog\",\"device\":{\"name\":\"dev1\",\"ip\":\"10.1.0.254\"}"
	becomes(STR("a\n<13>b"), NULL, false, HEAD ",\"message\":\"holds a line break or NUL\",\"raw_data\":\"a\\n<13>b\"}");
	becomes(STR("a\0b"), NULL, false, HEAD ",\"message\":\"holds a line break or NUL\",\"raw_data\":\"a\\u0000b\"}");
	becomes(STR("abc"), NULL, true, HEAD ",\"message\":\"longer than a line may be: its beginning\",\"raw_data\":\"abc\"}");
	becomes(STR("abc"), "unknown", false, HEAD ",\"message\":\"unknown\",\"raw_data\":\"abc\"}");
	becomes(STR("\xff\xfe\n"), "unknown", false, HEAD ",\"message\":\"unknown\",\"raw_data\":\"\xef\xbf\xbd\xef\xbf\xbd\"}");
}

/* Escapes make six bytes of one: it still becomes an event, of a length that intaked takes. */
/* What stands between the values is remembered by the order of the paths: neither another order nor another value may get what was remembered of it. */
static void test_shapes(void **state)
{
	static const char *const paths[] = { "src_endpoint.ip", "rule.uid", "src_endpoint.port", "http_request.url.path", "rule.name", "message", "http_request.http_method" };
	static struct record r;
	const size_t n = ARRAY_LEN(paths);
	(void)state;
	for (size_t turn = 0; turn < 4 * n; turn++) { /* each order twice, with other values */
		char want[8], value[8];
		struct buf b;
		buf_init(&b, 4096);
		record_begin(&r, "syslog");
		for (size_t i = 0; i < n; i++) {
			snprintf(value, sizeof value, "%c%zu", (int)('A' + turn), (i + turn) % n);
			char *to = record_keep(&r, 2);
			memcpy(to, value, 2);
			record_kept(&r, 2);
			record_text(&r, paths[(i + turn) % n], (struct str){ to, 2 });
		}
		record_number(&r, turn % 2 ? "severity_id" : "duration", -1);
		record_write(&r, &b);
		yyjson_doc *doc = yyjson_read(b.ptr, b.len, 0);
		struct event e = { doc, yyjson_doc_get_root(doc) };
		assert_non_null(doc);
		for (size_t i = 0; i < n; i++) {
			snprintf(want, sizeof want, "%c%zu", (int)('A' + turn), i);
			assert_true(str_eq(event_str(&e, paths[i]), str_from(want)));
		}
		assert_int_equal(yyjson_get_sint(event_get(&e, turn % 2 ? "severity_id" : "duration")), -1);
		assert_int_equal(yyjson_obj_size(e.root), 7); /* class_uid, product, src_endpoint, rule, http_request, message, the number: each object once */
		event_done(&e);
		buf_done(&b);
	}
}

static void test_escapes(void **state)
{
	static char line[60000];
	struct device_source from = { "dev1", "10.1.0.254", NULL, 0, NULL };
	struct device_result result;
	struct buf b;
	(void)state;
	memset(line, 1, sizeof line);
	buf_init(&b, EVENTS_MAX);
	device_event((struct str){ line, sizeof line }, &from, NOW, NULL, false, &b, &result);
	assert_int_equal(b.failed, 0);
	assert_true(b.len > 16 * KIB && b.len < EVENTS_MAX);
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest list[] = {
		cmocka_unit_test(test_samples), cmocka_unit_test(test_heads),       cmocka_unit_test(test_years),  cmocka_unit_test(test_frames),
		cmocka_unit_test(test_long_frames), cmocka_unit_test(test_hostile), cmocka_unit_test(test_escapes), cmocka_unit_test(test_shapes),
	};
	return cmocka_run_group_tests(list, NULL, NULL);
}
