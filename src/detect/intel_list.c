/* Plain lists: one value a line. See intel.h.
 *
 *   # comment; "# confidence: 70" and "# days: 14" before the first value hold for the file
 *   evil.example            a name and all below it ("*.evil.example" and ".evil.example" too)
 *   203.0.113.7, 203.0.113.0/24, https://evil.example/path, 64 hex digits, a JA4 fingerprint
 *   0.0.0.0 evil.example    as in a hosts file
 * Of a line with commas, semicolons or tabs the first field counts; the rest is its name. */
#include "detect/intel.h"

#include "base/err.h"

#include <stdlib.h>

static void read_comment(struct intel *i, struct str s, int *confidence, int64_t *days)
{
	struct str key;
	uint64_t v;
	if (!str_next(&s, ':', &key) || !str_to_u64(str_trim(s), 100000, &v))
		return;
	key = str_trim(key);
	if (str_case_eq(key, STR("confidence")) && v <= 100)
		*confidence = (int)v;
	else if (str_case_eq(key, STR("days")) && v > 0)
		*days = (int64_t)v;
	else
		return;
	intel_set_defaults(i, *confidence, *days);
}

static struct str first_of(struct str *rest, const char *separators)
{
	size_t n = 0;
	while (n < rest->len && !strchr(separators, rest->ptr[n]))
		n++;
	struct str first = { rest->ptr, n };
	n += n < rest->len;
	*rest = (struct str){ rest->ptr + n, rest->len - n };
	return first;
}

static struct str unquote(struct str s)
{
	s = str_trim(s);
	if (s.len >= 2 && s.ptr[0] == '"' && s.ptr[s.len - 1] == '"')
		s = (struct str){ s.ptr + 1, s.len - 2 };
	return s;
}

static void read_value(struct intel *i, struct str line)
{
	enum intel_kind kind;
	struct str rest = line, value = unquote(first_of(&rest, ",;\t"));
	struct str after = value, word = first_of(&after, " ");
	if (after.len && (str_eq(word, STR("0.0.0.0")) || str_eq(word, STR("127.0.0.1")) || str_eq(word, STR("::"))))
		value = str_trim(after);
	else if (after.len)
		value = word;
	struct intel_entry e = { .value = value, .uid = { "", 0 }, .name = unquote(rest), .confidence = -1 };
	if (str_is_utf8(e.name) && value.len && intel_kind_of(value, &kind))
		intel_put(i, kind, &e);
	else
		intel_refuse(i, INTEL_UNREADABLE);
}

int intel_read_list(struct intel *i, struct str text, const char *file, struct err *err)
{
	struct str line;
	int confidence = -1;
	int64_t days = 0;
	uint64_t values = 0;
	if (memchr(text.ptr ? text.ptr : "", 0, text.len))
		return err_set(err, E_INVALID, file, "not a list of values: it holds NUL");
	while (str_next(&text, '\n', &line)) {
		while (line.len && (line.ptr[line.len - 1] == '\r' || line.ptr[line.len - 1] == ' '))
			line.len--;
		line = str_trim(line);
		if (line.len && *line.ptr == '#') {
			if (values == 0)
				read_comment(i, (struct str){ line.ptr + 1, line.len - 1 }, &confidence, &days);
		} else if (line.len) {
			values++;
			read_value(i, line);
		}
	}
	return 0;
}
