/* A story played on the lab, step by step, from a JSON file (comments allowed):
 *
 *   { "title": {"ja": "…", "en": "…"}, "steps": [
 *     { "say": {"ja": "…", "en": "…"}, "on": "412015-pc1", "run": ["curl", "-s", "http://…"],
 *       "expect": {"exit": 0, "has": ["…"], "lacks": ["…"]}, "within": 20, "capture": {"NUMBER": "I-[0-9]+-[0-9]+"} },
 *     { "say": …, "toride": ["incident", "list", "--json"], … },      the command line, on the node
 *     { "say": …, "mail": "joho1@…", "expect": {"has": ["…"]}, … },   what the mail host got for that address
 *     { "start": "beacon", "on": …, "run": […] }, { "stop": "beacon" }, { "wait": 2 } ] }
 *
 * A step is tried again until its expectation holds or `within` seconds are over (default 15). "${NUMBER}" in
 * later steps is what was captured (POSIX extended regular expression); "${DIR}" is the lab's directory. "show": true prints what a
 * command said below its step. Unknown members are errors. */
#ifndef LAB_SCENARIO_H
#define LAB_SCENARIO_H

#include "lab/lab.h"

struct scenario_result {
	unsigned passed, failed;
};

struct scenario_opts {
	bool tap;   /* "ok 1 - …" lines for the test run */
	bool japanese;
	bool go_on; /* after a failed step */
};

/* 0 when the file could be played to its end or first failed step; *ret says how it went. */
int scenario_run(struct lab *l, const char *path, const struct scenario_opts *o, struct scenario_result *ret,
                 struct err *err);

#endif
