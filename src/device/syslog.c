/* See syslog.h. The first reader of what a body's devices send. */
#include "device/syslog.h"

#include "device/when.h"

#include <string.h>

static void drop(struct str *s, size_t n)
{
	*s = (struct str){ s->ptr + n, s->len - n };
}

static void skip_blanks(struct str *s)
{
	while (s->len && *s->ptr == ' ')
		drop(s, 1);
}

bool syslog_has_breaks(struct str line)
{
	return memchr(line.ptr, '\n', line.len) || memchr(line.ptr, 0, line.len);
}

static bool pri(struct str *s, struct syslog *ret)
{
	uint64_t v;
	const char *end = s->len && *s->ptr == '<' ? memchr(s->ptr, '>', s->len < 5 ? s->len : 5) : NULL;
	if (!end || !str_to_u64((struct str){ s->ptr + 1, (size_t)(end - s->ptr) - 1 }, 191, &v))
		return false;
	ret->has_pri = true;
	ret->facility = (uint8_t)(v >> 3);
	ret->severity = v & 7;
	drop(s, (size_t)(end - s->ptr) + 1);
	return true;
}

/* ---- RFC 5424 ---- */

/* A field of the header, ended by a blank; "-" is none. */
static bool field(struct str *s, size_t max, struct str *ret)
{
	const char *end = memchr(s->ptr, ' ', s->len);
	size_t n = end ? (size_t)(end - s->ptr) : s->len;
	if (n == 0 || n > max)
		return false;
	*ret = n == 1 && *s->ptr == '-' ? (struct str){ NULL, 0 } : (struct str){ s->ptr, n };
	drop(s, end ? n + 1 : n);
	return true;
}

static size_t name_len(struct str s)
{
	size_t n = 0;
	while (n < s.len && n < 64 && s.ptr[n] > ' ' && s.ptr[n] < 127 && s.ptr[n] != '=' && s.ptr[n] != ']' && s.ptr[n] != '"')
		n++;
	return n;
}

/* The value's end: the quote that no backslash stands before. */
static const char *value_end(const char *p, const char *end)
{
	for (; p < end && *p != '"'; p++)
		if (*p == '\\' && p + 1 < end)
			p++;
	return p < end ? p : NULL;
}

bool syslog_data_next(struct str *data, struct str *id, struct str *name, struct str *value)
{
	for (;;) {
		skip_blanks(data);
		if (data->len == 0)
			return false;
		if (*data->ptr == ']') {
			drop(data, 1);
			continue;
		}
		if (*data->ptr == '[') {
			drop(data, 1);
			size_t k = name_len(*data);
			if (k == 0)
				return false;
			*id = (struct str){ data->ptr, k };
			drop(data, k);
			continue;
		}
		size_t n = name_len(*data);
		if (n == 0 || data->len < n + 2 || data->ptr[n] != '=' || data->ptr[n + 1] != '"')
			return false;
		*name = (struct str){ data->ptr, n };
		drop(data, n + 2);
		const char *end = value_end(data->ptr, data->ptr + data->len);
		if (!end)
			return false;
		*value = (struct str){ data->ptr, (size_t)(end - data->ptr) };
		drop(data, value->len + 1);
		return true;
	}
}

/* How long the elements at the front are, "[…][…]"; 0: they are broken. */
static size_t data_len(struct str s)
{
	size_t i = 0;
	while (i < s.len && s.ptr[i] == '[') {
		bool quoted = false;
		size_t k = name_len((struct str){ s.ptr + i + 1, s.len - i - 1 });
		if (k == 0)
			return 0;
		for (i += 1 + k; i < s.len && (quoted || s.ptr[i] != ']'); i++) {
			if (quoted && s.ptr[i] == '\\')
				i++;
			else if (s.ptr[i] == '"')
				quoted = !quoted;
		}
		if (i >= s.len)
			return 0;
		i++;
	}
	return i;
}

static bool rfc5424(struct str s, int32_t zone_s, struct syslog *ret)
{
	struct syslog got = *ret;
	struct str when;
	if (!str_starts(s, STR("1 ")))
		return false;
	drop(&s, 2);
	if (!field(&s, 40, &when))
		return false;
	if (when.len) {
		got.has_time = when_iso(&when, zone_s, &got.time_ms) == 0 && when.len == 0;
		if (!got.has_time)
			return false;
	}
	if (!field(&s, 255, &got.host) || !field(&s, 48, &got.app) || !field(&s, 128, &got.procid) || !field(&s, 64, &got.msgid))
		return false;
	size_t n = s.len && *s.ptr == '-' ? 1 : data_len(s);
	if (n == 0)
		return false;
	got.data = n == 1 ? (struct str){ NULL, 0 } : (struct str){ s.ptr, n };
	drop(&s, n);
	skip_blanks(&s);
	if (str_starts(s, STR("\xef\xbb\xbf")))
		drop(&s, 3);
	got.text = s;
	got.rfc5424 = true;
	*ret = got;
	return true;
}

/* ---- RFC 3164 ---- */

static bool host_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '-' || c == '_' || c == ':';
}

/* "sshd[123]: ", "kernel: ", "postfix/smtpd[9]: "; false leaves *s. */
static bool tag(struct str *s, struct syslog *ret)
{
	size_t n = 0, p;
	while (n < s->len && n < 48 && s->ptr[n] > ' ' && s->ptr[n] < 127 && s->ptr[n] != '[' && s->ptr[n] != ':' && s->ptr[n] != '=' && s->ptr[n] != ',' && s->ptr[n] != '{')
		n++;
	p = n;
	if (n == 0 || n == s->len || *s->ptr == '%' || str_starts(*s, STR("CEF:")) || str_starts(*s, STR("LEEF:")))
		return false;
	if (s->ptr[n] == '[') {
		const char *end = memchr(s->ptr + n, ']', s->len - n < 64 ? s->len - n : 64);
		if (!end)
			return false;
		p = (size_t)(end - s->ptr) + 1;
	}
	if (p >= s->len || s->ptr[p] != ':')
		return false;
	ret->app = (struct str){ s->ptr, n };
	if (p > n)
		ret->procid = (struct str){ s->ptr + n + 1, p - n - 2 };
	drop(s, p + 1);
	skip_blanks(s);
	return true;
}

/* A word that can be a host name, unless it is a tag ("sshd[1]:") itself. */
static bool host(struct str *s, struct syslog *ret)
{
	size_t n = 0;
	while (n < s->len && n < 255 && host_char(s->ptr[n]))
		n++;
	if (n == 0 || n >= s->len || s->ptr[n] != ' ' || s->ptr[n - 1] == ':')
		return false;
	ret->host = (struct str){ s->ptr, n };
	drop(s, n);
	skip_blanks(s);
	return true;
}

static void rfc3164(struct str s, int32_t zone_s, int64_t now_ms, struct syslog *ret)
{
	struct str whole = s;
	while (s.len && (*s.ptr == ' ' || *s.ptr == ':' || *s.ptr == '*')) /* some begin with it: no clock was set */
		drop(&s, 1);
	bool timed = when_bsd(&s, zone_s, now_ms, &ret->time_ms) == 0 || when_iso(&s, zone_s, &ret->time_ms) == 0;
	if (!timed || !(s.len == 0 || *s.ptr == ' ' || *s.ptr == ':')) {
		s = whole;
		tag(&s, ret);
		ret->text = s;
		return;
	}
	ret->has_time = true;
	bool colon = s.len && *s.ptr == ':';
	while (s.len && (*s.ptr == ' ' || *s.ptr == ':'))
		drop(&s, 1);
	if (!colon)
		host(&s, ret);
	while (s.len && (*s.ptr == ' ' || *s.ptr == ':'))
		drop(&s, 1);
	tag(&s, ret);
	ret->text = s;
}

void syslog_parse(struct str line, int32_t zone_s, int64_t now_ms, struct syslog *ret)
{
	*ret = (struct syslog){ .severity = 6 };
	while (line.len && (line.ptr[line.len - 1] == '\n' || line.ptr[line.len - 1] == '\r' || line.ptr[line.len - 1] == 0))
		line.len--;
	ret->text = line;
	if (pri(&line, ret)) {
		if (!rfc5424(line, zone_s, ret))
			rfc3164(line, zone_s, now_ms, ret);
	} else {
		struct str s = line;
		int64_t t;
		if (when_bsd(&s, zone_s, now_ms, &t) == 0) /* a file of syslog lines */
			rfc3164(line, zone_s, now_ms, ret);
	}
}
