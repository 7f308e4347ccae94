/* Our own rules, by libyara: compiled once, matched in the workers that inherit them.
 *
 * Rules know two things besides the bytes: the external variables `type` (real type, scan/type.h's names) and `filename` (as it
 * was called; a member's with its way: "a.zip/b.exe"). Each file of rules is a namespace; `include` doesn't work: nothing is
 * opened here. Any match of a rule that isn't private is a verdict with the rule's name. */
#ifndef SCAN_YARA_H
#define SCAN_YARA_H

#include "base/buf.h"

struct err;
struct yara_rules;
struct yara_scanner;

void yara_prepare(void); /* once, before the process is confined */
/* A bundle of sources: (text name, blob source) one after the other (wire/cursor.h). */
void yara_bundle_add(struct buf *b, const char *name, struct str source);
/* Errors name file and line. */
int yara_compile(struct str bundle, struct yara_rules **ret, struct err *err);
unsigned yara_count(struct yara_rules *r); /* rules in it, private ones too */
void yara_destroy(struct yara_rules **r);
/* Compiled rules as bytes in a descriptor, and back. Only for what one of our own processes has written. */
int yara_save(struct yara_rules *r, int fd);
int yara_load(int fd, struct yara_rules **ret);

int yara_scanner_open(struct yara_rules *r, struct yara_scanner **ret);
/* 1: ret_rule (of size bytes) names the first rule that matches; 0: none; negative: not in `seconds`, or no memory. */
int yara_match(struct yara_scanner *s, struct str bytes, const char *type, const char *filename, int seconds, char *ret_rule, size_t size);
void yara_scanner_close(struct yara_scanner **s);

#endif
