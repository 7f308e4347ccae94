/* An asset list in CSV; see asset.h. */
#include "asset/asset.h"

#include "base/err.h"
#include "base/mem.h"

#include <stdio.h>

enum { ADDRESS, NAME, VENDOR, PRODUCT, VERSION, COLUMNS };
static const char *const column_names[COLUMNS] = { "address", "name", "vendor", "product", "version" };

#define CELLS 32

struct line {
	struct str cells[CELLS];
	size_t n;
	bool bad;
};

/* One cell, unquoted into the arena where it is quoted; *p behind its end (on the comma or the line's end). */
static struct str cell(const char **p, const char *end, struct arena *a, bool *ret_bad)
{
	const char *s = *p;
	if (s == end || *s != '"') {
		while (*p < end && **p != ',' && **p != '\n')
			(*p)++;
		struct str c = str_trim((struct str){ s, (size_t)(*p - s) });
		if (c.len && c.ptr[c.len - 1] == '\r')
			c.len--;
		return c;
	}
	const char *close = ++s;
	while (close < end && (*close != '"' || (close + 1 < end && close[1] == '"')))
		close += *close == '"' ? 2 : 1;
	size_t n = 0;
	close = close < end ? close : end;
	char *out = arena_alloc(a, (size_t)(close - s) + 1);
	*ret_bad = *ret_bad || !out || close == end; /* never closed */
	for (; out && s < close; s++) {
		s += *s == '"'; /* doubled */
		out[n++] = *s;
	}
	s = close;
	for (s = s < end ? s + 1 : end; s < end && *s != ',' && *s != '\n'; s++)
		*ret_bad = *ret_bad || (*s != '\r' && *s != ' ');
	*p = s;
	return (struct str){ out, out ? n : 0 };
}

static bool read_line(const char **p, const char *end, struct arena *a, struct line *l)
{
	*l = (struct line){ 0 };
	if (*p >= end)
		return false;
	for (;;) {
		struct str c = cell(p, end, a, &l->bad);
		if (l->n < CELLS)
			l->cells[l->n++] = c;
		else
			l->bad = true;
		if (*p >= end)
			return true;
		if (*(*p)++ == '\n')
			return true;
	}
}

static bool head_of(const struct line *l, int at[COLUMNS])
{
	for (int k = 0; k < COLUMNS; k++) {
		at[k] = -1;
		for (size_t i = 0; i < l->n; i++)
			if (str_case_eq(l->cells[i], str_from(column_names[k])))
				at[k] = (int)i;
	}
	return at[PRODUCT] >= 0 && at[VERSION] >= 0 && (at[ADDRESS] >= 0 || at[NAME] >= 0);
}

static const char *text(const struct line *l, int at, struct arena *a, bool *ok)
{
	struct str s = at >= 0 && (size_t)at < l->n ? l->cells[at] : STR("");
	bool fits = s.len <= ASSET_FIELD && (s.len == 0 || str_is_utf8(s));
	for (size_t i = 0; i < s.len; i++)
		fits = fits && (unsigned char)s.ptr[i] >= 0x20;
	char *t = fits ? arena_strdup(a, s) : NULL;
	*ok = *ok && t;
	return t ? t : "";
}

static bool asset_of(const struct line *l, const int at[COLUMNS], struct arena *a, struct asset *ret)
{
	bool ok = !l->bad;
	*ret = (struct asset){ text(l, at[ADDRESS], a, &ok), text(l, at[NAME], a, &ok), text(l, at[VENDOR], a, &ok), text(l, at[PRODUCT], a, &ok),
		               text(l, at[VERSION], a, &ok) };
	return ok && ret->product[0] && (ret->address[0] || ret->name[0]);
}

int asset_parse(struct str csv, struct arena *a, struct asset **ret, size_t *ret_n, size_t *ret_left_out, struct err *err)
{
	const char *p = csv.ptr, *end = csv.ptr + csv.len;
	struct line l;
	int at[COLUMNS];
	if (csv.len > ASSET_FILE_BYTES)
		return err_set(err, E_LIMIT, "assets", "larger than %u bytes", ASSET_FILE_BYTES);
	if (csv.len >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0)
		p += 3; /* spreadsheets write it */
	if (!read_line(&p, end, a, &l) || l.bad || !head_of(&l, at))
		return err_set(err, E_INVALID, "line 1", "no head line with address or name, product and version");
	struct asset *list = arena_array(a, ASSET_MAX, sizeof *list);
	size_t n = 0, out = 0;
	while (list && read_line(&p, end, a, &l)) {
		if (l.n == 1 && l.cells[0].len == 0)
			continue;
		if (n == ASSET_MAX)
			return err_set(err, E_LIMIT, "assets", "more than %u lines", ASSET_MAX);
		if (asset_of(&l, at, a, &list[n]))
			n++;
		else
			out++;
	}
	if (!list)
		return err_set(err, E_NOMEM, "", "no memory");
	*ret = list, *ret_n = n, *ret_left_out = out;
	return 0;
}
