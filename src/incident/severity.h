/* 暫定危険度: what a finding means by its OUTCOME (M-084, M-085), never by its signature's level.
 *
 *   0 Low       no attack is described, and nothing got through
 *   1 Medium    a failed attack is confirmed (everything was refused), or no attack is described and nothing is known
 *               to have got through
 *   2 High      success is likely, or failure isn't confirmed: also when the rule names no technique, but what it found
 *               got through. An operator who forgets the tag doesn't hide a C&C connection or a delivered file.
 *   3 Critical  success: the beacon was let through again and again, the malware was delivered, data went out
 * 3 needs a technique, since it blocks by itself: without one nothing says what was reached; a person judges.
 * A person's judgement stands beside it and wins. */
#ifndef INCIDENT_SEVERITY_H
#define INCIDENT_SEVERITY_H

#include "base/buf.h"
#include "detect/finding.h"

#define SEVERITY_REPEATED 3 /* events from which a connection is called repeated */

struct severity_reason {
	const char *code; /* "c2_allowed_repeated" */
	const char *ja, *en;
};

struct severity {
	uint8_t level;
	const struct severity_reason *reason; /* static */
};

struct severity severity_of(const struct finding *f);
/* Appends [{"code":…,"text_ja":…,"text":…,"finding":uid,"count":n}] to b. */
void severity_format(const struct severity *s, const struct finding *f, struct buf *b);
/* A reason by its code, in words; an unknown code is returned as it is. */
const char *severity_reason_words(const char *code, bool ja);
/* [{"code":…,"text_ja":…,"text":…}] of one reason, for what isn't a finding's; dst holds 600 bytes. */
const char *severity_reason_json(const char *code, char *dst, size_t size);
const char *severity_name(int level, bool ja); /* "危険度3(重大)", "3 Critical" */
const char *severity_meaning(int level, bool ja); /* M-084's words for it; "" beyond 3 */

#endif
