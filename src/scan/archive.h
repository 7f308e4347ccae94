/* Archives and compressed files through libarchive, one format at a time: the one that the content has. */
#ifndef SCAN_ARCHIVE_H
#define SCAN_ARCHIVE_H

#include "scan/walk.h"

/* Does somebody here open this type as an archive? */
bool archive_opens(enum file_type type);
/* Hands each member to w. */
void archive_read_all(struct walk *w, enum file_type type, struct str bytes);
/* Programs and other files with an archive behind them (self-extracting, or made to be two things at once). */
/* document: what looks like an archive in its middle may be a part of it, and then isn't broken; at its end it is one. */
void archive_read_appended(struct walk *w, struct str bytes, bool document);

#endif
