/* Real types by content: made-up heads for each magic, small containers built here, and real files of this machine. */
#include "scan/type.h"

#include "base/mem.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#define H(off, lit, name) { off, sizeof(lit) - 1, lit, name }
static const struct {
	size_t off, len;
	const char *bytes, *type;
} heads[] = {
	H(0, "", "empty"), H(0, "hello, world\n", "text"), H(0, "\x82\xb1\x82\xf1\x82\xc9\x82\xbf\x82\xcd\r\n", "text"), /* Shift_JIS */
	H(0, "\x1b$B$3$s\x1b(B\n", "text"), H(0, "\0\1\2\3\4\5\6\7", "data"),
	H(0, "\x7f" "ELF\2\1\1", "elf"), H(0, "MZ\x90\0", "mz"), H(0, "\xcf\xfa\xed\xfe", "macho"),
	H(0, "\xca\xfe\xba\xbe\0\0\0\x34", "class"), H(0, "\xca\xfe\xba\xbe\0\0\0\2", "macho"), H(0, "dex\n035", "dex"),
	H(0, "\0asm\1\0\0\0", "wasm"), H(0, "#!/bin/sh\n", "script"), H(0, "<?php echo 1;", "php"), H(0, "@ECHO OFF\r\n", "bat"),
	H(0, "L\0\0\0\1\x14\2\0\0\0\0\0\xc0\0\0\0\0\0\0\x46", "lnk"), H(0, "ITSF\3\0\0\0", "chm"), H(0, "CWS\x0a", "swf"),
	H(0, "%PDF-1.7\n", "pdf"), H(900, "%PDF-1.4\n", "pdf"), H(0, "%!PS-Adobe", "ps"), H(0, "{\\rtf1", "rtf"), H(0, "{\\rt#", "rtf"),
	H(0, "<!DOCTYPE html><html>", "html"), H(0, "\xef\xbb\xbf\n <HTML lang=ja>", "html"), H(0, "<script>x", "html"),
	H(0, "<scripted", "text"), H(0, "<!-- x --><p>", "html"), H(0, "<?xml version='1.0'?><a/>", "xml"),
	H(0, "<?xml version='1.0'?><svg xmlns=''/>", "svg"), H(0, "<svg onload=x>", "svg"),
	H(0, "\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\xae\xb1\x53\x78\xd0\x29\x96\xd3", "onenote"),
	H(0, "\0\1\0\0Standard Jet DB\0", "mdb"), H(0, "\0\1\0\0Standard ACE DB\0", "accdb"), H(0, "SQLite format 3\0", "sqlite"),
	H(0, "Received: from a\r\n", "mail"), H(0, "From: a@b\nTo: c\n", "mail"), H(0, "From: without an end", "text"),
	H(0, "\x78\x9f\x3e\x22", "tnef"), H(0, "!BDN", "pst"), H(0, "-----BEGIN CERTIFICATE-----", "pem"),
	H(0, "\x1f\x8b\x08", "gzip"), H(0, "BZh91AY&SY", "bzip2"), H(0, "\xfd" "7zXZ\0", "xz"), H(0, "\x28\xb5\x2f\xfd", "zstd"),
	H(0, "\x04\x22\x4d\x18", "lz4"), H(0, "\x1f\x9d\x90", "compress"), H(0, "LZIP\1\x0c", "lzip"), H(0, "xar!\0\x1c", "xar"), H(0, "MSWIM\0\0\0\xd0", "wim"),
	H(0, "\x5d\0\0\x80\0\xff\xff\xff\xff\xff\xff\xff\xff\0", "lzma"), H(0, "\x5d\0\0\x80\0\1\2\3\4\5\6\7\x08", "data"), H(0, "7z\xbc\xaf\x27\x1c", "7z"),
	H(0, "Rar!\x1a\x07\1\0", "rar"), H(0, "Rar!\x1a\x07\0", "rar"), H(0, "MSCF\0\0\0\0", "cab"), H(2, "-lh5-", "lzh"), H(0, "\x60\xea\x2b\0\x1e\7", "arj"),
	H(7, "**ACE**", "ace"), H(257, "ustar\0", "tar"), H(0, "070701", "cpio"), H(32769, "CD001", "iso"),
	H(0, "!<arch>\ndebian-binary", "deb"), H(0, "\xed\xab\xee\xdb", "rpm"), H(0, "KDMV", "vmdk"),
	H(0, "\x89PNG\r\n\x1a\n", "png"), H(0, "\xff\xd8\xff\xe0", "jpeg"), H(0, "GIF89a", "gif"),
	H(0, "BM\x36\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0", "bmp"), H(0, "BMW is a car", "text"), H(0, "II*\0", "tiff"),
	H(0, "RIFF\1\2\3\4WEBP", "webp"), H(0, "\0\0\1\0\1\0", "ico"), H(0, "8BPS\0\1", "psd"), H(0, "\0\0\0\x18" "ftypavif", "heif"),
	H(0, "\0\0\0\x0cjP  \r\n", "jp2"), H(0, "\xd7\xcd\xc6\x9a", "wmf"), H(0, "\0\0\0\x18" "ftypisom", "mp4"), H(0, "ID3\4", "mp3"),
	H(0, "OggS", "ogg"), H(0, "fLaC", "flac"), H(0, "RIFF\1\2\3\4WAVE", "wav"), H(0, "RIFF\1\2\3\4AVI ", "avi"),
	H(0, "\x1a\x45\xdf\xa3", "mkv"), H(0, "\x30\x26\xb2\x75\x8e\x66\xcf\x11", "asf"), H(0, "wOF2", "woff"), H(0, "OTTO", "sfnt"),
	H(0, "\0\1\0\0\0\x0b", "sfnt"), H(0, "PK\5\6\0\0\0\0", "zip"),
};

static void heads_are_known(void **state)
{
	char *data = mem_alloc(40000);
	for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
		memset(data, heads[i].off > 1000 ? 0 : ' ', 40000);
		memcpy(data + heads[i].off, heads[i].bytes, heads[i].len);
		struct str s = { data, heads[i].off + heads[i].len };
		const char *got = file_type_name(file_type_of(s, s));
		if (strcmp(got, heads[i].type) != 0)
			fail_msg("head %zu: %s, not %s", i, got, heads[i].type);
	}
	mem_free(data);
}

/* A stored zip with these members; `directory`: with central directory. */
static size_t make_zip(char *p, const char *const *names, bool directory, bool behind)
{
	size_t n = 0, count = 0;
	for (; names[count]; count++) {
		size_t len = strlen(names[count]);
		const char *body = strcmp(names[count], "mimetype") == 0 ? names[count + 1] : "xx";
		size_t size = strlen(body);
		memset(p + n, 0, 30);
		memcpy(p + n, "PK\3\4", 4);
		p[n + 6] = behind ? 8 : 0;
		p[n + 18] = behind ? 0 : (char)size;
		p[n + 26] = (char)len;
		memcpy(p + n + 30, names[count], len);
		memcpy(p + n + 30 + len, body, size);
		n += 30 + len + size;
		if (strcmp(names[count], "mimetype") == 0)
			break;
	}
	size_t start = n;
	for (size_t i = 0; directory && i < count; i++) {
		size_t len = strlen(names[i]);
		memset(p + n, 0, 46);
		memcpy(p + n, "PK\1\2", 4);
		p[n + 28] = (char)len;
		memcpy(p + n + 46, names[i], len);
		n += 46 + len;
	}
	if (directory) {
		memset(p + n, 0, 22);
		memcpy(p + n, "PK\5\6", 4);
		p[n + 12] = (char)(n - start), p[n + 13] = (char)((n - start) >> 8);
		n += 22;
	}
	return n;
}

static const struct {
	const char *names[6], *type;
} zips[] = {
	{ { "a.txt" }, "zip" },
	{ { "[Content_Types].xml", "_rels/.rels", "word/document.xml" }, "docx" },
	{ { "word/document.xml", "[Content_Types].xml" }, "docx" },
	{ { "[Content_Types].xml", "word/document.xml", "word/vbaProject.bin" }, "docm" },
	{ { "[Content_Types].xml", "xl/workbook.xml" }, "xlsx" },
	{ { "[Content_Types].xml", "xl/workbook.xml", "xl/vbaProject.bin" }, "xlsm" },
	{ { "[Content_Types].xml", "ppt/presentation.xml" }, "pptx" },
	{ { "[Content_Types].xml", "ppt/a.xml", "ppt/vbaProject.bin" }, "pptm" },
	{ { "[Content_Types].xml", "visio/document.xml" }, "ooxml" },
	{ { "META-INF/MANIFEST.MF", "A.class" }, "jar" },
	{ { "META-INF/MANIFEST.MF", "AndroidManifest.xml", "classes.dex" }, "apk" },
	{ { "word/readme.txt" }, "zip" },
	{ { "mimetype", "application/vnd.oasis.opendocument.text" }, "odt" },
	{ { "mimetype", "application/vnd.oasis.opendocument.spreadsheet" }, "ods" },
	{ { "mimetype", "application/vnd.oasis.opendocument.presentation" }, "odp" },
	{ { "mimetype", "application/vnd.oasis.opendocument.graphics" }, "odg" },
	{ { "mimetype", "application/epub+zip" }, "epub" },
	{ { "mimetype", "application/hwp+zip" }, "hwpx" },
	{ { "mimetype", "nonsense" }, "zip" },
};

static void zips_are_told_apart(void **state)
{
	char p[4096];
	for (size_t i = 0; i < ARRAY_LEN(zips); i++)
		for (int how = 0; how < 3; how++) { /* with directory, without, lengths behind the data */
			size_t n = make_zip(p, zips[i].names, how == 0, how == 2);
			struct str s = { p, n };
			const char *got = file_type_name(file_type_of(s, s));
			if (strcmp(got, zips[i].type) != 0)
				fail_msg("zip %zu/%d: %s, not %s", i, how, got, zips[i].type);
		}
}

static const struct {
	const char *stream, *type;
} oles[] = {
	{ "WordDocument", "doc" }, { "Workbook", "xls" }, { "Book", "xls" }, { "PowerPoint Document", "ppt" },
	{ "__properties_version1.0", "msg" }, { "DocumentText", "jtd" }, { "JSRV_SegmentInformation", "jtd" },
	{ "\5HwpSummaryInformation", "hwp" }, { "Other", "ole" },
};

static void ole_streams_tell(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(oles); i++) {
		char p[1536] = { 0 };
		memcpy(p, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 8);
		p[30] = 9, p[48] = 1; /* 512-byte sectors, directory in the second */
		size_t n = strlen(oles[i].stream);
		for (size_t k = 0; k < n; k++)
			p[1024 + 128 + 2 * k] = oles[i].stream[k];
		p[1024 + 128 + 64] = (char)(2 * n + 2);
		struct str s = { p, sizeof p };
		assert_string_equal(file_type_name(file_type_of(s, s)), oles[i].type);
	}
	char p[512] = "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"; /* directory outside the window */
	p[48] = 0x7f, p[50] = 0x7f;
	assert_string_equal(file_type_name(file_type_of((struct str){ p, 512 }, (struct str){ p, 512 })), "ole");
}

static const struct {
	const char *path, *type;
} files_here[] = {
	{ "/usr/share/clamav-testfiles/clam.exe", "pe" },     { "/usr/share/clamav-testfiles/clam.zip", "zip" },
	{ "/usr/share/clamav-testfiles/clam.cab", "cab" },    { "/usr/share/clamav-testfiles/clam.7z", "7z" },
	{ "/usr/share/clamav-testfiles/clam.arj", "arj" },    { "/usr/share/clamav-testfiles/clam.chm", "chm" },
	{ "/usr/share/clamav-testfiles/clam.ole.doc", "doc" }, { "/usr/share/clamav-testfiles/clam.ppt", "ppt" },
	{ "/usr/share/clamav-testfiles/clam.pdf", "pdf" },    { "/usr/share/clamav-testfiles/clam.exe.rtf", "rtf" },
	{ "/usr/share/clamav-testfiles/clam.tnef", "tnef" },  { "/usr/share/clamav-testfiles/clam.mail", "mail" },
	{ "/bin/sh", "elf" },
};

static void real_files_are_known(void **state)
{
	char *p = mem_alloc(TYPE_WINDOW);
	size_t seen = 0;
	for (size_t i = 0; i < ARRAY_LEN(files_here); i++) {
		_cleanup_fd_ int fd = open(files_here[i].path, O_RDONLY | O_CLOEXEC);
		ssize_t n = fd >= 0 ? read(fd, p, TYPE_WINDOW) : -1;
		if (n < 0)
			continue;
		seen++;
		struct str s = { p, (size_t)n };
		const char *got = file_type_name(file_type_of(s, s));
		if (strcmp(got, files_here[i].type) != 0)
			fail_msg("%s: %s, not %s", files_here[i].path, got, files_here[i].type);
	}
	mem_free(p);
	if (seen < 2)
		skip();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(heads_are_known),
		cmocka_unit_test(zips_are_told_apart),
		cmocka_unit_test(ole_streams_tell),
		cmocka_unit_test(real_files_are_known),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
