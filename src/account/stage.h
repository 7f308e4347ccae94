/* What a session is good for: how far its person has come at the door. */
#ifndef ACCOUNT_STAGE_H
#define ACCOUNT_STAGE_H

#include "base/str.h"

#include <stdbool.h>

enum session_stage {
	SESSION_NONE,  /* nobody is signed in */
	SESSION_ENROL, /* the first time: a password of one's own, and the app */
	SESSION_KEY,   /* the password was right, a passkey is asked for */
	SESSION_FULL,
};

/* "enrol", "key", "full": in the database, and in authd's answers; "" for none. */
const char *session_stage_name(enum session_stage s);
bool session_stage_parse(struct str name, enum session_stage *ret); /* false for none, too */

#endif
