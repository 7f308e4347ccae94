/* See desktest.h. */
#include "respond/desktest.h"

#include "base/err.h"
#include "respond/block.h"
#include "respond/desk.h"
#include "respond/notify.h"
#include "respond/smtp.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>


struct pgtest pg;
bool have_pg;
struct sink sink;
struct respond r;

/* ---- torided, pretended ---- */

struct pretended_torided torided;

static int take_order(const struct order *o, int timeout_ms, struct order_reply *ret, struct err *err)
{
	(void)timeout_ms;
	for (int ms = 0; torided.held && ms < 10000; ms++)
		poll(NULL, 0, 1);
	if (torided.fail > 0) {
		torided.fail--;
		return err_set(err, E_CLOSED, "torided.sock", "cannot connect");
	}
	if (torided.refuse)
		return err_set(err, torided.refuse, "block", "refused");
	if (torided.n == 64)
		abort(); /* not our thread: cmocka can't jump from here */
	torided.last[torided.n++] = *o;
	*ret = (struct order_reply){ 0 };
	return 0;
}

int orders(uint8_t op, const char *org, const char *value)
{
	int n = 0;
	for (int i = 0; i < torided.n; i++)
		n += torided.last[i].op == op && strcmp(torided.last[i].block.org, org) == 0 &&
		     (!value || strcmp(torided.last[i].block.value, value) == 0);
	return n;
}

/* ---- stored, pretended ---- */

struct pretended_stored stored;

static int answer_sweep(struct str request, struct buf *reply, struct err *err)
{
	stored.n++;
	str_copy(request, stored.last, sizeof stored.last);
	if (stored.fail) {
		stored.fail--;
		return err_set(err, E_CLOSED, "search.sock", "cannot connect");
	}
	buf_puts(reply, stored.answer);
	return 0;
}

/* ---- courierd, pretended ---- */

struct pretended_courier courier;

static int answer_courier(struct str request, struct buf *reply, struct err *err)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* from four threads */
	pthread_mutex_lock(&lock);
	if (courier.n < 32)
		str_copy(request, courier.sent[courier.n], sizeof courier.sent[0]);
	courier.n++;
	bool fails = courier.fail > 0;
	courier.fail -= fails;
	pthread_mutex_unlock(&lock);
	if (fails) {
		return err_set(err, courier.refuse ? courier.refuse : E_CLOSED, "gateway", "it answered 503");
	}
	buf_puts(reply, "{\"v\":1,\"ok\":true,\"status\":202}");
	return 0;
}

/* ---- the configuration ---- */

#define CHANNELS "\"sms\":\"\",\"voice\":\"\",\"webhook\":\"\","
static const char config[] =
	"{\"service\":\"佐賀県自治体情報セキュリティクラウド\",\"service_en\":\"Saga\","
	"\"clock\":{\"notice_s\":900,\"escalate1_s\":300,\"escalate2_s\":600,\"block_hours\":24,\"day_minute\":510,\"night_minute\":1035},"
	"\"gateways\":[{\"name\":\"sms1\",\"kind\":\"sms\"},{\"name\":\"sms2\",\"kind\":\"sms\"},{\"name\":\"voice1\",\"kind\":\"voice\"},"
	"{\"name\":\"chat\",\"kind\":\"webhook\"}],"
	"\"mail\":{\"host\":\"127.0.0.1\",\"port\":%d,\"from\":\"soc@cloud.example\"},"
	"\"never\":{\"names\":[\".cloud.example\"],\"prefixes\":[\"10.0.0.0/8\",\"192.0.2.1\"]},"
	"\"prefectures\":[{\"code\":\"41\",\"name\":\"佐賀県\",\"contacts\":[{\"name\":\"県 情報課\",\"mail\":\"ken@pref.example\","
	"\"phone\":\"\"," CHANNELS "\"min_severity\":3,\"order\":1}]}],"
	"\"orgs\":["
	"{\"code\":\"412015\",\"prefecture\":\"41\",\"name\":\"佐賀市\",\"name_en\":\"Saga City\",\"contacts\":["
	"{\"name\":\"総務課 山田\",\"mail\":\"yamada@a.example\",\"phone\":\"0952-00-0001\"," CHANNELS "\"min_severity\":2,\"order\":1},"
	"{\"name\":\"総務課 鈴木\",\"mail\":\"suzuki@a.example\",\"phone\":\"0952-00-0002\",\"sms\":\"090-0000-0002\",\"voice\":\"0952-00-0002\",\"webhook\":\"chat\",\"min_severity\":2,\"order\":2},"
	"{\"name\":\"部長 佐藤\",\"mail\":\"sato@a.example\",\"phone\":\"\"," CHANNELS "\"min_severity\":3,\"order\":3}],"
	"\"terminals\":[{\"addr\":\"10.1.0.5\",\"name\":\"総務課 端末5\"}],\"white\":[\".good.example\"],\"shared\":[\"10.1.0.254\"],\"announce\":[\"198.51.100.101\"],"
	"\"consent\":{\"given\":false,\"min_severity\":3,\"by\":\"\",\"date\":\"\"},"
	"\"calendar\":{\"closed\":[],\"open_minute\":510,\"close_minute\":1035}},"
	"{\"code\":\"412023\",\"prefecture\":\"41\",\"name\":\"唐津市\",\"name_en\":\"Karatsu City\",\"contacts\":["
	"{\"name\":\"情報課 田中\",\"mail\":\"tanaka@b.example\",\"phone\":\"\"," CHANNELS "\"min_severity\":1,\"order\":1}],\"terminals\":[],"
	"\"white\":[],\"shared\":[],\"announce\":[],\"consent\":{\"given\":true,\"min_severity\":3,\"by\":\"市長\",\"date\":\"2026-04-01\"},"
	"\"calendar\":{\"closed\":[],\"open_minute\":510,\"close_minute\":1035}},"
	"{\"code\":\"412031\",\"prefecture\":\"41\",\"name\":\"鳥栖市\",\"name_en\":\"Tosu City\",\"contacts\":["
	"{\"name\":\"情報課 中村\",\"mail\":\"nakamura@c.example\",\"phone\":\"\"," CHANNELS "\"min_severity\":0,\"order\":1}],\"terminals\":[],"
	"\"white\":[],\"shared\":[],\"announce\":[],\"consent\":{\"given\":false,\"min_severity\":3,\"by\":\"\",\"date\":\"\"},"
	"\"calendar\":{\"closed\":[],\"open_minute\":510,\"close_minute\":1035}}]}";

const char *boot = "";

void start(void)
{
	struct err err = { 0 };
	struct buf b;
	r = (struct respond){ 0 };
	snprintf(r.boot, sizeof r.boot, "%s", boot);
	assert_int_equal(orders_create(take_order, &r.orders, &err), 0);
	assert_int_equal(asker_create(answer_sweep, &r.asker, &err), 0);
	assert_int_equal(asker_create(answer_courier, &r.courier, &err), 0);
	buf_init(&b, 64 * KIB);
	buf_printf(&b, config, sink.port);
	assert_int_equal(desk_parse(buf_view(&b), &r.desk, &err), 0);
	buf_done(&b);
	assert_int_equal(store_create(pg.sock, STORE_ROLE_RESPOND, &r.store, &err), 0);
	assert_int_equal(store_migrate(r.store, &err), 0);
	assert_int_equal(mailer_create(notify_mail_done, &r, &r.mailer, &err), 0);
	assert_int_equal(respond_configure(&r, &err), 0);
}

void stop(void)
{
	mailer_destroy(&r.mailer);
	orders_destroy(&r.orders);
	asker_destroy(&r.asker);
	asker_destroy(&r.courier);
	store_destroy(&r.store);
	desk_destroy(&r.desk);
}

/* ---- findings ---- */

int uid_seed;

struct finding beacon(const char *org, const char *terminal, const char *host)
{
	struct finding f = { .time = clock_now_ms() - 500, .count = 5, .terminal = terminal, .action = FINDING_ALLOWED };
	static char rec[32];
	f.first_time = f.time - 60000, f.last_time = f.time;
	snprintf(f.uid, sizeof f.uid, "%064d", ++uid_seed);
	snprintf(f.org, sizeof f.org, "%s", org);
	f.rule.id = "rule-beacon", f.rule.title = "Beacon", f.rule.title_ja = "定期的な不審な通信", f.rule.level = FINDING_LOW;
	f.attacks[f.n_attacks++] = "T1071.001";
	f.observables[f.n_observables++] = (struct observable){ OBSERVABLE_HOSTNAME, host };
	snprintf(rec, sizeof rec, "%s/events/000001/%d", org, uid_seed);
	f.records[f.n_records++] = rec;
	return f;
}

void give(const struct finding *f)
{
	struct err err = { 0 };
	int res = respond_finding(&r, f, &err);
	if (res < 0)
		fprintf(stderr, "finding: %s: %s\n", err.path, err.msg);
	assert_int_equal(res, 0);
}

/* Works until nothing is under way, within a generous real time. */
void settle(void)
{
	for (int i = 0, calm = 0; i < 2000 && calm < 5; i++) {
		r.work_ms = 0;
		respond_work(&r);
		sink_work(&sink);
		calm = mailer_room(r.mailer) == MAILER_MAX && orders_idle(r.orders) && asker_idle(r.asker) && asker_idle(r.courier) ? calm + 1 : 0;
		poll(NULL, 0, calm ? 0 : 2);
	}
}

char *ask(const char *json, int expect)
{
	static char answer[256 * 1024];
	struct err err = { 0 };
	struct buf b;
	yyjson_doc *doc = yyjson_read(json, strlen(json), 0);
	struct ctl_request rq = { 0, yyjson_doc_get_root(doc), 1 };
	char what[64];
	assert_true(str_copy(ctl_str(rq.root, "do"), what, sizeof what));
	buf_init(&b, CTL_MAX);
	buf_puts(&b, "{\"v\":1,\"ok\":true");
	int res = desk_handle(&rq, what, &b, &r, &err);
	if (res != expect)
		fprintf(stderr, "%s: %d %s: %s\n", json, res, err.path, err.msg);
	assert_int_equal(res, expect);
	buf_putc(&b, '}');
	snprintf(answer, sizeof answer, "%s", res < 0 ? err.msg : buf_cstr(&b));
	buf_done(&b);
	yyjson_doc_free(doc);
	if (res == 0) { /* whatever is answered is JSON */
		doc = yyjson_read(answer, strlen(answer), 0);
		assert_non_null(doc);
		yyjson_doc_free(doc);
	}
	return answer;
}

int64_t sql_number(const char *text)
{
	PGconn *c = PQsetdbLogin(pg.sock, NULL, NULL, NULL, STORE_DATABASE, "postgres", NULL);
	PGresult *res = PQexec(c, text);
	if (PQresultStatus(res) != PGRES_TUPLES_OK)
		fail_msg("%s: %s", text, PQerrorMessage(c));
	int64_t n = PQntuples(res) ? strtoll(PQgetvalue(res, 0, 0), NULL, 10) : -1;
	PQclear(res);
	PQfinish(c);
	return n;
}

static void sql_reset(void)
{
	pgtest_sql(&pg, "SET session_replication_role = replica; DELETE FROM asset; DELETE FROM vuln; DELETE FROM call; DELETE FROM handover; UPDATE stage_mark SET put = 0; DELETE FROM inquiry_hit; DELETE FROM inquiry; DELETE FROM task; DELETE FROM report;"
	                          "DELETE FROM attachment; DELETE FROM incident_event; DELETE FROM judgement;"
	                          "DELETE FROM notice; DELETE FROM block_call; DELETE FROM block; DELETE FROM evidence; DELETE FROM observable;"
	                          "DELETE FROM finding; DELETE FROM incident; DELETE FROM sighting; DELETE FROM counter;"
	                          "ALTER SEQUENCE task_id_seq RESTART; ALTER SEQUENCE incident_event_id_seq RESTART; ALTER SEQUENCE inquiry_id_seq RESTART");
}

int fresh(void **state)
{
	if (!have_pg)
		return 0;
	clock_hold(T0);
	torided.n = torided.fail = 0;
	torided.held = false;
	torided.refuse = 0;
	stored.n = stored.fail = 0;
	courier = (struct pretended_courier){ 0 };
	stored.answer = "{\"v\":1,\"ok\":true,\"source\":\"index\",\"hits\":[],\"more\":false}";
	sink_reset(&sink);
	start();
	sql_reset();
	(void)state;
	return 0;
}

int done(void **state)
{
	if (have_pg)
		stop();
	clock_hold(0);
	(void)state;
	return 0;
}

int begin(void **state)
{
	(void)state;
	sink_open(&sink);
	have_pg = pgtest_start(&pg);
	return 0;
}

int end(void **state)
{
	(void)state;
	sink_close(&sink);
	if (have_pg)
		pgtest_stop(&pg);
	return 0;
}
