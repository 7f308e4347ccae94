/* The messages between proxyd and userd, and Basic credentials as browsers send them; see users.h. */
#include "users/users.h"

#include "base/err.h"
#include "base/mem.h"
#include "wire/cursor.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#define OP_ASK 1
#define OP_ANSWER 2

void users_digest(const unsigned char key[32], const struct users_request *r, unsigned char ret[USERS_DIGEST])
{
	char text[sizeof r->org + USERS_NAME + USERS_PASSWORD];
	const char *const parts[] = { r->org, r->name, r->password };
	size_t n = 0;
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		size_t len = strlen(parts[i]) + 1;
		memcpy(text + n, parts[i], len);
		n += len;
	}
	HMAC(EVP_sha256(), key, 32, (const unsigned char *)text, n, ret, NULL);
	OPENSSL_cleanse(text, sizeof text);
}

void users_request_wipe(struct users_request *r)
{
	OPENSSL_cleanse(r->password, sizeof r->password);
	if (r->ticket)
		OPENSSL_cleanse(r->ticket, strlen(r->ticket));
	mem_free(r->ticket);
	r->ticket = NULL;
}

void users_request_write(struct buf *b, const struct users_request *r)
{
	wr_u8(b, OP_ASK);
	wr_u64(b, r->id);
	wr_text(b, str_from(r->org));
	wr_u8(b, r->terminal.family);
	buf_put(b, r->terminal.addr, 16);
	wr_text(b, str_from(r->name));
	wr_text(b, str_from(r->password));
	wr_blob(b, str_from(r->ticket ? r->ticket : ""));
}

static bool is_base64(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];
		bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
		if (!letter && (c != '=' || i + 2 < s.len))
			return false;
	}
	return s.len > 0 && s.len % 4 == 0;
}

static int take_ticket(struct str s, struct users_request *r)
{
	if (!is_base64(s) || s.len > USERS_TICKET_MAX)
		return -E_INVALID;
	r->ticket = mem_alloc(s.len + 1);
	if (!r->ticket)
		return -E_NOMEM;
	memcpy(r->ticket, s.ptr, s.len);
	return 0;
}

int users_request_read(const void *p, size_t n, struct users_request *ret)
{
	struct rd r = rd_from(p, n);
	memset(ret, 0, sizeof *ret);
	bool op = rd_u8(&r) == OP_ASK;
	ret->id = rd_u64(&r);
	rd_text(&r, ret->org, sizeof ret->org);
	ret->terminal.family = rd_u8(&r);
	rd_bytes(&r, ret->terminal.addr, 16);
	rd_text(&r, ret->name, sizeof ret->name);
	rd_text(&r, ret->password, sizeof ret->password);
	struct str ticket = rd_blob(&r);
	bool v4 = ret->terminal.family == 4, v6 = ret->terminal.family == 6;
	ret->terminal.len = v4 ? 32 : 128;
	bool whole = rd_end(&r) == 0 && op && (v4 || v6);
	bool known = ticket.len == 0 && ret->password[0] && users_name_ok(str_from(ret->name));
	if (whole && (known || (!ret->name[0] && !ret->password[0] && take_ticket(ticket, ret) == 0)))
		return 0;
	users_request_wipe(ret);
	return -E_INVALID;
}

void users_answer_write(struct buf *b, const struct users_answer *a)
{
	wr_u8(b, OP_ANSWER);
	wr_u64(b, a->id);
	wr_u8(b, (uint8_t)a->result);
	wr_text(b, str_from(a->user.name));
	wr_text(b, str_from(a->user.groups));
}

int users_answer_read(const void *p, size_t n, struct users_answer *ret)
{
	struct rd r = rd_from(p, n);
	memset(ret, 0, sizeof *ret);
	bool op = rd_u8(&r) == OP_ANSWER;
	ret->id = rd_u64(&r);
	uint8_t result = rd_u8(&r);
	ret->result = (enum users_result)result;
	rd_text(&r, ret->user.name, sizeof ret->user.name);
	rd_text(&r, ret->user.groups, sizeof ret->user.groups);
	return rd_end(&r) == 0 && op && result < USERS_RESULTS && (result != USERS_OK || ret->user.name[0]) ? 0 : -E_INVALID;
}

/* ---- what a browser sends ---- */

/* A directory's own names hold none of these: Active Directory forbids "/\[]:;|=,+*?<>@ in them (but for the @ of user@domain, which
 * people do type), and RFC 4515 and 4514 give these, () and a # that it begins with a meaning. Nothing that passes needs to be escaped
 * anywhere. */
bool users_name_ok(struct str name)
{
	if (name.len == 0 || name.len >= USERS_NAME || !str_is_utf8(name))
		return false;
	for (size_t i = 0; i < name.len; i++) {
		unsigned char c = (unsigned char)name.ptr[i];
		if (c < 0x20 || c == 0x7f || strchr("\"/\\[]:;|=,+*?<>()", c))
			return false;
		if (c == 0xc2 && i + 1 < name.len && (unsigned char)name.ptr[i + 1] < 0xa0) /* C1 controls */
			return false;
	}
	return name.ptr[0] != ' ' && name.ptr[0] != '#' && name.ptr[name.len - 1] != ' ';
}

static int take_pair(const char *text, size_t n, struct users_request *r)
{
	const char *colon = memchr(text, ':', n);
	if (!colon)
		return -E_INVALID;
	struct str name = { text, (size_t)(colon - text) }, password = { colon + 1, n - name.len - 1 };
	if (!users_name_ok(name) || password.len == 0 || memchr(password.ptr, '\n', password.len) || memchr(password.ptr, '\r', password.len) ||
	    !str_copy(name, r->name, sizeof r->name) || !str_copy(password, r->password, sizeof r->password))
		return -E_INVALID;
	return 0;
}

int users_negotiate(struct str header, struct users_request *r)
{
	struct str s = str_trim(header);
	if (!str_case_starts(s, STR("negotiate ")))
		return -E_NOT_FOUND;
	s.ptr += 10, s.len -= 10;
	return take_ticket(str_trim(s), r);
}

int users_basic(struct str header, struct users_request *r)
{
	unsigned char text[(USERS_NAME + USERS_PASSWORD) / 3 * 4 + 8];
	struct str s = str_trim(header);
	if (!str_case_starts(s, STR("basic ")))
		return -E_NOT_FOUND;
	s.ptr += 6, s.len -= 6;
	s = str_trim(s);
	if (s.len == 0 || s.len % 4 || s.len > sizeof text)
		return -E_INVALID;
	int n = EVP_DecodeBlock(text, (const unsigned char *)s.ptr, (int)s.len);
	for (size_t i = s.len; n > 0 && i > s.len - 2 && s.ptr[i - 1] == '='; i--)
		n--;
	int e = n > 0 ? take_pair((const char *)text, (size_t)n, r) : -E_INVALID;
	OPENSSL_cleanse(text, sizeof text);
	if (e < 0)
		users_request_wipe(r);
	return e;
}
