/* The work on an incident on its card: the steps of its playbook, duties and tasks with who does them, and the calls that were made. A step is
 * done by a button (incident/playbook.h says what each is). See portal.h. */
#include "portal/portal.h"

#include "incident/playbook.h"

static const struct store_sql tasks = {
	"card_tasks", "SELECT id, step, role, owner, title, coalesce(done_ms, 0), done_by, result FROM task WHERE incident = $1"
		      " ORDER BY CASE list WHEN 'playbook' THEN 0 WHEN 'duty' THEN 1 ELSE 2 END, nth, id LIMIT 100"
};
static const struct store_sql calls = {
	"card_calls", "SELECT at_ms, by_name, to_name, phone, result, words FROM call WHERE incident = $1 ORDER BY id LIMIT 100"
};

static void put_done_form(struct request *rq, const char *number, const char *id, const char *step)
{
	struct html *h = &rq->h;
	html_put(h, "<details><summary>{w}</summary><form class=\"stack\" method=\"post\" action=\"/incident/{u}/step\">", WORD_STEP_DO, number);
	page_form_token(rq);
	html_put(h, "<input type=\"hidden\" name=\"task\" value=\"{a}\"><label for=\"step{a}\">{w} {t}</label>", id, id, WORD_STEP_RESULT, playbook_words(step, h->ja));
	html_put(h, "<input id=\"step{a}\" name=\"result\" maxlength=\"200\"><button class=\"plain\">{w}</button></form></details>", id, WORD_STEP_DONE);
}

static void put_task(struct request *rq, const char *number, const struct store_rows *r, int i)
{
	struct html *h = &rq->h;
	int64_t done = store_col_int(r, i, 5, 0);
	html_put(h, done ? "<li><span class=\"tag good\">{w}</span> " : "<li><span class=\"tag\">{w}</span> ", done ? WORD_STEP_IS_DONE : WORD_STEP_OPEN);
	html_put(h, "{t} {t} ({t} {t})", playbook_words(store_col(r, i, 1), h->ja), store_col(r, i, 4), playbook_words(store_col(r, i, 2), h->ja), store_col(r, i, 3));
	if (done)
		html_put(h, " <time>{d}</time> {t} {t}", done, store_col(r, i, 6), store_col(r, i, 7));
	else if (role_may(rq->who.role, "incident.step"))
		put_done_form(rq, number, store_col(r, i, 0), store_col(r, i, 1));
	html_put(h, "</li>");
}

static int ask(struct request *rq, const struct store_sql *q, int64_t id, struct store_rows *rows, struct err *err)
{
	struct store_args a = { 0 };
	store_int(&a, id);
	return store_run(rq->p->store, q, &a, rows, err);
}

static int put_tasks(struct request *rq, int64_t id, const char *number, struct err *err)
{
	struct store_rows rows = { 0 };
	int r = ask(rq, &tasks, id, &rows, err);
	if (r == 0 && rows.n) {
		html_put(&rq->h, "<section><h2>{w}</h2><ol class=\"plain\">", WORD_STEPS);
		for (int i = 0; i < rows.n; i++)
			put_task(rq, number, &rows, i);
		html_put(&rq->h, "</ol></section>");
	}
	store_rows_done(&rows);
	return r;
}

static enum word call_word(const char *result)
{
	static const struct {
		const char *code;
		enum word word;
	} table[] = { { "answered", WORD_CALL_ANSWERED }, { "no_answer", WORD_CALL_NO_ANSWER }, { "busy", WORD_CALL_BUSY }, { "left_message", WORD_CALL_MESSAGE } };
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (strcmp(table[i].code, result) == 0)
			return table[i].word;
	return WORD_CALL_WRONG;
}

static int put_calls(struct request *rq, int64_t id, struct err *err)
{
	struct store_rows rows = { 0 };
	int r = ask(rq, &calls, id, &rows, err);
	if (r == 0 && rows.n) {
		html_put(&rq->h, "<section><h2>{w}</h2><ol class=\"plain\">", WORD_CALLS);
		for (int i = 0; i < rows.n; i++)
			html_put(&rq->h, "<li><time>{d}</time> {t} → {t} {t} <b>{w}</b> {t}</li>", store_col_int(&rows, i, 0, 0), store_col(&rows, i, 1), store_col(&rows, i, 2),
			         store_col(&rows, i, 3), (int)call_word(store_col(&rows, i, 4)), store_col(&rows, i, 5));
		html_put(&rq->h, "</ol></section>");
	}
	store_rows_done(&rows);
	return r;
}

int page_steps(struct request *rq, int64_t id, const char *number, struct err *err)
{
	int r = put_tasks(rq, id, number, err);
	return r < 0 ? r : put_calls(rq, id, err);
}
