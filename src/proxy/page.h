/* What a person at a terminal sees when something was stopped or didn't work: Japanese first, English below, one
 * page without anything loaded from elsewhere, readable at 390 pixels. Each carries a reference number that
 * stands in the event too. All outside text is escaped. Requirements: F-09 S-04. */
#ifndef PROXY_PAGE_H
#define PROXY_PAGE_H

#include "base/buf.h"

enum page_kind {
	PAGE_URL, PAGE_BLOCK, PAGE_MALWARE, PAGE_UNSCANNABLE, PAGE_NO_VERDICT, PAGE_TERMINAL, PAGE_PORT, PAGE_PROTOCOL,
	PAGE_METHOD, PAGE_UPLOAD, PAGE_FORBIDDEN, PAGE_DNS, PAGE_CONNECT, PAGE_TIMEOUT, PAGE_TLS, PAGE_ORIGIN, PAGE_BUSY,
	PAGE_SHARE, PAGE_MISDIRECTED, PAGE_KIND, PAGE_COACH, PAGE_OVERRIDE, PAGE_ENCRYPTED, PAGE_UPLOAD_MALWARE,
	PAGE_UPLOAD_KIND, PAGE_UPLOAD_UNSCANNED, PAGE_WAIT, PAGE_WAIT_READY, PAGE_WAIT_LOCKED, PAGE_WAIT_GONE,
	PAGE_INSPECTION, PAGE_LOGIN, PAGE_LOGIN_CLEAR, PAGE_LOGIN_LOCKED, PAGE_LOGIN_DOWN, PAGE_LOGIN_TICKET, PAGE_LOGIN_CLOCK,
	PAGE_LOGIN_DOMAIN,
	PAGE_CLIENT_CERT, PAGE_PROGRAM,
	PAGE_COUNT,
};

/* A file on its way (WAIT), here (WAIT_READY), or waiting for its password (WAIT_LOCKED): proxy/parcel.h. */
struct page_wait {
	const char *token, *name;
	uint64_t received, total; /* bytes; total 0: unknown */
	bool judging;
	unsigned wrong; /* LOCKED: passwords that didn't fit */
};

struct page {
	enum page_kind kind;
	const char *org, *org_en; /* names */
	const char *service;
	struct str url;           /* what was asked for */
	const char *category;     /* by which it was decided (model/category.h); "" none */
	const char *detail;       /* small print: rule, malware name, which check failed; "" none */
	const char *decided;      /* the rule that did, as events name it: said in words; NULL: none */
	const char *ref;
	const char *release;      /* a mail address to ask for a release; NULL or "": no link */
	const char *token, *rule; /* COACH, OVERRIDE: what the form says (proxy/grant.h) … */
	struct str back;          /* … and where it leads then: a path on this site */
	const struct page_wait *wait; /* WAIT, WAIT_READY, WAIT_LOCKED */
	bool part_gone;           /* MALWARE: of this very file some had gone out before its verdict */
	int64_t now_ms;           /* UTC */
};

#define PAGE_REF 24
#define PAGE_MAX 16384

unsigned page_status(enum page_kind kind);     /* HTTP status */
const char *page_reason(enum page_kind kind);
/* Around a page of another kind (check.c): all up to its first section, and all behind what the footer says. */
void page_begin(struct buf *b, const char *title);
void page_end(struct buf *b);
void page_format(struct buf *b, const struct page *p);
/* "P-20261122-4F7K2Q": Japan's date, six characters that can't be mistaken for each other. */
void page_ref(int64_t now_ms, char dst[PAGE_REF]);
void html_escape(struct buf *b, struct str s); /* for text and quoted attributes */

#endif
