/* JVN iPedia's XML; see asset.h. Two documents: VULDEF 3 (MyJVN getVulnDetailInfo, the yearly jvndb_detail feeds), which names versions,
 * and the RSS overview (mod_sec), whose CPE names one now and then. Elements are known by their local names, since the namespace changed
 * its scheme over the years. No document type is taken, so there are no entities. */
#include "asset/parts.h"

#include "base/err.h"
#include "base/mem.h"

#include <expat.h>
#include <stdio.h>
#include <stdlib.h>

#define DEPTH 32
#define IDS 64      /* CVEs of an entry */
#define PRODUCTS 400
#define VERSIONS 100 /* of a product */
#define TEXT 600     /* bytes of one element that are looked at */

struct product {
	struct str vendor, name, cpe;
	struct str versions[VERSIONS]; /* ended by NUL */
	size_t n;
};

struct entry {
	struct arena a;
	char jvn[24], ids[IDS][24];
	size_t n_ids;
	struct product *products[PRODUCTS];
	size_t n;
	unsigned score10, score_of; /* of which version of CVSS, × 10 */
};

struct jvn {
	struct reading *r;
	XML_Parser parser;
	struct entry e;
	const char *path[DEPTH + 1]; /* local names; static ones, "" for what we don't know */
	unsigned depth;
	bool rss, cut;
	unsigned cvss;       /* version of the score being read */
	char text[TEXT + 1];
	size_t len;
	const char *why;
};

static void stop(struct jvn *j, const char *why)
{
	if (!j->why)
		j->why = why;
	XML_StopParser(j->parser, XML_FALSE);
}

/* ---- what an entry becomes ---- */

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* The nth part (from 0) of "cpe:/a:vendor:product:version", its %XX read (CPE 2.2, NISTIR 7695 6.1). */
static struct str cpe_part(struct arena *a, struct str cpe, int nth)
{
	struct str rest = cpe, one = STR("");
	if (!str_starts(cpe, STR("cpe:/")))
		return STR("");
	for (; nth >= 0; nth--)
		if (!str_next(&rest, ':', &one))
			return STR("");
	char *out = arena_alloc(a, one.len + 1);
	size_t n = 0;
	for (size_t i = 0; out && i < one.len; i++) {
		bool quoted = one.ptr[i] == '%' && i + 2 < one.len && is_hex(one.ptr[i + 1]) && is_hex(one.ptr[i + 2]);
		out[n++] = quoted ? (char)strtol((char[]){ one.ptr[i + 1], one.ptr[i + 2], 0 }, NULL, 16) : one.ptr[i];
		i += quoted ? 2 : 0;
	}
	return (struct str){ out ? out : "", out ? n : 0 };
}

/* The CVEs that a version's text names, "1.3.0 未満 (CVE-2025-0355)"; without any it is said of all. */
static bool concerns(const char *text, const char *id)
{
	char one[24];
	bool any = false, this = false;
	for (const char *p = text; (p = strcasestr(p, "CVE-")) != NULL; p++)
		if (asset_cve(p, one)) {
			any = true;
			this = this || strcmp(one, id) == 0;
		}
	return this || !any;
}

/* By the CPE's names, as NVD has them, and by those a Japanese asset list will hold. */
static void add_names(struct jvn *j, const struct product *p, const char *id, const struct vuln *range)
{
	struct str vendor = cpe_part(&j->e.a, p->cpe, 2), name = cpe_part(&j->e.a, p->cpe, 3);
	char a[ASSET_FIELD + 1] = "", b[ASSET_FIELD + 1] = "", c[ASSET_FIELD + 1] = "", d[ASSET_FIELD + 1] = "";
	if (name.len)
		vuln_add(j->r, id, vendor, name, range);
	bool same = asset_fold(name, a) && asset_fold(p->name, b) && asset_fold(vendor, c) && asset_fold(p->vendor, d) && strcmp(a, b) == 0 && strcmp(c, d) == 0;
	if (p->name.len && !same)
		vuln_add(j->r, id, p->vendor, p->name, range);
}

static void add_product(struct jvn *j, const struct product *p)
{
	for (size_t k = 0; k < p->n && !j->r->full; k++) {
		struct vuln range = { .score10 = j->e.score10 };
		if (!jvn_range(j->r, p->versions[k], &range)) {
			j->r->left_out++;
			continue;
		}
		for (size_t i = 0; i < j->e.n_ids; i++)
			if (concerns(p->versions[k].ptr, j->e.ids[i]))
				add_names(j, p, j->e.ids[i], &range);
	}
	j->r->left_out += p->n == 0; /* no word of versions: nothing to compare */
}

static void end_entry(struct jvn *j)
{
	if (j->e.n_ids == 0 && *j->e.jvn) /* half of what JVN alone knows has no CVE */
		memcpy(j->e.ids[j->e.n_ids++], j->e.jvn, sizeof j->e.jvn);
	for (size_t i = 0; i < j->e.n; i++)
		add_product(j, j->e.products[i]);
	arena_done(&j->e.a);
	j->e = (struct entry){ 0 };
	arena_init(&j->e.a, 4 * MIB);
}

/* ---- elements ---- */

static const char *known(const char *local)
{
	static const char *const names[] = { "VULDEF-Document", "Vulinfo", "VulinfoID", "VulinfoData", "Affected", "AffectedItem", "Name", "ProductName", "Cpe",
		                             "VersionNumber", "Impact", "Cvss", "Base", "Related", "RelatedItem", "RDF", "item", "identifier", "cpe" };
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(names[i], local) == 0)
			return names[i];
	return "";
}

static const char *attribute(const char **list, const char *name)
{
	for (; *list; list += 2)
		if (strcmp(list[0], name) == 0)
			return list[1];
	return "";
}

static bool within(const struct jvn *j, unsigned up, const char *name)
{
	return j->depth > up && strcmp(j->path[j->depth - 1 - up], name) == 0;
}

static struct product *last(struct jvn *j)
{
	return j->e.n ? j->e.products[j->e.n - 1] : NULL;
}

static void new_product(struct jvn *j)
{
	struct product *p = j->e.n < PRODUCTS ? arena_alloc(&j->e.a, sizeof *p) : NULL;
	if (!p) {
		j->r->left_out++;
		j->cut = true; /* what follows belongs to none */
		return;
	}
	*p = (struct product){ .vendor = STR(""), .name = STR(""), .cpe = STR("") };
	j->e.products[j->e.n++] = p;
	j->cut = false;
}

static void add_id(struct jvn *j, const char *text)
{
	char id[24];
	if (!asset_cve(text, id))
		return;
	for (size_t i = 0; i < j->e.n_ids; i++)
		if (strcmp(j->e.ids[i], id) == 0)
			return;
	if (j->e.n_ids < IDS)
		memcpy(j->e.ids[j->e.n_ids++], id, sizeof id);
	else
		j->r->left_out++;
}

/* The newest version of CVSS speaks. */
static void score(struct jvn *j, unsigned version, const char *text)
{
	char *end;
	double s = strtod(text, &end);
	if (end == text || !(s > 0 && s <= 10) || version < j->e.score_of)
		return;
	j->e.score_of = version;
	j->e.score10 = (unsigned)(s * 10 + 0.5);
}

static unsigned tenths(const char *version)
{
	double v = strtod(version, NULL);
	return v > 0 && v < 100 ? (unsigned)(v * 10 + 0.5) : 0;
}

static void XMLCALL on_start(void *user, const char *name, const char **attributes)
{
	struct jvn *j = user;
	const char *colon = strrchr(name, ':'), *local = colon ? colon + 1 : name;
	if (j->depth == DEPTH) {
		stop(j, "elements too deep within each other");
		return;
	}
	j->path[j->depth++] = known(local);
	j->len = 0;
	if (j->depth == 1) {
		j->rss = strcmp(local, "RDF") == 0;
		if (!j->rss && strcmp(local, "VULDEF-Document") != 0)
			stop(j, "neither VULDEF nor JVN's RSS");
	} else if (strcmp(local, "AffectedItem") == 0 || (j->rss && strcmp(local, "cpe") == 0)) {
		new_product(j);
	} else if (strcmp(local, "Cvss") == 0) {
		j->cvss = tenths(attribute(attributes, "version"));
	}
	if (j->rss && strcmp(local, "references") == 0)
		add_id(j, attribute(attributes, "id"));
	if (j->rss && strcmp(local, "cvss") == 0)
		score(j, tenths(attribute(attributes, "version")), attribute(attributes, "score"));
	if (j->rss && strcmp(local, "cpe") == 0 && last(j) && !j->cut) {
		last(j)->vendor = str_from(arena_strdup(&j->e.a, str_from(attribute(attributes, "vendor"))));
		last(j)->name = str_from(arena_strdup(&j->e.a, str_from(attribute(attributes, "product"))));
	}
}

static void XMLCALL on_text(void *user, const char *p, int n)
{
	struct jvn *j = user;
	size_t room = TEXT - j->len, take = (size_t)n < room ? (size_t)n : room;
	memcpy(j->text + j->len, p, take);
	j->len += take;
}

static struct str trimmed(const struct jvn *j)
{
	size_t from = 0, to = j->len;
	while (from < to && (unsigned char)j->text[from] <= ' ')
		from++;
	while (to > from && (unsigned char)j->text[to - 1] <= ' ')
		to--;
	return (struct str){ j->text + from, to - from };
}

static void set(struct jvn *j, struct str *dst, struct str text)
{
	char *t = arena_strdup(&j->e.a, text);
	if (t)
		*dst = (struct str){ t, text.len };
}

static void version(struct jvn *j, struct product *p, struct str text)
{
	if (!text.len)
		return;
	if (p->n < VERSIONS)
		set(j, &p->versions[p->n++], text);
	else
		j->r->left_out++;
}

static void of_product(struct jvn *j, struct str text)
{
	struct product *p = last(j);
	if (within(j, 0, "Name"))
		set(j, &p->vendor, text);
	else if (within(j, 0, "ProductName"))
		set(j, &p->name, text);
	else if (within(j, 0, "Cpe"))
		set(j, &p->cpe, text);
	else if (within(j, 0, "VersionNumber"))
		version(j, p, text);
}

static void of_rss(struct jvn *j, struct str text)
{
	struct product *p = last(j);
	if (within(j, 0, "identifier"))
		asset_vuln_id(j->text, j->e.jvn);
	if (within(j, 0, "cpe") && p && !j->cut) {
		set(j, &p->cpe, text);
		version(j, p, cpe_part(&j->e.a, p->cpe, 4));
	}
}

static void XMLCALL on_end(void *user, const char *name)
{
	struct jvn *j = user;
	struct str text = trimmed(j);
	j->text[j->len] = 0;
	if (j->rss)
		of_rss(j, text);
	else if (within(j, 1, "AffectedItem") && last(j) && !j->cut)
		of_product(j, text);
	else if (within(j, 0, "VulinfoID") && within(j, 1, "Vulinfo"))
		asset_vuln_id(j->text, j->e.jvn);
	else if (within(j, 0, "VulinfoID") && within(j, 1, "RelatedItem"))
		add_id(j, j->text);
	else if (within(j, 0, "Base") && within(j, 1, "Cvss"))
		score(j, j->cvss, j->text);
	if (within(j, 0, j->rss ? "item" : "Vulinfo"))
		end_entry(j);
	j->len = 0;
	j->depth--;
}

static void XMLCALL on_doctype(void *user, const char *name, const char *sysid, const char *pubid, int internal)
{
	stop(user, "a document type, which JVN's have not");
}

int vuln_read_jvn(struct reading *r, struct str xml, struct err *err)
{
	struct jvn *j = mem_alloc(sizeof *j);
	if (!j)
		return err_set(err, E_NOMEM, "", "no memory");
	*j = (struct jvn){ .r = r, .parser = XML_ParserCreate(NULL) };
	arena_init(&j->e.a, 4 * MIB);
	int res = 0;
	if (!j->parser || xml.len > INT32_MAX) {
		res = err_set(err, E_NOMEM, "", "no memory");
	} else {
		XML_SetUserData(j->parser, j);
		XML_SetElementHandler(j->parser, on_start, on_end);
		XML_SetCharacterDataHandler(j->parser, on_text);
		XML_SetStartDoctypeDeclHandler(j->parser, on_doctype);
		if (XML_Parse(j->parser, xml.ptr, (int)xml.len, 1) != XML_STATUS_OK)
			res = err_set(err, E_INVALID, "vulnerabilities", "line %lu: %s", (unsigned long)XML_GetCurrentLineNumber(j->parser),
			              j->why ? j->why : XML_ErrorString(XML_GetErrorCode(j->parser)));
	}
	if (j->parser)
		XML_ParserFree(j->parser);
	arena_done(&j->e.a);
	mem_free(j);
	return res;
}
