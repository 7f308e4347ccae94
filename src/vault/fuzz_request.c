/* A request of the vault from any bytes: what parses is written and parsed again, and a leaf is really issued. */
#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "vault/service.h"
#include "vault/vault.h"
#include "wire/place.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct service *the_vault(void)
{
	static struct service *s;
	char dir[] = "/tmp/toride-fuzz-vault.XXXXXX", pub[64];
	struct err err = { 0 };
	if (s)
		return s;
	if (!mkdtemp(dir))
		abort();
	snprintf(pub, sizeof pub, "%s/p", dir);
	if (service_open(&(struct service_opts){ .dir = dir, .public_dir = pub }, &s, &err) < 0)
		bug("%s: %s", err.path, err.msg);
	fs_rmtree(dir, NULL); /* keys stay in memory; destroy and new data keys fail from here on, which is fine */
	log_open("fuzz", LOG_LEVEL_ERROR);
	return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vault_request rq, again;
	struct buf b;
	struct str msg = { (const char *)data, size };
	if (size > VAULT_MESSAGE_MAX || vault_request_parse(msg, &rq) < 0)
		return 0;
	buf_init(&b, 64 * KIB);
	vault_request_write(&b, &rq);
	if (b.len != size || memcmp(b.ptr, data, size) != 0 || vault_request_parse(buf_view(&b), &again) < 0)
		abort();
	buf_reset(&b);
	service_answer(the_vault(), rq.op == VAULT_DESTROY ? 1 : rq.op == VAULT_SEAL ? USER_INTAKE : rq.op >= VAULT_BOX_NAMES ? USER_PAIR : USER_PROXY, msg, &b);
	buf_done(&b);
	return 0;
}
