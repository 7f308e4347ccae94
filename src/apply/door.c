/* See door.h. */
#include "apply/door.h"

#include "base/fs.h"
#include "base/mem.h"
#include "ips/mirror.h"
#include "wire/place.h"

#include <net/if.h>
#include <stdio.h>

#define LINE_BYTES (3 * 16)

static bool name_ok(const char *s)
{
	size_t n = strnlen(s, 16);
	return n > 0 && n < 16 && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

int door_parse(struct str bin, struct door *ret, struct err *err)
{
	size_t n = bin.len ? (bin.len - 1) / LINE_BYTES : 0;
	*ret = (struct door){ 0 };
	if (bin.len < 2 || bin.len != 2 + n * LINE_BYTES || n == 0 || n > DOOR_LINES_MAX || (unsigned char)bin.ptr[0] > 3)
		return err_set(err, E_CORRUPT, "suricata/lines.bin", "not a list of lines");
	ret->bridge = bin.ptr[0] & 1;
	ret->mirror = bin.ptr[0] & 2;
	for (size_t i = 0; i < n; i++) {
		struct door_line *l = &ret->lines[i];
		const char *at = bin.ptr + 2 + i * LINE_BYTES;
		memcpy(l->outer, at, 16);
		memcpy(l->inner, at + 16, 16);
		memcpy(l->port, at + 32, 16);
		if (!name_ok(l->outer) || !name_ok(l->inner) || !name_ok(l->port))
			return err_set(err, E_CORRUPT, "suricata/lines.bin", "line %zu has a name that isn't one", i);
	}
	ret->n = (uint8_t)n;
	return 0;
}

int door_load(const struct gen *g, struct door *ret, struct err *err)
{
	struct buf b;
	*ret = (struct door){ 0 };
	if (!gen_find(g, "suricata/lines.bin"))
		return 0;
	buf_init(&b, 64 * KIB);
	int r = gen_read(g, "suricata/lines.bin", &b, err);
	if (r == 0)
		r = door_parse(buf_view(&b), ret, err);
	buf_done(&b);
	return r;
}

static void socket_chain(struct buf *out, const char *at, const char *opposite, bool pass)
{
	buf_printf(out, " chain %s%s { type filter hook ingress device \"%s\" priority 0; policy drop;\n", "at_", at, at);
	if (pass)
		buf_printf(out, "  counter fwd to \"%s\"\n }\n", opposite);
	else
		buf_puts(out, "  counter drop\n }\n");
}

void door_nft(const struct door *d, bool inspecting, struct buf *out)
{
	buf_puts(out, "table netdev toride_ips\ndelete table netdev toride_ips\n");
	if (!d->n)
		return;
	buf_puts(out, "table netdev toride_ips {\n");
	for (size_t i = 0; i < d->n; i++) {
		bool pass = d->bridge && !inspecting;
		socket_chain(out, d->lines[i].port, d->lines[i].inner, pass);
		socket_chain(out, d->lines[i].inner, d->lines[i].port, pass);
	}
	if (d->mirror)
		socket_chain(out, MIRROR_INNER, "", false);
	buf_puts(out, "}\n");
}

static const char *const words[] = { "none", "closed", "bridge", "inspect" };

const char *door_word(enum door_state s)
{
	return words[s];
}

int door_set(const struct env *e, const struct door *d, bool inspecting, struct err *err)
{
	static const char *const argv[] = { "nft", "-f", "-", NULL };
	char path[PLACE_MAX];
	struct buf b;
	enum door_state s = !d->n ? DOOR_NONE : inspecting ? DOOR_INSPECT : d->bridge ? DOOR_BRIDGE : DOOR_CLOSED;
	buf_init(&b, 64 * KIB);
	door_nft(d, inspecting, &b);
	int r = env_run(e, argv, buf_view(&b), 20000, err);
	buf_done(&b);
	return r < 0 ? r : fs_write(place_in_run(path, sizeof path, "ips"), str_from(words[s]), 0644, err);
}

enum door_state door_said(void)
{
	char path[PLACE_MAX];
	struct buf b;
	enum door_state s = DOOR_NONE;
	buf_init(&b, 64);
	if (fs_read(place_in_run(path, sizeof path, "ips"), &b, NULL) == 0)
		for (enum door_state i = DOOR_NONE; i <= DOOR_INSPECT; i++)
			if (str_eq(buf_view(&b), str_from(words[i])))
				s = i;
	buf_done(&b);
	return s;
}

/* A line of /proc/net/packet: sk RefCnt Type Proto Iface R Rmem User Inode. */
static bool socket_on(struct str packets, unsigned index)
{
	struct str line;
	while (packets.len && str_next(&packets, '\n', &line)) {
		char text[160];
		unsigned iface, running, user;
		if (str_copy(line, text, sizeof text) &&
		    sscanf(text, "%*s %*s %*s %*s %u %u %*s %u", &iface, &running, &user) == 3 && iface == index && running == 1 &&
		    user == USER_SURICATA)
			return true;
	}
	return false;
}

bool door_captured(const struct door *d, struct str packets, unsigned (*index_of)(const char *interface))
{
	for (size_t i = 0; i < d->n; i++) {
		unsigned port = index_of(d->lines[i].port), inner = index_of(d->lines[i].inner);
		if (!port || !inner || !socket_on(packets, port) || !socket_on(packets, inner))
			return false;
	}
	return d->n > 0;
}

bool door_captured_now(const struct door *d)
{
	struct buf b;
	buf_init(&b, MIB);
	bool yes = fs_read("/proc/net/packet", &b, NULL) == 0 && door_captured(d, buf_view(&b), if_nametoindex);
	buf_done(&b);
	return yes;
}
