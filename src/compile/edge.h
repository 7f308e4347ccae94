/* The public sites' edge: what its files share. Between the checked sites of the model and nginx with ModSecurity. */
#ifndef COMPILE_EDGE_H
#define COMPILE_EDGE_H

#include "compile/emit.h"

bool edge_any(const struct model *m); /* is a site published at all? */
/* Is the origin one of the organisation's own servers, behind its attachment? */
bool edge_origin_inside(const struct org *o, const struct site_origin *s);
/* Rules of our own have numbers below 100,000, ModSecurity's range for local use. */
void edge_cache_http(struct buf *b, const struct model *m);              /* edge_cache.c: for the http block */
void edge_cache_site(struct buf *b, const struct org *o, size_t n);      /* for the site's location */
void edge_limits_http(struct buf *b, const struct model *m);             /* edge_limits.c */
void edge_waf_base(struct buf *b, const struct model *m);
void edge_waf_site(struct buf *b, const struct site *s); /* the text between the quotes of modsecurity_rules */

#endif
