/* toride ca kit: what brings the cloud's authority to an organisation's terminals, one file a way there is to spread it, and a page that
 * says in a clerk's words which to use. Made of the certificate and the names alone: the same input, the same bytes. Formats: [MS-GPREG]
 * 2.2 (registry.pol), the property list of CryptoAPI's certificate stores, Microsoft Graph's trustedRootCertificate, Apple's
 * com.apple.security.root payload, Firefox's policies.json. */
#include "cli/cli.h"
#include "cli/description.h"

#include "base/fs.h"
#include "base/map.h"
#include "base/mem.h"
#include "model/model.h"
#include "wire/place.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

struct kit {
	const struct model *m;
	const struct org *o;
	const char *dir;
	unsigned char *der;
	int der_len;
	char sha1[41], sha256[65], until[32]; /* SHA-1 is the name that Windows gives a certificate in its stores */
	char *base64;
	struct err *err;
};

static int put_file(struct kit *k, const char *name, struct buf *b, mode_t mode)
{
	char path[512];
	snprintf(path, sizeof path, "%s/%s", k->dir, name);
	int r = b->failed ? err_set(k->err, E_NOMEM, path, "no memory") : fs_write(path, buf_view(b), mode, k->err);
	buf_done(b);
	return r;
}

static void upper(const char *hex, char *dst)
{
	for (; *hex; hex++)
		*dst++ = (char)(*hex >= 'a' ? *hex - 32 : *hex);
	*dst = 0;
}

/* Of the certificate, not of the file it came in: a key may lie there too, and would go to every terminal. */
static int certificate_pem(struct kit *k)
{
	struct buf b;
	char *text = NULL;
	BIO *out = BIO_new(BIO_s_mem());
	long n = out && PEM_write_bio(out, PEM_STRING_X509, "", k->der, k->der_len) > 0 ? BIO_get_mem_data(out, &text) : 0;
	buf_init(&b, 64 * KIB);
	buf_put(&b, text, (size_t)n);
	BIO_free(out);
	b.failed = b.failed || n <= 0;
	return put_file(k, "toride-ca.pem", &b, 0644);
}

/* ---- Windows ---- */

#define STORE_KEY "SOFTWARE\\Policies\\Microsoft\\SystemCertificates\\Root\\Certificates\\"

static void le32(struct buf *b, uint32_t v)
{
	buf_put(b, (unsigned char[4]){ (unsigned char)v, (unsigned char)(v >> 8), (unsigned char)(v >> 16), (unsigned char)(v >> 24) }, 4);
}

static void property(struct buf *b, uint32_t id, const void *p, size_t n)
{
	le32(b, id);
	le32(b, 1);
	le32(b, (uint32_t)n);
	buf_put(b, p, n);
}

/* A certificate as a store keeps it: CERT_SHA1_HASH_PROP_ID (3), then itself (32). */
static void blob(const struct kit *k, struct buf *b)
{
	unsigned char sum[20];
	hex_parse(str_from(k->sha1), sum, sizeof sum);
	buf_init(b, 64 * KIB);
	property(b, 3, sum, sizeof sum);
	property(b, 32, k->der, (size_t)k->der_len);
}

static void utf16(struct buf *b, const char *ascii, bool end)
{
	for (; *ascii; ascii++)
		buf_put(b, (char[2]){ *ascii, 0 }, 2);
	if (end)
		buf_put(b, "\0", 2);
}

static int registry_pol(struct kit *k)
{
	struct buf b, value;
	char key[200], name[41];
	upper(k->sha1, name);
	snprintf(key, sizeof key, STORE_KEY "%s", name);
	blob(k, &value);
	buf_init(&b, 128 * KIB);
	buf_puts(&b, "PReg");
	le32(&b, 1);
	utf16(&b, "[", false);
	utf16(&b, key, true);
	utf16(&b, ";", false);
	utf16(&b, "Blob", true);
	utf16(&b, ";", false);
	le32(&b, 3); /* REG_BINARY */
	utf16(&b, ";", false);
	le32(&b, (uint32_t)value.len);
	utf16(&b, ";", false);
	buf_str(&b, buf_view(&value));
	utf16(&b, "]", false);
	buf_done(&value);
	return put_file(k, "windows/registry.pol", &b, 0644);
}

static int registry_reg(struct kit *k)
{
	struct buf b, value;
	char name[41];
	upper(k->sha1, name);
	blob(k, &value);
	buf_init(&b, 256 * KIB);
	buf_printf(&b, "Windows Registry Editor Version 5.00\r\n\r\n[HKEY_LOCAL_MACHINE\\" STORE_KEY "%s]\r\n\"Blob\"=hex:", name);
	for (size_t i = 0; i < value.len; i++)
		buf_printf(&b, i ? ",%02x" : "%02x", (unsigned char)value.ptr[i]);
	buf_puts(&b, "\r\n");
	buf_done(&value);
	return put_file(k, "windows/toride-ca.reg", &b, 0644);
}

static int script_windows(struct kit *k)
{
	struct buf b;
	char name[41];
	upper(k->sha1, name);
	buf_init(&b, 8 * KIB);
	buf_printf(&b, "# Run at start-up, as the computer (GPO: Computer Configuration, Scripts). Does nothing where it is there.\r\n"
	               "if (-not (Test-Path 'Cert:\\LocalMachine\\Root\\%s')) {\r\n"
	               "  Import-Certificate -FilePath (Join-Path $PSScriptRoot 'toride-ca.cer') -CertStoreLocation Cert:\\LocalMachine\\Root | Out-Null\r\n}\r\n", name);
	int r = put_file(k, "windows/install.ps1", &b, 0644);
	buf_init(&b, 64 * KIB);
	buf_put(&b, k->der, (size_t)k->der_len);
	return r < 0 ? r : put_file(k, "windows/toride-ca.cer", &b, 0644);
}

/* ---- managed by a service ---- */

static int intune(struct kit *k, const char *file, const char *type, bool store)
{
	struct buf b;
	buf_init(&b, 64 * KIB);
	buf_putc(&b, '{');
	json_field_s(&b, "@odata.type", type);
	json_field_s(&b, "displayName", k->m->service.name);
	json_field_s(&b, "description", k->o->name);
	json_field_s(&b, "certFileName", "toride-ca.cer");
	json_field_s(&b, "trustedRootCertificate", k->base64);
	if (store)
		json_field_s(&b, "destinationStore", "computerCertStoreRoot");
	buf_puts(&b, "}\n");
	return put_file(k, file, &b, 0644);
}

static void xml(struct buf *b, const char *s)
{
	for (; *s; s++) {
		const char *e = *s == '&' ? "&amp;" : *s == '<' ? "&lt;" : *s == '>' ? "&gt;" : NULL;
		if (e)
			buf_puts(b, e);
		else
			buf_putc(b, *s);
	}
}

/* RFC 9562 4: one that follows from the certificate, so that a new kit replaces the profile and doesn't stand beside it. */
static void uuid(const struct kit *k, char salt, char dst[37])
{
	unsigned char sum[SHA256_LEN];
	char text[80], hex[65];
	int n = snprintf(text, sizeof text, "%c%s%s", salt, k->sha256, k->o->code);
	hash_sha256(text, (size_t)n, sum);
	sum[6] = (unsigned char)((sum[6] & 0x0f) | 0x80);
	sum[8] = (unsigned char)((sum[8] & 0x3f) | 0x80);
	hex_format(sum, 16, hex);
	snprintf(dst, 37, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

static int apple(struct kit *k)
{
	struct buf b;
	char one[37], two[37];
	uuid(k, 'p', one);
	uuid(k, 'c', two);
	buf_init(&b, 64 * KIB);
	buf_puts(&b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n"
	             "<plist version=\"1.0\"><dict>\n<key>PayloadContent</key><array><dict>\n<key>PayloadCertificateFileName</key><string>toride-ca.cer</string>\n"
	             "<key>PayloadContent</key><data>");
	buf_puts(&b, k->base64);
	buf_printf(&b, "</data>\n<key>PayloadDisplayName</key><string>Toride CA</string>\n<key>PayloadIdentifier</key><string>toride.%s.ca</string>\n"
	               "<key>PayloadType</key><string>com.apple.security.root</string>\n<key>PayloadUUID</key><string>%s</string>\n<key>PayloadVersion</key><integer>1</integer>\n"
	               "</dict></array>\n<key>PayloadDisplayName</key><string>", k->o->code, two);
	xml(&b, k->m->service.name);
	buf_printf(&b, "</string>\n<key>PayloadIdentifier</key><string>toride.%s</string>\n<key>PayloadType</key><string>Configuration</string>\n"
	               "<key>PayloadUUID</key><string>%s</string>\n<key>PayloadVersion</key><integer>1</integer>\n</dict></plist>\n", k->o->code, one);
	return put_file(k, "apple/toride-ca.mobileconfig", &b, 0644);
}

/* ---- the rest ---- */

static int firefox(struct kit *k)
{
	struct buf b;
	buf_init(&b, 4 * KIB);
	buf_puts(&b, "{\"policies\":{\"Certificates\":{\"ImportEnterpriseRoots\":true,\"Install\":[\"toride-ca.pem\",\"/etc/ssl/certs/toride-ca.pem\"]}}}\n");
	return put_file(k, "firefox/policies.json", &b, 0644);
}

static int linux_script(struct kit *k)
{
	struct buf b;
	buf_init(&b, 4 * KIB);
	buf_puts(&b, "#!/bin/sh\n# As root. Debian, Ubuntu; Red Hat and those like it.\nset -eu\ncd \"$(dirname \"$0\")\"\n"
	             "if [ -d /etc/pki/ca-trust/source/anchors ]; then\n\tinstall -m 644 ../toride-ca.pem /etc/pki/ca-trust/source/anchors/toride-ca.pem\n\tupdate-ca-trust\n"
	             "else\n\tinstall -m 644 ../toride-ca.pem /usr/local/share/ca-certificates/toride-ca.crt\n\tupdate-ca-certificates\nfi\n");
	return put_file(k, "linux/install.sh", &b, 0755);
}

static int readme(struct kit *k)
{
	struct buf b;
	buf_init(&b, 32 * KIB);
	buf_printf(&b, "%s\n%s の皆さまへ: 端末に証明書を入れる手順\n\n", k->m->service.name, k->o->name);
	buf_puts(&b, "インターネットの通信を検査するため、端末にクラウドの証明書を 1 つ入れます。入っていない端末では、ほとんどのページで警告が出ます。\n\n"
	             "はじめに、下の「指紋」を、県の担当から別に (電話や文書で) 聞いたものと比べてください。違うときは、入れずにご連絡ください。\n");
	buf_printf(&b, "  指紋 (SHA-256): %s\n  期限: %s\n\n", k->sha256, k->until);
	buf_puts(&b, "■ Windows (Active Directory で管理している端末) — ふつうはこれだけです\n"
	             "  1. グループポリシーの管理で、端末の OU に新しい GPO を作り、編集を開きます。\n"
	             "  2. コンピューターの構成 > ポリシー > Windows の設定 > セキュリティの設定 > 公開キーのポリシー > 信頼されたルート証明機関 を右クリックし、\n"
	             "     インポートで windows/toride-ca.cer を選びます。\n"
	             "  3. 端末を再起動するか、gpupdate /force を実行します。\n"
	             "  (LGPO.exe を使うときは windows/registry.pol、スクリプトで配るときは windows/install.ps1、1 台だけなら windows/toride-ca.reg)\n\n"
	             "■ Intune\n  デバイス > 構成 > 信頼済み証明書 で toride-ca.cer を選びます (Graph API なら intune/ の JSON)。\n\n"
	             "■ iPhone・iPad・Mac\n  MDM で apple/toride-ca.mobileconfig を配ります。手で入れた iPhone・iPad では、設定 > 一般 > 情報 > 証明書信頼設定 で有効にします。\n\n"
	             "■ Android\n  MDM (Android Enterprise) の証明書の配布で toride-ca.pem を選びます。手で入れた証明書は、ブラウザ以外の多くのアプリには効きません。\n\n"
	             "■ Firefox\n  Windows では OS の証明書を使います。使わない設定のときや Linux では、firefox/policies.json と toride-ca.pem を Firefox の distribution フォルダに置きます。\n\n"
	             "■ Linux\n  linux/install.sh を管理者として実行します。\n\n");
	const struct service *s = &k->m->service;
	if (s->proxy_name[0]) /* proxy/check.h */
		buf_printf(&b, "■ 確かめかた / How to check\n  端末のブラウザで次のページを開きます。✓ がそろえば終わりです。\n  Open this page on the terminal: all ✓, and it is ready.\n"
		               "  http://%s:%u/check\n\n", s->proxy_name, s->proxy_port);
	else
		buf_puts(&b, "■ 確かめかた\n  端末のブラウザで、ふだん使う https のページを開きます。警告が出なければ終わりです。\n\n");
	buf_puts(&b,
	             "In English: compare the fingerprint with what the prefecture told you by another way, then spread the certificate by one of the\n"
	             "folders here (Windows by GPO, Intune, Apple, Android, Firefox, Linux). A terminal that opens https pages without a warning is ready.\n");
	return put_file(k, "README.txt", &b, 0644);
}

/* ---- all of it ---- */

static int read_certificate(struct kit *k, struct str pem)
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned n;
	BIO *in = BIO_new_mem_buf(pem.ptr, (int)pem.len), *out = BIO_new(BIO_s_mem());
	X509 *x = in ? PEM_read_bio_X509(in, NULL, NULL, NULL) : NULL;
	bool ok = x && out && X509_check_ca(x) == 1 && (k->der_len = i2d_X509(x, &k->der)) > 0;
	if (ok) {
		X509_digest(x, EVP_sha1(), sum, &n);
		hex_format(sum, 20, k->sha1);
		X509_digest(x, EVP_sha256(), sum, &n);
		hex_format(sum, 32, k->sha256);
		ASN1_TIME_print(out, X509_get0_notAfter(x));
		int len = BIO_read(out, k->until, sizeof k->until - 1);
		k->until[len > 0 ? len : 0] = 0;
		k->base64 = mem_alloc(4 * ((size_t)k->der_len / 3 + 1) + 1);
		ok = k->base64 && EVP_EncodeBlock((unsigned char *)k->base64, k->der, k->der_len) > 0;
	}
	X509_free(x);
	BIO_free(in);
	BIO_free(out);
	return ok ? 0 : err_set(k->err, E_INVALID, "--ca", "holds no certificate of an authority in PEM");
}

static int write_kit(struct kit *k)
{
	static const char *const dirs[] = { "windows", "intune", "apple", "firefox", "linux" };
	char path[512];
	int r = 0;
	for (size_t i = 0; i < ARRAY_LEN(dirs) && r == 0; i++) {
		snprintf(path, sizeof path, "%s/%s", k->dir, dirs[i]);
		r = fs_mkdirs(path, 0755, k->err);
	}
	r = r < 0 ? r : certificate_pem(k);
	r = r < 0 ? r : script_windows(k);
	r = r < 0 ? r : registry_pol(k);
	r = r < 0 ? r : registry_reg(k);
	r = r < 0 ? r : intune(k, "intune/windows.json", "#microsoft.graph.windows81TrustedRootCertificate", true);
	r = r < 0 ? r : intune(k, "intune/android.json", "#microsoft.graph.androidWorkProfileTrustedRootCertificate", false);
	r = r < 0 ? r : intune(k, "intune/ios.json", "#microsoft.graph.iosTrustedRootCertificate", false);
	r = r < 0 ? r : apple(k);
	r = r < 0 ? r : firefox(k);
	r = r < 0 ? r : linux_script(k);
	return r < 0 ? r : readme(k);
}

static int ca_kit(int argc, char **argv)
{
	struct err err = { 0 };
	struct model *m = NULL;
	struct buf pem;
	char path[PLACE_MAX];
	const char *org = cli_option(&argc, argv, "--org"), *desc = cli_option(&argc, argv, "--desc"), *ca = cli_option(&argc, argv, "--ca"),
	           *dir = cli_option(&argc, argv, "-o");
	if (argc || !org || !dir)
		return cli_usage(cli_ca);
	buf_init(&pem, 64 * KIB);
	int r = cli_load(desc, &m, &err);
	struct kit k = { .m = m, .o = r == 0 ? model_org(m, org) : NULL, .dir = dir, .err = &err };
	if (r == 0 && !k.o)
		r = err_set(&err, E_NOT_FOUND, org, "no organisation has this code");
	r = r < 0 ? r : fs_read(ca ? ca : place_in_run(path, sizeof path, "ca.pem"), &pem, &err);
	r = r < 0 ? r : read_certificate(&k, buf_view(&pem));
	r = r < 0 ? r : write_kit(&k);
	if (r == 0)
		printf("%s/README.txt: %s %s\n", dir, say("指紋", "fingerprint"), k.sha256);
	OPENSSL_free(k.der);
	mem_free(k.base64);
	buf_done(&pem);
	model_destroy(&m);
	return r < 0 ? cli_error(&err) : EXIT_DONE;
}

const struct cli_command cli_ca[] = {
	{ "ca kit", "toride ca kit --org CODE -o DIR [--desc DIR] [--ca FILE.pem]", "writes what brings the cloud's certificate to an organisation's terminals: Windows (GPO), Intune, Apple, Android, Firefox, Linux",
	  "団体の端末にクラウドの証明書を配るためのファイル一式を作る(Windows の GPO、Intune、Apple、Android、Firefox、Linux)", ca_kit },
	{ 0 },
};
