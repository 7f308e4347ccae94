/* What the upstream is asked to drop before it fills our lines: blocks of two kinds, announced by BIRD (compile/bird.c) to the routers at the
 * other end, withdrawn when they end.
 *
 *   blackhole  "198.51.100.101"                          all packets to it (RTBH, RFC 7999: community BLACKHOLE, with NO_EXPORT)
 *   flow       "to 198.51.100.101 [from 203.0.113.0/24] [tcp|udp|icmp] [port N] [from-port N]"
 *                                                        those packets (FlowSpec, RFC 8955 and 8956: traffic-rate 0)
 *
 * Each is about one address of the organisation that ordered it. A mistake here takes a body off the Internet, so the generation lists the
 * addresses that may be announced, and nothing else ever is:
 *
 *   bird/may.bin          u16 index, u8 family, u8 address[16]: an address of that organisation; guarded ones aren't among them
 *   RUN/bird/NAME.conf    the routes now announced, written at each change of the blocks; NAME: hole4, hole6, flow4, flow6 */
#ifndef APPLY_ANNOUNCE_H
#define APPLY_ANNOUNCE_H

#include "apply/blocks.h"

#define ANNOUNCE_MAX_MS (24 * INT64_C(3600000)) /* one forgotten is an outage that we made ourselves */
#define ANNOUNCE_ROUTES 200                     /* upstreams take few */

/* As block_check(), of these kinds: -E_INVALID, -E_DENIED (not the organisation's, guarded, too long), -E_STATE (no upstream). */
int announce_check(const struct block *k, const struct zones *z, int64_t now_ms, struct err *err);
/* BIRD's routes, a line each, of what may be announced (still): pure. out: by hole4, hole6, flow4, flow6. */
void announce_routes(const struct blocks *b, const struct zones *z, int64_t now_ms, struct buf out[4]);
/* Writes the files, and tells BIRD when one has changed. Nothing where there is no upstream. */
int announce_install(const struct blocks *b, const struct zones *z, struct err *err);

#endif
