/* What is wrong with a description: a list that grows while it is read and checked, each fault with its path. */
#ifndef MODEL_FAULTS_H
#define MODEL_FAULTS_H

#include "model/forms.h"
#include "model/model.h"

#define FAULTS_MAX 1000

/* Both formats take the same arguments in the same order ("%2$s" where a language turns them round). Out of memory,
 * f->lost is set. */
void fault_add(struct faults *f, const char *path, const char *en, const char *ja, ...)
	__attribute__((format(printf, 3, 5), format(printf, 4, 5)));
void fault_add2(struct faults *f, const char *path, const struct text2 *why);
/* Is there a fault at the path or below? A check that depends on a member which is wrong itself says nothing. */
bool fault_under(const struct faults *f, const char *path);
/* A file of the description ("service.json") couldn't be read, which is said: what refers to it isn't at fault. */
bool fault_file(const struct faults *f, const char *name);

/* A path that grows and shrinks while the description is walked. */
struct path {
	char s[256];
	size_t n;
};

/* Adds to the path; returns the length to give back to path_pop(). What doesn't fit is cut. */
size_t path_push(struct path *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void path_pop(struct path *p, size_t n);

#endif
