/* The way out to SMS, voice and webhook gateways, for the one process that may take it (toride-courierd).
 *
 * Who asks (respondd) names a gateway of the description, a recipient and words; never a URL. Where it goes, how the request looks and
 * which token it carries stands in courierd.json and STATE/courier/NAME.token alone. No redirect is followed, no answer's body is
 * read, and an address of a body's, of the node's inside or of the machine itself is never connected to, whatever a name resolves to.
 * A gateway answers by its HTTP status (RFC 9110 §15): 2xx it took the message, 4xx it refuses it, anything else: later again.
 * Requirement: M-087. */
#ifndef COURIER_COURIER_H
#define COURIER_COURIER_H

#include "base/arena.h"
#include "base/buf.h"
#include "model/model.h"

#define COURIER_TEXT_MAX 4096 /* bytes of a message */
#define COURIER_TIMEOUT_MS 15000
#define COURIER_CONFIG_MAX (4 * MIB)

struct courier {
	struct arena arena;
	struct gateway *gateways;
	size_t n_gateways;
	struct prefix *never; /* never connected to */
	size_t n_never;
};
/* courierd.json. 0 or -E_INVALID. */
int courier_parse(struct str json, struct courier **ret, struct err *err);
void courier_destroy(struct courier **c);
const struct gateway *courier_find(const struct courier *c, const char *name); /* NULL when there is none */
/* May a connection go there? sa: IPv4 or IPv6. */
struct sockaddr;
bool courier_may_reach(const struct courier *c, const struct sockaddr *sa);

struct courier_message {
	const char *to, *text, *reference, *org;
	int severity;
};
/* The request's body: the gateway's template with {{to}}, {{text}}, {{reference}}, {{org}}, {{severity}} put in, quoted for its content
 * (JSON: RFC 8259 §7; form: percent-encoded; model/gateway.h). Look at b->failed. */
void courier_compose(const struct gateway *g, const struct courier_message *m, struct buf *b);
/* Blocks, at most COURIER_TIMEOUT_MS. token "" : none. *ret_status: 0 when there was no answer. 0: taken; -E_DENIED refused for good;
 * -E_CLOSED, -E_TIMEOUT, -E_IO: later again. */
int courier_send(const struct courier *c, const struct gateway *g, const struct courier_message *m, const char *token, long *ret_status,
                 struct err *err);

#endif
