/* Threat intelligence: values known to be bad, looked for in every event in the same pass as the rules.
 *
 * Sources, one file each (intel_add): STIX 2.1 bundles (intel_stix.c), MISP feed events (intel_misp.c), plain lists of one
 * value a line (intel_list.c). Kinds: names (and all below them), addresses and networks, URLs without a query (our events
 * hold none), file hashes (MD5, SHA-1, SHA-256), JA4 fingerprints of TLS clients. What can't be looked for, or would hit everybody, is left out and counted
 * with its reason: private and reserved addresses, networks wider than /16 (/32 of IPv6), names below which everybody registers ("jp", "lg.jp", "saga.jp"), patterns of
 * several observations.
 *   expiry      valid_until; where nothing is said, INTEL_ADDRESS_DAYS or INTEL_NAME_DAYS after valid_from; hashes stay
 *   confidence  0 to 100; where nothing is said, the file's own or INTEL_CONFIDENCE. ≥ 80 high, ≥ 40 medium, below low
 *   allow-list  a file whose name begins with "allow" (plain list): its values never match, nor names below them
 * Of several entries for a value the one that holds with the highest confidence speaks.
 * The text of files is hostile: limits below; detectd reads them only once it is confined. */
#ifndef DETECT_INTEL_H
#define DETECT_INTEL_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/map.h"
#include "model/model.h"

#define INTEL_MAX 2000000u               /* entries of all files */
#define INTEL_FILE_BYTES (256u * 1024 * 1024)
#define INTEL_FILES 256u
#define INTEL_ADDRESS_DAYS 30
#define INTEL_NAME_DAYS 90
#define INTEL_CONFIDENCE 50

enum intel_kind { INTEL_NAME, INTEL_ADDRESS, INTEL_URL, INTEL_HASH, INTEL_JA4 };

struct intel_item {
	enum intel_kind kind;
	uint8_t confidence;
	uint16_t feed;              /* intel_feed_name() */
	uint32_t next;              /* another entry of the same value; UINT32_MAX: none */
	int64_t from_ms, until_ms;  /* until INT64_MAX: no end */
	const char *value;          /* as looked for, for people; a network with its length */
	const char *uid;            /* "indicator--…", MISP's UUID, or "" */
	const char *name;           /* what the source calls it, or "" */
};

enum intel_refused { /* why something was left out */
	INTEL_UNREADABLE, INTEL_UNSUPPORTED, INTEL_TOO_WIDE, INTEL_RESERVED, INTEL_HAS_QUERY, INTEL_EXPIRED, INTEL_REVOKED, INTEL_REFUSED
};
struct intel_stats {
	uint64_t items, files, refused[INTEL_REFUSED];
};

struct intel;
int intel_create(int64_t now_ms, struct intel **ret, struct err *err);
void intel_destroy(struct intel **i);
/* One file's text; its name tells where it came from and, by "allow…", what it is. 0; -E_INVALID: not one of the three, with
 * words; -E_LIMIT; -E_NOMEM. What was read before the fault stays. */
int intel_add(struct intel *i, struct str text, const char *name, struct err *err);
/* Files *.json, *.txt, *.csv, *.list of a directory, in sorted order, or one file. Faults of single files go to on_fault. */
int intel_load(struct intel *i, const char *path, void (*on_fault)(const struct err *err, void *user), void *user, struct err *err);
bool intel_empty(const struct intel *i); /* NULL is empty */
void intel_stats(const struct intel *i, struct intel_stats *ret);
const char *intel_refused_name(enum intel_refused why);
const char *intel_feed_name(const struct intel *i, uint16_t feed);

/* The entry that speaks for a value now; NULL: none, or it is on the allow-list. Texts as events hold them. */
const struct intel_item *intel_name(const struct intel *i, struct str host, int64_t now_ms);
const struct intel_item *intel_address(const struct intel *i, struct str address, int64_t now_ms);
const struct intel_item *intel_url(const struct intel *i, struct str url, int64_t now_ms);
const struct intel_item *intel_hash(const struct intel *i, struct str hex, int64_t now_ms);
const struct intel_item *intel_ja4(const struct intel *i, struct str fingerprint, int64_t now_ms);

/* ---- for the readers of the three formats */

struct intel_entry { /* what they make of one value */
	struct str value, uid, name;
	int confidence;             /* -1: not said */
	int64_t from_ms, until_ms;  /* 0: not said */
};
void intel_refuse(struct intel *i, enum intel_refused why);
void intel_put(struct intel *i, enum intel_kind kind, const struct intel_entry *e);
/* Kind by how it looks: URL, hash, address or network, name. False: none of them. */
bool intel_kind_of(struct str value, enum intel_kind *ret);
void intel_set_defaults(struct intel *i, int confidence, int64_t days); /* of the file being read; -1, 0: as usual */
int intel_read_stix(struct intel *i, struct str text, const char *file, struct err *err);
int intel_read_misp(struct intel *i, struct str text, const char *file, struct err *err);
int intel_read_list(struct intel *i, struct str text, const char *file, struct err *err);

#endif
