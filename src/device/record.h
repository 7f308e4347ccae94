/* An event on its way out of a parser: attributes by their OCSF path, and under `unmapped` what no attribute holds. Everything is
 * borrowed until record_write(), but what record_keep() copied. */
#ifndef DEVICE_RECORD_H
#define DEVICE_RECORD_H

#include "base/buf.h"
#include "device/path.h"

#define RECORD_FIELDS 64
#define RECORD_REST 192
#define RECORD_TEXT 2048           /* bytes of an attribute; the rest is cut off */
#define RECORD_REST_TEXT (32u * 1024)
#define RECORD_ROOM (96u * 1024)   /* for texts that aren't there as they are meant */

enum record_kind { RECORD_TEXT_VALUE, RECORD_NUMBER, RECORD_BOOL, RECORD_JSON };
struct record_field {
	const struct path *path;
	enum record_kind kind;
	struct str text;
	int64_t number;
};
struct record_rest {
	struct str key;
	enum record_kind kind;
	struct str text; /* RECORD_JSON: as it stands */
};
struct record {
	uint32_t class_uid; /* 0 until a parser says it */
	const char *product;
	bool has_time;
	int64_t time_ms;
	size_t n, n_rest, used, lost; /* lost: what there was no room for */
	uint64_t there[PATHS / 64], above[PATHS / 64]; /* bits of the paths that are there; of those and what they stand in */
	uint32_t shape;             /* sum over ids: shape.h */
	uint8_t ids[RECORD_FIELDS]; /* of the fields' paths */
	struct record_field fields[RECORD_FIELDS];
	struct record_rest rest[RECORD_REST];
	char room[RECORD_ROOM];
};

void record_begin(struct record *r, const char *product);
/* Paths are static texts. Text: empty is absent; a path that is there already stays as it is. */
void record_text(struct record *r, const char *path, struct str text);
void record_word(struct record *r, const char *path, const char *text); /* static; NULL: absent */
void record_number(struct record *r, const char *path, int64_t n);
void record_decimal(struct record *r, const char *path, struct str digits); /* what isn't a number is absent */
void record_bool(struct record *r, const char *path, bool v);
/* "1.2.3.4" or "2001:db8::1", also "1.2.3.4:80", "[::1]:80" and "::ffff:1.2.3.4" → PATH.ip, and PATH.port where it is there. What is
 * no address goes to PATH.hostname. path: "src_endpoint" or "dst_endpoint". */
void record_endpoint(struct record *r, const char *path, struct str text);
void record_port(struct record *r, const char *path, struct str digits); /* "src_endpoint"; 0 is none */
void record_time(struct record *r, int64_t ms);
void record_unmapped(struct record *r, struct str key, struct str text);
void record_unmapped_json(struct record *r, struct str key, struct str json);
/* Room for n bytes of a text that is made here; NULL: none left. record_kept() says how many were used. */
char *record_keep(struct record *r, size_t n);
void record_kept(struct record *r, size_t n);
const struct record_field *record_get(const struct record *r, const char *path);
bool record_holds(const struct record *r, const char *path); /* it, or something in it */

/* Appends the JSON object. */
void record_write(const struct record *r, struct buf *b);

#endif
