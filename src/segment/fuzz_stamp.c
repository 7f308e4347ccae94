/* A time stamp authority's answer. */
#include "segment/stamp.h"

#include "base/err.h"
#include "base/mem.h"

/* A certificate of nobody's, so that the answer is looked at. */
static const char ca[] = "-----BEGIN CERTIFICATE-----\n"
			 "MIIBdDCCARugAwIBAgIUB64AbqzczcJLPcw5rnel7KIpXNEwCgYIKoZIzj0EAwIw\n"
			 "EDEOMAwGA1UEAwwFdHNhY2EwHhcNMjYxMTI5MDUxNDM5WhcNMzYxMTI2MDUxNDM5\n"
			 "WjAQMQ4wDAYDVQQDDAV0c2FjYTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABHd/\n"
			 "DWk4tmmKLceDUhcnsvRxsGGQ4vdKvDcmmbOSIzogGnUP+VGL7fuN91lTY+mgZL7P\n"
			 "9dOy0nf9qfNwKAshEFGjUzBRMB0GA1UdDgQWBBRDYyhEch9O9Gw810Pl8zZesIHd\n"
			 "EDAfBgNVHSMEGDAWgBRDYyhEch9O9Gw810Pl8zZesIHdEDAPBgNVHRMBAf8EBTAD\n"
			 "AQH/MAoGCCqGSM49BAMCA0cAMEQCICzPCu6WyZMbTKolvrVk3j5qKOM8wrJQkIa7\n"
			 "UNpct4q6AiBxAxvHX069ZmwmuXK/hdofseRHt6bMrfY51GnafFsBaQ==\n"
			 "-----END CERTIFICATE-----\n";

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const unsigned char hash[STAMP_HASH] = { 1 };
	struct err err = { 0 };
	int64_t ms;
	if (n <= STAMP_MAX)
		stamp_verify((struct str){ (const char *)p, n }, hash, n & 1, (struct str){ ca, sizeof ca - 1 }, &ms, &err);
	return 0;
}
