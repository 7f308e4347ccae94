/* The cloud's node in the lab: its description, torided, the first generation, and one loopback listener of the
 * machine that leads to the node's page. */
#include "lab/lab.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/proc.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <yyjson.h>

static int copy_tree(const char *from, const char *to, struct err *err)
{
	const char *argv[] = { "cp", "-rT", "--", from, to, NULL };
	return proc_run(&(struct proc_opts){ .argv = argv, .timeout_ms = 30000 }, err);
}

static void set_str(yyjson_mut_doc *d, yyjson_mut_val *obj, const char *key, const char *value)
{
	yyjson_mut_val *k = yyjson_mut_strcpy(d, key);
	yyjson_mut_obj_put(obj, k, yyjson_mut_strcpy(d, value));
}

static void lab_values(const struct lab *l, yyjson_mut_doc *d, yyjson_mut_val *service, const char *anchor,
                       const char *authority)
{
	char p[512];
	yyjson_mut_val *ca = yyjson_mut_arr(d);
	set_str(d, service, "page_url", "http://127.0.0.1:8480");
	set_str(d, service, "trust_anchor", anchor);
	set_str(d, service, "state_dir", lab_path(l, p, "state"));
	set_str(d, service, "run_dir", lab_path(l, p, "run"));
	/* A day in the lab is a minute: silence is followed up after seconds (the notice clock stays as it is). */
	yyjson_mut_val *clock = yyjson_mut_obj_get(service, "clock");
	if (clock) {
		yyjson_mut_obj_put(clock, yyjson_mut_str(d, "escalate1_s"), yyjson_mut_uint(d, 8));
		yyjson_mut_obj_put(clock, yyjson_mut_str(d, "escalate2_s"), yyjson_mut_uint(d, 16));
	}
	yyjson_mut_arr_add_strcpy(d, ca, authority);
	yyjson_mut_obj_put(service, yyjson_mut_str(d, "origin_ca"), ca);
}

static int write_service(const struct lab *l, const char *path, const char *anchor, const char *authority,
                         struct err *err)
{
	yyjson_read_err re;
	yyjson_doc *doc = yyjson_read_file(path, YYJSON_READ_ALLOW_COMMENTS | YYJSON_READ_ALLOW_TRAILING_COMMAS, NULL, &re);
	if (!doc)
		return err_set(err, E_INVALID, path, "%s at byte %zu", re.msg, re.pos);
	yyjson_mut_doc *d = yyjson_doc_mut_copy(doc, NULL);
	yyjson_doc_free(doc);
	lab_values(l, d, yyjson_mut_doc_get_root(d), anchor, authority);
	size_t n;
	char *text = yyjson_mut_write(d, YYJSON_WRITE_PRETTY, &n);
	int r = text ? fs_write(path, (struct str){ text, n }, 0644, err) : err_set(err, E_NOMEM, path, "no memory");
	free(text);
	yyjson_mut_doc_free(d);
	return r;
}

/* "base64:" and the body of a PEM file on one line. */
static int authority_of(const char *path, struct buf *out, struct err *err)
{
	struct buf pem;
	struct str rest, row;
	buf_init(&pem, 64 * KIB);
	int r = fs_read(path, &pem, err);
	rest = buf_view(&pem);
	buf_puts(out, "base64:");
	while (r == 0 && str_next(&rest, '\n', &row))
		if (!str_starts(row, STR("-----")))
			buf_str(out, row);
	buf_done(&pem);
	return r;
}

int lab_description(struct lab *l, const char *from, struct err *err)
{
	char to[512], path[512];
	struct buf anchor, authority;
	buf_init(&anchor, 4096);
	buf_init(&authority, 64 * KIB);
	int r = copy_tree(from, lab_path(l, to, "description"), err);
	r = r < 0 ? r : fs_read(lab_path(l, path, "internet/root.ds"), &anchor, err);
	r = r < 0 ? r : authority_of(lab_path(l, path, "internet/ca.pem"), &authority, err);
	r = r < 0 ? r : write_service(l, lab_path(l, path, "description/service.json"), buf_cstr(&anchor), buf_cstr(&authority), err);
	buf_done(&anchor);
	buf_done(&authority);
	return r;
}

/* ---- torided and the first generation ---- */

static int toride(const struct lab *l, const char *node, const char *const *args, struct buf *out, int timeout_ms, struct err *err)
{
	char prog[512], state[512], run[512];
	const char *argv[16] = { "env", NULL };
	snprintf(prog, sizeof prog, "%s/toride", l->bin);
	snprintf(state, sizeof state, "TORIDE_STATE=%s/%sstate", l->dir, node);
	snprintf(run, sizeof run, "TORIDE_RUN=%s/%srun", l->dir, node);
	argv[1] = state;
	argv[2] = run;
	argv[3] = prog;
	for (size_t i = 0; args[i] && i < 11; i++)
		argv[4 + i] = args[i];
	return proc_run(&(struct proc_opts){ .argv = argv, .timeout_ms = timeout_ms, .out = out }, err);
}

static int wait_for(const char *path, pid_t maker, int timeout_ms, struct err *err)
{
	int64_t until = clock_mono_ms() + timeout_ms;
	while (!fs_exists(path)) {
		if (waitpid(maker, NULL, WNOHANG) == maker)
			return err_set(err, E_CLOSED, path, "its maker ended; see the log beside it");
		if (clock_mono_ms() > until)
			return err_set(err, E_TIMEOUT, path, "didn't appear within %d s", timeout_ms / 1000);
		poll(NULL, 0, 50);
	}
	return 0;
}

static int first_generation(const struct lab *l, const char *node, struct err *err)
{
	char dir[512], digest[128];
	struct buf out;
	buf_init(&out, MIB);
	const char *submit[] = { "submit", lab_path(l, dir, "description"), "--as", "lab-author", NULL };
	const char *approve[] = { "approve", digest, "--as", "lab-approver", NULL };
	const char *apply[] = { "apply", digest, "--as", "lab-author", NULL };
	int r = toride(l, node, submit, &out, 60000, err);
	const char *at = r == 0 ? strstr(buf_cstr(&out), "sha256:") : NULL;
	if (r == 0 && !at)
		r = err_set(err, E_IO, "submit", "no digest in the answer: %s", buf_cstr(&out));
	if (at)
		snprintf(digest, sizeof digest, "%.71s", at);
	buf_done(&out);
	r = r < 0 ? r : toride(l, node, approve, NULL, 30000, err);
	return r < 0 ? r : toride(l, node, apply, NULL, 120000, err);
}

/* Signatures for clamd: EICAR and Debian's test files; a real node has freshclam's. */
static int signatures(const struct lab *l, struct err *err)
{
	char prog[512], dir[512];
	snprintf(prog, sizeof prog, "%.400s/tools/mkclamdb", l->source);
	const char *argv[] = { prog, lab_path(l, dir, "state/feeds/clamav"), NULL };
	int r = fs_mkdirs(dir, 0755, err);
	return r < 0 ? r : proc_run(&(struct proc_opts){ .argv = argv, .timeout_ms = 30000 }, err);
}

/* The lists of categories, as an operator puts them there. */
static int lists(const struct lab *l, struct err *err)
{
	char list[512], index[512], dir[512];
	snprintf(list, sizeof list, "%.480s/lab/lists/lab.csv", l->source);
	lab_path(l, index, "state/feeds/url/url.index");
	const char *argv[] = { "url", "import", list, "-o", index, NULL };
	int r = fs_mkdirs(lab_path(l, dir, "state/feeds/url"), 0755, err);
	return r < 0 ? r : toride(l, "", argv, NULL, 30000, err);
}

int lab_page_free(const struct lab *l, struct err *err)
{
	struct str rest = str_from(l->model->service.page), host;
	struct sockaddr_in sa = { .sin_family = AF_INET };
	char addr[64];
	uint64_t port;
	int one = 1;
	if (!str_next(&rest, ':', &host) || !str_copy(host, addr, sizeof addr) || !str_to_u64(rest, 65535, &port) ||
	    inet_pton(AF_INET, addr, &sa.sin_addr) != 1)
		return err_set(err, E_INVALID, "service.page", "the lab's page needs an IPv4 loopback address");
	sa.sin_port = htons((uint16_t)port);
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof sa) < 0 || listen(fd, 1) < 0)
		return err_errno(err, l->model->service.page, "the page's address can't be used (is another program there?)");
	return 0;
}

static int page_relay(const struct lab *l, struct err *err)
{
	char prog[512], ns[128], name[64];
	snprintf(prog, sizeof prog, "%s/toride-relay", l->bin);
	snprintf(ns, sizeof ns, "/run/netns/%s", lab_netns(l, "gw1", name));
	const char *argv[] = { prog, l->model->service.page, ns, NULL };
	return lab_spawn(l, NULL, "relay", argv, NULL, err);
}

int lab_sign_in(struct lab *l, struct err *err)
{
	char path[512], line[64];
	struct buf out;
	buf_init(&out, MIB);
	const char *add[] = { "user", "add", LAB_ANALYST, "--role", "analyst", "--json", NULL };
	int r = -E_STATE;
	for (int i = 0; r < 0 && i < 20; i++) { /* its database may still be coming up */
		if (i)
			poll(NULL, 0, 500);
		buf_reset(&out);
		r = toride(l, "", add, &out, 30000, err);
	}
	yyjson_doc *doc = r == 0 ? yyjson_read(out.ptr, out.len, 0) : NULL;
	const char *password = yyjson_get_str(yyjson_obj_get(yyjson_doc_get_root(doc), "password"));
	if (r == 0 && !password)
		r = err_set(err, E_IO, "user add", "no password in the answer");
	if (r == 0) {
		snprintf(line, sizeof line, "%s %s", LAB_ANALYST, password);
		r = fs_write(lab_path(l, path, "sign-in"), str_from(line), 0600, err);
		lab_say(l, "the desk: http://%s/  name %s  one-time password %s", l->model->service.page, LAB_ANALYST, password);
	}
	yyjson_doc_free(doc);
	buf_done(&out);
	return r;
}

/* As an operator sets the second node of a pair up: the first one's keys and lists, then the same description. */
static int second_node(const struct lab *l, struct err *err)
{
	static const char *const names[] = { "gw2/state", "gw2/run" };
	char prog[512], sock[512], vault[512], feeds[512], to[512], p[512];
	pid_t pid = 0;
	int r = 0;
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(names); i++)
		r = fs_mkdirs(lab_path(l, p, "%s", names[i]), 0755, err);
	const char *copy[] = { "cp", "-a", lab_path(l, vault, "state/vault"), lab_path(l, feeds, "state/feeds"), lab_path(l, to, "gw2/state/"), NULL };
	r = r < 0 ? r : proc_run(&(struct proc_opts){ .argv = copy, .timeout_ms = 30000 }, err);
	snprintf(prog, sizeof prog, "%s/torided", l->bin);
	const char *argv[] = { prog, NULL };
	r = r < 0 ? r : lab_spawn(l, "gw2", "torided2", argv, &pid, err);
	r = r < 0 ? r : wait_for(lab_path(l, sock, "gw2/run/control.sock"), pid, 60000, err);
	return r < 0 ? r : first_generation(l, "gw2/", err);
}

int lab_node_up(struct lab *l, struct err *err)
{
	char prog[512], sock[512];
	snprintf(prog, sizeof prog, "%s/torided", l->bin);
	const char *argv[] = { prog, NULL };
	pid_t pid = 0;
	int r = signatures(l, err);
	r = r < 0 ? r : lists(l, err);
	r = r < 0 ? r : lab_spawn(l, "gw1", "torided", argv, &pid, err);
	r = r < 0 ? r : wait_for(lab_path(l, sock, "run/control.sock"), pid, 60000, err);
	r = r < 0 ? r : lab_certificates(l, err);
	if (r == 0)
		lab_say(l, "the first generation: submit, approve, apply");
	r = r < 0 ? r : first_generation(l, "", err);
	if (r == 0 && l->model->service.pair.n_nodes) {
		lab_say(l, "the second node: keys, lists, the same description");
		r = second_node(l, err);
	}
	r = r < 0 ? r : lab_registry(l, err);
	return r < 0 || !lab_has_page(l) ? r : page_relay(l, err);
}
