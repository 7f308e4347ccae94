/* A segment file from somebody else: header, blocks, chain, decryption, records. */
#include "segment/fake_vault.h"
#include "segment/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sha s;
	struct seg_header h;
	struct seg_block k;
	struct seg_cipher c;
	struct buf plain;
	unsigned char key[SEGMENT_KEY];
	struct str rest = { (const char *)data, size }, record;
	const unsigned char *salt;
	if (size == 0 || sha_open(&s) < 0)
		return 0;
	buf_init(&plain, SEGMENT_BLOCK_MAX);
	if (seg_header_parse(rest, &s, &h) == 0) {
		unsigned char chain[SEGMENT_HASH];
		memcpy(chain, h.hash, sizeof chain);
		fake_key(h.org, h.series, h.number, key, NULL, NULL);
		if (seg_cipher_open(&c, key, false) == 0) {
			rest.ptr += h.len;
			rest.len -= h.len;
			while (seg_block_parse(rest, &k) == 0) {
				seg_block_chain(&k, &s, chain);
				struct str left = { "", 0 };
				if (k.part == SEG_BLOCK && seg_block_open(&c, &h, &k, &plain) != -E_LIMIT)
					left = buf_view(&plain); /* also of a wrong tag, as verify does */
				while (seg_record_next(&left, &salt, &record))
					;
				rest.ptr += k.total;
				rest.len -= k.total;
			}
			seg_cipher_close(&c);
		}
	}
	buf_done(&plain);
	sha_close(&s);
	return 0;
}
