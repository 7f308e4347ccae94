/* DNS messages: names and their pointers, data as text, what a stranger sends, every truncation. */
#include "base/test.h"

#include "base/err.h"
#include "base/mem.h"
#include "wire/dns.h"

#include <arpa/inet.h>
#include <stdio.h>

#define QUESTION "\x12\x34\x81\x80\0\1\0\1\0\0\0\0" "\3Www\7eXample\2jp\0" "\0\1\0\1"
#define HEAD(type) "\xc0\x0c" "\0" type "\0\1\0\0\0\x3c"

static struct dns_msg opened(const char *p, size_t n)
{
	struct dns_msg m;
	assert_int_equal(dns_open((struct str){ p, n }, &m), 0);
	return m;
}
#define OPENED(lit) opened(lit, sizeof(lit) - 1)

static void test_question(void **state)
{
	struct dns_msg m = OPENED(QUESTION);
	struct dns_record rec;
	(void)state;
	assert_int_equal(m.id, 0x1234);
	assert_true(m.flags & DNS_QR);
	assert_true(dns_next_question(&m, &rec));
	assert_string_equal(rec.name, "www.example.jp");
	assert_int_equal(rec.type, DNS_A);
	assert_false(dns_next_record(&m, &rec));
	assert_false(m.r.bad);
}

static void test_data(void **state)
{
	static const struct {
		const char *record;
		size_t n;
		const char *want; /* NULL: not of its type */
	} cases[] = {
#define CASE(s, want) { s, sizeof(s) - 1, want }
		CASE(HEAD("\1") "\0\4\300\0\2\1", "192.0.2.1"),
		CASE(HEAD("\1") "\0\3\300\0\2", NULL),
		CASE(HEAD("\x1c") "\0\x10\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\5", "2001:db8::5"),
		CASE(HEAD("\5") "\0\2\xc0\x10", "example.jp"),
		CASE(HEAD("\5") "\0\3\xc0\x10\0", NULL),
		CASE(HEAD("\x0f") "\0\7\0\x0a\2mx\xc0\x10", "10 mx.example.jp"),
		CASE(HEAD("\x10") "\0\x0b\5v=spf\4\x31 \x22\n", "v=spf1 \"\\010"),
		CASE(HEAD("\x10") "\0\3\5ab", NULL),
		CASE(HEAD("\x21") "\0\7\0\1\0\2\1\xbb\0", "1 2 443 ."),
		CASE(HEAD("\6") "\0\x18\xc0\x0c\xc0\x0c\0\0\0\7\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4", "www.example.jp www.example.jp 7 1 2 3 4"),
		CASE(HEAD("\x2b") "\0\6\x12\x34\x0d\2\xab\xcd", "4660 13 2 abcd"),
		CASE(HEAD("\xfe") "\0\2\1\2", "\\# 2 0102"),
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char bytes[256], text[64];
		size_t n = sizeof(QUESTION) - 1;
		struct dns_record rec;
		memcpy(bytes, QUESTION, n);
		memcpy(bytes + n, cases[i].record, cases[i].n);
		struct dns_msg m = opened(bytes, n + cases[i].n);
		assert_true(dns_next_question(&m, &rec));
		if (!dns_next_record(&m, &rec))
			fail_msg("case %zu isn't read", i);
		assert_int_equal(rec.ttl, 60);
		bool good = dns_data_text(&m, &rec, text, sizeof text);
		if (good != (cases[i].want != NULL) || strcmp(text, cases[i].want ? cases[i].want : "") != 0)
			fail_msg("case %zu: %s", i, text);
	}
}

/* Pointers forwards, to themselves, in a ring, past the end; a name of more than 255 bytes; label types nobody has. */
static void test_bad_names(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
	} cases[] = {
#define BAD(s) { "\0\0\0\0\0\1\0\0\0\0\0\0" s, 12 + sizeof(s) - 1 }
		BAD("\xc0\x0c\0\1\0\1"), BAD("\xc0\x0e\0\0\1\0\1"), BAD("\1a\xc0\x0c\0\1\0\1"), BAD("\xc0\xff\0\1\0\1"), BAD("\x40z\0\0\1\0\1"),
		BAD("\x80\0\0\1\0\1"), BAD("\3ab"), BAD("\1a\0\0\1\0"), BAD("\1a"), BAD(""),
	};
	struct dns_record rec;
	char bytes[600];
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct dns_msg m = opened(cases[i].bytes, cases[i].n);
		if (dns_next_question(&m, &rec))
			fail_msg("case %zu is read as %s", i, rec.name);
	}
	for (size_t labels = 1; labels <= 5; labels++) {
		size_t n = 12;
		memset(bytes, 0, sizeof bytes);
		for (size_t i = 0; i < labels; i++, n += 51)
			bytes[n] = 50;
		struct dns_msg m = opened(bytes, n + 5);
		assert_int_equal(dns_next_question(&m, &rec), labels < 5);
		assert_int_equal(strlen(rec.name), labels < 5 ? labels * 201 - 1 : 1);
	}
}

static size_t answer(const struct dns_question *q, unsigned char dst[DNS_MAX])
{
	size_t n = dns_question_format(q, dst);
	const unsigned char record[] = { 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1 };
	dst[2] |= 0x80;
	dst[7] = 1;
	memcpy(dst + n, record, sizeof record);
	return n + sizeof record;
}

static void test_answers(void **state)
{
	struct dns_question q = { .name = "Www.Example.JP.", .type = DNS_A, .id = 0x1234 }, other = q;
	unsigned char msg[DNS_MAX];
	struct dns_msg m;
	struct dns_record rec;
	(void)state;
	size_t n = answer(&q, msg);
	assert_int_equal(dns_answer_open((struct str){ (char *)msg, n }, &q, &m), 0);
	assert_true(dns_next_record(&m, &rec));
	other.id++;
	assert_int_equal(dns_answer_open((struct str){ (char *)msg, n }, &other, &m), -E_AGAIN);
	other = (struct dns_question){ .name = "www.example.net", .type = DNS_A, .id = 0x1234 };
	assert_int_equal(dns_answer_open((struct str){ (char *)msg, n }, &other, &m), -E_AGAIN);
	other = q;
	other.type = DNS_TXT;
	assert_int_equal(dns_answer_open((struct str){ (char *)msg, n }, &other, &m), -E_AGAIN);
	for (size_t cut = 0; cut < n; cut++)
		if (dns_answer_open((struct str){ (char *)msg, cut }, &q, &m) == 0)
			assert_false(dns_next_record(&m, &rec));
	msg[2] &= 0x7f; /* a question isn't an answer */
	assert_int_equal(dns_answer_open((struct str){ (char *)msg, n }, &q, &m), -E_AGAIN);
}

static void test_question_format(void **state)
{
	unsigned char msg[DNS_MAX];
	char longest[300];
	(void)state;
	assert_int_equal(dns_question_format(&(struct dns_question){ .name = "a..b", .type = 1 }, msg), 0);
	assert_int_equal(dns_question_format(&(struct dns_question){ .name = ".", .type = DNS_NS }, msg), 17);
	assert_int_equal(dns_question_format(&(struct dns_question){ .name = "a.b", .type = 1, .flags = DNS_RD, .dnssec = true }, msg), 32);
	assert_int_equal(msg[2], 1);
	assert_int_equal(msg[11], 1);
	memset(longest, 'a', sizeof longest);
	longest[64] = 0;
	assert_int_equal(dns_question_format(&(struct dns_question){ .name = longest, .type = 1 }, msg), 0);
	for (size_t i = 0; i < sizeof longest - 1; i++)
		longest[i] = i % 2 ? '.' : 'a';
	longest[sizeof longest - 2] = 0;
	assert_int_equal(dns_question_format(&(struct dns_question){ .name = longest, .type = 1 }, msg), 0);
}

static void test_extended_error(void **state)
{
	struct dns_record opt = { .type = DNS_OPT, .data = STR("\0\x0a\0\2ab\0\x0f\0\5\0\x0f" "abc") };
	char word[16];
	(void)state;
	assert_int_equal(dns_extended_error(&opt), DNS_EDE_BLOCKED);
	opt.data.len = 7;
	assert_int_equal(dns_extended_error(&opt), -1);
	opt.type = DNS_A;
	assert_int_equal(dns_extended_error(&opt), -1);
	assert_string_equal(dns_type_text(65280, word), "TYPE65280");
	assert_string_equal(dns_type_text(DNS_AAAA, word), "AAAA");
	assert_string_equal(dns_rcode_text(3, word), "NXDOMAIN");
	assert_string_equal(dns_rcode_text(15, word), "RCODE15");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_question), cmocka_unit_test(test_data), cmocka_unit_test(test_bad_names),
		cmocka_unit_test(test_answers), cmocka_unit_test(test_question_format), cmocka_unit_test(test_extended_error),
	};
	return cmocka_run_group_tests_name("wire/dns", tests, NULL, NULL);
}
