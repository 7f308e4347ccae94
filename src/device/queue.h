/* Postfix says whom a mail is from and to whom it went in lines of their own, joined by the name of its queue file. This remembers, of one
 * mail server, the sender behind each name, so that an event of a delivery says both: who else got a mail of that sender (S-10 ③)?
 *
 * Of fixed size: a name in the place of an older one puts it out. Lost at a restart: deliveries of mails that came before it name no sender. */
#ifndef DEVICE_QUEUE_H
#define DEVICE_QUEUE_H

#include "base/str.h"

#define MAIL_QUEUE_SLOTS 1024
#define MAIL_QUEUE_ID 24    /* longer names aren't Postfix's */
#define MAIL_QUEUE_FROM 104 /* longer addresses aren't remembered */

struct mail_queue {
	struct {
		char id[MAIL_QUEUE_ID], from[MAIL_QUEUE_FROM];
	} slots[MAIL_QUEUE_SLOTS];
};

/* Makes *q where there is none yet; without memory nothing is remembered. mem_free() ends it. */
void mail_queue_note(struct mail_queue **q, struct str id, struct str from);
struct str mail_queue_from(const struct mail_queue *q, struct str id); /* "": not known. Borrowed until the next note. */

#endif
