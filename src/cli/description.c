/* See description.h. */
#include "cli/description.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "model/advice.h"
#include "wire/ctl.h"
#include "wire/place.h"

#include <stdio.h>
#include <stdlib.h>

#define CANONICAL_MAX (64u * MIB) /* as model_load_canonical */
#define FAULTS_MAX (16u * MIB)    /* a thousand of them */
#define SUBMIT_WAIT_MS (16 * 60 * 1000)

int cli_load_file(const char *path, struct model **ret, struct faults *f, struct err *err)
{
	struct buf b;
	buf_init(&b, CANONICAL_MAX);
	int r = fs_read(path, &b, err);
	if (r == 0)
		r = model_load_canonical(buf_view(&b), ret, f, err);
	buf_done(&b);
	return r;
}

int cli_load_in_force(struct model **ret, struct faults *f, struct err *err)
{
	char path[PLACE_MAX];
	return cli_load_file(place_in_state(path, sizeof path, "current/description.json"), ret, f, err);
}

int cli_refused(const struct faults *f, const struct err *err, bool json)
{
	struct buf b;
	if (!f->n)
		return cli_error(err);
	buf_init(&b, FAULTS_MAX);
	for (size_t i = 0; i < f->n && !json; i++)
		fprintf(stderr, "toride: %s%s%s\n", f->list[i].path, f->list[i].path[0] ? ": " : "", say(f->list[i].msg_ja, f->list[i].msg));
	for (size_t i = 0; i < f->n && json; i++) {
		buf_putc(&b, '{');
		json_field_s(&b, "path", f->list[i].path);
		json_field_s(&b, "reason", f->list[i].msg);
		json_field_s(&b, "reason_ja", f->list[i].msg_ja);
		buf_puts(&b, "}\n");
	}
	int code = cli_print(&b);
	return code == EXIT_DONE ? EXIT_REFUSED : code;
}

int cli_advice(const struct model *m)
{
	struct faults f = { 0 };
	int r = model_advice(m, clock_now_ms(), &f);
	for (size_t i = 0; r == 0 && i < f.n; i++)
		fprintf(stderr, "toride: %s: %s: %s\n", say("注意", "warning"), f.list[i].path, say(f.list[i].msg_ja, f.list[i].msg));
	faults_done(&f);
	return r;
}

int cli_submit(struct model **m, const char *as, bool json)
{
	struct err err = { 0 };
	struct buf request, reply;
	char digest[72];
	cli_request(&request, "submit", as);
	request.max = CTL_REQUEST_MAX; /* of a description */
	json_key(&request, "description");
	buf_put(&request, (*m)->canonical, (*m)->canonical_len);
	snprintf(digest, sizeof digest, "%s", (*m)->digest);
	model_destroy(m);
	int r = cli_ask(&request, &reply, SUBMIT_WAIT_MS, &err);
	if (r == 0)
		printf("%s\n", json ? buf_cstr(&reply) : digest);
	buf_done(&reply);
	return r < 0 ? cli_error(&err) : fflush(stdout) == 0 ? EXIT_DONE : EXIT_COULD_NOT;
}

int cli_submit_text(char *text, const char *as, bool json)
{
	struct err err = { 0 };
	struct faults f = { 0 };
	struct model *m = NULL;
	int r = model_load_canonical(str_from(text), &m, &f, &err);
	free(text); /* yyjson's own allocation */
	int code = r == 0 ? cli_submit(&m, as, json) : cli_refused(&f, &err, json);
	faults_done(&f);
	model_destroy(&m);
	return code;
}

yyjson_doc *cli_generation_file(const char *hex, const char *name)
{
	char path[PLACE_MAX];
	struct buf b;
	buf_init(&b, CANONICAL_MAX);
	if (*hex)
		place_in_state(path, sizeof path, "generations/%s/%s", hex, name);
	else
		place_in_state(path, sizeof path, "current/%s", name);
	yyjson_doc *doc = fs_read(path, &b, NULL) == 0 ? yyjson_read(b.ptr, b.len, 0) : NULL;
	buf_done(&b);
	return doc;
}

int cli_load(const char *dir, struct model **ret, struct err *err)
{
	struct faults faults = { 0 };
	int r = dir ? model_load(dir, ret, &faults, err) : cli_load_in_force(ret, &faults, err);
	if (r < 0 && faults.n)
		err_set(err, E_INVALID, faults.list[0].path, "%s", faults.list[0].msg);
	faults_done(&faults);
	return r;
}
