/* The parsers that device.c lists, each in its own file, which says whose documentation it reads; and the small readers they share. */
#ifndef DEVICE_PARSERS_H
#define DEVICE_PARSERS_H

#include "device/device.h"

#include "base/err.h"

int syslog_read(const struct device_line *l, struct record *r); /* rfc5424.c */
int fortigate_read(const struct device_line *l, struct record *r);
bool fortigate_looks(struct str text);
int paloalto_read(const struct device_line *l, struct record *r);
bool paloalto_looks(struct str text);
int asa_read(const struct device_line *l, struct record *r);
bool asa_looks(struct str text);
int cef_read(const struct device_line *l, struct record *r);
bool cef_looks(struct str text);
int leef_read(const struct device_line *l, struct record *r); /* cef.c */
bool leef_looks(struct str text);
int squid_read(const struct device_line *l, struct record *r);
bool squid_looks(struct str text);
int windows_read(const struct device_line *l, struct record *r);
bool windows_looks(struct str text);
int json_read(const struct device_line *l, struct record *r);
bool json_looks(struct str text);
int linux_read(const struct device_line *l, struct record *r);

/* kv.c: takes the next pair off the front of *s; false at its end. Quotes are taken off, escapes left. */
bool kv_next(struct str *s, struct str *key, struct str *value);
/* csv.c: takes the next value; false behind the last. */
bool csv_next(struct str *s, struct str *ret);
/* text.c: a program's sentence. text_after: what stands behind `head`, up to one of `stops` (the whole rest where there is none); false
 * when it isn't there. */
bool text_after(struct str text, const char *head, const char *stops, struct str *ret);
bool text_has(struct str text, const char *word);
/* "… user 'x' …", "for user "x"", "user x": who it was about → user.name */
void text_user(struct record *r, struct str text);

#endif
