/* Templates of what is posted to a gateway: {{to}} {{text}} {{reference}} {{org}} {{severity}} stand for values. Used by the check of a
 * description and by whoever fills them in (courier/compose.c). */
#ifndef MODEL_GATEWAY_H
#define MODEL_GATEWAY_H

#include "base/str.h"

enum { GATEWAY_TO, GATEWAY_TEXT, GATEWAY_REFERENCE, GATEWAY_ORG, GATEWAY_SEVERITY, GATEWAY_VALUES };

/* The value that stands at p, past which *ret_end points; -1: none begins here; -2: *ret_name in double braces is none of the five. */
int gateway_placeholder(const char *p, const char **ret_end, struct str *ret_name);
bool gateway_template_ok(const char *body, struct str *ret_unknown);

#endif
