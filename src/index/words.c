/* See words.h. Eight bytes at a time, the first of them the lowest of a number: little endian, as what columns.h writes. */
#include "index/words.h"

#include <string.h>

#define WORDS_LOOK 16 /* places looked at for a value: a record may be hostile */

#define EACH 0x0101010101010101u
#define HIGH (0x80 * EACH)

static uint64_t load(const char *p)
{
	uint64_t x;
	memcpy(&x, p, sizeof x);
	return x;
}

/* The high bit of each of eight bytes below 128 that is one of from…to. */
static uint64_t between(uint64_t x, unsigned from, unsigned to)
{
	return (x + (0x80 - from) * EACH) & ~(x + (0x7f - to) * EACH) & HIGH;
}

static uint64_t fold_eight(uint64_t x)
{
	return x | (between(x & ~HIGH, 'A', 'Z') & ~x) >> 2;
}

/* The high bit of each byte of a word, in a text that is folded. */
static uint64_t word_bytes(uint64_t x)
{
	return (between(x & ~HIGH, '0', '9') | between(x & ~HIGH, 'a', 'z') | x) & HIGH;
}

static bool is_word(char c)
{
	return (unsigned char)c >= 0x80 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z');
}

static char fold_one(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* Fewer than eight bytes, the rest 0. */
static uint64_t load_few(const char *p, size_t n)
{
	uint32_t low, high;
	if (n < 4)
		return (unsigned char)p[0] | (uint64_t)(unsigned char)p[n / 2] << 8 * (n / 2) | (uint64_t)(unsigned char)p[n - 1] << 8 * (n - 1);
	memcpy(&low, p, sizeof low);
	memcpy(&high, p + n - 4, sizeof high);
	return low | (uint64_t)high << 8 * (n - 4);
}

/* False: it isn't ASCII, and what stands at `to`, eight bytes at least, is nothing. */
static bool fold_ascii(struct str s, char *to)
{
	uint64_t seen = 0, x = 0;
	for (size_t i = 0; s.len >= 8; i = i + 16 <= s.len ? i + 8 : s.len - 8) { /* the last eight may be some of the ones before */
		seen |= x = load(s.ptr + i);
		x = fold_eight(x);
		memcpy(to + i, &x, sizeof x);
		if (i + 8 == s.len)
			return !(seen & HIGH);
	}
	x = load_few(s.ptr, s.len);
	seen = x;
	x = fold_eight(x);
	memcpy(to, &x, sizeof x);
	return !(seen & HIGH);
}

static size_t fold_any(struct str s, char *to)
{
	int before = 0; /* 0: not of a word, 1: of a word in ASCII, 2: of one in other letters */
	char *at = to;
	for (size_t i = 0; i < s.len; i++) {
		char c = fold_one(s.ptr[i]);
		int kind = (unsigned char)c >= 0x80 ? 2 : is_word(c);
		if (kind && before && kind != before)
			*at++ = '\x1f';
		*at++ = c;
		before = kind;
	}
	return (size_t)(at - to);
}

void words_fold(struct buf *b, struct str s)
{
	if (s.len == 0 || !buf_room(b, 2 * s.len + WORDS_ROOM))
		return;
	char *to = b->ptr + b->len;
	b->len += fold_ascii(s, to) ? s.len : fold_any(s, to);
}

void words_init(struct words *w)
{
	*w = (struct words){ 0 };
	buf_init(&w->b, WORDS_MAX);
}

void words_done(struct words *w)
{
	buf_done(&w->b);
}

void words_begin(struct words *w)
{
	buf_reset(&w->b);
	w->n = 0;
	memset(w->bucket, 0, sizeof w->bucket);
}

/* Of the word that begins there, by its first eight bytes; something that isn't of a word stands behind it. */
static unsigned bucket_of(const char *p)
{
	uint64_t x = load(p), gap = ~word_bytes(x) & HIGH;
	if (gap)
		x &= ((gap & -gap) >> 7) - 1;
	return (unsigned)(x * 0x9e3779b97f4a7c15u >> 56) % WORDS_BUCKETS;
}

static void note_word(struct words *w, size_t at)
{
	unsigned bucket = bucket_of(w->b.ptr + at);
	w->at[w->n] = (uint16_t)at;
	w->before[w->n] = w->bucket[bucket];
	w->bucket[bucket] = ++w->n;
}

static void note_words(struct words *w, size_t from, size_t end)
{
	uint64_t before = 0; /* was the byte before these eight of a word? */
	for (size_t i = from; i < end && i <= UINT16_MAX - 8; i += 8) {
		uint64_t word = word_bytes(load(w->b.ptr + i)), starts = word & ~(word << 8 | before);
		before = word >> 63 << 7;
		for (; starts; starts &= starts - 1) {
			size_t at = i + (size_t)__builtin_ctzll(starts) / 8;
			if (at >= end || w->n == WORDS_STARTS)
				return;
			note_word(w, at);
		}
	}
}

static bool equal(const char *a, const char *b, size_t n)
{
	uint64_t differ = load(a) ^ load(b);
	return n < 8 ? differ << (64 - 8 * n) == 0 : differ == 0 && memcmp(a + 8, b + 8, n - 8) == 0;
}

/* Does what begins there, n bytes up to the end, stand before it already, as words of its own? */
static bool stands(const struct words *w, size_t from, size_t n)
{
	const char *all = w->b.ptr;
	if (!is_word(all[from]))
		return false;
	unsigned left = WORDS_LOOK;
	for (uint16_t i = w->bucket[bucket_of(all + from)]; i && left--; i = w->before[i - 1]) {
		size_t at = w->at[i - 1];
		if (at + n < from && equal(all + at, all + from, n) && !is_word(all[at + n]))
			return true;
	}
	return false;
}

void words_add(struct words *w, struct str value)
{
	size_t from = w->b.len;
	if (value.len == 0 || !buf_room(&w->b, 2 * value.len + 16)) /* and what is looked at behind its end */
		return;
	words_fold(&w->b, value);
	size_t end = w->b.len;
	w->b.ptr[end] = '\n';
	if (stands(w, from, end - from)) {
		w->b.len = from;
		return;
	}
	note_words(w, from, end);
	w->b.len++;
}
