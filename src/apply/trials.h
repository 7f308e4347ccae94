/* How long each file of signatures (ips/book.h) has been in force while the lines were inspected: what a signature on trial has to last
 * before it may act (service.ips.trial_s). Counted by the monotonic clock, so that nobody's setting of a clock ends a trial.
 *
 *   STATE/feeds/ips/trials  n × { 32 bytes SHA-256 of the file, u64 seconds }, the newest last, at most TRIALS_KEPT */
#ifndef APPLY_TRIALS_H
#define APPLY_TRIALS_H

#include "apply/generation.h"

#define TRIALS_KEPT 256
#define TRIALS_FILES 16 /* of a generation */
#define TRIALS_LOOK_MS 5000

struct trials {
	unsigned char pinned[TRIALS_FILES][SHA256_LEN]; /* of the generation in force */
	size_t n;
	int64_t counted_ms; /* up to here, monotonic; 0: the lines weren't inspected then */
};

/* Another generation is in force; what was counted stands. */
void trials_take(struct trials *t, const struct gen *g);
/* Call often. Writes every TRIALS_LOOK_MS. */
int trials_look(struct trials *t, bool inspecting, struct err *err);
/* Seconds of a file, 0 of an unknown one. -E_CORRUPT, -E_IO. */
int trials_seconds(const unsigned char sha[SHA256_LEN], uint64_t *ret, struct err *err);

#endif
