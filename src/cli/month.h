/* What the month's report has beside respondd's numbers (respond/month.h): how many records came, by day, kind, what was done and rule; and what was changed of
 * how the watch judges, by whom, and who approved it. Requirements: M-093, M-096. */
#ifndef CLI_MONTH_H
#define CLI_MONTH_H

#include "base/err.h"
#include "base/str.h"

#include <yyjson.h>

#define MONTH_TOLD 200 /* lines of a change */

/* Adds "records": {sum, days[], class[{value, records}], disposition[], rules[] (ten)} to "all" and to each of "orgs" of a month's answer; org: it was asked of that
 * body alone, NULL: of all. Of the counts, so also of months whose records have had their time. Where they can't be had nothing is added, and the error says why. */
int month_records(yyjson_mut_doc *doc, const char *org, struct err *err);
/* Adds "policy": {changes[{time, by, operation, digest, author, approved[], what[{org, ja, en}], more, others}]}: descriptions put in force (what: only
 * what the watch judges by, the first MONTH_TOLD of it; more: how many more of that; others: how many other changes came with it), signatures, rules and intelligence. "unknown": what couldn't be had. */
int month_policy(yyjson_mut_doc *doc, struct err *err);
/* Adds what, more and others of one change: model_diff()'s lines in both languages. */
void month_lines(yyjson_mut_doc *doc, yyjson_mut_val *change, struct str ja, struct str en);
/* Is this member of a description, as a difference names it (model/diff.h), something the watch judges by? */
bool month_is_policy(const char *path);

#endif
