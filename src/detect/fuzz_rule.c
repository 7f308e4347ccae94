/* A rule file as it stands on disk: refused or compiled, and then asked about one event. */
#include "detect/match.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const char event[] = "{\"class_uid\":4002,\"product\":\"proxyd\",\"http_request\":{\"url\":{\"hostname\":\"a.example\","
				    "\"path\":\"/x.exe\"}},\"category\":\"test\",\"A\":[\"x\",1,null],\"action\":\"Allowed\"}";
	struct ruleset *s;
	struct matcher *m;
	struct match_event ev;
	struct err err;
	if (n > 64 * 1024 || ruleset_load_text((struct str){ (const char *)p, n }, "fuzz.yml", NULL, &s, &err) < 0)
		return 0;
	if (matcher_create(s, &m, &err) == 0) {
		matcher_event(m, STR(event), &ev, &err);
		matcher_destroy(&m);
	}
	ruleset_destroy(&s);
	return 0;
}
