/* See qr.h. Clauses are those of ISO/IEC 18004:2015. */
#include "portal/qr.h"

#include "base/mem.h"

/* Table 9, error correction L: blocks of two lengths, all with the same number of correction bytes. */
static const struct version {
	int correction, blocks, data, more_blocks; /* more_blocks of data + 1 bytes */
	int align[3];                              /* Table E.1; 0 ends. Version 1 has none */
} versions[] = {
	{ 7, 1, 19, 0, { 0 } },        { 10, 1, 34, 0, { 6, 18 } },     { 15, 1, 55, 0, { 6, 22 } },     { 20, 1, 80, 0, { 6, 26 } },     { 26, 1, 108, 0, { 6, 30 } },
	{ 18, 2, 68, 0, { 6, 34 } },   { 20, 2, 78, 0, { 6, 22, 38 } }, { 24, 2, 97, 0, { 6, 24, 42 } }, { 30, 2, 116, 0, { 6, 26, 46 } }, { 18, 2, 68, 2, { 6, 28, 50 } },
};
#define CODEWORDS_MAX 346 /* of version 10, with correction */

struct symbol {
	struct qr *q;
	const struct version *v;
	int number; /* 1 to 10 */
	bool fixed[QR_MAX][QR_MAX]; /* belongs to a pattern, not to data */
};

/* ---- arithmetic in GF(256), x^8 + x^4 + x^3 + x^2 + 1 ---- */

static unsigned char times(unsigned char a, unsigned char b)
{
	unsigned r = 0, x = a;
	for (; b; b >>= 1) {
		if (b & 1)
			r ^= x;
		x = x << 1 ^ (x & 0x80 ? 0x11d : 0);
	}
	return (unsigned char)r;
}

/* 7.5.2: the rest of the division by the product of (x - 2^i). */
static void correct(const unsigned char *data, int n, int correction, unsigned char *out)
{
	unsigned char generator[32] = { 0 }, root = 1;
	generator[correction - 1] = 1;
	for (int i = 0; i < correction; i++, root = times(root, 2))
		for (int k = 0; k < correction; k++)
			generator[k] = (unsigned char)(times(generator[k], root) ^ (k + 1 < correction ? generator[k + 1] : 0));
	memset(out, 0, (size_t)correction);
	for (int i = 0; i < n; i++) {
		unsigned char factor = data[i] ^ out[0];
		memmove(out, out + 1, (size_t)correction - 1);
		out[correction - 1] = 0;
		for (int k = 0; k < correction; k++)
			out[k] ^= times(generator[k], factor);
	}
}

/* ---- codewords ---- */

static int capacity(const struct version *v)
{
	return v->blocks * v->data + v->more_blocks * (v->data + 1);
}

struct bits {
	unsigned char byte[CODEWORDS_MAX];
	int n;
};

static void put(struct bits *b, unsigned value, int width)
{
	for (int i = width - 1; i >= 0; i--, b->n++)
		b->byte[b->n / 8] |= (unsigned char)((value >> i & 1) << (7 - b->n % 8));
}

/* 7.4: mode, length, bytes, end, padding. */
static void encode(struct str text, const struct version *v, int number, struct bits *b)
{
	int room = capacity(v);
	put(b, 4, 4);
	put(b, (unsigned)text.len, number < 10 ? 8 : 16);
	for (size_t i = 0; i < text.len; i++)
		put(b, (unsigned char)text.ptr[i], 8);
	b->n += room * 8 - b->n < 4 ? room * 8 - b->n : 4;
	b->n = (b->n + 7) / 8 * 8;
	for (int pad = 0; b->n < room * 8; pad = !pad)
		put(b, pad ? 0x11 : 0xec, 8);
}

/* 7.6: blocks side by side, byte by byte; then their correction. Returns how many. */
static int interleave(const struct bits *b, const struct version *v, unsigned char out[CODEWORDS_MAX])
{
	unsigned char correction[4][32];
	const unsigned char *at[4], *next = b->byte;
	int blocks = v->blocks + v->more_blocks, n = 0;
	for (int i = 0; i < blocks; i++) {
		int len = v->data + (i >= v->blocks);
		at[i] = next;
		correct(next, len, v->correction, correction[i]);
		next += len;
	}
	for (int k = 0; k <= v->data; k++)
		for (int i = k < v->data ? 0 : v->blocks; i < blocks; i++)
			out[n++] = at[i][k];
	for (int k = 0; k < v->correction; k++)
		for (int i = 0; i < blocks; i++)
			out[n++] = correction[i][k];
	return n;
}

/* ---- patterns ---- */

static void fix(struct symbol *s, int row, int column, bool dark)
{
	if (row < 0 || column < 0 || row >= s->q->size || column >= s->q->size)
		return;
	s->q->dark[row][column] = dark;
	s->fixed[row][column] = true;
}

/* A square of rings around its middle: finder (with its separator) and alignment patterns. light: the ring that is. */
static void put_rings(struct symbol *s, int row, int column, int radius, int light, int separator)
{
	for (int r = -radius; r <= radius; r++)
		for (int c = -radius; c <= radius; c++) {
			int ring = (r < 0 ? -r : r) > (c < 0 ? -c : c) ? (r < 0 ? -r : r) : c < 0 ? -c : c;
			fix(s, row + r, column + c, ring != light && ring != separator);
		}
}

static void put_patterns(struct symbol *s)
{
	int end = s->q->size - 1;
	for (int i = 0; i <= end; i++) { /* timing */
		fix(s, 6, i, i % 2 == 0);
		fix(s, i, 6, i % 2 == 0);
	}
	put_rings(s, 3, 3, 4, 2, 4);
	put_rings(s, 3, end - 3, 4, 2, 4);
	put_rings(s, end - 3, 3, 4, 2, 4);
	for (int i = 0; i < 3 && s->v->align[i]; i++)
		for (int k = 0; k < 3 && s->v->align[k]; k++) {
			int r = s->v->align[i], c = s->v->align[k];
			if (!(r == 6 && (c == 6 || c == end - 6)) && !(r == end - 6 && c == 6))
				put_rings(s, r, c, 2, 1, 3);
		}
}

static unsigned remainder_of(unsigned value, int bits, unsigned generator, int degree)
{
	unsigned rest = value << degree;
	for (int i = bits - 1; i >= 0; i--)
		if (rest >> (i + degree) & 1)
			rest ^= generator << i;
	return value << degree | rest;
}

/* 7.9 and 7.10: level L is 01. */
static void put_format(struct symbol *s, int mask)
{
	unsigned f = remainder_of((unsigned)(1 << 3 | mask), 5, 0x537, 10) ^ 0x5412;
	int end = s->q->size - 1;
	for (int i = 0; i < 15; i++) {
		bool dark = f >> i & 1;
		fix(s, i < 6 ? i : i < 8 ? i + 1 : end - 14 + i, 8, dark);
		fix(s, 8, i < 8 ? end - i : i < 9 ? 15 - i : 14 - i, dark);
	}
	fix(s, end - 7, 8, true);
	if (s->number < 7)
		return;
	unsigned v = remainder_of((unsigned)s->number, 6, 0x1f25, 12);
	for (int i = 0; i < 18; i++) {
		fix(s, i / 3, end - 10 + i % 3, v >> i & 1);
		fix(s, end - 10 + i % 3, i / 3, v >> i & 1);
	}
}

static bool masked(int mask, int r, int c)
{
	switch (mask) {
	case 0:
		return (r + c) % 2 == 0;
	case 1:
		return r % 2 == 0;
	case 2:
		return c % 3 == 0;
	case 3:
		return (r + c) % 3 == 0;
	case 4:
		return (r / 2 + c / 3) % 2 == 0;
	case 5:
		return r * c % 2 + r * c % 3 == 0;
	case 6:
		return (r * c % 2 + r * c % 3) % 2 == 0;
	default:
		return ((r + c) % 2 + r * c % 3) % 2 == 0;
	}
}

/* 7.7.3: upwards and downwards in pairs of columns from the right, past the timing column. */
static void put_data(struct symbol *s, const unsigned char *codeword, int n, int mask)
{
	int bit = 0, size = s->q->size;
	for (int right = size - 1, up = 1; right > 0; right -= 2, up = !up) {
		right -= right == 6;
		for (int i = 0; i < 2 * size; i++) {
			int row = up ? size - 1 - i / 2 : i / 2, column = right - i % 2;
			if (s->fixed[row][column])
				continue;
			bool dark = bit < 8 * n && codeword[bit / 8] >> (7 - bit % 8) & 1;
			bit++;
			s->q->dark[row][column] = dark != masked(mask, row, column);
		}
	}
}

/* ---- 7.8.3: how hard it would be to read ---- */

static int runs(const struct qr *q, bool across)
{
	int points = 0;
	for (int i = 0; i < q->size; i++) {
		int run = 0;
		unsigned last = 0;
		for (int k = 0; k < q->size; k++) {
			bool dark = across ? q->dark[i][k] : q->dark[k][i], before = k && (across ? q->dark[i][k - 1] : q->dark[k - 1][i]);
			run = k && dark == before ? run + 1 : 1;
			points += run == 5 ? 3 : run > 5 ? 1 : 0;
			last = (last << 1 | dark) & 0x7ff;
			points += k >= 10 && (last == 0x5d || last == 0x5d0) ? 40 : 0; /* like a finder with light beside it */
		}
	}
	return points;
}

static int penalty(const struct qr *q)
{
	int points = runs(q, true) + runs(q, false), dark = 0;
	for (int r = 0; r < q->size; r++)
		for (int c = 0; c < q->size; c++) {
			dark += q->dark[r][c];
			if (r && c && q->dark[r][c] == q->dark[r - 1][c] && q->dark[r][c] == q->dark[r][c - 1] && q->dark[r][c] == q->dark[r - 1][c - 1])
				points += 3;
		}
	int off = dark * 20 - q->size * q->size * 10;
	return points + (off < 0 ? -off : off) / (q->size * q->size) * 10;
}

bool qr_make(struct str text, struct qr *ret)
{
	struct qr best = { 0 };
	struct bits b = { 0 };
	unsigned char codeword[CODEWORDS_MAX];
	int number = 1, least = -1;
	while (number <= (int)ARRAY_LEN(versions) && (size_t)capacity(&versions[number - 1]) < text.len + (number < 10 ? 2 : 3))
		number++;
	if (number > (int)ARRAY_LEN(versions))
		return false;
	const struct version *v = &versions[number - 1];
	encode(text, v, number, &b);
	int n = interleave(&b, v, codeword);
	for (int mask = 0; mask < 8; mask++) {
		*ret = (struct qr){ .size = 17 + 4 * number };
		struct symbol s = { .q = ret, .v = v, .number = number };
		put_patterns(&s);
		put_format(&s, mask);
		put_data(&s, codeword, n, mask);
		int points = penalty(ret);
		if (least < 0 || points < least) {
			least = points;
			best = *ret;
		}
	}
	*ret = best;
	return true;
}
