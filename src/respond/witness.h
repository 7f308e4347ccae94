/* Every morning the prefecture gets the log's last signature to keep (segment/witness.h): cutting the log's end then means taking back mails,
 * too. The slip is asked from toride-stored (search.sock, log.witness) and sent to the first contact of each prefecture. A morning that
 * passed while nothing could be asked or sent is made good as soon as it can; never two for one morning. */
#ifndef RESPOND_WITNESS_H
#define RESPOND_WITNESS_H

#include "respond/asker.h"
#include "respond/respond.h"

#define WITNESS_ID INT64_MAX            /* in the asker: no inquiry's number */
#define WITNESS_MINUTE (9 * 60)         /* of the day in Japan */
#define WITNESS_AGAIN_MS 60000          /* after a question without an answer */

int witness_work(struct respond *r, int64_t now, struct err *err);
/* What was answered to it. Outside a transaction. */
void witness_answered(struct respond *r, struct asker_answer *w);

#endif
