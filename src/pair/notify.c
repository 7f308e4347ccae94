/* See notify.h. */
#include "pair/notify.h"

#include "base/mem.h"

#include <string.h>

static bool take_line(struct notify *n, struct str line, int64_t now_ms)
{
	static const struct {
		const char *word;
		enum path_state state;
	} words[] = { { "MASTER", PATH_MASTER }, { "BACKUP", PATH_BACKUP }, { "FAULT", PATH_FAULT }, { "STOP", PATH_FAULT }, { "DELETED", PATH_UNKNOWN } };
	struct str kind, name, state;
	char text[16];
	if (!str_next(&line, ' ', &kind) || !str_eq(kind, STR("INSTANCE")) || !str_next(&line, ' ', &name) || !str_next(&line, ' ', &state))
		return false;
	if (name.len < 3 || name.ptr[0] != '"' || name.ptr[name.len - 1] != '"' ||
	    !str_copy((struct str){ name.ptr + 1, name.len - 2 }, text, sizeof text))
		return false;
	if (str_eq(state, STR("MASTER_RX_LOWER_PRI")))
		return true;
	unsigned at = 0;
	while (at < n->n && strcmp(n->paths[at].name, text) != 0)
		at++;
	if (at == NOTIFY_PATHS)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (!str_eq(state, str_from(words[i].word)))
			continue;
		memcpy(n->paths[at].name, text, sizeof text);
		n->paths[at].state = words[i].state;
		n->paths[at].since_ms = now_ms;
		n->n += at == n->n;
	}
	return false;
}

bool notify_take(struct notify *n, struct str bytes, int64_t now_ms)
{
	bool again = false;
	for (size_t i = 0; i < bytes.len; i++) {
		if (bytes.ptr[i] == '\n') {
			if (!n->skip)
				again |= take_line(n, (struct str){ n->line, n->len }, now_ms);
			n->len = 0;
			n->skip = false;
		} else if (n->len < sizeof n->line) {
			n->line[n->len++] = bytes.ptr[i];
		} else {
			n->skip = true;
		}
	}
	return again;
}

bool notify_active(const struct notify *n, bool active, int64_t settle_ms, int64_t now_ms)
{
	bool master = false, better = false;
	for (unsigned i = 0; i < n->n; i++) {
		master |= n->paths[i].state == PATH_MASTER;
		better |= n->paths[i].state == PATH_BACKUP && (!active || now_ms - n->paths[i].since_ms > settle_ms);
	}
	return master && !better;
}
