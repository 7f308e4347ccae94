/* One organisation's log taken out so that anybody can check it anywhere: records in the clear with their salts, all
 * leaf hashes of their segments, the signed checkpoints about them with paths (nothing of other organisations), the
 * public key, a manifest and a page that says what to do, in Japanese and English. All of a time, or the records that were picked, as
 * those of an incident (S-24): then the others of their segments are there as hashes alone. One file of it: bundle.h.
 *
 *   records.jsonl               {"name":"ORG/SERIES/SEGMENT/INDEX","time_ms":…,"salt":HEX,"record":"the JSON text"}
 *   leaves/SERIES-NNNNNN.txt    one leaf hash (hex) a line, all records of the segment, in order
 *   checkpoints.jsonl           checkpoint.h
 *   seal.pub                    Ed25519 public key, hex
 *   manifest.json, README.md    of records that were picked the manifest names each; what it can't show is that none was left out:
 *                               its SHA-256 is on record where it was made (cli/cmd_export.c)
 *   packets.pcapng              the packets among the records, where there are any (capture.h)
 *   and texts put in as they are (incident.json)
 * Handing it out is the caller's responsibility: it holds the log in the clear. */
#ifndef SEGMENT_EXPORT_H
#define SEGMENT_EXPORT_H

#include "segment/segment.h"

struct export_text {
	const char *name; /* of the file */
	struct str text;
};
struct export_opts {
	const char *dir; /* STATE/segments */
	const char *out; /* made; must not exist, or be empty */
	const char *org; /* code or "service" */
	int64_t from_ms, to_ms; /* when written, to the block; to_ms 0: until now */
	segment_key_fn key;
	void *user;
	bool (*pick)(const struct segment_name *name, struct str data, void *user); /* NULL: all */
	void *pick_user;
	const struct export_text *texts;
	size_t n_texts;
	const char *by, *reason, *incident, *custody; /* what the manifest says of it; NULL: nothing */
};
struct export_report {
	uint64_t records, segments, checkpoints, packets;
	unsigned char manifest[SEGMENT_HASH]; /* the manifest's SHA-256, and so everything's */
};
/* Only what is signed is exported: call it after a checkpoint. */
int segment_export(const struct export_opts *o, struct export_report *report, struct err *err);

#endif
