/* Descriptions as the commands take them: read, faulted, advised on, handed in. */
#ifndef CLI_DESCRIPTION_H
#define CLI_DESCRIPTION_H

#include "model/model.h"

#include <yyjson.h>

/* A file of canonical JSON, or the description in force here; as model_load_canonical. */
int cli_load_file(const char *path, struct model **ret, struct faults *f, struct err *err);
int cli_load_in_force(struct model **ret, struct faults *f, struct err *err);
/* From a description's directory, or (NULL) what is in force here; the first fault is the error. */
int cli_load(const char *dir, struct model **ret, struct err *err);

/* Of a description that could not be loaded: every fault on stderr, or as JSON on stdout; the error when there is none. The exit code. */
int cli_refused(const struct faults *f, const struct err *err, bool json);
/* What in a valid description never decides anything (model/advice.h): on stderr in words. -E_NOMEM. */
int cli_advice(const struct model *m);
/* Hands it in and prints its digest, or the answer. Takes the model: none of its memory is held while controld looks at it. The exit code. */
int cli_submit(struct model **m, const char *as, bool json);

/* The same for one that was made of what is in force: canonical JSON, free()d here. */
int cli_submit_text(char *text, const char *as, bool json);
/* A JSON file of a generation ("" = the one in force), to be freed; NULL when it isn't there any more. */
yyjson_doc *cli_generation_file(const char *hex, const char *name);

#endif
