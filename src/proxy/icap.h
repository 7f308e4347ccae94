/* RESPMOD to a sanitiser or a sandbox (ICAP, RFC 3507): what is asked, and what is made of the answer. Bytes only, no sockets; the
 * answer may come from a machine that hostile files have been fed to, so nothing in it is believed but its content, under a ceiling. */
#ifndef PROXY_ICAP_H
#define PROXY_ICAP_H

#include "base/buf.h"

#define ICAP_HEAD_MAX (32 * 1024u) /* of ICAP, and again of the HTTP answer in it */
#define ICAP_TEXT 128

struct icap_about {
	const char *authority, *path; /* "192.0.2.60:1344", "/respmod" */
	const char *url;              /* without its query: that is full of people's names */
	struct str type;              /* as the origin gave it; may be empty */
	uint64_t size;
};

/* All that goes before the content, which is one chunk, and what goes behind it. False: too long. */
bool icap_request(struct buf *b, const struct icap_about *a);
#define ICAP_TAIL "\r\n0\r\n\r\n"

enum icap_result {
	ICAP_MORE,
	ICAP_UNCHANGED, /* 204: it passes as it is */
	ICAP_REPLACED,  /* another content, all of which was given to put() */
	ICAP_REFUSED,   /* an answer that isn't 2xx, or has nothing in it, stands in its place */
	ICAP_BROKEN,    /* an error, or nothing that can be understood */
};

struct icap_reader {
	int state;
	struct buf head;
	size_t http_head;      /* bytes */
	bool has_body;
	uint16_t status, http_status;
	uint64_t chunk;
	unsigned digits;
	char type[ICAP_TEXT], disposition[ICAP_TEXT]; /* of the content that replaces it; "" none */
	char found[ICAP_TEXT];                        /* what the server calls what it found; "" it doesn't say */
};

void icap_reader_init(struct icap_reader *r);
/* put: 0, or negative: over a ceiling, which makes it ICAP_BROKEN. After anything but ICAP_MORE nothing more is read. */
enum icap_result icap_read(struct icap_reader *r, struct str s, int (*put)(void *user, struct str content), void *user);
void icap_reader_done(struct icap_reader *r);

#endif
