/* toride-dnskeysd: both nodes of a pair sign the zones with the same keys. Where the traffic is, it has Knot copy its keys whenever they have changed and
 * seals the copy (pair/bundle.h) for paird, which carries it; at the node that stands by it opens what came and has Knot take it in place of its own. So
 * a takeover changes no DNSKEY, and the DS at the parent goes on to fit.
 *
 * It is Knot's user, who has the keys anyway, has no network, and is confined as Knot is: what it runs is knotc. Row S-30. */
#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/proc.h"
#include "pair/bundle.h"
#include "vault/vault_client.h"
#include "wire/daemon.h"
#include "wire/place.h"

#include <openssl/crypto.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOOK_MS 1000
#define KNOTC_MS 60000
#define FILE_MAX (4 * MIB)

struct dnskeysd {
	unsigned char key[BUNDLE_KEY];
	struct timespec given; /* when Knot's keys had changed last, as they were given */
	int failures;          /* in a row: said once */
};

static int knotc(const char *const *words, struct err *err)
{
	char sock[PLACE_MAX];
	const char *argv[16] = { "knotc", "-b", "-t", "50", "-s", place_in_run(sock, sizeof sock, "knot/knot.sock") };
	size_t n = 6;
	while (*words && n < ARRAY_LEN(argv) - 1)
		argv[n++] = *words++;
	return proc_run(&(struct proc_opts){ .argv = argv, .timeout_ms = KNOTC_MS }, err);
}

/* Keys and when they are due alone: zones are compiled, and their journals are each node's own. */
static int copy_keys(const char *what, const char *dir, struct err *err)
{
	const char *words[] = { what, "+backupdir", dir, "+kaspdb", "+nozonefile", "+nojournal", "+notimers", "+nocatalog", NULL };
	return knotc(words, err);
}

/* ---- giving ---- */

static bool changed(const struct dnskeysd *d, struct timespec *ret)
{
	char path[PLACE_MAX];
	struct stat st;
	if (stat(place_in_state(path, sizeof path, "knot/keys/data.mdb"), &st) < 0)
		return false;
	*ret = st.st_mtim;
	return st.st_mtim.tv_sec != d->given.tv_sec || st.st_mtim.tv_nsec != d->given.tv_nsec;
}

struct adding {
	const char *dir;
	struct buf *plain;
	struct err *err;
};

static int add_file(const char *name, void *user)
{
	struct adding *a = user;
	char path[PLACE_MAX + BUNDLE_NAME];
	struct buf b;
	if (!bundle_name_ok(name))
		return 0;
	snprintf(path, sizeof path, "%s/%s", a->dir, name);
	buf_init(&b, FILE_MAX);
	int r = fs_read(path, &b, a->err);
	if (r == 0)
		bundle_add(a->plain, name, buf_view(&b));
	if (b.ptr)
		OPENSSL_cleanse(b.ptr, b.cap);
	buf_done(&b);
	return r;
}

static int add_key(const char *name, void *user)
{
	char path[BUNDLE_NAME];
	int n = snprintf(path, sizeof path, "keys/keys/%s", name);
	return n > 0 && (size_t)n < sizeof path ? add_file(path, user) : 0;
}

static int collect(const char *dir, struct buf *plain, struct err *err)
{
	struct adding a = { dir, plain, err };
	char keys[PLACE_MAX + 16];
	snprintf(keys, sizeof keys, "%s/keys/keys", dir);
	int r = add_file("knot_backup.label", &a);
	r = r < 0 ? r : add_file("keys/data.mdb", &a);
	r = r < 0 ? r : fs_list(keys, add_key, &a, err);
	bundle_finish(plain);
	return r == 0 && plain->failed ? err_set(err, E_LIMIT, dir, "more keys than the link carries") : r;
}

static int give(struct dnskeysd *d, struct err *err)
{
	struct timespec when;
	char dir[PLACE_MAX], path[PLACE_MAX];
	struct buf plain, sealed;
	if (!changed(d, &when))
		return 0;
	buf_init(&plain, BUNDLE_MAX);
	buf_init(&sealed, BUNDLE_MAX + KIB);
	place_in_run(dir, sizeof dir, "knot/backup");
	int r = fs_rmtree(dir, err);
	r = r < 0 ? r : copy_keys("zone-backup", dir, err);
	r = r < 0 ? r : collect(dir, &plain, err);
	r = r < 0 ? r : bundle_seal(d->key, buf_view(&plain), &sealed, err);
	r = r < 0 ? r : fs_write(place_in_run(path, sizeof path, "pair-knot/own"), buf_view(&sealed), 0640, err);
	if (r == 0)
		d->given = when;
	fs_rmtree(dir, NULL);
	if (plain.ptr)
		OPENSSL_cleanse(plain.ptr, plain.cap);
	buf_done(&plain), buf_done(&sealed);
	return r;
}

/* ---- taking ---- */

static int put_file(const char *name, struct str bytes, void *user)
{
	char path[PLACE_MAX];
	(void)user;
	return fs_write(place_in_run(path, sizeof path, "knot/restore/%s", name), bytes, 0600, NULL);
}

static int restore(struct str plain, struct err *err)
{
	static const char *const load[] = { "zone-keys-load", NULL };
	char dir[PLACE_MAX], keys[PLACE_MAX];
	place_in_run(dir, sizeof dir, "knot/restore");
	int r = fs_rmtree(dir, err);
	r = r < 0 ? r : fs_mkdirs(place_in_run(keys, sizeof keys, "knot/restore/keys/keys"), 0700, err);
	if (r == 0 && bundle_each(plain, put_file, NULL) < 0)
		r = err_set(err, E_INVALID, "keys", "the other node's keys are of another form, or can't be written");
	r = r < 0 ? r : copy_keys("zone-restore", dir, err);
	r = r < 0 ? r : knotc(load, err);
	fs_rmtree(dir, NULL);
	return r;
}

/* Its hash is kept beside Knot's keys: what was taken isn't taken again after this node has carried the traffic and made other keys. */
static bool taken(const unsigned char sum[SHA256_LEN])
{
	char path[PLACE_MAX];
	struct buf b;
	buf_init(&b, KIB);
	bool yes = fs_read(place_in_state(path, sizeof path, "knot/taken"), &b, NULL) == 0 && b.len == SHA256_LEN && memcmp(b.ptr, sum, SHA256_LEN) == 0;
	buf_done(&b);
	return yes;
}

static int take(struct dnskeysd *d, struct err *err)
{
	char path[PLACE_MAX];
	unsigned char sum[SHA256_LEN];
	struct buf sealed, plain;
	place_in_run(path, sizeof path, "pair-knot/other");
	if (!fs_exists(path))
		return 0;
	buf_init(&sealed, BUNDLE_MAX + KIB);
	buf_init(&plain, BUNDLE_MAX);
	int r = fs_read(path, &sealed, err);
	if (r == 0)
		hash_sha256(sealed.ptr ? sealed.ptr : "", sealed.len, sum);
	if (r == 0 && !taken(sum)) {
		r = bundle_open(d->key, buf_view(&sealed), &plain, err);
		r = r < 0 ? r : restore(buf_view(&plain), err);
		r = r < 0 ? r : fs_write(place_in_state(path, sizeof path, "knot/taken"), (struct str){ (const char *)sum, sizeof sum }, 0600, err);
		if (r == 0)
			log_info("", "keys", "the zones are signed with the other node's keys");
	}
	if (plain.ptr)
		OPENSSL_cleanse(plain.ptr, plain.cap);
	buf_done(&sealed), buf_done(&plain);
	return r;
}

/* ---- main ---- */

static void look(struct dnskeysd *d)
{
	char path[PLACE_MAX];
	struct err err = { 0 };
	if (!fs_exists(place_in_run(path, sizeof path, "knot/knot.sock")))
		return; /* no zones, or it doesn't run yet */
	int r = daemon_stands_by() ? take(d, &err) : give(d, &err);
	if (r < 0 && d->failures++ % 60 == 5) /* Knot may just be starting */
		log_err(LOG_LEVEL_WARN, "", "keys", &err);
	if (r == 0)
		d->failures = 0;
}

/* The first process of its namespace: a signal that it doesn't take is none. What it writes is renamed into place, and knotc ends with it. */
static void on_term(int signum)
{
	(void)signum;
	_exit(0);
}

int main(void)
{
	static struct dnskeysd d;
	struct vault *v = NULL;
	struct err err = { 0 };
	log_open("dnskeysd", LOG_LEVEL_INFO);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTERM, on_term);
	int r = vault_open(NULL, 10000, &v, &err);
	r = r < 0 ? r : vault_tsig(v, "dnssec", d.key, &err);
	vault_close(&v);
	if (r < 0) {
		log_err(LOG_LEVEL_ERROR, "", "start", &err);
		return 1;
	}
	for (;; poll(NULL, 0, LOOK_MS))
		look(&d);
}
