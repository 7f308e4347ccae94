/* The state of one series in the writer. Private to writer.c and recover.c. */
#ifndef SEGMENT_SERIES_H
#define SEGMENT_SERIES_H

#include "base/map.h"
#include "segment/checkpoint.h"
#include "segment/format.h"
#include "segment/writer.h"

struct series {
	char org[8], series[16];
	struct series *next; /* all of them */
	/* the open segment; header.number is 0 when there is none */
	struct seg_header header;
	struct seg_cipher cipher; /* opened at the first append */
	struct merkle tree;
	unsigned char chain[SEGMENT_HASH];
	int64_t begun_ms; /* monotonic: its age counts from here, whatever the wall clock is set to */
	uint64_t synced; /* bytes of the file that are safe */
	int fd;          /* -1: no file yet (the header waits in out) */
	bool dir_dirty;  /* the file is new: its directory has to be synced too */
	bool suspect;    /* a write failed: cut the file back to `synced` first */
	bool written;    /* all of out is in the file, not yet synced */
	bool sealing;    /* the footer is in out */
	struct buf out;  /* whole header, blocks and footer that aren't safe yet */
	/* the block being filled */
	struct buf plain, leaves;
	uint32_t count;
	/* what the next segment's header says */
	uint32_t last_number;
	unsigned char prev_root[SEGMENT_HASH];
	uint64_t prev_count;
	/* heads for the next checkpoint: of segments sealed since the last one, then the open one's */
	struct head done[4];
	size_t n_done;
	bool changed; /* the open one's head moved */
	struct head head; /* at the last commit */
	/* retention: the newest segment whose end is signed, or is to be with the next checkpoint */
	struct head ended;
	bool ended_changed;
	int64_t look_ms; /* monotonic: not looked at before */
	int64_t cool_ms; /* the same for what may go to cold storage */
};

struct writer {
	struct writer_opts o;
	char *dir;
	int lock_fd;
	struct sha sha;
	unsigned char salts[256]; /* drawn ahead: asking the kernel for each costs as much as hashing the record */
	size_t salts_left;
	struct map by_name; /* "ORG/SERIES" -> struct series */
	struct series *last; /* asked for; NULL: none */
	struct series *all;
	size_t n_all, pending;
	/* checkpoints */
	uint64_t next_number;
	unsigned char prev[SEGMENT_HASH];
	int check_fd;
	uint64_t check_synced, check_first; /* bytes; number of the current file's first checkpoint */
	bool check_suspect;
	int64_t last_ms; /* time of the last checkpoint: time never goes back in the chain */
	struct series *retain_next; /* whose turn it is */
	struct series *cool_next;
	struct aside *job; /* what is under way on the cold disk (aside.h), or NULL */
	struct writer_stats stats;
};

/* each may give a checkpoint its open head and those sealed since the last one */
#define WRITER_SERIES_MAX (CHECKPOINT_HEADS_MAX / 5)

int series_get(struct writer *w, const char *org, const char *name, struct series **ret, struct err *err);
void series_note_head(struct series *s, struct sha *sha); /* head := state as committed now */
int seg_write_at(int fd, const char *p, size_t n, uint64_t offset); /* pwrite until all is out; 0 or -E_IO with errno */
/* retain.c: the end mark of a sealed segment, as a head. -E_AGAIN: it has none. */
int seg_end_mark(const char *path, struct head *ret, int64_t *ret_sealed_ms, struct err *err);
bool series_waits_for_signature(const struct series *s, uint32_t number);
/* Reads the checkpoints and every series' last segment. */
int writer_recover(struct writer *w, struct err *err);

#endif
