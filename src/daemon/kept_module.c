/* toride_kept.so: what the public sites' cache owes RFC 9111 and nginx 1.22 can't be told by configuration. Between nginx, which keeps
 * the pages, and edge/fresh.h, which knows the texts. nginx loads it as any other module and refuses one made for another nginx.
 *
 *   kept_changes SIZE;   http: the table of changes, shared by the workers, kept through a reload
 *   kept_url URL;        location: the URL asked for, as pages are kept by it; $kept_generation belongs into the page's key
 *   $kept_content        1: the request brought content, which the page's key doesn't hold
 *   kept on;             location: Age, hop-by-hop fields, preconditions
 *   kept;                upstream: 304s renew what is kept, ages and dates count
 *
 * A change (section 4.4: an unsafe method that succeeded) gives the page's URL another generation, so that what was kept of it isn't
 * found again: all its variants at once, and also what was fetched before the change and comes after it. Generations stand in a
 * table of fixed size by a hash that nobody outside can reckon; two URLs in one place are forgotten together, which costs a
 * question to the origin and nothing else. A server that starts anew knows none of the changes before, and so begins anew.
 *
 * A page is never kept by what stands here, and what goes wrong here leaves nginx's own ways. */
#include "base/err.h"
#include "edge/fresh.h"

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include <ngx_md5.h>
#include <sys/random.h>

#include "daemon/crowd_module.h"

#define SLOTS 65536
#define COPIED_AT_MOST (4 * 1024 * 1024) /* of a longer body the stored head stays as it was: a worker serves others too */
#define FIELDS_AT_MOST 64
#define HEAD_AT_MOST 16384
#define URL_AT_MOST 8192

struct changes {
	u_char secret[16];
	uint64_t epoch;
	ngx_atomic_t slots[SLOTS];
};

struct main_conf {
	ngx_shm_zone_t *zone;
};

struct upstream_conf {
	ngx_http_upstream_init_pt init;
	ngx_http_upstream_init_peer_pt init_peer;
};

struct location_conf {
	ngx_flag_t on;
	ngx_http_complex_value_t *url;
};

struct context {
	ngx_int_t (*process_header)(ngx_http_request_t *r);
	ngx_int_t (*reinit)(ngx_http_request_t *r);
};

extern ngx_module_t toride_kept_module;
static ngx_http_output_header_filter_pt next_header_filter;

static struct str text(const ngx_str_t *s)
{
	return (struct str){ (const char *)s->data, s->len };
}

/* The next field of a list; *part begins at &list->part and *i at 0. */
static ngx_table_elt_t *next_field(ngx_list_part_t **part, ngx_uint_t *i)
{
	while (*part && *i >= (*part)->nelts) {
		*part = (*part)->next;
		*i = 0;
	}
	return *part ? (ngx_table_elt_t *)(*part)->elts + (*i)++ : NULL;
}

/* The first field of a name that the origin sent, how many there are into *ret_n. */
static ngx_table_elt_t *origin_field(ngx_http_request_t *r, struct str name, unsigned *ret_n)
{
	ngx_list_part_t *part = &r->upstream->headers_in.headers.part;
	ngx_table_elt_t *first = NULL, *h;
	ngx_uint_t i = 0;
	unsigned n = 0;
	while ((h = next_field(&part, &i)))
		if (h->hash && h->value.data && str_case_eq(text(&h->key), name) && !n++)
			first = h;
	if (ret_n)
		*ret_n = n;
	return first;
}

/* ---- changes ---- */

static struct changes *changes_of(ngx_http_request_t *r)
{
	struct main_conf *m = ngx_http_get_module_main_conf(r, toride_kept_module);
	return m->zone ? m->zone->data : NULL;
}

static ngx_atomic_t *slot_of(struct changes *c, struct str url)
{
	u_char sum[16];
	ngx_md5_t md5;
	ngx_md5_init(&md5);
	ngx_md5_update(&md5, c->secret, sizeof c->secret);
	ngx_md5_update(&md5, url.ptr, url.len);
	ngx_md5_final(sum, &md5);
	return &c->slots[(sum[0] << 8 | sum[1]) % SLOTS];
}

static ngx_int_t get_generation(ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t data)
{
	struct location_conf *l = ngx_http_get_module_loc_conf(r, toride_kept_module);
	struct changes *c = changes_of(r);
	ngx_str_t url;
	(void)data;
	if (!c || !l->url) {
		v->not_found = 1;
		return NGX_OK;
	}
	if (ngx_http_complex_value(r, l->url, &url) != NGX_OK)
		return NGX_ERROR;
	v->data = ngx_pnalloc(r->pool, 2 * NGX_INT64_LEN + 2);
	if (!v->data)
		return NGX_ERROR;
	v->len = (unsigned)(ngx_sprintf(v->data, "%xL.%xA", (int64_t)c->epoch, *slot_of(c, text(&url))) - v->data);
	v->valid = 1; /* and stays so for this request, whatever changes meanwhile */
	return NGX_OK;
}

/* Once the content was read: over HTTP/2 no field need say that there is any. */
static ngx_int_t get_content(ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t data)
{
	const ngx_http_request_body_t *b = r->request_body;
	bool some = r->headers_in.content_length_n > 0 || r->headers_in.chunked || (b && (b->bufs || b->temp_file));
	(void)data;
	*v = (ngx_http_variable_value_t){ .len = 1, .valid = 1, .data = (u_char *)(some ? "1" : "0") };
	return NGX_OK;
}

static void forget(struct changes *c, struct str url)
{
	(void)ngx_atomic_fetch_add(slot_of(c, url), 1);
}

static void forget_target(ngx_http_request_t *r, struct changes *c, struct str asked, struct str field)
{
	char url[URL_AT_MOST];
	ngx_table_elt_t *h = origin_field(r, field, NULL);
	int n = h ? fresh_target(asked, text(&h->value), url, sizeof url) : 0;
	if (n > 0)
		forget(c, (struct str){ url, (size_t)n });
}

/* RFC 9110 section 9.2.1; what nginx has no number for isn't known to be safe. */
static bool is_safe(ngx_http_request_t *r)
{
	return r->method & (NGX_HTTP_GET | NGX_HTTP_HEAD | NGX_HTTP_OPTIONS | NGX_HTTP_TRACE | NGX_HTTP_PROPFIND);
}

static void note_change(ngx_http_request_t *r, const struct location_conf *l)
{
	struct changes *c = changes_of(r);
	ngx_uint_t status = r->headers_out.status;
	ngx_str_t url;
	if (!c || !l->url || is_safe(r) || status < 200 || status >= 400 || ngx_http_complex_value(r, l->url, &url) != NGX_OK)
		return;
	forget(c, text(&url));
	forget_target(r, c, text(&url), STR("Location"));
	forget_target(r, c, text(&url), STR("Content-Location"));
}

static ngx_int_t start_changes(ngx_shm_zone_t *zone, void *before)
{
	ngx_slab_pool_t *pool = (ngx_slab_pool_t *)zone->shm.addr;
	struct changes *c = before ? before : zone->shm.exists ? pool->data : ngx_slab_alloc(pool, sizeof *c);
	if (!c)
		return NGX_ERROR;
	zone->data = c;
	if (before || zone->shm.exists)
		return NGX_OK;
	ngx_memzero(c, sizeof *c);
	pool->data = c;
	if (getrandom(c->secret, sizeof c->secret, 0) != sizeof c->secret || getrandom(&c->epoch, sizeof c->epoch, 0) != sizeof c->epoch)
		return NGX_ERROR;
	return NGX_OK;
}

/* ---- how long an answer is fresh ---- */

/* Ages count from the origin's answer on (section 4.2.3). False: not one number. */
static bool age_of(ngx_http_request_t *r, int64_t *ret_s)
{
	unsigned n;
	ngx_table_elt_t *h = origin_field(r, STR("Age"), &n);
	*ret_s = 0;
	return !h || (n == 1 && fresh_age(text(&h->value), ret_s));
}

static bool says_max_age(ngx_http_request_t *r)
{
	ngx_list_part_t *part = &r->upstream->headers_in.headers.part;
	ngx_table_elt_t *h;
	ngx_uint_t i = 0;
	while ((h = next_field(&part, &i)))
		if (str_case_eq(text(&h->key), STR("X-Accel-Expires")) ||
		    (str_case_eq(text(&h->key), STR("Cache-Control")) && (ngx_strlcasestrn(h->value.data, h->value.data + h->value.len, (u_char *)"max-age", 6) ||
		                                                          ngx_strlcasestrn(h->value.data, h->value.data + h->value.len, (u_char *)"s-maxage", 7))))
			return true;
	return false;
}

static time_t date_of(ngx_http_request_t *r, struct str name)
{
	ngx_table_elt_t *h = origin_field(r, name, NULL);
	return h ? ngx_parse_http_time(h->value.data, h->value.len) : NGX_ERROR;
}

/* What nginx found is right but for the age, and for Expires, which counts from the origin's Date (section 4.2.1). 0: it didn't find any. */
static time_t fresh_until(ngx_http_request_t *r, int64_t age)
{
	time_t until = r->cache->valid_sec, expires, date;
	if (!until)
		return 0;
	if (!says_max_age(r) && (expires = date_of(r, STR("Expires"))) != NGX_ERROR && (date = date_of(r, STR("Date"))) != NGX_ERROR)
		until = ngx_time() + expires - date;
	return until - (time_t)age;
}

static void count_age(ngx_http_request_t *r)
{
	ngx_http_cache_t *c = r->cache;
	int64_t age;
	bool known = age_of(r, &age);
	time_t until = fresh_until(r, age);
	bool old = !known || (until ? until <= ngx_time() : age > 0);
	if (old)
		r->upstream->cacheable = 0;
	/* Of a 304, and of the stored answer it renews, this is what decides; 0 would mean the site's own time. */
	c->valid_sec = !r->upstream->cacheable && (r->cached || until) ? ngx_time() - 1 : until;
}

/* ---- a 304 renews what is kept ---- */

/* False: too many. */
static bool news_of(ngx_http_request_t *r, struct fresh_field news[FIELDS_AT_MOST], size_t *ret_n)
{
	ngx_list_part_t *part = &r->upstream->headers_in.headers.part;
	ngx_table_elt_t *h;
	ngx_uint_t i = 0;
	size_t n = 0;
	while ((h = next_field(&part, &i))) {
		if (!h->hash || !h->value.data)
			continue;
		if (n == FIELDS_AT_MOST)
			return false;
		news[n++] = (struct fresh_field){ text(&h->key), text(&h->value) };
	}
	*ret_n = n;
	return true;
}

static bool copy_body(ngx_http_cache_t *c, ngx_file_t *to, off_t at)
{
	u_char part[32768];
	for (off_t from = (off_t)c->body_start; from < c->length;) {
		ssize_t n = pread(c->file.fd, part, sizeof part, from);
		if (n <= 0 || pwrite(to->fd, part, (size_t)n, at) != n)
			return false;
		from += n;
		at += n;
	}
	return true;
}

/* As ngx_http_file_cache_update() does it with a new answer; what was purged meanwhile stays away. */
static bool take_place(ngx_http_cache_t *c, const ngx_file_t *file, const ngx_buf_t *head)
{
	ngx_file_info_t now, new;
	ngx_http_file_cache_t *cache = c->file_cache;
	if (ngx_file_info(c->file.name.data, &now) == NGX_FILE_ERROR || ngx_file_uniq(&now) != c->uniq || ngx_fd_info(file->fd, &new) == NGX_FILE_ERROR ||
	    ngx_rename_file(file->name.data, c->file.name.data) == NGX_FILE_ERROR)
		return false;
	c->uniq = ngx_file_uniq(&new);
	c->length = ngx_file_size(&new);
	c->body_start = (size_t)(head->last - head->pos);
	c->fs_size = (ngx_file_fs_size(&new) + (off_t)cache->bsize - 1) / (off_t)cache->bsize;
	c->file.fd = file->fd;
	ngx_shmtx_lock(&cache->shpool->mutex);
	cache->sh->size += c->fs_size - c->node->fs_size;
	c->node->fs_size = c->fs_size;
	c->node->uniq = c->uniq;
	c->node->body_start = c->body_start;
	ngx_shmtx_unlock(&cache->shpool->mutex);
	return true;
}

static bool write_renewed(ngx_http_request_t *r, const ngx_buf_t *head)
{
	ngx_http_cache_t *c = r->cache;
	ngx_file_t file = { .name = c->file.name, .log = r->connection->log };
	size_t n = (size_t)(head->last - head->pos);
	if (c->length - (off_t)c->body_start > COPIED_AT_MOST || ngx_create_temp_file(&file, c->file_cache->path, r->pool, 1, 1, 0) != NGX_OK)
		return false;
	return pwrite(file.fd, head->pos, n, 0) == (ssize_t)n && copy_body(c, &file, (off_t)n) && take_place(c, &file, head);
}

/* nginx reads the stored head again in a moment (ngx_http_upstream_cache_send): it is to find the renewed one. */
static void renew(ngx_http_request_t *r)
{
	ngx_http_cache_t *c = r->cache;
	struct fresh_field news[FIELDS_AT_MOST];
	char merged[HEAD_AT_MOST];
	size_t n_news;
	ngx_buf_t *b;
	if (!news_of(r, news, &n_news) || !c->buf || !c->node || c->header_start > c->body_start || (size_t)(c->buf->last - c->buf->pos) < c->body_start)
		return;
	struct str head = { (const char *)c->buf->pos + c->header_start, c->body_start - c->header_start };
	int n = fresh_merge(head, news, n_news, merged, sizeof merged);
	size_t whole = c->header_start + (size_t)(n > 0 ? n : 0);
	if (n <= 0 || whole > r->upstream->conf->buffer_size || whole > 65535 || !(b = ngx_create_temp_buf(r->pool, whole)))
		return;
	b->last = ngx_cpymem(b->pos, c->buf->pos, c->header_start);
	b->last = ngx_cpymem(b->last, merged, (size_t)n);
	((ngx_http_file_cache_header_t *)(void *)b->pos)->body_start = (u_short)whole;
	if (write_renewed(r, b))
		c->buf = b;
}

static ngx_int_t process_header(ngx_http_request_t *r)
{
	struct context *ctx = ngx_http_get_module_ctx(r, toride_kept_module);
	ngx_http_upstream_t *u = r->upstream;
	ngx_int_t rc = ctx ? ctx->process_header(r) : NGX_ERROR;
	if (!ctx)
		return rc;
	if (u->process_header != process_header) { /* the proxy goes from the status line to the fields */
		ctx->process_header = u->process_header;
		u->process_header = process_header;
	}
	if (rc != NGX_OK || !r->cache || u->cache_status == NGX_HTTP_CACHE_STALE)
		return rc;
	count_age(r);
	if (!r->cached && u->headers_in.status_n == NGX_HTTP_NOT_MODIFIED && u->cache_status == NGX_HTTP_CACHE_EXPIRED && u->conf->cache_revalidate)
		renew(r);
	return rc;
}

/* Another origin is asked, or the stored answer is read. */
static ngx_int_t reinit(ngx_http_request_t *r)
{
	struct context *ctx = ngx_http_get_module_ctx(r, toride_kept_module);
	ngx_int_t rc = ctx ? ctx->reinit(r) : NGX_ERROR;
	if (rc == NGX_OK) {
		ctx->process_header = r->upstream->process_header;
		r->upstream->process_header = process_header;
	}
	return rc;
}

static ngx_int_t init_peer(ngx_http_request_t *r, ngx_http_upstream_srv_conf_t *us)
{
	struct upstream_conf *conf = ngx_http_conf_upstream_srv_conf(us, toride_kept_module);
	ngx_http_upstream_t *u = r->upstream;
	struct context *ctx;
	if (conf->init_peer(r, us) != NGX_OK)
		return NGX_ERROR;
	if (!r->cache || u->process_header == process_header)
		return NGX_OK;
	ctx = ngx_palloc(r->pool, sizeof *ctx);
	if (!ctx)
		return NGX_ERROR;
	*ctx = (struct context){ u->process_header, u->reinit_request };
	u->process_header = process_header;
	u->reinit_request = reinit;
	ngx_http_set_ctx(r, ctx, toride_kept_module);
	return NGX_OK;
}

static ngx_int_t init_upstream(ngx_conf_t *cf, ngx_http_upstream_srv_conf_t *us)
{
	struct upstream_conf *conf = ngx_http_conf_upstream_srv_conf(us, toride_kept_module);
	if (conf->init(cf, us) != NGX_OK)
		return NGX_ERROR;
	conf->init_peer = us->peer.init;
	us->peer.init = init_peer;
	return NGX_OK;
}

/* ---- what a visitor is told ---- */

/* Fields of the connection to the origin (RFC 9110 section 7.6.1). */
static void drop_listed(ngx_http_request_t *r)
{
	ngx_list_part_t *from = &r->upstream->headers_in.headers.part;
	ngx_table_elt_t *connection, *h;
	ngx_uint_t i = 0, k;
	while ((connection = next_field(&from, &i))) {
		if (!str_case_eq(text(&connection->key), STR("Connection")))
			continue;
		ngx_list_part_t *to = &r->headers_out.headers.part;
		for (k = 0; (h = next_field(&to, &k));)
			if (fresh_listed(text(&connection->value), text(&h->key)))
				h->hash = 0;
	}
}

static ngx_int_t tell_age(ngx_http_request_t *r)
{
	ngx_list_part_t *part = &r->headers_out.headers.part;
	ngx_table_elt_t *h;
	ngx_uint_t i = 0;
	int64_t age;
	age_of(r, &age);
	if (r->upstream->cache_status != NGX_HTTP_CACHE_REVALIDATED) /* which is as old as the 304, and nginx notes so later */
		age += ngx_time() > r->cache->date ? ngx_time() - r->cache->date : 0;
	while ((h = next_field(&part, &i)))
		if (str_case_eq(text(&h->key), STR("Age")))
			h->hash = 0;
	if (!(h = ngx_list_push(&r->headers_out.headers)))
		return NGX_ERROR;
	ngx_memzero(h, sizeof *h);
	h->value.data = ngx_pnalloc(r->pool, NGX_INT64_LEN);
	if (!h->value.data)
		return NGX_ERROR;
	ngx_str_set(&h->key, "Age");
	h->hash = 1;
	h->value.len = (size_t)(ngx_sprintf(h->value.data, "%L", age) - h->value.data);
	return NGX_OK;
}

static ngx_int_t header_filter(ngx_http_request_t *r)
{
	struct location_conf *l = ngx_http_get_module_loc_conf(r, toride_kept_module);
	if (!l->on || !r->upstream || r != r->main)
		return next_header_filter(r);
	drop_listed(r);
	note_change(r, l);
	if (r->cached && r->cache && tell_age(r) != NGX_OK)
		return NGX_ERROR;
	return next_header_filter(r);
}

/* If-None-Match decides where both are there (RFC 9110 section 13.2.2); nginx wants both. */
static ngx_int_t preconditions(ngx_http_request_t *r)
{
	struct location_conf *l = ngx_http_get_module_loc_conf(r, toride_kept_module);
	if (l->on && r->headers_in.if_none_match)
		r->headers_in.if_modified_since = NULL;
	return NGX_DECLINED;
}

/* ---- nginx's side ---- */

static void *create_main(ngx_conf_t *cf)
{
	return ngx_pcalloc(cf->pool, sizeof(struct main_conf));
}

static void *create_upstream(ngx_conf_t *cf)
{
	return ngx_pcalloc(cf->pool, sizeof(struct upstream_conf));
}

static void *create_location(ngx_conf_t *cf)
{
	struct location_conf *l = ngx_pcalloc(cf->pool, sizeof *l);
	if (l)
		l->on = NGX_CONF_UNSET;
	return l;
}

static char *merge_location(ngx_conf_t *cf, void *parent, void *child)
{
	struct location_conf *p = parent, *c = child;
	(void)cf;
	ngx_conf_merge_value(c->on, p->on, 0);
	if (!c->url)
		c->url = p->url;
	return NGX_CONF_OK;
}

static char *set_changes(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
	struct main_conf *m = conf;
	ngx_str_t *words = cf->args->elts, name = ngx_string("toride_kept_1"); /* another number for another form of the table: a reload takes it over */
	ssize_t size = ngx_parse_size(&words[1]);
	(void)cmd;
	if (size < (ssize_t)sizeof(struct changes) + (ssize_t)(16 * ngx_pagesize))
		return "is too small";
	m->zone = ngx_shared_memory_add(cf, &name, (size_t)size, &toride_kept_module);
	if (!m->zone)
		return NGX_CONF_ERROR;
	m->zone->init = start_changes;
	return NGX_CONF_OK;
}

static char *set_upstream(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
	struct upstream_conf *u = conf;
	ngx_http_upstream_srv_conf_t *us = ngx_http_conf_get_module_srv_conf(cf, ngx_http_upstream_module);
	(void)cmd;
	if (u->init)
		return "is duplicate";
	u->init = us->peer.init_upstream ? us->peer.init_upstream : ngx_http_upstream_init_round_robin;
	us->peer.init_upstream = init_upstream;
	return NGX_CONF_OK;
}

static ngx_int_t add_variables(ngx_conf_t *cf)
{
	ngx_str_t generation = ngx_string("kept_generation"), content = ngx_string("kept_content");
	ngx_http_variable_t *g = ngx_http_add_variable(cf, &generation, 0), *c = ngx_http_add_variable(cf, &content, NGX_HTTP_VAR_NOCACHEABLE);
	if (!g || !c)
		return NGX_ERROR;
	g->get_handler = get_generation;
	c->get_handler = get_content;
	return NGX_OK;
}

static ngx_int_t hook(ngx_conf_t *cf)
{
	ngx_http_core_main_conf_t *core = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);
	ngx_http_handler_pt *h = ngx_array_push(&core->phases[NGX_HTTP_REWRITE_PHASE].handlers);
	if (!h)
		return NGX_ERROR;
	*h = preconditions;
	next_header_filter = ngx_http_top_header_filter;
	ngx_http_top_header_filter = header_filter;
	return NGX_OK;
}

static ngx_command_t commands[] = {
	{ ngx_string("kept_changes"), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE1, set_changes, NGX_HTTP_MAIN_CONF_OFFSET, 0, NULL },
	{ ngx_string("kept_url"), NGX_HTTP_LOC_CONF | NGX_CONF_TAKE1, ngx_http_set_complex_value_slot, NGX_HTTP_LOC_CONF_OFFSET,
	  offsetof(struct location_conf, url), NULL },
	{ ngx_string("kept"), NGX_HTTP_UPS_CONF | NGX_CONF_NOARGS, set_upstream, NGX_HTTP_SRV_CONF_OFFSET, 0, NULL },
	{ ngx_string("kept"), NGX_HTTP_LOC_CONF | NGX_CONF_FLAG, ngx_conf_set_flag_slot, NGX_HTTP_LOC_CONF_OFFSET, offsetof(struct location_conf, on), NULL },
	ngx_null_command
};

static ngx_http_module_t module_context = { .preconfiguration = add_variables, .postconfiguration = hook, .create_main_conf = create_main,
	.create_srv_conf = create_upstream, .create_loc_conf = create_location, .merge_loc_conf = merge_location };

ngx_module_t toride_kept_module = { NGX_MODULE_V1, &module_context, commands, NGX_HTTP_MODULE, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NGX_MODULE_V1_PADDING };

/* Found by name. Before the filter that adds the site's own fields: what is dropped are the origin's. */
ngx_module_t *ngx_modules[] = { &toride_kept_module, &toride_crowd_module, NULL };
char *ngx_module_names[] = { "toride_kept_module", "toride_crowd_module", NULL };
char *ngx_module_order[] = { "toride_kept_module", "ngx_http_headers_filter_module", NULL };
