/* Syslog of no format we know more of: its text as message, its structured data (RFC 5424 section 6.3) as members of `unmapped`,
 * named "ID.NAME". */
#include "device/parsers.h"

/* \" \\ \] and the letter behind them (section 6.3.3). */
static struct str unescape(struct record *r, struct str s)
{
	if (!memchr(s.ptr, '\\', s.len))
		return s;
	char *to = record_keep(r, s.len);
	size_t n = 0;
	if (!to)
		return s;
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] == '\\' && i + 1 < s.len && (s.ptr[i + 1] == '"' || s.ptr[i + 1] == '\\' || s.ptr[i + 1] == ']'))
			i++;
		to[n++] = s.ptr[i];
	}
	record_kept(r, n);
	return (struct str){ to, n };
}

static struct str joined(struct record *r, struct str id, struct str name)
{
	size_t n = id.len + 1 + name.len;
	char *to = record_keep(r, n);
	if (!to)
		return (struct str){ NULL, 0 };
	memcpy(to, id.ptr, id.len);
	to[id.len] = '.';
	memcpy(to + id.len + 1, name.ptr, name.len);
	record_kept(r, n);
	return (struct str){ to, n };
}

int syslog_read(const struct device_line *l, struct record *r)
{
	struct str data = l->head->data, id = { NULL, 0 }, name, value;
	record_text(r, "message", l->text);
	while (syslog_data_next(&data, &id, &name, &value))
		record_unmapped(r, joined(r, id, name), unescape(r, value));
	return 0;
}
