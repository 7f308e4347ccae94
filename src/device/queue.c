/* See queue.h. */
#include "device/queue.h"

#include "base/map.h"
#include "base/mem.h"

static size_t slot_of(struct str id)
{
	static const uint64_t seed[2] = { 0, 0 }; /* whoever makes names fall together puts out his own */
	return hash_sip(seed, id.ptr, id.len) % MAIL_QUEUE_SLOTS;
}

void mail_queue_note(struct mail_queue **q, struct str id, struct str from)
{
	if (!id.len || id.len >= MAIL_QUEUE_ID || from.len >= MAIL_QUEUE_FROM)
		from = STR(""); /* the name may be used again: what an earlier mail of it said isn't this one's */
	if (!from.len && str_eq(mail_queue_from(*q, id), STR("")))
		return;
	if (!*q)
		*q = mem_alloc(sizeof **q);
	if (!*q)
		return;
	size_t i = slot_of(id);
	str_copy(id, (*q)->slots[i].id, MAIL_QUEUE_ID);
	str_copy(from, (*q)->slots[i].from, MAIL_QUEUE_FROM);
}

struct str mail_queue_from(const struct mail_queue *q, struct str id)
{
	size_t i = q && id.len ? slot_of(id) : 0;
	return q && id.len && str_eq(str_from(q->slots[i].id), id) ? str_from(q->slots[i].from) : STR("");
}
