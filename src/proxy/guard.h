/* Where the proxy never connects to, whatever a name says: the last check before connect(), on the address that
 * came out of name resolution. Else the proxy would be the bridge between organisations that the firewall refuses
 * (lateral movement, DNS rebinding, the cloud's own management). Requirements: S-01. */
#ifndef PROXY_GUARD_H
#define PROXY_GUARD_H

#include "model/model.h"

/* Private, loopback, link-local, shared, multicast, reserved and mapped ranges of IANA's special-purpose
 * registries (RFC 6890 and its successors). Documentation ranges are no danger and stay reachable. */
bool guard_special(const struct prefix *addr);
/* special, or inside one of refuse[], and not inside one of except[] (development on loopback). */
bool guard_refuses(const struct prefix *addr, const struct prefix *refuse, size_t n_refuse,
                   const struct prefix *except, size_t n_except);

#endif
