/* See import_read.h. */
#include "cli/import_read.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/proc.h"
#include "cli/cli.h"
#include "detect/engine.h"
#include "detect/ruleset.h"
#include "device/charset.h"
#include "device/evtx.h"
#include "device/frame.h"
#include "jail/tool.h"
#include "wire/cursor.h"

#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define MEMORY (2048ull * MIB) /* the file itself, which is mapped, isn't counted */
#define OUT_BYTES (256u * 1024) /* frames go up in pieces of this size */

int import_frame(struct str bytes, enum import_kind *ret_kind, struct str *ret_body, size_t *ret_used)
{
	struct rd r = rd_from(bytes.ptr, bytes.len);
	if (bytes.len < IMPORT_FRAME_HEAD)
		return -E_AGAIN;
	uint8_t kind = rd_u8(&r);
	uint32_t n = rd_u32(&r);
	if (kind < IMPORT_EVENT || kind > IMPORT_FINDING || n > IMPORT_FRAME_MAX || (n == 0) != (kind == IMPORT_LOST))
		return -E_INVALID;
	if (bytes.len - IMPORT_FRAME_HEAD < n)
		return -E_AGAIN;
	*ret_kind = (enum import_kind)kind;
	*ret_body = (struct str){ bytes.ptr + IMPORT_FRAME_HEAD, n };
	*ret_used = IMPORT_FRAME_HEAD + n;
	return 0;
}

struct reading {
	const struct import_reading *o;
	struct device_source source;
	struct ruleset *rules;
	struct engine *engine;
	struct buf out, event;
	uint64_t number;
	bool broken; /* the other half is gone */
};

static void send_out(struct reading *rd)
{
	if (rd->out.len && fs_write_all(rd->o->out, rd->out.ptr, rd->out.len, NULL) < 0)
		rd->broken = true;
	buf_reset(&rd->out);
}

static void put(struct reading *rd, enum import_kind kind, struct str body)
{
	if (body.len > IMPORT_FRAME_MAX)
		body.len = IMPORT_FRAME_MAX;
	wr_u8(&rd->out, (uint8_t)kind);
	wr_u32(&rd->out, (uint32_t)body.len);
	buf_str(&rd->out, body);
	if (rd->out.len >= OUT_BYTES)
		send_out(rd);
}

/* ---- rules ---- */

static void say_fault(const struct err *err, void *user)
{
	(void)user;
	fprintf(stderr, "toride: %s: %s\n", err->path, err->msg);
}

static void found(const struct finding *f, void *user)
{
	struct reading *rd = user;
	struct buf b;
	buf_init(&b, FINDING_JSON_MAX * 2);
	cli_finding(f, rd->o->json, &b);
	if (!rd->o->json && f->n_records)
		buf_printf(&b, " %s", f->records[0]);
	if (!b.failed)
		put(rd, IMPORT_FINDING, buf_view(&b));
	buf_done(&b);
}

static int load_rules(struct reading *rd, struct err *err)
{
	int r = ruleset_load(&rd->o->rules, 1, &(struct ruleset_opts){ .on_fault = say_fault }, &rd->rules, err);
	return r < 0 ? r : engine_create(&(struct engine_opts){ .rules = rd->rules, .on_finding = found, .user = rd }, &rd->engine, err);
}

/* With the body in it, which intaked will put there too. */
static void judge(struct reading *rd, struct str event)
{
	char record[64];
	struct buf b;
	if (!rd->engine || event.len < 2)
		return;
	buf_init(&b, EVENTS_MAX + 64);
	buf_printf(&b, "{\"org\":\"%s\",", rd->o->org);
	buf_str(&b, (struct str){ event.ptr + 1, event.len - 1 });
	snprintf(record, sizeof record, "%s/%llu", rd->o->id, (unsigned long long)rd->number);
	if (!b.failed)
		engine_event(rd->engine, &(struct engine_event){ .json = buf_view(&b), .record = str_from(record) }, NULL);
	buf_done(&b);
}

/* ---- lines and records ---- */

static void one(struct reading *rd, struct str line, bool cut)
{
	struct device_result res;
	rd->number++;
	buf_reset(&rd->event);
	device_event(line, &rd->source, rd->o->written_ms, NULL, cut, &rd->event, &res);
	put(rd, !res.parsed ? IMPORT_RAW : res.has_time ? IMPORT_EVENT : IMPORT_UNDATED, buf_view(&rd->event));
	judge(rd, buf_view(&rd->event));
}

static void one_record(struct str json, void *user)
{
	one(user, json, false);
}

static void read_evtx(struct reading *rd, struct str file)
{
	size_t n;
	rd->source.format = device_format_find(STR("windows"));
	for (size_t lost = evtx_each(file, one_record, rd, &n); lost; lost--)
		put(rd, IMPORT_LOST, STR(""));
}

static void read_lines(struct reading *rd, struct str file)
{
	struct str line;
	while (!rd->broken && file.len && str_next(&file, '\n', &line)) {
		bool cut = line.len > FRAME_MAX;
		if (line.len && line.ptr[line.len - 1] == '\r')
			line.len--;
		if (line.len)
			one(rd, (struct str){ line.ptr, cut ? FRAME_MAX : line.len }, cut);
	}
}

static void read_file(struct reading *rd, struct str file)
{
	if (evtx_is(file))
		read_evtx(rd, file);
	else
		read_lines(rd, file);
	if (rd->engine)
		engine_tick(rd->engine, INT64_MAX / 4); /* the end of the file: windows that wait are judged */
	send_out(rd);
}

int import_read(const struct import_reading *o)
{
	static struct mail_queue *queue;
	struct reading rd = { .o = o, .source = o->source };
	struct err err = { 0 };
	rd.source.queue = &queue;
#ifndef __SANITIZE_ADDRESS__ /* its shadow alone is terabytes */
	setrlimit(RLIMIT_DATA, &(struct rlimit){ MEMORY, MEMORY });
#endif
	proc_keep_only(o->fd, o->out); /* the other half's ways to intaked above all */
	void *map = o->size ? mmap(NULL, o->size, PROT_READ, MAP_PRIVATE, o->fd, 0) : NULL;
	int r = map == MAP_FAILED ? err_errno(&err, "file", "cannot be mapped") : 0;
	buf_init(&rd.out, OUT_BYTES + IMPORT_FRAME_MAX + IMPORT_FRAME_HEAD);
	buf_init(&rd.event, EVENTS_MAX - 64); /* an event of this size fits a message */
	charset_open();
	if (r == 0)
		r = jail_tool((struct jail_tool){ .compile = o->rules, .read = &o->rules, .n_read = o->rules ? 1 : 0 }, &err);
	if (r == 0 && o->rules)
		r = load_rules(&rd, &err);
	if (r < 0)
		return cli_error(&err);
	read_file(&rd, (struct str){ map, o->size });
	return rd.broken ? EXIT_COULD_NOT : EXIT_DONE;
}
