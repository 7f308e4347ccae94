/* See ips_try.h. All files lie in STATE/check/ips while it runs: captures and rules to read, a directory of Suricata's own to write. */
#include "cli/ips_try.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/proc.h"
#include "compile/compile.h"
#include "ips/clean.h"
#include "wire/place.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRY_MS (15 * 60 * 1000)
#define CAPTURE_MAX (256u * MIB)
#define SAID_MAX (64u * MIB)

static const char *in_try(char dst[PLACE_MAX], const char *name)
{
	return place_in_state(dst, PLACE_MAX, "check/ips%s%s", *name ? "/" : "", name);
}

static int put(const char *name, struct str data, struct err *err)
{
	char path[PLACE_MAX];
	return fs_write(in_try(path, name), data, 0644, err);
}

static int put_capture(struct ips_try *t, const char *from, const char *as, struct err *err)
{
	char name[300];
	struct buf b;
	buf_init(&b, CAPTURE_MAX);
	int r = fs_read(from, &b, err);
	snprintf(name, sizeof name, "clean/%03zu-%.200s", t->n_read, as);
	if (r == 0)
		r = put(name, buf_view(&b), err);
	buf_done(&b);
	t->n_read += r == 0;
	return r;
}

struct listing {
	struct ips_try *t;
	const char *dir;
	struct err *err;
};

static int put_listed(const char *name, void *user)
{
	struct listing *l = user;
	char path[PLACE_MAX];
	struct str s = str_from(name);
	if (name[0] == '.' || (!str_ends(s, STR(".pcap")) && !str_ends(s, STR(".pcapng"))))
		return 0;
	if (snprintf(path, sizeof path, "%s/%s", l->dir, name) >= (int)sizeof path)
		return err_set(l->err, E_LIMIT, name, "its path is too long");
	return put_capture(l->t, path, name, l->err);
}

static int put_captures(struct ips_try *t, struct err *err)
{
	char dir[PLACE_MAX], name[64];
	int r = 0;
	for (size_t i = 0; r == 0 && clean_names[i]; i++) {
		struct buf b;
		buf_init(&b, MIB);
		r = clean_capture(clean_names[i], &b);
		snprintf(name, sizeof name, "clean/%s.pcap", clean_names[i]);
		r = r < 0 ? err_set(err, (enum err_code)-r, name, "cannot be made") : put(name, buf_view(&b), err);
		buf_done(&b);
		t->n_read++;
	}
	place_in_state(dir, sizeof dir, "feeds/ips/clean");
	if (r == 0 && fs_exists(dir))
		r = fs_list(dir, put_listed, &(struct listing){ t, dir, err }, err);
	for (size_t i = 0; r == 0 && i < t->n_captures; i++) {
		const char *slash = strrchr(t->captures[i], '/');
		r = put_capture(t, t->captures[i], slash ? slash + 1 : t->captures[i], err);
	}
	return r;
}

static int prepare(struct ips_try *t, struct str rules, struct err *err)
{
	static const char *const dirs[] = { "clean", "said" };
	char path[PLACE_MAX];
	struct buf yaml;
	int r = fs_rmtree(in_try(path, ""), err);
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(dirs); i++)
		if ((r = fs_mkdirs(in_try(path, dirs[i]), 0755, err)) == 0 && chmod(path, 0755) < 0)
			r = err_errno(err, path, "cannot open it");
	if (r == 0 && geteuid() == 0 && chown(in_try(path, "said"), USER_SURICATA, USER_SURICATA) < 0)
		r = err_errno(err, path, "cannot give it to Suricata's user");
	buf_init(&yaml, 16 * MIB);
	compile_suricata_try(t->m, CLEAN_BODY, &yaml);
	r = r < 0 ? r : yaml.failed ? err_set(err, E_NOMEM, "", "no memory") : put("suricata.yaml", buf_view(&yaml), err);
	buf_done(&yaml);
	r = r < 0 ? r : put("try.rules", rules, err);
	return r < 0 ? r : put_captures(t, err);
}

/* It ends with 0 also when it couldn't read a capture: "W: pcap: Failed to init pcap file F, skipping", "i: pcap: read N files, …". */
static int all_read(const struct ips_try *t, struct err *err)
{
	static const char skipped[] = "W: pcap: Failed to init pcap file ", count[] = "i: pcap: read ";
	struct str rest = buf_view(&t->said), line;
	uint64_t n = 0;
	while (rest.len && str_next(&rest, '\n', &line)) {
		struct str tail = line;
		if (str_starts(line, STR(skipped))) {
			const char *slash = memrchr(line.ptr, '/', line.len);
			tail = slash ? (struct str){ slash + 1, (size_t)(line.ptr + line.len - slash - 1) } : line;
			return err_set(err, E_INVALID, "capture", "isn't one that can be read: " STR_FMT, STR_ARG(tail));
		}
		if (str_starts(line, STR(count))) {
			tail = (struct str){ line.ptr + sizeof count - 1, line.len - (sizeof count - 1) };
			struct str number;
			if (!str_next(&tail, ' ', &number) || !str_to_u64(number, UINT32_MAX, &n))
				n = 0;
		}
	}
	return n == t->n_read ? 0 : err_set(err, E_IO, "suricata", "it read %llu of %zu captures", (unsigned long long)n, t->n_read);
}

static int run(struct ips_try *t, struct err *err)
{
	char yaml[PLACE_MAX], rules[PLACE_MAX], clean[PLACE_MAX], said[PLACE_MAX], eve[PLACE_MAX];
	const char *argv[] = { "suricata", "--runmode", "single", "-k", "none", "-c", in_try(yaml, "suricata.yaml"), "-S", in_try(rules, "try.rules"),
		               "-r", in_try(clean, "clean"), "-l", in_try(said, "said"), NULL };
	uid_t user = geteuid() == 0 ? USER_SURICATA : 0;
	int status = 0;
	int r = proc_run(&(struct proc_opts){ .argv = argv, .timeout_ms = TRY_MS, .uid = user, .gid = user, .out = &t->said, .ret_status = &status }, err);
	if (r == 0 && status != 0)
		r = err_set(err, E_IO, "suricata", "the trial couldn't be made (exit code %d)", status);
	r = r < 0 ? r : all_read(t, err);
	return r < 0 ? r : fs_read(in_try(eve, "said/eve.json"), &t->eve, err);
}

int ips_try_run(struct ips_try *t, struct str rules, struct err *err)
{
	char path[PLACE_MAX];
	buf_init(&t->said, SAID_MAX);
	buf_init(&t->eve, SAID_MAX);
	int r = prepare(t, rules, err);
	r = r < 0 ? r : run(t, err);
	fs_rmtree(in_try(path, ""), NULL);
	return r;
}

void ips_try_done(struct ips_try *t)
{
	buf_done(&t->said);
	buf_done(&t->eve);
}
