/* The one table of the description: what members there are, where they stand in struct model, what may be in them,
 * and what people call them. Reader, defaults, checks of form, canonical form, differences in words, the manual and
 * the JSON Schema are all made from it; a new member of the description is a row here and a field in model.h.
 *
 * A member's JSON name is the field's name; where JSON holds a text in place of a number (expires, open, close),
 * the unit at the end of the field's name is dropped. */
#ifndef MODEL_SCHEMA_H
#define MODEL_SCHEMA_H

#include "model/forms.h"

enum field_type {
	FIELD_TEXT,       /* const char *, of .form; .min to .max bytes */
	FIELD_CODE,       /* char[size], of .form */
	FIELD_BOOL,
	FIELD_UINT,       /* uint8/16/32_t by size; .min to .max */
	FIELD_ENUM,       /* one of .words; 1 or 4 bytes by size */
	FIELD_PREFIX,     /* struct prefix: "10.1.0.0/16", host bits 0 */
	FIELD_ADDRESS,    /* struct prefix of full length: "10.1.0.5" */
	FIELD_HOST,       /* struct prefix: "192.0.2.1/24", an address with its network's length */
	FIELD_TIME,       /* int64_t ms; JSON is RFC 3339, "" when it may be 0 */
	FIELD_MINUTE,     /* uint16_t of the day; JSON is "8:30" */
	FIELD_PREFECTURE, /* const struct prefecture *; JSON is its code */
	FIELD_OBJECT,     /* .sub, embedded */
};

struct word {
	const char *word; /* NULL ends */
	int value;
	struct text2 label;
};

struct object;
struct field {
	const char *name;
	enum field_type type;
	bool list;               /* the member is a pointer to elements, with their count at count_offset */
	bool required;           /* must be there; a required text isn't "", a required list isn't empty */
	uint16_t offset, count_offset, size; /* size: of the member, or of a list's element */
	uint8_t family;          /* of addresses and prefixes: 4, 6, or 0 for either */
	uint32_t min, max;       /* see the types; max 0: TEXT_MAX bytes */
	const char *def;         /* the default as JSON; NULL: "", false, 0, unset, empty */
	const struct form *form; /* of texts */
	const struct word *words;
	const struct object *sub; /* of objects, and of lists of objects */
	uint32_t max_entries;     /* of a list; 0: LIST_MAX */
	const char *label_ja;     /* what a person calls it, for differences and forms; English: label_en() */
	struct text2 help;        /* a sentence for the manual and the JSON Schema */
};

struct object {
	const char *name;          /* "org" */
	struct text2 title;
	const char *key;           /* the member that tells the elements of a list apart, or NULL */
	uint16_t size;
	const struct field *fields; /* ended by a row without name; in canonical order */
};

#define TEXT_MAX 1000
#define LIST_MAX 10000
#define ORGS_MAX 5000
#define PREFECTURES_MAX 47
#define FILE_MAX_BYTES (4u * 1024 * 1024)
#define TOTAL_MAX_BYTES (64u * 1024 * 1024) /* all files together, and the canonical form */
#define NESTING_MAX 12
#define MODEL_FORMAT 1 /* "format" of the canonical form; a change of meaning adds one */

extern const struct object schema_service, schema_prefecture, schema_org;

#define SCHEMA_EACH(f, o) for (const struct field *f = (o)->fields; f->name; f++)

const struct field *schema_field(const struct object *o, struct str name); /* NULL when there is none */
/* The member people most likely meant, or NULL when none is near. */
const struct field *schema_nearest(const struct object *o, struct str name);
/* The English name of a member: its name with blanks for "_". */
const char *label_en(const struct field *f, char dst[64]);
const struct word *word_of_value(const struct word *w, int value);

static inline void *field_at(const struct field *f, const void *object)
{
	return (char *)(uintptr_t)object + f->offset;
}
/* The elements and their number; a single member is a list of one. */
static inline char *field_items(const struct field *f, const void *object, size_t *ret_n)
{
	char *at = field_at(f, object);
	*ret_n = f->list ? *(size_t *)((char *)(uintptr_t)object + f->count_offset) : 1;
	return f->list ? *(char **)at : at;
}
uint32_t uint_get(const struct field *f, const void *at);
void uint_set(const struct field *f, void *at, uint32_t v);

#endif
