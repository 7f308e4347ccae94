/* From the checked model to the files every engine and daemon reads. Pure: no clock, no disk, no environment.
 *
 * The same model gives the same bytes. One file an engine or daemon (compile/NAME.c); compile.c lists them.
 * Paths in the outset are relative, of [a-z0-9._/-], without "..", and unique. */
#ifndef COMPILE_COMPILE_H
#define COMPILE_COMPILE_H

#include "base/buf.h"
#include "model/model.h"

struct outfile {
	const char *path; /* "nft/toride.nft", "proxyd.json" */
	struct str data;
};

struct outset {
	struct arena arena; /* owns paths and data */
	struct outfile *files; /* sorted by path once compile_all() is done */
	size_t n, cap;
};

void outset_init(struct outset *out);
void outset_done(struct outset *out);
/* Copies b's content; b stays the caller's. A failed b is an error. */
int outset_add(struct outset *out, const char *path, const struct buf *b, struct err *err);
const struct outfile *outset_find(const struct outset *out, const char *path);

/* Everything, and manifest.json: the generation's digest and the SHA-256 of each file. */
int compile_all(const struct model *m, struct outset *out, struct err *err);

/* One an engine. */
int compile_net(const struct model *m, struct outset *out, struct err *err);      /* net/: addresses, routes, rules */
int compile_nft(const struct model *m, struct outset *out, struct err *err);      /* nft/toride.nft, nft/rules.json */
int compile_shape(const struct model *m, struct outset *out, struct err *err);    /* shape/: bandwidth classes */
int compile_suricata(const struct model *m, struct outset *out, struct err *err); /* suricata/, when a line is inspected */
/* The configuration new signatures are tried on captures with (ips/book.h); home: one more address that counts as a body's. */
void compile_suricata_try(const struct model *m, const char *home, struct buf *b);
int compile_unbound(const struct model *m, struct outset *out, struct err *err);  /* unbound/ */
int compile_knot(const struct model *m, struct outset *out, struct err *err);     /* knot/, zones.json; nothing without zones */
int compile_nsd(const struct model *m, struct outset *out, struct err *err);      /* nsd1/, nsd2/ */
int compile_lookd(const struct model *m, struct outset *out, struct err *err);    /* lookd.json; nothing when no page is looked at */
int compile_clusterd(const struct model *m, struct outset *out, struct err *err); /* clusterd.json; nothing without a ClickHouse elsewhere */
int compile_coldd(const struct model *m, struct outset *out, struct err *err);    /* coldd.json; nothing without such a store */
int compile_acmed(const struct model *m, struct outset *out, struct err *err);    /* acmed.json; nothing when no site has a certificate */
int compile_edge(const struct model *m, struct outset *out, struct err *err);     /* edge/: the public sites; nothing when there is none */
int compile_bird(const struct model *m, struct outset *out, struct err *err);     /* bird/: announcements to the upstream; nothing without a router of it */
int compile_proxyd(const struct model *m, struct outset *out, struct err *err);   /* proxyd.json */
void compile_url_policy(const struct model *m, const struct org *o, struct buf *b); /* an organisation's "url" in it */
void compile_pac(const struct model *m, const struct org *o, struct buf *b); /* its proxy auto-config file */
int compile_scand(const struct model *m, struct outset *out, struct err *err);    /* scand.json, clamd/clamd.conf */
int compile_intaked(const struct model *m, struct outset *out, struct err *err);  /* intaked.json */
int compile_detectd(const struct model *m, struct outset *out, struct err *err);  /* detectd.json */
int compile_stored(const struct model *m, struct outset *out, struct err *err);   /* stored.json */
int compile_respondd(const struct model *m, struct outset *out, struct err *err); /* respondd.json */
int compile_probed(const struct model *m, struct outset *out, struct err *err);   /* probed.json */
int compile_chrony(const struct model *m, struct outset *out, struct err *err);   /* chrony/, when time is served */
int compile_userd(const struct model *m, struct outset *out, struct err *err);    /* userd.json, userd/CODE.pem */
bool users_asked(const struct org *o);                 /* must the proxy's users say who they are? */
uint16_t users_port(const struct proxy_users *u);      /* of the directory */
int compile_recvd(const struct model *m, struct outset *out, struct err *err);    /* recvd.json */
int compile_pair(const struct model *m, struct outset *out, struct err *err);     /* pair/, keepalived/, conntrackd/, paird.json, net/own-NODE; with two nodes */
int compile_courierd(const struct model *m, struct outset *out, struct err *err); /* courierd.json */
int compile_portald(const struct model *m, struct outset *out, struct err *err);  /* portald.json, authd.json, nginx/nginx.conf */

#endif
