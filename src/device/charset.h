/* Lines in Japanese that aren't UTF-8: many devices write Shift_JIS (as Windows does, CP932) or EUC-JP. They are turned into UTF-8 before
 * anything is read of them, since the second byte of a letter may be a quote or a bar. */
#ifndef DEVICE_CHARSET_H
#define DEVICE_CHARSET_H

#include "base/str.h"

/* Loads the converters; before the process is confined, which keeps it from files. Without them lines stay as they are. */
void charset_open(void);
/* The line as UTF-8, static until the next call, and the name of what it was; itself, and NULL, where it is UTF-8 or nothing known. */
struct str charset_utf8(struct str line, const char **ret_name);

#endif
