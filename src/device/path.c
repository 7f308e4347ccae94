/* See path.h. */
#include "device/path.h"

#include "base/err.h"

#define SLOTS 1024u /* of addresses: the same text may stand in several files */

static struct path paths[PATHS];
static size_t n_paths;
static struct {
	const char *text;
	const struct path *path;
} slots[SLOTS];
static size_t n_slots;

static const struct path *number(struct str text)
{
	for (size_t i = 0; i < n_paths; i++)
		if (str_eq(paths[i].text, text))
			return &paths[i];
	struct path p = { .text = text };
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] != '.')
			continue;
		if (p.n_heads == PATH_DEPTH)
			bug("the path %.*s is too deep", STR_ARG(text));
		p.heads[p.n_heads++] = number((struct str){ text.ptr, i })->id;
	}
	if (n_paths == PATHS || text.len > PATH_TEXT)
		bug("too many paths, or too long: %.*s", STR_ARG(text));
	p.id = (uint8_t)n_paths;
	paths[n_paths] = p;
	return &paths[n_paths++];
}

const struct path *path_known(const char *text)
{
	size_t at = (size_t)((uintptr_t)text * 0x9e3779b97f4a7c15u >> 54);
	for (; slots[at].text; at = (at + 1) % SLOTS)
		if (slots[at].text == text)
			return slots[at].path;
	if (n_slots == SLOTS / 2)
		bug("too many paths");
	n_slots++;
	slots[at].path = number(str_from(text));
	slots[at].text = text;
	return slots[at].path;
}
