/* The vault's protocol: what may be asked of the one process that holds keys (socket SOCK_VAULT).
 *
 * Stream socket, length-prefixed messages (sock.h), cursor.h fields. Requests may be pipelined; answers carry the
 * request's id and come in order.
 *
 *   request  u8 op, u32 id, then
 *     LEAF     u8 n (1..8), n × text host or IP address, u64 not_before, u64 not_after (UTC seconds),
 *              u8 key type (VAULT_KEY_P256), blob SPKI (DER) of the caller's key
 *     SEAL     blob message, 32..4096 bytes, beginning with a domain the caller may sign ("toride checkpoint v1\n")
 *     SEGKEY   text org, text series, u64 segment number
 *     DESTROY  text org
 *     PUBLIC   nothing
 *     TSIG     text name of a key between name servers, 1 to 15 of a-z and 0-9
 *     SITE_KEY u8 n (1..8), n × text host name: makes the key of a public site
 *     SITE_SIGN blob: 32 bytes SHA-256 of the key's SubjectPublicKeyInfo, then the digest to sign (32, 48 or 64 bytes)
 *     WRAP     text use, 1 to 15 of a-z, 0-9 and -; blob: a context (1 byte or more, no NUL), a NUL, 1 to VAULT_WRAP_MAX bytes of a secret
 *     UNWRAP   text use; blob: the same context, a NUL, what WRAP gave
 *     ACME_SIGN blob: a JWS signing input (RFC 7515 section 5.1: two base64url texts and a dot between), or empty
 *     BOX_NAMES text, the last name told (empty: none)
 *     BOX_GET  text name (boxes.h)
 *     BOX_PUT  text name, blob box
 *   answer   u32 id, u8 code (enum err_code), then text words when code isn't 0, else
 *     LEAF     blob certificate (DER)
 *     SEAL     signature[64] (Ed25519, RFC 8032), public key[32]
 *     SEGKEY   key[32]
 *     DESTROY  nothing: the data key is gone from disk and synced
 *     PUBLIC   blob CA certificate (PEM), public seal key[32]
 *     TSIG     key[32]
 *     SITE_KEY blob certification request (PEM, RFC 2986) for these names, P-256
 *     SITE_SIGN blob ECDSA signature (DER, RFC 3279 section 2.2.3)
 *     WRAP     blob: the secret under a key of that use (wrap.h), to be kept by whoever asked
 *     UNWRAP   blob: the secret
 *     ACME_SIGN public key x‖y[64], signature r‖s[64] (ES256, RFC 7518 section 3.4) by the key of our account at the certificate
 *               authority, made at its first use; zeros when the input was empty
 *     BOX_NAMES u64 version of what is there, u32 n, n × text name
 *     BOX_GET  blob: the key wrapped as on the disk
 *     BOX_PUT  nothing: it is here now, or was
 *
 * Codes: E_DENIED the caller may not ask this, E_LIMIT too many a second (ask again later), E_INVALID, E_NOT_FOUND
 * the organisation's key was destroyed, E_IO. Who may ask what and how often: uses.c.
 *
 * Leaf (RFC 5280): v3, random serial of 127 bits, ecdsa-with-SHA256 by the CA, SAN of all names, EKU serverAuth,
 * key usage digitalSignature, CA:FALSE, AKI and SKI (RFC 7093 method 1), at most 397 days.
 * Segment key: HKDF-SHA-256 (RFC 5869), salt empty, key = the organisation's data key, info = "toride segment key" ‖ 0
 * ‖ org ‖ 0 ‖ series ‖ 0 ‖ u64 number. The data key itself never leaves; it is made at the first use.
 *
 * Wrapping key: the same derivation from the key of "service", info = "toride wrap key" ‖ 0 ‖ use.
 * TSIG key: the same derivation from the key of "service", info = "toride tsig key" ‖ 0 ‖ name. Name servers hold it themselves
 * (RFC 8945 is a shared secret); it is on no disk.
 *
 * At rest (STATE/vault, 0700, files 0600): master.key, 32 random bytes, wraps everything else (seal.key, ca.key, acme.key,
 * orgs/ORG.key, sites/HEX.key by the SHA-256 of the public key) with AES-256-GCM (NIST SP 800-38D), the file's name as associated data. The master key comes from this
 * file, or from a PKCS#11 token (token.h: master.token is what it encrypted, token says which it is; while the key moves from one token to another, what both did). A destroyed key is
 * overwritten, removed, synced, and orgs/ORG.destroyed stays so that it is never made again. What a disk keeps of
 * overwritten blocks is still wrapped.
 * Public: STATE/vault-public/ca.pem and seal.pub.pem, RUN/ca.pem. */
#ifndef VAULT_VAULT_H
#define VAULT_VAULT_H

#include "base/buf.h"
#include "wire/cursor.h"

struct err;

#define VAULT_MESSAGE_MAX 8192
#define VAULT_NAMES 8
#define VAULT_BOX_NAME 80
#define VAULT_SPKI_MAX 1024
#define VAULT_SEAL_MIN 32
#define VAULT_SEAL_MAX 4096
#define VAULT_WRAP_MAX 512
#define VAULT_LEAF_DAYS 397
#define VAULT_DOMAIN_CHECKPOINT "toride checkpoint v1\n"

enum vault_op { VAULT_LEAF = 1, VAULT_SEAL, VAULT_SEGKEY, VAULT_DESTROY, VAULT_PUBLIC, VAULT_TSIG, VAULT_SITE_KEY, VAULT_SITE_SIGN, VAULT_ACME_SIGN,
	        VAULT_WRAP, VAULT_UNWRAP, VAULT_BOX_NAMES, VAULT_BOX_GET, VAULT_BOX_PUT };
enum vault_key_type { VAULT_KEY_P256 = 1 };

/* A request, parsed. Texts and blobs point into the message. */
struct vault_request {
	uint8_t op;
	uint32_t id;
	struct { /* LEAF */
		uint8_t n;
		char names[VAULT_NAMES][256]; /* host names in lower case, perhaps "*." in front; or an IP address */
		int64_t not_before, not_after; /* UTC seconds */
		uint8_t key_type;
		struct str spki;
	} leaf;
	struct str message; /* SEAL, SITE_SIGN, ACME_SIGN, WRAP, UNWRAP, BOX_PUT */
	char box[VAULT_BOX_NAME]; /* BOX_NAMES, BOX_GET, BOX_PUT */
	char org[8];        /* SEGKEY, DESTROY */
	char series[16];    /* TSIG: the key's name; WRAP, UNWRAP: the use */
	uint64_t number;
};

void vault_request_write(struct buf *b, const struct vault_request *rq);
/* 0 or -E_INVALID; *ret is then of no use. Checks shape and lengths; keys and names are checked where they are used. */
int vault_request_parse(struct str msg, struct vault_request *ret);
const char *vault_op_name(uint8_t op); /* "leaf" … */
/* Six digits or "service". */
bool vault_org_ok(const char *org);

#endif
