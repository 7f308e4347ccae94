/* toride signatures import: new malware signatures act only after a trial. They are copied beside the ones in force, must find the
 * test file and must find nothing in files that are known to be clean; then the two directories change places in one step, and
 * toride-scand tells clamd. What was in force stays as feeds/clamav.before. */
#include "cli/signatures.h"

#include "cli/cli.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/proc.h"
#include "wire/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRIAL_MS (15 * 60 * 1000) /* the real database is loaded once or twice */
#define CLEAN_MAX 16    /* places named by who asks */
#define PROGRAMS_MAX 64 /* ours: toride and toride-*, not what lies beside them */

struct trial {
	const char *from;
	char new_dir[PLACE_MAX], now[PLACE_MAX], before[PLACE_MAX], own_clean[PLACE_MAX];
	char programs[PROGRAMS_MAX][PLACE_MAX];
	const char *clean[CLEAN_MAX + PROGRAMS_MAX];
	size_t n_clean, n_programs, files;
	struct err *err;
};

/* clamd(8)'s kinds of files, and nothing else that lies about. */
static bool is_database(const char *name)
{
	static const char *const kinds[] = { "cvd", "cld", "cud", "hdb", "hsb", "hdu", "hsu", "mdb", "msb", "mdu", "msu", "ndb", "ndu", "ldb",
		                             "ldu", "idb", "fp", "sfp", "ign", "ign2", "pdb", "gdb", "wdb", "cdb", "crb", "cbc", "cfg", "info", "pwdb" };
	const char *dot = strrchr(name, '.');
	for (size_t i = 0; dot && name[0] != '.' && i < ARRAY_LEN(kinds); i++)
		if (strcmp(dot + 1, kinds[i]) == 0)
			return true;
	return false;
}

static int copy_file(const char *from, const char *to, struct err *err)
{
	_cleanup_fd_ int in = open(from, O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	char chunk[65536];
	ssize_t n;
	if (in < 0 || out < 0)
		return err_errno(err, in < 0 ? from : to, "cannot open");
	while ((n = read(in, chunk, sizeof chunk)) > 0)
		if (fs_write_all(out, chunk, (size_t)n, err) < 0)
			return -E_IO;
	return n < 0 || fchmod(out, 0644) < 0 || fsync(out) < 0 ? err_errno(err, from, "cannot copy") : 0;
}

static int copy_one(const char *name, void *user)
{
	struct trial *t = user;
	char from[PLACE_MAX], to[PLACE_MAX];
	if (!is_database(name))
		return 0;
	if (snprintf(from, sizeof from, "%s/%s", t->from, name) >= (int)sizeof from || snprintf(to, sizeof to, "%s/%s", t->new_dir, name) >= (int)sizeof to)
		return err_set(t->err, E_LIMIT, name, "its path is too long");
	t->files++;
	return copy_file(from, to, t->err);
}

static int add_program(const char *name, void *user)
{
	struct trial *t = user;
	struct stat st;
	char *path = t->programs[t->n_programs];
	if (strcmp(name, "toride") != 0 && (!str_starts(str_from(name), STR("toride-")) || strchr(name, '.')))
		return 0;
	if (t->n_programs == PROGRAMS_MAX)
		return err_set(t->err, E_LIMIT, name, "more programs than %d", PROGRAMS_MAX);
	if (snprintf(path, PLACE_MAX, "%s/%s", place_programs(), name) >= PLACE_MAX)
		return err_set(t->err, E_LIMIT, name, "its path is too long");
	if (stat(path, &st) == 0 && S_ISREG(st.st_mode)) {
		t->clean[t->n_clean++] = path;
		t->n_programs++;
	}
	return 0;
}

static int copy_all(struct trial *t)
{
	int r = fs_exists(t->new_dir) ? fs_rmtree(t->new_dir, t->err) : 0;
	if (r == 0)
		r = fs_mkdirs(t->new_dir, 0755, t->err);
	if (r == 0)
		r = fs_list(t->from, copy_one, t, t->err);
	return r == 0 && t->files == 0 ? err_set(t->err, E_NOT_FOUND, t->from, "no file of signatures there") : r;
}

/* What they find in these files, which stand behind "--": 0 nothing, 1 something; *ret_line the first. */
static int look(const struct trial *t, const char *const *paths, size_t n, struct str input, int *ret_status, char line[256])
{
	const char *argv[CLEAN_MAX + PROGRAMS_MAX + 8] = { "clamscan", "--stdout", "--infected", "--no-summary", "-r" };
	char database[PLACE_MAX + 16];
	struct buf out;
	size_t k = 5;
	snprintf(database, sizeof database, "--database=%s", t->new_dir);
	argv[k++] = database;
	argv[k++] = "--";
	for (size_t i = 0; i < n; i++)
		argv[k++] = paths[i];
	buf_init(&out, MIB);
	int r = proc_run(&(struct proc_opts){ .argv = argv, .input = input, .timeout_ms = TRIAL_MS, .out = &out, .ret_status = ret_status }, t->err);
	struct str rest = buf_view(&out), first;
	line[0] = 0;
	if (str_next(&rest, '\n', &first))
		snprintf(line, 256, STR_FMT, STR_ARG(first));
	buf_done(&out);
	return r;
}

static int try_them(struct trial *t)
{
	static const char *const input[] = { "-" };
	/* In two pieces, so that this program isn't a finding itself. */
	static const char head[] = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-", tail[] = "STANDARD-ANTIVIRUS-TEST-FILE!$H+H*";
	char eicar[80], line[256];
	int status = 0, r;
	snprintf(eicar, sizeof eicar, "%s%s", head, tail);
	r = look(t, input, 1, str_from(eicar), &status, line);
	if (r == 0 && status != 1)
		r = err_set(t->err, E_INVALID, t->from, "the signatures don't find the test file%s%s", line[0] ? ": " : "", line);
	if (r == 0)
		r = look(t, t->clean, t->n_clean, STR(""), &status, line);
	if (r == 0 && status == 1)
		r = err_set(t->err, E_INVALID, t->from, "the signatures find something in a clean file: %s", line);
	else if (r == 0 && status != 0)
		r = err_set(t->err, E_INVALID, t->from, "the trial couldn't be made (exit code %d): %s", status, line);
	return r;
}

/* What is in force keeps a name at every moment: clamd may load at any. */
static int change_places(struct trial *t)
{
	if (!fs_exists(t->now))
		return rename(t->new_dir, t->now) < 0 ? err_errno(t->err, t->now, "cannot put there") : 0;
	if (renameat2(AT_FDCWD, t->new_dir, AT_FDCWD, t->now, RENAME_EXCHANGE) < 0)
		return err_errno(t->err, t->now, "cannot change places");
	if (fs_exists(t->before) && fs_rmtree(t->before, t->err) < 0)
		return -E_IO;
	return rename(t->new_dir, t->before) < 0 ? err_errno(t->err, t->before, "cannot keep the old ones") : 0;
}

static void print_done(const struct trial *t, bool json)
{
	if (json)
		printf("{\"files\":%zu,\"clean_places\":%zu,\"in_force\":true}\n", t->files, t->n_clean);
	else if (cli_japanese())
		printf("シグネチャ %zu 個のファイルを有効にしました。無害なファイル (%zu か所) に誤検知はありませんでした。\n", t->files, t->n_clean);
	else
		printf("%zu files of signatures are in force; nothing was found in the clean files (%zu places).\n", t->files, t->n_clean);
}

int cmd_signatures_import(int argc, char **argv)
{
	struct err err;
	static struct trial t;
	t = (struct trial){ .err = &err };
	bool json = cli_flag(&argc, argv, "--json");
	for (const char *c; t.n_clean < CLEAN_MAX - 2 && (c = cli_option(&argc, argv, "--clean"));)
		t.clean[t.n_clean++] = c;
	if (argc != 1)
		return cli_usage(&cli_scan[1]);
	t.from = argv[0];
	place_in_state(t.now, sizeof t.now, "feeds/clamav");
	place_in_state(t.new_dir, sizeof t.new_dir, "feeds/clamav.new");
	place_in_state(t.before, sizeof t.before, "feeds/clamav.before");
	place_in_state(t.own_clean, sizeof t.own_clean, "feeds/clean");
	if (fs_exists(t.own_clean))
		t.clean[t.n_clean++] = t.own_clean;
	int r = fs_list(place_programs(), add_program, &t, &err);
	if (r == 0)
		r = copy_all(&t);
	if (r == 0)
		r = try_them(&t);
	if (r == 0)
		r = change_places(&t);
	else
		fs_rmtree(t.new_dir, NULL);
	if (r < 0)
		return cli_error(&err);
	print_done(&t, json);
	return EXIT_DONE;
}
