/* Is the target vulnerable? The asset list of the body and the imported vulnerability lists, asked about what a finding names: without
 * touching the target itself (M-086). The answer is a reason of the provisional severity, and stands beside the outcome's. */
#ifndef INCIDENT_TARGET_H
#define INCIDENT_TARGET_H

#include "base/buf.h"
#include "detect/finding.h"
#include "store/store.h"

struct err;

enum target_answer {
	TARGET_UNKNOWN,    /* it isn't on the list, or nothing is known of what the attack uses */
	TARGET_VULNERABLE, /* what the attack uses (the CVE the rule names) covers its version */
	TARGET_SAFE,       /* it is on the list, the CVE is known, and covers none of its versions */
	TARGET_WEAK,       /* the rule names no CVE; something of 7.0 and more covers it */
};

struct target {
	enum target_answer answer;
	char detail[400]; /* "CVE-2021-44228 log4j 2.14.1 (www)" */
};

/* Inside a transaction. */
int target_of(struct store *s, const struct finding *f, struct target *ret, struct err *err);
const char *target_reason(enum target_answer a); /* code of a reason (severity.h); NULL for TARGET_UNKNOWN */

struct target_import {
	const char *org, *by; /* org: of assets */
	const char *list;     /* of vulnerabilities: the file's name, which it replaces */
	bool first;           /* what was there under this org or list goes */
	int64_t now_ms;
};
/* rows: a JSON list of objects as doc/interfaces/respond.md has them. *ret_n: taken. */
int target_import_assets(struct store *s, const struct target_import *w, struct str rows, int *ret_n, struct err *err);
int target_import_vulns(struct store *s, const struct target_import *w, struct str rows, int *ret_n, struct err *err);
/* "assets":[{org, address, name, vendor, product, version, vulnerabilities[{cve, score10}]}] of what the transaction sees. */
int target_format_assets(struct store *s, struct buf *b, struct err *err);

#endif
