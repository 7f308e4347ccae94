/* Draws the board: see board.h. Widths are counted in terminal cells, where Japanese characters take two. */
#include "lab/board.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "wire/ctl.h"
#include "wire/words.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#define BOLD "\033[1m"
#define DIM "\033[2m"
#define RED "\033[31m"
#define GREEN "\033[32m"
#define YELLOW "\033[33m"
#define PLAIN "\033[0m"

struct frame {
	struct buf out;
	int columns, rows, used;
	bool ja;
	const struct lab *lab;
};

/* Cells of the UTF-8 text; *bytes: how much of it fits into `max` cells. Control characters count as misfits. */
static int cells(struct str s, int max, size_t *bytes)
{
	mbstate_t st = { 0 };
	int n = 0;
	size_t i = 0;
	while (i < s.len) {
		wchar_t c;
		size_t k = mbrtowc(&c, s.ptr + i, s.len - i, &st);
		int w = k == 0 || k > 4 ? -1 : wcwidth(c);
		if (w < 0 || n + w > max)
			break;
		n += w;
		i += k;
	}
	*bytes = i;
	return n;
}

static void cell(struct frame *f, struct str s, int width, bool right)
{
	size_t bytes;
	int n = cells(s, width, &bytes);
	for (int i = n; right && i < width; i++)
		buf_putc(&f->out, ' ');
	buf_put(&f->out, s.ptr, bytes);
	for (int i = n; !right && i < width; i++)
		buf_putc(&f->out, ' ');
	buf_putc(&f->out, ' ');
}

static void number(struct frame *f, uint64_t v, int width)
{
	char text[24];
	snprintf(text, sizeof text, "%llu", (unsigned long long)v);
	cell(f, str_from(text), width, true);
}

static void end_line(struct frame *f)
{
	buf_puts(&f->out, PLAIN "\033[K\r\n");
	f->used++;
}

static bool room(const struct frame *f, int keep)
{
	return f->used < f->rows - keep;
}

static void heading(struct frame *f, const char *ja, const char *en)
{
	buf_puts(&f->out, BOLD);
	buf_puts(&f->out, f->ja ? ja : en);
	end_line(f);
}

/* ---- asking ---- */

static yyjson_doc *ask(const struct lab *l, const char *request)
{
	char path[512];
	struct buf b;
	struct err err;
	yyjson_doc *doc = NULL;
	buf_init(&b, CTL_MAX);
	if (ctl_call(lab_path(l, path, "run/control.sock"), str_from(request), &b, 2000, &err) == 0)
		doc = yyjson_read(b.ptr, b.len, 0);
	buf_done(&b);
	return doc;
}

static yyjson_val *list_of(yyjson_doc *doc, const char *key)
{
	return yyjson_obj_get(yyjson_doc_get_root(doc), key);
}

static const struct org *org_of(const struct frame *f, yyjson_val *obj)
{
	const char *code = yyjson_get_str(yyjson_obj_get(obj, "org"));
	return code ? model_org(f->lab->model, code) : NULL;
}

static struct str org_name(const struct frame *f, yyjson_val *obj)
{
	const struct org *o = org_of(f, obj);
	return str_from(!o ? "*" : f->ja ? o->name : o->name_en);
}

/* ---- parts ---- */

static void draw_head(struct frame *f, yyjson_doc *status)
{
	yyjson_val *root = yyjson_doc_get_root(status);
	char text[512];
	const char *gen = yyjson_get_str(yyjson_obj_get(root, "generation"));
	snprintf(text, sizeof text, "砦 Toride  %s   %s %.19s   http://%s/", f->ja ? f->lab->model->service.name : f->lab->model->service.name_en,
	         f->ja ? "世代" : "generation", gen ? gen : "-", f->lab->model->service.page);
	buf_puts(&f->out, "\033[H" BOLD);
	cell(f, str_from(text), f->columns - 1, false);
	end_line(f);
}

/* How to sign in at the page: the password is good once. */
static void draw_sign_in(struct frame *f)
{
	char path[512], text[256];
	struct buf b;
	buf_init(&b, 256);
	if (fs_read(lab_path(f->lab, path, "sign-in"), &b, NULL) == 0) {
		const char *password = strchr(buf_cstr(&b), ' ');
		snprintf(text, sizeof text, f->ja ? "画面のログイン: 名前 %s  初回のパスワード%s" : "sign in at the page: name %s, one-time password%s", LAB_ANALYST,
		         password ? password : "");
		cell(f, str_from(text), f->columns - 1, false);
		end_line(f);
	}
	buf_done(&b);
}

static void draw_engines(struct frame *f, yyjson_doc *status)
{
	size_t i, max;
	yyjson_val *p;
	int left = f->columns - 2;
	yyjson_arr_foreach(list_of(status, "processes"), i, max, p) {
		struct str name = ctl_str(p, "name"), state = ctl_str(p, "state");
		bool ready = str_eq(state, STR("ready"));
		int need = (int)name.len + 3;
		if (need > left)
			break;
		left -= need;
		buf_printf(&f->out, "%s●" PLAIN " " STR_FMT " ", ready ? GREEN : RED, STR_ARG(name));
	}
	end_line(f);
}

static uint64_t counter(yyjson_val *row, const char *process, const char *name)
{
	return ctl_u64(yyjson_obj_get(row, process), name, 0);
}

static void draw_org(struct frame *f, yyjson_val *row, const struct org *o)
{
	uint64_t open = counter(row, "respondd", "incidents_open");
	cell(f, str_from(o->code), 6, false);
	cell(f, str_from(f->ja ? o->name : o->name_en), 16, false);
	number(f, counter(row, "proxyd", "requests"), 9);
	number(f, counter(row, "proxyd", "bytes_in") / 1024, 9);
	number(f, counter(row, "proxyd", "denied"), 7);
	number(f, counter(row, "proxyd", "malicious"), 7);
	number(f, counter(row, "respondd", "blocks_active"), 6);
	buf_puts(&f->out, open ? YELLOW : "");
	number(f, open, 9);
	end_line(f);
}

static void draw_orgs(struct frame *f, yyjson_doc *status, int keep)
{
	size_t i, max;
	yyjson_val *row;
	heading(f, "団体                      要求数    受信KB    拒否    検知   遮断 インシデント",
	        "organisation           requests   KB in     denied malware blocks incidents");
	/* Those with traffic first; the quiet ones as far as there is room. */
	for (int quiet = 0; quiet < 2; quiet++)
		yyjson_arr_foreach(list_of(status, "counters"), i, max, row) {
			const struct org *o = org_of(f, row);
			bool silent = counter(row, "proxyd", "requests") + counter(row, "respondd", "incidents_open") == 0;
			if (o && silent == (quiet == 1) && room(f, keep))
				draw_org(f, row, o);
		}
}

static void clock_words(const struct frame *f, yyjson_val *notice, char dst[96])
{
	uint64_t due = ctl_u64(notice, "due", 0), now = (uint64_t)clock_now_ms();
	const char *acked = yyjson_get_str(yyjson_obj_get(notice, "acked_by"));
	if (acked)
		snprintf(dst, 96, f->ja ? "受領確認 %s" : "acknowledged by %s", acked);
	else if (due > now)
		snprintf(dst, 96, f->ja ? "緊急連絡まで %llu分%02llu秒" : "notice due in %llum%02llus", (unsigned long long)(due - now) / 60000,
		         (unsigned long long)((due - now) / 1000 % 60));
	else if (due)
		snprintf(dst, 96, "%s", f->ja ? "緊急連絡の期限を過ぎた" : "notice overdue");
	else if (ctl_u64(notice, "sent", 0))
		snprintf(dst, 96, "%s", f->ja ? "連絡済み・応答待ち" : "told, waiting for an answer");
	else
		snprintf(dst, 96, "-");
}

static void draw_incidents(struct frame *f, yyjson_doc *doc, int keep)
{
	static const char *const colours[] = { DIM, "", YELLOW, RED };
	size_t i, max;
	yyjson_val *v;
	heading(f, "インシデント", "incidents");
	yyjson_arr_foreach(list_of(doc, "incidents"), i, max, v) {
		char when[96];
		uint64_t sev = ctl_u64(yyjson_obj_get(v, "severity"), "effective", 0);
		if (!room(f, keep))
			break;
		clock_words(f, yyjson_obj_get(v, "notice"), when);
		buf_puts(&f->out, colours[sev > 3 ? 3 : sev]);
		cell(f, ctl_str(v, "number"), 15, false);
		number(f, sev, 1);
		cell(f, org_name(f, v), 12, false);
		cell(f, ctl_str(v, "terminal").ptr ? ctl_str(v, "terminal") : STR("-"), 16, false);
		cell(f, str_from(when), 28, false);
		cell(f, ctl_str(v, f->ja ? "title_ja" : "title"), f->columns - 80 > 10 ? f->columns - 80 : 10, false);
		end_line(f);
	}
}

static void draw_blocks(struct frame *f, yyjson_doc *doc, int keep)
{
	char verdict[32] = "";
	size_t i, max;
	yyjson_val *v;
	heading(f, "遮断(対象・団体・効いているか・理由)", "blocks (what, for whom, does it hold, why)");
	yyjson_arr_foreach(list_of(doc, "blocks"), i, max, v) {
		if (!str_eq(ctl_str(v, "state"), STR("active")))
			continue;
		if (!room(f, keep))
			break;
		cell(f, ctl_str(v, "value"), 24, false);
		cell(f, org_name(f, v), 16, false);
		str_copy(ctl_str(v, "verified"), verdict, sizeof verdict);
		cell(f, str_from(words_of(WORDS_CHECK, verdict, f->ja)), 26, false);
		cell(f, ctl_str(v, "reason"), f->columns - 74 > 10 ? f->columns - 74 : 10, false);
		end_line(f);
	}
}

static void draw_story(struct frame *f, const char *path)
{
	struct buf b;
	struct str rest, line, last[64];
	size_t n = 0;
	buf_init(&b, MIB);
	heading(f, "物語", "story");
	if (fs_read(path, &b, NULL) == 0 && b.len) {
		rest = buf_view(&b);
		while (str_next(&rest, '\n', &line))
			if (line.len)
				last[n++ % ARRAY_LEN(last)] = line;
	}
	size_t show = (size_t)(f->rows - f->used - 1), from = n > show ? n - show : 0;
	for (size_t i = from; i < n; i++) {
		cell(f, last[i % ARRAY_LEN(last)], f->columns - 1, false);
		end_line(f);
	}
	buf_done(&b);
}

static void measure(struct frame *f, int fd)
{
	struct winsize w;
	f->columns = 100;
	f->rows = 40;
	if (ioctl(fd, TIOCGWINSZ, &w) == 0 && w.ws_col >= 40 && w.ws_row >= 16) {
		f->columns = w.ws_col;
		f->rows = w.ws_row;
	}
}

int board_draw(const struct lab *l, int fd, const char *story, bool japanese, struct err *err)
{
	struct frame f = { .ja = japanese, .lab = l };
	if (MB_CUR_MAX < 4)
		setlocale(LC_CTYPE, "C.UTF-8");
	buf_init(&f.out, MIB);
	measure(&f, fd);
	yyjson_doc *status = ask(l, "{\"v\":1,\"do\":\"status\"}"), *incidents = ask(l, "{\"v\":1,\"do\":\"incident.list\"}"),
	           *blocks = ask(l, "{\"v\":1,\"do\":\"block.list\"}");
	int tail = f.rows / 4;
	draw_head(&f, status);
	draw_sign_in(&f);
	draw_engines(&f, status);
	draw_orgs(&f, status, f.rows / 2);
	draw_incidents(&f, incidents, f.rows / 4 + tail / 2);
	draw_blocks(&f, blocks, tail);
	draw_story(&f, story);
	buf_puts(&f.out, "\033[J");
	int r = f.out.failed ? err_set(err, E_NOMEM, "board", "no memory") : fs_write_all(fd, f.out.ptr, f.out.len, err);
	yyjson_doc_free(status);
	yyjson_doc_free(incidents);
	yyjson_doc_free(blocks);
	buf_done(&f.out);
	return r;
}
