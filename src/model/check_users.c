/* Who may use the proxy: is there all that is needed to ask an organisation's directory, and does it lie inside? See check.h. */
#include "model/check.h"

#include "base/mem.h"

#include <stdio.h>

#define AT ".proxy_users"

static void check_servers(struct check *c, const struct org *o, const struct proxy_users *u)
{
	char at[64];
	if (u->n_servers == 0 && check_sound(c, AT ".servers"))
		CHECK_FAULT(c, AT ".servers", "is empty: the directory is at no address", "ディレクトリのアドレスがありません");
	for (size_t i = 0; i < u->n_servers; i++) {
		snprintf(at, sizeof at, AT ".servers[%zu]", i);
		if (prefix_is_set(&u->servers[i]))
			check_own_side(c, o, at, &u->servers[i]);
	}
	if (u->n_ca == 0 && check_sound(c, AT ".ca"))
		CHECK_FAULT(c, AT ".ca", "is empty: nobody could tell the directory from an impostor", "ディレクトリの認証局がありません (なりすましを見分けられません)");
	if (!u->base[0] && check_sound(c, AT ".base"))
		CHECK_FAULT(c, AT ".base", "is missing", "必要です");
}

/* Once, and nothing else that begins with %. */
static bool one_name(const char *text)
{
	const char *at = strchr(text, '%');
	return at && at[1] == 'u' && !strchr(at + 1, '%');
}

static bool is_filter(const char *text)
{
	int depth = 0;
	for (const char *p = text; *p; p++) {
		depth += *p == '(' ? 1 : *p == ')' ? -1 : 0;
		if (depth < 0 || (depth == 0 && p[1]))
			return false;
	}
	return depth == 0 && text[0] == '(' && one_name(text);
}

static void check_binding(struct check *c, const struct proxy_users *u)
{
	bool service = u->bind_dn[0], self = u->bind_as[0];
	if (!is_filter(u->filter) && check_sound(c, AT ".filter"))
		CHECK_FAULT(c, AT ".filter", "must be one filter in parentheses, with %%u once", "括弧で囲んだ 1 つの検索条件に %%u を 1 回書いてください");
	if (service == self && check_sound(c, AT ".bind_dn") && check_sound(c, AT ".bind_as"))
		CHECK_FAULT(c, AT ".bind_dn", "or bind_as must be there, one of them", "または bind_as の、どちらか一方を書いてください");
	if (service && !u->bind_secret[0] && check_sound(c, AT ".bind_secret"))
		CHECK_FAULT(c, AT ".bind_secret", "is missing: toride directory secret prints it", "必要です (toride directory secret で作ります)");
	if (self && !one_name(u->bind_as) && check_sound(c, AT ".bind_as"))
		CHECK_FAULT(c, AT ".bind_as", "must hold %%u once", "%%u を 1 回書いてください");
}

static void check_tickets(struct check *c, const struct proxy_users *u)
{
	if (!u->keytab[0] && !u->passwords && check_sound(c, AT ".keytab") && check_sound(c, AT ".passwords"))
		CHECK_FAULT(c, AT ".passwords", "can't be false without keytab: nobody could say who he is", "keytab がないときは false にできません (誰も利用者だと示せなくなります)");
	if (!u->keytab[0] || !check_sound(c, AT ".keytab"))
		return;
	if (u->bind_as[0] && check_sound(c, AT ".bind_as"))
		CHECK_FAULT(c, AT ".keytab", "needs bind_dn: a ticket brings no password to look oneself up with", "bind_dn が必要です (チケットには、本人として検索するためのパスワードがありません)");
	else if (!c->m->service.proxy_name[0] && !fault_under(c->faults, "service.proxy_name"))
		CHECK_FAULT(c, AT ".keytab", "needs service.proxy_name: tickets are for a name", "service.proxy_name が必要です (チケットは名前に対して発行されます)");
}

static void check_groups_of_users(struct check *c, const struct proxy_users *u)
{
	char at[64];
	for (size_t i = 0; i < u->n_groups; i++)
		for (size_t k = 0; k < i; k++)
			if (u->groups[i].name[0] && strcmp(u->groups[i].name, u->groups[k].name) == 0) {
				snprintf(at, sizeof at, AT ".groups[%zu].name", i);
				CHECK_FAULT(c, at, "stands here twice", "同じ名前が 2 回あります");
				break;
			}
}

static bool is_group(const struct proxy_users *u, const char *name)
{
	for (size_t i = 0; i < u->n_groups; i++)
		if (strcmp(u->groups[i].name, name) == 0)
			return u->directory[0];
	return false;
}

/* A rule for a group nobody can be in holds for nobody: a slip, and with deny a hole. */
static void check_named(struct check *c, const struct org *o, const char *list, size_t i, const char **groups, size_t n)
{
	char at[96];
	for (size_t k = 0; k < n && check_sound(c, AT); k++) {
		snprintf(at, sizeof at, ".url.%s[%zu].groups[%zu]", list, i, k);
		if (groups[k][0] && !is_group(&o->proxy_users, groups[k]))
			CHECK_FAULT(c, at, "is no group of proxy_users", "proxy_users.groups にないグループです");
	}
}

static void check_group_rules(struct check *c, const struct org *o)
{
	char at[96];
	for (size_t i = 0; i < o->url.n_categories; i++)
		check_named(c, o, "categories", i, o->url.categories[i].groups, o->url.categories[i].n_groups);
	for (size_t i = 0; i < o->url.n_group_lists; i++) {
		check_named(c, o, "group_lists", i, o->url.group_lists[i].groups, o->url.group_lists[i].n_groups);
		for (size_t k = 0; k < i; k++)
			if (o->url.group_lists[i].id[0] && strcmp(o->url.group_lists[i].id, o->url.group_lists[k].id) == 0) {
				snprintf(at, sizeof at, ".url.group_lists[%zu].id", i);
				CHECK_FAULT(c, at, "stands here twice", "同じ番号が 2 回あります");
				break;
			}
	}
}

void check_users(struct check *c, const struct org *o)
{
	const struct proxy_users *u = &o->proxy_users;
	const char *name = c->m->service.proxy_name;
	check_group_rules(c, o);
	if (!u->directory || !u->directory[0])
		return;
	if (o->transparent)
		CHECK_FAULT(c, AT ".directory", "can't be asked with transparent: a terminal that knows of no proxy doesn't say who uses it",
		            "透過プロキシでは使えません (プロキシの設定がない端末は、利用者名を送りません)");
	else if (!name[0] && !u->clear && !fault_under(c->faults, "service.proxy_name"))
		CHECK_FAULT(c, AT ".directory", "needs service.proxy_name: passwords come over TLS only, unless clear says otherwise",
		            "service.proxy_name が必要です (clear を指定しない限り、パスワードは TLS でだけ受け取ります)");
	check_servers(c, o, u);
	check_binding(c, u);
	check_tickets(c, u);
	check_groups_of_users(c, u);
}
