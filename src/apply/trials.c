/* See trials.h. */
#include "apply/trials.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "wire/cursor.h"
#include "wire/place.h"

#define RECORD (SHA256_LEN + 8)

struct record {
	unsigned char sha[SHA256_LEN];
	uint64_t seconds;
};

static const char *trials_path(char dst[PLACE_MAX])
{
	return place_in_state(dst, PLACE_MAX, "feeds/ips/trials");
}

void trials_take(struct trials *t, const struct gen *g)
{
	struct buf b;
	buf_init(&b, 64 * KIB);
	t->n = 0;
	if (gen_find(g, "suricata/feeds.bin") && gen_read(g, "suricata/feeds.bin", &b, NULL) == 0)
		for (; t->n < TRIALS_FILES && (t->n + 1) * SHA256_LEN <= b.len; t->n++)
			memcpy(t->pinned[t->n], b.ptr + t->n * SHA256_LEN, SHA256_LEN);
	buf_done(&b);
}

static int load(struct record list[TRIALS_KEPT + TRIALS_FILES], size_t *ret_n, struct err *err)
{
	char path[PLACE_MAX];
	struct buf b;
	int r = 0;
	*ret_n = 0;
	if (!fs_exists(trials_path(path)))
		return 0;
	buf_init(&b, 2 * TRIALS_KEPT * RECORD);
	r = fs_read(path, &b, err);
	if (r == 0 && (b.len % RECORD || b.len > TRIALS_KEPT * RECORD))
		r = err_set(err, E_CORRUPT, path, "not a list of trials");
	struct rd rd = rd_from(b.ptr, b.len);
	for (; r == 0 && (*ret_n + 1) * RECORD <= b.len; ++*ret_n) {
		rd_bytes(&rd, list[*ret_n].sha, SHA256_LEN);
		list[*ret_n].seconds = rd_u64(&rd);
	}
	buf_done(&b);
	return r;
}

static int store(const struct record *list, size_t n, struct err *err)
{
	char path[PLACE_MAX];
	struct buf b;
	size_t from = n > TRIALS_KEPT ? n - TRIALS_KEPT : 0;
	buf_init(&b, TRIALS_KEPT * RECORD);
	for (size_t i = from; i < n; i++) {
		buf_put(&b, list[i].sha, SHA256_LEN);
		wr_u64(&b, list[i].seconds);
	}
	int r = b.failed ? err_set(err, E_NOMEM, "trials", "no memory") : fs_write(trials_path(path), buf_view(&b), 0644, err);
	buf_done(&b);
	return r;
}

static struct record *find(struct record *list, size_t n, const unsigned char *sha)
{
	for (size_t i = 0; i < n; i++)
		if (memcmp(list[i].sha, sha, SHA256_LEN) == 0)
			return &list[i];
	return NULL;
}

int trials_look(struct trials *t, bool inspecting, struct err *err)
{
	struct record list[TRIALS_KEPT + TRIALS_FILES];
	int64_t now = clock_mono_ms();
	size_t n;
	if (!inspecting || !t->n || !t->counted_ms) {
		t->counted_ms = inspecting && t->n ? now : 0;
		return 0;
	}
	if (now - t->counted_ms < TRIALS_LOOK_MS)
		return 0;
	uint64_t seconds = (uint64_t)(now - t->counted_ms) / 1000;
	t->counted_ms += (int64_t)seconds * 1000;
	int r = load(list, &n, err);
	if (r == -E_CORRUPT)
		n = 0; /* trials begin anew: too long is the harmless side */
	for (size_t i = 0; i < t->n; i++) {
		struct record *k = find(list, n, t->pinned[i]);
		if (!k) {
			k = &list[n++];
			*k = (struct record){ .seconds = 0 };
			memcpy(k->sha, t->pinned[i], SHA256_LEN);
		}
		k->seconds += seconds;
	}
	return r == 0 || r == -E_CORRUPT ? store(list, n, err) : r;
}

int trials_seconds(const unsigned char sha[SHA256_LEN], uint64_t *ret, struct err *err)
{
	struct record list[TRIALS_KEPT + TRIALS_FILES];
	size_t n;
	int r = load(list, &n, err);
	const struct record *k = r == 0 ? find(list, n, sha) : NULL;
	*ret = k ? k->seconds : 0;
	return r;
}
