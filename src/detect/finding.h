/* A finding (OCSF 2004 Detection Finding) and how detectd hands it to respondd.
 *
 * Stream socket SOCK_FINDINGS, length-prefixed messages (wire/sock.h: u32 length), cursor.h fields:
 *   hello    u8 1, u64 boot           detectd -> respondd, first of each connection; boot is random, one a process
 *   finding  u8 2, u64 seq, blob JSON detectd -> respondd; seq from 1 without gaps within a boot
 *   ack      u8 3, u64 seq            respondd -> detectd: this one and all before it are committed
 *   watch    u8 4, u64 0, blob list   respondd -> detectd: what is blocked now (indicators.h); the whole list, after each
 *                                     hello and each change. Its traffic comes back as findings with `block` (tally.h)
 * detectd keeps what isn't acknowledged and sends it again, in order, after a reconnect (hello with the same
 * boot) and, with new numbers, after its own restart (another boot). The uid is made of rule, group and first
 * record, so the same finding twice has the same uid: respondd commits by uid and acknowledges either way. A
 * finding that can't be parsed is counted, logged and acknowledged (else it would be sent for ever).
 *
 * The uid is the only identity. A correlation that goes on (a beacon that doesn't stop) gives a further finding
 * with a uid of its own when its next window fills; same rule and terminal let the incident grow.
 * JSON shape: doc/interfaces/README.md; the golden example is doc/interfaces/finding.json.
 * Requirement: M-079. */
#ifndef DETECT_FINDING_H
#define DETECT_FINDING_H

#include "base/arena.h"
#include "base/buf.h"

struct err;

#define FINDING_MSG_HELLO 1
#define FINDING_MSG_FINDING 2
#define FINDING_MSG_ACK 3
#define FINDING_MSG_WATCH 4
#define FINDING_JSON_MAX (64 * 1024)              /* bytes of one finding's JSON */
#define FINDING_MSG_MAX (FINDING_JSON_MAX + 64)   /* bytes of one message */
#define FINDING_WATCH_MAX (16u * 1024 * 1024 + 64) /* bytes of one watch message */
#define FINDING_RULE_BLOCKED "54495047-b10c-4ced-8001-ca11ed000001" /* rule of findings that tell of a block */
#define FINDING_UID_LEN 64                        /* hex SHA-256 */
#define FINDING_RECORDS 64     /* names kept; count says how many there were */
#define FINDING_OBSERVABLES 32
#define FINDING_ATTACKS 16
#define FINDING_CVES 8

enum finding_level { FINDING_INFORMATIONAL, FINDING_LOW, FINDING_MEDIUM, FINDING_HIGH, FINDING_CRITICAL };
enum observable_type { OBSERVABLE_HOSTNAME, OBSERVABLE_IP, OBSERVABLE_URL, OBSERVABLE_HASH, OBSERVABLE_JA4, OBSERVABLE_TERMINAL,
	OBSERVABLE_MAIL, OBSERVABLE_MAILBOX }; /* a mail: whom it is from, to whom it went */
enum finding_action { FINDING_UNKNOWN, FINDING_ALLOWED, FINDING_DENIED }; /* what became of what was found */

struct observable {
	enum observable_type type;
	const char *value;
};

/* All strings are ended by NUL and belong to the arena of finding_parse(), or to whoever built it. "" = absent. */
struct finding {
	char uid[FINDING_UID_LEN + 1];
	int64_t time;                    /* ms UTC: the last event's (not when it was found) */
	int64_t first_time, last_time;   /* of the events it stands on */
	char org[8];                     /* 6 digits, or "" for the service itself */
	struct {
		const char *id;          /* UUID of the Sigma rule */
		const char *title, *title_ja;
		enum finding_level level;
	} rule;
	const char *attacks[FINDING_ATTACKS]; /* "T1071.001" */
	size_t n_attacks;
	const char *cves[FINDING_CVES];  /* "CVE-2021-41773": what the rule looks for the use of */
	size_t n_cves;
	uint64_t count;                  /* events it stands on, at least 1 */
	bool incomplete;                 /* more belonged to it: came later than the horizon, or was too much to be kept */
	const char *terminal;            /* inside address of the organisation's machine, or "" */
	struct observable observables[FINDING_OBSERVABLES]; /* each (type, value) once */
	size_t n_observables;
	enum finding_action action;      /* Allowed when any of its records was allowed */
	unsigned http_status;            /* what a public site's server answered, last; 0: it isn't about one, or not known */
	const char *records[FINDING_RECORDS]; /* "412015/events/000001/17"; the first ones */
	size_t n_records;
	const char *block;               /* "B-20261122-0001": what became of traffic it stands against; else "" or NULL */
};

/* Fields without which it is refused (-E_INVALID): class_uid 2004, uid, time, org, rule.id, rule.title. Longer
 * lists than the arrays hold are refused too. Texts hold no control characters. */
int finding_parse(struct str json, struct arena *a, struct finding *ret, struct err *err);
/* Appends the JSON object to b; look at b->failed. */
void finding_format(const struct finding *f, struct buf *b);
/* hex SHA-256 over the three, each with its length before it. */
void finding_uid(struct str rule_id, struct str group, struct str first_record, char dst[FINDING_UID_LEN + 1]);

const char *finding_level_name(enum finding_level level);            /* "informational" … "critical" */
bool finding_level_parse(struct str s, enum finding_level *ret);
const char *observable_type_name(enum observable_type type);         /* "hostname" "ip" "url" "hash" "ja4" "terminal" "mail" "mailbox" */
const char *finding_action_name(enum finding_action action);         /* "Allowed" "Denied"; "" when unknown */

/* Messages. Formatting appends to b (without sock.h's length); parsing borrows json from p. */
struct finding_msg {
	uint8_t type;    /* FINDING_MSG_… */
	uint64_t number; /* boot or seq */
	struct str json; /* of a finding; of a watch: the list */
};
void finding_msg_format(const struct finding_msg *m, struct buf *b);
int finding_msg_parse(const void *p, size_t n, struct finding_msg *ret); /* 0 or -E_INVALID */

#endif
