/* Against a real, private PostgreSQL: migrations, scopes, privileges, append-only, reconnection. */
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "store/pgtest.h"
#include "store/schema.h"
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

static struct pgtest pg;
static bool have_pg;

static const struct store_sql insert_org = { "t_org", "INSERT INTO org(code, name, name_en) VALUES ($1, $2, '')" };
static const struct store_sql insert_incident = {
	"t_incident",
	"INSERT INTO incident(number, org, state, title, title_ja, rule, opened_by, severity, reasons, signature_level,"
	" terminal, observable_type, observable, created_ms, first_ms, last_ms, found_ms)"
	" VALUES ($1, $2, 'received', 't', 't', 'r', 'toride', 1, '[]', 'low', '', '', '', 1, 1, 1, 1)"
};
static const struct store_sql insert_event = {
	"t_event", "INSERT INTO incident_event(incident, org, at_ms, actor, kind, args)"
		   " SELECT id, org, 1, 'a', 'note', 'x' FROM incident WHERE number = $1"
};
static const struct store_sql count_incidents = { "t_count", "SELECT count(*) FROM incident" };
static const struct store_sql count_orgs = { "t_count_orgs", "SELECT count(*) FROM org" };
static const struct store_sql count_of = { "t_count_of", "SELECT count(*) FROM incident WHERE org = $1" };
static const struct store_sql update_event = { "t_update", "UPDATE incident_event SET args = 'y'" };
static const struct store_sql delete_event = { "t_delete", "DELETE FROM incident_event" };
static const struct store_sql truncate_event = { "t_trunc", "TRUNCATE incident_event" };
static const struct store_sql steal = { "t_steal", "UPDATE incident SET org = '412023' WHERE org = '412015'" };
static const struct store_sql update_all = { "t_update_all", "UPDATE incident SET title = 'mine'" };
static const struct store_sql force = {
	"t_force", "SELECT count(*) FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'org'"
		   " WHERE c.relkind = 'r' AND NOT (c.relrowsecurity AND c.relforcerowsecurity)"
};

static struct store *opened(const char *role)
{
	struct store *s = NULL;
	struct err err = { 0 };
	assert_int_equal(store_create(pg.sock, role, &s, &err), 0);
	return s;
}

static int64_t number(struct store *s, const char *org, const struct store_sql *q, const char *arg)
{
	struct err err = { 0 };
	struct store_rows rows = { 0 };
	struct store_args a = { 0 };
	if (arg)
		store_text(&a, arg);
	assert_int_equal(store_begin(s, org, &err), 0);
	int r = store_run(s, q, &a, &rows, &err);
	int64_t n = r < 0 ? r : store_col_int(&rows, 0, 0, -1);
	store_rows_done(&rows);
	store_abort(s);
	return n;
}

static int64_t number_of_session(struct store *s, const char *session)
{
	struct err err = { 0 };
	struct store_rows rows = { 0 };
	assert_int_equal(store_begin_session(s, session, &err), 0);
	assert_int_equal(store_run(s, &count_incidents, NULL, &rows, &err), 0);
	int64_t n = store_col_int(&rows, 0, 0, -1);
	store_rows_done(&rows);
	store_abort(s);
	return n;
}

/* Runs one statement in a transaction of its own and returns its code, or rows changed. */
static int change(struct store *s, const char *org, const struct store_sql *q, const char *x, const char *y)
{
	struct err err = { 0 };
	struct store_rows rows = { 0 };
	struct store_args a = { 0 };
	if (x)
		store_text(&a, x);
	if (y)
		store_text(&a, y);
	assert_int_equal(store_begin(s, org, &err), 0);
	int r = store_run(s, q, &a, &rows, &err);
	if (r == 0)
		r = rows.n;
	store_rows_done(&rows);
	if (r < 0) {
		store_abort(s);
		return r;
	}
	int c = store_commit(s, &err);
	return c < 0 ? c : r;
}

static void test_migrate(void **state)
{
	struct err err = { 0 };
	int64_t v = 0;
	if (!have_pg)
		skip();
	struct store *s = opened(STORE_ROLE_RESPOND);
	assert_int_equal(store_migrate(s, &err), 0);
	assert_int_equal(store_schema_version(s, &v, &err), 0);
	assert_int_equal(v, schema_steps[schema_n - 1].version);
	assert_int_equal(store_migrate(s, &err), 0); /* again: nothing to do */
	for (size_t i = 0; i < schema_n; i++)
		assert_int_equal(schema_steps[i].version, i + 1);
	/* a table with an organisation and without forced row security would be a leak */
	assert_int_equal(number(s, STORE_ALL, &force, NULL), 0);
	/* and so would one that the page reads by any other policy than its session's */
	static const struct store_sql by_session = {
		"t_by_session", "SELECT count(*) FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'org'"
				" WHERE c.relkind = 'r' AND has_any_column_privilege('toride_portal', c.oid, 'SELECT') AND (SELECT coalesce(array_agg(policyname::text), '{}')"
				" FROM pg_policies p WHERE p.tablename = c.relname AND p.roles && '{public,toride_portal}') <> '{session_rows}'"
	};
	assert_int_equal(number(s, STORE_ALL, &by_session, NULL), 0);
	static const struct store_sql future = { "t_future", "INSERT INTO schema_version VALUES (9999, 'x', 1)" };
	static const struct store_sql past = { "t_past", "DELETE FROM schema_version WHERE version = 9999" };
	assert_int_equal(change(s, STORE_ALL, &future, NULL, NULL), 1);
	assert_int_equal(store_migrate(s, &err), -E_STATE);
	assert_int_equal(change(s, STORE_ALL, &past, NULL, NULL), 1);
	store_destroy(&s);
	(void)state;
}

static void test_scopes(void **state)
{
	if (!have_pg)
		skip();
	struct store *s = opened(STORE_ROLE_RESPOND);
	assert_int_equal(change(s, STORE_ALL, &insert_org, "412015", "A"), 1);
	assert_int_equal(change(s, STORE_ALL, &insert_org, "412023", "B"), 1);
	assert_int_equal(change(s, STORE_ALL, &insert_incident, "I-1", "412015"), 1);
	assert_int_equal(change(s, STORE_ALL, &insert_incident, "I-2", "412023"), 1);
	assert_int_equal(change(s, STORE_ALL, &insert_incident, "I-3", ""), 1); /* the service's own */
	assert_int_equal(number(s, STORE_ALL, &count_incidents, NULL), 3);
	assert_int_equal(number(s, "412015", &count_incidents, NULL), 1);
	assert_int_equal(number(s, "412015", &count_of, "412023"), 0); /* asked for by name: still nothing */
	assert_int_equal(number(s, "412023", &count_incidents, NULL), 1);
	assert_int_equal(number(s, "412031", &count_incidents, NULL), 0);
	assert_int_equal(number(s, "41", &count_incidents, NULL), 2); /* a prefecture's, not the service's own */
	assert_int_equal(number(s, "42", &count_incidents, NULL), 0);
	assert_int_equal(number(s, "412015", &count_orgs, NULL), 1);
	/* nor write, move or touch what is another's */
	assert_int_equal(change(s, "412015", &insert_incident, "I-4", "412023"), -E_DENIED);
	assert_int_equal(change(s, "412015", &steal, NULL, NULL), -E_DENIED);
	assert_int_equal(change(s, "412015", &update_all, NULL, NULL), 1);
	assert_int_equal(change(s, STORE_ALL, &insert_incident, "I-1", "412015"), -E_EXISTS);
	store_destroy(&s);
	(void)state;
}

static void test_scope_is_of_the_transaction(void **state)
{
	struct err err = { 0 };
	struct store_rows rows = { 0 };
	if (!have_pg)
		skip();
	struct store *s = opened(STORE_ROLE_RESPOND);
	assert_int_equal(number(s, STORE_ALL, &count_incidents, NULL), 3);
	PGconn *c = PQsetdbLogin(pg.sock, NULL, NULL, NULL, STORE_DATABASE, STORE_ROLE_RESPOND, NULL);
	rows.res = PQexec(c, "SELECT count(*) FROM incident"); /* nobody said whose */
	assert_string_equal(PQgetvalue(rows.res, 0, 0), "0");
	store_rows_done(&rows);
	PQfinish(c);
	static const char *const bad[] = { "", "4", "4x", "41201", "4120155", "41201a", "* ", "412015' OR '1'='1", "**" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(store_begin(s, bad[i], &err), -E_INVALID);
		assert_false(store_in_transaction(s));
	}
	store_destroy(&s);
	(void)state;
}

static void test_portal_reads_only(void **state)
{
	if (!have_pg)
		skip();
	struct store *s = opened(STORE_ROLE_PORTAL);
	/* nobody can tell what a session may see: nothing */
	assert_true(number(s, STORE_ALL, &count_incidents, NULL) < 0);
	/* somebody can: here it is the word itself (account/schema.c is the real one) */
	static const struct store_sql schema = { "t_schema", "CREATE SCHEMA toride_auth" };
	static const struct store_sql says = { "t_says", "CREATE FUNCTION toride_auth.portal_scope() RETURNS text LANGUAGE sql STABLE SECURITY DEFINER AS"
		                                         " $$ SELECT nullif(current_setting('toride.session', true), '') $$" };
	static const struct store_sql grant = { "t_grant", "GRANT USAGE ON SCHEMA toride_auth TO toride_portal" };
	struct store *auth = opened(STORE_ROLE_AUTH);
	assert_int_equal(change(auth, STORE_ALL, &schema, NULL, NULL), 0);
	assert_int_equal(change(auth, STORE_ALL, &says, NULL, NULL), 0);
	assert_int_equal(change(auth, STORE_ALL, &grant, NULL, NULL), 0);
	store_destroy(&auth);
	assert_int_equal(number(s, STORE_ALL, &count_incidents, NULL), 0); /* what it asks for is no matter */
	static const char *const sessions[] = { "*", "412015", "412023", "", "x", "41", "42", "4", "4120" };
	static const int64_t seen[] = { 3, 1, 1, 0, 0, 2, 0, 0, 0 };
	for (size_t i = 0; i < ARRAY_LEN(sessions); i++)
		assert_int_equal(number_of_session(s, sessions[i]), seen[i]);
	static const struct store_sql bodies = { "t_bodies", "SELECT body FROM notice" }, tokens = { "t_tokens", "SELECT token FROM ack_link" };
	assert_int_equal(change(s, STORE_ALL, &bodies, NULL, NULL), -E_DENIED); /* the links that confirm receipt */
	assert_int_equal(change(s, STORE_ALL, &tokens, NULL, NULL), -E_DENIED);
	assert_int_equal(change(s, STORE_ALL, &insert_org, "412031", "C"), -E_DENIED);
	assert_int_equal(change(s, STORE_ALL, &update_all, NULL, NULL), -E_DENIED);
	assert_int_equal(change(s, STORE_ALL, &delete_event, NULL, NULL), -E_DENIED);
	store_destroy(&s);
	(void)state;
}

static void test_append_only(void **state)
{
	if (!have_pg)
		skip();
	struct store *s = opened(STORE_ROLE_RESPOND);
	assert_int_equal(change(s, STORE_ALL, &insert_event, "I-1", NULL), 1);
	assert_int_equal(change(s, STORE_ALL, &update_event, NULL, NULL), -E_DENIED);
	assert_int_equal(change(s, STORE_ALL, &delete_event, NULL, NULL), -E_DENIED);
	assert_int_equal(change(s, STORE_ALL, &truncate_event, NULL, NULL), -E_DENIED);
	store_destroy(&s);
	(void)state;
}

static void test_reconnect(void **state)
{
	struct err err = { 0 };
	if (!have_pg)
		skip();
	struct store *s = opened(STORE_ROLE_RESPOND);
	assert_int_equal(number(s, STORE_ALL, &count_incidents, NULL), 3);
	assert_int_equal(store_begin(s, STORE_ALL, &err), 0);
	pgtest_kill(&pg);
	assert_int_equal(store_run(s, &count_incidents, NULL, NULL, &err), -E_CLOSED);
	store_abort(s);
	assert_int_equal(store_begin(s, STORE_ALL, &err), -E_CLOSED);
	pgtest_restart(&pg);
	int r = -1;
	for (int i = 0; i < 50 && r < 0; i++) {
		r = store_begin(s, STORE_ALL, &err);
		if (r < 0)
			usleep(100000);
	}
	assert_int_equal(r, 0);
	store_abort(s);
	assert_int_equal(number(s, STORE_ALL, &count_incidents, NULL), 3);
	store_destroy(&s);
	(void)state;
}

static int begin(void **state)
{
	(void)state;
	have_pg = pgtest_start(&pg);
	return 0;
}

static int end(void **state)
{
	(void)state;
	if (have_pg)
		pgtest_stop(&pg);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_migrate),          cmocka_unit_test(test_scopes),
		cmocka_unit_test(test_scope_is_of_the_transaction), cmocka_unit_test(test_portal_reads_only),
		cmocka_unit_test(test_append_only),      cmocka_unit_test(test_reconnect),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
