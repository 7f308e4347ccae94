/* Accounts and sessions lie in a schema of their own, toride_auth, owned by the role of that name: respondd, which speaks SMTP, and the
 * page's workers can't read a hash of it. The page's role may call one function, portal_scope(): which rows the session at hand may see. */
#ifndef ACCOUNT_SCHEMA_H
#define ACCOUNT_SCHEMA_H

#include "store/schema.h"

extern const char account_schema_base[];
extern const struct schema_step account_schema_steps[];
extern const size_t account_schema_n;

#endif
