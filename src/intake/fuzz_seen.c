/* The file of senders, and a whole netlink datagram. */
#include "intake/netlink.h"
#include "intake/seen.h"

static void nothing(const struct nflog_packet *p, void *user)
{
	(void)p;
	(void)user;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seen s;
	struct nflog_feed f = { 0 };
	struct str in = { (const char *)data, size }, cursors;
	seen_init(&s);
	seen_parse(&s, in, &cursors, NULL);
	seen_record(&s, in);
	seen_done(&s);
	nflog_datagram(in, &f, nothing, NULL);
	return 0;
}
