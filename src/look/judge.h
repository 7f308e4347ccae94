/* Is a page still the one that was approved, or learnt? No clock, no disk, no network of its own.
 *
 * Learning: the first LOOK_LEARN looks are taken as they are (who wants to be sure approves them). From then on a page whose likeness to
 * the best of LOOK_SAMPLES is LOOK_LIKE percent or more is the same one, and is learnt in its turn where it isn't nearly one of them, so that
 * it may change day by day. What a person approved stays known beside that: the page of a disaster's day can be approved at a drill.
 * What is another page must be so at LOOK_SURE looks in a row before it is told, once; that it is back is told, too. */
#ifndef LOOK_JUDGE_H
#define LOOK_JUDGE_H

#include "look/page.h"

#define LOOK_SAMPLES 8
#define LOOK_LEARN 3
#define LOOK_LIKE 35
#define LOOK_NEARLY 90
#define LOOK_APPROVED 4 /* of the samples */
#define LOOK_SURE 2

enum look_change { LOOK_SAME, LOOK_REPLACED, LOOK_REMOVED, LOOK_AWAY, LOOK_MOCKED, LOOK_STRANGER, LOOK_CHANGES };

struct look_seen { /* one visit */
	unsigned status;       /* HTTP; 0: no answer */
	char away[256];        /* a strange host it was redirected to; "" */
	struct look_page page; /* what was in the answer */
};

struct look_known { /* of one page; kept on disk */
	uint32_t n, next;      /* samples; where the next one goes */
	uint32_t looks;        /* good ones, until it is learnt */
	uint32_t odd;          /* looks in a row that found `change` */
	uint32_t change, told; /* enum look_change */
	uint32_t like;         /* percent, at the last look that had a page */
	int64_t looked_ms, told_ms;
	struct look_page samples[LOOK_SAMPLES];
	uint8_t approved[LOOK_SAMPLES];
};

struct look_verdict {
	bool tell;                 /* now, this once */
	bool back;                 /* what was told is over */
	enum look_change change;
	unsigned like;             /* percent */
	char host[LOOK_HOST];      /* of _AWAY and _STRANGER */
};

/* An answer that says nothing of the page: it is down, busy, asks for a password, or leads in a circle. */
bool look_says_nothing(const struct look_seen *s);
void look_judge(struct look_known *k, const struct look_seen *s, struct look_verdict *ret);
/* A person says that it is right as it is at this look. alone: nothing else is known any more. */
void look_approve(struct look_known *k, const struct look_seen *s, bool alone);
const char *look_change_name(enum look_change c); /* "replaced" */
/* Read from disk: counts and words within bounds. */
bool look_known_sound(struct look_known *k);

#endif
