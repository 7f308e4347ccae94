/* See role.h. controld and the page ask. */
#include "account/role.h"

#include "base/mem.h"

#include <string.h>

static const char *const names[ROLE_COUNT] = { "operator", "analyst", "approver", "clerk" };

#define O (1u << ROLE_OPERATOR)
#define A (1u << ROLE_ANALYST)
#define P (1u << ROLE_APPROVER)
#define C (1u << ROLE_CLERK)

static const struct {
	const char *what;
	unsigned who;
} table[] = {
	{ "status", O | A | P },        { "generations", O | A | P },   { "change.diff", O | A | P },   { "approve", P },
	{ "incident.list", O | A | P | C }, { "incident.show", O | A | P | C }, { "incident.ack", O | A | C },
	{ "incident.note", O | A | C }, { "incident.judge", A },        { "incident.open", O | A },     { "incident.step", O | A },     { "incident.report", O | A | C },     { "incident.close", A },
	{ "block.list", O | A | P | C }, { "block.add", A },            { "block.remove", A },          { "block.consent", C },          { "log.search", O | A | P | C }, { "log.counts", O | A | P | C }, { "log.queries", O | A }, { "log.kill", O },
	{ "site.list", O | A | P | C },    { "site.stats", O | A | P | C },        { "decrypt.proposals", O | A | P | C },        { "site.renew", O },            { "site.purge", O | C },        { "hold.add", A | P },                { "hold.release", A | P },             { "hold.list", O | A | P }, { "site.pages", O | A | P | C }, { "site.approve", A | C }, /* a clerk of their own: controld says whose */
	{ "rules.coverage", O | A | P }, { "shift.list", O | A }, { "shift.take", O | A }, { "shift.handover", O | A },
};

const char *role_name(enum role r)
{
	return names[r];
}

bool role_parse(const char *name, enum role *ret)
{
	for (int i = 0; i < ROLE_COUNT; i++)
		if (strcmp(names[i], name) == 0) {
			*ret = (enum role)i;
			return true;
		}
	return false;
}

bool role_may(enum role r, const char *what)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (strcmp(table[i].what, what) == 0)
			return table[i].who & (1u << r);
	return false;
}
