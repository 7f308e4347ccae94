/* The time server. An organisation asks service.time.addr4; nft turns that into its own inside address 100.64.INDEX.123,
 * so that bodies with the same addresses get each its own answer (as with the resolver).
 *
 * chrony/chrony.conf   chrony.conf(5). It runs with -x and without the right to set the clock (jail/table.c): it serves the
 *                      time it has from above, and the node's own clock is the operating system's to keep. How far that
 *                      one is off is watched by toride-probed.
 * chrony/ca.pem        service.origin_ca, trusted beside the system's for NTS
 *
 * Where every server above is asked under NTS, an answer without it is never believed (authselectmode require); with
 * mixed ones, an authenticated majority is needed. Without any answer from above, none is given: no "local". M-017. */
#include "compile/emit.h"

#include "base/mem.h"

int compile_chrony(const struct model *m, struct outset *out, struct err *err)
{
	const struct service *s = &m->service;
	struct buf conf, ca;
	size_t nts = 0;
	if (!s->time.n_servers)
		return 0;
	buf_init(&conf, 64 * KIB);
	buf_init(&ca, 4 * MIB);
	buf_puts(&conf, "# Written by toride compile.\n");
	for (size_t i = 0; i < s->time.n_servers; i++) {
		const struct time_server *t = &s->time.servers[i];
		buf_printf(&conf, "server %s%s iburst minpoll 4 maxpoll 7\n", t->host, t->nts ? " nts" : "");
		nts += t->nts;
	}
	buf_printf(&conf, "authselectmode %s\n", nts == s->time.n_servers ? "require" : nts ? "mix" : "ignore");
	if (s->n_origin_ca)
		buf_printf(&conf, "ntstrustedcerts %s/current/chrony/ca.pem\n", s->state_dir);
	/* No makestep: with -x a step fails, and the offset would never reach those who ask; a correction counts at once. */
	buf_puts(&conf, "allow\nport 123\nratelimit interval -4 burst 32 leak 2\nclientloglimit 33554432\n");
	buf_printf(&conf, "cmdport 0\nbindcmdaddress /\npidfile %s/chrony/chronyd.pid\nntsdumpdir %s/chrony\n", s->run_dir, s->run_dir);
	for (size_t i = 0; i < s->n_origin_ca; i++)
		put_pem(&ca, s->origin_ca[i]);
	int r = emit(out, "chrony/chrony.conf", &conf, err);
	int r2 = s->n_origin_ca ? emit(out, "chrony/ca.pem", &ca, err) : (buf_done(&ca), 0);
	return r < 0 ? r : r2;
}
