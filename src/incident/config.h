/* respondd.json as read: who is connected, whom to tell, when, by which relay, and what is never blocked.
 * Written by compile/respondd.c; see doc/interfaces/respond.md. Read-only; owns its memory in one arena. */
#ifndef INCIDENT_CONFIG_H
#define INCIDENT_CONFIG_H

#include "base/arena.h"
#include "model/model.h"

#define CONFIG_MAX (16 * 1024 * 1024) /* bytes of respondd.json */

struct desk_org {
	char code[8], prefecture[4];
	const char *name, *name_en;
	struct contact *contacts; /* by order */
	size_t n_contacts;
	struct consent consent;
	struct holiday_calendar calendar;
	struct terminal *terminals;
	size_t n_terminals;
	const char **white; /* url_policy forms: never blocked for this body by the system */
	size_t n_white;
	struct prefix *shared; /* child proxies: many terminals stand behind one address */
	size_t n_shared;
	struct prefix *announce; /* single addresses to which the upstream may be asked to drop packets (apply/announce.h) */
	size_t n_announce;
};

struct desk_prefecture {
	char code[4];
	const char *name;
	struct contact *contacts;
	size_t n_contacts;
};

struct desk {
	struct arena arena;
	const char *service, *service_en;
	const char *page_url; /* "": notices hold no link */
	bool tell_medium;     /* severity 1 is told by mail, in office hours */
	struct {
		int64_t notice_ms, escalate1_ms, escalate2_ms, block_ms;
		unsigned day_minute, night_minute; /* of the day in Japan: the desk's shifts */
	} clock;
	struct {
		const char *host, *from;
		uint16_t port;
	} mail;
	struct desk_gateway {
		const char *name, *kind; /* sms voice webhook */
	} *gateways;
	size_t n_gateways;
	const char **never_names; /* ".domain" or "host": never blocked for anybody */
	size_t n_never_names;
	struct prefix *never; /* nor these */
	size_t n_never;
	struct desk_org *orgs; /* by code */
	size_t n_orgs;
	struct desk_prefecture *prefectures;
	size_t n_prefectures;
};

/* 0 or -E_INVALID with the path of the field. */
int desk_parse(struct str json, struct desk **ret, struct err *err);
void desk_destroy(struct desk **d);
const struct desk_org *desk_org(const struct desk *d, const char *code); /* NULL when unknown */
const struct desk_prefecture *desk_prefecture(const struct desk *d, const char *code);
/* The nth (from 0, round and round) gateway of that kind, or, for a webhook, the one of that name; NULL when there is none. */
const char *desk_gateway(const struct desk *d, const char *kind, const char *name, size_t nth);
/* The registered name of a terminal, or "". */
const char *desk_terminal_name(const struct desk_org *o, const char *address);
/* An address that stands for many: a child proxy, or one of the node's own. It must not tie findings together. */
bool desk_is_shared(const struct desk *d, const struct desk_org *o, const char *address);

#endif
