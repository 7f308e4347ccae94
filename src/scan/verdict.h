/* The verdict protocol between those who hold a body (toride-proxyd) and toride-scand.
 *
 * Stream socket SOCK_VERDICT, each message with a u32 length in front (wire/sock.h), fields by wire/cursor.h:
 *   scan    u8 1, u64 id, text org, text content_type (declared), text name, u32 timeout_ms,
 *           text password (for containers in it that ask for one; "": none. What comes of it is cached nowhere)
 *           with exactly one descriptor: the whole body, from offset 0, a regular file or memfd. A memfd that is
 *           sealed (F_SEAL_WRITE|GROW|SHRINK) can't change behind the scanner: only such verdicts are cached.
 *   lookup  u8 2, u64 id, 32 bytes SHA-256                  (answer `unknown` when it isn't cached)
 *   cancel  u8 3, u64 id                                    (no answer)
 *   answer  u8 129, u64 id, u8 kind, u8 also, u8 inside, u8 cached, u64 generation, text malware, text where, text type,
 *           32 bytes SHA-256
 * Answers come in any order. A peer that breaks the protocol is cut off. */
#ifndef SCAN_VERDICT_H
#define SCAN_VERDICT_H

#include "base/buf.h"

#define VERDICT_SCAN 1
#define VERDICT_LOOKUP 2
#define VERDICT_CANCEL 3
#define VERDICT_ANSWER 129
#define VERDICT_MESSAGE_MAX 2048
#define VERDICT_NAME_MAX 256
#define VERDICT_SHA 32
#define VERDICT_PASSWORD 64

enum verdict_kind {
	VERDICT_UNKNOWN = 0,     /* lookup only: nobody has scanned it */
	VERDICT_CLEAN = 1,
	VERDICT_MALICIOUS = 2,
	VERDICT_UNSCANNABLE = 3, /* too large, broken, or beyond the limits of unpacking; reason in malware */
	VERDICT_ERROR = 4,       /* no engine, no answer in time; reason in malware */
	VERDICT_ENCRYPTED = 5,   /* it, or something in it, opens with a password only */
};
/* A file may be more than one of the last three at a time, and each has a policy of its own. */
#define VERDICT_BIT(kind) (1u << (kind))

struct verdict {
	uint8_t kind;
	uint8_t also;               /* VERDICT_BIT of all of unscannable, error and encrypted that hold, kind's too */
	uint8_t inside;             /* bits of enum file_group: of the files contained in it */
	bool cached;
	uint64_t generation;        /* of the signatures it was made with */
	char malware[72];           /* signature's or rule's name, or the reason of the others; "" when clean */
	char where[128];            /* the member it is about ("a.zip/b.exe"), its end when long; "": the file itself */
	char type[12];              /* real type by content: "pe" "docx" "pdf" … (scan/type.h) */
	uint8_t sha256[VERDICT_SHA]; /* all zero when unknown */
};

struct verdict_request {
	uint8_t op; /* VERDICT_SCAN, _LOOKUP, _CANCEL */
	uint64_t id;
	char org[8];
	char content_type[VERDICT_NAME_MAX];
	char name[VERDICT_NAME_MAX];
	uint32_t timeout_ms;
	char password[VERDICT_PASSWORD];
	uint8_t sha256[VERDICT_SHA];
};

const char *verdict_kind_name(uint8_t kind); /* "clean" "malicious" "unscannable" "error" "encrypted" "unknown" */
/* The message without its length prefix. Texts are cut to their size and cleared of control characters. */
void verdict_request_write(struct buf *b, const struct verdict_request *r);
int verdict_request_read(const void *p, size_t n, struct verdict_request *ret); /* 0 or -E_INVALID */
void verdict_answer_write(struct buf *b, uint64_t id, const struct verdict *v);
int verdict_answer_read(const void *p, size_t n, uint64_t *ret_id, struct verdict *ret);

#endif
