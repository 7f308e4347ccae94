/* Names and versions of products, compared; see asset.h. */
#include "asset/asset.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* How early words before a release stand: "2.0-rc1" is less than "2.0". 0: no such word. */
static int before_release(const char *p, size_t n)
{
	static const char *const words[] = { "dev", "alpha", "a", "beta", "b", "pre", "rc" };
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (str_case_eq((struct str){ p, n }, str_from(words[i])))
			return (int)i - (int)ARRAY_LEN(words);
	return 0;
}

struct part {
	const char *p;
	size_t n;
	int rank; /* of its kind: a word before a release < 0, nothing 0, another word 1, a number 2 */
};

static struct part next(const char **s)
{
	struct part r = { 0 };
	while (**s && !is_digit(**s) && !is_letter(**s))
		(*s)++;
	r.p = *s;
	bool digit = is_digit(**s);
	while (**s && (digit ? is_digit(**s) : is_letter(**s)))
		(*s)++;
	r.n = (size_t)(*s - r.p);
	if (r.n)
		r.rank = digit ? 2 : before_release(r.p, r.n) ? before_release(r.p, r.n) : 1;
	return r;
}

static int by_number(struct part a, struct part b)
{
	while (a.n > 1 && *a.p == '0')
		a.p++, a.n--;
	while (b.n > 1 && *b.p == '0')
		b.p++, b.n--;
	return a.n != b.n ? (a.n < b.n ? -1 : 1) : memcmp(a.p, b.p, a.n);
}

int version_compare(const char *a, const char *b)
{
	for (;;) {
		struct part x = next(&a), y = next(&b);
		if (!x.n && !y.n)
			return 0;
		if (x.rank != y.rank)
			return x.rank < y.rank ? -1 : 1;
		size_t n = x.n < y.n ? x.n : y.n;
		int c = x.rank == 2 ? by_number(x, y) : strncasecmp(x.p, y.p, n);
		if (c == 0 && x.rank != 2)
			c = (x.n > y.n) - (x.n < y.n);
		if (c)
			return c;
	}
}

bool vuln_covers(const struct vuln *v, const char *version)
{
	if (!version[0])
		return false;
	int low = v->from[0] ? version_compare(version, v->from) : 1, high = v->to[0] ? version_compare(version, v->to) : -1;
	return (low > 0 || (low == 0 && !v->from_excluded)) && (high < 0 || (high == 0 && !v->to_excluded));
}

bool asset_fold(struct str s, char *dst)
{
	size_t n = 0;
	s = str_trim(s);
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];
		if (c == '\\') /* a CPE's quoting */
			continue;
		if (n == ASSET_FIELD || (unsigned char)c < 0x20)
			return false;
		dst[n++] = c == ' ' ? '_' : c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
	}
	dst[n] = 0;
	return n > 0;
}

/* "CVE-2021-44228": mark, four digits of a year, four digits and more. */
static bool find_id(const char *text, const char *mark, char dst[24])
{
	size_t head = strlen(mark);
	for (const char *p = text; (p = strcasestr(p, mark)) != NULL; p += head) {
		size_t year = 0, number = 0;
		while (year < 4 && is_digit(p[head + year]))
			year++;
		while (year == 4 && p[head + 4] == '-' && number < 10 && is_digit(p[head + 5 + number]))
			number++;
		if (number < 4)
			continue;
		snprintf(dst, 24, "%s%.*s", mark, (int)(5 + number), p + head);
		return true;
	}
	return false;
}

bool asset_cve(const char *text, char dst[24])
{
	return find_id(text, "CVE-", dst);
}

bool asset_vuln_id(const char *text, char dst[24])
{
	return asset_cve(text, dst) || find_id(text, "JVNDB-", dst);
}
