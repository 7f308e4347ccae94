/* How JVN writes versions down, in words; see parts.h. What isn't wholly understood isn't guessed at: a version taken for a safe one would
 * hide a weakness, and one taken for a weak one would cry wolf. */
#include "asset/parts.h"

#include "base/mem.h"

enum bound { NOTHING, UP_TO, BELOW, FROM, ABOVE };

struct word {
	const char *text;
	enum bound bound;
};

/* Longer ones before those they begin with. */
static const struct word behind[] = {
	{ "およびそれ以前", UP_TO }, { "及びそれ以前", UP_TO }, { "とそれ以前", UP_TO }, { "を含むそれ以前", UP_TO }, { "以前", UP_TO }, { "以下", UP_TO }, { "まで", UP_TO },
	{ "and earlier", UP_TO }, { "and prior", UP_TO }, { "or earlier", UP_TO }, { "より前", BELOW }, { "未満", BELOW },
	{ "およびそれ以降", FROM }, { "及びそれ以降", FROM }, { "以降", FROM }, { "以上", FROM }, { "より後", ABOVE }, { "and later", FROM }, { "or later", FROM },
	{ "から", FROM }, { "~", FROM }, { "〜", FROM }, { "～", FROM },
};
static const struct word before[] = { { "prior to", BELOW }, { "before", BELOW }, { "earlier than", BELOW }, { "through", UP_TO }, { "to ", UP_TO } };
static const char *const noise[] = { "ファームウェアバージョン", "ファームウェア", "バージョン", "Versions", "Version", "versions", "version", "firmware", "Ver.", "ver.", "Ver",
	                             "ver", "のすべて", "の", "v", "V", "、", ",", " ", "　" };
static const char *const all[] = { "すべてのバージョン", "全てのバージョン", "全バージョン", "すべて", "全て", "all versions", "All versions" };

static bool eat(struct str *s, const char *text)
{
	struct str t = str_from(text);
	if (!str_starts(*s, t))
		return false;
	*s = (struct str){ s->ptr + t.len, s->len - t.len };
	return true;
}

static void eat_noise(struct str *s)
{
	for (size_t i = 0; i < ARRAY_LEN(noise); i++)
		if (eat(s, noise[i]))
			i = (size_t)-1; /* once more from the first */
}

static enum bound eat_word(struct str *s, const struct word *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (eat(s, list[i].text))
			return list[i].bound;
	return NOTHING;
}

/* "(CVE-2025-0354、CVE-2025-0355)" at the end says whom it concerns (jvn.c); any other bracket is a condition we can't check. */
static struct str without_ids(struct str s)
{
	static const char *const open[] = { "(", "（" };
	for (size_t i = 0; i < ARRAY_LEN(open); i++) {
		const char *p = memmem(s.ptr, s.len, open[i], strlen(open[i]));
		if (!p)
			continue;
		struct str in = { p + strlen(open[i]), s.len - (size_t)(p - s.ptr) - strlen(open[i]) };
		if (str_starts(in, STR("CVE-")) && (str_ends(in, STR(")")) || str_ends(in, STR("）"))))
			s.len = (size_t)(p - s.ptr);
	}
	return s;
}

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* "2.4.49", "10.0-rc1", "5.8p2": begins with a digit and ends with a digit or letter. */
static struct str number(struct str *s)
{
	size_t n = 0;
	while (n < s->len && (digit(s->ptr[n]) || (n && (letter(s->ptr[n]) || strchr("._-+", s->ptr[n])))))
		n++;
	while (n && !digit(s->ptr[n - 1]) && !letter(s->ptr[n - 1]))
		n--;
	struct str v = { s->ptr, n };
	*s = (struct str){ s->ptr + n, s->len - n };
	return v;
}

struct side {
	struct str version;
	enum bound bound;
};

/* One version with its word, on whichever side that stands. */
static bool take(struct str *s, struct side *ret)
{
	eat_noise(s);
	enum bound first = eat_word(s, before, ARRAY_LEN(before));
	eat_noise(s);
	ret->version = number(s);
	eat_noise(s);
	ret->bound = eat_word(s, behind, ARRAY_LEN(behind));
	eat_noise(s);
	if (first && ret->bound)
		return false;
	ret->bound = first ? first : ret->bound;
	return ret->version.len > 0 && !str_case_ends(ret->version, STR(".x")); /* "1.x": which of them? */
}

static void put(struct reading *r, const struct side *x, struct vuln *v)
{
	const char *t = vuln_keep(r, x->version);
	if (x->bound == UP_TO || x->bound == BELOW)
		v->to = t, v->to_excluded = x->bound == BELOW;
	else if (x->bound == FROM || x->bound == ABOVE)
		v->from = t, v->from_excluded = x->bound == ABOVE;
	else
		v->from = v->to = t;
}

static bool is_all(struct str s)
{
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (str_eq(s, str_from(all[i])))
			return true;
	return false;
}

bool jvn_range(struct reading *r, struct str text, struct vuln *ret)
{
	struct side low, high;
	struct str s = str_trim(without_ids(str_trim(text)));
	ret->from = ret->to = "";
	ret->from_excluded = ret->to_excluded = false;
	if (is_all(s))
		return true;
	if (!take(&s, &low))
		return false;
	if (s.len == 0) {
		put(r, &low, ret);
		return ret->from && ret->to;
	}
	if ((low.bound != FROM && low.bound != ABOVE) || !take(&s, &high) || s.len || high.bound == FROM || high.bound == ABOVE)
		return false;
	high.bound = high.bound ? high.bound : UP_TO;
	put(r, &low, ret);
	put(r, &high, ret);
	return ret->from && ret->to;
}
