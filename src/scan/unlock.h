/* Archives behind a password that was told, written again as if they had none: the reader of the format needn't know. What is
 * compressed stays so; only headers and the AES around them change. A worker has one password, and dies with it.
 *
 *   7z    coder 06F10701 (7zFormat.txt, Methods.txt of 7-Zip), also around the header
 *   RAR5  technote of RAR 5.0: encryption header (4), record 1 of a file's extra area
 *   RAR3  AES since RAR 2.9, also around the headers; passwords of up to 28 UTF-16 units (beyond, RAR hashes what its own bug left)
 * The turns of a key's hash are bounded here, below what the formats allow. */
#ifndef SCAN_UNLOCK_H
#define SCAN_UNLOCK_H

#include "base/buf.h"
#include "scan/locked.h"

/* LOCKED_OPENED: out is the archive without encryption. LOCKED_UNKNOWN: nothing in it is locked, or not so that it is known here.
 * LOCKED_WRONG: as far as the format lets anybody tell (otherwise what comes out fails its checksums); or something is locked, and
 * there is no password, or it isn't opened here. */
enum locked unlock_7z(struct str file, const char *password, struct buf *out);
enum locked unlock_rar(struct str file, const char *password, struct buf *out);

#endif
