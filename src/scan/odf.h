/* OpenDocument behind a password (ODF 1.3 part 2, 4.8): zip doesn't know of it, the manifest says which of its members are
 * encrypted and how. Opened here: AES-CBC with PBKDF2 (LibreOffice 3.5 to 24.1). Others (Blowfish, AES-GCM with Argon2id) stay closed. */
#ifndef SCAN_ODF_H
#define SCAN_ODF_H

#include "base/buf.h"
#include "scan/locked.h"

#define ODF_ENTRIES 4096u
#define ODF_TURNS 1000000u

struct odf_entry {
	char path[256];
	bool locked, known; /* known: in a way that is opened here */
	bool seen;          /* a member of that name was there */
	bool sha1, sum_sha1;
	uint32_t turns;
	unsigned key_size, n_salt, n_iv, n_sum;
	unsigned char salt[64], iv[16], sum[32];
};

struct odf {
	struct odf_entry *entries; /* those that are encrypted */
	size_t n;
	bool more; /* there are others that aren't in `entries`, or it can be read in more than one way, or in none */
};

/* META-INF/manifest.xml. False: nothing is encrypted. odf_done() in any case. */
bool odf_read(struct str manifest, struct odf *ret);
struct odf_entry *odf_find(const struct odf *o, const char *path); /* NULL: it isn't encrypted */
bool odf_all_seen(const struct odf *o);
/* content: the member as the zip has it. out: what it is, unpacked. */
enum locked odf_open(const struct odf_entry *e, struct str content, const char *password, struct buf *out);
void odf_done(struct odf *o);

#endif
