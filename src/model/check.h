/* What the members of a description say about each other: run once all of it has been read, whether or not it had faults.
 * A check whose own input is a fault already says nothing, so that one slip is one fault. */
#ifndef MODEL_CHECK_H
#define MODEL_CHECK_H

#include "base/map.h"
#include "model/faults.h"

/* Networks of all organisations and of the service, made to be asked which one a prefix overlaps. */
struct net {
	struct prefix prefix;
	const char *what_en, *what_ja; /* "LGWAN"; NULL when it belongs to .org */
	const struct org *org;
};
struct nets {
	struct net *list; /* sorted; none overlaps another: only the outermost are kept */
	size_t n;
};

struct check {
	const struct model *m;
	const char *const *labels; /* of m->orgs, for paths: the code, or the file's name where that isn't one */
	struct faults *faults;
	struct nets reserved; /* what no organisation's prefix may touch */
	struct nets inside;   /* prefixes of all organisations */
	struct nets global;   /* their addresses towards the Internet */
	struct path path;     /* of the object being checked */
	struct arena arena;
};

/* Before the checks: looks up the groups and schedules that rules name, gives left-out ports their meaning, and collects
 * each organisation's public addresses. A name that isn't there is a fault. 0, or -E_NOMEM. */
int resolve_model(struct model *m, const char *const *labels, struct faults *f);

/* 0, or -E_NOMEM. The faults are in f. */
int check_model(const struct model *m, const char *const *labels, struct faults *f);

/* Adds a fault at c->path + `at` (".fw[3].to[1]"). Arguments as fault_add(). */
#define CHECK_FAULT(c, at, ...) fault_add((c)->faults, check_path((c), at).s, __VA_ARGS__)
struct path check_path(const struct check *c, const char *at);
bool check_sound(const struct check *c, const char *at); /* no fault at c->path + at or below yet */

/* Does an inspected line use this name: its port, or the inner end of its virtual cable? */
bool uplink_uses(const struct uplink *u, const char *name);
void check_contacts(struct check *c, const struct contact *list, size_t n);
void check_org(struct check *c, const struct org *o);
void check_firewall(struct check *c, const struct org *o);
/* A prefix of a rule at c->path + at: on the organisation's side it lies in its own networks; on the other it reaches
 * nothing that may never be allowed. */
void check_own_side(struct check *c, const struct org *o, const char *at, const struct prefix *p);
void check_outside(struct check *c, const struct org *o, const char *at, const struct prefix *p);
/* The same for what a list of names adds: each is a fault of the list, since the group itself is right. */
void check_group_side(struct check *c, const struct org *o, const char *at, const struct prefix *p, size_t n, bool inside);
void check_ports(struct check *c, const struct fw_ports *p, const char *at);
/* Groups and schedules of the service (o NULL) or of an organisation. */
void check_groups(struct check *c, const struct org *o);
void check_pair(struct check *c);
void check_mitigation(struct check *c);
void check_breakout(struct check *c);                              /* the service's */
void check_users(struct check *c, const struct org *o);
void check_inspectors(struct check *c);
void check_org_breakout(struct check *c, const struct org *o); /* an organisation's */
void check_apart(struct check *c, const char *at, const struct prefix *p, const struct prefix *list, size_t n, const char *en, const char *ja);
void check_publish(struct check *c, const struct org *o);
void check_global(struct check *c, const char *at, const struct prefix *p); /* an address towards the Internet */
int check_zones(struct check *c); /* 0, or -E_NOMEM */
void check_sites(struct check *c, const struct org *o, struct map *names);

int nets_build(struct check *c);
const struct net *nets_find(const struct nets *n, const struct prefix *p); /* one that overlaps p, or NULL */
bool prefix_too_wide(const struct prefix *p); /* for one organisation: a fault, and no part of .inside */
bool prefix_overlaps(const struct prefix *a, const struct prefix *b);
void net_name(const struct net *n, bool japanese, char *dst, size_t size); /* "organisation 412023", "LGWAN" */

#endif
