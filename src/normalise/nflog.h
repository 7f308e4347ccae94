/* A packet the kernel logged (nfnetlink_log) → an event of class 4001.
 *
 * The prefix is the nft rule's: "CODE RULE" (compile/nft.c), "- RULE" where the rule knows no organisation, "B:" for
 * what a block set refused (apply/blocks_nft.c; optionally "B:ID"), "P:" for what passed a block and should not have. The organisation is the prefix's code if there is
 * such a body, else the packet mark's, else the input interface's, else the one whose global address is the source or
 * destination, else "service". Everything in a packet is hostile. */
#ifndef NORMALISE_NFLOG_H
#define NORMALISE_NFLOG_H

#include "normalise/orgs.h"

struct nflog_packet {
	char prefix[128];
	uint16_t group;
	uint8_t family;     /* 4 or 6; 0: another protocol */
	uint32_t mark, if_in, if_out, seq;
	bool has_seq;
	int64_t time_ms;    /* of the packet; 0: the kernel didn't say */
	struct str payload; /* from the network header on, as much as was copied; borrowed */
};

struct ip_packet {
	uint8_t family, protocol;
	uint8_t src[16], dst[16];
	bool has_ports, has_icmp, fragment; /* fragment: not the first; it shows no ports */
	uint16_t src_port, dst_port;
	uint8_t icmp_type, icmp_code;
};

/* The body of an NFULNL_MSG_PACKET message, behind nlmsghdr: nfgenmsg and attributes. 0 or -E_INVALID. */
int nflog_parse(struct str body, struct nflog_packet *ret);
/* IPv4 (RFC 791), IPv6 with extension headers (RFC 8200), ports of TCP, UDP, SCTP, UDP-Lite; ICMP. 0 or -E_INVALID; a
 * header that was cut off behind the addresses is no error, its fields are then absent. */
int ip_packet_parse(struct str payload, struct ip_packet *ret);

struct nflog_place {
	const struct orgs *orgs;
	const char *(*interface_name)(uint32_t index, void *user); /* NULL: unknown */
	void *user;
	int64_t now_ms; /* for packets without time */
};
/* Appends the event to b and returns the organisation ("service" where none): valid as long as orgs is. */
const char *nflog_event(const struct nflog_packet *p, const struct nflog_place *where, struct buf *b);

#endif
