/* lookd.json: which pages of which public sites are looked at. Written by compile/lookd.c. */
#ifndef LOOK_CONF_H
#define LOOK_CONF_H

#include "base/arena.h"

#include <stdbool.h>

struct err;

#define LOOK_PAGES 10000 /* 30 KB each in memory */
#define LOOK_NAMES 6000 /* bytes of all names of a site */

struct look_target {
	const char *org, *site, *path; /* "412015", "www.city.example", "/" */
	const char *names;             /* the site's, between blanks */
	bool tls;
	unsigned every_s;
};
struct look_conf {
	struct arena arena;
	const char *web; /* where the sites are served: "198.51.100.3" */
	struct look_target *pages;
	size_t n;
};

/* ret need not be initialised; look_conf_done() in any case. */
int look_conf_parse(struct str json, struct look_conf *ret, struct err *err);
void look_conf_done(struct look_conf *c);

#endif
