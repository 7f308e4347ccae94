/* See parsers.h: words out of sentences, for formats that are only that. */
#include "device/parsers.h"

bool text_after(struct str text, const char *head, const char *stops, struct str *ret)
{
	size_t n = strlen(head), i = 0;
	const char *at = text.len ? memmem(text.ptr, text.len, head, n) : NULL;
	if (!at)
		return false;
	struct str rest = { at + n, text.len - (size_t)(at - text.ptr) - n };
	while (i < rest.len && !strchr(stops, rest.ptr[i]))
		i++;
	*ret = (struct str){ rest.ptr, i };
	return true;
}

bool text_has(struct str text, const char *word)
{
	return text.len && memmem(text.ptr, text.len, word, strlen(word)) != NULL;
}

void text_user(struct record *r, struct str text)
{
	struct str user;
	if (text_after(text, "user '", "'", &user) || text_after(text, "user \"", "\"", &user) || text_after(text, "User '", "'", &user) ||
	    text_after(text, "user ", " ,.", &user) || text_after(text, "User ", " ,.", &user))
		record_text(r, "user.name", user);
}
