/* A request of the page with progress: whatever it says, nobody's file is found by a token that wasn't given out. */
#include "proxy/parcel.h"

#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct parcel_for who = { "412015", { .family = 4, .len = 32 }, "https://files.example", "" };
	struct parcel *p;
	struct parcel_view v;
	struct str token;
	bool get;
	if (parcel_request_parse((struct str){ (const char *)data, size }, &token, &get) < 0)
		return 0;
	if (parcel_create(&who, STR("file"), "P-1", 0, &p) < 0)
		bug("no place");
	if (parcel_look(token, &who, 0, &v) == 0)
		bug("a token was guessed");
	parcel_leave(&p);
	return 0;
}
