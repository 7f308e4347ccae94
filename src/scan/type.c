/* Real types: a table of magic numbers, then the few families whose members share one (zip, OLE, text). */
#include "scan/type.h"

#include "base/mem.h"

static const char *const names[] = {
	[TYPE_DATA] = "data", [TYPE_EMPTY] = "empty", [TYPE_TEXT] = "text", [TYPE_PE] = "pe", [TYPE_MZ] = "mz",
	[TYPE_ELF] = "elf", [TYPE_MACHO] = "macho", [TYPE_CLASS] = "class", [TYPE_DEX] = "dex", [TYPE_WASM] = "wasm",
	[TYPE_SCRIPT] = "script", [TYPE_PHP] = "php", [TYPE_BAT] = "bat", [TYPE_VBA] = "vba", [TYPE_LNK] = "lnk", [TYPE_CHM] = "chm",
	[TYPE_HLP] = "hlp", [TYPE_SWF] = "swf", [TYPE_PDF] = "pdf", [TYPE_PS] = "ps", [TYPE_RTF] = "rtf",
	[TYPE_HTML] = "html", [TYPE_XML] = "xml", [TYPE_SVG] = "svg", [TYPE_DOCX] = "docx", [TYPE_DOCM] = "docm",
	[TYPE_XLSX] = "xlsx", [TYPE_XLSM] = "xlsm", [TYPE_PPTX] = "pptx", [TYPE_PPTM] = "pptm", [TYPE_OOXML] = "ooxml",
	[TYPE_ODT] = "odt", [TYPE_ODS] = "ods", [TYPE_ODP] = "odp", [TYPE_ODG] = "odg", [TYPE_EPUB] = "epub",
	[TYPE_HWPX] = "hwpx", [TYPE_OLE] = "ole", [TYPE_DOC] = "doc", [TYPE_XLS] = "xls", [TYPE_PPT] = "ppt",
	[TYPE_MSI] = "msi", [TYPE_MSG] = "msg", [TYPE_JTD] = "jtd", [TYPE_HWP] = "hwp", [TYPE_ONENOTE] = "onenote",
	[TYPE_MDB] = "mdb", [TYPE_ACCDB] = "accdb", [TYPE_SQLITE] = "sqlite", [TYPE_MAIL] = "mail", [TYPE_FORM] = "form", [TYPE_TNEF] = "tnef",
	[TYPE_PST] = "pst", [TYPE_PEM] = "pem", [TYPE_ZIP] = "zip", [TYPE_JAR] = "jar", [TYPE_APK] = "apk",
	[TYPE_GZIP] = "gzip", [TYPE_BZIP2] = "bzip2", [TYPE_XZ] = "xz", [TYPE_ZSTD] = "zstd", [TYPE_LZ4] = "lz4",
	[TYPE_COMPRESS] = "compress", [TYPE_7Z] = "7z", [TYPE_RAR] = "rar", [TYPE_CAB] = "cab", [TYPE_LZH] = "lzh",
	[TYPE_LZMA] = "lzma", [TYPE_LZIP] = "lzip", [TYPE_XAR] = "xar", [TYPE_WIM] = "wim",
	[TYPE_ARJ] = "arj", [TYPE_ACE] = "ace", [TYPE_TAR] = "tar", [TYPE_CPIO] = "cpio", [TYPE_ISO] = "iso",
	[TYPE_DEB] = "deb", [TYPE_RPM] = "rpm", [TYPE_VMDK] = "vmdk", [TYPE_PNG] = "png", [TYPE_JPEG] = "jpeg",
	[TYPE_GIF] = "gif", [TYPE_BMP] = "bmp", [TYPE_TIFF] = "tiff", [TYPE_WEBP] = "webp", [TYPE_ICO] = "ico",
	[TYPE_PSD] = "psd", [TYPE_HEIF] = "heif", [TYPE_JP2] = "jp2", [TYPE_EMF] = "emf", [TYPE_WMF] = "wmf",
	[TYPE_MP4] = "mp4", [TYPE_MP3] = "mp3", [TYPE_OGG] = "ogg", [TYPE_FLAC] = "flac", [TYPE_WAV] = "wav",
	[TYPE_AVI] = "avi", [TYPE_MKV] = "mkv", [TYPE_ASF] = "asf", [TYPE_WOFF] = "woff", [TYPE_SFNT] = "sfnt",
};
_Static_assert(ARRAY_LEN(names) == TYPE_COUNT, "every type has a name");

const char *file_type_name(enum file_type t)
{
	return (unsigned)t < TYPE_COUNT ? names[t] : "data";
}

static const char *const group_names[GROUP_COUNT] = { "programs", "scripts", "macros", "archives", "disks", "media" };

/* The types of each group; TYPE_DATA, which is in none, ends a list. */
static const uint8_t grouped[GROUP_COUNT][24] = {
	[GROUP_PROGRAMS] = { TYPE_PE, TYPE_MZ, TYPE_ELF, TYPE_MACHO, TYPE_CLASS, TYPE_DEX, TYPE_LNK, TYPE_CHM, TYPE_HLP, TYPE_MSI, TYPE_JAR,
			     TYPE_APK, TYPE_DEB, TYPE_RPM, TYPE_SWF },
	[GROUP_SCRIPTS] = { TYPE_SCRIPT, TYPE_PHP, TYPE_BAT },
	[GROUP_MACROS] = { TYPE_DOCM, TYPE_XLSM, TYPE_PPTM, TYPE_VBA },
	[GROUP_ARCHIVES] = { TYPE_ZIP, TYPE_GZIP, TYPE_BZIP2, TYPE_XZ, TYPE_ZSTD, TYPE_LZ4, TYPE_COMPRESS, TYPE_7Z, TYPE_RAR, TYPE_CAB, TYPE_LZH,
			     TYPE_ARJ, TYPE_ACE, TYPE_TAR, TYPE_CPIO, TYPE_LZMA, TYPE_LZIP, TYPE_XAR },
	[GROUP_DISKS] = { TYPE_ISO, TYPE_VMDK, TYPE_WIM },
	[GROUP_MEDIA] = { TYPE_MP4, TYPE_MP3, TYPE_OGG, TYPE_FLAC, TYPE_WAV, TYPE_AVI, TYPE_MKV, TYPE_ASF },
};

const char *file_group_name(enum file_group g)
{
	return g < GROUP_COUNT ? group_names[g] : "";
}

unsigned file_type_groups(enum file_type t)
{
	unsigned bits = 0;
	for (unsigned g = 0; g < GROUP_COUNT; g++)
		for (unsigned i = 0; grouped[g][i]; i++)
			bits |= grouped[g][i] == t ? 1u << g : 0;
	return bits;
}

bool file_name_is_document(const char *type)
{
	static const uint8_t documents[] = { TYPE_PDF, TYPE_PS, TYPE_RTF, TYPE_DOCX, TYPE_DOCM, TYPE_XLSX, TYPE_XLSM, TYPE_PPTX, TYPE_PPTM, TYPE_OOXML, TYPE_ODT, TYPE_ODS,
		                             TYPE_ODP, TYPE_ODG, TYPE_EPUB, TYPE_HWPX, TYPE_OLE, TYPE_DOC, TYPE_XLS, TYPE_PPT, TYPE_JTD, TYPE_HWP, TYPE_ONENOTE };
	for (size_t i = 0; i < sizeof documents; i++)
		if (strcmp(names[documents[i]], type) == 0)
			return true;
	return false;
}

unsigned file_name_groups(const char *type)
{
	for (unsigned t = 0; t < TYPE_COUNT; t++)
		if (strcmp(names[t], type) == 0)
			return file_type_groups((enum file_type)t);
	return 0;
}

#define M(off, lit, type) { off, sizeof(lit) - 1, lit, type }
static const struct magic {
	uint16_t off;
	uint8_t len;
	char bytes[17];
	enum file_type type;
} magics[] = {
	M(0, "\x7f" "ELF", TYPE_ELF),
	M(0, "\xfe\xed\xfa\xce", TYPE_MACHO), M(0, "\xfe\xed\xfa\xcf", TYPE_MACHO),
	M(0, "\xce\xfa\xed\xfe", TYPE_MACHO), M(0, "\xcf\xfa\xed\xfe", TYPE_MACHO),
	M(0, "dex\n0", TYPE_DEX), M(0, "\0asm", TYPE_WASM),
	M(0, "L\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0", TYPE_LNK),
	M(0, "ITSF\3\0\0\0", TYPE_CHM), M(0, "?_\3\0", TYPE_HLP),
	M(0, "FWS", TYPE_SWF), M(0, "CWS", TYPE_SWF), M(0, "ZWS", TYPE_SWF),
	M(0, "%!PS", TYPE_PS), M(0, "{\\rt", TYPE_RTF), /* Word opens it without the f */
	M(0, "\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\xae\xb1\x53\x78\xd0\x29\x96\xd3", TYPE_ONENOTE),
	M(4, "Standard Jet DB", TYPE_MDB), M(4, "Standard ACE DB", TYPE_ACCDB), M(0, "SQLite format 3", TYPE_SQLITE),
	M(0, "\x78\x9f\x3e\x22", TYPE_TNEF), M(0, "!BDN", TYPE_PST), M(0, "-----BEGIN ", TYPE_PEM),
	M(0, "\x1f\x8b", TYPE_GZIP), M(0, "\xfd" "7zXZ\0", TYPE_XZ), M(0, "\x28\xb5\x2f\xfd", TYPE_ZSTD),
	M(0, "\x04\x22\x4d\x18", TYPE_LZ4), M(0, "\x1f\x9d", TYPE_COMPRESS), M(0, "7z\xbc\xaf\x27\x1c", TYPE_7Z),
	M(4, "1AY&SY", TYPE_BZIP2), M(0, "Rar!\x1a\x07", TYPE_RAR), M(0, "MSCF\0\0\0\0", TYPE_CAB),
	M(2, "-lh", TYPE_LZH), M(2, "-lz", TYPE_LZH), M(0, "\x60\xea", TYPE_ARJ), M(7, "**ACE**", TYPE_ACE),
	M(257, "ustar", TYPE_TAR), M(0, "070701", TYPE_CPIO), M(0, "070702", TYPE_CPIO), M(0, "070707", TYPE_CPIO),
	M(0, "\xc7\x71", TYPE_CPIO), M(0, "\x71\xc7", TYPE_CPIO), M(32769, "CD001", TYPE_ISO), M(0, "!<arch>\ndebian", TYPE_DEB),
	M(0, "\xed\xab\xee\xdb", TYPE_RPM), M(0, "KDMV", TYPE_VMDK),
	M(0, "LZIP\1", TYPE_LZIP), M(0, "xar!", TYPE_XAR), M(0, "MSWIM\0\0\0", TYPE_WIM), M(0, "\x5d\0\0", TYPE_LZMA),
	M(0, "\x89PNG\r\n\x1a\n", TYPE_PNG), M(0, "\xff\xd8\xff", TYPE_JPEG), M(0, "GIF87a", TYPE_GIF), M(0, "GIF89a", TYPE_GIF),
	M(0, "II*\0", TYPE_TIFF), M(0, "MM\0*", TYPE_TIFF), M(8, "WEBP", TYPE_WEBP), M(0, "\0\0\1\0", TYPE_ICO),
	M(0, "8BPS", TYPE_PSD), M(4, "jP  \r\n", TYPE_JP2), M(40, " EMF", TYPE_EMF), M(0, "\xd7\xcd\xc6\x9a", TYPE_WMF),
	M(4, "ftypheic", TYPE_HEIF), M(4, "ftypmif1", TYPE_HEIF), M(4, "ftypavif", TYPE_HEIF), M(4, "ftyp", TYPE_MP4),
	M(0, "ID3", TYPE_MP3), M(0, "\xff\xfb", TYPE_MP3), M(0, "OggS", TYPE_OGG), M(0, "fLaC", TYPE_FLAC),
	M(8, "WAVE", TYPE_WAV), M(8, "AVI ", TYPE_AVI), M(0, "\x1a\x45\xdf\xa3", TYPE_MKV),
	M(0, "\x30\x26\xb2\x75\x8e\x66\xcf\x11", TYPE_ASF), M(0, "wOFF", TYPE_WOFF), M(0, "wOF2", TYPE_WOFF),
	M(0, "OTTO", TYPE_SFNT), M(0, "\0\1\0\0\0", TYPE_SFNT),
};

static uint32_t le(struct str s, size_t off, size_t n)
{
	uint32_t v = 0;
	if (off > s.len || s.len - off < n)
		return 0;
	for (size_t i = 0; i < n; i++)
		v |= (uint32_t)(unsigned char)s.ptr[off + i] << (8 * i);
	return v;
}

static bool at(struct str s, size_t off, struct str what)
{
	return off <= s.len && s.len - off >= what.len && memcmp(s.ptr + off, what.ptr, what.len) == 0;
}

static bool has(struct str s, struct str what)
{
	return s.len && memmem(s.ptr, s.len, what.ptr, what.len);
}

/* ---- zip (APPNOTE 4.3) ---- */

enum zip_mark { Z_TYPES = 1, Z_WORD = 2, Z_XL = 4, Z_PPT = 8, Z_VBA = 16, Z_JAR = 32, Z_APK = 64, Z_DEX = 128 };

static unsigned zip_mark(struct str name)
{
	if (str_eq(name, STR("[Content_Types].xml")))
		return Z_TYPES;
	if (str_eq(name, STR("META-INF/MANIFEST.MF")))
		return Z_JAR;
	if (str_eq(name, STR("AndroidManifest.xml")))
		return Z_APK;
	if (str_ends(name, STR("vbaProject.bin")))
		return Z_VBA;
	if (str_starts(name, STR("word/")))
		return Z_WORD;
	if (str_starts(name, STR("xl/")))
		return Z_XL;
	return str_starts(name, STR("ppt/")) ? Z_PPT : 0;
}

static struct str part(struct str s, size_t off, size_t n)
{
	return off <= s.len && n <= s.len - off ? (struct str){ s.ptr + off, n } : (struct str){ "", 0 };
}

/* From the central directory, as far as it lies in the tail. False when there is no end record. */
static bool zip_central(struct str tail, unsigned *marks)
{
	size_t end = tail.len;
	while (end >= 22 && !at(tail, end - 22, STR("PK\5\6")))
		end--;
	if (end < 22)
		return false;
	end -= 22;
	size_t size = le(tail, end + 12, 4), off = size <= end ? end - size : 0;
	if (size > end) { /* begins before the window: the first header we can see */
		const char *p = memmem(tail.ptr, end, "PK\1\2", 4);
		off = p ? (size_t)(p - tail.ptr) : end;
	}
	for (unsigned i = 0; i < 4096 && at(tail, off, STR("PK\1\2")); i++) {
		size_t n = le(tail, off + 28, 2);
		*marks |= zip_mark(part(tail, off + 46, n));
		off += 46 + n + le(tail, off + 30, 2) + le(tail, off + 32, 2);
	}
	return true;
}

static void zip_local(struct str head, unsigned *marks)
{
	size_t off = 0;
	for (unsigned i = 0; i < 4096 && at(head, off, STR("PK\3\4")); i++) {
		size_t n = le(head, off + 26, 2), body = off + 30 + n + le(head, off + 28, 2), size = le(head, off + 18, 4);
		bool behind = le(head, off + 6, 2) & 8; /* its length stands behind the data */
		*marks |= zip_mark(part(head, off + 30, n));
		if (body >= head.len)
			return;
		off = body + size;
		if (size == 0 && behind) {
			const char *p = memmem(head.ptr + body, head.len - body, "PK\3\4", 4);
			off = p ? (size_t)(p - head.ptr) : head.len;
		}
	}
}

/* ODF 1.3 part 2, 3.3 and OCF: the first member is "mimetype", stored. */
static enum file_type zip_mimetype(struct str head)
{
	static const struct {
		struct str mime;
		enum file_type type;
	} kinds[] = {
		{ STR("application/vnd.oasis.opendocument.text"), TYPE_ODT },
		{ STR("application/vnd.oasis.opendocument.spreadsheet"), TYPE_ODS },
		{ STR("application/vnd.oasis.opendocument.presentation"), TYPE_ODP },
		{ STR("application/vnd.oasis.opendocument.graphics"), TYPE_ODG },
		{ STR("application/epub+zip"), TYPE_EPUB },
		{ STR("application/hwp+zip"), TYPE_HWPX },
	};
	size_t body = 38 + le(head, 28, 2);
	if (!at(head, 30, STR("mimetype")) || le(head, 26, 2) != 8)
		return TYPE_ZIP;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (at(head, body, kinds[i].mime))
			return kinds[i].type;
	return TYPE_ZIP;
}

static enum file_type zip_type(struct str head, struct str tail)
{
	unsigned m = 0;
	enum file_type t = zip_mimetype(head);
	if (t != TYPE_ZIP)
		return t;
	if (!zip_central(tail, &m) || m == 0)
		zip_local(head, &m);
	bool vba = m & Z_VBA;
	if (m & Z_APK)
		return TYPE_APK;
	if ((m & Z_TYPES) || vba) {
		if (m & Z_WORD)
			return vba ? TYPE_DOCM : TYPE_DOCX;
		if (m & Z_XL)
			return vba ? TYPE_XLSM : TYPE_XLSX;
		if (m & Z_PPT)
			return vba ? TYPE_PPTM : TYPE_PPTX;
		return TYPE_OOXML;
	}
	return m & Z_JAR ? TYPE_JAR : TYPE_ZIP;
}

/* ---- OLE compound file (MS-CFB 2.2, 2.6) ---- */

/* A stream's name as ASCII; other characters become '?'. */
static struct str ole_name(struct str s, size_t off, char dst[33])
{
	size_t n = le(s, off + 64, 2) / 2;
	n = n > 32 ? 32 : n;
	for (size_t i = 0; i < n; i++) {
		uint32_t c = le(s, off + 2 * i, 2);
		dst[i] = c < 128 ? (char)c : '?';
	}
	n = n && dst[n - 1] == 0 ? n - 1 : n;
	return (struct str){ dst, n };
}

static enum file_type ole_type(struct str head)
{
	static const struct {
		struct str head;
		enum file_type type;
	} kinds[] = {
		{ STR("WordDocument"), TYPE_DOC },      { STR("Workbook"), TYPE_XLS },
		{ STR("Book"), TYPE_XLS },              { STR("PowerPoint Document"), TYPE_PPT },
		{ STR("__properties_version1"), TYPE_MSG }, { STR("__nameid_version1"), TYPE_MSG },
		{ STR("JSRV_SegmentInformation"), TYPE_JTD }, { STR("DocumentText"), TYPE_JTD },
		{ STR("JSFCTRL_"), TYPE_JTD },          { STR("HwpSummaryInformation"), TYPE_HWP },
		{ STR("\5HwpSummaryInformation"), TYPE_HWP },
	};
	static const unsigned char msi[16] = { 0x84, 0x10, 0x0c, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46 };
	size_t shift = le(head, 30, 2) == 12 ? 12 : 9, sector = le(head, 48, 4);
	if (sector > TYPE_WINDOW)
		return TYPE_OLE;
	size_t off = (sector + 1) << shift;
	if (at(head, off + 80, (struct str){ (const char *)msi, 16 }))
		return TYPE_MSI;
	for (size_t end = off + ((size_t)1 << shift); off + 128 <= head.len && off < end; off += 128) {
		char text[33];
		struct str name = ole_name(head, off, text);
		for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
			if (str_starts(name, kinds[i].head))
				return kinds[i].type;
	}
	return TYPE_OLE;
}

/* ---- text ---- */

static struct str skip_blank(struct str s)
{
	if (at(s, 0, STR("\xef\xbb\xbf")))
		s.ptr += 3, s.len -= 3;
	while (s.len && (*s.ptr == ' ' || *s.ptr == '\t' || *s.ptr == '\r' || *s.ptr == '\n' || *s.ptr == '\f'))
		s.ptr++, s.len--;
	return s;
}

/* As browsers sniff (WHATWG MIME Sniffing 7.1), blank or '>' behind the tag. */
static bool is_html(struct str s)
{
	static const struct str tags[] = {
		STR("<!doctype html"), STR("<html"), STR("<head"), STR("<script"), STR("<iframe"), STR("<h1"),   STR("<div"),
		STR("<font"),          STR("<table"), STR("<a"),   STR("<style"),  STR("<title"),  STR("<body"), STR("<br"),
		STR("<p"),             STR("<!--"),  STR("<meta"), STR("<b"),      STR("<form"),
	};
	for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
		if (!str_case_starts(s, tags[i]))
			continue;
		char c = s.len > tags[i].len ? s.ptr[tags[i].len] : 0;
		if (c == ' ' || c == '>' || c == '\n' || c == '\r' || c == '\t' || tags[i].ptr[1] == '!')
			return true;
	}
	return false;
}

static bool is_mail(struct str s)
{
	static const struct str heads[] = { STR("Received: "), STR("Return-Path: "), STR("From: "),       STR("From "),
		                            STR("Message-ID: "), STR("MIME-Version: "), STR("Delivered-To: "), STR("X-Mozilla-Status") };
	for (size_t i = 0; i < ARRAY_LEN(heads); i++)
		if (str_case_starts(s, heads[i]))
			return has(part(s, 0, s.len < 8192 ? s.len : 8192), STR("\n"));
	return false;
}

/* A multipart body: its boundary, then a part's headers. */
static bool is_form(struct str s)
{
	const char *line = memmem(s.ptr, s.len < 80 ? s.len : 80, "\r\n", 2);
	return line && str_starts(s, STR("--")) && str_case_starts((struct str){ line + 2, s.len - (size_t)(line + 2 - s.ptr) }, STR("Content-"));
}

static bool is_text(struct str s)
{
	size_t n = s.len < 4096 ? s.len : 4096;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		if (c == 0x7f || (c < 0x20 && c != '\t' && c != '\n' && c != '\r' && c != '\f' && c != 0x1b)) /* 0x1b: ISO-2022-JP */
			return false;
	}
	return true;
}

static enum file_type text_type(struct str head)
{
	struct str s = skip_blank(head), first = part(s, 0, s.len < 1024 ? s.len : 1024);
	if (str_starts(s, STR("#!")) && is_text(head))
		return TYPE_SCRIPT;
	if (str_case_starts(s, STR("<?php")))
		return TYPE_PHP;
	if (str_case_starts(s, STR("Attribute VB_"))) /* MS-OVBA: the source of a module */
		return TYPE_VBA;
	if (str_case_starts(s, STR("@echo off")))
		return TYPE_BAT;
	if (str_case_starts(s, STR("<?xml")))
		return has(first, STR("<svg")) ? TYPE_SVG : has(first, STR("<html")) ? TYPE_HTML : TYPE_XML;
	if (str_case_starts(s, STR("<svg")))
		return TYPE_SVG;
	if (is_html(s))
		return TYPE_HTML;
	if (is_mail(s))
		return TYPE_MAIL;
	if (is_form(head))
		return TYPE_FORM;
	return is_text(head) ? TYPE_TEXT : TYPE_DATA;
}

/* ---- all of it ---- */

static enum file_type mz_type(struct str head)
{
	return at(head, le(head, 60, 4), STR("PE\0\0")) ? TYPE_PE : TYPE_MZ;
}

/* Java's and Mach-O's fat binary share a magic; the latter counts few architectures where Java has a version. */
static enum file_type cafebabe(struct str head)
{
	return head.len >= 8 && (unsigned char)head.ptr[7] >= 43 ? TYPE_CLASS : TYPE_MACHO;
}

/* Magics of two or three bytes stand in noise too, and noise that is taken for an archive is a broken one. */
static bool likely(enum file_type t, struct str s)
{
	switch (t) {
	case TYPE_GZIP: /* RFC 1952 2.3: deflate, no reserved flag */
		return le(s, 2, 1) == 8 && (le(s, 3, 1) & 0xe0) == 0;
	case TYPE_COMPRESS:
		return (le(s, 2, 1) & 0x60) == 0 && (le(s, 2, 1) & 0x1f) >= 9 && (le(s, 2, 1) & 0x1f) <= 16;
	case TYPE_ARJ:
		return le(s, 2, 2) >= 30 && le(s, 2, 2) <= 2600 && le(s, 4, 1) >= 30 && le(s, 4, 1) <= le(s, 2, 2);
	case TYPE_LZMA: /* a dictionary of some power of two, and a length that can be, or none */
		return le(s, 3, 2) && le(s, 3, 2) <= 0x400 && (le(s, 3, 2) & (le(s, 3, 2) - 1)) == 0 && (at(s, 5, STR("\xff\xff\xff\xff\xff\xff\xff\xff")) || (s.len > 12 && le(s, 10, 3) == 0));
	case TYPE_LZH:
		return at(s, 6, STR("-"));
	case TYPE_CPIO: /* the binary ones: a name of some length, ended by NUL */
		return s.ptr[0] == '0' || ((le(s, 20, 2) || le(s, 21, 1)) && s.len > 27 && (unsigned char)s.ptr[26] >= 0x20);
	default:
		return true;
	}
}

enum file_type file_type_of(struct str head, struct str tail)
{
	if (head.len == 0)
		return TYPE_EMPTY;
	if (at(head, 0, STR("PK\3\4")) || at(head, 0, STR("PK\5\6")) || at(head, 0, STR("PK00PK\3\4")))
		return zip_type(head, tail);
	if (at(head, 0, STR("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")))
		return ole_type(head);
	if (at(head, 0, STR("MZ")))
		return mz_type(head);
	if (at(head, 0, STR("\xca\xfe\xba\xbe")))
		return cafebabe(head);
	if (at(head, 0, STR("BM")) && le(head, 6, 4) == 0 && le(head, 14, 4) <= 124 && le(head, 14, 4) >= 12)
		return TYPE_BMP;
	for (size_t i = 0; i < ARRAY_LEN(magics); i++)
		if (at(head, magics[i].off, (struct str){ magics[i].bytes, magics[i].len }) && likely(magics[i].type, head))
			return magics[i].type;
	if (has(part(head, 0, head.len < 1024 ? head.len : 1024), STR("%PDF-"))) /* readers accept it anywhere there */
		return TYPE_PDF;
	return text_type(head);
}
