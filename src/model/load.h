/* What both ways of loading share; of this folder alone. */
#ifndef MODEL_LOAD_H
#define MODEL_LOAD_H

#include "model/read.h"

struct loader {
	struct model *m;
	struct reader r;
	const char **labels; /* of the organisations */
	size_t total;        /* bytes read so far */
	const char *dir;
	struct err *err;
};

/* Each reads one object into the model, NULL for one that couldn't be read: defaults only. */
void load_service(struct loader *l, yyjson_val *v);
void load_prefecture(struct loader *l, size_t i, yyjson_val *v, const char *label);
void load_org(struct loader *l, size_t i, yyjson_val *v, const char *label); /* label stays the caller's */
int load_room(struct loader *l, size_t n_prefectures, size_t n_orgs);        /* before the first of them */
void load_sort_prefectures(struct model *m);                                 /* before the first organisation, which points to one */
int load_finish(struct loader *l); /* checks what was read, and seals it when nothing is wrong */

int load_dir(struct loader *l); /* l->dir */

#endif
