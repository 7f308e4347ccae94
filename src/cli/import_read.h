/* The jailed half of `toride log import`: reads a file that others wrote and hands up what its lines become, a frame each.
 *
 *   frame  u8 kind (enum import_kind), u32 length, that many bytes
 *
 * The other half (cmd_import.c) holds the socket and says whose the records are: whoever takes this one over can spoil the records of one
 * file and reach nothing else. */
#ifndef CLI_IMPORT_READ_H
#define CLI_IMPORT_READ_H

#include "base/buf.h"
#include "device/device.h"
#include "wire/events.h"

enum import_kind {
	IMPORT_EVENT = 1, /* a line's event, with its own time */
	IMPORT_UNDATED,   /* …, without */
	IMPORT_RAW,       /* a line no parser read, kept as it is */
	IMPORT_LOST,      /* a record of a Windows event log file that can't be read; no bytes */
	IMPORT_FINDING,   /* what a rule found, for people or as JSON */
};
#define IMPORT_FRAME_HEAD 5
#define IMPORT_FRAME_MAX EVENTS_MAX
/* The frame at the front, its bytes borrowed. -E_AGAIN: it isn't complete; -E_INVALID: it is none. *ret_used: its length. */
int import_frame(struct str bytes, enum import_kind *ret_kind, struct str *ret_body, size_t *ret_used);

struct import_reading {
	int fd, out; /* the file; where frames go */
	size_t size;
	struct device_source source;
	int64_t written_ms;          /* when it was written last: the year of times without one is the nearest */
	const char *org, *id;        /* of findings and their records (ID/NUMBER) */
	const char *rules;           /* a directory of rules; NULL: nothing is judged */
	bool json;
};
/* Confines this process for good, which keeps no other descriptors but the standard ones, reads all and returns its exit code. */
int import_read(const struct import_reading *o);

#endif
