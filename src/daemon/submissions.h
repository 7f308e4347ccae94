/* Descriptions handed in and who approved them: STATE/submitted/HEX.json (the canonical bytes) and HEX.meta.json
 *   {"author":"root","time":"…Z","org_count":21,"approvals":[{"by":"sato","time":"…Z","over":"sha256:…"}]}
 * Used by controld alone. Root never reads the meta file: it applies what controld orders, and checks the digest only. */
#ifndef DAEMON_SUBMISSIONS_H
#define DAEMON_SUBMISSIONS_H

#include "base/buf.h"
#include "base/err.h"
#include "wire/identity.h"

#define SUBMISSIONS_MAX 2000
#define APPROVALS_MAX 16

struct approval {
	char by[IDENTITY_MAX];
	char time[32];
	char over[72]; /* of one prefecture alone: the digest then in force, or APPROVED_OVER_NONE; "": it holds whatever is in force */
};
#define APPROVED_OVER_NONE "-"

struct submission {
	char digest[72];
	char author[IDENTITY_MAX], time[32];
	struct approval approvals[APPROVALS_MAX];
	size_t n;
};

/* Checks the description (model_load_canonical) and stores it. Handing in again what is there changes nothing, its first
 * author stays the author. Faults: the first one is the error. */
int submission_put(struct str description, const char *author, struct submission *ret, struct err *err);
/* One of the other node of a pair: what its record there says (meta) is taken over. -E_DENIED when nobody but its author has seen it there. */
int submission_take(struct str description, struct str meta, const char *digest, struct submission *ret, struct err *err);
int submission_get(const char *digest, struct submission *ret, struct err *err);
/* over: see struct approval. -E_DENIED when by is the author (identity_same); -E_EXISTS when they have done so already, over the same. */
int submission_approve(const char *digest, const char *by, const char *over, struct submission *ret, struct err *err);
/* Has somebody else than its author approved it? */
bool submission_approved(const struct submission *s);
/* And may it go in force now that `current` is ("" for nothing yet)? NULL: whatever is in force. */
bool submission_approved_over(const struct submission *s, const char *current);
/* Calls fn for each, oldest name first. */
int submission_list(void (*fn)(const struct submission *s, void *user), void *user, struct err *err);
/* The fields of one as JSON: digest, author, time, approvals. */
void submission_format(const struct submission *s, struct buf *b);
/* "sha256:HEX" in lower case. */
bool digest_ok(const char *digest);

#endif
