/* Raising and taking down the whole lab, in order. See lab.h. */
#include "lab/lab.h"

#include "base/fs.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define ROOM_MIB 300 /* the node's state, of which half is PostgreSQL's, and the logs of a long board */

static int make_dirs(const struct lab *l, struct err *err)
{
	static const char *const names[] = { "log", "state", "run", "mail", "internet", "org" };
	char p[512];
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		int r = fs_mkdirs(lab_path(l, p, "%s", names[i]), 0755, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int lab_down(struct lab *l, struct err *err)
{
	lab_end_processes(l);
	int r = lab_net_down(l, err);
	lab_orgs_down(l);
	int r2 = fs_rmtree(l->dir, err);
	return r < 0 ? r : r2;
}

static int load(struct lab *l, const char *description, struct err *err)
{
	struct faults faults = { 0 };
	int r = model_load(description, &l->model, &faults, err);
	if (r < 0 && faults.n)
		r = err_set(err, E_INVALID, faults.list[0].path, "%s", faults.list[0].msg);
	faults_done(&faults);
	return r;
}

int lab_join(struct lab *l, struct err *err)
{
	char p[512];
	return load(l, lab_path(l, p, "description"), err);
}

/* A disk that fills while the node starts is told by whatever program meets it first, after minutes. */
static int room(const struct lab *l, struct err *err)
{
	struct statvfs v;
	if (statvfs(l->bin, &v) < 0)
		return err_errno(err, l->bin, "cannot ask for its room");
	unsigned long long mib = (unsigned long long)v.f_bavail * v.f_frsize / MIB;
	return mib >= ROOM_MIB ? 0 : err_set(err, E_IO, l->bin, "too little disk: %llu MiB are free, %d MiB are needed", mib, ROOM_MIB);
}

int lab_up(struct lab *l, const char *description, struct err *err)
{
	char p[512];
	int r = load(l, description, err);
	r = r < 0 ? r : lab_down(l, err);
	r = r < 0 || !lab_has_page(l) ? r : lab_page_free(l, err);
	r = r < 0 ? r : room(l, err);
	r = r < 0 ? r : make_dirs(l, err);
	if (r < 0)
		return r;
	lab_say(l, "namespaces for %zu organisations", l->model->n_orgs);
	r = lab_net_up(l, err);
	if (r == 0) {
		lab_say(l, "the Internet: name servers, web sites, a mail host");
		r = lab_internet_up(l, err);
	}
	r = r < 0 ? r : lab_orgs_up(l, err);
	r = r < 0 ? r : lab_description(l, description, err);
	if (r == 0) {
		lab_say(l, "the cloud's node");
		r = lab_node_up(l, err);
	}
	return r < 0 ? r : fs_write(lab_path(l, p, "up"), STR("up\n"), 0644, err);
}

int lab_exec(const struct lab *l, const char *host, char **argv, struct err *err)
{
	char ns[128], name[64];
	snprintf(ns, sizeof ns, "/run/netns/%s", lab_netns(l, host, name));
	if (!fs_exists(ns))
		return err_set(err, E_NOT_FOUND, host, "no such host in the lab, or the lab is down (toride lab up)");
	if (!lab_become(l, host))
		return err_errno(err, host, "cannot enter the namespace");
	execvp(argv[0], argv);
	return err_errno(err, argv[0], "cannot run");
}
