/* See charset.h. */
#include "device/charset.h"

#include <iconv.h>

#define LONGEST (64u * 1024)

static const char *const names[] = { "EUC-JP", "CP932" };
static iconv_t converters[2];
static bool opened;

void charset_open(void)
{
	for (int i = 0; !opened && i < 2; i++)
		converters[i] = iconv_open("UTF-8", names[i]);
	opened = true;
}

/* EUC-JP has no byte from 0x80 to 0xa0 but its two shifts; Shift_JIS has hardly a word without. */
static bool may_be_euc(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		if ((c >= 0x80 && c <= 0xa0 && c != 0x8e && c != 0x8f) || c == 0xff)
			return false;
	}
	return true;
}

static bool convert(iconv_t with, struct str s, char *to, size_t room, size_t *ret_n)
{
	char *in = (char *)(uintptr_t)s.ptr, *out = to;
	size_t left = s.len, space = room;
	if (with == (iconv_t)-1)
		return false;
	iconv(with, NULL, NULL, NULL, NULL);
	if (iconv(with, &in, &left, &out, &space) == (size_t)-1 || left)
		return false;
	*ret_n = room - space;
	return true;
}

struct str charset_utf8(struct str line, const char **ret_name)
{
	static char room[4 * LONGEST];
	size_t n;
	*ret_name = NULL;
	if (line.len > LONGEST || str_is_utf8(line))
		return line;
	charset_open();
	for (int i = may_be_euc(line) ? 0 : 1; i < 2; i++)
		if (convert(converters[i], line, room, sizeof room, &n) && str_is_utf8((struct str){ room, n })) {
			*ret_name = names[i];
			return (struct str){ room, n };
		}
	return line;
}
