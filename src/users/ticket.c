/* See ticket.h. */
#include "users/ticket.h"

#include "base/err.h"
#include "base/mem.h"

#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#include <krb5.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

struct ticket_door {
	krb5_context krb;
	krb5_keytab keytab; /* in memory: there while this is open */
	gss_cred_id_t cred;
	char realm[KEYTAB_NAME];
};

static char seen_dir[256];

/* RFC 4178's and RFC 1964's names of the two mechanisms. */
static gss_OID_desc spnego = { 6, (void *)(uintptr_t) "\x2b\x06\x01\x05\x05\x02" }, kerberos = { 9, (void *)(uintptr_t) "\x2a\x86\x48\x86\xf7\x12\x01\x02\x02" };

int ticket_init(const char *config, const char *seen, struct err *err)
{
	OM_uint32 major, minor;
	gss_OID_set set = GSS_C_NO_OID_SET;
	setenv("KRB5_CONFIG", config, 1);
	unsetenv("KRB5_TRACE");
	snprintf(seen_dir, sizeof seen_dir, "%s", seen);
	major = gss_indicate_mechs(&minor, &set); /* what it reads of the machine's, it reads now */
	gss_release_oid_set(&minor, &set);
	return GSS_ERROR(major) ? err_set(err, E_NOMEM, "", "libgssapi can't begin") : 0;
}

/* ---- the key ---- */

static int krb_failed(krb5_context c, krb5_error_code e, const char *what, struct err *err)
{
	const char *m = c ? krb5_get_error_message(c, e) : NULL;
	err_set(err, E_IO, "kerberos", "%s: %s", what, m ? m : "no memory");
	if (m)
		krb5_free_error_message(c, m);
	return -E_IO;
}

static krb5_error_code add_key(struct ticket_door *d, const struct keytab_key *k)
{
	krb5_keytab_entry e = { .vno = k->number };
	unsigned char key[sizeof k->key];
	krb5_error_code r = krb5_build_principal(d->krb, &e.principal, (unsigned)strlen(k->realm), k->realm, k->service, k->host, (char *)NULL);
	if (r)
		return r;
	memcpy(key, k->key, k->key_len);
	e.key = (krb5_keyblock){ .enctype = k->type, .length = (unsigned)k->key_len, .contents = key };
	r = krb5_kt_add_entry(d->krb, d->keytab, &e);
	OPENSSL_cleanse(key, sizeof key);
	krb5_free_principal(d->krb, e.principal);
	return r;
}

static int open_keytab(struct ticket_door *d, const char *name, const struct keytab *keys, struct err *err)
{
	krb5_error_code e = krb5_init_context(&d->krb);
	if (e)
		return krb_failed(NULL, e, "libkrb5", err);
	e = krb5_kt_resolve(d->krb, name, &d->keytab);
	for (size_t i = 0; i < keys->n && !e; i++)
		e = add_key(d, &keys->keys[i]);
	return e ? krb_failed(d->krb, e, "the key", err) : 0;
}

static void say_why(OM_uint32 minor, struct err *err, enum err_code code, const char *path)
{
	OM_uint32 m, more = 0;
	gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
	gss_display_status(&m, minor, GSS_C_MECH_CODE, &kerberos, &more, &text);
	err_set(err, code, path, "%.*s", (int)(text.length < 200 ? text.length : 200), text.value ? (char *)text.value : "");
	gss_release_buffer(&m, &text);
}

static int open_cred(struct ticket_door *d, const char *org, const char *name, struct err *err)
{
	OM_uint32 minor, m;
	char seen[sizeof seen_dir + 32];
	snprintf(seen, sizeof seen, "file2:%s/seen-%s", seen_dir, org);
	gss_key_value_element_desc store[] = { { "keytab", name }, { "rcache", seen } };
	const gss_key_value_set_desc from = { ARRAY_LEN(store), store };
	gss_OID_desc both[] = { spnego, kerberos };
	gss_OID_set_desc mechs = { ARRAY_LEN(both), both }, only = { 1, &kerberos };
	OM_uint32 r = gss_acquire_cred_from(&minor, GSS_C_NO_NAME, GSS_C_INDEFINITE, &mechs, GSS_C_ACCEPT, &from, &d->cred, NULL, NULL);
	if (!GSS_ERROR(r))
		r = gss_set_neg_mechs(&m, d->cred, &only); /* no IAKERB, no NTLM */
	if (!GSS_ERROR(r))
		return 0;
	say_why(minor, err, E_IO, "kerberos");
	return -E_IO;
}

int ticket_open(const char *org, const struct keytab *keys, struct ticket_door **ret, struct err *err)
{
	static unsigned opened;
	struct ticket_door *d = mem_alloc(sizeof *d);
	char name[48];
	if (!d)
		return err_set(err, E_NOMEM, "kerberos", "no memory");
	snprintf(name, sizeof name, "MEMORY:%s-%u", org, ++opened);
	snprintf(d->realm, sizeof d->realm, "%s", keys->keys[0].realm);
	int r = open_keytab(d, name, keys, err);
	r = r < 0 ? r : open_cred(d, org, name, err);
	if (r < 0)
		ticket_close(&d);
	else
		*ret = d;
	return r;
}

void ticket_close(struct ticket_door **p)
{
	struct ticket_door *d = *p;
	OM_uint32 minor;
	*p = NULL;
	if (!d)
		return;
	gss_release_cred(&minor, &d->cred);
	if (d->keytab)
		krb5_kt_close(d->krb, d->keytab);
	if (d->krb)
		krb5_free_context(d->krb);
	mem_free(d);
}

/* ---- a ticket ---- */

static const struct cause {
	krb5_error_code code;
	const char *word;
	enum users_result result;
} causes[] = {
	{ KRB5KRB_AP_ERR_SKEW, "ticket_clock", USERS_CLOCK },
	{ KRB5KRB_AP_ERR_TKT_NYV, "ticket_clock", USERS_CLOCK },
	{ KRB5KRB_AP_ERR_REPEAT, "ticket_replayed", USERS_REPLAYED },
	{ KRB5KRB_AP_ERR_TKT_EXPIRED, "ticket_expired", USERS_TICKET },
};

/* By its words: libgssapi gives the number another one where SPNEGO stands around Kerberos. */
static enum users_result refused(const struct ticket_door *d, OM_uint32 minor, struct err *err)
{
	say_why(minor, err, E_DENIED, "ticket_invalid");
	for (size_t i = 0; i < ARRAY_LEN(causes); i++) {
		const char *words = krb5_get_error_message(d->krb, causes[i].code);
		bool is = strncmp(err->msg, words, strlen(words)) == 0;
		krb5_free_error_message(d->krb, words);
		if (!is)
			continue;
		say_why(minor, err, E_DENIED, causes[i].word);
		return causes[i].result;
	}
	return USERS_TICKET;
}

/* "taro@CITY.EXAMPLE": of our own realm, and a name that a directory can have. */
static enum users_result take_name(const struct ticket_door *d, struct str full, struct users_request *r, struct err *err)
{
	size_t at = full.len;
	while (at > 0 && full.ptr[at - 1] != '@')
		at--;
	struct str name = { full.ptr, at ? at - 1 : 0 }, realm = { full.ptr + at, full.len - at };
	if (!str_eq(realm, str_from(d->realm)) || !users_name_ok(name) || !str_copy(name, r->name, sizeof r->name)) {
		err_set(err, E_DENIED, "ticket_realm", "%.*s isn't a person of %s", (int)(full.len < 100 ? full.len : 100), full.ptr, d->realm);
		return USERS_TICKET;
	}
	r->proven = true;
	return USERS_OK;
}

static enum users_result accept_token(struct ticket_door *d, gss_buffer_t token, struct users_request *r, struct err *err)
{
	OM_uint32 minor, m, flags = 0;
	gss_ctx_id_t ctx = GSS_C_NO_CONTEXT;
	gss_name_t who = GSS_C_NO_NAME;
	gss_buffer_desc back = GSS_C_EMPTY_BUFFER, name = GSS_C_EMPTY_BUFFER;
	enum users_result result;
	OM_uint32 major = gss_accept_sec_context(&minor, &ctx, d->cred, token, GSS_C_NO_CHANNEL_BINDINGS, &who, NULL, &back, &flags, NULL, NULL);
	if (GSS_ERROR(major)) {
		result = refused(d, minor, err);
	} else if (major == GSS_S_CONTINUE_NEEDED || (flags & GSS_C_ANON_FLAG) || GSS_ERROR(gss_display_name(&m, who, &name, NULL))) {
		err_set(err, E_DENIED, "ticket_invalid", "the terminal wants to negotiate further, or is nobody");
		result = USERS_TICKET;
	} else {
		result = take_name(d, (struct str){ name.value, name.length }, r, err);
	}
	gss_release_buffer(&m, &back);
	gss_release_buffer(&m, &name);
	gss_release_name(&m, &who);
	gss_delete_sec_context(&m, &ctx, GSS_C_NO_BUFFER);
	return result;
}

enum users_result ticket_take(struct ticket_door *d, const char *text, struct users_request *r, struct err *err)
{
	size_t n = strlen(text);
	unsigned char *bytes = n && n % 4 == 0 && n <= USERS_TICKET_MAX ? mem_alloc(n) : NULL;
	int len = bytes ? EVP_DecodeBlock(bytes, (const unsigned char *)text, (int)n) : -1;
	for (size_t i = n; len > 0 && i > n - 2 && text[i - 1] == '='; i--)
		len--;
	enum users_result result = USERS_TICKET;
	if (len >= 8 && memcmp(bytes, "NTLMSSP", 8) == 0) {
		err_set(err, E_DENIED, "ticket_ntlm", "NTLM, not Kerberos: the terminal found no ticket for the proxy's name");
	} else if (len > 0) {
		gss_buffer_desc token = { (size_t)len, bytes };
		result = accept_token(d, &token, r, err);
	} else {
		err_set(err, E_DENIED, "ticket_invalid", "not base64");
	}
	mem_free(bytes);
	return result;
}
