/* Documents of Word and Excel 97 to 2003 behind a password: RC4 (MS-OFFCRYPTO 2.3.6) and RC4 CryptoAPI (2.3.5), as MS-DOC 2.2.6 and MS-XLS
 * 2.2.10 lay them over their streams. PowerPoint's and XOR obfuscation stay closed. */
#ifndef SCAN_OFFICE97_H
#define SCAN_OFFICE97_H

#include "base/buf.h"
#include "scan/locked.h"

/* The stream Workbook (or Book), as it is without a password: as long as before. */
enum locked office97_xls(struct str workbook, const char *password, struct buf *out);
/* WordDocument and its table (office97_table()); data: the stream Data, may be empty. Each as long as before. */
enum locked office97_doc(struct str word, struct str table, struct str data, const char *password, struct buf out[3]);
const char *office97_table(struct str word); /* "0Table" or "1Table" */

#endif
