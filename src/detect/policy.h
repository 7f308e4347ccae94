/* What the watch judges by, file by file, so that a change of it is seen: rules, placeholders and threat intelligence lie on the node as files, and whoever takes
 * one away takes away what it would have found. detectd looks when it reads them and makes a record of each difference. Requirement: M-093. */
#ifndef DETECT_POLICY_H
#define DETECT_POLICY_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#include <stdint.h>

#define POLICY_FILES 100000
#define POLICY_TOLD 20 /* names of each kind in the words; the others are counted */

struct policy_file {
	const char *name;
	uint64_t sign; /* of its bytes, or of what the file system says of it */
};

struct policy {
	struct arena arena;
	struct policy_file *list;
	size_t n, cap;
};

void policy_init(struct policy *p);
void policy_done(struct policy *p);
/* name is copied; a control character in it becomes "?". -E_LIMIT, -E_NOMEM. */
int policy_add(struct policy *p, struct str name, uint64_t sign);
uint64_t policy_sign(struct str bytes);
/* "SIGN NAME" a line, by name; read back with what can't be read left out: then a file is told once too often, never too seldom. */
void policy_format(struct policy *p, struct buf *b);
int policy_parse(struct str text, struct policy *ret);
/* Writes "added: a.yml, b.yml; changed: c.yml; removed: d.yml and 3 others" of what differs. False, and nothing: all is as it was. */
bool policy_words(struct policy *old, struct policy *new, struct buf *words);

#endif
