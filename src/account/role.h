/* What a signed-in person may ask of controld, by role. The table is data; controld asks it for every request that comes with a
 * session, and puts the organisation in for those who see one body only. */
#ifndef ACCOUNT_ROLE_H
#define ACCOUNT_ROLE_H

#include <stdbool.h>

enum role {
	ROLE_OPERATOR, /* NOC: sees everything, acknowledges and notes */
	ROLE_ANALYST,  /* SOC: judges, blocks, closes */
	ROLE_APPROVER, /* the prefecture: approves changes */
	ROLE_CLERK,    /* of one body: sees and acknowledges what is that body's */
	ROLE_COUNT,
};

/* "operator", "analyst", "approver", "clerk". */
const char *role_name(enum role r);
bool role_parse(const char *name, enum role *ret);
/* May they ask for `what` ("incident.judge")? Nothing that isn't in the table may be asked by anybody. */
bool role_may(enum role r, const char *what);
/* Is it given for one prefecture? Its account must name it, or say that it is for all. */
static inline bool role_of_prefecture(enum role r)
{
	return r == ROLE_APPROVER;
}
/* Is this a role of one body? Its account must name one, the others must not. */
static inline bool role_of_one_body(enum role r)
{
	return r == ROLE_CLERK;
}

#endif
