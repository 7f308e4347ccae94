/* When who answers for an exception hears of its end. */
#include "base/test.h"

#include "base/err.h"
#include "base/mem.h"
#include "proxy/ends.h"

#define END 1806505200000ll /* 2027-03-31T15:00:00Z */
#define HOUR 3600000ll

static const char json[] =
	"{\"v\":1,\"proxy\":{\"addr4\":\"127.0.0.1\",\"addr6\":\"::1\"},\"orgs\":[{\"code\":\"412015\",\"index\":1,\"interface\":\"\",\"no_decrypt_until\":["
	"{\"expires_ms\":1806505200000,\"owner\":\"zeimu\",\"names\":[\"app.example\"]},{\"expires_ms\":4102444800000,\"owner\":\"x\",\"names\":[\"far.example\"]}]}]}";

struct heard {
	unsigned n;
	char org[8], text[ENDS_TEXT];
};

static void hear(const char *org, const char *message, void *user)
{
	struct heard *h = user;
	h->n++;
	snprintf(h->org, sizeof h->org, "%s", org);
	snprintf(h->text, sizeof h->text, "%s", message);
}

static struct conf *conf(void)
{
	struct conf *c = NULL;
	struct err err = { 0 };
	if (conf_parse(str_from(json), NULL, &c, &err) < 0)
		fail_msg("%s: %s", err.path, err.msg);
	return c;
}

static void each_stage_once(void **state)
{
	static const struct {
		int64_t at;
		const char *words; /* NULL: nothing is said */
	} looks[] = {
		{ END - 8 * ENDS_DAY_MS, NULL }, { END - ENDS_WEEK_MS, "ends on 2027-04-01T00:00; zeimu answers" }, { END - 6 * ENDS_DAY_MS, NULL },
		{ END - 23 * HOUR, "app.example" }, { END - 24 * HOUR - 1, NULL }, { END - 1, NULL }, { END, "app.example is decrypted again" }, { END + 1, NULL },
		{ END - ENDS_WEEK_MS, NULL }, { END + HOUR, NULL },
	};
	struct conf *c = conf();
	struct ends e;
	(void)state;
	ends_init(&e);
	for (size_t i = 0; i < ARRAY_LEN(looks); i++) {
		struct heard h = { 0 };
		ends_look(&e, c, looks[i].at, hear, &h);
		if (h.n != (looks[i].words != NULL) || (h.n && (!strstr(h.text, looks[i].words) || strcmp(h.org, "412015") != 0)))
			fail_msg("look %zu: %u, %s", i, h.n, h.text);
	}
	ends_done(&e);
	conf_unref(&c);
}

/* Started anew: what has just ended is told, what ended long ago isn't. */
static void after_a_start(void **state)
{
	struct conf *c = conf();
	(void)state;
	for (int late = 0; late < 2; late++) {
		struct heard h = { 0 };
		struct ends e;
		ends_init(&e);
		ends_look(&e, c, END + ENDS_PAST_MS + late, hear, &h);
		assert_int_equal(h.n, !late);
		ends_done(&e);
	}
	conf_unref(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(each_stage_once), cmocka_unit_test(after_a_start) };
	return cmocka_run_group_tests_name("proxy/ends", tests, NULL, NULL);
}
