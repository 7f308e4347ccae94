/* Tests only: an SMTP server on a loopback port that keeps what it is given. */
#ifndef RESPOND_SINKTEST_H
#define RESPOND_SINKTEST_H

#include "base/buf.h"

#define SINK_MAILS 64
#define SINK_PEERS 16

struct sink_peer {
	int fd;
	struct buf in;
	bool data;
	char to[128];
};

struct sink_mail {
	char to[128];
	char *text; /* headers as they came, subject and body decoded behind them */
};

struct sink {
	int fd, port;
	int refuse, refuse_code; /* so many RCPT are refused with this code (0: 451) */
	struct sink_peer peers[SINK_PEERS];
	struct sink_mail mails[SINK_MAILS];
	int n;
};

void sink_open(struct sink *s);
void sink_close(struct sink *s);
void sink_reset(struct sink *s); /* forgets the mails */
void sink_work(struct sink *s);  /* answers whatever is there, doesn't wait */
int sink_count(const struct sink *s, const char *to);
const char *sink_last(const struct sink *s, const char *to); /* "" when there is none */
bool sink_has(const struct sink *s, const char *to, const char *words);

#endif
