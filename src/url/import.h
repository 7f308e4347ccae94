/* Lists of others into an index. Formats:
 *
 *   plain   a line each: domain (it and all below it) · .domain · *.domain (below it only) · address · CIDR · host/path ·
 *           http(s)://…; "#", ";" and "!" begin remarks
 *   hosts   "0.0.0.0 name name…": these very names
 *   rpz     response policy zone: names and *.names with CNAME, A or AAAA; 32.1.2.0.192.rpz-ip; rpz-passthru exempts.
 *           rpz-client-ip, rpz-nsip and rpz-nsdname have no meaning for a URL and are counted as left out
 *   ut1     a directory of CATEGORY/domains and CATEGORY/urls (Toulouse, squidGuard)
 *   csv     with a first line that names columns (url, domain, host, ip, target; category, threat), or target,category
 *
 * A path holds for itself and all below it, with a query exactly as written. A name of one label is refused: it would stop
 * a whole top-level domain. International names are taken as UTF-8 or xn--. Lists are outside bytes: a bad line is counted and
 * told with its place, the rest is taken. */
#ifndef URL_IMPORT_H
#define URL_IMPORT_H

#include "url/index_build.h"

#define IMPORT_LINE_MAX (16 * 1024)

enum url_format { URL_FORMAT_AUTO, URL_FORMAT_PLAIN, URL_FORMAT_HOSTS, URL_FORMAT_RPZ, URL_FORMAT_UT1, URL_FORMAT_CSV };

struct url_import {
	struct url_build *build;
	/* Told of each bad line; may be NULL. */
	void (*bad)(const char *path, uint64_t line, const char *why, void *user);
	void *user;
	uint64_t lines, entries, bad_lines, left_out;
};

/* "plain", "hosts", …; false: none of them. */
bool url_format_parse(const char *word, enum url_format *ret);
/* One list, a file or a directory. category: of all its entries; NULL: it names them itself (ut1, csv), or the file's name
 * does ("phishing.txt"). AUTO: by name and first lines. Bad lines aren't errors; unreadable files are. */
int url_import_list(struct url_import *im, const char *path, enum url_format format, const char *category, struct err *err);
/* One buffer as a file of that format (not ut1): for tests and the fuzzer. */
int url_import_text(struct url_import *im, const char *name, struct str text, enum url_format format, const char *category,
                    struct err *err);

#endif
