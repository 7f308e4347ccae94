/* The public name servers' part of a change: a list of zones that differs is read again without a restart, the zones themselves
 * come from the primary by NOTIFY and transfer. Reading back is done here for both engines: every server, the primary too, must say
 * the digest of each zone as it is in force, and one serial.
 *
 * One server after the other is told, so that one of them always answers. */
#include "apply/engine.h"

#include "apply/canary.h"
#include "base/clock.h"
#include "base/mem.h"
#include "wire/place.h"

#include <poll.h>
#include <stdio.h>
#include <yyjson.h>

static const char *const servers[] = { "nsd1", "nsd2" };

static int nsd_control(const struct env *e, const char *name, const char *word, struct err *err)
{
	char conf[PLACE_MAX];
	const char *argv[] = { "nsd-control", "-c", place_in_state(conf, sizeof conf, "current/%s/nsd.conf", name), word, NULL };
	return env_run(e, argv, (struct str){ 0 }, 60000, err);
}

static int answers(const struct env *e, const char *name, struct err *err)
{
	return nsd_control(e, name, "status", err);
}

static int nsd_run(const struct env *e, const struct step *s, const struct gen *from, const struct gen *to, struct err *err)
{
	char file[64];
	pid_t pid = process_pid(s->name);
	int r;
	snprintf(file, sizeof file, "%s/nsd.conf", s->name);
	if (!gen_find(to, file) || !process_expected(e, s->name))
		return 0;
	bool fresh = !gen_find(from, file), restart = s->arg == UNBOUND_RESTART && !fresh;
	r = process_wait(e, s->name, restart && pid > 0 ? pid : 0, answers, err);
	if (r == 0 && !restart && !fresh)
		r = nsd_control(e, s->name, "reconfig", err);
	/* It may have asked before the primary was there, and would ask again only later. */
	return r < 0 ? r : nsd_control(e, s->name, "transfer", err);
}

void nsd_transfer(const struct env *e)
{
	for (size_t i = 0; i < ARRAY_LEN(servers); i++)
		if (process_pid(servers[i]) > 0)
			nsd_control(e, servers[i], "transfer", NULL);
}

static void nsd_plan(const struct change *c, enum plan_place place, struct plan *p)
{
	char head[64];
	for (size_t i = 0; place == PLACE_ENGINE && i < ARRAY_LEN(servers); i++) {
		snprintf(head, sizeof head, "%s/", servers[i]);
		if (!gen_differs(c->from, c->to, head))
			continue;
		snprintf(head, sizeof head, "%s/nsd.conf", servers[i]);
		plan_add(p, STEP_NSD, gen_differs(c->from, c->to, head) ? UNBOUND_RESTART : UNBOUND_RELOAD, servers[i]);
	}
}

/* ---- reading back ---- */

#define WAIT_MS 8000 /* a transfer is under way, or the first signing of all zones; verify.c comes again */

static bool serial_of(struct dns_msg *m, char dst[DNS_TEXT])
{
	struct dns_record rec;
	char text[DNS_TEXT * 2], *word;
	while (dns_next_record(m, &rec))
		if (rec.type == DNS_SOA && dns_data_text(m, &rec, text, sizeof text)) {
			word = strchr(text, ' ');
			word = word ? strchr(word + 1, ' ') : NULL;
			return word && sscanf(word, " %15s", dst) == 1;
		}
	return false;
}

static int ask(const char *server, const char *name, uint16_t type, unsigned char msg[DNS_MAX], struct dns_msg *ret, struct dns_question *q)
{
	_cleanup_fd_ int fd = -1;
	*q = (struct dns_question){ .name = name, .type = type };
	int r = dns_socket("", server, &fd, NULL);
	return r < 0 ? r : dns_exchange(fd, q, 1000, msg, ret);
}

struct expected {
	const char *zone, *name, *digest; /* name: whose text is the zone's digest; NULL: _toride.ZONE */
};

/* Does the server serve the zone of this digest, and by which serial? */
static int look(const char *server, const struct expected *z, char said[DNS_TEXT], char serial[DNS_TEXT])
{
	struct dns_question q;
	struct dns_msg m;
	unsigned char msg[DNS_MAX];
	char name[DNS_NAME_TEXT];
	snprintf(name, sizeof name, "%s%s", z->name ? "" : "_toride.", z->name ? z->name : z->zone);
	snprintf(said, DNS_TEXT, "nothing");
	int r = ask(server, name, DNS_TXT, msg, &m, &q);
	if (r == 0)
		r = canary_check(&m, &q, z->digest, said);
	if (r == 0)
		r = ask(server, z->zone, DNS_SOA, msg, &m, &q);
	return r == 0 && !serial_of(&m, serial) ? -E_INVALID : r;
}

static int zone_everywhere(yyjson_val *list, const struct expected *z, int64_t until, struct err *err)
{
	char first[DNS_TEXT], serial[DNS_TEXT], said[DNS_TEXT];
	for (;;) {
		size_t i, max;
		yyjson_val *v, *bad = NULL;
		first[0] = 0;
		yyjson_arr_foreach(list, i, max, v) {
			serial[0] = 0;
			bool same = look(yyjson_get_str(v), z, said, serial) == 0;
			if (same && first[0] && strcmp(first, serial) != 0) {
				snprintf(said, sizeof said, "serial %.15s and not %.15s", serial, first);
				same = false;
			}
			if (!same) {
				bad = v;
				break;
			}
			memcpy(first, serial, sizeof first);
		}
		if (!bad)
			return 0;
		if (clock_mono_ms() > until)
			return err_set(err, E_AGAIN, z->zone, "%s says \"%s\", expected \"%s\"", yyjson_get_str(bad), said, z->digest);
		poll(NULL, 0, 50);
	}
}

static int all_zones(yyjson_val *root, struct err *err)
{
	yyjson_val *list = yyjson_obj_get(root, "servers"), *zones = yyjson_obj_get(root, "zones"), *v;
	size_t i, max;
	int64_t until = clock_mono_ms() + WAIT_MS;
	bool ok = yyjson_is_arr(list) && yyjson_is_arr(zones);
	yyjson_arr_foreach(list, i, max, v)
		ok = ok && yyjson_is_str(v);
	if (!ok)
		return err_set(err, E_CORRUPT, "zones.json", "malformed");
	yyjson_arr_foreach(zones, i, max, v) {
		struct expected z = { yyjson_get_str(yyjson_obj_get(v, "zone")), yyjson_get_str(yyjson_obj_get(v, "name")),
			              yyjson_get_str(yyjson_obj_get(v, "expect")) };
		if (!z.zone || !z.digest || strlen(z.zone) > 253 || (z.name && strlen(z.name) > 253))
			return err_set(err, E_CORRUPT, "zones.json", "zone %zu is malformed", i);
		int r = zone_everywhere(list, &z, until, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int nsd_verify(const struct verify_input *in, struct err *err)
{
	if (!in->zones.ptr || !process_expected(in->env, "knot") || !process_expected(in->env, "nsd1"))
		return 0;
	yyjson_doc *doc = yyjson_read(in->zones.ptr, in->zones.len, 0);
	int r = all_zones(yyjson_doc_get_root(doc), err);
	yyjson_doc_free(doc);
	return r;
}

const struct engine engine_nsd = { "nsd", nsd_plan, nsd_run, nsd_verify };
