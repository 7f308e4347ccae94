/* See device.h. Stands in recvd between a message and intaked, and in toride log import. */
#include "device/device.h"

#include "base/err.h"
#include "base/mem.h"
#include "device/charset.h"
#include "device/parsers.h"
#include "wire/events.h"

const struct device_format device_formats[] = {
	{ "syslog", NULL, syslog_read, false },
	{ "fortigate", fortigate_looks, fortigate_read, false },
	{ "paloalto", paloalto_looks, paloalto_read, false },
	{ "asa", asa_looks, asa_read, false },
	{ "cef", cef_looks, cef_read, false },
	{ "leef", leef_looks, leef_read, false },
	{ "squid", squid_looks, squid_read, false },
	{ "windows", windows_looks, windows_read, true },
	{ "json", json_looks, json_read, true },
	{ "linux", NULL, linux_read, false },
	{ 0 },
};

const struct device_format *device_format_find(struct str name)
{
	for (const struct device_format *f = device_formats; f->name; f++)
		if (str_eq(name, str_from(f->name)))
			return f;
	return NULL;
}

/* Without these an event isn't of its class: then it is of none, and all it says is kept all the same. */
static const struct {
	uint32_t class_uid;
	const char *paths[5];
} needs[] = {
	{ 4001, { "src_endpoint", "dst_endpoint", "action" } }, { 4002, { "src_endpoint", "http_request", "action" } },
	{ 4003, { "src_endpoint", "query", "action" } },        { 2004, { "src_endpoint.ip", "dst_endpoint.ip", "rule.uid", "action" } },
	{ 3002, { "activity_name", "status" } },                { 3001, { "activity_name", "user.name" } },
	{ 3006, { "activity_name", "group.name" } },            { 4009, { "activity_name", "action" } },
};

static void check_class(struct record *r)
{
	for (size_t i = 0; i < ARRAY_LEN(needs); i++)
		for (size_t k = 0; needs[i].class_uid == r->class_uid && needs[i].paths[k]; k++)
			if (!record_holds(r, needs[i].paths[k]))
				r->class_uid = 0;
}

/* What programs of a Linux machine say needs no format of its own: their names are known. */
static const struct device_format *guess(const struct device_line *l)
{
	for (const struct device_format *f = device_formats; f->name; f++)
		if (f->looks && f->looks(l->text))
			return f;
	return device_format_find(l->head->app.len && !l->head->data.len ? STR("linux") : STR("syslog"));
}

static void put_device(struct record *r, const struct device_source *s, const struct syslog *head)
{
	static const uint8_t severity[] = { 6, 5, 5, 4, 3, 2, 1, 1 };
	record_word(r, "device.name", s->name);
	record_word(r, "device.ip", s->ip);
	record_text(r, "device.hostname", head->host);
	if (head->has_pri)
		record_number(r, "severity_id", severity[head->severity & 7]);
}

/* Kept as it came. */
static void put_raw(struct record *r, struct str line, const char *why)
{
	record_word(r, "message", why);
	record_text(r, "raw_data", line);
}

static bool read_line(struct record *r, const struct device_line *l, const struct device_source *s, struct str line)
{
	const struct device_format *f = s->format ? s->format : guess(l);
	if (f->parse(l, r) < 0)
		return false;
	check_class(r);
	if (!r->has_time && l->head->has_time)
		record_time(r, l->head->time_ms);
	put_device(r, s, l->head);
	record_text(r, "app.name", l->head->app);
	if (!f->whole && r->class_uid != 4002) /* of pages no query string is kept, as of our own proxy's */
		record_text(r, "raw_data", line);
	return true;
}

void device_event(struct str line, const struct device_source *s, int64_t now_ms, const char *why, bool cut, struct buf *b,
                  struct device_result *ret)
{
	static struct record r;
	struct syslog head;
	struct buf whole = *b;
	const char *charset;
	*ret = (struct device_result){ 0 };
	line = charset_utf8(line, &charset);
	syslog_parse(line, s->zone_s, now_ms, &head);
	struct device_line l = { head.text, &head, s->zone_s, now_ms, s->queue };
	while (line.len && (line.ptr[line.len - 1] == '\n' || line.ptr[line.len - 1] == '\r' || line.ptr[line.len - 1] == 0))
		line.len--;
	ret->breaks = syslog_has_breaks(line);
	record_begin(&r, "syslog");
	if (!why)
		why = cut ? "longer than a line may be: its beginning" : ret->breaks ? "holds a line break or NUL" : NULL;
	ret->parsed = !why && read_line(&r, &l, s, line);
	if (!ret->parsed) {
		record_begin(&r, "syslog");
		if (head.has_time)
			record_time(&r, head.time_ms);
		put_device(&r, s, &head);
		put_raw(&r, line, why ? why : "not of the format its source is registered with");
	}
	record_word(&r, "charset", charset);
	ret->has_time = r.has_time;
	ret->time_ms = r.time_ms;
	ret->class_uid = r.class_uid;
	if (r.lost)
		record_bool(&r, "truncated", true);
	record_write(&r, b);
	if (b->failed == 0)
		return;
	/* Escapes made it too long: its beginning, in a quarter of the room. */
	b->failed = 0;
	b->len = whole.len;
	record_begin(&r, "syslog");
	put_device(&r, s, &head);
	put_raw(&r, (struct str){ line.ptr, line.len > 16 * KIB ? 16 * KIB : line.len }, "longer than an event may be: its beginning");
	record_write(&r, b);
	ret->parsed = false;
	ret->class_uid = 0;
}
