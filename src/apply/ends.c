/* See ends.h. Called by torided's loop (apply.c); it changes files only, since the kernel's and the proxy's own countings of a
 * block's time run on clocks that nobody sets. */
#include "apply/ends.h"

#include "apply/blocks.h"
#include "apply/transaction.h"
#include "base/fs.h"
#include "base/log.h"
#include "wire/cursor.h"
#include "wire/place.h"

#include <string.h>

static void save(const struct clock_watch *w)
{
	char path[PLACE_MAX], boot[CLOCK_BOOT];
	struct buf b;
	struct err err;
	clock_boot(boot);
	buf_init(&b, 128);
	wr_text(&b, str_from(boot));
	wr_u64(&b, (uint64_t)w->ahead_ms);
	if (b.failed || fs_write(place_in_state(path, sizeof path, "clock"), buf_view(&b), 0600, &err) < 0)
		log_warn("", "clock", "cannot be kept: were it set while torided is down, nobody would notice");
	buf_done(&b);
}

static void load(struct clock_watch *w)
{
	char path[PLACE_MAX], boot[CLOCK_BOOT], was[CLOCK_BOOT] = "";
	struct buf b;
	*w = (struct clock_watch){ 0 };
	clock_boot(boot);
	buf_init(&b, 128);
	if (fs_exists(place_in_state(path, sizeof path, "clock")) && fs_read(path, &b, NULL) == 0) {
		struct rd r = rd_from(b.ptr, b.len);
		rd_text(&r, was, sizeof was);
		int64_t ahead = (int64_t)rd_u64(&r);
		if (rd_end(&r) == 0 && strcmp(was, boot) == 0)
			*w = (struct clock_watch){ ahead, true };
	}
	buf_done(&b);
}

bool ends_look(struct clock_watch *w, int64_t *ret_block_ms)
{
	struct err err = { 0 };
	int64_t by = clock_stepped(w);
	if (!by)
		return false;
	log_warn("", "clock", "the wall clock was set by %lld s: the time to confirm and the ends of blocks move with it",
	         (long long)(by / 1000));
	if (change_clock_set(by, &err) < 0 && err.code != E_STATE)
		log_err(LOG_LEVEL_ERROR, "", "journal", &err);
	if (blocks_clock_set(by, ret_block_ms, &err) < 0)
		log_err(LOG_LEVEL_ERROR, "", "blocks", &err);
	save(w);
	return true;
}

void ends_open(struct clock_watch *w)
{
	int64_t next;
	load(w);
	if (!ends_look(w, &next))
		save(w);
}
