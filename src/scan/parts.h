/* Formats that hold files and that libarchive doesn't read: our own readers. Each hands what it finds to the walk; none follows
 * an offset out of the bytes, and each has a bound on what it reads that no content can move. */
#ifndef SCAN_PARTS_H
#define SCAN_PARTS_H

#include "base/buf.h"
#include "scan/walk.h"

/* OLE compound files (MS-CFB): streams that are files, packages (MS-OLEDS 2.3.6, Ole10Native), the source of macros
 * (MS-OVBA 2.4.1), and documents that open with a password (MS-OFFCRYPTO 2.3.4.4, MS-DOC 2.5.1, MS-XLS 2.4.117, MS-PPT 2.3.2). */
void ole_read(struct walk *w, struct str bytes);
/* PDF (ISO 32000-1, -2): streams, plain or by FlateDecode, that are files (attachments, pictures that aren't); what opens with the
 * walk's password, or with the empty one, is read again as it is inside. */
void pdf_read(struct walk *w, struct str bytes);
void pdf_prepare(void); /* once, before the process is confined */
/* Pages, scripts and mails: files written in them as base64, hexadecimal or lists of numbers. mail: clamd decodes those itself. */
void smuggled_read(struct walk *w, struct str bytes, bool mail);
/* ARJ (technote.txt 1.x of ARJ 3): stored members; what is locked; compressed ones are beyond us. */
void arj_read(struct walk *w, struct str bytes);

/* The body of an upload: multipart, each part a file. */
void form_read(struct walk *w, struct str bytes);

/* MS-OVBA 2.4.1.3.1: false when it isn't such a container. */
bool ovba_decompress(struct str in, struct buf *out);
/* Does it make sense to look at such a piece by itself? Not at plain text, pictures, fonts and noise. */
bool part_matters(enum file_type type);
enum file_type part_type(struct str bytes);

#endif
