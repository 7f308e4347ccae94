/* Held bodies; see hold.h. Decoding here is only for inspection: the terminal gets the bytes of the origin. */
#include "proxy/hold.h"

#include "base/err.h"
#include "base/mem.h"
#include "proxy/recall.h"
#include "scan/client.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

/* ---- a store ---- */

static int spill(struct store *s)
{
	s->fd = memfd_create("toride-held", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (s->fd < 0)
		return -E_IO;
	size_t off = 0;
	while (off < s->mem.len) {
		ssize_t n = write(s->fd, s->mem.ptr + off, s->mem.len - off);
		if (n < 0 && errno != EINTR)
			return -E_IO;
		off += n > 0 ? (size_t)n : 0;
	}
	buf_done(&s->mem);
	return 0;
}

static int store_put(struct store *s, const char *p, size_t n)
{
	if (s->fd < 0 && s->mem.len + n > HOLD_MEMORY) {
		int r = spill(s);
		if (r < 0)
			return r;
	}
	s->size += n;
	if (s->fd < 0) {
		buf_put(&s->mem, p, n);
		return s->mem.failed;
	}
	while (n) {
		ssize_t k = write(s->fd, p, n);
		if (k < 0 && errno != EINTR)
			return -E_IO;
		p += k > 0 ? k : 0;
		n -= k > 0 ? (size_t)k : 0;
	}
	return 0;
}

static int store_seal(struct store *s)
{
	if (s->fd < 0 || s->map || s->size == 0)
		return 0;
	if (fcntl(s->fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK) < 0)
		return -E_IO;
	void *m = mmap(NULL, s->size, PROT_READ, MAP_PRIVATE, s->fd, 0);
	if (m == MAP_FAILED)
		return -E_IO;
	s->map = m;
	return 0;
}

static void store_reset(struct store *s)
{
	if (s->map)
		munmap(s->map, s->size);
	if (s->fd >= 0)
		close(s->fd);
	s->map = NULL;
	s->fd = -1;
	s->size = 0;
	buf_reset(&s->mem);
}

static struct str store_view(const struct store *s)
{
	return s->map ? (struct str){ s->map, s->size } : buf_view(&s->mem);
}

/* ---- the hold ---- */

int hold_begin(struct hold *h, enum hold_coding coding, uint64_t max, uint64_t expected)
{
	if (!h->md) {
		h->md = EVP_MD_CTX_new();
		buf_init(&h->raw.mem, HOLD_MEMORY);
		buf_init(&h->plain.mem, HOLD_MEMORY);
		h->raw.fd = h->plain.fd = -1;
	}
	h->coding = coding;
	h->max = max;
	h->state = coding == CODING_UNKNOWN ? HOLD_UNREADABLE : HOLD_OK;
	if (!h->md)
		return -E_NOMEM;
	if (expected && expected <= HOLD_MEMORY)
		buf_room(&h->raw.mem, expected);
	if (h->raw.mem.failed)
		return h->raw.mem.failed;
	return decoder_open(&h->decoder, coding);
}

static struct store *content(struct hold *h)
{
	return h->coding == CODING_NONE ? &h->raw : &h->plain;
}

/* To the content. What spills is hashed as it comes from then on, so that no long work is left for the end; what stays in
 * memory, once it is whole (hold_end()). */
static int put_content(struct hold *h, const char *p, size_t n)
{
	struct store *s = content(h);
	if (s->fd < 0 && s->mem.len + n > HOLD_MEMORY &&
	    (EVP_DigestInit_ex(h->md, EVP_sha256(), NULL) != 1 || EVP_DigestUpdate(h->md, s->mem.ptr, s->mem.len) != 1))
		return -E_NOMEM;
	int r = store_put(s, p, n);
	if (r == 0 && s->fd >= 0 && EVP_DigestUpdate(h->md, p, n) != 1)
		return -E_NOMEM;
	return r;
}

static int put_plain(struct hold *h, const char *p, size_t n)
{
	uint64_t total = h->plain.size + n;
	if (total > h->max || (total > HOLD_RATIO_FROM && total / HOLD_RATIO > h->raw.size)) {
		h->state = HOLD_TOO_LARGE;
		return 0;
	}
	return put_content(h, p, n);
}

static int decode(struct hold *h, struct str in)
{
	char out[32 * 1024];
	bool first = h->raw.size == in.len, full = false;
	while (h->state == HOLD_OK && (in.len || full)) {
		ptrdiff_t n = decoder_step(&h->decoder, &in, out, sizeof out, first);
		if (n < 0) {
			h->state = HOLD_UNREADABLE;
			return 0;
		}
		first = false;
		full = (size_t)n == sizeof out && !h->decoder.end;
		int e = put_plain(h, out, (size_t)n);
		if (e < 0)
			return e;
	}
	return 0;
}

int hold_put(struct hold *h, const void *p, size_t n)
{
	if (h->raw.size + n > h->max) {
		h->state = h->state == HOLD_OK ? HOLD_TOO_LARGE : h->state;
		return -E_LIMIT;
	}
	if (h->coding == CODING_NONE)
		return put_content(h, p, n);
	int r = store_put(&h->raw, p, n);
	if (r < 0)
		return r;
	if (h->state == HOLD_OK)
		r = decode(h, (struct str){ p, n });
	return r;
}

char *hold_room(struct hold *h, size_t n)
{
	if (h->coding != CODING_NONE || h->raw.fd >= 0 || h->raw.mem.len + n > HOLD_MEMORY || h->raw.size + n > h->max)
		return NULL;
	return buf_room(&h->raw.mem, n) ? h->raw.mem.ptr + h->raw.mem.len : NULL;
}

void hold_added(struct hold *h, size_t n)
{
	h->raw.mem.len += n;
	h->raw.size += n;
}

int hold_end(struct hold *h)
{
	if (h->coding != CODING_NONE && h->state == HOLD_OK && !h->decoder.end && h->raw.size)
		h->state = HOLD_UNREADABLE; /* cut short */
	decoder_close(&h->decoder);
	struct store *s = content(h);
	if (s->fd < 0)
		recall_sha256(buf_view(&s->mem), h->sha);
	else if (EVP_DigestFinal_ex(h->md, h->sha, NULL) != 1)
		return -E_IO;
	int r = store_seal(&h->raw);
	return r < 0 ? r : store_seal(&h->plain);
}

int hold_seal(struct hold *h)
{
	return store_seal(&h->raw);
}

int hold_peek(const struct hold *h, char *dst, size_t n)
{
	const struct store *s = &h->raw;
	if (n > s->size)
		return -E_INVALID;
	if (s->fd < 0) {
		memcpy(dst, s->mem.ptr, n);
		return 0;
	}
	void *m = mmap(NULL, n, PROT_READ, MAP_PRIVATE, s->fd, 0);
	if (m == MAP_FAILED)
		return -E_IO;
	memcpy(dst, m, n);
	munmap(m, n);
	return 0;
}

int hold_export(struct hold *h, int *ret_fd)
{
	struct store *s = &h->raw;
	int r = s->fd < 0 && s->size ? spill(s) : 0;
	*ret_fd = -1;
	r = r < 0 ? r : store_seal(s);
	if (r < 0 || s->size == 0)
		return r;
	*ret_fd = fcntl(s->fd, F_DUPFD_CLOEXEC, 0);
	return *ret_fd < 0 ? -E_IO : 0;
}

int hold_adopt(struct hold *h, int fd, uint64_t size)
{
	int r = hold_begin(h, CODING_NONE, size, 0);
	if (r < 0) {
		if (fd >= 0)
			close(fd);
		return r;
	}
	h->raw.fd = fd;
	h->raw.size = size;
	return store_seal(&h->raw);
}

bool hold_too_slow(int64_t ms, uint64_t n, int64_t grace_ms)
{
	return ms >= HOLD_TOTAL_MS || (ms >= grace_ms && n < (uint64_t)ms * HOLD_RATE / 1000);
}

int hold_scan_fd(struct hold *h, int *ret_fd, bool *ret_own)
{
	struct store *s = content(h);
	*ret_own = s->fd < 0;
	*ret_fd = s->fd;
	if (s->fd >= 0)
		return 0;
	struct str part = buf_view(&s->mem);
	return scan_memfd(&part, 1, ret_fd, NULL);
}

struct str hold_bytes(const struct hold *h)
{
	return store_view(&h->raw);
}

struct str hold_content(const struct hold *h)
{
	return store_view(h->coding == CODING_NONE ? &h->raw : &h->plain);
}

uint64_t hold_held(const struct hold *h)
{
	return h->raw.size + h->plain.size + decoder_held(&h->decoder);
}

void hold_reset(struct hold *h)
{
	if (!h->md)
		return;
	decoder_close(&h->decoder);
	store_reset(&h->raw);
	store_reset(&h->plain);
	buf_done(&h->plain.mem);
	h->coding = CODING_NONE;
	h->state = HOLD_OK;
}

void hold_done(struct hold *h)
{
	hold_reset(h);
	buf_done(&h->raw.mem);
	buf_done(&h->plain.mem);
	EVP_MD_CTX_free(h->md);
	*h = (struct hold){ 0 };
}
