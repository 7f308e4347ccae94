/* What a body's policy changes in requests and refuses of contents: search engines held to their strict mode, tenant
 * restriction of cloud services, kinds of downloads by their real type.
 *
 * Sources: Google "Lock SafeSearch" (safe=active, ssui=on), Bing (adlt=strict), DuckDuckGo (kp=1), Yahoo (vm=r), YouTube
 * (YouTube-Restrict); Microsoft Entra "Restrict access to a tenant" (v1), Google Workspace "Block access to consumer
 * accounts", Slack "Approve Slack workspaces for your network". Requirements: F-10 X-22. */
#ifndef PROXY_ADJUST_H
#define PROXY_ADJUST_H

#include "base/arena.h"
#include "base/buf.h"

#include <yyjson.h>

struct adjust {
	bool safe_search;
	const char *microsoft, *microsoft_context, *google, *slack, *slack_requester; /* header values; "": no restriction */
	uint64_t upload_max;  /* bytes; 0: the proxy's own ceiling */
	unsigned deny_groups, deny_uploads; /* of downloads and uploads, bits of enum file_group (scan/type.h) */
};

/* From an organisation's object in proxyd.json. Texts go into a. 0, -E_INVALID, -E_NOMEM. */
int adjust_parse(yyjson_val *org, struct arena *a, struct adjust *ret);
/* Is it a header that only we may send? (Client copies never pass, whether the body restricts or not.) */
bool adjust_reserved(struct str name);
/* Header lines for this host, each ended by CRLF, into b. */
void adjust_headers(const struct adjust *a, const char *host, struct buf *b);
/* The request's path with its query as it is sent: b gets it, changed where host is a search engine's. */
void adjust_path(const struct adjust *a, const char *host, struct str path, struct buf *b);
/* The name of the denied group that a file of this type (file_type_name()) belongs to; NULL: none. inside: the groups of what
 * is contained in it. */
const char *adjust_denied(unsigned denied_groups, const char *type, unsigned inside);

#endif
