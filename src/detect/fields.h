/* Which events a Sigma log source means, and where its field names stand in them: a table, in fields.c.
 *
 *   category proxy            4002 HTTP Activity of proxyd, or of a body's own proxy       W3C names (c-uri, cs-host, …), src_ip, dst_ip …
 *   category antivirus        4002 with a malicious or unscannable verdict      Signature, Filename, Action
 *   category dns              4003 DNS Activity of our name servers              query, record_type, answer, src_ip …
 *   category firewall         4001 Network Activity of nft, or of a body's own firewall       src_ip, src_port, dst_ip, dst_port, action …
 *   product toride, service api | lifecycle | authentication       6003 API Activity, 6002 Application Lifecycle, 3002 Authentication of the desk
 *   product toride, service logon | account | group | tunnel | config | mail      what a body's devices told, whoever made them
 *   product fortigate | paloalto | squid | linux … (device rows)      the device's own names (under `unmapped`), or what they became
 *   product windows           events as of evtx dumps ({"Event": {"System": …, "EventData": …}}), or as a device's, by channel and EventID
 *   any other                 events without class_uid whose own texts `category`, `product`, `service` are the same;
 *                             the field's name is the attribute's path
 * Within our own classes the attribute paths of doc/interfaces may be used as field names too ("rule.uid");
 * any other name is refused: it could never match and nobody would notice. */
#ifndef DETECT_FIELDS_H
#define DETECT_FIELDS_H

#include "base/str.h"

#include <yyjson.h>

#define FIELD_PARTS 8

enum field_kind {
	FIELD_NONE,
	FIELD_PATH,      /* dotted; alternatives by "|": the first that is there */
	FIELD_LOOSE,     /* the same, or an attribute whose own name has dots, as flat logs do */
	FIELD_EXTENSION, /* of the path's last segment */
	FIELD_BELOW,     /* every text below the path, as of a list of objects */
	FIELD_WINDOWS,
	FIELD_DEVICE,
	FIELD_ANY,       /* keywords: every text of the event */
};

struct field_path {
	enum field_kind kind;
	const char *name; /* dotted; the table's or the rule's */
};

struct logsource {
	const char *category, *product, *service; /* "" when absent */
	const struct logsource_row *row;          /* NULL: none of the table */
};

/* Fills row. False when the log source belongs to us but there is no such one ("product: toride, service: typo"). */
bool logsource_resolve(struct logsource *s);
/* What must come for its rules to fire, as far as a record's product and class tell. Nothing, for what the cloud says of itself: no body sends that. */
struct logsource_need {
	char name[160];       /* "windows", "proxy", "toride/api" */
	unsigned class_uid;   /* 0: any */
	const char *products; /* between "|"; "": any. Of a log source nobody sends: its own words, which no product has */
};
void logsource_needs(const struct logsource *s, struct logsource_need *ret);
/* NULL, or why this field can't be had from this log source. */
const char *field_resolve(const struct logsource *s, const char *field, struct field_path *ret);

/* What of an event says where it comes from; looked at once an event. */
struct event_origin {
	uint64_t class_uid;
	struct str product, category, service, verdict;
	struct str channel; /* Windows */
	uint64_t event_id;
	bool windows, device; /* device: a body's own; service is its log_name then */
};
void event_origin(yyjson_val *root, struct event_origin *ret);
bool logsource_applies(const struct logsource *s, const struct event_origin *o);
/* One of our own processes' logs, not a device's or a Windows machine's. */
bool logsource_is_ours(const struct logsource *s);
bool logsource_same(const struct logsource *a, const struct logsource *b);

/* The field's value in an event; NULL when absent. FIELD_EXTENSION gives the path's value. */
yyjson_val *field_value(yyjson_val *root, const struct field_path *f);
/* The same for the hot path: the name is cut into its parts once. Points into f's name. */
struct field_steps {
	struct str parts[2 * FIELD_PARTS];
	unsigned n, second; /* parts of all; where the second alternative begins (n: there is none) */
	bool simple;        /* parts say it all; else field_value() is asked */
};
void field_steps(const struct field_path *f, struct field_steps *ret);
yyjson_val *field_get(yyjson_val *root, const struct field_path *f, const struct field_steps *s);
struct str field_extension(struct str path);

#endif
