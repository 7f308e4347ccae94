/* See password.h. account.c asks. */
#include "account/password.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#define SALT 16
#define HASH 32
#define ENOUGH 6 /* characters that must be left when everything well known is taken out */

const char *password_fault_name(enum password_fault f)
{
	static const char *const names[] = { "", "length", "kinds", "simple", "used" };
	return names[f];
}

/* What stands in every list of leaked passwords, in English and Japanese, and what people here would think of first. */
static const char *const known[] = {
	"password", "passwort", "passwd", "pass",    "admin",    "administrator", "root",   "user",    "login",     "welcome", "letmein", "changeme",
	"secret",   "master",   "monkey", "dragon",  "football", "baseball",      "soccer", "shadow",  "sunshine",  "princess", "superman", "batman",
	"pokemon",  "naruto",   "doraemon", "pikachu", "summer",  "winter",       "spring", "autumn",  "january",   "february", "march",   "april",
	"june",     "july",     "august", "september", "october", "november",     "december", "monday", "friday",   "sunday",  "hello",    "iloveyou",
	"love",     "qwerty",   "qwertz", "azerty",  "asdfgh",   "asdf",          "zxcvbn", "zxcv",    "qazwsx",    "wsxedc",  "qwer",     "google",
	"apple",    "windows",  "microsoft", "internet", "computer", "network",   "server", "cloud",   "security",  "toride",  "soc",      "default",
	"guest",    "test",     "temp",   "demo",    "sample",   "abc",           "japan",  "nippon",  "nihon",     "tokyo",   "osaka",    "kyoto",
	"saga",     "sakura",   "hanako", "taro",    "yamada",   "tanaka",        "suzuki", "sato",    "takahashi", "konnichiwa", "arigatou", "ohayou",
	"aishiteru", "daisuki", "himitsu", "kaigi",  "somuka",   "joho",          "johoka", "yakuba",  "yakusho",   "shiyakusho", "kencho", "shicho",
	"city",     "town",     "village", "pref",   "lgwan",    "municipality",  "prefecture", "reiwa", "heisei",  "showa",
};

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* p@ssw0rd is password. */
static char unmasked(char c)
{
	static const char from[] = "0134578@$!|+", to[] = "oieastbasiit";
	const char *at = c ? strchr(from, c) : NULL;
	return at ? to[at - from] : c;
}

static void take_out(char *s, const char *word)
{
	size_t n = strlen(word);
	if (n >= 3)
		for (char *at = s; (at = strstr(at, word));)
			memmove(at, at + n, strlen(at + n) + 1);
}

/* Three and more in a row: equal, or each one more or one less than the one before. */
static void take_runs_out(char *s)
{
	char *to = s;
	for (const char *p = s; *p;) {
		size_t n = 1;
		int step = p[1] - p[0];
		if (step >= -1 && step <= 1)
			while (p[n] && p[n] - p[n - 1] == step)
				n++;
		if (n < 3) {
			*to++ = *p++;
			continue;
		}
		p += n;
	}
	*to = 0;
}

static void take_years_out(char *s)
{
	for (char *p = s; *p;) {
		bool year = (strncmp(p, "19", 2) == 0 || strncmp(p, "20", 2) == 0) && strspn(p, "0123456789") >= 4;
		if (year)
			memmove(p, p + 4, strlen(p + 4) + 1);
		else
			p++;
	}
}

/* How much is left of s, which is overwritten, when what anybody would try is taken out. */
static size_t rest_of(char *s, const char *name)
{
	take_out(s, name);
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		take_out(s, known[i]);
	take_years_out(s);
	take_runs_out(s);
	return strlen(s);
}

static bool is_simple(const char *password, const char *name)
{
	char plain[PASSWORD_MAX + 1], masked[PASSWORD_MAX + 1], who[PASSWORD_MAX + 1];
	size_t n = strlen(password), w = strlen(name) < PASSWORD_MAX ? strlen(name) : PASSWORD_MAX;
	for (size_t i = 0; i <= n; i++) {
		plain[i] = lower(password[i]);
		masked[i] = unmasked(plain[i]);
	}
	for (size_t i = 0; i < w; i++)
		who[i] = lower(name[i]);
	who[w] = 0;
	return rest_of(plain, who) < ENOUGH || rest_of(masked, who) < ENOUGH;
}

static size_t characters(const char *s)
{
	size_t n = 0;
	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

enum password_fault password_check(const char *password, const char *name)
{
	bool upper = false, small = false, digit = false, symbol = false;
	if (strlen(password) > PASSWORD_MAX || !str_is_utf8(str_from(password)) || characters(password) < PASSWORD_MIN)
		return PASSWORD_LENGTH;
	for (const char *p = password; *p; p++) {
		upper |= *p >= 'A' && *p <= 'Z';
		small |= *p >= 'a' && *p <= 'z';
		digit |= *p >= '0' && *p <= '9';
		symbol |= (*p > ' ' && *p < '0') || (*p > '9' && *p < 'A') || (*p > 'Z' && *p < 'a') || (*p > 'z' && *p < 0x7f);
	}
	if (!upper || !small || !digit || !symbol)
		return PASSWORD_KINDS;
	return is_simple(password, name) ? PASSWORD_SIMPLE : PASSWORD_GOOD;
}

static bool derive(const char *password, const unsigned char *salt, size_t n, int iterations, unsigned char out[HASH])
{
	return PKCS5_PBKDF2_HMAC(password, (int)strlen(password), salt, (int)n, iterations, EVP_sha256(), HASH, out) == 1;
}

int password_hash(const char *password, int iterations, char ret[PASSWORD_HASH_MAX], struct err *err)
{
	unsigned char salt[SALT], hash[HASH];
	char s[2 * SALT + 1], h[2 * HASH + 1];
	rnd_bytes(salt, sizeof salt);
	if (!derive(password, salt, sizeof salt, iterations, hash))
		return err_set(err, E_IO, "password", "cannot be hashed");
	hex_format(salt, sizeof salt, s);
	hex_format(hash, sizeof hash, h);
	snprintf(ret, PASSWORD_HASH_MAX, "pbkdf2-sha256$%d$%s$%s", iterations, s, h);
	return 0;
}

bool password_matches(const char *password, const char *kept)
{
	struct str rest = str_from(kept), kind, count, salt, hash;
	unsigned char s[SALT], h[HASH], mine[HASH];
	uint64_t iterations;
	if (!str_next(&rest, '$', &kind) || !str_eq(kind, STR("pbkdf2-sha256")) || !str_next(&rest, '$', &count) ||
	    !str_to_u64(count, 100000000, &iterations) || iterations == 0 || !str_next(&rest, '$', &salt) || !hex_parse(salt, s, sizeof s) ||
	    !str_next(&rest, '$', &hash) || !hex_parse(hash, h, sizeof h))
		return false;
	return derive(password, s, sizeof s, (int)iterations, mine) && CRYPTO_memcmp(mine, h, HASH) == 0;
}

void password_one_time(char ret[PASSWORD_ONE_TIME])
{
	static const char letters[] = "ABCDEFGHJKMNPQRSTVWXYZ0123456789";
	unsigned char r[16];
	size_t n = 0;
	rnd_bytes(r, sizeof r);
	for (size_t i = 0; i < sizeof r; i++) {
		if (i && i % 4 == 0)
			ret[n++] = '-';
		ret[n++] = letters[r[i] & 31];
	}
	ret[n] = 0;
}
