/* The parts of verification that don't care where the leaves come from: the report, the chain of checkpoints and the
 * comparison of leaves with signed roots. */
#include "segment/verify.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "segment/verify_parts.h"

#include <stdio.h>
#include <stdlib.h>

int verify_fault(struct verify *v, const struct segment_name *record, const char *file, const char *fmt, ...)
{
	struct verify_report *r = v->report;
	if (r->n >= VERIFY_FAULTS) {
		r->more_faults = true;
		return 0;
	}
	if (r->n == r->cap) {
		size_t cap = r->cap ? r->cap * 2 : 16;
		struct verify_fault *p = mem_grow(r->faults, cap * sizeof *p);
		if (!p) {
			r->more_faults = true; /* never a clean report for want of memory */
			return -E_NOMEM;
		}
		r->faults = p;
		r->cap = cap;
	}
	struct verify_fault *f = &r->faults[r->n++];
	*f = (struct verify_fault){ 0 };
	if (record)
		segment_name_format(record, f->record);
	snprintf(f->file, sizeof f->file, "%s", file);
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(f->why, sizeof f->why, fmt, ap);
	va_end(ap);
	return 0;
}

void verify_report_done(struct verify_report *r)
{
	mem_free(r->faults);
	*r = (struct verify_report){ 0 };
}

bool verify_is_export(const char *dir)
{
	char path[1024];
	snprintf(path, sizeof path, "%s/manifest.json", dir);
	return fs_exists(path);
}

int verify_open(struct verify *v, const struct verify_opts *o, struct verify_report *report, struct err *err)
{
	*v = (struct verify){ .o = o, .report = report };
	if (sha_open(&v->sha) < 0)
		return err_set(err, E_NOMEM, "", "no memory");
	int r = o->witness.len ? witnesses_parse(o->witness, &v->witnesses) : 0;
	return r < 0 ? err_set(err, (enum err_code)-r, "witness", "%s", r == -E_LIMIT ? "too many checkpoints" : "no memory") : 0;
}

void verify_close(struct verify *v)
{
	sha_close(&v->sha);
	mem_free(v->heads);
	witnesses_done(&v->witnesses);
}

/* ---- checkpoints ---- */

static int keep_head(struct verify *v, const struct checkpoint *c, const struct head *h)
{
	if (v->o->org && strcmp(v->o->org, h->org) != 0)
		return 0;
	if (v->n == v->cap) {
		size_t cap = v->cap ? v->cap * 2 : 1024;
		struct signed_head *p = mem_grow(v->heads, cap * sizeof *p);
		if (!p)
			return -E_NOMEM;
		v->heads = p;
		v->cap = cap;
	}
	struct signed_head *k = &v->heads[v->n++];
	*k = (struct signed_head){ .segment = h->segment, .sealed = h->sealed, .ended = h->ended, .count = h->count, .checkpoint = c->number,
		                   .time_ms = c->time_ms };
	memcpy(k->org, h->org, sizeof k->org);
	memcpy(k->series, h->series, sizeof k->series);
	memcpy(k->root, h->root, SEGMENT_HASH);
	memcpy(k->chain, h->chain, SEGMENT_HASH);
	return 0;
}

static void check_order(struct verify *v, const struct checkpoint *c, const char *file)
{
	unsigned long long number = c->number, expected = v->next_number;
	if (v->in_export) { /* holds only those about its organisation: gaps are natural, going back isn't */
		if (v->any && c->number < v->next_number)
			verify_fault(v, NULL, file, "checkpoint %llu stands behind %llu: reordered or duplicated", number, expected - 1);
		return;
	}
	if (!v->any && c->number != 1)
		verify_fault(v, NULL, file, "the first checkpoint is %llu: those before it are missing", number);
	else if (v->any && c->number > v->next_number)
		verify_fault(v, NULL, file, "checkpoints %llu…%llu are missing", expected, number - 1);
	else if (v->any && c->number < v->next_number)
		verify_fault(v, NULL, file, "checkpoint %llu stands behind %llu: reordered or duplicated", number, expected - 1);
	else if (v->any && memcmp(c->prev, v->prev, SEGMENT_HASH) != 0)
		verify_fault(v, NULL, file, "checkpoint %llu doesn't follow the one before it", number);
}

/* The first of that number or a later one. */
static const struct witness *witness_at(const struct witnesses *w, uint64_t number)
{
	size_t from = 0, to = w->n;
	while (from < to) {
		size_t mid = from + (to - from) / 2;
		if (w->list[mid].number < number)
			from = mid + 1;
		else
			to = mid;
	}
	return &w->list[from];
}

static void check_witness(struct verify *v, const struct checkpoint *c, const char *file)
{
	const struct witness *w = v->witnesses.n ? witness_at(&v->witnesses, c->number) : NULL, *end = w ? v->witnesses.list + v->witnesses.n : NULL;
	for (; w < end && w->number == c->number; w++)
		if (memcmp(w->hash, v->report->last_hash, SEGMENT_HASH) == 0 && memcmp(w->key, v->report->key, sizeof w->key) == 0)
			v->report->witnesses_agree++;
		else
			verify_fault(v, NULL, file, "checkpoint %llu isn't the one the witness keeps", (unsigned long long)c->number);
}

int verify_checkpoint_line(struct str line, const char *file, uint64_t line_number, void *verify)
{
	struct verify *v = verify;
	struct checkpoint c;
	struct err err;
	int r = checkpoint_parse(line, &c);
	if (r == -E_CORRUPT)
		return verify_fault(v, NULL, file, "line %llu is no checkpoint", (unsigned long long)line_number);
	if (r < 0)
		return r;
	if (!v->any)
		memcpy(v->report->key, v->o->key ? v->o->key : c.key, 32);
	check_order(v, &c, file);
	bool good = checkpoint_check(&c, &v->sha, v->report->key, &err) == 0;
	if (!good)
		verify_fault(v, NULL, file, "%s: %s", err.path, err.msg);
	for (size_t i = 0; good && r == 0 && i < c.n_heads; i++)
		r = keep_head(v, &c, &c.heads[i]);
	v->report->checkpoints++;
	v->report->last_number = c.number;
	v->report->last_ms = c.time_ms;
	checkpoint_hash(&c, &v->sha, v->report->last_hash);
	memcpy(v->prev, v->report->last_hash, SEGMENT_HASH);
	v->next_number = c.number + 1;
	v->any = true;
	check_witness(v, &c, file);
	checkpoint_done(&c);
	return r;
}

void verify_witness(struct verify *v, const char *file)
{
	const struct witnesses *w = &v->witnesses;
	struct verify_report *r = v->report;
	if (v->o->witness.len == 0)
		return;
	if (w->bad)
		verify_fault(v, NULL, "witness", "%llu of what the witness keeps are cut short or wrongly signed", (unsigned long long)w->bad);
	else if (w->n == 0)
		verify_fault(v, NULL, "witness", "what the witness keeps is no checkpoint");
	/* an export holds only the checkpoints about its organisation: there a later one says nothing */
	if (w->n && !v->in_export && w->list[w->n - 1].number > r->last_number)
		verify_fault(v, NULL, file, "the witness keeps checkpoint %llu, here they end with %llu: the end was cut",
		             (unsigned long long)w->list[w->n - 1].number, (unsigned long long)r->last_number);
	r->witnesses = w->n;
	r->witness_found = r->witnesses_agree > 0 && r->witnesses_agree == w->n;
}

static int by_place(const void *a, const void *b)
{
	const struct signed_head *x = a, *y = b;
	int r = strcmp(x->org, y->org);
	if (r == 0)
		r = strcmp(x->series, y->series);
	if (r)
		return r;
	if (x->segment != y->segment)
		return x->segment < y->segment ? -1 : 1;
	if (x->count != y->count)
		return x->count < y->count ? -1 : 1;
	return (x->checkpoint > y->checkpoint) - (x->checkpoint < y->checkpoint);
}

void verify_sort(struct verify *v)
{
	if (v->n)
		qsort(v->heads, v->n, sizeof *v->heads, by_place);
}

/* ---- leaves against heads ---- */

struct head_walk verify_heads(const struct verify *v, const char *org, const char *series, uint32_t segment)
{
	struct signed_head first = { .segment = segment };
	struct head_walk w = { 0 };
	size_t low = 0, high = v->n;
	if (high == 0)
		return w;
	snprintf(first.org, sizeof first.org, "%s", org);
	snprintf(first.series, sizeof first.series, "%s", series);
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (by_place(&v->heads[middle], &first) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	w.at = w.end = v->heads + low;
	while (w.end < v->heads + v->n && w.end->segment == segment && strcmp(w.end->org, org) == 0 &&
	       strcmp(w.end->series, series) == 0)
		w.end++;
	return w;
}

static void head_differs(struct verify *v, struct head_walk *w, const char *file, const char *what)
{
	const struct signed_head *h = w->at;
	struct segment_name n = { .segment = h->segment, .index = w->good };
	char when[CLOCK_TEXT];
	memcpy(n.org, h->org, sizeof n.org);
	memcpy(n.series, h->series, sizeof n.series);
	clock_format_utc(h->time_ms, when);
	w->bad = true;
	if (h->count > w->good)
		verify_fault(v, &n, file, "one of records %llu…%llu was %s: they aren't what checkpoint %llu of %s signed",
		             (unsigned long long)w->good, (unsigned long long)h->count - 1, what,
		             (unsigned long long)h->checkpoint, when);
	else
		verify_fault(v, &n, file, "the file was %s at this place: it isn't what checkpoint %llu of %s signed", what,
		             (unsigned long long)h->checkpoint, when);
}

void verify_heads_at(struct verify *v, struct head_walk *w, const struct merkle *tree, const unsigned char *chain,
                     const char *file)
{
	for (; !w->bad && w->at < w->end && w->at->count == tree->n; w->at++) {
		unsigned char root[SEGMENT_HASH];
		if (w->at->sealed)
			return; /* speaks of the end mark too: verify_heads_end() */
		merkle_root(tree, &v->sha, root);
		if (memcmp(root, w->at->root, SEGMENT_HASH) != 0)
			head_differs(v, w, file, "altered, removed or put in");
		else if (!v->in_export && (!chain || memcmp(chain, w->at->chain, SEGMENT_HASH) != 0))
			head_differs(v, w, file, "rewritten"); /* without chain: in the middle of a block, where none was signed */
		else
			w->good = w->at->count;
	}
}

void verify_heads_end(struct verify *v, struct head_walk *w, const struct merkle *tree, bool sealed,
                      const unsigned char *chain, const struct segment_name *segment, const char *file)
{
	struct segment_name n = *segment;
	n.index = tree->n;
	for (; !w->bad && w->at < w->end && w->at->count == tree->n && w->at->sealed; w->at++) {
		unsigned char root[SEGMENT_HASH];
		merkle_root(tree, &v->sha, root);
		if (memcmp(root, w->at->root, SEGMENT_HASH) != 0)
			head_differs(v, w, file, "altered, removed or put in");
		else if (!v->in_export && (!sealed || memcmp(chain, w->at->chain, SEGMENT_HASH) != 0))
			head_differs(v, w, file, "cut or rewritten");
		else
			w->good = w->at->count;
	}
	if (!w->bad && w->at < w->end) {
		const struct signed_head *last = w->end - 1;
		w->bad = true;
		if (last->count > tree->n)
			verify_fault(v, &n, file, "records %llu…%llu were cut off: checkpoint %llu signed %llu records",
			             (unsigned long long)tree->n, (unsigned long long)last->count - 1,
			             (unsigned long long)last->checkpoint, (unsigned long long)last->count);
		else
			verify_fault(v, &n, file, "checkpoint %llu signed a place in this file that isn't there",
			             (unsigned long long)w->at->checkpoint);
	}
	if (!w->bad)
		v->report->unsigned_records += tree->n - w->good;
}
