/* Any bytes as head and tail: no read outside them, and a type that has a name. */
#include "scan/type.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str all = { (const char *)data, size }, tail = all;
	if (size > 256)
		tail = (struct str){ all.ptr + size / 2, size - size / 2 };
	return file_type_name(file_type_of(all, tail))[0] == 0;
}
