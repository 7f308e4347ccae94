/* Passwords, codes and roles by tables; accounts, sign-in and sessions over a real PostgreSQL. */
#include "account/account.h"
#include "account/schema.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/map.h"
#include "base/mem.h"
#include "store/pgtest.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

static void test_password_rules(void **state)
{
	static const struct {
		const char *password;
		enum password_fault fault;
	} cases[] = {
		{ "Kx9#mPq2!v", PASSWORD_GOOD },
		{ "correct Horse 7 battery", PASSWORD_KINDS }, /* a blank is no symbol */
		{ "correct-Horse-7-battery", PASSWORD_GOOD },
		{ "Kx9#mPq2!", PASSWORD_LENGTH },
		{ "", PASSWORD_LENGTH },
		{ "kx9#mpq2!v", PASSWORD_KINDS },
		{ "KX9#MPQ2!V", PASSWORD_KINDS },
		{ "Kxn#mPqb!v", PASSWORD_KINDS },
		{ "Kx94mPq27v", PASSWORD_KINDS },
		{ "Password1!", PASSWORD_SIMPLE },
		{ "P@ssw0rd2026!", PASSWORD_SIMPLE },
		{ "Toride-Saga-1", PASSWORD_SIMPLE },
		{ "Qwerty12345!", PASSWORD_SIMPLE },
		{ "Aa1!Aa1!Aa1!", PASSWORD_GOOD }, /* four kinds thrice: ugly, and in nobody's list of words */
		{ "Abcdefgh1234!", PASSWORD_SIMPLE },
		{ "Aaaaaaaaaa1!", PASSWORD_SIMPLE },
		{ "Ichikawa-33!", PASSWORD_SIMPLE }, /* the person's own name */
		{ "佐賀の海と山1aA!", PASSWORD_GOOD },
		{ "Aa1!\xff\xffxxxxxxxx", PASSWORD_LENGTH },
	};
	char big[PASSWORD_MAX + 2];
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (password_check(cases[i].password, "ichikawa") != cases[i].fault)
			fail_msg("%s: %d", cases[i].password, (int)password_check(cases[i].password, "ichikawa"));
	memset(big, 'x', sizeof big);
	memcpy(big, "Kx9#mPq2!v", 10);
	big[PASSWORD_MAX + 1] = 0;
	assert_int_equal(password_check(big, ""), PASSWORD_LENGTH);
	(void)state;
}

static void test_password_kept(void **state)
{
	char a[PASSWORD_HASH_MAX], b[PASSWORD_HASH_MAX], once[PASSWORD_ONE_TIME];
	assert_int_equal(password_hash("Kx9#mPq2!v", 1000, a, NULL), 0);
	assert_int_equal(password_hash("Kx9#mPq2!v", 1000, b, NULL), 0);
	assert_string_not_equal(a, b); /* salted */
	assert_null(strstr(a, "Kx9"));
	assert_true(strncmp(a, "pbkdf2-sha256$1000$", 19) == 0);
	assert_true(password_matches("Kx9#mPq2!v", a));
	assert_false(password_matches("Kx9#mPq2!w", a));
	assert_false(password_matches("", a));
	/* Python's hashlib.pbkdf2_hmac says so too */
	assert_true(password_matches("secret", "pbkdf2-sha256$1000$000102030405060708090a0b0c0d0e0f$"
	                                       "4efb2bbb6d2eb58ea8deaed54417ae2fd87fd50a8a8568709363da60d4560606"));
	static const char *const broken[] = { "", "x", "pbkdf2-sha256$", "pbkdf2-sha256$0$00$00", "pbkdf2-sha1$1000$000102030405060708090a0b0c0d0e0f$00",
		                              "pbkdf2-sha256$1000$0001$00", "pbkdf2-sha256$99999999999$000102030405060708090a0b0c0d0e0f$00" };
	for (size_t i = 0; i < ARRAY_LEN(broken); i++)
		assert_false(password_matches("", broken[i]));
	password_one_time(once);
	assert_int_equal(strlen(once), PASSWORD_ONE_TIME - 1);
	assert_int_equal(strspn(once, "ABCDEFGHJKMNPQRSTVWXYZ0123456789-"), PASSWORD_ONE_TIME - 1);
	(void)state;
}

/* RFC 6238, appendix B (SHA-1): eight digits there, the last six here. */
static void test_totp(void **state)
{
	static const struct {
		int64_t s;
		unsigned code;
	} cases[] = { { 59, 287082 }, { 1111111109, 81804 }, { 1111111111, 50471 }, { 1234567890, 5924 }, { 2000000000, 279037 }, { 20000000000, 353130 } };
	unsigned char secret[TOTP_SECRET];
	char text[TOTP_TEXT];
	assert_true(totp_parse("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", secret));
	assert_memory_equal(secret, "12345678901234567890", TOTP_SECRET);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(totp_code(secret, cases[i].s * 1000), cases[i].code);
	assert_int_equal(totp_check("287082", secret, 59000, 0), 1);
	assert_int_equal(totp_check(" 287 082", secret, 59000, 0), 1);
	assert_int_equal(totp_check("287082", secret, 59000 + 30000, 0), 1);  /* one step late */
	assert_int_equal(totp_check("287082", secret, 59000 + 60000, 0), 0);  /* two */
	assert_int_equal(totp_check("287082", secret, 59000, 1), 0);          /* used already */
	static const char *const wrong[] = { "287083", "", "28708", "2870822", "28708a", "-87082", "０８１８０４" };
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_int_equal(totp_check(wrong[i], secret, 59000, 0), 0);
	totp_make(text);
	assert_true(totp_parse(text, secret));
	assert_false(totp_parse("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJ1", secret));
	assert_false(totp_parse("", secret));
	(void)state;
}

static void test_roles(void **state)
{
	static const struct {
		enum role role;
		const char *what;
		bool may;
	} cases[] = {
		{ ROLE_ANALYST, "incident.judge", true },   { ROLE_OPERATOR, "incident.judge", false }, { ROLE_APPROVER, "incident.judge", false },
		{ ROLE_CLERK, "incident.judge", false },    { ROLE_CLERK, "incident.ack", true },       { ROLE_APPROVER, "approve", true },
		{ ROLE_ANALYST, "approve", false },         { ROLE_CLERK, "approve", false },           { ROLE_ANALYST, "apply", false },
		{ ROLE_APPROVER, "apply", false },          { ROLE_APPROVER, "submit", false },         { ROLE_CLERK, "block.add", false },
		{ ROLE_ANALYST, "block.add", true },        { ROLE_CLERK, "status", false },            { ROLE_ANALYST, "user.add", false },
		{ ROLE_ANALYST, "log.rebuild", false },     { ROLE_CLERK, "log.search", true }, { ROLE_CLERK, "log.counts", true }, { ROLE_APPROVER, "rules.coverage", true }, { ROLE_CLERK, "rules.coverage", false },         { ROLE_ANALYST, "", false },
		{ ROLE_OPERATOR, "incident.step", true },   { ROLE_CLERK, "incident.step", false },
		{ ROLE_CLERK, "incident.report", true },    { ROLE_APPROVER, "incident.report", false },
		{ ROLE_ANALYST, "incident.", false },       { ROLE_ANALYST, "block.consent", false },   { ROLE_CLERK, "block.consent", true },	{ ROLE_CLERK, "site.purge", true },	{ ROLE_CLERK, "site.stats", true },	     { ROLE_CLERK, "site.renew", false },
		{ ROLE_CLERK, "site.approve", true },       { ROLE_OPERATOR, "site.approve", false },   { ROLE_CLERK, "hold.list", false },     { ROLE_OPERATOR, "hold.add", false },
		{ ROLE_OPERATOR, "shift.take", true },      { ROLE_CLERK, "shift.list", false },        { ROLE_APPROVER, "shift.list", false }, { ROLE_CLERK, "shift.take", false },
		{ ROLE_CLERK, "report.month", false },      { ROLE_CLERK, "asset.list", false },        { ROLE_CLERK, "incident.sheet", false },{ ROLE_CLERK, "log.who", false },
      { ROLE_ANALYST, "site.purge", false },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (role_may(cases[i].role, cases[i].what) != cases[i].may)
			fail_msg("%s %s", role_name(cases[i].role), cases[i].what);
	enum role r;
	assert_true(role_parse("clerk", &r) && r == ROLE_CLERK);
	assert_false(role_parse("root", &r));
	(void)state;
}

/* ---- over the database ---- */

static struct pgtest pg;
static bool have_pg;
static struct err err;

/* A keeper as the vault is one: bound to its context, and hostile to bytes that were changed. */
static bool keeper_gone;

static int fake_wrap(void *user, const char *context, struct str s, struct buf *ret, struct err *e)
{
	unsigned char h[32];
	(void)user;
	if (keeper_gone)
		return err_set(e, E_CLOSED, "vault", "gone");
	hash_sha256(context, strlen(context), h);
	buf_put(ret, h, sizeof h);
	for (size_t i = 0; i < s.len; i++)
		buf_putc(ret, (char)(s.ptr[i] ^ 0x55));
	return ret->failed;
}

static int fake_unwrap(void *user, const char *context, struct str s, struct buf *ret, struct err *e)
{
	unsigned char h[32];
	(void)user;
	if (keeper_gone)
		return err_set(e, E_CLOSED, "vault", "gone");
	hash_sha256(context, strlen(context), h);
	if (s.len <= sizeof h || memcmp(s.ptr, h, sizeof h) != 0)
		return err_set(e, E_CORRUPT, "vault", "another's");
	for (size_t i = sizeof h; i < s.len; i++)
		buf_putc(ret, (char)(s.ptr[i] ^ 0x55));
	return ret->failed;
}

static struct accounts a = { .iterations = 1000, .keeper = { fake_wrap, fake_unwrap, NULL } };
static char token[SESSION_TOKEN];
static struct session who;

#define NOW 1795338000000LL
#define OWN "Kx9#mPq2!v"

static int begin(void **state)
{
	(void)state;
	have_pg = pgtest_start(&pg);
	return 0;
}

static int end(void **state)
{
	(void)state;
	store_destroy(&a.store);
	if (have_pg)
		pgtest_stop(&pg);
	return 0;
}

static struct way way = { .people = WAY_ANYBODY };
static bool keys; /* a page that can ask for passkeys */

static enum sign_in try_in(const char *name, const char *password, const char *code, const char *old)
{
	struct credentials c = { name, password, code, old, way, keys };
	enum sign_in how;
	assert_int_equal(account_sign_in(&a, &c, &how, token, &who, &err), 0);
	return how;
}

static void code_now(const char *secret, char dst[8])
{
	unsigned char key[TOTP_SECRET];
	assert_true(totp_parse(secret, key));
	snprintf(dst, 8, "%06u", totp_code(key, clock_now_ms()));
}

/* Adds somebody, who signs in for the first time; the secret of their app into secret. */
static void enrolled(const char *name, const char *role, const char *org, char secret[TOTP_TEXT])
{
	char once[PASSWORD_ONE_TIME], code[8];
	enum enrol how;
	enum password_fault fault;
	assert_int_equal(account_add(&a, &(struct account_new){ name, role, org, "root", strcmp(role, "approver") == 0 ? "41" : "" }, once, &err), 0);
	assert_int_equal(try_in(name, once, "", ""), SIGN_IN_DONE);
	assert_int_equal(account_enrol_secret(&a, token, secret, &err), 0);
	code_now(secret, code);
	assert_int_equal(account_enrol(&a, token, OWN, code, &how, &fault, token, &who, &err), 0);
	assert_int_equal(how, ENROL_DONE);
}

static void test_first_time(void **state)
{
	char once[PASSWORD_ONE_TIME], secret[TOTP_TEXT], again[TOTP_TEXT], code[8], early[SESSION_TOKEN];
	enum enrol how;
	enum password_fault fault;
	struct session s;
	(void)state;
	if (!have_pg)
		skip();
	clock_hold(NOW);
	assert_int_equal(store_create(pg.sock, STORE_ROLE_AUTH, &a.store, &err), 0);
	assert_int_equal(accounts_migrate(&a, &err), 0);
	assert_int_equal(accounts_migrate(&a, &err), 0);
	assert_int_equal(account_add(&a, &(struct account_new){ "山田 花子", "clerk", "412015", "root", "" }, once, &err), 0);
	assert_int_equal(try_in("山田 花子", "wrong", "", ""), SIGN_IN_PASSWORD);
	assert_int_equal(try_in("山田花子", once, "", ""), SIGN_IN_DONE); /* blanks and width make no difference */
	assert_int_equal(who.stage, SESSION_ENROL);
	memcpy(early, token, sizeof early);
	assert_int_equal(account_session(&a, early, true, &s, &err), 0);
	assert_true(s.stage == SESSION_ENROL && s.role == ROLE_CLERK);
	assert_string_equal(s.name, "山田 花子");
	assert_string_equal(s.org, "412015");
	assert_int_equal(account_enrol_secret(&a, early, secret, &err), 0);
	assert_int_equal(account_enrol_secret(&a, early, again, &err), 0);
	assert_string_equal(secret, again); /* a page loaded twice shows the same picture */
	assert_int_equal(account_enrol(&a, early, "short", "000000", &how, &fault, token, &s, &err), 0);
	assert_true(how == ENROL_PASSWORD && fault == PASSWORD_LENGTH);
	assert_int_equal(account_enrol(&a, early, OWN, "000000", &how, &fault, token, &s, &err), 0);
	assert_int_equal(how, ENROL_CODE);
	code_now(secret, code);
	assert_int_equal(account_enrol(&a, early, OWN, code, &how, &fault, token, &s, &err), 0);
	assert_int_equal(how, ENROL_DONE);
	assert_int_equal(account_session(&a, early, true, &s, &err), -E_DENIED); /* the weak one is over */
	assert_int_equal(account_session(&a, token, true, &s, &err), 0);
	assert_int_equal(s.stage, SESSION_FULL);
	assert_int_equal(account_enrol_secret(&a, token, secret, &err), -E_DENIED);
	/* the one-time password is gone, the code was used, the next one works */
	assert_int_equal(try_in("山田 花子", once, "", ""), SIGN_IN_PASSWORD);
	assert_int_equal(try_in("山田 花子", OWN, "", ""), SIGN_IN_CODE);
	assert_int_equal(try_in("山田 花子", OWN, code, ""), SIGN_IN_CODE);
	clock_advance(60000);
	code_now(secret, code);
	memcpy(early, token, sizeof early);
	assert_int_equal(try_in("山田 花子", OWN, code, early), SIGN_IN_DONE);
	assert_string_not_equal(early, token);
	assert_int_equal(account_session(&a, early, true, &s, &err), -E_DENIED); /* what the browser brought along is over */
	assert_int_equal(account_session(&a, token, true, &s, &err), 0);
}

static void test_adding(void **state)
{
	static const struct {
		const char *name, *role, *org;
		int expect;
		const char *prefecture;
	} cases[] = {
		{ "tanaka", "analyst", "", 0, "" },           { "Tanaka", "analyst", "", -E_EXISTS, "" },      { "ｔａｎａｋａ", "operator", "", -E_EXISTS, "" },
		{ "root", "operator", "", -E_INVALID, "" },   { "ＲＯＯＴ", "operator", "", -E_INVALID, "" },  { "uid:1000", "operator", "", -E_INVALID, "" },
		{ "toride", "operator", "", -E_INVALID, "" }, { "", "operator", "", -E_INVALID, "" },          { " x", "operator", "", -E_INVALID, "" },
		{ "x\ny", "operator", "", -E_INVALID, "" },   { "clerk1", "clerk", "", -E_INVALID, "" },       { "clerk1", "clerk", "41201", -E_INVALID, "" },
		{ "op1", "operator", "412015", -E_INVALID, "" }, { "op1", "king", "", -E_INVALID, "" },        { "o'; DROP TABLE account --", "operator", "", 0, "" },
		{ "ap1", "approver", "", -E_INVALID, "" },  { "ap1", "approver", "", -E_INVALID, "4" },  { "ap1", "approver", "", -E_INVALID, "4x" },
		{ "ap1", "approver", "412015", -E_INVALID, "41" }, { "ap1", "approver", "", 0, "41" },    { "ap2", "approver", "", 0, "all" },
		{ "op2", "operator", "", -E_INVALID, "41" },
	};
	char once[PASSWORD_ONE_TIME];
	(void)state;
	if (!have_pg)
		skip();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int r = account_add(&a, &(struct account_new){ cases[i].name, cases[i].role, cases[i].org, "root", cases[i].prefecture }, once, &err);
		if (r != cases[i].expect)
			fail_msg("case %zu: %d (%s)", i, r, err.msg);
	}
	struct session person;
	assert_int_equal(account_person(&a, "ＡＰ１", &person, &err), 0); /* however it is written */
	assert_true(person.role == ROLE_APPROVER && strcmp(person.prefecture, "41") == 0 && strcmp(person.name, "ap1") == 0 && !person.org[0]);
	assert_int_equal(account_person(&a, "ap2", &person, &err), 0);
	assert_string_equal(person.prefecture, "");
	assert_int_equal(account_person(&a, "nobody", &person, &err), -E_NOT_FOUND);
	assert_int_equal(account_person(&a, "\xff", &person, &err), -E_NOT_FOUND);
	assert_int_equal(account_unlock(&a, "nobody", &err), -E_NOT_FOUND);
	assert_int_equal(try_in("nobody", "x", "", ""), SIGN_IN_NO_SUCH);
	assert_int_equal(try_in("\xff", "x", "", ""), SIGN_IN_NO_SUCH);
}

static void test_lock(void **state)
{
	char secret[TOTP_TEXT], code[8];
	struct session s;
	(void)state;
	if (!have_pg)
		skip();
	enrolled("suzuki", "analyst", "", secret);
	char before[SESSION_TOKEN];
	memcpy(before, token, sizeof before);
	clock_advance(60000);
	code_now(secret, code);
	for (int i = 0; i < ACCOUNT_TRIES - 1; i++)
		assert_int_equal(try_in("suzuki", i % 2 ? OWN : "wrong", "000000", ""), i % 2 ? SIGN_IN_CODE : SIGN_IN_PASSWORD);
	assert_int_equal(try_in("suzuki", "wrong", code, ""), SIGN_IN_LOCKS);
	assert_int_equal(try_in("suzuki", OWN, code, ""), SIGN_IN_LOCKED); /* the right ones are refused, too */
	assert_int_equal(account_session(&a, before, true, &s, &err), 0);  /* who is in stays in: a stranger can't throw them out */
	clock_advance(ACCOUNT_LOCK_MS - 1000);
	code_now(secret, code);
	assert_int_equal(try_in("suzuki", OWN, code, ""), SIGN_IN_LOCKED);
	clock_advance(1000);
	assert_int_equal(try_in("suzuki", OWN, code, ""), SIGN_IN_DONE); /* by itself */
	for (int i = 0; i < ACCOUNT_TRIES; i++)
		try_in("suzuki", "wrong", "", "");
	clock_advance(60000);
	code_now(secret, code);
	assert_int_equal(try_in("suzuki", OWN, code, ""), SIGN_IN_LOCKED);
	assert_int_equal(account_unlock(&a, "suzuki", &err), 0);
	assert_int_equal(try_in("suzuki", OWN, code, ""), SIGN_IN_DONE); /* by somebody */
	/* a success sets the count back */
	for (int i = 0; i < ACCOUNT_TRIES - 1; i++)
		try_in("suzuki", "wrong", "", "");
	clock_advance(60000);
	code_now(secret, code);
	assert_int_equal(try_in("suzuki", OWN, code, ""), SIGN_IN_DONE);
	assert_int_equal(try_in("suzuki", "wrong", "", ""), SIGN_IN_PASSWORD);
}

static void test_sessions(void **state)
{
	char secret[TOTP_TEXT], code[8], first[SESSION_TOKEN];
	struct session s;
	(void)state;
	if (!have_pg)
		skip();
	enrolled("kimura", "operator", "", secret);
	memcpy(first, token, sizeof first);
	/* idle */
	clock_advance(SESSION_IDLE_MS - 1000);
	assert_int_equal(account_session(&a, first, false, &s, &err), 0); /* a page that refreshes itself keeps nobody in */
	clock_advance(1000);
	assert_int_equal(account_session(&a, first, true, &s, &err), -E_DENIED);
	/* absolute */
	code_now(secret, code);
	assert_int_equal(try_in("kimura", OWN, code, ""), SIGN_IN_DONE);
	for (int64_t t = 0; t < SESSION_MAX_MS - SESSION_IDLE_MS / 2; t += SESSION_IDLE_MS / 2) {
		assert_int_equal(account_session(&a, token, true, &s, &err), 0);
		clock_advance(SESSION_IDLE_MS / 2);
	}
	clock_advance(SESSION_IDLE_MS / 2);
	assert_int_equal(account_session(&a, token, true, &s, &err), -E_DENIED);
	/* forged ones, and the hash that stands in the table */
	static const char *const forged[] = { "", "x", "0000000000000000000000000000000000000000000000000000000000000000", "' OR ''='" };
	for (size_t i = 0; i < ARRAY_LEN(forged); i++)
		assert_int_equal(account_session(&a, forged[i], true, &s, &err), -E_DENIED);
	/* the oldest gives way */
	for (int i = 0; i < SESSIONS_EACH + 1; i++) {
		clock_advance(60000);
		code_now(secret, code);
		assert_int_equal(try_in("kimura", OWN, code, ""), SIGN_IN_DONE);
		if (i == 0)
			memcpy(first, token, sizeof first);
	}
	assert_int_equal(account_session(&a, first, true, &s, &err), -E_DENIED);
	assert_int_equal(account_session(&a, token, true, &s, &err), 0);
	/* signed out */
	assert_int_equal(account_sign_out(&a, token, &s, &err), 0);
	assert_string_equal(s.name, "kimura");
	assert_int_equal(account_session(&a, token, true, &s, &err), -E_DENIED);
	assert_int_equal(account_sign_out(&a, token, &s, &err), -E_DENIED);
}

static void test_looking_after(void **state)
{
	char secret[TOTP_TEXT], code[8], once[PASSWORD_ONE_TIME];
	enum enrol how;
	enum password_fault fault;
	struct session s;
	struct buf b;
	(void)state;
	if (!have_pg)
		skip();
	enrolled("mori", "approver", "", secret);
	assert_int_equal(account_enable(&a, "mori", false, &err), 0);
	assert_int_equal(account_session(&a, token, true, &s, &err), -E_DENIED); /* out at once */
	clock_advance(60000);
	code_now(secret, code);
	assert_int_equal(try_in("mori", OWN, code, ""), SIGN_IN_NO_SUCH);
	assert_int_equal(account_enable(&a, "mori", true, &err), 0);
	assert_int_equal(try_in("mori", OWN, code, ""), SIGN_IN_DONE);
	assert_int_equal(account_reset(&a, "mori", once, &err), 0);
	assert_int_equal(account_session(&a, token, true, &s, &err), -E_DENIED);
	clock_advance(60000);
	code_now(secret, code);
	assert_int_equal(try_in("mori", OWN, code, ""), SIGN_IN_PASSWORD);
	assert_int_equal(try_in("mori", once, "", ""), SIGN_IN_DONE);
	/* not the old password again, nor the one given out */
	assert_int_equal(account_enrol(&a, token, OWN, code, &how, &fault, token, &s, &err), 0);
	assert_true(how == ENROL_PASSWORD && fault == PASSWORD_USED);
	/* a week later what was given out is nothing any more */
	assert_int_equal(account_reset(&a, "mori", once, &err), 0);
	clock_advance(ACCOUNT_ONE_TIME_MS);
	assert_int_equal(try_in("mori", once, "", ""), SIGN_IN_EXPIRED);
	buf_init(&b, 64 * KIB);
	assert_int_equal(account_list(&a, &b, &err), 0);
	assert_non_null(strstr(buf_cstr(&b), "\"name\":\"mori\",\"role\":\"approver\",\"org\":\"\",\"prefecture\":\"41\",\"state\":\"expired\""));
	assert_non_null(strstr(buf_cstr(&b), "\"name\":\"山田 花子\",\"role\":\"clerk\",\"org\":\"412015\",\"prefecture\":\"\",\"state\":\"enabled\""));
	assert_null(strstr(buf_cstr(&b), "pbkdf2"));
	buf_done(&b);
}

static void test_new_password(void **state)
{
	char secret[TOTP_TEXT], code[8], first[SESSION_TOKEN], second[SESSION_TOKEN];
	enum enrol how;
	enum password_fault fault;
	struct session s;
	(void)state;
	if (!have_pg)
		skip();
	enrolled("ueda", "operator", "", secret);
	memcpy(first, token, sizeof first);
	clock_advance(60000);
	code_now(secret, code);
	assert_int_equal(try_in("ueda", OWN, code, ""), SIGN_IN_DONE);
	memcpy(second, token, sizeof second);
	clock_advance(60000);
	code_now(secret, code);
#define CHANGE(t, old, c, new) account_change_password(&a, t, &(struct credentials){ "", old, c, "", way, false }, new, &how, &fault, token, &s, &err)
	assert_int_equal(CHANGE("x", OWN, code, "Nw8#rTy5!b"), -E_DENIED);
	assert_int_equal(CHANGE(second, "wrong", code, "Nw8#rTy5!b"), 0);
	assert_int_equal(how, ENROL_CODE);
	assert_int_equal(CHANGE(second, OWN, "000000", "Nw8#rTy5!b"), 0);
	assert_int_equal(how, ENROL_CODE);
	assert_int_equal(CHANGE(second, OWN, code, "weak"), 0);
	assert_true(how == ENROL_PASSWORD && fault == PASSWORD_LENGTH);
	assert_int_equal(CHANGE(second, OWN, code, OWN), 0);
	assert_true(how == ENROL_PASSWORD && fault == PASSWORD_USED);
	assert_int_equal(CHANGE(second, OWN, code, "Nw8#rTy5!b"), 0);
	assert_int_equal(how, ENROL_DONE);
	assert_int_equal(account_session(&a, token, true, &s, &err), 0);
	assert_int_equal(account_session(&a, first, true, &s, &err), -E_DENIED);
	assert_int_equal(account_session(&a, second, true, &s, &err), -E_DENIED);
	clock_advance(60000);
	code_now(secret, code);
	assert_int_equal(try_in("ueda", OWN, code, ""), SIGN_IN_PASSWORD);
	assert_int_equal(try_in("ueda", "Nw8#rTy5!b", code, ""), SIGN_IN_DONE);
	/* guessing the old one from a session left open locks the account, too */
	for (int i = 0; i < ACCOUNT_TRIES; i++)
		assert_int_equal(CHANGE(token, "wrong", "000000", "Nw8#rTy5!c"), 0);
	clock_advance(60000);
	code_now(secret, code);
	assert_int_equal(try_in("ueda", "Nw8#rTy5!b", code, ""), SIGN_IN_LOCKED);
}

/* The other roles can't read a hash, and the page's may ask for nothing but what a session may see. */
static void test_others_cannot(void **state)
{
	static const char *const roles[] = { STORE_ROLE_RESPOND, STORE_ROLE_PORTAL };
	static const struct store_sql tries[] = {
		{ "x1", "SELECT * FROM toride_auth.account" },
		{ "x2", "SELECT * FROM toride_auth.session" },
		{ "x3", "INSERT INTO toride_auth.session SELECT * FROM toride_auth.session" },
		{ "x4", "UPDATE toride_auth.account SET role = 'analyst'" },
		{ "x5", "CREATE FUNCTION toride_auth.portal_scope(x int) RETURNS text LANGUAGE sql AS 'SELECT ''*'''" },
		{ "x6", "CREATE TABLE toride_auth.x (y int)" },
	};
	(void)state;
	if (!have_pg)
		skip();
	for (size_t r = 0; r < ARRAY_LEN(roles); r++) {
		struct store *s = NULL;
		assert_int_equal(store_create(pg.sock, roles[r], &s, &err), 0);
		for (size_t i = 0; i < ARRAY_LEN(tries); i++) {
			assert_int_equal(store_begin(s, STORE_ALL, &err), 0);
			int got = store_run(s, &tries[i], NULL, NULL, &err);
			if (got != -E_DENIED)
				fail_msg("%s: %s: %d", roles[r], tries[i].text, got);
			store_abort(s);
		}
		store_destroy(&s);
	}
	clock_hold(0);
}

/* What lies in the database is of no use to who reads it; one account's is none in another's row; those of before are wrapped once. */
static void test_secrets_are_wrapped(void **state)
{
	static const struct store_sql kept = { "t_kept", "SELECT totp, (SELECT count(*) FROM account WHERE totp <> '' AND totp NOT LIKE 'v1:%') FROM account WHERE name = 'minami'" };
	char secret[TOTP_TEXT], code[8], text[200];
	struct store_rows rows = { 0 };
	size_t n = 9;
	(void)state;
	if (!have_pg)
		skip();
	enrolled("minami", "operator", "", secret);
	assert_int_equal(store_begin(a.store, STORE_ALL, &err), 0);
	assert_int_equal(store_run(a.store, &kept, NULL, &rows, &err), 0);
	assert_true(strncmp(store_col(&rows, 0, 0), "v1:", 3) == 0 && !strstr(store_col(&rows, 0, 0), secret));
	assert_int_equal(store_col_int(&rows, 0, 1, -1), 0);
	store_rows_done(&rows);
	store_abort(a.store);
	assert_int_equal(accounts_wrap(&a, &n, &err), 0);
	assert_int_equal(n, 0);
	/* as an earlier version left it */
	snprintf(text, sizeof text, "UPDATE toride_auth.account SET totp = '%s' WHERE name = 'minami'", secret);
	pgtest_sql(&pg, text);
	clock_advance(60000);
	code_now(secret, code);
	struct credentials c = { "minami", OWN, code, "", way, false };
	enum sign_in how;
	assert_int_equal(account_sign_in(&a, &c, &how, token, &who, &err), -E_CORRUPT); /* it isn't read as it is */
	assert_int_equal(accounts_wrap(&a, &n, &err), 0);
	assert_int_equal(n, 1);
	keeper_gone = true;
	assert_int_equal(account_sign_in(&a, &c, &how, token, &who, &err), -E_CLOSED); /* nobody is let in, and nobody's try is counted */
	keeper_gone = false;
	assert_int_equal(try_in("minami", OWN, code, ""), SIGN_IN_DONE);
	/* put in another's row it opens nothing */
	enrolled("higashi", "operator", "", secret);
	pgtest_sql(&pg, "UPDATE toride_auth.account SET totp = (SELECT totp FROM toride_auth.account WHERE name = 'higashi') WHERE name = 'minami'");
	clock_advance(60000);
	code_now(secret, code);
	assert_int_equal(account_sign_in(&a, &c, &how, token, &who, &err), -E_CORRUPT);
}

static EVP_PKEY *my_key;

/* What a browser with an authenticator sends for this challenge. made: a new credential, else a sign-in. */
static void answer_key(const char *challenge, bool made, uint32_t count, const char *id, char client[400], unsigned char auth[256], size_t *n_auth, unsigned char sig[256],
                       size_t *n_sig)
{
	unsigned char text[400];
	snprintf(client, 400, "{\"type\":\"webauthn.%s\",\"challenge\":\"%s\",\"origin\":\"https://desk.toride.example\"}", made ? "create" : "get", challenge);
	hash_sha256("desk.toride.example", 19, auth);
	memset(auth + 32, 0, 224);
	auth[32] = made ? 0x41 : 1, auth[36] = (unsigned char)count;
	*n_auth = 37;
	if (made) {
		auth[54] = (unsigned char)strlen(id);
		memcpy(auth + 55, id, strlen(id));
		*n_auth = 55 + strlen(id) + 10;
	}
	memcpy(text, auth, *n_auth);
	hash_sha256(client, strlen(client), text + *n_auth);
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	*n_sig = 256;
	assert_int_equal(EVP_DigestSignInit(c, NULL, EVP_sha256(), NULL, my_key), 1);
	assert_int_equal(EVP_DigestSign(c, sig, n_sig, text, *n_auth + 32), 1);
	EVP_MD_CTX_free(c);
}

static const char *challenge_of(struct buf *b)
{
	static char text[64];
	const char *at = strstr(buf_cstr(b), "\"challenge\":\"");
	assert_non_null(at);
	snprintf(text, sizeof text, "%.43s", at + 13);
	return text;
}

#define RP "desk.toride.example"

/* An authenticator, and what it answered last. */
static struct {
	char client[400], hex[64];
	unsigned char auth[256], sig[256], spki[128];
	size_t n_auth, n_sig, n_spki;
	struct buf said; /* by account_key_begin() or account_key_ask() */
} key;

static struct key_reply reply(bool made, uint32_t count)
{
	answer_key(challenge_of(&key.said), made, count, made ? "my-credential" : "", key.client, key.auth, &key.n_auth, key.sig, &key.n_sig);
	return (struct key_reply){ key.hex, str_from(key.client), { (char *)key.auth, key.n_auth }, { (char *)key.sig, key.n_sig }, { (char *)key.spki, key.n_spki } };
}

static void new_key(void)
{
	unsigned char *p = key.spki;
	buf_init(&key.said, 4096);
	keys = true;
	my_key = EVP_EC_gen("P-256");
	key.n_spki = (size_t)i2d_PUBKEY(my_key, &p);
	hex_format((const unsigned char *)"my-credential", 13, key.hex);
}

static void key_away(void)
{
	keys = false;
	EVP_PKEY_free(my_key);
	buf_done(&key.said);
}

/* A session that a passkey is asked of, and its challenge. */
static void begin_by_key(const char *name, char session[SESSION_TOKEN])
{
	assert_int_equal(try_in(name, OWN, "", ""), SIGN_IN_KEY);
	memcpy(session, token, SESSION_TOKEN);
	buf_reset(&key.said);
	assert_int_equal(account_key_ask(&a, session, &key.said, &err), 0);
}

static void register_key(const char *full, const char *secret)
{
	char code[8];
	bool proven;
	struct session s;
	struct credentials c = { "", OWN, "000000", "", way, true };
	assert_int_equal(account_key_begin(&a, full, &c, &proven, &key.said, &err), 0);
	assert_false(proven);
	clock_advance(60000);
	code_now(secret, code);
	c.code = code;
	buf_reset(&key.said);
	assert_int_equal(account_key_begin(&a, full, &c, &proven, &key.said, &err), 0);
	assert_true(proven);
	struct key_reply k = reply(true, 0);
	assert_int_equal(account_key_add(&a, full, "other.example", &k, "x", &s, &err), -E_DENIED); /* and the challenge is spent */
	assert_int_equal(account_key_add(&a, full, RP, &k, "x", &s, &err), -E_DENIED);
	clock_advance(60000);
	code_now(secret, code);
	buf_reset(&key.said);
	assert_int_equal(account_key_begin(&a, full, &c, &proven, &key.said, &err), 0);
	k = reply(true, 0);
	assert_int_equal(account_key_add(&a, full, RP, &k, "庁舎の鍵", &s, &err), 0);
	buf_reset(&key.said);
	assert_int_equal(account_key_list(&a, full, &key.said, &err), 0);
	assert_non_null(strstr(buf_cstr(&key.said), key.hex));
}

static void may_do_one_thing(const char *key_session)
{
	char secret[TOTP_TEXT];
	struct session s;
	struct credentials c = { "", OWN, "000000", "", way, false };
	bool proven;
	assert_int_equal(account_session(&a, key_session, true, &s, &err), 0);
	assert_int_equal(s.stage, SESSION_KEY);
	assert_int_equal(account_key_list(&a, key_session, &key.said, &err), -E_DENIED);
	assert_int_equal(account_leaked(&a, key_session, &s, &err), -E_DENIED);
	assert_int_equal(account_enrol_secret(&a, key_session, secret, &err), -E_DENIED);
	assert_int_equal(account_key_remove(&a, key_session, &c, key.hex, &proven, &s, &err), -E_DENIED);
}

/* A desk that was left open isn't enough, nor the password alone. */
static void remove_key(const char *full, const char *secret)
{
	char code[8];
	struct session s;
	bool proven;
	struct credentials c = { "", OWN, "000000", "", way, true };
	assert_int_equal(account_key_remove(&a, full, &c, key.hex, &proven, &s, &err), 0);
	assert_false(proven);
	c.code = "";
	assert_int_equal(account_key_remove(&a, full, &c, key.hex, &proven, &s, &err), 0);
	assert_false(proven);
	assert_int_equal(account_key_list(&a, full, &key.said, &err), 0);
	assert_non_null(strstr(buf_cstr(&key.said), key.hex));
	for (int i = 0; i < 2; i++) {
		clock_advance(60000);
		code_now(secret, code);
		c.code = code;
		assert_int_equal(account_key_remove(&a, full, &c, key.hex, &proven, &s, &err), i ? -E_NOT_FOUND : 0);
		assert_true(proven);
	}
}

/* The same answer again, under a session that was asked something else; then somebody else's credential. */
static void others_answers(const struct key_reply *last)
{
	char key_session[SESSION_TOKEN], secret[TOTP_TEXT], once[PASSWORD_ONE_TIME];
	enum sign_in how;
	struct session s;
	begin_by_key("kita", key_session);
	assert_int_equal(account_key_sign_in(&a, key_session, RP, last, &how, token, &s, &err), 0);
	assert_int_equal(how, SIGN_IN_CODE);
	assert_int_equal(account_session(&a, key_session, true, &s, &err), -E_DENIED); /* the password comes before each try */
	enrolled("kita2", "operator", "", secret);
	pgtest_sql(&pg, "INSERT INTO toride_auth.passkey(id, account, label, spki, count, added_ms) VALUES ('00', 'kita2', '', '00', 0, 1)");
	begin_by_key("kita2", key_session);
	struct key_reply k = reply(false, 9);
	assert_int_equal(account_key_sign_in(&a, key_session, RP, &k, &how, token, &s, &err), 0); /* kita's own key and id */
	assert_int_equal(how, SIGN_IN_CODE);
	assert_int_equal(account_reset(&a, "kita2", once, &err), 0); /* forgets it as it forgets the app */
	assert_int_equal(try_in("kita2", once, "", ""), SIGN_IN_DONE);
}

static void test_passkeys(void **state)
{
	char secret[TOTP_TEXT], full[SESSION_TOKEN], key_session[SESSION_TOKEN], mine[SESSION_TOKEN];
	enum sign_in how;
	struct session s;
	(void)state;
	if (!have_pg)
		skip();
	new_key();
	enrolled("kita", "operator", "", secret);
	memcpy(full, token, sizeof full);
	assert_int_equal(try_in("kita", OWN, "", ""), SIGN_IN_CODE); /* no passkey yet: an empty code is a wrong one */
	register_key(full, secret);
	keys = false; /* where a page can't ask for one, as on the node */
	assert_int_equal(try_in("kita", OWN, "", ""), SIGN_IN_CODE);
	keys = true;
	assert_int_equal(try_in("kita", "wrong", "", ""), SIGN_IN_PASSWORD);
	begin_by_key("kita", key_session);
	struct key_reply k = reply(false, 1);
	may_do_one_thing(key_session);
	assert_int_equal(account_key_sign_in(&a, key_session, RP, &k, &how, token, &s, &err), 0);
	assert_true(how == SIGN_IN_DONE && s.stage == SESSION_FULL && strcmp(s.name, "kita") == 0);
	assert_int_equal(account_session(&a, token, true, &s, &err), 0);
	assert_int_equal(s.stage, SESSION_FULL);
	assert_int_equal(account_session(&a, key_session, true, &s, &err), -E_DENIED);
	memcpy(mine, token, sizeof mine);
	for (int i = 0; i < SESSIONS_EACH + 1; i++) /* who has the password alone pushes nobody out */
		assert_int_equal(try_in("kita", OWN, "", ""), SIGN_IN_KEY);
	assert_int_equal(account_session(&a, mine, true, &s, &err), 0);
	others_answers(&k);
	remove_key(full, secret);
	assert_int_equal(try_in("kita", OWN, "", ""), SIGN_IN_CODE);
	key_away();
}

static void test_ways(void **state)
{
	static const struct {
		const char *name;
		enum role role;
		const char *org;
		bool lets;
	} cases[] = {
		{ "node", ROLE_ANALYST, "", true },     { "node", ROLE_CLERK, "412023", true },
		{ "412015", ROLE_CLERK, "412015", true }, { "412015", ROLE_CLERK, "412023", false }, { "412015", ROLE_ANALYST, "", false },
		{ "410004", ROLE_CLERK, "410004", true }, { "410004", ROLE_CLERK, "412015", false }, { "410004", ROLE_APPROVER, "", true },
		{ "412023", ROLE_CLERK, "412023", false }, { "412023", ROLE_APPROVER, "", false }, /* off */
		{ "412031", ROLE_CLERK, "412031", false }, { "412031", ROLE_OPERATOR, "", false }, /* unknown */
		{ "", ROLE_CLERK, "", false },          { "", ROLE_ANALYST, "", false },           { "nodes", ROLE_ANALYST, "", false },
	};
	static const char *const broken[] = { "", "{}", "{\"ways\":{}}", "{\"ways\":[{}]}", "{\"ways\":[{\"org\":\"412015\",\"people\":\"any\"}]}",
		                              "{\"ways\":[{\"org\":\"41201\",\"people\":\"own\"}]}", "{\"ways\":[{\"org\":\"node\",\"people\":\"all\"}]}" };
	struct ways *w = NULL;
	(void)state;
	assert_int_equal(ways_parse(STR("{\"ways\":[{\"org\":\"412015\",\"people\":\"own\"},{\"org\":\"410004\",\"people\":\"all\"},"
	                                "{\"org\":\"412023\",\"people\":\"off\"}]}"), &w, &err), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct way by = way_of(w, cases[i].name);
		if (way_lets(&by, cases[i].role, cases[i].org) != cases[i].lets)
			fail_msg("case %zu", i);
	}
	ways_destroy(&w);
	for (size_t i = 0; i < ARRAY_LEN(broken); i++)
		assert_int_equal(ways_parse(str_from(broken[i]), &w, &err), -E_INVALID);
	assert_null(w);
	struct way none = way_of(NULL, "412015");
	assert_false(way_lets(&none, ROLE_CLERK, "412015"));
}

/* Tries from another body's network reach nobody's password, and lock nobody out. */
static void test_from_elsewhere(void **state)
{
	char secret[TOTP_TEXT], code[8];
	(void)state;
	if (!have_pg)
		skip();
	enrolled("nishi", "clerk", "412015", secret);
	way = (struct way){ WAY_OWN, "412023" };
	for (int i = 0; i < ACCOUNT_TRIES + 1; i++)
		assert_int_equal(try_in("nishi", "wrong", "000000", ""), SIGN_IN_PLACE);
	clock_advance(60000);
	code_now(secret, code);
	assert_int_equal(try_in("nishi", OWN, code, ""), SIGN_IN_PLACE);
	way = (struct way){ WAY_OWN, "412015" };
	assert_int_equal(try_in("nishi", OWN, code, ""), SIGN_IN_DONE);
	way = (struct way){ .people = WAY_ANYBODY };
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_password_rules), cmocka_unit_test(test_password_kept), cmocka_unit_test(test_totp),
		cmocka_unit_test(test_roles),          cmocka_unit_test(test_first_time),    cmocka_unit_test(test_adding),
		cmocka_unit_test(test_lock),           cmocka_unit_test(test_sessions),      cmocka_unit_test(test_looking_after), cmocka_unit_test(test_new_password),
		cmocka_unit_test(test_secrets_are_wrapped), cmocka_unit_test(test_passkeys), cmocka_unit_test(test_ways), cmocka_unit_test(test_from_elsewhere),
		cmocka_unit_test(test_others_cannot),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
