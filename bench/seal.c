/* bench-seal: records into sealed segments, by the writer intaked uses: salt, leaf, tree, AES-256-GCM, chain, file, and
 * a commit (with its sync) for each 20 ms' worth and a signed checkpoint for each second's worth of 100,000 records/s.
 * Peer `limit`: SHA-256 alone over the same bytes (0 ‖ salt ‖ record) in one thread. CPU seconds of the process, so that
 * waiting for the disk doesn't count as work, nor another's load as ours.
 *
 * The goal is in leaves (500,000 a second and core), not a ratio: nothing that hashes more than the limit can beat it.
 * Usage: bench-seal DIRECTORY [RECORDS]   (the directory is emptied) */
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "segment/fake_vault.h"
#include "segment/merkle.h"
#include "segment/writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define GOAL 500000.0
#define COMMIT_EVERY 2000
#define CHECKPOINT_EVERY 100000

/* Of the size of a proxy's event in the golden example. */
static const char body[] =
	"\"class_uid\":4002,\"time\":1795386357708,\"org\":\"412015\",\"product\":\"proxyd\",\"src_endpoint\":{\"ip\":\"10.1.0.5\","
	"\"port\":40000},\"dst_endpoint\":{\"hostname\":\"www.example.jp\",\"ip\":\"198.51.100.7\",\"port\":443},\"http_request\":"
	"{\"http_method\":\"GET\",\"user_agent\":\"Mozilla/5.0 (Windows NT 10.0; Win64; x64)\",\"url\":{\"url_string\":"
	"\"https://www.example.jp/img/a.png\",\"scheme\":\"https\",\"hostname\":\"www.example.jp\",\"path\":\"/img/a.png\"}},"
	"\"action\":\"Allowed\",\"disposition\":\"Allowed\"}";

static double cpu(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct str record(char *dst, size_t size, unsigned long i)
{
	int n = snprintf(dst, size, "{\"ref\":\"%08lx\",%s", i, body);
	return (struct str){ dst, (size_t)n };
}

static double seal_all(const char *dir, unsigned long count, struct err *err)
{
	struct writer *w = NULL;
	char text[1024];
	struct writer_opts o = { .dir = dir, .key = fake_key, .seal = fake_seal };
	int r = writer_open(&o, &w, err);
	double began = cpu();
	for (unsigned long i = 0; i < count && r == 0; i++) {
		r = writer_append(w, "412015", "events", record(text, sizeof text, i), NULL, err);
		if (r == 0 && i % COMMIT_EVERY == COMMIT_EVERY - 1)
			r = writer_commit(w, err);
		if (r == 0 && i % CHECKPOINT_EVERY == CHECKPOINT_EVERY - 1)
			r = writer_checkpoint(w, false, err);
	}
	if (r == 0)
		r = writer_checkpoint(w, true, err);
	double took = cpu() - began;
	writer_close(&w);
	return r < 0 ? -1 : took;
}

static double limit(unsigned long count)
{
	struct sha s;
	unsigned char sum[SEGMENT_HASH];
	char text[1024];
	if (sha_open(&s) < 0)
		return -1;
	double began = cpu();
	memset(text, 0, 1 + SEGMENT_SALT);
	for (unsigned long i = 0; i < count; i++) {
		struct str data = record(text + 1 + SEGMENT_SALT, sizeof text - 1 - SEGMENT_SALT, i);
		sha_begin(&s);
		sha_add(&s, text, 1 + SEGMENT_SALT + data.len);
		sha_end(&s, sum);
	}
	double took = cpu() - began;
	sha_close(&s);
	return took;
}

int main(int argc, char **argv)
{
	struct err err = { 0 };
	unsigned long count = argc > 2 ? strtoul(argv[2], NULL, 10) : 1000000;
	if (argc < 2 || count == 0) {
		fprintf(stderr, "usage: bench-seal DIRECTORY [RECORDS]\n");
		return 2;
	}
	fs_rmtree(argv[1], NULL);
	limit(count / 10); /* warm */
	double bare = limit(count), ours = seal_all(argv[1], count, &err);
	fs_rmtree(argv[1], NULL);
	if (ours <= 0 || bare <= 0) {
		fprintf(stderr, "bench-seal: %s: %s\n", err.path, err.msg);
		return 4;
	}
	double value = (double)count / ours, peer = (double)count / bare;
	printf("figure seal %.0f leaves/s/core peer limit %.0f ratio %.2f goal %.0f %s\n", value, peer, value / peer, GOAL,
	       value >= GOAL ? "met" : "short");
	return 0;
}
