/* The words sent to a municipality: for a clerk of the general affairs section, who is no specialist.
 * What happened, which terminal, what to do now, by when, whom to ask, which number. Japanese. Pure functions. */
#ifndef RESPOND_TEXT_H
#define RESPOND_TEXT_H

#include "base/buf.h"

enum notice_kind {
	NOTICE_ALERT,      /* to the body concerned: act */
	NOTICE_ESCALATION, /* the same, because nobody answered */
	NOTICE_PREFECTURE, /* to the prefecture: for information */
	NOTICE_JUDGED,     /* a person judged it */
	NOTICE_BLOCK,      /* another body's finding: blocked here too by prior consent */
	NOTICE_CONSENT,    /* another body's finding: may we block here? */
	NOTICE_UNBLOCK,    /* a block was removed */
	NOTICE_LEAK,       /* to the desk: a block doesn't hold */
	NOTICE_OWN_BLOCK,  /* the desk ordered a block for this body */
	NOTICE_ISOLATE,    /* one terminal was cut off from the Internet */
	NOTICE_RELEASE,    /* and given back */
	NOTICE_HELD,       /* to the desk: a block of the system's own waits for a person */
	NOTICE_MEDIUM,     /* to the body concerned: an attack that failed; nobody has to answer */
	NOTICE_CALLS,      /* to the body concerned: the terminal goes on calling */
};

struct notice_facts {
	enum notice_kind kind;
	const char *service, *desk_mail;         /* who writes, where to answer */
	const char *org_name;                    /* the body concerned; for NOTICE_BLOCK, _CONSENT, _UNBLOCK the reader's own */
	const char *contact;                     /* "総務課 山田" */
	const char *number;                      /* 受付番号; "" when the reader may not know it */
	const char *reference;                   /* 整理番号 of this mail */
	const char *title_ja, *reason_ja;
	int severity;
	const char *terminal, *terminal_name;    /* "" unknown */
	const char *target;                      /* what is contacted, or blocked */
	const char *judged_by, *judged_reason;
	const char *block_id;
	const char *ack_url;                     /* the page that confirms receipt; NULL or "": there is none */
	bool mail;                               /* it concerns a mail: people it went to, and no terminal yet */
	char mailboxes[400];                     /* some of them; "": not known */
	bool server;                             /* it concerns what the body publishes, and no terminal */
	bool blocking;                           /* a block of target was ordered for this body */
	int64_t orgs, terminals;                 /* NOTICE_HELD: who would have been hit */
	int64_t refused, passed;                 /* calls since the block acted */
	int64_t happened_ms, answer_by_ms, expires_ms;
};

void notice_subject(const struct notice_facts *f, struct buf *b);
void notice_body(const struct notice_facts *f, struct buf *b);
/* The same in one line for SMS, voice and webhooks, at most some 200 characters: what, how grave, which number, what to do. */
void notice_short(const struct notice_facts *f, struct buf *b);
/* What the operator reads out on the telephone, and what to write down. */
void notice_call_sheet(const struct notice_facts *f, const char *phone, struct buf *b);
/* "11月22日 18時05分" (Japan) */
void notice_time(int64_t ms, char dst[40]);

#endif
