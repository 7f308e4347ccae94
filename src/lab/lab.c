/* Places and words of the lab, and the templates its servers are configured from. See lab.h. */
#include "lab/lab.h"

#include "base/fs.h"
#include "base/mem.h"

#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void lab_say(const struct lab *l, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	fputs("lab: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
}

const char *lab_netns(const struct lab *l, const char *host, char dst[64])
{
	snprintf(dst, 64, "%s-%s", l->prefix, host);
	return dst;
}

const char *lab_path(const struct lab *l, char dst[512], const char *fmt, ...)
{
	va_list ap;
	int n = snprintf(dst, 512, "%s/", l->dir);
	va_start(ap, fmt);
	vsnprintf(dst + n, 512 - (size_t)n, fmt, ap);
	va_end(ap);
	return dst;
}

int lab_open(struct lab *l, struct err *err)
{
	char exe[400];
	const char *prefix = getenv("TORIDE_LAB");
	*l = (struct lab){ 0 };
	ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 32);
	if (n < 0)
		return err_errno(err, "/proc/self/exe", "cannot read");
	exe[n] = 0;
	if (getuid() != 0)
		return err_set(err, E_DENIED, "lab", "the lab makes network namespaces: run this as root");
	snprintf(l->bin, sizeof l->bin, "%s", dirname(exe));
	snprintf(l->source, sizeof l->source, "%s", l->bin);
	dirname(l->source);
	const char *source = getenv("TORIDE_SOURCE");
	if (source && *source)
		snprintf(l->source, sizeof l->source, "%s", source);
	if (prefix && (strlen(prefix) > 8 || prefix[strspn(prefix, "abcdefghijklmnopqrstuvwxyz0123456789")]))
		return err_set(err, E_INVALID, "TORIDE_LAB", "up to 8 lower-case letters and digits");
	snprintf(l->prefix, sizeof l->prefix, "%s", prefix && *prefix ? prefix : "tl");
	if (strcmp(l->prefix, "tl") == 0)
		snprintf(l->dir, sizeof l->dir, "%.380s/lab", l->bin);
	else
		snprintf(l->dir, sizeof l->dir, "%.370s/lab-%s", l->bin, l->prefix);
	if (strlen(l->dir) > 58)
		return err_set(err, E_LIMIT, l->dir, "path too long (at most 58 bytes): sockets below it would pass 107 bytes");
	return 0;
}

void lab_close(struct lab *l)
{
	model_destroy(&l->model);
}

bool lab_has_page(const struct lab *l)
{
	return strcmp(l->prefix, "tl") == 0;
}

bool lab_is_up(const struct lab *l)
{
	char p[512];
	return fs_exists(lab_path(l, p, "up"));
}

static void replace_into(struct buf *out, struct str text, const char *const *pairs)
{
	while (text.len) {
		const char *at = memchr(text.ptr, '@', text.len);
		size_t n = at ? (size_t)(at - text.ptr) : text.len;
		buf_put(out, text.ptr, n);
		text = (struct str){ text.ptr + n, text.len - n };
		if (!at)
			return;
		size_t taken = 0;
		for (const char *const *p = pairs; *p && !taken; p += 2)
			if (str_starts(text, str_from(p[0]))) {
				buf_puts(out, p[1]);
				taken = strlen(p[0]);
			}
		if (!taken) {
			buf_putc(out, '@');
			taken = 1;
		}
		text = (struct str){ text.ptr + taken, text.len - taken };
	}
}

int lab_copy(const char *from, const char *to, const char *const *pairs, struct err *err)
{
	struct buf in, out;
	buf_init(&in, 16 * MIB);
	buf_init(&out, 16 * MIB);
	int r = fs_read(from, &in, err);
	if (r == 0) {
		replace_into(&out, buf_view(&in), pairs);
		r = out.failed ? err_set(err, E_NOMEM, to, "no memory") : fs_write(to, buf_view(&out), 0644, err);
	}
	buf_done(&in);
	buf_done(&out);
	return r;
}
