/* toride-replicad: the desk's state at both nodes of a pair. PostgreSQL of the node that stands by copies the other one's (streaming
 * replication); neither has a network, so what it says goes through here: RUN/replica on this side, TLS between the nodes (pair/link.h), the
 * server's own socket on the other. Only a database that takes changes is copied.
 *
 * Beside that it looks at the server of this node four times a second and decides with pair/copy.h whether commits wait for the other one. That is
 * the one setting its role may change; its role may also read all of the cluster, since that is what a copy is.
 * Each change is an event (6002, `replicad`). Rows M-104, S-30. */
#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "jail/jail.h"
#include "pair/cable.h"
#include "pair/conf.h"
#include "pair/copy.h"
#include "pair/link.h"
#include "vault/vault_client.h"
#include "wire/daemon.h"
#include "wire/events.h"
#include "wire/place.h"
#include "wire/sock.h"

#include <errno.h>
#include <libpq-fe.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#define PORT 3782
#define CONFIG_MAX (1 * MIB)
#define LOOK_MS 250
#define CONNECT_MS 2000
#define GONE_MS 2500 /* what was sent and isn't acknowledged for so long: the other node is gone */
#define AT_ONCE 12   /* a stream, a base copy of two, and what is about to end */

struct replicad {
	struct daemon d;
	uv_loop_t loop;
	uv_timer_t look, work;
	uv_signal_t hup, term;
	uv_poll_t here, there;
	struct events *events;
	struct pair_nodes nodes;
	int self;
	SSL_CTX *asks, *answers;
	int here_fd, there_fd; /* PostgreSQL of this node; the other node */
	struct sight {
		uv_work_t work;
		PGconn *conn;
		struct copy copy;
		struct copy_seen seen;
		enum copy_do done;
		enum copy_other other;
		bool busy, acted;
	} sight; /* the thread's while busy */
	bool primary; /* the server here takes changes: it may be copied */
	char said;    /* what stands in RUN/replica/other */
};

static atomic_uint passing;

/* ---- passing on ---- */

struct pass {
	struct replicad *x;
	int from;      /* who came */
	bool answers;  /* the other node came, and is led to the server here */
};

static int call_server(void)
{
	char path[PLACE_MAX];
	int fd = -1;
	return sock_connect(place_in_run(path, sizeof path, "pg/.s.PGSQL.5432"), CONNECT_MS, &fd, NULL) == 0 ? fd : -1;
}

static int call_other(const struct replicad *x)
{
	int fd = -1;
	return cable_call(x->nodes.sync4[x->self], x->nodes.sync4[1 - x->self], PORT, CONNECT_MS, &fd, NULL) == 0 ? fd : -1;
}

static void watch_peer(int tcp)
{
	const int on = 1, gone = GONE_MS, idle = 1, times = 3;
	setsockopt(tcp, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	setsockopt(tcp, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
	setsockopt(tcp, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
	setsockopt(tcp, IPPROTO_TCP, TCP_KEEPINTVL, &idle, sizeof idle);
	setsockopt(tcp, IPPROTO_TCP, TCP_KEEPCNT, &times, sizeof times);
	setsockopt(tcp, IPPROTO_TCP, TCP_USER_TIMEOUT, &gone, sizeof gone);
}

static void *pass_on(void *user)
{
	struct pass *p = user;
	struct err err = { 0 };
	SSL *s = NULL;
	int to = -1, tcp = p->answers ? p->from : (to = call_other(p->x));
	if (tcp >= 0) {
		watch_peer(tcp);
		if (link_begin(p->answers ? p->x->answers : p->x->asks, tcp, &s, &err) < 0 && err.code == E_DENIED)
			log_err(LOG_LEVEL_WARN, "", "link", &err);
	}
	if (s && p->answers)
		to = call_server();
	if (s && to >= 0)
		link_pump(s, tcp, p->answers ? to : p->from);
	link_end(&s);
	close(p->from);
	if (to >= 0)
		close(to);
	mem_free(p);
	atomic_fetch_sub(&passing, 1);
	return NULL;
}

static void begin_pass(struct replicad *x, int fd, bool answers)
{
	struct pass *p = atomic_load(&passing) < AT_ONCE ? mem_alloc(sizeof *p) : NULL;
	pthread_attr_t a;
	pthread_t t;
	if (!p) {
		close(fd);
		return;
	}
	*p = (struct pass){ x, fd, answers };
	atomic_fetch_add(&passing, 1);
	pthread_attr_init(&a);
	pthread_attr_setdetachstate(&a, PTHREAD_CREATE_DETACHED);
	if (pthread_create(&t, &a, pass_on, p) != 0) {
		atomic_fetch_sub(&passing, 1);
		mem_free(p);
		close(fd);
	}
	pthread_attr_destroy(&a);
}

/* PostgreSQL of this node, or ourselves; no one else reaches the socket. */
static void on_here(uv_poll_t *h, int status, int events)
{
	struct replicad *x = h->data;
	uid_t uid;
	int fd = accept4(x->here_fd, NULL, NULL, SOCK_CLOEXEC);
	(void)status, (void)events;
	if (fd < 0)
		return;
	if (sock_peer(fd, NULL, &uid) == 0 && (uid == USER_POSTGRES || uid == USER_REPLICA))
		begin_pass(x, fd, false);
	else
		close(fd);
}

static void on_there(uv_poll_t *h, int status, int events)
{
	struct replicad *x = h->data;
	int fd = accept4(x->there_fd, NULL, NULL, SOCK_CLOEXEC);
	(void)status, (void)events;
	if (fd < 0)
		return;
	if (x->primary)
		begin_pass(x, fd, true);
	else
		close(fd); /* a copy isn't copied: each node would wait for the other */
}

/* ---- looking at the server ---- */

/* A receiver calls itself streaming before it has heard a word, also one that asks in vain for what isn't kept any more: until the first message both
 * of its times are that of its start. */
static const char look_sql[] =
	"SELECT pg_is_in_recovery(), current_setting('synchronous_standby_names') <> '',"
	" CASE WHEN pg_is_in_recovery() THEN EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming' AND last_msg_send_time <> last_msg_receipt_time)"
	" ELSE EXISTS (SELECT FROM pg_stat_replication WHERE application_name = 'toride' AND state = 'streaming' AND reply_time > now() - interval '3 s') END";

static bool connected(struct sight *g)
{
	char dir[PLACE_MAX];
	const char *keys[] = { "host", "dbname", "user", "connect_timeout", "options", NULL };
	const char *values[] = { place_in_run(dir, sizeof dir, SOCK_PG), "postgres", "toride_replica", "2", "-c statement_timeout=2000", NULL };
	if (g->conn && PQstatus(g->conn) == CONNECTION_OK)
		return true;
	PQfinish(g->conn);
	g->conn = PQconnectdbParams(keys, values, 0);
	return g->conn && PQstatus(g->conn) == CONNECTION_OK;
}

static bool run(struct sight *g, const char *sql)
{
	PGresult *r = PQexec(g->conn, sql);
	bool ok = PQresultStatus(r) == PGRES_COMMAND_OK || PQresultStatus(r) == PGRES_TUPLES_OK;
	PQclear(r);
	return ok;
}

static void see(struct sight *g)
{
	g->seen = (struct copy_seen){ .active = !daemon_stands_by() };
	PGresult *r = connected(g) ? PQexec(g->conn, look_sql) : NULL;
	if (PQresultStatus(r) == PGRES_TUPLES_OK && PQntuples(r) == 1) {
		g->seen.answers = true;
		g->seen.standby = PQgetvalue(r, 0, 0)[0] == 't';
		g->seen.waits = PQgetvalue(r, 0, 1)[0] == 't';
		g->seen.streaming = PQgetvalue(r, 0, 2)[0] == 't';
	}
	PQclear(r);
}

/* What a server says of itself in the protocol of replication (IDENTIFY_SYSTEM). */
struct identity {
	char cluster[32];  /* its origin; "": it doesn't answer */
	uint32_t timeline; /* 0: it takes no changes */
};

static struct identity identify(const char *socket_dir)
{
	char dir[PLACE_MAX];
	struct identity found = { 0 };
	const char *keys[] = { "host", "user", "replication", "connect_timeout", NULL };
	const char *values[] = { place_in_run(dir, sizeof dir, "%s", socket_dir), "toride_replica", "true", "2", NULL };
	PGconn *c = PQconnectdbParams(keys, values, 0);
	bool up = c && PQstatus(c) == CONNECTION_OK;
	PGresult *copy = up ? PQexec(c, "SHOW in_hot_standby") : NULL, *id = up ? PQexec(c, "IDENTIFY_SYSTEM") : NULL;
	if (PQntuples(copy) == 1 && PQntuples(id) == 1) {
		snprintf(found.cluster, sizeof found.cluster, "%s", PQgetvalue(id, 0, 0));
		found.timeline = strcmp(PQgetvalue(copy, 0, 0), "off") == 0 ? (uint32_t)strtoul(PQgetvalue(id, 0, 1), NULL, 10) : 0;
	}
	PQclear(copy);
	PQclear(id);
	PQfinish(c);
	return found;
}

/* Asked only where it matters: nothing streams, and this server takes changes, or is a copy that should follow. */
static enum copy_other compare(struct sight *g)
{
	bool matters = g->seen.answers && !g->seen.streaming && !(g->seen.standby && g->seen.active);
	struct identity own = matters ? identify(SOCK_PG) : (struct identity){ 0 }, other = own.cluster[0] ? identify(SOCK_REPLICA) : (struct identity){ 0 };
	bool there = other.timeline && strcmp(own.cluster, other.cluster) == 0;
	return copy_is_lost(&g->copy, &g->seen, there, clock_mono_ms()) ? COPY_OTHER_AHEAD : copy_compare(own.timeline, other.timeline);
}

static void look_work(uv_work_t *w)
{
	struct sight *g = w->data;
	see(g);
	g->done = copy_judge(&g->copy, &g->seen, clock_mono_ms());
	g->other = compare(g);
	g->acted = true;
	if (g->done == COPY_WAIT)
		g->acted = run(g, "ALTER SYSTEM SET synchronous_standby_names = 'toride'") && run(g, "SELECT pg_reload_conf()");
	else if (g->done == COPY_ALONE)
		g->acted = run(g, "ALTER SYSTEM SET synchronous_standby_names = ''") && run(g, "SELECT pg_reload_conf()");
}

static const char *words(enum copy_do d)
{
	switch (d) {
	case COPY_WAIT: return "what the desk acknowledges is at both nodes from now on (受領確認などは、両方のノードに書いてから確定します)";
	case COPY_ALONE: return "the other node doesn't follow: what the desk acknowledges is at this node alone (もう一方のノードに写せないため、このノードだけで確定します)";
	case COPY_TOOK_OVER: return "the desk goes on at this node, with all that was acknowledged at the other one (インシデント・通知・時計を引き継ぎました。失われたものはありません)";
	case COPY_TOOK_OVER_STALE: return "the desk goes on at this node; the last of what was acknowledged at the other one may be missing: it is kept there in STATE/pg/data.before (引き継ぎましたが、最後の記録が欠けている可能性があります)";
	default: return NULL;
	}
}

static void tell(struct replicad *x, enum copy_do d)
{
	bool good = d == COPY_WAIT || d == COPY_TOOK_OVER;
	events_app(x->events, STR(""), "replicad", "desk", good ? "Start" : "Alarm", words(d));
	log_warn("", "desk", "%s", words(d));
}

/* For torided, which decides by it whose database is believed. */
static void say_other(struct replicad *x, char other)
{
	char path[PLACE_MAX];
	struct err err = { 0 };
	if (other == x->said)
		return;
	if (fs_write(place_in_run(path, sizeof path, SOCK_REPLICA "/other"), (struct str){ &other, 1 }, 0640, &err) < 0)
		log_err(LOG_LEVEL_ERROR, "", "desk", &err);
	else
		x->said = other;
}

static void look_done(uv_work_t *w, int status)
{
	struct sight *g = w->data;
	struct replicad *x = (struct replicad *)((char *)g - offsetof(struct replicad, sight));
	(void)status;
	g->busy = false;
	x->primary = g->seen.answers && !g->seen.standby;
	say_other(x, (char)g->other);
	if (g->done != COPY_NOTHING && g->acted)
		tell(x, g->done);
	else if (g->done != COPY_NOTHING)
		log_warn("", "desk", "the setting cannot be changed: %.200s", g->conn ? PQerrorMessage(g->conn) : "no connection");
	stats_set(stats_counter(x->d.stats, "", "pair_desk_copied"), g->seen.answers && g->seen.streaming);
	stats_set(stats_counter(x->d.stats, "", "pair_desk_waits"), g->seen.answers && g->seen.waits && !g->seen.standby);
}

static void on_look(uv_timer_t *t)
{
	struct replicad *x = t->data;
	if (x->sight.busy)
		return;
	x->sight.busy = true;
	x->sight.work.data = &x->sight;
	if (uv_queue_work(&x->loop, &x->sight.work, look_work, look_done) < 0)
		x->sight.busy = false;
}

/* ---- begin ---- */

static int listen_here(struct replicad *x, struct err *err)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	char path[PLACE_MAX];
	place_in_run(path, sizeof path, SOCK_REPLICA "/.s.PGSQL.5432");
	if (strlen(path) >= sizeof at.sun_path)
		return err_set(err, E_LIMIT, path, "path too long");
	memcpy(at.sun_path, path, strlen(path));
	unlink(path);
	x->here_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (x->here_fd < 0 || bind(x->here_fd, (struct sockaddr *)&at, sizeof at) < 0 || chmod(path, 0660) < 0 || listen(x->here_fd, 8) < 0)
		return err_errno(err, path, "cannot listen");
	return 0;
}

static int take_key(struct replicad *x, struct err *err)
{
	unsigned char key[LINK_KEY];
	struct vault *v = NULL;
	int r = vault_open(NULL, 10000, &v, err);
	r = r < 0 ? r : vault_tsig(v, "replica", key, err);
	vault_close(&v);
	r = r < 0 ? r : link_context(key, false, &x->asks, err);
	r = r < 0 ? r : link_context(key, true, &x->answers, err);
	OPENSSL_cleanse(key, sizeof key);
	return r;
}

static int read_nodes(struct replicad *x, struct pair_nodes *ret, struct err *err)
{
	struct buf b;
	buf_init(&b, CONFIG_MAX);
	int r = daemon_config(&x->d, &b, err);
	r = r < 0 ? r : pair_nodes_parse(buf_view(&b), ret, err);
	buf_done(&b);
	return r;
}

static void on_hup(uv_signal_t *s, int signum)
{
	struct replicad *x = s->data;
	struct pair_nodes n;
	struct err err = { 0 };
	(void)signum;
	if (read_nodes(x, &n, &err) < 0) {
		log_err(LOG_LEVEL_ERROR, "", "replicad.json", &err);
	} else if (memcmp(&n, &x->nodes, sizeof n) != 0) {
		log_warn("", "pair", "the nodes have other addresses: starting anew");
		uv_stop(&x->loop);
	} else {
		daemon_ready(&x->d);
	}
}

static void on_term(uv_signal_t *s, int signum)
{
	(void)signum;
	uv_stop(s->loop);
}

static void on_work(uv_timer_t *t)
{
	events_work(((struct replicad *)t->data)->events);
}

static int open_all(struct replicad *x, struct err *err)
{
	int r = daemon_begin("replicad", &x->d, err);
	if (r == 0 && uv_loop_init(&x->loop) < 0)
		r = err_set(err, E_NOMEM, "", "cannot make an event loop");
	r = r < 0 ? r : events_open("replicad", 256 * KIB, &x->events, err);
	r = r < 0 ? r : read_nodes(x, &x->nodes, err);
	x->self = strcmp(x->nodes.names[0], place_node()) == 0 ? 0 : 1;
	r = r < 0 ? r : take_key(x, err);
	r = r < 0 ? r : listen_here(x, err);
	return r < 0 ? r : cable_listen(x->nodes.sync4[x->self], PORT, &x->there_fd, err);
}

static int start(struct replicad *x, struct err *err)
{
	int r = open_all(x, err);
	if (r < 0)
		return r;
	uv_timer_init(&x->loop, &x->look);
	uv_timer_init(&x->loop, &x->work);
	uv_poll_init(&x->loop, &x->here, x->here_fd);
	uv_poll_init(&x->loop, &x->there, x->there_fd);
	uv_signal_init(&x->loop, &x->hup);
	uv_signal_init(&x->loop, &x->term);
	x->look.data = x->work.data = x->here.data = x->there.data = x->hup.data = x->term.data = x;
	uv_signal_start(&x->hup, on_hup, SIGHUP);
	uv_signal_start(&x->term, on_term, SIGTERM);
	r = daemon_confine(&x->d, err);
	uv_timer_start(&x->look, on_look, 0, LOOK_MS);
	uv_timer_start(&x->work, on_work, 0, 100);
	uv_poll_start(&x->here, UV_READABLE, on_here);
	uv_poll_start(&x->there, UV_READABLE, on_there);
	return r;
}

int main(void)
{
	static struct replicad x;
	struct err err = { 0 };
	jail_install();
	if (start(&x, &err) < 0) {
		log_err(LOG_LEVEL_ERROR, "", "replicad", &err);
		return 1;
	}
	daemon_ready(&x.d);
	uv_run(&x.loop, UV_RUN_DEFAULT);
	_exit(0); /* nothing is taken apart under threads that pass on */
}
