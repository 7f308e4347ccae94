/* Faults and their paths; see faults.h. */
#include "model/faults.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>

static bool room(struct faults *f)
{
	if (f->n < f->cap)
		return true;
	size_t cap = f->cap ? f->cap * 2 : 16;
	struct fault *list = mem_grow(f->list, cap * sizeof *list);
	if (!list)
		return false;
	f->list = list;
	f->cap = cap;
	return true;
}

/* A text cut in the middle of a character would make the fault's JSON unreadable. */
static void cut_utf8(char *s, size_t size)
{
	size_t n = strlen(s);
	if (n + 1 < size)
		return;
	while (n && !str_is_utf8((struct str){ s, n }))
		s[--n] = 0;
}

void fault_add(struct faults *f, const char *path, const char *en, const char *ja, ...)
{
	va_list ap;
	if (f->n >= FAULTS_MAX)
		return;
	if (!room(f)) {
		f->lost = true;
		return;
	}
	struct fault *t = &f->list[f->n++];
	if (f->n == FAULTS_MAX) {
		en = "more faults than these 1,000 are there";
		ja = "誤りが 1,000 件を超えたため、残りは表示しません";
		path = "";
	}
	snprintf(t->path, sizeof t->path, "%s", path);
	va_start(ap, ja);
	vsnprintf(t->msg, sizeof t->msg, en, ap);
	va_end(ap);
	va_start(ap, ja);
	vsnprintf(t->msg_ja, sizeof t->msg_ja, ja, ap);
	va_end(ap);
	cut_utf8(t->path, sizeof t->path);
	cut_utf8(t->msg, sizeof t->msg);
	cut_utf8(t->msg_ja, sizeof t->msg_ja);
}

void fault_add2(struct faults *f, const char *path, const struct text2 *why)
{
	fault_add(f, path, "%s%.0s", "%.0s%s", why->en, why->ja);
}

bool fault_under(const struct faults *f, const char *path)
{
	size_t n = strlen(path);
	for (size_t i = 0; i < f->n; i++) {
		const char *p = f->list[i].path;
		if (strncmp(p, path, n) == 0 && (p[n] == 0 || p[n] == '.' || p[n] == '[' || p[n] == '/'))
			return true;
	}
	return false;
}

bool fault_file(const struct faults *f, const char *name)
{
	size_t n = strlen(name);
	for (size_t i = 0; i < f->n; i++)
		if (strncmp(f->list[i].path, name, n) == 0 && (f->list[i].path[n] == 0 || f->list[i].path[n] == ':'))
			return true;
	return false;
}

void faults_done(struct faults *f)
{
	mem_free(f->list);
	*f = (struct faults){ 0 };
}

size_t path_push(struct path *p, const char *fmt, ...)
{
	size_t before = p->n;
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(p->s + p->n, sizeof p->s - p->n, fmt, ap);
	va_end(ap);
	p->n += n < 0 ? 0 : (size_t)n;
	if (p->n >= sizeof p->s)
		p->n = sizeof p->s - 1;
	return before;
}

void path_pop(struct path *p, size_t n)
{
	p->n = n;
	p->s[n] = 0;
}
