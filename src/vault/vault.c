/* Requests of the vault's protocol as bytes; see vault.h. Parsed in vaultd from whoever may connect. */
#include "vault/vault.h"

#include "base/err.h"
#include "base/mem.h"

bool vault_org_ok(const char *org)
{
	size_t n = strlen(org);
	if (strcmp(org, "service") == 0)
		return true;
	for (size_t i = 0; i < n; i++)
		if (org[i] < '0' || org[i] > '9')
			return false;
	return n == 6;
}

static bool series_ok(const char *s)
{
	if (!*s)
		return false;
	for (; *s; s++)
		if (!(*s >= 'a' && *s <= 'z') && !(*s >= '0' && *s <= '9') && *s != '-')
			return false;
	return true;
}

const char *vault_op_name(uint8_t op)
{
	static const char *const names[] = { "none", "leaf", "seal", "segkey", "destroy", "public", "tsig", "site_key", "site_sign", "acme_sign",
		                             "wrap", "unwrap", "box_names", "box_get", "box_put" };
	return op < ARRAY_LEN(names) ? names[op] : "unknown";
}

static void write_names(struct buf *b, const struct vault_request *rq)
{
	wr_u8(b, rq->leaf.n);
	for (size_t i = 0; i < rq->leaf.n && i < VAULT_NAMES; i++)
		wr_text(b, str_from(rq->leaf.names[i]));
}

void vault_request_write(struct buf *b, const struct vault_request *rq)
{
	wr_u8(b, rq->op);
	wr_u32(b, rq->id);
	switch (rq->op) {
	case VAULT_LEAF:
		write_names(b, rq);
		wr_u64(b, (uint64_t)rq->leaf.not_before);
		wr_u64(b, (uint64_t)rq->leaf.not_after);
		wr_u8(b, rq->leaf.key_type);
		wr_blob(b, rq->leaf.spki);
		break;
	case VAULT_SITE_KEY:
		write_names(b, rq);
		break;
	case VAULT_SEAL:
	case VAULT_SITE_SIGN:
	case VAULT_ACME_SIGN:
		wr_blob(b, rq->message);
		break;
	case VAULT_SEGKEY:
		wr_text(b, str_from(rq->org));
		wr_text(b, str_from(rq->series));
		wr_u64(b, rq->number);
		break;
	case VAULT_DESTROY:
		wr_text(b, str_from(rq->org));
		break;
	case VAULT_TSIG:
		wr_text(b, str_from(rq->series));
		break;
	case VAULT_WRAP:
	case VAULT_UNWRAP:
		wr_text(b, str_from(rq->series));
		wr_blob(b, rq->message);
		break;
	case VAULT_BOX_NAMES:
	case VAULT_BOX_GET:
	case VAULT_BOX_PUT:
		wr_text(b, str_from(rq->box));
		if (rq->op == VAULT_BOX_PUT)
			wr_blob(b, rq->message);
		break;
	default:
		break;
	}
}

static int names_parse(struct rd *r, struct vault_request *q)
{
	q->leaf.n = rd_u8(r);
	if (q->leaf.n < 1 || q->leaf.n > VAULT_NAMES)
		return -E_INVALID;
	for (size_t i = 0; i < q->leaf.n; i++)
		rd_text(r, q->leaf.names[i], sizeof q->leaf.names[i]);
	return 0;
}

static int leaf_parse(struct rd *r, struct vault_request *q)
{
	if (names_parse(r, q) < 0)
		return -E_INVALID;
	q->leaf.not_before = (int64_t)rd_u64(r);
	q->leaf.not_after = (int64_t)rd_u64(r);
	q->leaf.key_type = rd_u8(r);
	q->leaf.spki = rd_blob(r);
	return rd_end(r) < 0 || q->leaf.spki.len > VAULT_SPKI_MAX ? -E_INVALID : 0;
}

/* Nothing else that is signed anywhere looks like this, so the account's key can't be made to sign something else. */
static bool signing_input_ok(struct str s)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	size_t dots = 0;
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] != '.' && (!s.ptr[i] || !strchr(alphabet, s.ptr[i])))
			return false;
		dots += s.ptr[i] == '.';
	}
	return s.len == 0 || (dots == 1 && s.ptr[0] != '.');
}

int vault_request_parse(struct str msg, struct vault_request *ret)
{
	struct rd r = rd_from(msg.ptr, msg.len);
	memset(ret, 0, sizeof *ret);
	ret->op = rd_u8(&r);
	ret->id = rd_u32(&r);
	if (r.bad)
		return -E_INVALID;
	switch (ret->op) {
	case VAULT_LEAF:
		return leaf_parse(&r, ret);
	case VAULT_SEAL:
		ret->message = rd_blob(&r);
		return rd_end(&r) < 0 || ret->message.len < VAULT_SEAL_MIN || ret->message.len > VAULT_SEAL_MAX ? -E_INVALID : 0;
	case VAULT_SEGKEY:
		rd_text(&r, ret->org, sizeof ret->org);
		rd_text(&r, ret->series, sizeof ret->series);
		ret->number = rd_u64(&r);
		return rd_end(&r) < 0 || !vault_org_ok(ret->org) || !series_ok(ret->series) ? -E_INVALID : 0;
	case VAULT_DESTROY:
		rd_text(&r, ret->org, sizeof ret->org);
		return rd_end(&r) < 0 || !vault_org_ok(ret->org) ? -E_INVALID : 0;
	case VAULT_SITE_KEY:
		return names_parse(&r, ret) < 0 || rd_end(&r) < 0 ? -E_INVALID : 0;
	case VAULT_SITE_SIGN:
		ret->message = rd_blob(&r);
		return rd_end(&r) < 0 ? -E_INVALID : 0;
	case VAULT_ACME_SIGN:
		ret->message = rd_blob(&r);
		return rd_end(&r) < 0 || !signing_input_ok(ret->message) ? -E_INVALID : 0;
	case VAULT_PUBLIC:
		return rd_end(&r);
	case VAULT_BOX_NAMES:
	case VAULT_BOX_GET:
	case VAULT_BOX_PUT:
		rd_text(&r, ret->box, sizeof ret->box);
		if (ret->op == VAULT_BOX_PUT)
			ret->message = rd_blob(&r);
		return rd_end(&r) < 0 ? -E_INVALID : 0;
	case VAULT_TSIG:
		rd_text(&r, ret->series, sizeof ret->series);
		return rd_end(&r) < 0 || !series_ok(ret->series) ? -E_INVALID : 0;
	case VAULT_WRAP:
	case VAULT_UNWRAP:
		rd_text(&r, ret->series, sizeof ret->series);
		ret->message = rd_blob(&r);
		return rd_end(&r) < 0 || !series_ok(ret->series) ? -E_INVALID : 0;
	default:
		return -E_INVALID;
	}
}
