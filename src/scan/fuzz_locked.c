/* A document behind a password: first two bytes say how long EncryptionInfo is, the rest is EncryptedPackage. */
#include "scan/locked.h"

#include "base/err.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf out;
	if (size < 2)
		return 0;
	size_t n = data[0] | (size_t)data[1] << 8;
	n = n < size - 2 ? n : size - 2;
	/* A hundred thousand turns a run would find nothing. */
	if (memmem(data + 2, n, "spinCount=\"1000", 15))
		return 0;
	buf_init(&out, MIB);
	locked_open((struct str){ (const char *)data + 2, n }, (struct str){ (const char *)data + 2 + n, size - 2 - n }, "\xe3\x81\x82pass", &out);
	if (out.len > size)
		bug("more than there was");
	buf_done(&out);
	return 0;
}
