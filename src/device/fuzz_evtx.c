/* A chunk of a Windows event log file: every record that is given is a JSON object, read by the Windows parser. */
#include "base/buf.h"
#include "base/mem.h"
#include "device/evtx.h"
#include "normalise/event.h"

static void one(struct str json, void *user)
{
	struct event e;
	(void)user;
	if (event_parse(json, &e) < 0)
		bug("not an object: " STR_FMT, STR_ARG(json));
	event_done(&e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Behind the heads, so that seeds may be short: the input is what stands from the first record on. */
	static char file[4096 + EVTX_CHUNK];
	size_t n;
	memset(file, 0, sizeof file);
	memcpy(file, "ElfFile", 8);
	memcpy(file + 4096, "ElfChnk", 8);
	memcpy(file + 4096 + 512, data, size < EVTX_CHUNK - 512 ? size : EVTX_CHUNK - 512);
	evtx_each((struct str){ file, sizeof file }, one, NULL, &n);
	if (size < EVTX_CHUNK - 512)
		evtx_each((struct str){ file, 4096 + 512 + size }, one, NULL, &n); /* a file that breaks off there */
	return 0;
}
