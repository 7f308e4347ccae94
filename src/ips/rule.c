/* See rule.h. Stands between a rule source and what Suricata loads: our own come through compile/suricata.c, others' through book.c. */
#include "ips/rule.h"

#include "base/mem.h"

#include <stdio.h>

/* ---- words */

static bool word(struct str s, const char *const *list)
{
	for (; *list; list++)
		if (str_case_eq(s, str_from(*list)))
			return true;
	return false;
}

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct str next_word(struct str *rest)
{
	size_t i = 0, n;
	while (i < rest->len && blank(rest->ptr[i]))
		i++;
	for (n = i; n < rest->len && !blank(rest->ptr[n]) && rest->ptr[n] != '('; n++)
		;
	struct str w = { rest->ptr + i, n - i };
	*rest = (struct str){ rest->ptr + n, rest->len - n };
	return w;
}

static bool printable(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] < 0x20 && s.ptr[i] != '\t')
			return false;
	return str_is_utf8(s);
}

/* ---- header */

static const char *const home_variables[] = { "HOME_NET", "HTTP_SERVERS", "SMTP_SERVERS", "SQL_SERVERS", "DNS_SERVERS",
	                                      "TELNET_SERVERS", "DC_SERVERS", NULL };

/* The variable at s ("$NAME"), without "$"; its length in *ret_len. */
static bool home_variable(struct str s, size_t *ret_len)
{
	size_t n = 1;
	while (n < s.len && strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_", s.ptr[n]) && s.ptr[n])
		n++;
	*ret_len = n;
	return word((struct str){ s.ptr + 1, n - 1 }, home_variables);
}

/* Address or port: letters, digits and ".:/,[]!$_-" only, so that it can be written into a file as it is. */
static bool address_ok(struct str s)
{
	static const char set[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:/,[]!$_-";
	for (size_t i = 0; i < s.len; i++)
		if (!s.ptr[i] || !strchr(set, s.ptr[i]))
			return false;
	return s.len > 0;
}

static bool side(struct str *rest, struct ips_side *ret)
{
	*ret = (struct ips_side){ .addr = next_word(rest) };
	ret->port = next_word(rest);
	for (size_t i = 0, n; i < ret->addr.len; i++)
		if (ret->addr.ptr[i] == '$' && home_variable((struct str){ ret->addr.ptr + i, ret->addr.len - i }, &n) &&
		    (i == 0 || ret->addr.ptr[i - 1] != '!'))
			ret->home = true;
	return address_ok(ret->addr) && address_ok(ret->port);
}

static int header(struct str *rest, struct ips_rule *r, struct err *err)
{
	static const char *const actions[] = { "alert", "drop", "reject", "rejectsrc", "rejectdst", "rejectboth", NULL };
	static const char *const protocols[] = { "tcp", "tcp-pkt", "tcp-stream", "udp", "icmp", "ip", "ipv4", "ipv6", "http", "http1",
		                                 "tls", "ssl", "ssh", "smtp", "ftp", "ftp-data", "dns", NULL };
	static const char *const directions[] = { "->", "<>", NULL };
	r->action = next_word(rest);
	r->protocol = next_word(rest);
	bool sides = side(rest, &r->from);
	r->direction = next_word(rest);
	sides = sides && side(rest, &r->to);
	if (!sides || !word(r->direction, directions))
		return err_set(err, E_INVALID, "rule", "its head isn't ACTION PROTOCOL SOURCE PORT -> DESTINATION PORT");
	if (!word(r->action, actions))
		return err_set(err, E_INVALID, "rule", "the action \"" STR_FMT "\" isn't taken: only alert, drop or reject", STR_ARG(r->action));
	if (!word(r->protocol, protocols))
		return err_set(err, E_INVALID, "rule", "the protocol \"" STR_FMT "\" isn't inspected here", STR_ARG(r->protocol));
	return 0;
}

/* ---- options */

/* What runs code, touches files, lets traffic by or stops looking at it. */
static const char *const refused[] = { "lua", "luajit", "luaxform", "filestore", "filemd5", "filesha1", "filesha256", "iprep", "replace",
	                               "bypass", "config", "geoip", "dataset", "datarep", "exceptionpolicy", "gid", NULL };

static int take_number(struct str value, uint32_t *to, const char *what, struct err *err)
{
	uint64_t v;
	if (!str_to_u64(str_trim(value), UINT32_MAX, &v) || v == 0)
		return err_set(err, E_INVALID, "rule", "%s isn't a number", what);
	*to = (uint32_t)v;
	return 0;
}

static bool has_word(struct str list, const char *what)
{
	struct str one;
	while (list.len && str_next(&list, ',', &one))
		if (str_eq(str_trim(one), str_from(what)))
			return true;
	return false;
}

static int option(struct ips_rule *r, struct str key, struct str value, struct err *err)
{
	if (key.len == 0 || key.len > 64)
		return err_set(err, E_INVALID, "rule", "an option without a name");
	if (word(key, refused))
		return err_set(err, E_INVALID, "rule", "the option \"" STR_FMT "\" isn't taken", STR_ARG(key));
	if (str_eq(key, STR("sid")))
		return r->sid ? err_set(err, E_INVALID, "rule", "two sids") : take_number(value, &r->sid, "sid", err);
	if (str_eq(key, STR("rev")))
		return take_number(value, &r->rev, "rev", err);
	if (str_eq(key, STR("msg")))
		r->msg = str_trim(value);
	if (str_eq(key, STR("noalert")) ||
	    ((str_eq(key, STR("flowbits")) || str_eq(key, STR("flowint")) || str_eq(key, STR("xbits"))) && has_word(value, "noalert")))
		r->noalert = true;
	return 0;
}

/* Options end at ";" that no "\" stands before; quotes don't shelter one (as in Suricata). */
static int options(struct ips_rule *r, struct err *err)
{
	size_t begin = 0, n = 0;
	for (size_t i = 0; i < r->options.len; i++) {
		if (r->options.ptr[i] == '\\') {
			i++;
			continue;
		}
		if (r->options.ptr[i] != ';')
			continue;
		struct str one = { r->options.ptr + begin, i - begin }, value = one, key = one;
		const char *colon = one.len ? memchr(one.ptr, ':', one.len) : NULL;
		if (colon) {
			key.len = (size_t)(colon - one.ptr);
			value = (struct str){ colon + 1, one.len - key.len - 1 };
		} else {
			value.len = 0;
		}
		if (++n > IPS_OPTIONS_MAX)
			return err_set(err, E_INVALID, "rule", "more than %d options", IPS_OPTIONS_MAX);
		int res = option(r, str_trim(key), value, err);
		if (res < 0)
			return res;
		begin = i + 1;
	}
	struct str tail = str_trim((struct str){ r->options.ptr + begin, r->options.len - begin });
	return tail.len ? err_set(err, E_INVALID, "rule", "the last option doesn't end with \";\"") : 0;
}

static bool any(struct str s)
{
	return str_eq(s, STR("any"));
}

int ips_rule_parse(struct str line, struct ips_rule *r, struct err *err)
{
	*r = (struct ips_rule){ .text = str_trim(line), .rev = 1 };
	struct str rest = r->text;
	if (r->text.len > IPS_RULE_MAX || !printable(r->text))
		return err_set(err, E_INVALID, "rule", "too long, or not text");
	int res = header(&rest, r, err);
	if (res < 0)
		return res;
	rest = str_trim(rest);
	if (rest.len < 2 || rest.ptr[0] != '(' || rest.ptr[rest.len - 1] != ')')
		return err_set(err, E_INVALID, "rule", "no options in parentheses");
	r->options = str_trim((struct str){ rest.ptr + 1, rest.len - 2 });
	res = options(r, err);
	if (res < 0)
		return res;
	if (!r->sid)
		return err_set(err, E_INVALID, "rule", "no sid");
	if (!r->from.home && !r->to.home && !any(r->from.addr) && !any(r->to.addr))
		return err_set(err, E_INVALID, "rule", "neither side is ours: name $HOME_NET");
	return 0;
}

/* ---- out */

static void put_side(struct buf *out, struct str addr, const char *net)
{
	for (size_t i = 0, n; i < addr.len; i++) {
		bool ours = addr.ptr[i] == '$' && home_variable((struct str){ addr.ptr + i, addr.len - i }, &n);
		if (ours && (i == 0 || addr.ptr[i - 1] != '!')) {
			buf_printf(out, "$%s", net);
			i += n - 1;
		} else {
			buf_putc(out, addr.ptr[i]);
		}
	}
}

/* One copy. A side that is "any" where neither is ours stands for the bodies': its `which` (0 from, 1 to). */
/* How many packets of a connection behind the one that raised the alert belong to the evidence (normalise/eve.h). */
#define FOLLOWING "tag:session,16,packets; "

static void copy(const struct ips_rule *r, const char *action, const char *net, unsigned gid, int which, const char *more, struct buf *out)
{
	bool none = !r->from.home && !r->to.home;
	buf_printf(out, "%s " STR_FMT " ", action, STR_ARG(r->protocol));
	if (none && which == 0)
		buf_printf(out, "$%s", net);
	else
		put_side(out, r->from.addr, net);
	buf_printf(out, " " STR_FMT " " STR_FMT " ", STR_ARG(r->from.port), STR_ARG(r->direction));
	if (none && which == 1)
		buf_printf(out, "$%s", net);
	else
		put_side(out, r->to.addr, net);
	buf_printf(out, " " STR_FMT " (" STR_FMT " %sgid:%u;)\n", STR_ARG(r->to.port), STR_ARG(r->options), more, gid);
}

static void copies(const struct ips_rule *r, const char *action, const char *net, unsigned gid, const char *more, struct buf *out)
{
	bool none = !r->from.home && !r->to.home;
	bool twice = none && any(r->from.addr) && any(r->to.addr);
	copy(r, action, net, gid, none && !any(r->to.addr) ? 0 : 1, more, out);
	if (twice)
		copy(r, action, net, gid + IPS_GID_OTHER_WAY, 0, more, out);
}

/* A connection that is stopped is also reset at both ends: the proxy says at once what happened, in place of a minute later.
 * What has no connection is dropped without a word: an answer would go to whoever the packet pretends to be from. */
static const char *stop(const struct ips_rule *r)
{
	static const char *const connections[] = { "tcp", "tcp-pkt", "tcp-stream", "http", "http1", "tls", "ssl", "ssh", "smtp", "ftp",
		                                   "ftp-data", NULL };
	return word(r->protocol, connections) ? "rejectboth" : "drop";
}

void ips_rule_emit_try(const struct ips_rule *r, enum ips_stage stage, struct buf *out)
{
	copies(r, "alert", "HOME_NET", stage == IPS_STAGE_TRIAL ? IPS_GID_TRIAL : IPS_GID_DETECT, "", out);
}

void ips_rule_emit(const struct ips_rule *r, enum ips_stage stage, struct buf *out)
{
	if (stage == IPS_STAGE_TRIAL) {
		copies(r, "alert", "HOME_NET", IPS_GID_TRIAL, "", out);
		return;
	}
	const char *more = r->noalert ? "" : FOLLOWING;
	copies(r, r->noalert ? "alert" : stop(r), "PREVENT_NET", IPS_GID_PREVENT, more, out);
	copies(r, "alert", "DETECT_NET", IPS_GID_DETECT, more, out);
}
