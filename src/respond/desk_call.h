/* One request at the desk, for the files that answer them: desk.c has the table, desk_life.c the work on an incident. */
#ifndef RESPOND_DESK_CALL_H
#define RESPOND_DESK_CALL_H

#include "respond/desk.h"

struct desk_call {
	struct respond *r;
	yyjson_val *root;
	struct buf *b;
	struct arena arena;
	int64_t now;
	char by[DESK_NAME_MAX + 4], number[40], audit_org[8], audit[200];
	struct err *err;
};

/* One line of words from the caller; "" when absent and not needed. */
int desk_words(struct desk_call *c, const char *key, size_t max, bool needed, char *dst, size_t size);
/* The incident `number` names, for change and audit. */
int desk_load(struct desk_call *c, struct incident *i);
/* The same again, as it is now, into the answer as "incident". */
int desk_reload(struct desk_call *c, struct incident *i);

/* The call sheet with what is known now, into the answer: ready as soon as the incident is. */
int desk_put_sheet(struct desk_call *c, const struct incident *i);

/* desk_asset.c */
int desk_asset_import(struct desk_call *c);
int desk_asset_list(struct desk_call *c);
int desk_vuln_import(struct desk_call *c);
/* desk_block.c */
int desk_block_try(struct desk_call *c);
int desk_block_tried(struct desk_call *c);
int desk_isolate(struct desk_call *c);
int desk_release(struct desk_call *c);
/* desk_shift.c */
int desk_month(struct desk_call *c);
int desk_call_made(struct desk_call *c);
int desk_sheet(struct desk_call *c);
int desk_handover(struct desk_call *c);
int desk_handovers(struct desk_call *c);
int desk_take_over(struct desk_call *c);
/* desk_life.c */
int desk_report(struct desk_call *c);
int desk_search(struct desk_call *c);
int desk_spread(struct desk_call *c);
int desk_step(struct desk_call *c);
int desk_task(struct desk_call *c);
int desk_owner(struct desk_call *c);
int desk_playbook(struct desk_call *c);
int desk_attach(struct desk_call *c);

#endif
