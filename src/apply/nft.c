/* The packet filter's part of a change: table inet toride replaced in one transaction, the blocks put on top again (zones
 * may have moved), and the flows of revoked permissions cut. */
#include "apply/engine.h"

#include "apply/blocks.h"
#include "apply/breakout.h"
#include "apply/cut.h"
#include "apply/feeds.h"
#include "apply/hits.h"
#include "base/log.h"
#include "base/mem.h"

/* With what its sets hold, in one transaction: between an empty set and a full one nobody's packets change lines. */
static int load_filled(const struct env *e, const struct gen *to, struct err *err)
{
	static const char *const argv[] = { "nft", "-f", "-", NULL };
	struct buf text;
	buf_init(&text, 512 * MIB);
	int r = gen_read(to, "nft/toride.nft", &text, err);
	r = r < 0 ? r : breakout_elements(to, &text, err);
	if (r == 0)
		r = text.failed ? err_set(err, E_NOMEM, "nft", "no memory") : env_run(e, argv, buf_view(&text), 120000, err);
	buf_done(&text);
	return r;
}

static int load_table(const struct env *e, const struct gen *to, struct err *err)
{
	char path[512];
	const char *file[] = { "nft", "-f", path, NULL }, *none[] = { "nft", "-f", "-", NULL };
	if (!gen_find(to, "nft/toride.nft"))
		return env_run(e, none, STR("table inet toride\ndelete table inet toride\n"), 20000, err);
	if (gen_find(to, "nft/breakout.bin"))
		return load_filled(e, to, err);
	gen_path(path, sizeof path, to->hex, "nft/toride.nft");
	return env_run(e, file, (struct str){ 0 }, 120000, err);
}

/* What the old table counted is kept first: counts of a few minutes, for which no change fails. */
static int replace_counted(const struct env *e, const struct gen *to, struct err *err)
{
	struct err lost = { 0 };
	_cleanup_fd_ int fd = e->counts ? hits_lock(true, &lost) : -1;
	if (e->counts && (fd < 0 || hits_keep(e, &lost) < 0))
		log_err(LOG_LEVEL_WARN, "", "hits", &lost);
	int r = load_table(e, to, err);
	if (r == 0 && fd >= 0 && hits_begin(e, &lost) < 0)
		log_err(LOG_LEVEL_WARN, "", "hits", &lost);
	return r;
}

static int cut(const struct env *e, const struct gen *from, const struct gen *to, struct err *err)
{
	struct cuts c;
	int r = cuts_read(from, to, &c, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < c.n && r == 0; i++)
		r = cut_run(e, &c.list[i], err);
	cuts_done(&c);
	return r;
}

static int nft_run(const struct env *e, const struct step *s, const struct gen *from, const struct gen *to, struct err *err)
{
	if (s->kind == STEP_CUT)
		return cut(e, from, to, err);
	int r = replace_counted(e, to, err);
	if (r == 0)
		r = feeds_install(e, to, err);
	return r < 0 ? r : blocks_install(e, to, err);
}

static void nft_plan(const struct change *c, enum plan_place place, struct plan *p)
{
	enum plan_place mine = c->closes ? PLACE_CLOSING : PLACE_OPENING;
	if (place != mine || !gen_differs(c->from, c->to, "nft/"))
		return;
	plan_add(p, STEP_NFT, 0, "");
	if (c->closes || c->opens) /* its undo closes what it opened */
		plan_add(p, STEP_CUT, 0, "");
}

const struct engine engine_nft = { "nft", nft_plan, nft_run, nft_verify };
