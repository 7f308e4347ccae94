/* A WebSocket between terminal and origin (RFC 6455), looked into: frames are read strictly and written anew, each message is held
 * until its verdict, by the same way and settings as a file that is fetched or sent, and a bad one ends the connection.
 *
 * Control frames pass at once, also in the middle of a message. JSON and fields of forms of up to 4 KiB pass unscanned, as uploads of
 * that kind do (upload.c). A message larger than is scanned passes, frame by frame, where `unscannable_allow` says so.
 * Nobody compresses: the offer of extensions isn't passed on (RFC 7692), so there is nothing to unpack. */
#ifndef PROXY_SOCKET_H
#define PROXY_SOCKET_H

#include "base/str.h"

struct conn;
struct origin;

/* o has granted it to c's request; `rest` came behind. c->state is CONN_TUNNEL from now on; c may be gone afterwards. */
void socket_begin(struct conn *c, struct origin *o, struct str rest);
void socket_event(struct conn *c, int what); /* of the terminal's side */
void socket_tick(struct conn *c);            /* c may be gone afterwards */
void socket_free(struct conn *c);

#endif
