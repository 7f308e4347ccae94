/* See mail_text.h. */
#include "model/mail_text.h"

#include "base/mem.h"
#include "model/model.h"

#include <string.h>

#define WRONG(name, e, j) static const struct text2 name = { e, j }

enum mail_text mail_text_kind(struct str name, struct str text)
{
	if (str_eq(name, STR("_dmarc")) || str_starts(name, STR("_dmarc.")))
		return MAIL_TEXT_DMARC;
	if (str_ends(name, STR("._domainkey")) || (name.len && memmem(name.ptr, name.len, "._domainkey.", 12)))
		return MAIL_TEXT_DKIM;
	return str_case_starts(text, STR("v=spf")) ? MAIL_TEXT_SPF : MAIL_TEXT_NONE;
}

/* ---- SPF ---- */

/* A domain of a mechanism; what macros make of it isn't known here. */
static bool spf_domain(struct str s)
{
	char low[256];
	if (s.len && memchr(s.ptr, '%', s.len))
		return true;
	if (!str_copy(s, low, sizeof low))
		return false;
	for (char *c = low; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c + 32);
	return memchr(s.ptr, '.', s.len) && !form_owner.check(str_from(low)) && low[0] != '*';
}

static bool spf_network(struct str s, uint8_t family)
{
	struct prefix p;
	return s.len && prefix_parse_host(s, &p) == 0 && p.family == family;
}

/* ":domain", "/24", ":domain/24//64", or nothing, behind a and mx. */
static bool spf_optional(struct str s)
{
	const char *slash = s.len ? memchr(s.ptr, '/', s.len) : NULL;
	struct str domain = slash ? (struct str){ s.ptr, (size_t)(slash - s.ptr) } : s;
	for (const char *c = slash; c && c < s.ptr + s.len; c++)
		if (*c != '/' && (*c < '0' || *c > '9'))
			return false;
	if (domain.len == 0)
		return true;
	return domain.ptr[0] == ':' && spf_domain((struct str){ domain.ptr + 1, domain.len - 1 });
}

static bool takes(struct str *s, const char *word)
{
	size_t n = strlen(word);
	if (!str_case_starts(*s, str_from(word)))
		return false;
	*s = (struct str){ s->ptr + n, s->len - n };
	return true;
}

struct spf {
	unsigned lookups;
	bool ended; /* by "all" */
};

static const struct text2 *spf_mechanism(struct spf *f, struct str t)
{
	WRONG(unknown, "SPF: a term isn't a mechanism or modifier of RFC 7208, or its value isn't right", "SPF: RFC 7208 にない語か、値が正しくない語があります");
	WRONG(anybody, "SPF: +all lets anybody send mail in this name", "SPF: +all ではだれでもこの名前でメールを送れてしまいます");
	WRONG(behind, "SPF: what stands behind all is never looked at", "SPF: all の後ろは参照されません");
	char q = t.len && strchr("+-~?", t.ptr[0]) ? t.ptr[0] : 0;
	struct str m = q ? (struct str){ t.ptr + 1, t.len - 1 } : t, s = m;
	if (!q && (takes(&s, "redirect=") || (s = m, takes(&s, "exp=")))) {
		f->lookups += m.ptr[0] == 'r' || m.ptr[0] == 'R';
		return spf_domain(s) ? NULL : &unknown;
	}
	if (f->ended)
		return &behind;
	if (str_case_eq(m, STR("all"))) {
		f->ended = true;
		return q == '+' || !q ? &anybody : NULL;
	}
	if (s = m, takes(&s, "ip4:"))
		return spf_network(s, 4) ? NULL : &unknown;
	if (s = m, takes(&s, "ip6:"))
		return spf_network(s, 6) ? NULL : &unknown;
	f->lookups++;
	if ((s = m, takes(&s, "include:")) || (s = m, takes(&s, "exists:")))
		return spf_domain(s) ? NULL : &unknown;
	if ((s = m, takes(&s, "mx")) || (s = m, takes(&s, "ptr")) || (s = m, takes(&s, "a")))
		return spf_optional(s) ? NULL : &unknown;
	return &unknown;
}

#define SPF_LOOKUPS 10
static const struct text2 *check_spf(struct str text)
{
	WRONG(version, "SPF: must begin with v=spf1 and a space", "SPF: v=spf1 と空白で始めてください");
	WRONG(many, "SPF: needs more than ten lookups, and so counts as an error (RFC 7208 section 4.6.4)",
	      "SPF: 参照が 10 回を超えるためエラーとして扱われます (RFC 7208 4.6.4)");
	struct spf f = { 0 };
	struct str rest = text, term;
	str_next(&rest, ' ', &term);
	if (!str_case_eq(term, STR("v=spf1")))
		return &version;
	while (str_next(&rest, ' ', &term)) {
		const struct text2 *why = term.len ? spf_mechanism(&f, term) : NULL;
		if (why)
			return why;
	}
	return f.lookups > SPF_LOOKUPS ? &many : NULL;
}

/* ---- lists of tags (RFC 6376 section 3.2) ---- */


/* "name = value;" Takes one; false at the end. A part without "=" has an empty name. */
static bool next_tag(struct str *rest, struct str *name, struct str *value)
{
	struct str part;
	do {
		if (!str_next(rest, ';', &part))
			return false;
		part = str_trim(part);
	} while (part.len == 0);
	const char *eq = memchr(part.ptr, '=', part.len);
	*name = eq ? str_trim((struct str){ part.ptr, (size_t)(eq - part.ptr) }) : STR("");
	*value = eq ? str_trim((struct str){ eq + 1, (size_t)(part.ptr + part.len - eq - 1) }) : part;
	return true;
}

static bool one_of(struct str s, const char *const *words)
{
	for (; *words; words++)
		if (str_case_eq(s, str_from(*words)))
			return true;
	return false;
}

/* ---- DKIM ---- */

#define RSA_2048_BASE64 390 /* a SubjectPublicKeyInfo of 294 bytes */
static const struct text2 *check_dkim(struct str text)
{
	WRONG(form, "DKIM: must be tags like v=DKIM1; k=rsa; p=…", "DKIM: v=DKIM1; k=rsa; p=… の形で書いてください");
	WRONG(key, "DKIM: p= holds no public key in base64", "DKIM: p= が base64 の公開鍵ではありません");
	WRONG(small, "DKIM: the RSA key is shorter than 2048 bits (RFC 8301)", "DKIM: RSA 鍵が 2048 ビット未満です (RFC 8301)");
	static const char *const known[] = { "v", "h", "k", "n", "p", "s", "t", NULL }, *const kinds[] = { "rsa", "ed25519", NULL };
	struct str rest = text, name, value, p = { NULL, 0 };
	bool edwards = false, first = true;
	for (; next_tag(&rest, &name, &value); first = false) {
		if (!one_of(name, known) || (str_eq(name, STR("v")) && (!first || !str_eq(value, STR("DKIM1")))) ||
		    (str_eq(name, STR("k")) && !one_of(value, kinds)))
			return &form;
		edwards |= str_eq(name, STR("k")) && str_eq(value, STR("ed25519"));
		if (str_eq(name, STR("p")))
			p = value;
	}
	if (!p.ptr)
		return &form;
	for (size_t i = 0; i < p.len; i++)
		if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=", p.ptr[i]))
			return &key;
	if (p.len == 0)
		return NULL; /* revoked */
	if (edwards || p.len % 4)
		return p.len == 44 ? NULL : &key;
	return p.len < RSA_2048_BASE64 ? &small : NULL;
}

/* ---- DMARC ---- */

static bool percent(struct str s)
{
	uint64_t v;
	return str_to_u64(s, 100, &v);
}

static bool mail_list(struct str s)
{
	struct str one;
	while (str_next(&s, ',', &one)) {
		one = str_trim(one);
		const char *size = one.len ? memchr(one.ptr, '!', one.len) : NULL;
		if (size)
			one.len = (size_t)(size - one.ptr);
		if (!str_case_starts(one, STR("mailto:")) || form_mail.check((struct str){ one.ptr + 7, one.len - 7 }))
			return false;
	}
	return true;
}

static bool dmarc_value(struct str name, struct str value)
{
	static const char *const policies[] = { "none", "quarantine", "reject", NULL }, *const align[] = { "r", "s", NULL };
	static const char *const policy_tags[] = { "p", "sp", "np", NULL }, *const align_tags[] = { "adkim", "aspf", NULL };
	static const char *const mail_tags[] = { "rua", "ruf", NULL }, *const free_tags[] = { "fo", "rf", "ri", "t", "psd", NULL };
	if (one_of(name, policy_tags))
		return one_of(value, policies);
	if (one_of(name, align_tags))
		return one_of(value, align);
	if (one_of(name, mail_tags))
		return mail_list(value);
	if (str_case_eq(name, STR("pct")))
		return percent(value);
	return one_of(name, free_tags) && value.len;
}

static const struct text2 *check_dmarc(struct str text)
{
	WRONG(version, "DMARC: must begin with v=DMARC1;", "DMARC: v=DMARC1; で始めてください");
	WRONG(policy, "DMARC: p=none, p=quarantine or p=reject must follow", "DMARC: 続けて p=none、p=quarantine、p=reject のいずれかが必要です");
	WRONG(tag, "DMARC: a tag is unknown or its value isn't right", "DMARC: 知らないタグか、値の正しくないタグがあります");
	struct str rest = text, name, value;
	if (!next_tag(&rest, &name, &value) || !str_eq(name, STR("v")) || !str_eq(value, STR("DMARC1")))
		return &version;
	if (!next_tag(&rest, &name, &value) || !str_case_eq(name, STR("p")) || !dmarc_value(name, value))
		return &policy;
	while (next_tag(&rest, &name, &value))
		if (!dmarc_value(name, value))
			return &tag;
	return NULL;
}

const struct text2 *mail_text_check(struct str name, struct str text)
{
	switch (mail_text_kind(name, text)) {
	case MAIL_TEXT_SPF:
		return check_spf(text);
	case MAIL_TEXT_DKIM:
		return check_dkim(text);
	case MAIL_TEXT_DMARC:
		return check_dmarc(text);
	default:
		return NULL;
	}
}
