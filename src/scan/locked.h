/* Documents of Office that open with a password (ECMA-376 encryption, MS-OFFCRYPTO 2.3.4): the package inside, which is a zip. Agile
 * (2.3.4.10 to .15, since Office 2010) with AES-CBC and SHA-1 or SHA-2, and standard (2.3.4.5 to .9, Office 2007) with AES. */
#ifndef SCAN_LOCKED_H
#define SCAN_LOCKED_H

#include "base/buf.h"

enum locked { LOCKED_OPENED, LOCKED_WRONG, LOCKED_UNKNOWN /* a way that isn't known here, or broken */ };

/* info, package: the streams EncryptionInfo and EncryptedPackage. password: UTF-8. out: what was in it, and up to 15 bytes more. */
enum locked locked_open(struct str info, struct str package, const char *password, struct buf *out);

/* Once, before the process is confined. */
void locked_prepare(void);

#endif
