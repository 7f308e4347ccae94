/* The numbered steps that make the database what this Toride needs. A step that was released is never edited:
 * a change is a further step. Table by table and column by column the text in schema.c is the manual. */
#ifndef STORE_SCHEMA_H
#define STORE_SCHEMA_H

#include <stddef.h>

struct schema_step {
	int version; /* 1… without gaps */
	const char *name;
	const char *sql; /* several statements, run in one transaction */
};

extern const char schema_base[]; /* makes the table of versions; harmless when it is there */
extern const char schema_finish[]; /* behind the steps, each time; does what is left to do */
extern const struct schema_step schema_steps[];
extern const size_t schema_n;

#endif
