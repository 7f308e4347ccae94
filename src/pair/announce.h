/* Frames that tell a link's neighbours who has an address now. */
#ifndef PAIR_ANNOUNCE_H
#define PAIR_ANNOUNCE_H

#include <stddef.h>
#include <stdint.h>

#define ANNOUNCE_MAX 96

/* An ARP announcement (RFC 5227 section 2.3), or an unsolicited neighbour advertisement of a router (RFC 4861 section 7.2.6), as an
 * Ethernet frame. address: 4 or 16 bytes by family (4 or 6). Returns its length. */
size_t announce_frame(uint8_t family, const uint8_t *address, const uint8_t mac[6], uint8_t dst[ANNOUNCE_MAX]);

#endif
