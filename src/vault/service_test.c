/* The vault without its socket: what it issues is checked with OpenSSL, what it refuses is tried, and its keys survive
 * faults and kill -9 at any moment. */
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "vault/service.h"
#include "vault/store.h"
#include "vault/vault.h"
#include "wire/cursor.h"
#include "wire/place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOW 1795000000 /* 2026-11-18 */

static char root[128], dir[160], pub[160], copy[160], own_names[160];
static unsigned char spki[91];

static const char *under_a_hold = "";
static bool is_held(const char *org)
{
	return strcmp(org, under_a_hold) == 0;
}

static int open_at(const char *base, struct service **ret, struct err *err)
{
	snprintf(dir, sizeof dir, "%s/vault", base);
	snprintf(pub, sizeof pub, "%s/public", base);
	snprintf(copy, sizeof copy, "%s/ca.pem", base);
	snprintf(own_names, sizeof own_names, "%s/names", base);
	return service_open(&(struct service_opts){ .dir = dir, .public_dir = pub, .ca_copy = copy, .ca_name = "試験 CA", .own_names = own_names, .held = is_held }, ret, err);
}

static struct service *must_open(const char *base)
{
	struct service *s = NULL;
	struct err err = { 0 };
	if (open_at(base, &s, &err) < 0)
		fail_msg("%s: %s", err.path, err.msg);
	return s;
}

/* Sends it; leaves the answer's fields in b and returns its code, or 255 when the connection would be dropped. */
static int ask(struct service *s, uid_t uid, const struct vault_request *rq, struct buf *b)
{
	struct buf msg;
	buf_init(&msg, VAULT_MESSAGE_MAX);
	vault_request_write(&msg, rq);
	buf_reset(b);
	bool ok = service_answer(s, uid, buf_view(&msg), b);
	buf_done(&msg);
	if (!ok)
		return 255;
	struct rd r = rd_from(b->ptr, b->len);
	assert_int_equal(rd_u32(&r), rq->id);
	int code = rd_u8(&r);
	buf_drop(b, 5);
	return code;
}

static struct vault_request leaf_request(const char *name)
{
	struct vault_request rq = { .op = VAULT_LEAF, .id = 7 };
	rq.leaf.n = 1;
	snprintf(rq.leaf.names[0], sizeof rq.leaf.names[0], "%s", name);
	rq.leaf.not_before = NOW - 3600;
	rq.leaf.not_after = NOW + 90 * 86400;
	rq.leaf.key_type = VAULT_KEY_P256;
	rq.leaf.spki = (struct str){ (char *)spki, sizeof spki };
	return rq;
}

static X509 *certificate_of(const struct buf *b)
{
	struct rd r = rd_from(b->ptr, b->len);
	struct str der = rd_blob(&r);
	assert_int_equal(rd_end(&r), 0);
	const unsigned char *p = (const unsigned char *)der.ptr;
	X509 *x = d2i_X509(NULL, &p, (long)der.len);
	assert_non_null(x);
	assert_ptr_equal(p, der.ptr + der.len); /* nothing behind it */
	return x;
}

static X509 *ca_of(const char *path)
{
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	X509 *x = PEM_read_X509(f, NULL, NULL, NULL);
	fclose(f);
	assert_non_null(x);
	return x;
}

/* Strict path validation for a TLS server at the time NOW. */
static void verify_chain(X509 *leaf)
{
	X509 *ca = ca_of(copy);
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *c = X509_STORE_CTX_new();
	X509_STORE_add_cert(store, ca);
	X509_STORE_CTX_init(c, store, leaf, NULL);
	X509_VERIFY_PARAM *p = X509_STORE_CTX_get0_param(c);
	X509_VERIFY_PARAM_set_flags(p, X509_V_FLAG_X509_STRICT);
	X509_VERIFY_PARAM_set_time(p, NOW);
	X509_VERIFY_PARAM_set_purpose(p, X509_PURPOSE_SSL_SERVER);
	if (X509_verify_cert(c) != 1)
		fail_msg("%s", X509_verify_cert_error_string(X509_STORE_CTX_get_error(c)));
	X509_STORE_CTX_free(c);
	X509_STORE_free(store);
	X509_free(ca);
}

static void leaf_is_a_valid_chain(void **state)
{
	struct service *s = *state;
	struct buf b;
	struct vault_request rq = leaf_request("www.example.jp");
	buf_init(&b, 64 * KIB);
	rq.leaf.n = 4;
	snprintf(rq.leaf.names[1], 256, "*.example.jp");
	snprintf(rq.leaf.names[2], 256, "203.0.113.5");
	snprintf(rq.leaf.names[3], 256, "2001:db8::5");
	assert_int_equal(ask(s, USER_PROXY, &rq, &b), 0);
	X509 *x = certificate_of(&b);
	verify_chain(x);
	assert_int_equal(X509_check_host(x, "www.example.jp", 0, 0, NULL), 1);
	assert_int_equal(X509_check_host(x, "a.example.jp", 0, 0, NULL), 1);
	assert_int_equal(X509_check_host(x, "example.org", 0, 0, NULL), 0);
	assert_int_equal(X509_check_ip_asc(x, "203.0.113.5", 0), 1);
	assert_int_equal(X509_check_ip_asc(x, "2001:db8::5", 0), 1);
	assert_int_equal(X509_check_ip_asc(x, "203.0.113.6", 0), 0);
	assert_int_equal(X509_check_ca(x), 0);
	X509_free(x);
	buf_done(&b);
}

static void long_name_leaves_the_subject_empty(void **state)
{
	char name[256];
	struct buf b;
	buf_init(&b, 64 * KIB);
	snprintf(name, sizeof name, "%063d.%063d.example.jp", 1, 2);
	struct vault_request rq = leaf_request(name);
	assert_int_equal(ask(*state, USER_PROXY, &rq, &b), 0);
	X509 *x = certificate_of(&b);
	assert_int_equal(X509_NAME_entry_count(X509_get_subject_name(x)), 0);
	verify_chain(x);
	assert_int_equal(X509_check_host(x, name, 0, 0, NULL), 1);
	X509_free(x);
	buf_done(&b);
}

static void every_serial_is_another(void **state)
{
	ASN1_INTEGER *seen[20];
	struct buf b;
	buf_init(&b, 64 * KIB);
	for (size_t i = 0; i < ARRAY_LEN(seen); i++) {
		struct vault_request rq = leaf_request("a.example");
		assert_int_equal(ask(*state, USER_PROXY, &rq, &b), 0);
		X509 *x = certificate_of(&b);
		seen[i] = ASN1_INTEGER_dup(X509_get0_serialNumber(x));
		X509_free(x);
		for (size_t k = 0; k < i; k++)
			assert_int_not_equal(ASN1_INTEGER_cmp(seen[i], seen[k]), 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(seen); i++)
		ASN1_INTEGER_free(seen[i]);
	buf_done(&b);
}

static void names_it_will_not_sign(void **state)
{
	static const char *const names[] = { "", ".", "a..b", ".a", "a.", "-a.jp", "a-.jp", "a.-b", "A.jp", "a b", "*", "*.", "*.jp.", "a.*.jp",
		"*a.jp", "**.jp", "a/b", "a\x01", "\xe7\xa0\xa6.jp", "256.1.1.1:80", "[::1]", "a,b", "a\"b", "*.jp", "x_y.example" };
	struct buf b;
	buf_init(&b, 64 * KIB);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct vault_request rq = leaf_request(names[i]);
		int expected = strcmp(names[i], "x_y.example") == 0 ? 0 : E_INVALID; /* the underscore is in use */
		if (ask(*state, USER_PROXY, &rq, &b) != expected)
			fail_msg("\"%s\"", names[i]);
	}
	buf_done(&b);
}

static void times_and_keys_it_will_not_sign(void **state)
{
	static const struct {
		int64_t from, to;
		int expected;
	} times[] = { { NOW, NOW, E_INVALID }, { NOW, NOW - 1, E_INVALID }, { NOW, NOW + 397 * 86400, 0 },
		      { NOW, NOW + 397 * 86400 + 1, E_INVALID }, { INT64_MIN, NOW, E_INVALID }, { NOW, INT64_MAX, E_INVALID },
		      { -1, 1, E_INVALID }, { NOW + 3649 * 86400ll, NOW + 3651 * 86400ll, E_INVALID } };
	struct buf b;
	buf_init(&b, 64 * KIB);
	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		struct vault_request rq = leaf_request("a.example");
		rq.leaf.not_before = times[i].from;
		rq.leaf.not_after = times[i].to;
		if (ask(*state, USER_PROXY, &rq, &b) != times[i].expected)
			fail_msg("time %zu", i);
	}
	struct vault_request rq = leaf_request("a.example");
	rq.leaf.key_type = 9;
	assert_int_equal(ask(*state, USER_PROXY, &rq, &b), E_INVALID);
	rq = leaf_request("a.example");
	rq.leaf.spki.len = 90;
	assert_int_equal(ask(*state, USER_PROXY, &rq, &b), E_INVALID);
	unsigned char other[91];
	memcpy(other, spki, sizeof other);
	other[10] ^= 1;
	rq.leaf.spki = (struct str){ (char *)other, sizeof other };
	assert_int_equal(ask(*state, USER_PROXY, &rq, &b), E_INVALID);
	buf_done(&b);
}

static struct vault_request simple(uint8_t op)
{
	struct vault_request rq = leaf_request("a.example");
	rq.op = op;
	if (op == VAULT_SEAL)
		rq.message = STR(VAULT_DOMAIN_CHECKPOINT "1\n1\n0123456789\n");
	snprintf(rq.org, sizeof rq.org, "412015");
	snprintf(rq.series, sizeof rq.series, "events");
	rq.number = 1;
	return rq;
}

static void who_may_ask_what(void **state)
{
	static const uid_t uids[] = { USER_PROXY, USER_INTAKE, USER_DETECT, USER_CONTROL, USER_PORTAL, USER_SCAN, USER_RESPOND, 1000,
		                            USER_KNOT, USER_NSD1, USER_NSD2, USER_UNBOUND, USER_PAIR, USER_BGP };
	/* Each asks for a key between servers by its own name. Destroy is tried elsewhere; the resolver's certificates are of addresses only. */
	static const char *const may[] = { "LP", "SKP", "KP", "P", "P", "", "", "", "T", "To", "To", "P", "t", "b" };
	static const struct {
		uint8_t op;
		char letter;
	} ops[] = { { VAULT_LEAF, 'L' }, { VAULT_SEAL, 'S' }, { VAULT_SEGKEY, 'K' }, { VAULT_PUBLIC, 'P' },
		    { VAULT_TSIG, 'T' }, { VAULT_TSIG, 't' }, { VAULT_TSIG, 'b' }, { VAULT_TSIG, 'o' } };
	struct buf b;
	buf_init(&b, 64 * KIB);
	for (size_t u = 0; u < ARRAY_LEN(uids); u++)
		for (size_t o = 0; o < ARRAY_LEN(ops); o++) {
			struct vault_request rq = simple(ops[o].op);
			int expected = strchr(may[u], ops[o].letter) ? 0 : E_DENIED;
			if (rq.op == VAULT_TSIG)
				snprintf(rq.series, sizeof rq.series, ops[o].letter == 'T' ? "transfer" : ops[o].letter == 't' ? "pair" : ops[o].letter == 'b' ? "bgp" : "outside");
			if (ask(*state, uids[u], &rq, &b) != expected)
				fail_msg("uid %u, %s", (unsigned)uids[u], vault_op_name(ops[o].op));
		}
	for (size_t u = 0; u < ARRAY_LEN(uids); u++) {
		struct vault_request rq = simple(VAULT_DESTROY);
		snprintf(rq.org, sizeof rq.org, "999999");
		assert_int_equal(ask(*state, uids[u], &rq, &b), E_DENIED);
	}
	buf_done(&b);
}

static int segkey(struct service *s, const char *org, const char *series, uint64_t number, unsigned char ret[32]);

static void the_resolver_is_certified_by_address_alone(void **state)
{
	struct buf b;
	struct vault_request rq = leaf_request("192.0.2.53");
	buf_init(&b, 64 * KIB);
	rq.leaf.n = 2;
	snprintf(rq.leaf.names[1], sizeof rq.leaf.names[1], "2001:db8:2::53");
	assert_int_equal(ask(*state, USER_UNBOUND, &rq, &b), 0);
	snprintf(rq.leaf.names[1], sizeof rq.leaf.names[1], "www.bank.example");
	assert_int_equal(ask(*state, USER_UNBOUND, &rq, &b), E_DENIED);
	buf_done(&b);
}

/* The desk's server has its own name certified, as the generation in force writes it, and nobody else's. */
static void the_desk_has_its_name(void **state)
{
	static const struct {
		const char *names[2];
		int code;
	} cases[] = { { { "desk.toride.example" }, 0 }, { { "desk.toride.example", "www.bank.example" }, E_DENIED }, { { "toride.example" }, E_DENIED },
		      { { "*.toride.example" }, E_DENIED }, { { "xdesk.toride.example" }, E_DENIED }, { { "192.0.2.44" }, E_DENIED } };
	struct buf b;
	struct err err;
	buf_init(&b, 64 * KIB);
	for (int written = 0; written < 2; written++) {
		for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
			struct vault_request rq = simple(VAULT_LEAF);
			rq.leaf.n = 0;
			for (size_t k = 0; k < 2 && cases[i].names[k]; k++)
				snprintf(rq.leaf.names[rq.leaf.n++], sizeof rq.leaf.names[0], "%s", cases[i].names[k]);
			assert_int_equal(ask(*state, USER_WEB, &rq, &b), written ? cases[i].code : E_DENIED);
		}
		assert_int_equal(fs_write(own_names, STR("\ndesk.toride.example\n"), 0644, &err), 0);
	}
	unlink(own_names);
	buf_done(&b);
}

static int wrap(struct service *s, uid_t uid, uint8_t op, const char *use, const char *context, struct str data, struct buf *ret)
{
	struct vault_request rq = { .op = op };
	struct buf message, reply;
	buf_init(&message, 4096);
	buf_init(&reply, 64 * KIB);
	if (context)
		buf_put(&message, context, strlen(context) + 1);
	buf_str(&message, data);
	rq.message = buf_view(&message);
	snprintf(rq.series, sizeof rq.series, "%s", use);
	int code = ask(s, uid, &rq, &reply);
	if (code == 0) {
		struct rd r = rd_from(reply.ptr, reply.len);
		struct str blob = rd_blob(&r);
		buf_reset(ret);
		buf_str(ret, blob);
		assert_int_equal(rd_end(&r), 0);
	}
	buf_done(&message);
	buf_done(&reply);
	return code;
}

/* What is wrapped comes back for whom and for what it was wrapped, whole or not at all. */
static void small_secrets_are_wrapped(void **state)
{
	static const struct str secret = { "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", 32 };
	struct buf box, again, plain;
	buf_init(&box, 4096), buf_init(&again, 4096), buf_init(&plain, 4096);
	assert_int_equal(wrap(*state, USER_AUTH, VAULT_WRAP, "totp", "sato", secret, &box), 0);
	assert_int_equal(box.len, 28 + secret.len);
	assert_null(memmem(box.ptr, box.len, secret.ptr, 8));
	assert_int_equal(wrap(*state, USER_AUTH, VAULT_WRAP, "totp", "sato", secret, &again), 0);
	assert_memory_not_equal(box.ptr, again.ptr, box.len); /* never the same twice */
	assert_int_equal(wrap(*state, USER_AUTH, VAULT_UNWRAP, "totp", "sato", buf_view(&box), &plain), 0);
	assert_true(str_eq(buf_view(&plain), secret));
	assert_int_equal(wrap(*state, USER_AUTH, VAULT_UNWRAP, "totp", "sat", buf_view(&box), &plain), E_CORRUPT);
	assert_int_equal(wrap(*state, USER_AUTH, VAULT_UNWRAP, "other", "sato", buf_view(&box), &plain), E_DENIED);
	assert_int_not_equal(wrap(*state, USER_AUTH, VAULT_UNWRAP, "totp", NULL, buf_view(&box), &plain), 0);
	for (size_t i = 0; i < box.len; i++) {
		box.ptr[i] ^= 1;
		assert_int_not_equal(wrap(*state, USER_AUTH, VAULT_UNWRAP, "totp", "sato", buf_view(&box), &plain), 0);
		box.ptr[i] ^= 1;
	}
	assert_int_equal(wrap(*state, USER_AUTH, VAULT_UNWRAP, "totp", "sato", (struct str){ box.ptr, 28 }, &plain), E_INVALID);
	assert_int_equal(wrap(*state, USER_AUTH, VAULT_WRAP, "totp", "sato", STR(""), &plain), E_INVALID);
	assert_int_equal(wrap(*state, USER_AUTH, VAULT_WRAP, "totp", "", secret, &plain), E_INVALID);
	static const uid_t others[] = { USER_PORTAL, USER_PROXY, USER_CONTROL, USER_RESPOND, 0 };
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		assert_int_equal(wrap(*state, others[i], VAULT_UNWRAP, "totp", "sato", buf_view(&box), &plain), E_DENIED);
	int left = 0; /* whoever takes authd over doesn't carry all of them off at once */
	while (left < 1000 && wrap(*state, USER_AUTH, VAULT_UNWRAP, "totp", "sato", buf_view(&box), &plain) == 0)
		left++;
	assert_in_range(left, 10, 200);
	buf_done(&box), buf_done(&again), buf_done(&plain);
}

/* The same for all who share it, another for another name, and none of the log's keys. */
static void transfers_share_a_key(void **state)
{
	struct buf b;
	struct vault_request rq = simple(VAULT_TSIG);
	unsigned char knot[32], segment[32];
	buf_init(&b, 64 * KIB);
	snprintf(rq.series, sizeof rq.series, "transfer");
	assert_int_equal(ask(*state, USER_KNOT, &rq, &b), 0);
	assert_int_equal(b.len, 32);
	memcpy(knot, b.ptr, 32);
	assert_int_equal(ask(*state, USER_NSD1, &rq, &b), 0);
	assert_memory_equal(b.ptr, knot, 32);
	assert_int_equal(segkey(*state, "service", "events", 0, segment), 0);
	assert_memory_not_equal(segment, knot, 32);
	snprintf(rq.series, sizeof rq.series, "pair");
	assert_int_equal(ask(*state, USER_NSD1, &rq, &b), E_DENIED); /* that of the nodes of a pair is none of theirs */
	assert_int_equal(ask(*state, USER_PAIR, &rq, &b), 0);
	assert_memory_not_equal(b.ptr, knot, 32);
	snprintf(rq.series, sizeof rq.series, "Bad name");
	assert_int_equal(ask(*state, USER_NSD1, &rq, &b), 255);
	buf_done(&b);
}

static void seals_only_its_own_kind_of_message(void **state)
{
	struct buf b;
	struct vault_request rq = simple(VAULT_SEAL);
	unsigned char sig[64], key[32];
	buf_init(&b, 64 * KIB);
	assert_int_equal(ask(*state, USER_INTAKE, &rq, &b), 0);
	struct rd r = rd_from(b.ptr, b.len);
	rd_bytes(&r, sig, 64);
	rd_bytes(&r, key, 32);
	assert_int_equal(rd_end(&r), 0);
	char path[200];
	snprintf(path, sizeof path, "%s/seal.pub.pem", pub);
	FILE *f = fopen(path, "r");
	EVP_PKEY *p = PEM_read_PUBKEY(f, NULL, NULL, NULL);
	fclose(f);
	unsigned char raw[32];
	size_t n = sizeof raw;
	assert_int_equal(EVP_PKEY_get_raw_public_key(p, raw, &n), 1);
	assert_memory_equal(raw, key, 32);
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	EVP_DigestVerifyInit(c, NULL, NULL, NULL, p);
	assert_int_equal(EVP_DigestVerify(c, sig, 64, (const unsigned char *)rq.message.ptr, rq.message.len), 1);
	EVP_MD_CTX_free(c);
	EVP_PKEY_free(p);
	rq.message = STR("an order to pay 1,000,000 yen to the bearer");
	assert_int_equal(ask(*state, USER_INTAKE, &rq, &b), E_DENIED);
	rq.message = STR("short");
	assert_int_equal(ask(*state, USER_INTAKE, &rq, &b), 255);
	buf_done(&b);
}

static void too_many_are_refused_until_time_has_passed(void **state)
{
	struct service *s = *state;
	struct buf b;
	struct vault_request rq = simple(VAULT_PUBLIC);
	int ok = 0, limited = 0;
	buf_init(&b, 64 * KIB);
	for (int i = 0; i < 100; i++) {
		int code = ask(s, USER_DETECT, &rq, &b);
		ok += code == 0;
		limited += code == E_LIMIT;
	}
	assert_int_equal(ok + limited, 100);
	assert_in_range(ok, 1, 20);
	clock_advance(1000);
	assert_int_equal(ask(s, USER_DETECT, &rq, &b), 0);
	assert_int_equal(ask(s, USER_PORTAL, &rq, &b), 0); /* another's bucket is another's */
	buf_done(&b);
}

static int segkey(struct service *s, const char *org, const char *series, uint64_t number, unsigned char ret[32])
{
	struct buf b;
	struct vault_request rq = simple(VAULT_SEGKEY);
	snprintf(rq.org, sizeof rq.org, "%s", org);
	snprintf(rq.series, sizeof rq.series, "%s", series);
	rq.number = number;
	buf_init(&b, 4096);
	int code = ask(s, USER_INTAKE, &rq, &b);
	if (code == 0) {
		assert_int_equal(b.len, 32);
		memcpy(ret, b.ptr, 32);
	}
	buf_done(&b);
	return code;
}

/* RFC 5869 by hand: extract with an empty salt, one block of expand. */
static void hkdf(const unsigned char *key, const void *info, size_t n, unsigned char ret[32])
{
	unsigned char zero[32] = { 0 }, prk[32], text[256];
	unsigned len = 32;
	HMAC(EVP_sha256(), zero, 32, key, 32, prk, &len);
	memcpy(text, info, n);
	text[n] = 1;
	HMAC(EVP_sha256(), prk, 32, text, n + 1, ret, &len);
}

static void segment_keys_are_hkdf_of_the_organisations_key(void **state)
{
	unsigned char got[32], other[32], expected[32];
	static const char info[] = "toride segment key\0" "412023\0" "events\0" "\0\0\0\0\0\0\0\x05";
	struct store st;
	struct buf data;
	struct err err = { 0 };
	assert_int_equal(segkey(*state, "412023", "events", 5, got), 0);
	buf_init(&data, 4096);
	assert_int_equal(store_open(&st, dir, &err), 0);
	assert_int_equal(store_get(&st, "orgs/412023.key", &data, &err), 0);
	hkdf((unsigned char *)data.ptr, info, sizeof info - 1, expected);
	assert_memory_equal(got, expected, 32);
	assert_int_equal(segkey(*state, "412023", "events", 6, other), 0);
	assert_memory_not_equal(got, other, 32);
	assert_int_equal(segkey(*state, "412023", "mail", 5, other), 0);
	assert_memory_not_equal(got, other, 32);
	assert_int_equal(segkey(*state, "service", "events", 5, other), 0);
	assert_memory_not_equal(got, other, 32);
	buf_done(&data);
	store_done(&st);
}

static void keys_survive_a_restart_and_destruction_is_for_ever(void **state)
{
	unsigned char before[32], after[32];
	char base[160];
	struct buf b;
	(void)state;
	buf_init(&b, 4096);
	snprintf(base, sizeof base, "%s/again", root);
	struct service *s = must_open(base);
	assert_int_equal(segkey(s, "412015", "events", 1, before), 0);
	assert_int_equal(segkey(s, "412023", "events", 1, before), 0);
	X509 *ca = ca_of(copy);
	service_close(&s);
	s = must_open(base);
	X509 *same = ca_of(copy);
	assert_int_equal(X509_cmp(ca, same), 0);
	assert_int_equal(segkey(s, "412023", "events", 1, after), 0);
	assert_memory_equal(before, after, 32);
	struct vault_request rq = simple(VAULT_DESTROY);
	assert_int_equal(ask(s, 0, &rq, &b), 0);
	assert_int_equal(segkey(s, "412015", "events", 1, after), E_NOT_FOUND);
	assert_int_equal(ask(s, 0, &rq, &b), 0); /* twice is fine */
	service_close(&s);
	char path[240];
	snprintf(path, sizeof path, "%s/orgs/412015.key", dir);
	assert_false(fs_exists(path));
	s = must_open(base);
	assert_int_equal(segkey(s, "412015", "events", 1, after), E_NOT_FOUND);
	assert_int_equal(segkey(s, "412023", "events", 1, after), 0);
	assert_memory_equal(before, after, 32);
	service_close(&s);
	X509_free(ca);
	X509_free(same);
	buf_done(&b);
}

/* The power goes between tombstone and erasure: the next start erases. */
static void a_begun_destruction_is_finished(void **state)
{
	unsigned char key[32];
	char base[160], path[240];
	(void)state;
	snprintf(base, sizeof base, "%s/begun", root);
	struct service *s = must_open(base);
	assert_int_equal(segkey(s, "412015", "events", 1, key), 0);
	service_close(&s);
	snprintf(path, sizeof path, "%s/orgs/412015.destroyed", dir);
	assert_int_equal(fs_write(path, STR("destroyed\n"), 0600, NULL), 0);
	s = must_open(base);
	assert_int_equal(segkey(s, "412015", "events", 1, key), E_NOT_FOUND);
	service_close(&s);
	snprintf(path, sizeof path, "%s/orgs/412015.key", dir);
	assert_false(fs_exists(path));
}

static void flip(const char *name)
{
	char path[240];
	struct buf b;
	buf_init(&b, 4096);
	snprintf(path, sizeof path, "%s/%s", dir, name);
	assert_int_equal(fs_read(path, &b, NULL), 0);
	b.ptr[b.len - 1] ^= 1;
	assert_int_equal(fs_write(path, buf_view(&b), 0600, NULL), 0);
	buf_done(&b);
}

static void altered_or_missing_keys_are_never_replaced(void **state)
{
	static const char *const altered[] = { "master.key", "ca.key", "ca.crt", "seal.key" };
	static const char *const missing[] = { "master.key", "ca.key" };
	struct service *s;
	struct err err = { 0 };
	char base[160], path[240], other[240];
	unsigned char key[32];
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(altered) + ARRAY_LEN(missing); i++) {
		snprintf(base, sizeof base, "%s/altered%zu", root, i);
		s = must_open(base);
		service_close(&s);
		if (i < ARRAY_LEN(altered)) {
			flip(altered[i]);
		} else {
			snprintf(path, sizeof path, "%s/%s", dir, missing[i - ARRAY_LEN(altered)]);
			unlink(path);
		}
		s = NULL;
		if (open_at(base, &s, &err) != -E_CORRUPT)
			fail_msg("case %zu: %s", i, err.msg);
		assert_null(s);
	}
	/* One organisation's file in another's place. */
	snprintf(base, sizeof base, "%s/swapped", root);
	s = must_open(base);
	assert_int_equal(segkey(s, "412015", "events", 1, key), 0);
	service_close(&s);
	snprintf(path, sizeof path, "%s/orgs/412015.key", dir);
	snprintf(other, sizeof other, "%s/orgs/412023.key", dir);
	assert_int_equal(rename(path, other), 0);
	s = must_open(base);
	assert_int_equal(segkey(s, "412023", "events", 1, key), E_CORRUPT);
	service_close(&s);
}

static void files_are_for_nobody_else(void **state)
{
	static const char *const names[] = { "master.key", "ca.key", "ca.crt", "seal.key" };
	(void)state;
	struct stat st;
	char path[240];
	struct service *s = must_open(root);
	service_close(&s);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		snprintf(path, sizeof path, "%s/%s", dir, names[i]);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0600);
	}
}

/* Every system call of creation fails once; afterwards the vault opens and what was published is still true. */
static void each_system_call_of_creation_fails_once(void **state)
{
	(void)state;
	char base[160];
	struct err err = { 0 };
	struct service *s = NULL;
	for (long n = 1; n < 400; n++) {
		snprintf(base, sizeof base, "%s/fault%ld", root, n);
		s = NULL;
		fs_fail_at(n, n % 2 ? EIO : ENOSPC);
		int r = open_at(base, &s, &err);
		long calls = fs_count();
		fs_fail_at(0, 0);
		service_close(&s);
		s = must_open(base);
		service_close(&s);
		fs_rmtree(base, NULL);
		if (r == 0 && calls < n) {
			assert_true(n > 30); /* the sweep went over a whole creation */
			return;
		}
	}
	fail_msg("creation never ended");
}

/* The child makes keys and tells each it was given; killed at any moment, what it told must still be so. */
static void kill_at_any_moment_of_creation(void **state)
{
	(void)state;
	char base[160];
	int told_some = 0;
	for (int i = 0; i < 40; i++) {
		int fd[2];
		unsigned char told[32], now[32];
		snprintf(base, sizeof base, "%s/kill%d", root, i);
		assert_int_equal(pipe(fd), 0);
		pid_t pid = fork();
		if (pid == 0) {
			struct service *s = NULL;
			struct err err = { 0 };
			if (open_at(base, &s, &err) == 0 && segkey(s, "412015", "events", 1, told) == 0 && write(fd[1], told, 32) == 32)
				for (int org = 100000; org < 100100; org++) {
					char code[8];
					snprintf(code, sizeof code, "%d", org);
					segkey(s, code, "events", 1, now);
				}
			_exit(0);
		}
		close(fd[1]);
		usleep((useconds_t)(i * i * 25)); /* 0 … 38 ms */
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		bool has = read(fd[0], told, 32) == 32;
		close(fd[0]);
		struct service *s = must_open(base);
		assert_int_equal(segkey(s, "412015", "events", 1, now), 0);
		if (has)
			assert_memory_equal(told, now, 32);
		told_some += has;
		service_close(&s);
		fs_rmtree(base, NULL);
	}
	print_message("%d of 40 were killed after the first key\n", told_some);
}

static void each_allocation_of_an_answer_fails_once(void **state)
{
	struct buf b, msg;
	buf_init(&msg, VAULT_MESSAGE_MAX);
	struct vault_request rq = leaf_request("a.example");
	vault_request_write(&msg, &rq);
	for (long n = 1; n < 20; n++) {
		buf_init(&b, 64 * KIB);
		mem_fail_at(n);
		bool ok = service_answer(*state, USER_PROXY, buf_view(&msg), &b);
		mem_fail_at(0);
		assert_true(!ok || b.len >= 5); /* dropped, or a whole answer */
		buf_done(&b);
	}
	buf_done(&msg);
}

static int begin(void **state)
{
	unsigned char *p = spki;
	snprintf(root, sizeof root, "/tmp/toride-vault-test.XXXXXX");
	if (!mkdtemp(root))
		return -1;
	clock_hold((int64_t)NOW * 1000);
	EVP_PKEY *k = EVP_EC_gen("P-256");
	assert_int_equal(i2d_PUBKEY(k, &p), sizeof spki);
	EVP_PKEY_free(k);
	*state = must_open(root);
	return 0;
}

static int end(void **state)
{
	struct service *s = *state;
	service_close(&s);
	clock_hold(0);
	return fs_rmtree(root, NULL);
}

/* Each test sees the first vault's paths, whatever the one before opened. */
static int paths(void **state)
{
	(void)state;
	snprintf(dir, sizeof dir, "%s/vault", root);
	snprintf(pub, sizeof pub, "%s/public", root);
	snprintf(copy, sizeof copy, "%s/ca.pem", root);
	clock_advance(3600 * 1000 / 60);
	return 0;
}

/* ---- keys of public sites ---- */

static X509_REQ *request_of(const struct buf *b)
{
	struct rd r = rd_from(b->ptr, b->len);
	struct str pem = rd_blob(&r);
	assert_int_equal(rd_end(&r), 0);
	BIO *in = BIO_new_mem_buf(pem.ptr, (int)pem.len);
	X509_REQ *rq = PEM_read_bio_X509_REQ(in, NULL, NULL, NULL);
	BIO_free(in);
	assert_non_null(rq);
	return rq;
}

static void site_keys_sign_and_stay(void **state)
{
	struct service *s = must_open(root);
	struct vault_request make = { .op = VAULT_SITE_KEY, .id = 1 }, sign = { .op = VAULT_SITE_SIGN, .id = 2 };
	unsigned char message[64], digest[32], *der = NULL;
	struct buf b;
	(void)state;
	buf_init(&b, VAULT_MESSAGE_MAX);
	make.leaf.n = 2;
	snprintf(make.leaf.names[0], 256, "%s", "www.city.example");
	snprintf(make.leaf.names[1], 256, "%s", "city.example");
	assert_int_equal(ask(s, USER_CONTROL, &make, &b), 0);
	X509_REQ *rq = request_of(&b);
	EVP_PKEY *public = X509_REQ_get_pubkey(rq);
	assert_int_equal(X509_REQ_verify(rq, public), 1);
	STACK_OF(X509_EXTENSION) *ext = X509_REQ_get_extensions(rq);
	assert_int_equal(sk_X509_EXTENSION_num(ext), 1);
	sk_X509_EXTENSION_pop_free(ext, X509_EXTENSION_free);

	int n = i2d_PUBKEY(public, &der);
	assert_true(n > 0);
	assert_int_equal(EVP_Digest(der, (size_t)n, message, NULL, EVP_sha256(), NULL), 1);
	OPENSSL_free(der);
	memset(digest, 0x5a, sizeof digest);
	memcpy(message + 32, digest, 32);
	sign.message = (struct str){ (char *)message, sizeof message };
	service_close(&s); /* the key is on disk, wrapped */
	s = must_open(root);
	assert_int_equal(ask(s, USER_EDGE, &sign, &b), 0);
	struct rd r = rd_from(b.ptr, b.len);
	struct str sig = rd_blob(&r);
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(public, NULL);
	assert_true(EVP_PKEY_verify_init(c) == 1 && EVP_PKEY_verify(c, (unsigned char *)(uintptr_t)sig.ptr, sig.len, digest, 32) == 1);
	EVP_PKEY_CTX_free(c);

	/* who may not, and what isn't one */
	assert_int_equal(ask(s, USER_EDGE, &make, &b), E_DENIED);
	assert_int_equal(ask(s, USER_CONTROL, &sign, &b), E_DENIED);
	assert_int_equal(ask(s, USER_PROXY, &sign, &b), E_DENIED);
	message[0] ^= 1;
	assert_int_equal(ask(s, USER_EDGE, &sign, &b), E_NOT_FOUND);
	sign.message.len = 40;
	assert_int_equal(ask(s, USER_EDGE, &sign, &b), E_INVALID);
	snprintf(make.leaf.names[1], 256, "%s", "x,IP:10.0.0.1");
	assert_int_equal(ask(s, USER_CONTROL, &make, &b), E_INVALID);
	EVP_PKEY_free(public);
	X509_REQ_free(rq);
	buf_done(&b);
	service_close(&s);
}

/* ES256 by a key of its own; nothing but a JWS signing input is signed. */
static void the_accounts_key_signs_requests_alone(void **state)
{
	static const char *const never[] = { "abc", "abc.def.ghi", ".abc", "a b.c", "toride checkpoint v1\n.x", "abc.d\x80" };
	struct service *s = must_open(root);
	struct vault_request rq = { .op = VAULT_ACME_SIGN, .id = 1, .message = STR("") };
	unsigned char x_y[64], again[64], sig[64], der_key[128];
	struct buf b;
	(void)state;
	buf_init(&b, VAULT_MESSAGE_MAX);
	assert_int_equal(ask(s, USER_ACME, &rq, &b), 0);
	assert_int_equal(b.len, 128);
	memcpy(x_y, b.ptr, 64);
	service_close(&s);
	s = must_open(root);
	rq.message = STR("eyJhbGciOiJFUzI1NiJ9.e30");
	assert_int_equal(ask(s, USER_ACME, &rq, &b), 0);
	memcpy(again, b.ptr, 64);
	memcpy(sig, b.ptr + 64, 64);
	assert_memory_equal(x_y, again, 64); /* the key is the same after a restart */

	static const unsigned char head[] = { 0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
		                              0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04 };
	memcpy(der_key, head, sizeof head);
	memcpy(der_key + sizeof head, x_y, 64);
	const unsigned char *p = der_key;
	unsigned char *der = NULL;
	EVP_PKEY *key = d2i_PUBKEY(NULL, &p, sizeof head + 64);
	assert_non_null(key);
	ECDSA_SIG *e = ECDSA_SIG_new();
	ECDSA_SIG_set0(e, BN_bin2bn(sig, 32, NULL), BN_bin2bn(sig + 32, 32, NULL));
	int n = i2d_ECDSA_SIG(e, &der);
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	assert_true(EVP_DigestVerifyInit(c, NULL, EVP_sha256(), NULL, key) == 1 &&
	            EVP_DigestVerify(c, der, (size_t)n, (const unsigned char *)rq.message.ptr, rq.message.len) == 1);
	EVP_MD_CTX_free(c);
	OPENSSL_free(der);
	ECDSA_SIG_free(e);
	EVP_PKEY_free(key);

	assert_int_equal(ask(s, USER_EDGE, &rq, &b), E_DENIED);
	assert_int_equal(ask(s, USER_CONTROL, &rq, &b), E_DENIED);
	for (size_t i = 0; i < ARRAY_LEN(never); i++) {
		struct buf out;
		struct vault_request parsed;
		rq.message = str_from(never[i]);
		buf_init(&out, VAULT_MESSAGE_MAX);
		vault_request_write(&out, &rq);
		assert_int_equal(vault_request_parse(buf_view(&out), &parsed), -E_INVALID);
		buf_done(&out);
	}
	buf_done(&b);
	service_close(&s);
}

/* ---- site keys that nobody uses any more ---- */

static int count_file(const char *name, void *user)
{
	*(unsigned *)user += str_ends(str_from(name), STR(".key"));
	return 0;
}

static unsigned site_keys_there(void)
{
	char path[300];
	unsigned n = 0;
	snprintf(path, sizeof path, "%s/sites", dir);
	assert_int_equal(fs_list(path, count_file, &n, NULL), 0);
	return n;
}

/* Makes a site's key; 32 bytes that name it into message, and a digest. */
static void make_site_key(struct service *s, unsigned char message[64])
{
	struct vault_request make = { .op = VAULT_SITE_KEY, .id = 1 };
	unsigned char *der = NULL;
	struct buf b;
	buf_init(&b, VAULT_MESSAGE_MAX);
	make.leaf.n = 1;
	snprintf(make.leaf.names[0], 256, "%s", "www.city.example");
	assert_int_equal(ask(s, USER_CONTROL, &make, &b), 0);
	X509_REQ *rq = request_of(&b);
	EVP_PKEY *public = X509_REQ_get_pubkey(rq);
	int n = i2d_PUBKEY(public, &der);
	assert_true(n > 0);
	assert_int_equal(EVP_Digest(der, (size_t)n, message, NULL, EVP_sha256(), NULL), 1);
	memset(message + 32, 7, 32);
	OPENSSL_free(der);
	EVP_PKEY_free(public);
	X509_REQ_free(rq);
	buf_done(&b);
}

static void use_site_key(struct service *s, const unsigned char message[64], int want)
{
	struct vault_request sign = { .op = VAULT_SITE_SIGN, .id = 2, .message = { (const char *)message, 64 } };
	struct buf b;
	buf_init(&b, VAULT_MESSAGE_MAX);
	assert_int_equal(ask(s, USER_EDGE, &sign, &b), want);
	buf_done(&b);
}

static void site_keys_go_when_nobody_uses_them(void **state)
{
	static const int64_t day = 86400000;
	unsigned char served[64], renewed[64];
	(void)state;
	clock_hold(NOW * 1000ll);
	char base[160];
	snprintf(base, sizeof base, "%s/retire", root);
	struct service *s = must_open(base);
	make_site_key(s, served);
	make_site_key(s, renewed);
	use_site_key(s, renewed, 0);
	for (int i = 1; i < 180; i++) {
		clock_advance(day);
		use_site_key(s, served, 0);
		service_hourly(s);
		assert_int_equal(site_keys_there(), 2);
	}
	clock_advance(day);
	use_site_key(s, served, 0);
	service_hourly(s);
	assert_int_equal(site_keys_there(), 1);
	use_site_key(s, renewed, E_NOT_FOUND);

	/* Somebody sets the clock: nothing goes before uses have been seen for two days. */
	clock_shift(400 * day);
	service_hourly(s);
	assert_int_equal(site_keys_there(), 1);
	clock_advance(day);
	service_hourly(s);
	assert_int_equal(site_keys_there(), 1);
	/* Nor after a start, however late it comes. */
	service_close(&s);
	clock_advance(400 * day);
	s = must_open(base);
	service_hourly(s);
	use_site_key(s, served, 0);
	clock_advance(3 * day);
	service_hourly(s);
	assert_int_equal(site_keys_there(), 1);
	use_site_key(s, served, 0);
	service_close(&s);
	clock_hold(0);
}

/* ---- a pair's other vault ---- */

static struct vault_request box_request(uint8_t op, const char *name, struct str box)
{
	struct vault_request rq = { .op = op, .id = 9, .message = box };
	snprintf(rq.box, sizeof rq.box, "%s", name);
	return rq;
}

static uint64_t names_of_vault(struct service *s, char names[16][VAULT_BOX_NAME], size_t *ret_n)
{
	struct vault_request rq = box_request(VAULT_BOX_NAMES, "", STR(""));
	struct buf b;
	buf_init(&b, 64 * KIB);
	assert_int_equal(ask(s, USER_PAIR, &rq, &b), 0);
	struct rd r = rd_from(b.ptr, b.len);
	uint64_t version = rd_u64(&r);
	*ret_n = rd_u32(&r);
	assert_true(*ret_n <= 16);
	for (size_t i = 0; i < *ret_n; i++)
		rd_text(&r, names[i], VAULT_BOX_NAME);
	assert_int_equal(rd_end(&r), 0);
	buf_done(&b);
	return version;
}

static int get_box(struct service *s, const char *name, struct buf *ret)
{
	struct vault_request rq = box_request(VAULT_BOX_GET, name, STR(""));
	struct buf b;
	buf_init(&b, 64 * KIB);
	int code = ask(s, USER_PAIR, &rq, &b);
	struct rd r = rd_from(b.ptr, b.len);
	buf_reset(ret);
	if (code == 0)
		buf_str(ret, rd_blob(&r));
	buf_done(&b);
	return code;
}

static int put_box(struct service *s, const char *name, struct str box)
{
	struct vault_request rq = box_request(VAULT_BOX_PUT, name, box);
	struct buf b;
	buf_init(&b, 64 * KIB);
	int code = ask(s, USER_PAIR, &rq, &b);
	buf_done(&b);
	return code;
}

static void segment_key(struct service *s, const char *org, unsigned char ret[32], int want)
{
	struct vault_request rq = { .op = VAULT_SEGKEY, .id = 3, .number = 1 };
	struct buf b;
	buf_init(&b, 64 * KIB);
	snprintf(rq.org, sizeof rq.org, "%s", org);
	snprintf(rq.series, sizeof rq.series, "main");
	assert_int_equal(ask(s, USER_INTAKE, &rq, &b), want);
	if (want == 0)
		memcpy(ret, b.ptr, 32);
	buf_done(&b);
}

static void destroy_key(struct service *s, const char *org)
{
	struct vault_request rq = { .op = VAULT_DESTROY, .id = 4 };
	struct buf b;
	buf_init(&b, 64 * KIB);
	snprintf(rq.org, sizeof rq.org, "%s", org);
	assert_int_equal(ask(s, 0, &rq, &b), 0);
	buf_done(&b);
}

/* What a case needs isn't made unreadable while it is held: the order is refused, not kept for later. */
static void a_held_bodys_key_stays(void **state)
{
	char base[160];
	(void)state;
	snprintf(base, sizeof base, "%s/held", root);
	struct service *s = must_open(base);
	struct vault_request rq = { .op = VAULT_DESTROY, .id = 4, .org = "412015" };
	struct buf b;
	unsigned char before[32], after[32];
	buf_init(&b, 64 * KIB);
	segment_key(s, "412015", before, 0);
	under_a_hold = "412015";
	assert_int_equal(ask(s, 0, &rq, &b), E_STATE);
	assert_int_equal(ask(s, USER_CONTROL, &rq, &b), E_DENIED);
	destroy_key(s, "412023");
	segment_key(s, "412015", after, 0);
	assert_memory_equal(before, after, 32);
	under_a_hold = "";
	destroy_key(s, "412015");
	segment_key(s, "412015", after, E_NOT_FOUND);
	buf_done(&b);
	service_close(&s);
}

/* Two vaults with one master key, as after the set-up of a pair. */
static void keys_follow_to_the_other_vault(void **state)
{
	char one[160], two[160], path[320], names[16][VAULT_BOX_NAME];
	struct service *a, *b;
	struct buf box, master;
	unsigned char ka[32], kb[32];
	size_t n;
	(void)state;
	snprintf(one, sizeof one, "%s/pair-one", root);
	snprintf(two, sizeof two, "%s/pair-two", root);
	a = must_open(one);
	buf_init(&master, KIB);
	buf_init(&box, 64 * KIB);
	snprintf(path, sizeof path, "%s/vault/master.key", one);
	assert_int_equal(fs_read(path, &master, NULL), 0);
	snprintf(path, sizeof path, "%s/vault", two);
	assert_int_equal(fs_mkdirs(path, 0700, NULL), 0);
	snprintf(path, sizeof path, "%s/vault/master.key", two);
	assert_int_equal(fs_write(path, buf_view(&master), 0600, NULL), 0);
	b = must_open(two);

	uint64_t version = names_of_vault(a, names, &n);
	assert_int_equal(n, 0); /* the seal's and the authority's keys don't travel */
	assert_int_equal(names_of_vault(a, names, &n), version);
	assert_int_equal(get_box(a, "orgs/412015.key", &box), 0); /* made for it */
	assert_int_not_equal(names_of_vault(a, names, &n), version);
	assert_int_equal(n, 1);
	assert_string_equal(names[0], "orgs/412015.key");
	assert_int_equal(put_box(b, "orgs/412015.key", buf_view(&box)), 0);
	assert_int_equal(put_box(b, "orgs/412015.key", buf_view(&box)), 0);
	segment_key(a, "412015", ka, 0);
	segment_key(b, "412015", kb, 0);
	assert_memory_equal(ka, kb, 32);

	assert_int_equal(put_box(b, "orgs/412023.key", buf_view(&box)), E_CORRUPT); /* another name */
	box.ptr[box.len - 1] ^= 1;
	assert_int_equal(put_box(b, "orgs/412015.key", buf_view(&box)), E_CORRUPT);
	assert_int_equal(put_box(b, "orgs/412015.key", STR("")), E_CORRUPT);
	static const char *const wrong[] = { "master.key", "seal.key", "ca.key", "orgs/../ca.key", "orgs/41201.key", "sites/ab.key", "orgs/412015.key.new", "", "/etc/passwd" };
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		assert_int_equal(get_box(a, wrong[i], &box), E_INVALID);
		assert_int_equal(put_box(b, wrong[i], STR("x")), E_INVALID);
	}
	assert_int_equal(get_box(a, "sites/0000000000000000000000000000000000000000000000000000000000000000.key", &box), E_NOT_FOUND);

	segment_key(b, "412023", kb, 0); /* both made one: neither is lost */
	assert_int_equal(get_box(a, "orgs/412023.key", &box), 0);
	assert_int_equal(put_box(b, "orgs/412023.key", buf_view(&box)), E_EXISTS);

	assert_int_equal(get_box(a, "orgs/412015.key", &box), 0);
	assert_int_equal(put_box(b, "orgs/412015.destroyed", buf_view(&box)), E_CORRUPT); /* a key's box destroys nothing */
	assert_int_equal(get_box(a, "orgs/412015.destroyed", &master), E_NOT_FOUND);
	destroy_key(a, "412015");
	assert_int_equal(get_box(a, "orgs/412015.destroyed", &master), 0);
	assert_int_equal(put_box(b, "orgs/412015.destroyed", buf_view(&master)), 0);
	segment_key(b, "412015", kb, E_NOT_FOUND);
	assert_int_equal(put_box(b, "orgs/412015.key", buf_view(&box)), 0); /* the old box, sent again, brings nothing back */
	segment_key(b, "412015", kb, E_NOT_FOUND);
	assert_int_equal(get_box(a, "orgs/412015.key", &box), E_NOT_FOUND);

	struct vault_request rq = box_request(VAULT_BOX_GET, "orgs/412023.key", STR(""));
	struct buf out;
	buf_init(&out, 64 * KIB);
	static const uid_t others[] = { 0, USER_PROXY, USER_INTAKE, USER_ACME, USER_EDGE, USER_CONTROL };
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		assert_int_equal(ask(a, others[i], &rq, &out), E_DENIED);
	buf_done(&out);
	buf_done(&box);
	buf_done(&master);
	service_close(&a);
	service_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(leaf_is_a_valid_chain, paths),
		cmocka_unit_test_setup(long_name_leaves_the_subject_empty, paths),
		cmocka_unit_test_setup(every_serial_is_another, paths),
		cmocka_unit_test_setup(names_it_will_not_sign, paths),
		cmocka_unit_test_setup(times_and_keys_it_will_not_sign, paths),
		cmocka_unit_test_setup(who_may_ask_what, paths),
		cmocka_unit_test_setup(the_resolver_is_certified_by_address_alone, paths),
		cmocka_unit_test_setup(the_desk_has_its_name, paths),
		cmocka_unit_test_setup(small_secrets_are_wrapped, paths),
		cmocka_unit_test_setup(transfers_share_a_key, paths),
		cmocka_unit_test_setup(seals_only_its_own_kind_of_message, paths),
		cmocka_unit_test_setup(too_many_are_refused_until_time_has_passed, paths),
		cmocka_unit_test_setup(segment_keys_are_hkdf_of_the_organisations_key, paths),
		cmocka_unit_test_setup(keys_survive_a_restart_and_destruction_is_for_ever, paths),
		cmocka_unit_test_setup(site_keys_sign_and_stay, paths),
		cmocka_unit_test_setup(the_accounts_key_signs_requests_alone, paths), cmocka_unit_test_setup(keys_follow_to_the_other_vault, paths), cmocka_unit_test_setup(site_keys_go_when_nobody_uses_them, paths),
		cmocka_unit_test_setup(a_held_bodys_key_stays, paths),
		cmocka_unit_test_setup(a_begun_destruction_is_finished, paths),
		cmocka_unit_test_setup(altered_or_missing_keys_are_never_replaced, paths),
		cmocka_unit_test_setup(files_are_for_nobody_else, paths),
		cmocka_unit_test_setup(each_system_call_of_creation_fails_once, paths),
		cmocka_unit_test_setup(kill_at_any_moment_of_creation, paths),
		cmocka_unit_test_setup(each_allocation_of_an_answer_fails_once, paths),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
