/* acmed.json: the public sites and their certificates, and whom new ones are asked from. Written by compile/acmed.c. */
#ifndef ACME_CONF_H
#define ACME_CONF_H

#include "acme/answer.h"
#include "base/arena.h"

struct err;

#define ACME_SITES 20000

struct acme_site {
	const char *org;      /* "412015" */
	const char *names[ACME_NAMES]; /* its own first; of a given certificate the first alone */
	size_t n;
	bool acme;            /* its certificate is ours to ask for */
	const char *resolver; /* the organisation's view: "100.64.1.53" */
};
struct acme_conf {
	struct arena arena;
	const char *directory, *contact; /* "" : no site wants one */
	const char *web;      /* where the sites are served: "198.51.100.3" */
	const char *ca;       /* PEM of authorities trusted beside the system's; "" */
	struct acme_site *sites;
	size_t n;
};

/* ret need not be initialised; acme_conf_done() in any case. */
int acme_conf_parse(struct str json, struct acme_conf *ret, struct err *err);
void acme_conf_done(struct acme_conf *c);

#endif
