/* recvd.json (compile/recvd.c): where devices of which body send their logs from. */
#ifndef RECV_CONF_H
#define RECV_CONF_H

#include "base/err.h"
#include "device/device.h"

#define CONF_ORGS 16384
#define CONF_SOURCES 512 /* of one organisation */
#define CONF_NAME 32
#define CONF_HOST 256

struct conf_addr {
	uint8_t family; /* 4, 6; 0: none */
	uint8_t addr[16];
};
struct conf_source {
	char name[CONF_NAME], ip[48];
	char hostname[CONF_HOST]; /* "" it sends itself; else the relay at addr passes its lines on, and they name it so */
	struct conf_addr addr;
	const struct device_format *format; /* NULL: by what each line looks like */
	int32_t zone_s;
	uint32_t silent_s;
	bool has_certificate;
	unsigned char certificate[32]; /* SHA-256 of the DER */
};
struct conf_org {
	char code[8], interface[16];
	struct conf_source *sources; /* sorted by address, then by hostname: the relay before what stands behind it */
	size_t n;
};
struct conf {
	struct conf_addr addr4, addr6; /* where they send to */
	uint16_t port, tls_port;
	struct conf_org *orgs;
	size_t n;
};

int conf_parse(struct str json, struct conf *ret, struct err *err);
void conf_done(struct conf *c);
int conf_addr_compare(const struct conf_addr *a, const struct conf_addr *b);

#endif
