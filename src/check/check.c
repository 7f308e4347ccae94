/* See check.h. Between compile and apply: a configuration that its engine refuses never becomes a step. */
#include "check/check.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/map.h"
#include "base/mem.h"
#include "check/passed.h"
#include "model/model.h"
#include "wire/place.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OURS 2 /* of what a check hangs on, beside our programs */

struct dry_run {
	const char *engine, *file;
	bool through_current; /* names its other files through STATE/current */
	const char *before[10]; /* words before the file's path, ended by NULL */
	const char *behind;    /* a word behind it, or NULL */
	uid_t user;            /* as whom; 0: root, whose right the engine needs */
	int timeout_ms;
	const char *secret, *stand_in; /* a file of the run directory that it includes and that is made at its start, and what is shown for it */
	const char *hangs_on[PASSED_FOREIGN - OURS]; /* what else than its files: then it isn't asked again about what has passed. None: it is */
};

#define LOAD_KEPT "load_module" /* … of ours, beside our programs: its whole word is made when it is run */
#define ZERO_KEY "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define NSD_KEY "key:\n  name: \"%s\"\n  algorithm: hmac-sha256\n  secret: \"" ZERO_KEY "\"\n"
static const struct dry_run dry_runs[] = {
	{ "nft", "nft/toride.nft", false, { "nft", "-c", "-f", NULL }, NULL, 0 /* CAP_NET_ADMIN */, 60000, NULL, NULL, { NULL } /* the kernel */ },
	{ "unbound", "unbound/unbound.conf", true, { "unbound-checkconf", NULL }, NULL, USER_UNBOUND, 60000, NULL, NULL,
	  { "/usr/sbin/unbound-checkconf", "/usr/share/dns/root.key" } },
	{ "knot", "knot/knot.conf", true, { "knotc", "-c", NULL }, "conf-check", USER_KNOT, 60000, "knot/tsig.conf",
	  "key:\n  - id: transfer\n    algorithm: hmac-sha256\n    secret: \"" ZERO_KEY "\"\n", { "/usr/sbin/knotc" } },
	{ "nsd1", "nsd1/nsd.conf", true, { "nsd-checkconf", NULL }, NULL, USER_NSD1, 60000, "nsd1/tsig.conf", NSD_KEY, { "/usr/sbin/nsd-checkconf" } },
	{ "nsd2", "nsd2/nsd.conf", true, { "nsd-checkconf", NULL }, NULL, USER_NSD2, 60000, "nsd2/tsig.conf", NSD_KEY, { "/usr/sbin/nsd-checkconf" } },
	{ "suricata", "suricata/suricata.yaml", true, { "suricata", "-T", "-l", "/tmp", "-c", NULL }, NULL, USER_SURICATA, 180000, NULL, NULL,
	  { "/usr/bin/suricata", "/etc/suricata" } },
	{ "edge", "edge/check.conf", true, { "nginx", "-t", "-q", "-e", "stderr", "-g", LOAD_KEPT, "-c", NULL }, NULL, USER_EDGE, 60000, NULL, NULL,
	  { "/usr/sbin/nginx", "/usr/lib/nginx/modules", "/usr/share/modsecurity-crs", "/etc/ssl/openssl.cnf" } },
};

struct swap {
	const char *what, *with;
};

static const struct swap *swap_at(const struct swap *list, const char *p, size_t left)
{
	for (; list->what; list++)
		if (left >= strlen(list->what) && memcmp(p, list->what, strlen(list->what)) == 0)
			return list;
	return NULL;
}

/* Every `what` becomes its `with`; the first of the list that fits counts. */
static void put_swapped(struct buf *out, struct str in, const struct swap *list)
{
	for (size_t i = 0; i < in.len;) {
		const struct swap *s = swap_at(list, in.ptr + i, in.len - i);
		if (s)
			buf_puts(out, s->with);
		else
			buf_putc(out, in.ptr[i]);
		i += s ? strlen(s->what) : 1;
	}
}

/* A key for each name that the engine's file may give: NSD wants those of outside secondaries too (compile/nsd.c). */
static void put_stand_in(struct buf *b, const struct dry_run *d)
{
	char name[32];
	if (!strstr(d->stand_in, "%s")) {
		buf_puts(b, d->stand_in);
		return;
	}
	buf_printf(b, NSD_KEY, "transfer");
	for (unsigned i = 1; i <= SECONDARY_SECRETS; i++) {
		snprintf(name, sizeof name, "secondary-%u", i);
		buf_printf(b, NSD_KEY, name);
	}
}

/* The file with STATE/current replaced by dir, for the engine's user to read, as the generation is. */
static int show_copy(const char *dir, const struct dry_run *d, char path[1024], struct err *err)
{
	char current[PLACE_MAX], copy[PLACE_MAX], secret[PLACE_MAX] = "", stand_in[PLACE_MAX];
	struct buf in, out, key;
	buf_init(&key, 64 * KIB);
	buf_init(&in, 64 * MIB);
	buf_init(&out, 128 * MIB);
	if (d->secret)
		place_in_run(secret, sizeof secret, "%s", d->secret);
	place_in_state(stand_in, sizeof stand_in, "check/%s.key", d->engine);
	const struct swap swaps[] = { { place_in_state(current, sizeof current, "current"), dir }, { d->secret ? secret : NULL, stand_in },
		                      { NULL, NULL } };
	int r = fs_read(path, &in, err);
	if (r == 0)
		put_swapped(&out, buf_view(&in), swaps);
	if (r == 0 && out.failed)
		r = err_set(err, (enum err_code)-out.failed, path, "cannot make the copy that is checked");
	if (r == 0)
		r = fs_mkdirs(place_in_state(copy, sizeof copy, "check"), 0755, err);
	if (r == 0 && chmod(copy, 0755) < 0) /* an earlier version's was root's alone */
		r = err_errno(err, copy, "cannot open it to the engine's user");
	if (r == 0 && d->secret)
		put_stand_in(&key, d);
	if (r == 0 && d->secret)
		r = fs_write(stand_in, buf_view(&key), 0644, err);
	if (r == 0)
		r = fs_write(place_in_state(copy, sizeof copy, "check/%s.conf", d->engine), buf_view(&out), 0644, err);
	if (r == 0)
		snprintf(path, 1024, "%s", copy);
	buf_done(&in);
	buf_done(&out);
	buf_done(&key);
	return r;
}

/* Where the fault is, in the engine's words: the first line up to what it quotes. What it quotes stands in a file, and
 * which file that is may be the description's word; it is nobody's business who reads the answer. */
static int refused(const struct dry_run *d, struct str words, struct err *err)
{
	struct str line = words;
	char text[161];
	size_t n = 0;
	str_next(&words, '\n', &line);
	while (n < line.len && n < sizeof text - 1 && (unsigned char)line.ptr[n] >= 0x20 && line.ptr[n] != '\'' && line.ptr[n] != '"') {
		text[n] = line.ptr[n];
		n++;
	}
	text[n] = 0;
	return err_set(err, E_INVALID, d->engine, "the engine refuses its configuration: %s", text);
}

/* Our module and engine of nginx too. False: what it says hangs on more than can be named. */
static bool hangs_on(const struct dry_run *d, struct passed *p, char ours[OURS][PLACE_MAX])
{
	static const char *const names[OURS] = { "toride_kept.so", "toride.so" };
	size_t n = 0;
	for (; n < PASSED_FOREIGN - OURS && d->hangs_on[n]; n++)
		p->foreign[n] = d->hangs_on[n];
	for (size_t i = 0; strcmp(d->engine, "edge") == 0 && i < OURS; i++) {
		snprintf(ours[i], PLACE_MAX, "%s/%s", place_programs(), names[i]);
		p->foreign[n++] = ours[i];
	}
	return n > 0;
}

static int run_one(const char *dir, const struct dry_run *d, int (*run)(const struct proc_opts *o, struct err *err),
                   struct err *err)
{
	char path[1024];
	const char *argv[12];
	char module[PLACE_MAX + 40];
	struct buf out;
	size_t n = 0;
	int status = 0;
	struct passed passed = { .engine = d->engine };
	char ours[OURS][PLACE_MAX];
	if (snprintf(path, sizeof path, "%s/%s", dir, d->file) >= (int)sizeof path)
		return err_set(err, E_LIMIT, dir, "path too long");
	if (!fs_exists(path) || (hangs_on(d, &passed, ours) && passed_before(&passed, dir)))
		return 0;
	int r = d->through_current ? show_copy(dir, d, path, err) : 0;
	if (r < 0)
		return r;
	snprintf(module, sizeof module, LOAD_KEPT " %s/toride_kept.so;", place_programs());
	for (; d->before[n]; n++)
		argv[n] = strcmp(d->before[n], LOAD_KEPT) == 0 ? module : d->before[n];
	argv[n++] = path;
	argv[n++] = d->behind;
	argv[n] = NULL;
	buf_init(&out, 256 * KIB);
	uid_t user = geteuid() == 0 ? d->user : 0;
	r = run(&(struct proc_opts){ .argv = argv, .timeout_ms = d->timeout_ms, .uid = user, .gid = user, .out = &out,
	                             .ret_status = &status },
	        err);
	if (r == 0 && status != 0)
		r = refused(d, buf_view(&out), err);
	else if (r == 0)
		passed_note(&passed);
	buf_done(&out);
	return r;
}

/* Rule files from outside are named by their digest: what lies under that name must be it. */
static int check_feed(const unsigned char want[SHA256_LEN], struct err *err)
{
	unsigned char have[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1], path[PLACE_MAX];
	struct buf b;
	hex_format(want, SHA256_LEN, hex);
	buf_init(&b, 256 * MIB);
	int r = fs_read(place_in_state(path, sizeof path, "feeds/ips/%s.rules", hex), &b, err);
	hash_sha256(b.ptr ? b.ptr : "", b.len, have);
	if (r < 0)
		r = err_set(err, E_NOT_FOUND, "service.ips.rules", "%.16s… isn't on this node: it belongs at %s", hex, path);
	else if (memcmp(have, want, SHA256_LEN) != 0)
		r = err_set(err, E_CORRUPT, "service.ips.rules", "%.16s… is not the file that lies under its name", hex);
	buf_done(&b);
	return r;
}

static int check_feeds(const char *dir, struct err *err)
{
	char path[1024];
	struct buf b;
	int r = 0;
	buf_init(&b, 64 * KIB);
	if (snprintf(path, sizeof path, "%s/suricata/feeds.bin", dir) < (int)sizeof path && fs_exists(path))
		r = fs_read(path, &b, err);
	for (size_t i = 0; r == 0 && i + SHA256_LEN <= b.len; i += SHA256_LEN)
		r = check_feed((const unsigned char *)b.ptr + i, err);
	buf_done(&b);
	return r;
}

/* The keys of what lies elsewhere are given to each node by hand: without its own a daemon can't begin. */
static int check_keys(const char *dir, struct err *err)
{
	static const struct { const char *file, *secret, *where, *whose; } keys[] = {
		{ "coldd.json", "cold/secret", "service.cold", "the store's key" }, /* that cold segments go on to */
		{ "clusterd.json", "cluster/secret", "service.store", "the ClickHouse's password" },
	};
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		char path[PLACE_MAX];
		if (snprintf(path, sizeof path, "%s/%s", dir, keys[i].file) >= (int)sizeof path)
			return err_set(err, E_LIMIT, dir, "path too long");
		if (fs_exists(path) && !fs_exists(place_in_state(path, sizeof path, "%s", keys[i].secret)))
			return err_set(err, E_NOT_FOUND, keys[i].where, "%s isn't on this node: it belongs at %s, as one line", keys[i].whose, path);
	}
	return 0;
}

int check_generation(const char *dir, int (*run)(const struct proc_opts *o, struct err *err), struct err *err)
{
	int res = check_feeds(dir, err);
	if (res == 0)
		res = check_keys(dir, err);
	if (res < 0)
		return res;
	for (size_t i = 0; i < ARRAY_LEN(dry_runs); i++) {
		int r = run_one(dir, &dry_runs[i], run, err);
		if (r < 0)
			return r;
	}
	return 0;
}
