/* The codes that stand in tables and JSON, in the words people read. One table for the page, the command line and
 * the timeline, so that a state is called the same everywhere. */
#ifndef WIRE_WORDS_H
#define WIRE_WORDS_H

#include <stdbool.h>

enum words_of {
	WORDS_STATE,      /* of an incident */
	WORDS_OBSERVABLE, /* types of observables and kinds of blocks */
	WORDS_BLOCK,      /* state of a block */
	WORDS_STEP,       /* of a notice */
	WORDS_MAIL,       /* state of a notice */
	WORDS_REPORT,     /* 速報・続報・確報 */
	WORDS_REFUSAL,    /* why something is never blocked, or why an order failed */
	WORDS_REASON,     /* why the system blocks */
	WORDS_CHECK,      /* what was looked at after a block, and what was seen */
	WORDS_PROCESS,    /* state of a process, as torided's supervisor says it */
	WORDS_ACTOR,
	WORDS_SUSPICION,  /* what a person reports */
	WORDS_CALL,       /* how a telephone call ended */
	WORDS_CHANNEL,    /* by what a notice goes out */
	WORDS_SHIFT,      /* kinds of hand-overs */
	WORDS_INQUIRY,    /* state of a search made for an incident */
	WORDS_CLASS,      /* OCSF's number of a class of records */
	WORDS_PRODUCT,    /* who recorded it; a device's maker is called by its own name */
	WORDS_DISPOSITION,
};

/* Static; a code that isn't in the table (a person's name, a newer code) is returned as it is. */
const char *words_of(enum words_of what, const char *code, bool ja);

#endif
