/* Documents of Word, Excel and PowerPoint 97 to 2003 behind a password: RC4 (MS-OFFCRYPTO 2.3.6; not PowerPoint) and RC4 CryptoAPI (2.3.5),
 * as MS-DOC 2.2.6, MS-XLS 2.2.10 and MS-PPT 2.3.7 lay them over their streams. XOR obfuscation stays closed. */
#ifndef SCAN_OFFICE97_H
#define SCAN_OFFICE97_H

#include "base/buf.h"
#include "scan/locked.h"

/* The stream Workbook (or Book), as it is without a password: as long as before. */
enum locked office97_xls(struct str workbook, const char *password, struct buf *out);
/* WordDocument and its table (office97_table()); data: the stream Data, may be empty. Each as long as before. */
enum locked office97_doc(struct str word, struct str table, struct str data, const char *password, struct buf out[3]);
const char *office97_table(struct str word); /* "0Table" or "1Table" */

/* Does a presentation ask for a password? By what the streams Current User and PowerPoint Document say, one of which is enough. */
bool office97_ppt_locked(struct str user, struct str document);
/* Current User, PowerPoint Document, Pictures (may be empty), in this order. Each as long as before. */
enum locked office97_ppt(const struct str in[3], const char *password, struct buf out[3]);

#endif
