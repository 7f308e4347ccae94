/* See kept.h. */
#include "edge/kept.h"

#include "base/err.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_AT_MOST 1024 /* nginx's own head is a few hundred bytes */
#define HEAD_VERSION 5      /* NGX_HTTP_CACHE_VERSION */
#define LEVELS 2         /* levels=1:2 of proxy_cache_path */

static struct str after(struct str s, const char *p)
{
	return (struct str){ p, (size_t)(s.ptr + s.len - p) };
}

static struct str header_of(struct str head, struct str name)
{
	struct str line, key;
	while (str_next(&head, '\n', &line)) {
		if (line.len && line.ptr[line.len - 1] == '\r')
			line.len--;
		if (!line.len)
			break;
		if (memchr(line.ptr, ':', line.len) && str_next(&line, ':', &key) && str_case_eq(key, name))
			return str_trim(line);
	}
	return STR("");
}

/* The head's first two words in the machine's own order: its version, and the second up to which the page is fresh
 * (ngx_http_file_cache_header_t). */
static int64_t fresh_until(struct str bytes)
{
	uint64_t version;
	int64_t until;
	if (bytes.len < sizeof version + sizeof until)
		return 0;
	memcpy(&version, bytes.ptr, sizeof version);
	memcpy(&until, bytes.ptr + sizeof version, sizeof until);
	return version == HEAD_VERSION && until > 0 ? until : 0;
}

int kept_read(struct str bytes, struct kept *ret)
{
	size_t look = bytes.len < KEY_AT_MOST ? bytes.len : KEY_AT_MOST;
	const char *key = look ? memmem(bytes.ptr, look, "\nKEY: ", 6) : NULL;
	if (!key)
		return -E_INVALID;
	struct str rest = after(bytes, key + 6);
	const char *end = rest.len ? memchr(rest.ptr, '\n', rest.len) : NULL;
	if (!end || end == rest.ptr)
		return -E_INVALID;
	struct str kept_by = { rest.ptr, (size_t)(end - rest.ptr) }, head = after(bytes, end + 1), url;
	str_next(&kept_by, ' ', &url);
	if (!url.len || !str_starts(head, STR("HTTP/1.")) || !memmem(head.ptr, head.len, "\r\n\r\n", 4))
		return -E_INVALID;
	*ret = (struct kept){ url, header_of(head, STR("Surrogate-Key")), fresh_until(bytes) };
	return 0;
}

bool kept_matches(const struct kept *k, enum purge_kind kind, struct str value)
{
	struct str rest = k->keys, word;
	if (kind == PURGE_URL && value.len && value.ptr[value.len - 1] == '*')
		return str_starts(k->url, (struct str){ value.ptr, value.len - 1 });
	if (kind == PURGE_URL)
		return str_eq(k->url, value);
	while (kind == PURGE_KEY && str_next(&rest, ' ', &word))
		if (str_eq(word, value))
			return true;
	return kind == PURGE_ALL;
}

struct purge {
	enum purge_kind kind;
	struct str value;
	int64_t before_s; /* kind 0: what hasn't been fresh since */
	unsigned n;
	char *head; /* KEPT_HEAD bytes */
};

static bool look(struct purge *p, int dir, const char *name, struct kept *ret)
{
	_cleanup_fd_ int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : pread(fd, p->head, KEPT_HEAD, 0);
	return n > 0 && kept_read((struct str){ p->head, (size_t)n }, ret) == 0;
}

/* What was written since needn't be opened: it was fresh then. */
static bool outlived(struct purge *p, int dir, const char *name)
{
	struct stat st;
	struct kept k;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_mtime >= p->before_s || !look(p, dir, name, &k))
		return false;
	return (k.fresh_until_s ? k.fresh_until_s : st.st_mtime) < p->before_s;
}

static bool wanted(struct purge *p, int dir, const char *name)
{
	struct kept k;
	if (!p->kind)
		return outlived(p, dir, name);
	return p->kind == PURGE_ALL || (look(p, dir, name, &k) && kept_matches(&k, p->kind, p->value));
}

/* What nginx removes or renames meanwhile is gone as well. */
static int walk(struct purge *p, int at, const char *name, int depth, struct err *err)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	int r = 0;
	if (!d && fd >= 0)
		close(fd);
	if (!d)
		return errno == ENOENT ? 0 : err_errno(err, name, "cannot look into the cache");
	for (struct dirent *e; r == 0 && (e = readdir(d));) {
		if (e->d_name[0] == '.')
			continue;
		if (depth > 0)
			r = walk(p, fd, e->d_name, depth - 1, err);
		else if (wanted(p, fd, e->d_name) && unlinkat(fd, e->d_name, 0) == 0)
			p->n++;
	}
	closedir(d);
	return r;
}

static int run(struct purge *p, const char *store, unsigned *ret_n, struct err *err)
{
	p->head = mem_alloc(KEPT_HEAD);
	if (!p->head)
		return err_set(err, E_NOMEM, "", "no memory");
	int r = walk(p, AT_FDCWD, store, LEVELS, err);
	mem_free(p->head);
	*ret_n = p->n;
	return r;
}

int kept_purge(const char *store, enum purge_kind kind, struct str value, unsigned *ret_n, struct err *err)
{
	return run(&(struct purge){ .kind = kind, .value = value }, store, ret_n, err);
}

int kept_expire(const char *store, int64_t before_s, unsigned *ret_n, struct err *err)
{
	return run(&(struct purge){ .before_s = before_s }, store, ret_n, err);
}
