/* The forms of text in a description: host names, URL patterns, mail addresses, dates, codes.
 *
 * A form's check returns NULL when the text is right, or the reason in both languages (static memory).
 * All forms are ASCII and lower case where case doesn't matter, so that a comparison of bytes is one of meaning.
 * Standards: host names RFC 1123 section 2.1, mail RFC 5321 section 4.1.2 (no quoted local part), dates RFC 3339. */
#ifndef MODEL_FORMS_H
#define MODEL_FORMS_H

#include "base/str.h"

/* The same words in both languages. */
struct text2 {
	const char *en, *ja;
};

struct form {
	const struct text2 *(*check)(struct str s);
	const char *regex; /* for the JSON Schema: refuses no right text; the check may be stricter */
};

extern const struct form form_line;      /* one line: no control, line-breaking or direction-changing character */
extern const struct form form_host;      /* a host name */
extern const struct form form_owner;     /* a record's name in its zone: "@", or labels that may begin with _, the first perhaps "*" */
extern const struct form form_ascii;     /* printable ASCII */
extern const struct form form_domain;    /* "host" or ".domain" (it and all below) */
extern const struct form form_https;     /* an https URL */
extern const struct form form_fqdn;      /* a host name with a dot */
extern const struct form form_path;      /* "" or "/path" of [A-Za-z0-9/._~-] */
extern const struct form form_parameter; /* "" or of [][A-Za-z0-9._-] */
extern const struct form form_url;       /* form_domain, "http(s)://host/path", an address or a CIDR */
extern const struct form form_endpoint; /* "http(s)://host[:port]/path" */
extern const struct form form_exception; /* form_url without addresses */
extern const struct form form_category;  /* of the table in category.h, or "x-" and a list's own name */
extern const struct form form_kinds;     /* of those, "documents" or "all" */
extern const struct form form_downloads; /* a group of file types, see schema.c */
extern const struct form form_ja4;       /* a JA4 fingerprint of TLS over TCP */
extern const struct form form_tenant;    /* 1–253 of letters, digits, ".", "-" and "_" */
extern const struct form form_mail;
extern const struct form form_phone;
extern const struct form form_interface; /* 1–15 of [a-z0-9-] (IFNAMSIZ) */
extern const struct form form_id;        /* 1–32 of [A-Za-z0-9_-] */
extern const struct form form_date;      /* "2026-12-29", a day that exists */
extern const struct form form_certificate; /* "base64:" and DER */
extern const struct form form_directory; /* "/var/lib/toride" */
extern const struct form form_server_url; /* "https://ch1.example.jp:8443" */
extern const struct form form_name;      /* 1–48 of a-z, 0-9 and "_", a letter first: of a database */
extern const struct form form_page_url;  /* "https://desk.example.jp:8443", "http://127.0.0.1:8480", "" */
extern const struct form form_loopback;  /* "127.0.0.1:8480", "[::1]:8480" */
extern const struct form form_mailhost;  /* a host name or an address */
extern const struct form form_address;   /* an IPv4 or IPv6 address */
extern const struct form form_ldap;      /* "" or "ldaps://host[:port]", "ldap://host[:port]" */
extern const struct form form_wrapped;   /* "" or "v1:" and hex: what the vault has wrapped */
extern const struct form form_anchor;    /* "" or ". [TTL] [IN] DS TAG ALGORITHM DIGESTTYPE HEX" (RFC 4034 section 5.3) */
extern const struct form form_digest;   /* "sha256:" and 64 lower-case hex */
extern const struct form form_sha256;    /* 64 lower-case hex digits */
extern const struct form form_org_code;  /* 全国地方公共団体コード: five digits and their check digit */
extern const struct form form_pref_code; /* "01"–"47" (JIS X 0401) */

#endif
