/* See engine.h. */
#include "index/engine.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

/* What of libchdb's interface is used. A connection and a result are handles whose inside is its own. */
typedef struct chdb_handle {
	void *inside;
} *chdb_connection;
typedef struct chdb_answer {
	void *inside;
} chdb_result;
struct library {
	chdb_connection *(*connect)(int argc, char **argv);
	void (*close)(chdb_connection *c);
	chdb_result *(*query)(chdb_connection c, const char *sql, size_t n, const char *format, size_t n_format);
	char *(*buffer)(chdb_result *r);
	size_t (*length)(chdb_result *r);
	const char *(*error)(chdb_result *r);
	void (*destroy)(chdb_result *r);
};

#define MARKS (1024u * MIB)      /* where in a column's file a granule begins: of what was read last */
#define INDEX_MARKS (256u * MIB) /* the same of the indexes */

struct engine {
	void *handle;
	struct library lib;
	char path[PATH_MAX + 16];
	char memory[64], marks[64], index_marks[64];
};
struct engine_conn {
	const struct library *lib;
	chdb_connection *conn;
	int rows_fd; /* what rows are handed over in, -1: not yet; kept, since its memory is dear to get */
};

static int load(struct engine *e, struct err *err)
{
	struct library *l = &e->lib;
	struct { void **to; const char *name; } symbols[] = {
		{ (void **)&l->connect, "chdb_connect" }, { (void **)&l->close, "chdb_close_conn" },
		{ (void **)&l->query, "chdb_query_n" }, { (void **)&l->buffer, "chdb_result_buffer" },
		{ (void **)&l->length, "chdb_result_length" }, { (void **)&l->error, "chdb_result_error" },
		{ (void **)&l->destroy, "chdb_destroy_query_result" },
	};
	for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++)
		if (!(*symbols[i].to = dlsym(e->handle, symbols[i].name)))
			return err_set(err, E_INVALID, "libchdb.so", "has no function %s: another version", symbols[i].name);
	return 0;
}

/* It would take nine tenths of the machine's memory before it says no; but this process has its own limit (daemon/table.c), at which an allocation fails, and with it more than
 * the query that wanted it. So it is told to stop at three quarters of that; the rest is stacks, and what it doesn't count. */
static void set_memory(struct engine *e)
{
	struct rlimit l;
	if (getrlimit(RLIMIT_DATA, &l) == 0 && l.rlim_cur != RLIM_INFINITY)
		snprintf(e->memory, sizeof e->memory, "--max_server_memory_usage=%llu", (unsigned long long)l.rlim_cur / 4 * 3);
	snprintf(e->marks, sizeof e->marks, "--mark_cache_size=%u", MARKS);
	snprintf(e->index_marks, sizeof e->index_marks, "--index_mark_cache_size=%u", INDEX_MARKS);
}

int engine_open(const char *library, const char *dir, struct engine **ret, struct err *err)
{
	struct engine *e = mem_alloc(sizeof *e);
	if (!e)
		return err_set(err, E_NOMEM, "", "no memory");
	*e = (struct engine){ .handle = dlopen(library, RTLD_NOW | RTLD_LOCAL) };
	snprintf(e->path, sizeof e->path, "--path=%s", dir);
	set_memory(e);
	int r = e->handle ? load(e, err) : err_set(err, E_IO, library, "%s", dlerror());
	if (r < 0)
		mem_free(e);
	else
		*ret = e;
	return r;
}

/* The library stays loaded: its threads outlive its connections. */
void engine_close(struct engine **e)
{
	mem_free(*e);
	*e = NULL;
}

int engine_connect(struct engine *e, struct engine_conn **ret, struct err *err)
{
	char name[] = "clickhouse";
	char *argv[] = { name, e->path, e->marks, e->index_marks, e->memory };
	int argc = (int)ARRAY_LEN(argv) - !*e->memory;
	struct engine_conn *c = mem_alloc(sizeof *c);
	if (!c)
		return err_set(err, E_NOMEM, "", "no memory");
	*c = (struct engine_conn){ &e->lib, e->lib.connect(argc, argv), -1 };
	if (c->conn && *c->conn) {
		*ret = c;
		return 0;
	}
	mem_free(c);
	return err_set(err, E_IO, e->path + sizeof "--path=" - 1, "the index's engine can't open its data");
}

void engine_disconnect(struct engine_conn **c)
{
	if (*c) {
		(*c)->lib->close((*c)->conn);
		if ((*c)->rows_fd >= 0)
			close((*c)->rows_fd);
		mem_free(*c);
	}
	*c = NULL;
}

int engine_query(struct engine_conn *c, struct str sql, struct buf *ret, struct err *err)
{
	static const char format[] = "TabSeparated";
	chdb_result *res = c->lib->query(*c->conn, sql.ptr, sql.len, format, sizeof format - 1);
	if (!res)
		return err_set(err, E_IO, "index", "the engine gave no answer");
	const char *words = c->lib->error(res);
	buf_reset(ret);
	if (words)
		buf_puts(ret, words);
	else
		buf_put(ret, c->lib->buffer(res), c->lib->length(res));
	int r = words ? err_set(err, E_INVALID, "index", "%s", words) : ret->failed ? err_set(err, E_LIMIT, "index", "the answer is too long") : 0;
	c->lib->destroy(res);
	return r;
}

/* "INSERT INTO t FORMAT F" becomes "INSERT INTO t SELECT * FROM file('…', F)". Read, not mapped, which this engine would do by itself: another process
 * can write to the file and cut it (rows.h), and what is parsed mustn't change, nor end in SIGBUS. */
static bool from_file(struct str sql, int fd, struct buf *b)
{
	static const char word[] = " FORMAT ";
	const char *at = memmem(sql.ptr, sql.len, word, sizeof word - 1);
	if (!at)
		return false;
	struct str format = str_trim((struct str){ at + sizeof word - 1, (size_t)(sql.ptr + sql.len - at) - (sizeof word - 1) });
	for (size_t i = 0; i < format.len; i++)
		if ((format.ptr[i] | 0x20) < 'a' || (format.ptr[i] | 0x20) > 'z')
			return false;
	buf_put(b, sql.ptr, (size_t)(at - sql.ptr));
	buf_printf(b, " SELECT * FROM file('/proc/self/fd/%d', " STR_FMT ") SETTINGS storage_file_read_method = 'pread'", fd, STR_ARG(format));
	return !b->failed;
}

/* No longer than the rows: what a large batch took goes back with the next small one. */
static int put_rows(struct engine_conn *c, struct str rows, struct err *err)
{
	if (c->rows_fd < 0)
		c->rows_fd = memfd_create("rows", MFD_CLOEXEC);
	if (c->rows_fd < 0 || lseek(c->rows_fd, 0, SEEK_SET) < 0 || ftruncate(c->rows_fd, (off_t)rows.len) < 0)
		return err_errno(err, "index", "no memory for the rows");
	return fs_write_all(c->rows_fd, rows.ptr, rows.len, err);
}

int engine_insert(struct engine_conn *c, struct str sql, struct str rows, struct buf *ret, struct err *err)
{
	int r = put_rows(c, rows, err);
	return r < 0 ? r : engine_insert_fd(c, sql, c->rows_fd, ret, err);
}

int engine_insert_fd(struct engine_conn *c, struct str sql, int fd, struct buf *ret, struct err *err)
{
	struct buf b;
	int r = 0;
	buf_init(&b, 64 * KIB);
	if (!from_file(sql, fd, &b))
		r = err_set(err, E_INVALID, "index", "not an INSERT … FORMAT NAME");
	if (r == 0)
		r = engine_query(c, buf_view(&b), ret, err);
	buf_done(&b);
	return r;
}

int engine_end(struct engine_conn *c, const char *id, struct err *err)
{
	struct buf b, words;
	buf_init(&b, KIB);
	buf_init(&words, MIB);
	buf_printf(&b, "KILL QUERY WHERE startsWith(query, '/* %s */') ASYNC", id);
	int r = engine_query(c, buf_view(&b), &words, err);
	buf_done(&words);
	buf_done(&b);
	return r;
}

/* ---- behind a socket ---- */

static int ops_open(void *user, void **ret, struct err *err)
{
	struct engine_conn *c = NULL;
	int r = engine_connect(user, &c, err);
	*ret = c;
	return r;
}

static void ops_close(void *conn)
{
	struct engine_conn *c = conn;
	engine_disconnect(&c);
}

/* The library has no names for questions: a comment in front of it is one. */
static int ops_ask(void *conn, const struct serve_ask *a, struct buf *ret, struct err *err)
{
	struct buf named;
	if (a->in_memory)
		return engine_insert_fd(conn, a->sql, a->rows_fd, ret, err);
	if (a->insert)
		return engine_insert(conn, a->sql, a->rows, ret, err);
	buf_init(&named, a->sql.len + KIB);
	buf_printf(&named, "/* %s */ ", a->id);
	buf_str(&named, a->sql);
	int r = named.failed ? err_set(err, E_NOMEM, "index", "no memory") : engine_query(conn, buf_view(&named), ret, err);
	buf_done(&named);
	return r;
}

static int ops_end(void *conn, const char *id, struct err *err)
{
	return engine_end(conn, id, err);
}

/* Once in some dozen times, the more on a busy machine, a question that is cancelled stands still for ever, without work and without an answer (26.5). */
const struct serve_ops engine_ops = { ops_open, NULL, ops_close, ops_ask, ops_end, 20000 };
