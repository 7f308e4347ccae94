/* See unlock.h. The new archive: the packed streams, those behind AES decrypted, then the header with the AES coders taken out of
 * each folder; all that follows the folders (names, sizes inside) is copied as it stands. */
#include "scan/unlock.h"

#include "base/mem.h"
#include "scan/crypt.h"
#include "scan/le.h"

#include <lzma.h>
#include <openssl/evp.h>
#include <zlib.h>

#define START 32u          /* the start header */
#define HEADER_MAX (64u * MIB)
#define CODERS 32u         /* of a folder, as in 7-Zip */
#define STREAMS (4 * CODERS)
#define CYCLES_MAX 22u     /* 2^22 turns; 7-Zip writes 19 and takes 24 */
#define ENCODED_MAX 4      /* headers in headers */

enum { END = 0, HEADER = 1, MAIN_STREAMS = 4, PACK_INFO = 6, UNPACK_INFO = 7, SUB_STREAMS = 8, SIZE = 9, CRC = 10, FOLDER = 11, UNPACK_SIZE = 12, N_STREAMS = 13, ENCODED = 0x17 };

struct in { /* a cursor that keeps its first error */
	struct str s;
	size_t at;
	bool bad;
};

struct coder {
	struct str id, props;
	unsigned n_in, n_out;
};

struct folder {
	struct coder coders[CODERS];
	size_t n;
	struct { uint64_t in, out; } binds[STREAMS];
	size_t n_binds;
	uint64_t packed[STREAMS]; /* in-streams that are fed from the file */
	size_t n_packed;
	uint64_t sizes[STREAMS];  /* of out-streams */
	size_t n_out;
	size_t first;             /* its first packed stream in `pack` */
};

struct streams {
	uint64_t at;     /* of the first packed stream, behind the start header */
	uint64_t *pack;  /* sizes */
	size_t n_pack;
	struct folder *folders;
	size_t n_folders;
	struct str digests; /* the folders' as they stand, with their id; none: "" */
	size_t rest;     /* where the header goes on behind the folders */
};

struct job {
	struct str file;
	const char *password;
	struct buf *out;
	unsigned char key[32], salt[16]; /* the last one made, and of what */
	size_t n_salt;
	unsigned cycles;
	bool has_key, found; /* found: something was behind AES */
	bool look;           /* no password: only whether there is such */
};

/* ---- reading ---- */

static unsigned byte(struct in *r)
{
	if (r->at >= r->s.len) {
		r->bad = true;
		return 0;
	}
	return (unsigned char)r->s.ptr[r->at++];
}

/* The first byte's leading ones say how many follow. */
static uint64_t number(struct in *r)
{
	unsigned first = byte(r), mask = 0x80;
	uint64_t v = 0;
	for (unsigned i = 0; i < 8; i++, mask >>= 1) {
		if (!(first & mask))
			return v | (uint64_t)(first & (mask - 1)) << (8 * i);
		v |= (uint64_t)byte(r) << (8 * i);
	}
	return v;
}

/* A number that counts things which take a byte of the header each, or more. */
static size_t count(struct in *r, size_t max)
{
	uint64_t n = number(r);
	if (n > max || n > r->s.len - r->at)
		r->bad = true;
	return r->bad ? 0 : (size_t)n;
}

static struct str take(struct in *r, uint64_t n)
{
	if (r->bad || n > r->s.len - r->at) {
		r->bad = true;
		return (struct str){ "", 0 };
	}
	struct str s = { r->s.ptr + r->at, (size_t)n };
	r->at += (size_t)n;
	return s;
}

static void expect(struct in *r, unsigned id)
{
	if (byte(r) != id)
		r->bad = true;
}

/* A bit for each of n (or one byte for all of them), then a CRC for each that has one. */
static struct str digests(struct in *r, size_t n)
{
	size_t begin = r->at, have = n;
	if (byte(r) == 0) {
		struct str bits = take(r, (n + 7) / 8);
		have = 0;
		for (size_t i = 0; i < bits.len; i++)
			have += (size_t)__builtin_popcount((unsigned char)bits.ptr[i]);
	}
	take(r, 4 * (uint64_t)have);
	return r->bad ? STR("") : (struct str){ r->s.ptr + begin, r->at - begin };
}

static void read_pack(struct in *r, struct streams *s)
{
	expect(r, PACK_INFO);
	s->at = number(r);
	s->n_pack = count(r, SIZE_MAX);
	s->pack = mem_array(s->n_pack + 1, sizeof *s->pack);
	expect(r, SIZE);
	for (size_t i = 0; s->pack && i < s->n_pack && !r->bad; i++)
		s->pack[i] = number(r);
	unsigned id = byte(r);
	if (id == CRC) {
		digests(r, s->n_pack);
		id = byte(r);
	}
	r->bad = r->bad || !s->pack || id != END;
}

static void read_coder(struct in *r, struct coder *c)
{
	unsigned flags = byte(r);
	c->id = take(r, flags & 15);
	c->n_in = c->n_out = 1;
	if (flags & 0x10) {
		c->n_in = (unsigned)count(r, CODERS);
		c->n_out = (unsigned)count(r, CODERS);
	}
	if (flags & 0x20)
		c->props = take(r, number(r));
	r->bad = r->bad || (flags & 0xc0) || !c->id.len;
}

static bool is_fed(const struct folder *f, uint64_t in)
{
	for (size_t i = 0; i < f->n_binds; i++)
		if (f->binds[i].in == in)
			return true;
	return false;
}

static void read_folder(struct in *r, struct folder *f)
{
	size_t ins = 0;
	f->n = count(r, CODERS);
	for (size_t i = 0; i < f->n && !r->bad; i++) {
		read_coder(r, &f->coders[i]);
		ins += f->coders[i].n_in;
		f->n_out += f->coders[i].n_out;
	}
	r->bad = r->bad || !f->n || !f->n_out || ins > STREAMS || f->n_out > STREAMS || ins + 1 < f->n_out;
	if (r->bad)
		return;
	for (; f->n_binds + 1 < f->n_out; f->n_binds++) {
		f->binds[f->n_binds].in = number(r);
		f->binds[f->n_binds].out = number(r);
	}
	f->n_packed = ins - f->n_binds;
	if (f->n_packed == 1)
		while (is_fed(f, f->packed[0]) && f->packed[0] < ins)
			f->packed[0]++;
	else
		for (size_t i = 0; i < f->n_packed; i++)
			f->packed[i] = number(r);
}

static void read_folders(struct in *r, struct streams *s)
{
	size_t pack = 0;
	expect(r, UNPACK_INFO);
	expect(r, FOLDER);
	s->n_folders = count(r, HEADER_MAX / 1024);
	expect(r, 0); /* not elsewhere */
	s->folders = mem_array(s->n_folders + 1, sizeof *s->folders);
	r->bad = r->bad || !s->folders;
	for (size_t i = 0; i < s->n_folders && !r->bad; i++) {
		read_folder(r, &s->folders[i]);
		s->folders[i].first = pack;
		pack += s->folders[i].n_packed;
	}
	r->bad = r->bad || pack > s->n_pack;
	expect(r, UNPACK_SIZE);
	for (size_t i = 0; i < s->n_folders && !r->bad; i++)
		for (size_t k = 0; k < s->folders[i].n_out; k++)
			s->folders[i].sizes[k] = number(r);
	unsigned id = byte(r);
	s->digests = STR("");
	if (id == CRC) {
		s->digests = digests(r, s->n_folders);
		id = byte(r);
	}
	r->bad = r->bad || id != END;
	s->rest = r->at;
}

static bool has_digest(struct str digests, size_t i)
{
	if (digests.len == 0 || digests.ptr[0])
		return digests.len > 0;
	return (unsigned char)digests.ptr[1 + i / 8] & 0x80 >> i % 8;
}

/* How many streams each folder holds (1 where it isn't said), past their sizes; those that have no checksum by their folder's. */
static size_t unchecked(struct in *r, const struct streams *s, unsigned *id)
{
	size_t *n = mem_array(s->n_folders + 1, sizeof *n), sum = 0;
	bool said = *id == N_STREAMS;
	r->bad = r->bad || !n;
	for (size_t i = 0; i < s->n_folders && !r->bad; i++) {
		n[i] = said ? count(r, SIZE_MAX) : 1;
		sum += n[i] == 1 && has_digest(s->digests, i) ? 0 : n[i];
	}
	*id = said ? byte(r) : *id;
	if (*id == SIZE) {
		for (size_t i = 0; i < s->n_folders && !r->bad; i++)
			for (size_t k = 1; k < n[i] && !r->bad; k++)
				number(r);
		*id = byte(r);
	}
	mem_free(n);
	return sum;
}

/* Has all that comes out of the folders a checksum (behind them, in `rest`)? 7-Zip writes one always; it alone tells a wrong password
 * where nothing is compressed, and who leaves it out may tell one password for us and another for who reads it. */
static bool all_checked(struct str rest, const struct streams *s)
{
	struct in r = { .s = rest };
	unsigned id = byte(&r);
	bool said = id == SUB_STREAMS;
	id = said ? byte(&r) : END;
	size_t n = unchecked(&r, s, &id), have = 0;
	struct str d = id == CRC ? digests(&r, n) : STR("");
	for (size_t i = 0; i < n && d.len && !r.bad; i++)
		have += has_digest(d, i);
	return !r.bad && have == n;
}

static void streams_done(struct streams *s)
{
	mem_free(s->pack);
	mem_free(s->folders);
}

/* ---- the key ---- */

static bool turn(struct job *j)
{
	unsigned char text[CRYPT_UTF16], n8[8];
	size_t n = crypt_utf16(j->password, text);
	EVP_MD_CTX *x = EVP_MD_CTX_new();
	bool ok = x && EVP_DigestInit_ex(x, EVP_sha256(), NULL);
	for (uint64_t i = 0; ok && i < UINT64_C(1) << j->cycles; i++) {
		for (int k = 0; k < 8; k++)
			n8[k] = (unsigned char)(i >> (8 * k));
		ok = EVP_DigestUpdate(x, j->salt, j->n_salt) && EVP_DigestUpdate(x, text, n) && EVP_DigestUpdate(x, n8, 8);
	}
	ok = ok && EVP_DigestFinal_ex(x, j->key, NULL);
	EVP_MD_CTX_free(x);
	return ok;
}

static bool key_for(struct job *j, struct str props, unsigned char iv[16])
{
	struct in r = { .s = props };
	unsigned b0 = byte(&r), b1 = b0 & 0xc0 ? byte(&r) : 0, cycles = b0 & 0x3f;
	struct str salt = take(&r, (b0 >> 7) + (b1 >> 4)), start = take(&r, (b0 >> 6 & 1) + (b1 & 15));
	if (r.bad || salt.len > sizeof j->salt || start.len > 16 || cycles > CYCLES_MAX)
		return false;
	memset(iv, 0, 16);
	memcpy(iv, start.ptr, start.len);
	if (j->has_key && j->cycles == cycles && str_eq(salt, (struct str){ (char *)j->salt, j->n_salt }))
		return true;
	memcpy(j->salt, salt.ptr, salt.len);
	j->n_salt = salt.len;
	j->cycles = cycles;
	return j->has_key = turn(j);
}

/* ---- AES out of a folder ---- */

static void drop(uint64_t *list, size_t *n, size_t i)
{
	memmove(list + i, list + i + 1, (--*n - i) * sizeof *list);
}

static bool is_aes(const struct coder *c)
{
	return c->id.len == 4 && memcmp(c->id.ptr, "\x06\xf1\x07\x01", 4) == 0 && c->n_in == 1 && c->n_out == 1;
}

/* The coder's one in-stream and one out-stream have the numbers in and out: whom it fed is fed from the file now. */
static bool unbind(struct folder *f, uint64_t in, uint64_t out)
{
	size_t b = 0;
	while (b < f->n_binds && f->binds[b].out != out)
		b++;
	if (b == f->n_binds)
		return false;
	for (size_t i = 0; i < f->n_packed; i++)
		if (f->packed[i] == in)
			f->packed[i] = f->binds[b].in;
	memmove(f->binds + b, f->binds + b + 1, (--f->n_binds - b) * sizeof *f->binds);
	for (size_t i = 0; i < f->n_packed; i++)
		f->packed[i] -= f->packed[i] > in;
	for (size_t i = 0; i < f->n_binds; i++) {
		f->binds[i].in -= f->binds[i].in > in;
		f->binds[i].out -= f->binds[i].out > out;
	}
	return true;
}

/* key, iv and the size of what is inside, by the packed stream that a coder takes; the coder is gone then. */
static bool take_out(struct folder *f, size_t c, uint64_t in, uint64_t out)
{
	static const struct coder copy = { .id = { "", 1 }, .n_in = 1, .n_out = 1 };
	if (f->n == 1) {
		f->coders[0] = copy;
		return true;
	}
	if (!unbind(f, in, out))
		return false;
	memmove(f->coders + c, f->coders + c + 1, (--f->n - c) * sizeof *f->coders);
	drop(f->sizes, &f->n_out, (size_t)out);
	return true;
}

/* One packed stream to the new archive. aes: NULL, or the coder's properties. */
static bool copy_pack(struct job *j, uint64_t at, uint64_t n, const struct str *aes, uint64_t plain)
{
	unsigned char iv[16];
	j->found = j->found || aes;
	if (at > j->file.len || n > j->file.len - at || (aes && !*j->password))
		return false;
	if (j->look)
		return true;
	if (!buf_room(j->out, (size_t)n))
		return false;
	unsigned char *to = (unsigned char *)j->out->ptr + j->out->len;
	if (!aes) {
		memcpy(to, j->file.ptr + at, (size_t)n);
		j->out->len += (size_t)n;
		return true;
	}
	if (plain > (n & ~(uint64_t)15) || !key_for(j, *aes, iv) || !crypt_aes(j->key, 32, iv, j->file.ptr + at, (size_t)n & ~(size_t)15, to))
		return false;
	j->out->len += (size_t)plain;
	return true;
}

/* The AES coder that takes this packed stream; its place, or -1. */
static int aes_of(const struct folder *f, uint64_t packed, uint64_t *ret_in, uint64_t *ret_out)
{
	uint64_t in = 0, out = 0;
	for (size_t i = 0; i < f->n; i++) {
		if (in == packed && is_aes(&f->coders[i])) {
			*ret_in = in;
			*ret_out = out;
			return (int)i;
		}
		in += f->coders[i].n_in;
		out += f->coders[i].n_out;
	}
	return -1;
}

static bool open_folder(struct job *j, struct streams *s, struct folder *f, uint64_t *at)
{
	for (size_t i = 0; i < f->n_packed; i++) {
		uint64_t in = 0, out = 0, size = s->pack[f->first + i];
		int c = aes_of(f, f->packed[i], &in, &out);
		struct str props = c >= 0 ? f->coders[c].props : STR("");
		uint64_t plain = c >= 0 ? f->sizes[out] : size;
		if (!copy_pack(j, *at, size, c >= 0 ? &props : NULL, plain) || (c >= 0 && !take_out(f, (size_t)c, in, out)))
			return false;
		*at += size;
		s->pack[f->first + i] = plain;
	}
	return true;
}

static bool open_streams(struct job *j, struct streams *s)
{
	uint64_t at = START + s->at;
	for (size_t i = 0; i < s->n_folders; i++)
		if (!open_folder(j, s, &s->folders[i], &at))
			return false;
	for (size_t i = s->n_folders ? s->folders[s->n_folders - 1].first + s->folders[s->n_folders - 1].n_packed : 0; i < s->n_pack; i++) {
		if (!copy_pack(j, at, s->pack[i], NULL, 0))
			return false;
		at += s->pack[i];
	}
	return true;
}

/* ---- the header ---- */

/* Packed by LZMA alone, as 7-Zip packs headers. packed: behind AES no more. */
static bool unpack_lzma(const struct folder *f, struct str packed, struct buf *out)
{
	lzma_filter filters[2] = { { .id = LZMA_FILTER_LZMA1 }, { .id = LZMA_VLI_UNKNOWN } };
	const struct coder *c = &f->coders[0];
	lzma_stream z = LZMA_STREAM_INIT;
	uint64_t size = f->sizes[0];
	if (f->n != 1 || c->id.len != 3 || memcmp(c->id.ptr, "\3\1\1", 3) != 0 || size > HEADER_MAX || !buf_room(out, (size_t)size) ||
	    lzma_properties_decode(&filters[0], NULL, (const uint8_t *)c->props.ptr, c->props.len) != LZMA_OK)
		return false;
	bool ok = lzma_raw_decoder(&z, filters) == LZMA_OK;
	z.next_in = (const uint8_t *)packed.ptr;
	z.avail_in = packed.len;
	z.next_out = (uint8_t *)out->ptr;
	z.avail_out = (size_t)size;
	while (ok && z.avail_out && lzma_code(&z, LZMA_RUN) == LZMA_OK)
		;
	out->len = ok && !z.avail_out ? (size_t)size : 0;
	lzma_end(&z);
	free(filters[0].options);
	return out->len > 0;
}

static bool unpack_header(const struct streams *s, struct str packed, struct buf *out)
{
	const struct folder *f = &s->folders[0];
	if (f->n == 1 && f->coders[0].id.len == 1 && f->coders[0].id.ptr[0] == 0)
		buf_str(out, packed);
	else if (!unpack_lzma(f, packed, out))
		return false;
	if (s->digests.len != 5) /* the one thing that tells a wrong password */
		return false;
	uLong crc = crc32(0, (const unsigned char *)out->ptr, (uInt)out->len);
	return !out->failed && crc == le(s->digests, 1, 4);
}

/* The header in a header, in place of *header. */
static enum locked decode_header(struct job *j, struct buf *header)
{
	struct in r = { .s = buf_view(header), .at = 1 };
	struct streams s = { 0 };
	struct buf next, *out = j->out;
	struct buf packed;
	buf_init(&next, HEADER_MAX);
	buf_init(&packed, HEADER_MAX);
	read_pack(&r, &s);
	read_folders(&r, &s);
	j->out = &packed;
	enum locked ret = LOCKED_UNKNOWN;
	if (!r.bad && s.n_folders == 1 && open_streams(j, &s))
		ret = unpack_header(&s, buf_view(&packed), &next) ? LOCKED_OPENED : j->found ? LOCKED_WRONG : LOCKED_UNKNOWN;
	j->out = out;
	streams_done(&s);
	buf_done(&packed);
	buf_done(header);
	*header = next;
	return ret;
}

/* ---- writing ---- */

static void put_number(struct buf *b, uint64_t v)
{
	buf_putc(b, (char)0xff);
	for (int i = 0; i < 8; i++)
		buf_putc(b, (char)(v >> (8 * i)));
}

static void put_le(char *dst, uint64_t v, int n)
{
	for (int i = 0; i < n; i++)
		dst[i] = (char)(v >> (8 * i));
}

static void put_coder(struct buf *b, const struct coder *c)
{
	bool complex = c->n_in != 1 || c->n_out != 1;
	buf_putc(b, (char)(c->id.len | (complex ? 0x10 : 0) | (c->props.len ? 0x20 : 0)));
	buf_str(b, c->id);
	if (complex) {
		put_number(b, c->n_in);
		put_number(b, c->n_out);
	}
	if (c->props.len) {
		put_number(b, c->props.len);
		buf_str(b, c->props);
	}
}

static void put_folder(struct buf *b, const struct folder *f)
{
	put_number(b, f->n);
	for (size_t i = 0; i < f->n; i++)
		put_coder(b, &f->coders[i]);
	for (size_t i = 0; i < f->n_binds; i++) {
		put_number(b, f->binds[i].in);
		put_number(b, f->binds[i].out);
	}
	for (size_t i = 0; f->n_packed > 1 && i < f->n_packed; i++)
		put_number(b, f->packed[i]);
}

static void put_header(struct buf *b, const struct streams *s, struct str rest)
{
	buf_put(b, "\1\4\6", 3);
	put_number(b, 0);
	put_number(b, s->n_pack);
	buf_putc(b, SIZE);
	for (size_t i = 0; i < s->n_pack; i++)
		put_number(b, s->pack[i]);
	buf_put(b, "\0\7\x0b", 3);
	put_number(b, s->n_folders);
	buf_putc(b, 0);
	for (size_t i = 0; i < s->n_folders; i++)
		put_folder(b, &s->folders[i]);
	buf_putc(b, UNPACK_SIZE);
	for (size_t i = 0; i < s->n_folders; i++)
		for (size_t k = 0; k < s->folders[i].n_out; k++)
			put_number(b, s->folders[i].sizes[k]);
	if (s->digests.len) {
		buf_putc(b, CRC);
		buf_str(b, s->digests);
	}
	buf_putc(b, END);
	buf_str(b, rest);
}

static void put_start(struct buf *b, size_t header)
{
	char *p = b->ptr;
	memcpy(p, "7z\xbc\xaf\x27\x1c\0\4", 8);
	put_le(p + 12, header - START, 8);
	put_le(p + 20, b->len - header, 8);
	put_le(p + 28, crc32(0, (unsigned char *)p + header, (uInt)(b->len - header)), 4);
	put_le(p + 8, crc32(0, (unsigned char *)p + 12, 20), 4);
}

/* ---- all of it ---- */

static enum locked rewrite(struct job *j, struct str header)
{
	struct in r = { .s = header };
	struct streams s = { 0 };
	static const char start[START];
	expect(&r, HEADER);
	expect(&r, MAIN_STREAMS);
	read_pack(&r, &s);
	read_folders(&r, &s);
	buf_put(j->out, start, START);
	j->look = !*j->password;
	bool ok = !r.bad && open_streams(j, &s) && j->found;
	size_t at = j->out->len;
	struct str rest = { header.ptr + s.rest, header.len - s.rest };
	ok = ok && all_checked(rest, &s);
	if (ok)
		put_header(j->out, &s, rest);
	streams_done(&s);
	if (!ok || j->out->failed)
		return LOCKED_UNKNOWN;
	put_start(j->out, at);
	return LOCKED_OPENED;
}

enum locked unlock_7z(struct str file, const char *password, struct buf *out)
{
	struct job j = { .file = file, .password = password, .out = out };
	struct buf header;
	enum locked r = LOCKED_OPENED;
	if (file.len < START || memcmp(file.ptr, "7z\xbc\xaf\x27\x1c", 6) != 0)
		return LOCKED_UNKNOWN;
	uint64_t at = le(file, 12, 8), n = le(file, 20, 8);
	if (n == 0 || n > HEADER_MAX || at > file.len - START || n > file.len - START - at)
		return LOCKED_UNKNOWN;
	buf_init(&header, HEADER_MAX);
	buf_put(&header, file.ptr + START + at, (size_t)n);
	for (int i = 0; i < ENCODED_MAX && r == LOCKED_OPENED && header.len && header.ptr[0] == ENCODED; i++)
		r = decode_header(&j, &header);
	if (r == LOCKED_OPENED)
		r = rewrite(&j, buf_view(&header));
	buf_done(&header);
	return r == LOCKED_UNKNOWN && j.found ? LOCKED_WRONG : r;
}
