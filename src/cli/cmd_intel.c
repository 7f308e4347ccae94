/* toride intel fetch: threat intelligence from TAXII servers into files that detection reads (doc/DETECTION.md). The network and every byte of a
 * server are a child's matter that reaches no file (jail/tool.h); what it hands back is put in place whole, or not at all. */
#include "cli/child.h"
#include "cli/cli.h"
#include "taxii/taxii.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "jail/tool.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#define SECRET_MAX 1000
#define BUNDLE_MAX (256u * MIB)

struct report { /* what the child says */
	unsigned pages;
	uint64_t kept, taken, removed, left_out;
	char last[TAXII_DATE];
};

struct fetch {
	const struct taxii_source *s;
	char bundle[PATH_MAX], part[PATH_MAX], mark[PATH_MAX];
	char password[SECRET_MAX + 1], since[TAXII_DATE];
	struct buf authorities, before;
	int out; /* part, open */
	struct report report;
};

/* ---- the child */

static int fetch_all(struct fetch *f, struct err *err)
{
	struct taxii_bundle b;
	struct buf text;
	char none[TAXII_NEXT];
	taxii_bundle_init(&b, clock_now_ms());
	buf_init(&text, BUNDLE_MAX);
	int r = f->before.len ? taxii_bundle_add(&b, buf_view(&f->before), none, err) : 0;
	b.taken = b.left_out = 0;
	struct taxii_fetch t = { f->s, f->password, buf_view(&f->authorities), f->since };
	r = r < 0 ? r : taxii_fetch(&t, &b, f->report.last, &f->report.pages, err);
	if (r == 0) {
		taxii_bundle_format(&b, &text);
		r = text.failed ? err_set(err, E_LIMIT, "", "the bundle is too large") : fs_write_all(f->out, text.ptr, text.len, err);
	}
	f->report.kept = b.by_id.len, f->report.taken = b.taken, f->report.removed = b.removed, f->report.left_out = b.left_out;
	buf_done(&text);
	taxii_bundle_done(&b);
	return r;
}

/* The bundle goes into the file that is open, the report to the parent. */
static int fetch_jailed(void *user, struct buf *out, struct err *err)
{
	struct fetch *f = user;
	struct rlimit size = { BUNDLE_MAX, BUNDLE_MAX };
	setrlimit(RLIMIT_FSIZE, &size);
	int r = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? 0 : err_set(err, E_NOMEM, "curl", "cannot begin");
	r = r < 0 ? r : jail_tool((struct jail_tool){ .network = true }, err);
	r = r < 0 ? r : fetch_all(f, err);
	buf_put(out, &f->report, sizeof f->report);
	return r;
}

/* ---- the parent: it looks at nothing that came from outside but the report */

static int run_child(struct fetch *f, struct err *err)
{
	struct buf report;
	int r = cli_child(fetch_jailed, f, f->out, sizeof f->report, &report, f->s->name, err);
	if (r == 0 && report.len != sizeof f->report)
		r = err_set(err, E_IO, f->s->name, "no report");
	if (r == 0)
		memcpy(&f->report, report.ptr, sizeof f->report);
	f->report.last[TAXII_DATE - 1] = 0;
	buf_done(&report);
	return r;
}

/* The new bundle first: where only its mark is missing, the next fetch brings some of it twice. */
static int put_in_place(struct fetch *f, int out, struct err *err)
{
	const char *last = *f->report.last ? f->report.last : f->since;
	if (fsync(out) < 0 || rename(f->part, f->bundle) < 0)
		return err_errno(err, f->bundle, "cannot be put in place");
	return taxii_is_date(str_from(last)) ? fs_write(f->mark, str_from(last), 0644, err) : 0;
}

static int read_secret(struct fetch *f, struct err *err)
{
	struct buf b;
	if (!*f->s->secret)
		return 0;
	buf_init(&b, SECRET_MAX + 2);
	int r = fs_read(f->s->secret, &b, err);
	struct str s = buf_view(&b);
	while (s.len && (s.ptr[s.len - 1] == '\n' || s.ptr[s.len - 1] == '\r'))
		s.len--;
	if (r == 0 && (!s.len || memchr(s.ptr, '\n', s.len) || !str_copy(s, f->password, sizeof f->password)))
		r = err_set(err, E_INVALID, f->s->secret, "must hold one line of at most %d bytes", SECRET_MAX);
	buf_done(&b);
	return r;
}

/* What is there already; from when on is asked. Without the bundle its mark says nothing. */
static int read_before(struct fetch *f, struct err *err)
{
	struct buf b;
	if (!fs_exists(f->bundle))
		return 0;
	int r = fs_read(f->bundle, &f->before, err);
	buf_init(&b, 64);
	if (r == 0 && fs_exists(f->mark) && fs_read(f->mark, &b, NULL) == 0 && taxii_is_date(str_trim(buf_view(&b))))
		str_copy(str_trim(buf_view(&b)), f->since, sizeof f->since);
	buf_done(&b);
	return r;
}

static int fetch_source(struct fetch *f, struct err *err)
{
	int r = read_secret(f, err);
	if (r == 0 && *f->s->ca)
		r = fs_read(f->s->ca, &f->authorities, err);
	r = r < 0 ? r : read_before(f, err);
	if (r < 0)
		return r;
	_cleanup_fd_ int out = open(f->part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (out < 0)
		return err_errno(err, f->part, "cannot be written");
	f->out = out;
	r = run_child(f, err);
	r = r < 0 ? r : put_in_place(f, out, err);
	if (r < 0)
		unlink(f->part);
	return r;
}

static void show(const struct fetch *f, bool json)
{
	const struct report *p = &f->report;
	if (json)
		printf("{\"name\":\"%s\",\"pages\":%u,\"taken\":%llu,\"removed\":%llu,\"left_out\":%llu,\"kept\":%llu,\"since\":\"%s\"}\n", f->s->name, p->pages,
		       (unsigned long long)p->taken, (unsigned long long)p->removed, (unsigned long long)p->left_out, (unsigned long long)p->kept,
		       taxii_is_date(str_from(p->last)) ? p->last : f->since);
	else
		printf(cli_japanese() ? "%s: %u ページ、新規・更新 %llu 件、削除 %llu 件、対象外 %llu 件、計 %llu 件\n" : "%s: %u pages, %llu taken, %llu removed, %llu left out; %llu in all\n",
		       f->s->name, p->pages, (unsigned long long)p->taken, (unsigned long long)p->removed, (unsigned long long)p->left_out, (unsigned long long)p->kept);
}

static int fetch_one(const struct taxii_source *s, const char *dir, bool json)
{
	struct err err = { 0 };
	struct fetch f = { .s = s };
	buf_init(&f.authorities, 4 * MIB);
	buf_init(&f.before, TAXII_BYTES_MAX + 64 * MIB);
	bool fits = snprintf(f.bundle, sizeof f.bundle, "%s/taxii-%s.json", dir, s->name) < (int)sizeof f.bundle &&
	            snprintf(f.part, sizeof f.part, "%s/.taxii-%s.part", dir, s->name) < (int)sizeof f.part &&
	            snprintf(f.mark, sizeof f.mark, "%s/.taxii-%s.since", dir, s->name) < (int)sizeof f.mark;
	int r = fits ? fetch_source(&f, &err) : err_set(&err, E_INVALID, dir, "the name is too long");
	if (r == 0)
		show(&f, json);
	buf_done(&f.authorities);
	buf_done(&f.before);
	explicit_bzero(f.password, sizeof f.password);
	return r < 0 ? cli_error(&err) : EXIT_DONE;
}

static int intel_fetch(int argc, char **argv)
{
	struct err err = { 0 };
	struct arena a;
	struct buf text;
	struct taxii_source *list;
	size_t n = 0;
	bool json = cli_flag(&argc, argv, "--json");
	const char *dir = cli_option(&argc, argv, "-o"), *only = cli_option(&argc, argv, "--source");
	int code = EXIT_DONE;
	unsigned asked = 0;
	if (argc != 1 || !dir)
		return cli_usage(cli_intel);
	arena_init(&a, MIB);
	buf_init(&text, MIB);
	int r = fs_read(argv[0], &text, &err);
	r = r < 0 ? r : taxii_conf_parse(buf_view(&text), argv[0], &a, &list, &n, &err);
	for (size_t i = 0; r == 0 && i < n; i++)
		if (!only || strcmp(only, list[i].name) == 0) {
			int c = fetch_one(&list[i], dir, json); /* one that can't be reached is no reason to leave out the others */
			code = c ? c : code;
			asked++;
		}
	if (r == 0 && !asked)
		r = err_set(&err, E_NOT_FOUND, only, "no source of this name in %s", argv[0]);
	buf_done(&text);
	arena_done(&a);
	return r < 0 ? cli_error(&err) : code;
}

const struct cli_command cli_intel[] = {
	{ "intel fetch", "toride intel fetch SOURCES.json -o DIR [--source NAME] [--json]",
	  "fetches what is new from TAXII 2.1 servers into DIR/taxii-NAME.json, which detection reads",
	  "TAXII 2.1 サーバから新しい脅威情報を取得し、検知が読む DIR/taxii-NAME.json に加えます", intel_fetch },
	{ 0 },
};
