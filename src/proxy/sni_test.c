/* ClientHello: a real one of OpenSSL in every cut and in several records, and broken ones. */
#include "proxy/sni.h"

#include "base/err.h"
#include "base/mem.h"

#include <openssl/ssl.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static size_t make_hello(const char *name, const char *alpn, unsigned char *dst, size_t size)
{
	SSL_CTX *c = SSL_CTX_new(TLS_client_method());
	SSL *s = SSL_new(c);
	BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
	if (name)
		SSL_set_tlsext_host_name(s, name);
	if (alpn)
		SSL_set_alpn_protos(s, (const unsigned char *)alpn, (unsigned)strlen(alpn));
	SSL_set_bio(s, in, out);
	SSL_connect(s);
	int n = BIO_read(out, dst, (int)size);
	SSL_free(s);
	SSL_CTX_free(c);
	assert_true(n > 0);
	return (size_t)n;
}

static void every_cut(void **state)
{
	unsigned char m[4096];
	struct client_hello ch;
	size_t n = make_hello("WWW.Example.JP", "\x02h2\x08http/1.1", m, sizeof m);
	for (size_t cut = 0; cut < n; cut++)
		assert_int_equal(client_hello_parse(m, cut, &ch), 0);
	assert_int_equal(client_hello_parse(m, n, &ch), 1);
	assert_string_equal(ch.sni, "www.example.jp");
	m[n] = 0x17; /* what follows is of no interest */
	assert_int_equal(client_hello_parse(m, n + 1, &ch), 1);
}

/* The worked example of the published description, its numbers in other orders and with GREASE between. */
static void fingerprint(void **state)
{
	static const uint16_t suites[] = { 0x1301, 0x1302, 0x3a3a, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035 };
	static const uint16_t extensions[] = { 0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d, 0x0005, 0x0023, 0x0012, 0x002b, 0xff01, 0xdada, 0x000b, 0x000a, 0x0015 };
	static const uint16_t signatures[] = { 0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601 };
	struct ja4 j = { .legacy_version = 0x0303, .version = 0x0304, .sni = true, .alpn = STR("h2") };
	char text[JA4_TEXT];
	for (size_t i = 0; i < ARRAY_LEN(suites); i++)
		ja4_add(&j.suites, suites[i]);
	for (size_t i = 0; i < ARRAY_LEN(extensions); i++)
		ja4_add(&j.extensions, extensions[i]);
	for (size_t i = 0; i < ARRAY_LEN(signatures); i++)
		ja4_add(&j.signatures, signatures[i]);
	ja4_format(&j, text);
	assert_string_equal(text, "t13d1516h2_8daaf6152771_e5627efa2ab1");
	j = (struct ja4){ .legacy_version = 0x0301, .alpn = { "\xabhttp", 5 } };
	ja4_format(&j, text);
	assert_string_equal(text, "t10i0000a0_000000000000_000000000000");
	for (unsigned i = 0; i <= JA4_LIST; i++)
		ja4_add(&j.suites, (uint16_t)i);
	ja4_format(&j, text);
	assert_string_equal(text, "");
}

/* The same client twice is one fingerprint; another name is none, another protocol is. */
static void fingerprints_of_clients(void **state)
{
	unsigned char m[4096];
	struct client_hello a, b, none, other;
	assert_int_equal(client_hello_parse(m, make_hello("a.example", "\x02h2", m, sizeof m), &a), 1);
	assert_int_equal(client_hello_parse(m, make_hello("b.example", "\x02h2", m, sizeof m), &b), 1);
	assert_int_equal(client_hello_parse(m, make_hello(NULL, "\x02h2", m, sizeof m), &none), 1);
	assert_int_equal(client_hello_parse(m, make_hello("a.example", "\x08http/1.1", m, sizeof m), &other), 1);
	assert_string_equal(a.ja4, b.ja4);
	assert_memory_equal(a.ja4, "t13d", 4);
	assert_memory_equal(a.ja4 + 8, "h2_", 3);
	assert_memory_equal(none.ja4, "t13i", 4);
	assert_memory_equal(other.ja4 + 8, "h1_", 3);
	assert_string_equal(a.ja4 + 11, other.ja4 + 11);
}

static void several_records(void **state)
{
	unsigned char m[4096], cut[8192];
	struct client_hello ch;
	size_t n = make_hello("a.example", "\x08http/1.1", m, sizeof m), out = 0;
	for (size_t i = 5; i < n; i += 50) {
		size_t k = n - i < 50 ? n - i : 50;
		memcpy(cut + out, (unsigned char[]){ 22, 3, 1, 0, (unsigned char)k }, 5);
		memcpy(cut + out + 5, m + i, k);
		out += 5 + k;
	}
	assert_int_equal(client_hello_parse(cut, out, &ch), 1);
	assert_string_equal(ch.sni, "a.example");
	assert_int_equal(client_hello_parse(cut, out - 1, &ch), 0);
}

/* "c2.example.." is no other name than c2.example: a resolver would find it, a list of names wouldn't. */
static void spellings(void **state)
{
	static const struct {
		const char *name, *sni;
	} cases[] = { { "C2.example.", "c2.example" }, { "c2.example..", NULL }, { ".c2.example", NULL }, { "c2..example", NULL }, { ".", NULL }, { "..", NULL } };
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		unsigned char m[4096];
		struct client_hello ch;
		size_t n = make_hello(cases[i].name, NULL, m, sizeof m);
		assert_int_equal(client_hello_parse(m, n, &ch), cases[i].sni ? 1 : -E_INVALID);
		assert_string_equal(ch.sni, cases[i].sni ? cases[i].sni : "");
	}
}

static void without_name(void **state)
{
	unsigned char m[4096];
	struct client_hello ch;
	size_t n = make_hello(NULL, NULL, m, sizeof m);
	assert_int_equal(client_hello_parse(m, n, &ch), 1);
	assert_string_equal(ch.sni, "");
}

static void not_tls(void **state)
{
	static const struct {
		const char *text;
		size_t len;
	} cases[] = { { "GET / HTTP/1.1\r\n", 16 }, { "SSH-2.0-x\r\n", 11 }, { "\x16\x03\x01\x00\x00", 5 },
		      { "\x16\x03\x01\xff\xff", 5 },    { "\x15\x03\x01\x00\x02", 5 }, { "\x16\x03\x01\x00\x04\x02\x00\x00\x00", 9 },
		      { "\x16\x02", 2 } };
	struct client_hello ch;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(client_hello_parse(cases[i].text, cases[i].len, &ch), -E_INVALID);
}

/* Each byte altered: never a crash, and never a name with a byte that no name has. */
static void altered(void **state)
{
	unsigned char m[4096];
	struct client_hello ch;
	size_t n = make_hello("a.example", "\x08http/1.1", m, sizeof m);
	for (size_t i = 0; i < n; i++)
		for (unsigned v = 0; v < 256; v += 5) {
			unsigned char was = m[i];
			m[i] = (unsigned char)v;
			if (client_hello_parse(m, n, &ch) == 1)
				assert_int_equal(strspn(ch.sni, "abcdefghijklmnopqrstuvwxyz0123456789.-_"), strlen(ch.sni));
			m[i] = was;
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(fingerprint), cmocka_unit_test(fingerprints_of_clients), cmocka_unit_test(every_cut), cmocka_unit_test(several_records),
		                            cmocka_unit_test(spellings), cmocka_unit_test(without_name), cmocka_unit_test(not_tls),
		                            cmocka_unit_test(altered) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
