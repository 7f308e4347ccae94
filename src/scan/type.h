/* What a file really is, by its content; what its sender calls it plays no part.
 *
 * Looks at the first and last TYPE_WINDOW bytes, decompresses nothing and follows no offset out of them.
 * Containers are told apart as far as their own directory says (zip: central directory, else local headers;
 * OLE: the first directory sector). Names are short, lower case, stable: they stand in events and policies. */
#ifndef SCAN_TYPE_H
#define SCAN_TYPE_H

#include "base/str.h"

#define TYPE_WINDOW 65536

enum file_type {
	TYPE_DATA, TYPE_EMPTY, TYPE_TEXT,
	/* programs */
	TYPE_PE, TYPE_MZ, TYPE_ELF, TYPE_MACHO, TYPE_CLASS, TYPE_DEX, TYPE_WASM, TYPE_SCRIPT, TYPE_PHP, TYPE_BAT, TYPE_VBA, TYPE_LNK,
	TYPE_CHM, TYPE_HLP, TYPE_SWF,
	/* documents */
	TYPE_PDF, TYPE_PS, TYPE_RTF, TYPE_HTML, TYPE_XML, TYPE_SVG, TYPE_DOCX, TYPE_DOCM, TYPE_XLSX, TYPE_XLSM, TYPE_PPTX,
	TYPE_PPTM, TYPE_OOXML, TYPE_ODT, TYPE_ODS, TYPE_ODP, TYPE_ODG, TYPE_EPUB, TYPE_HWPX, TYPE_OLE, TYPE_DOC, TYPE_XLS,
	TYPE_PPT, TYPE_MSI, TYPE_MSG, TYPE_JTD, TYPE_HWP, TYPE_ONENOTE, TYPE_MDB, TYPE_ACCDB, TYPE_SQLITE, TYPE_MAIL, TYPE_FORM,
	TYPE_TNEF, TYPE_PST, TYPE_PEM,
	/* archives */
	TYPE_ZIP, TYPE_JAR, TYPE_APK, TYPE_GZIP, TYPE_BZIP2, TYPE_XZ, TYPE_ZSTD, TYPE_LZ4, TYPE_COMPRESS, TYPE_7Z, TYPE_RAR,
	TYPE_CAB, TYPE_LZH, TYPE_ARJ, TYPE_ACE, TYPE_TAR, TYPE_CPIO, TYPE_ISO, TYPE_DEB, TYPE_RPM, TYPE_VMDK,
	TYPE_LZMA, TYPE_LZIP, TYPE_XAR, TYPE_WIM,
	/* pictures, sound, fonts */
	TYPE_PNG, TYPE_JPEG, TYPE_GIF, TYPE_BMP, TYPE_TIFF, TYPE_WEBP, TYPE_ICO, TYPE_PSD, TYPE_HEIF, TYPE_JP2, TYPE_EMF,
	TYPE_WMF, TYPE_MP4, TYPE_MP3, TYPE_OGG, TYPE_FLAC, TYPE_WAV, TYPE_AVI, TYPE_MKV, TYPE_ASF, TYPE_WOFF, TYPE_SFNT,
	TYPE_COUNT
};

/* What policies speak of. */
enum file_group { GROUP_PROGRAMS, GROUP_SCRIPTS, GROUP_MACROS, GROUP_ARCHIVES, GROUP_DISKS, GROUP_MEDIA, GROUP_COUNT };

const char *file_group_name(enum file_group g); /* "programs" … */
unsigned file_type_groups(enum file_type t);    /* bits 1 << enum file_group */
/* What people write and print: Office, OpenDocument, PDF and the like; not pages, mails and data. Of a type's name. */
bool file_name_is_document(const char *type);
/* Of a type's name; an unknown one is in no group. */
unsigned file_name_groups(const char *type);

const char *file_type_name(enum file_type t);
/* head: the first bytes; tail: the last ones (may overlap head; whole file in both when it is small). */
enum file_type file_type_of(struct str head, struct str tail);

#endif
