/* TXT records that mail hosts read: a slip in one loses a body's mail, or lets anybody write in its name.
 *
 *   SPF    "v=spf1 …" at any name: RFC 7208 (sections 4.6.4: at most ten lookups, 5, 6), one a name (3.2)
 *   DKIM   at SELECTOR._domainkey: RFC 6376 section 3.6.1; RSA keys of 2048 bits at least (RFC 8301 section 3.2)
 *   DMARC  at _dmarc: RFC 7489 section 6.3, one a name (6.6.3) */
#ifndef MODEL_MAIL_TEXT_H
#define MODEL_MAIL_TEXT_H

#include "model/forms.h"

enum mail_text { MAIL_TEXT_NONE, MAIL_TEXT_SPF, MAIL_TEXT_DKIM, MAIL_TEXT_DMARC };

/* Which of them a TXT record of that name (within its zone) is meant to be. */
enum mail_text mail_text_kind(struct str name, struct str text);
/* NULL when it is right (or none of them), or why not (static). */
const struct text2 *mail_text_check(struct str name, struct str text);

#endif
