/* Which events each of our own processes may hand in: the table of doc/interfaces, "Who may say what".
 *
 * Most of our processes parse hostile bytes. One that was taken over speaks with its own user still, so what it says is
 * believed only in the matters that are its own: scand can't tell of a page, portald of nothing at all. */
#ifndef NORMALISE_SENDER_H
#define NORMALISE_SENDER_H

#include "normalise/event.h"

#define SENDER_CLASSES 16

struct sender {
	const char *process;              /* row of jail/table.c; of root's own: see sender_of_root() */
	uint32_t classes[SENDER_CLASSES]; /* class_uid; 0 ends */
	const char *product;              /* what `product` must be: one of these, between "|" */
	bool any_org;                     /* else of the service alone */
	bool unclassed;                   /* may say class 0: a device's line that is of no class of ours */
	const char *series;               /* where its records go; NULL: the usual one. Of another series they are of another time: what
	                                     was brought in later says nothing of a clock, and isn't judged as it comes (detect/follow.h) */
};

/* The row of "proxyd"; a process without one, or NULL, gets a row that allows nothing. Never NULL. */
const struct sender *sender_find(const char *process);
/* The row of a source of root's: torided, or a command that brings a file in ("import": its lines, "custody": who brought it). */
const struct sender *sender_of_root(const char *source);
#define SENDER_IMPORT "import"
#define SENDER_CUSTODY "custody"
#define SENDER_IMPORT_SERIES "import"
/* 0, or -E_DENIED with the member and why. org: whose the record would be (code or "service"). A second class_uid or
 * product is refused too: readers differ in which of two they believe. */
int sender_check(const struct sender *s, const struct event *e, const char *org, struct err *err);
/* The organisation alone, for what can't be read. */
int sender_check_org(const struct sender *s, const char *org, struct err *err);

#endif
