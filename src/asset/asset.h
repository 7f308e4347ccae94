/* What runs where, and what is known to be wrong with it: an asset list as CSV, vulnerability lists as NVD's JSON (API 2.0), CSAF 2.0
 * (OASIS) or JVN iPedia's XML (VULDEF 3, IPA and JPCERT/CC), read into plain rows. All come from outside: everything has a ceiling, what
 * doesn't fit is counted and left out.
 *
 *   asset CSV   a head line, then a line each; columns by name in any order: address, name, vendor, product, version (RFC 4180 quoting)
 *   product     compared by vendor and name in small letters with "_" for blanks, as in a CPE 2.3 name (NISTIR 7695)
 *   JVN         each product by its CPE's names and by the Japanese ones; versions as far as their words are understood ("1.05 およびそれ以前");
 *               an entry without a CVE goes by its number, JVNDB-2018-009328. Its RSS overview names hardly a version: left out
 *   versions    "2.4.58", compared part by part; a range has either end open, with or without its bound
 * Requirements: M-086, F-22 (configuration). */
#ifndef ASSET_ASSET_H
#define ASSET_ASSET_H

#include "base/arena.h"
#include "base/str.h"

struct err;

#define ASSET_MAX 20000u                        /* of one list */
#define ASSET_FILE_BYTES (8u * 1024 * 1024)
#define VULN_MAX 200000u                        /* rows of one file */
#define VULN_FILE_BYTES (256u * 1024 * 1024)
#define VULN_DEPTH 16                           /* branches of a product tree within each other */
#define ASSET_FIELD 200                         /* bytes of a value */

struct asset {
	const char *address, *name; /* "10.1.0.5", "www.city.example"; one at least */
	const char *vendor, *product, *version;
};

struct vuln { /* one product's range of versions */
	const char *cve; /* or JVN's number */
	const char *vendor, *product;
	const char *from, *to; /* "" open */
	bool from_excluded, to_excluded;
	unsigned score10; /* CVSS base score × 10; 0 unknown */
};

/* Arrays in the arena. *ret_left_out: lines or entries that couldn't be used. -E_INVALID with the place when it is no such file at
 * all; -E_LIMIT. */
int asset_parse(struct str csv, struct arena *a, struct asset **ret, size_t *ret_n, size_t *ret_left_out, struct err *err);
int vuln_parse(struct str text, struct arena *a, struct vuln **ret, size_t *ret_n, size_t *ret_left_out, struct err *err);

/* <0, 0, >0. Numbers by value, letters by code; a missing part is less than a number, more than "alpha", "beta", "rc". */
int version_compare(const char *a, const char *b);
bool vuln_covers(const struct vuln *v, const char *version);
/* "Apache HTTP Server" as it is compared: "apache_http_server". dst holds ASSET_FIELD + 1 bytes; false when too long or empty. */
bool asset_fold(struct str s, char *dst);
/* The first "CVE-2021-44228" in the text, in capitals; false when there is none. dst holds 24 bytes. */
bool asset_cve(const char *text, char dst[24]);
/* The same, or else the first "JVNDB-2018-009328". */
bool asset_vuln_id(const char *text, char dst[24]);

#endif
