/* The bytes as a keytab; what is kept of it can be written and read again, the same. */
#include "users/keytab.h"

#include "base/err.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct keytab first, again;
	struct err err = { 0 };
	struct buf b;
	if (keytab_read(data, size, "HTTP", "proxy.cloud.example", &first, &err) < 0)
		return 0;
	buf_init(&b, KEYTAB_FILE_MAX);
	keytab_write(&first, &b);
	if (b.failed || keytab_read(b.ptr, b.len, "HTTP", "proxy.cloud.example", &again, &err) < 0 || again.n != first.n || again.left_out)
		bug("a keytab can't be repeated");
	for (size_t i = 0; i < first.n; i++)
		if (again.keys[i].number != first.keys[i].number || again.keys[i].key_len != first.keys[i].key_len ||
		    memcmp(again.keys[i].key, first.keys[i].key, first.keys[i].key_len) != 0 || strcmp(again.keys[i].realm, first.keys[i].realm) != 0)
			bug("a key has changed");
	buf_done(&b);
	return 0;
}
