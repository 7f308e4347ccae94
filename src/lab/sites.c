/* Certificates of the public sites in the lab: each site's key is made in the node's vault, the lab's authority signs the request,
 * and the certificate goes into the description, as a body's staff would do it. */
#include "lab/lab.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/proc.h"

#include <stdio.h>
#include <stdlib.h>
#include <yyjson.h>

static int request(const struct lab *l, const struct site *s, const char *csr, struct err *err)
{
	char prog[512], run[512];
	struct buf out;
	const char *argv[32] = { "env", run, prog, "site", "csr", "--as", "lab-author", s->name };
	size_t n = 8;
	for (size_t i = 0; i < s->n_aliases && n < 31; i++)
		argv[n++] = s->aliases[i];
	snprintf(prog, sizeof prog, "%s/toride", l->bin);
	snprintf(run, sizeof run, "TORIDE_RUN=%s/run", l->dir);
	buf_init(&out, 64 * KIB);
	int r = proc_run(&(struct proc_opts){ .argv = argv, .timeout_ms = 30000, .out = &out }, err);
	r = r < 0 ? r : fs_write(csr, buf_view(&out), 0644, err);
	buf_done(&out);
	return r;
}

/* "base64:…" of the certificate the authority makes of the request. */
static int sign(const struct lab *l, const char *csr, struct buf *ret, struct err *err)
{
	char ca[512], key[512], pem[512];
	struct buf text;
	struct str rest, row;
	snprintf(pem, sizeof pem, "%.500s.pem", csr);
	const char *argv[] = { "openssl", "x509", "-req", "-in", csr, "-CA", lab_path(l, ca, "internet/ca.pem"), "-CAkey",
		               lab_path(l, key, "internet/ca.key"), "-CAcreateserial", "-copy_extensions", "copy", "-days", "90", "-out", pem, NULL };
	buf_init(&text, 64 * KIB);
	int r = lab_run_in(l, NULL, argv, NULL, err);
	r = r < 0 ? r : fs_read(pem, &text, err);
	rest = buf_view(&text);
	buf_puts(ret, "base64:");
	while (r == 0 && str_next(&rest, '\n', &row))
		if (!str_starts(row, STR("-----")))
			buf_str(ret, row);
	buf_done(&text);
	return r;
}

static int certify(const struct lab *l, const struct org *o, size_t n, yyjson_mut_doc *d, yyjson_mut_val *site, struct err *err)
{
	char csr[512];
	struct buf cert;
	buf_init(&cert, 64 * KIB);
	lab_path(l, csr, "internet/%s-%zu.csr", o->code, n);
	int r = request(l, &o->sites[n], csr, err);
	r = r < 0 ? r : sign(l, csr, &cert, err);
	yyjson_mut_val *list = yyjson_mut_arr(d);
	if (r == 0) {
		yyjson_mut_arr_add_strcpy(d, list, buf_cstr(&cert));
		yyjson_mut_obj_put(site, yyjson_mut_str(d, "certificate"), list);
	}
	buf_done(&cert);
	return r;
}

static int certify_org(const struct lab *l, const struct org *o, struct err *err)
{
	char path[512];
	yyjson_read_err re;
	lab_path(l, path, "description/orgs/%s.json", o->code);
	yyjson_doc *doc = yyjson_read_file(path, YYJSON_READ_ALLOW_COMMENTS | YYJSON_READ_ALLOW_TRAILING_COMMAS, NULL, &re);
	if (!doc)
		return err_set(err, E_INVALID, path, "%s at byte %zu", re.msg, re.pos);
	yyjson_mut_doc *d = yyjson_doc_mut_copy(doc, NULL);
	yyjson_doc_free(doc);
	yyjson_mut_val *sites = yyjson_mut_obj_get(yyjson_mut_doc_get_root(d), "sites");
	int r = 0;
	for (size_t i = 0; r == 0 && i < o->n_sites; i++)
		if (!o->sites[i].n_certificate && !o->sites[i].acme)
			r = certify(l, o, i, d, yyjson_mut_arr_get(sites, i), err);
	size_t n;
	char *text = r == 0 ? yyjson_mut_write(d, YYJSON_WRITE_PRETTY, &n) : NULL;
	if (r == 0)
		r = text ? fs_write(path, (struct str){ text, n }, 0644, err) : err_set(err, E_NOMEM, path, "no memory");
	free(text);
	yyjson_mut_doc_free(d);
	return r;
}

int lab_certificates(const struct lab *l, struct err *err)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < l->model->n_orgs; i++)
		r = l->model->orgs[i].n_sites ? certify_org(l, &l->model->orgs[i], err) : 0;
	return r;
}
