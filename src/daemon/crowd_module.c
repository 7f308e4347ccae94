/* Part of toride_kept.so: strangers wait when more ask a site than is answered (edge/crowd.h decides; nginx's side is here).
 *
 *   crowd_zone SIZE;            http: what the workers share, kept through a reload
 *   crowd NAME PER_SECOND;      server: the site, and what a visitor may ask of it in peace; who has a token may ask half of that meanwhile, or less
 *   $crowd_cookie               a token, as a Set-Cookie line; $crowd_refresh: when the page is to be asked for again
 *   $crowd_told                 1: the first time in a while that this visitor is told so
 *
 * It stands before everything else that is done with a request, the WAF above all. Who is to wait gets CROWD_STATUS, which the configuration makes a page of.
 * How late a request is: the workers' loops take the time once a round, and what has passed since then others' requests have taken.
 * A visitor keeps nothing but his token, and in peace nothing is set. */
#include "edge/crowd.h"

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include <sys/random.h>

#include "daemon/crowd_module.h"

#define CROWD_STATUS 599
#define SITES 4096
#define SLOTS 65536
#define STRANGER_MOST 1024 /* whoever asks so often isn't even kept waiting */
#define WAITING_MOST 8192 /* requests at a worker, some 10 KB each: of HTTP/2 a visitor has 64 in a connection, and what limits them comes later */

struct shared {
	u_char secret[CROWD_SECRET];
	struct {
		uint64_t name; /* a hash of it; 0: free */
		struct crowd crowd;
	} sites[SITES];
	uint64_t slots[SLOTS];
};

struct main_conf {
	ngx_shm_zone_t *zone;
};

struct server_conf {
	ngx_str_t name;
	uint64_t hash;
	ngx_int_t per_second;
};

static struct shared *shared_of(ngx_http_request_t *r, ngx_slab_pool_t **ret_pool)
{
	struct main_conf *m = ngx_http_get_module_main_conf(r, toride_crowd_module);
	if (!m->zone)
		return NULL;
	*ret_pool = (ngx_slab_pool_t *)m->zone->shm.addr;
	return m->zone->data;
}

/* FNV-1a. Of names that the description gives, of addresses with the secret before them. */
static uint64_t hash_of(uint64_t h, const void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		h = (h ^ ((const u_char *)p)[i]) * 0x100000001b3;
	return h;
}

/* NULL: the table is full, and that site is never crowded. */
static struct crowd *site_of(struct shared *s, uint64_t name)
{
	for (size_t i = 0; i < SITES; i++) {
		size_t at = (name + i) % SITES;
		if (s->sites[at].name == 0)
			s->sites[at].name = name;
		if (s->sites[at].name == name)
			return &s->sites[at].crowd;
	}
	return NULL;
}

/* An IPv4 address or an IPv6 /64, as the limits have it (compile/edge_limits.c). */
static struct str visitor(const ngx_http_request_t *r)
{
	const struct sockaddr *a = r->connection->sockaddr;
	if (a->sa_family == AF_INET)
		return (struct str){ (const char *)&((const struct sockaddr_in *)(const void *)a)->sin_addr, 4 };
	if (a->sa_family == AF_INET6)
		return (struct str){ (const char *)&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr, 8 };
	return STR("");
}

static size_t slot_of(const struct shared *s, const struct server_conf *c, struct str who, char what)
{
	uint64_t h = hash_of(hash_of(0xcbf29ce484222325, s->secret, 8), &what, 1);
	return hash_of(hash_of(h, &c->hash, sizeof c->hash), who.ptr, who.len) % SLOTS;
}

/* what: 'a' all of his, 's' those by which he is a stranger: others behind his address may be none. Windows don't begin all at once: each slot has its time. */
static uint32_t count(struct shared *s, const struct server_conf *c, struct str who, char what, uint64_t now)
{
	size_t at = slot_of(s, c, who, what);
	return crowd_count(&s->slots[at], now + at * CROWD_WINDOW_MS / SLOTS);
}

/* Site and visitor: a token is good for both together. */
static struct str whose(ngx_http_request_t *r, const struct server_conf *c, char dst[256])
{
	struct str v = visitor(r);
	size_t n = c->name.len < 200 ? c->name.len : 200;
	memcpy(dst, c->name.data, n);
	dst[n++] = 0;
	memcpy(dst + n, v.ptr, v.len);
	return (struct str){ dst, n + v.len };
}

static bool is_known(ngx_http_request_t *r, const struct shared *s, const struct server_conf *c)
{
	ngx_str_t name = ngx_string(CROWD_COOKIE), value;
	char text[256];
#if nginx_version >= 1023000
	if (!ngx_http_parse_multi_header_lines(r, r->headers_in.cookie, &name, &value))
		return false;
#else
	if (ngx_http_parse_multi_header_lines(&r->headers_in.cookies, &name, &value) == NGX_DECLINED)
		return false;
#endif
	return crowd_token_valid(s->secret, whose(r, c, text), (uint64_t)ngx_time(), (struct str){ (const char *)value.data, value.len });
}

/* It is ours: it tells the origin nothing, and who has no other cookie is answered from the cache like anybody. */
static void cut(ngx_table_elt_t *h)
{
	size_t n = crowd_cookie_cut((char *)h->value.data, h->value.len);
	if (n == h->value.len)
		return;
	h->value.len = n;
	h->value.data[n] = 0;
	if (n == 0)
		h->hash = 0; /* nginx: as if it weren't there */
}

static void cut_all(ngx_http_request_t *r)
{
#if nginx_version >= 1023000
	for (ngx_table_elt_t *h = r->headers_in.cookie; h; h = h->next)
		cut(h);
#else
	ngx_table_elt_t **h = r->headers_in.cookies.elts;
	for (ngx_uint_t i = 0; i < r->headers_in.cookies.nelts; i++)
		cut(h[i]);
#endif
}

/* The reading back of a change (compile/edge.c), which costs nothing and isn't passed on. */
static bool is_canary(const ngx_http_request_t *r)
{
	static const ngx_str_t path = ngx_string("/.well-known/toride-canary");
	return r->uri.len == path.len && ngx_memcmp(r->uri.data, path.data, path.len) == 0;
}

static uint64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t); /* the clock of ngx_current_msec */
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void go_on(ngx_http_request_t *r)
{
	ngx_event_t *e = r->connection->write;
	if (e->delayed) {
		if (ngx_handle_write_event(e, 0) != NGX_OK)
			ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
		return;
	}
	r->read_event_handler = ngx_http_block_reading;
	r->write_event_handler = ngx_http_core_run_phases;
	ngx_http_core_run_phases(r); /* this phase once more: ask() */
}

static ngx_uint_t waiting; /* at this worker */

static void waited(void *data)
{
	(void)data;
	waiting--;
}

/* As nginx's own limits delay a request; he may hang up meanwhile. */
static ngx_int_t later(ngx_http_request_t *r, ngx_msec_t ms)
{
	ngx_pool_cleanup_t *end = ngx_pool_cleanup_add(r->pool, 0);
	if (!end || ngx_handle_read_event(r->connection->read, 0) != NGX_OK)
		return NGX_HTTP_INTERNAL_SERVER_ERROR;
	end->handler = waited;
	waiting++;
	ngx_http_set_ctx(r, r, toride_crowd_module); /* he has waited, when this is asked next */
	r->read_event_handler = ngx_http_test_reading;
	r->write_event_handler = go_on;
	r->connection->write->delayed = 1;
	ngx_add_timer(r->connection->write, ms);
	return NGX_AGAIN;
}

/* n: by how many requests of this window he is a stranger. Where too many wait, who asked little has his page at once, and who asked much is hung up on. */
static ngx_int_t stranger(ngx_http_request_t *r, uint32_t n, uint32_t wait_ms)
{
	if (n > STRANGER_MOST || (n > CROWD_MANY && waiting >= WAITING_MOST))
		return NGX_HTTP_CLOSE;
	return wait_ms == 0 || waiting >= WAITING_MOST ? CROWD_STATUS : later(r, wait_ms);
}

static ngx_int_t decide(ngx_http_request_t *r)
{
	const struct server_conf *c = ngx_http_get_module_srv_conf(r, toride_crowd_module);
	ngx_slab_pool_t *pool;
	struct shared *s = c->name.len ? shared_of(r, &pool) : NULL;
	uint64_t now = now_ms();
	uint32_t n, wait_ms;
	if (ngx_http_get_module_ctx(r, toride_crowd_module))
		return CROWD_STATUS;
	if (!s || is_canary(r))
		return NGX_DECLINED;
	ngx_shmtx_lock(&pool->mutex);
	struct crowd *crowd = site_of(s, c->hash);
	n = count(s, c, visitor(r), 'a', now);
	bool late = (int64_t)(now - ngx_current_msec) >= CROWD_LATE_MS, crowded = crowd && crowd_ask(crowd, now, n, late), shed = crowded && crowd_shed(crowd, late);
	uint32_t may = crowded ? crowd_may(crowd, (uint32_t)c->per_second * (CROWD_WINDOW_MS / 1000) / 2) : 0;
	ngx_shmtx_unlock(&pool->mutex);
	if (!crowded)
		return NGX_DECLINED;
	if (n <= may && is_known(r, s, c))
		return shed ? CROWD_STATUS : NGX_DECLINED;
	ngx_shmtx_lock(&pool->mutex);
	n = count(s, c, visitor(r), 's', now);
	wait_ms = crowd_hold(crowd, n);
	ngx_shmtx_unlock(&pool->mutex);
	return stranger(r, n, wait_ms);
}

static ngx_int_t ask(ngx_http_request_t *r)
{
	ngx_int_t answer = decide(r);
	if (answer == NGX_DECLINED && ((struct server_conf *)ngx_http_get_module_srv_conf(r, toride_crowd_module))->name.len)
		cut_all(r);
	return answer;
}

/* ---- what is told ---- */

static ngx_int_t get_cookie(ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t data)
{
	static const char head[] = CROWD_COOKIE "=", tail[] = "; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax", secure[] = "; Secure";
	const struct server_conf *c = ngx_http_get_module_srv_conf(r, toride_crowd_module);
	ngx_slab_pool_t *pool;
	const struct shared *s = c->name.len ? shared_of(r, &pool) : NULL;
	char text[256], token[CROWD_TOKEN];
	(void)data;
	v->not_found = 1;
	if (!s)
		return NGX_OK;
	u_char *p = ngx_pnalloc(r->pool, sizeof head + sizeof token + sizeof tail + sizeof secure);
	if (!p)
		return NGX_ERROR;
	crowd_token(s->secret, whose(r, c, text), (uint64_t)ngx_time(), token);
	v->data = p;
	p = ngx_cpymem(p, head, sizeof head - 1);
	p = ngx_cpymem(p, token, sizeof token - 1);
	p = ngx_cpymem(p, tail, sizeof tail - 1);
	if (r->connection->ssl)
		p = ngx_cpymem(p, secure, sizeof secure - 1);
	v->len = (unsigned)(p - v->data);
	v->not_found = 0;
	v->valid = 1;
	return NGX_OK;
}

/* Not what a form sent: that is for the person to send again. The method that is asked for now is the error page's. */
static ngx_int_t get_refresh(ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t data)
{
	bool get = r->request_line.len > 4 && ngx_memcmp(r->request_line.data, "GET ", 4) == 0;
	(void)data;
	*v = (ngx_http_variable_value_t){ .len = get, .valid = 1, .data = (u_char *)"1" };
	return NGX_OK;
}

static ngx_int_t get_told(ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t data)
{
	const struct server_conf *c = ngx_http_get_module_srv_conf(r, toride_crowd_module);
	ngx_slab_pool_t *pool;
	struct shared *s = c->name.len ? shared_of(r, &pool) : NULL;
	bool first = !s || (uint32_t)s->slots[slot_of(s, c, visitor(r), 's')] <= 1;
	(void)data;
	*v = (ngx_http_variable_value_t){ .len = first, .valid = 1, .data = (u_char *)"1" };
	return NGX_OK;
}

/* ---- nginx's side ---- */

static ngx_int_t start(ngx_shm_zone_t *zone, void *before)
{
	ngx_slab_pool_t *pool = (ngx_slab_pool_t *)zone->shm.addr;
	struct shared *s = before ? before : zone->shm.exists ? pool->data : ngx_slab_calloc(pool, sizeof *s);
	if (!s)
		return NGX_ERROR;
	zone->data = s;
	if (before || zone->shm.exists)
		return NGX_OK;
	pool->data = s;
	return getrandom(s->secret, sizeof s->secret, 0) == sizeof s->secret ? NGX_OK : NGX_ERROR;
}

static void *create_main(ngx_conf_t *cf)
{
	return ngx_pcalloc(cf->pool, sizeof(struct main_conf));
}

static void *create_server(ngx_conf_t *cf)
{
	return ngx_pcalloc(cf->pool, sizeof(struct server_conf));
}

static char *set_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
	struct main_conf *m = conf;
	ngx_str_t *words = cf->args->elts, name = ngx_string("toride_crowd_2"); /* another number for another form of it */
	ssize_t size = ngx_parse_size(&words[1]);
	(void)cmd;
	if (size < (ssize_t)sizeof(struct shared) + (ssize_t)(16 * ngx_pagesize))
		return "is too small";
	m->zone = ngx_shared_memory_add(cf, &name, (size_t)size, &toride_crowd_module);
	if (!m->zone)
		return NGX_CONF_ERROR;
	m->zone->init = start;
	return NGX_CONF_OK;
}

static char *set_site(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
	struct server_conf *c = conf;
	ngx_str_t *words = cf->args->elts;
	(void)cmd;
	c->name = words[1];
	c->hash = hash_of(0xcbf29ce484222325, c->name.data, c->name.len) | 1;
	c->per_second = ngx_atoi(words[2].data, words[2].len);
	return c->per_second > 0 ? NGX_CONF_OK : "isn't a number";
}

static ngx_int_t add_variables(ngx_conf_t *cf)
{
	static const struct {
		ngx_str_t name;
		ngx_http_get_variable_pt get;
	} all[] = { { ngx_string("crowd_cookie"), get_cookie }, { ngx_string("crowd_refresh"), get_refresh }, { ngx_string("crowd_told"), get_told } };
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		ngx_str_t name = all[i].name;
		ngx_http_variable_t *v = ngx_http_add_variable(cf, &name, NGX_HTTP_VAR_NOCACHEABLE);
		if (!v)
			return NGX_ERROR;
		v->get_handler = all[i].get;
	}
	return NGX_OK;
}

static ngx_int_t hook(ngx_conf_t *cf)
{
	ngx_http_core_main_conf_t *core = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);
	ngx_http_handler_pt *h = ngx_array_push(&core->phases[NGX_HTTP_POST_READ_PHASE].handlers);
	if (!h)
		return NGX_ERROR;
	*h = ask;
	return NGX_OK;
}

static ngx_command_t commands[] = {
	{ ngx_string("crowd_zone"), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE1, set_zone, NGX_HTTP_MAIN_CONF_OFFSET, 0, NULL },
	{ ngx_string("crowd"), NGX_HTTP_SRV_CONF | NGX_CONF_TAKE2, set_site, NGX_HTTP_SRV_CONF_OFFSET, 0, NULL },
	ngx_null_command
};

static ngx_http_module_t module_context = { .preconfiguration = add_variables, .postconfiguration = hook, .create_main_conf = create_main,
	.create_srv_conf = create_server };

ngx_module_t toride_crowd_module = { NGX_MODULE_V1, &module_context, commands, NGX_HTTP_MODULE, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NGX_MODULE_V1_PADDING };
