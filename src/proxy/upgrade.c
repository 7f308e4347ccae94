/* The opening of a WebSocket; see upgrade.h. Who asks improperly gets an answer of HTTP/1.1 from the origin. */
#include "proxy/upgrade.h"

#include <openssl/evp.h>
#include <string.h>

#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#define KEY_LEN 24 /* 16 bytes in base64 */

static void accept_of(struct str key, char accept[UPGRADE_ACCEPT])
{
	char text[KEY_LEN + sizeof GUID];
	unsigned char sha[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	memcpy(text, key.ptr, KEY_LEN);
	memcpy(text + KEY_LEN, GUID, sizeof GUID);
	EVP_Digest(text, sizeof text - 1, sha, &n, EVP_sha1(), NULL);
	EVP_EncodeBlock((unsigned char *)accept, sha, 20);
}

static bool names_it(const struct http_head *h)
{
	return http_has_token(h, H_CONNECTION, STR("upgrade")) && str_case_eq(http_get(h, H_UPGRADE), STR("websocket"));
}

bool upgrade_asked(const struct http_head *h, char accept[UPGRADE_ACCEPT])
{
	struct str key = http_get(h, H_WEBSOCKET_KEY);
	if (h->method != HTTP_GET || h->minor != 1 || !h->no_body || !names_it(h) || key.len != KEY_LEN ||
	    !str_eq(http_get(h, H_WEBSOCKET_VERSION), STR("13")))
		return false;
	accept_of(key, accept);
	return true;
}

bool upgrade_granted(const struct http_head *h, const char *accept)
{
	return h->status == 101 && names_it(h) && str_eq(http_get(h, H_WEBSOCKET_ACCEPT), str_from(accept));
}
