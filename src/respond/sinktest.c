/* See sinktest.h. RFC 5321 as far as libcurl speaks it. */
#include "respond/sinktest.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

void sink_open(struct sink *s)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof sa;
	memset(s, 0, sizeof *s);
	for (int i = 0; i < SINK_PEERS; i++)
		s->peers[i].fd = -1;
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (bind(s->fd, (struct sockaddr *)&sa, sizeof sa) < 0 || listen(s->fd, 16) < 0 ||
	    getsockname(s->fd, (struct sockaddr *)&sa, &n) < 0)
		abort();
	s->port = ntohs(sa.sin_port);
}

static void hang_up(struct sink_peer *p)
{
	close(p->fd);
	p->fd = -1;
	buf_done(&p->in);
}

void sink_reset(struct sink *s)
{
	for (int i = 0; i < s->n; i++)
		mem_free(s->mails[i].text);
	for (int i = 0; i < SINK_PEERS; i++)
		if (s->peers[i].fd >= 0)
			hang_up(&s->peers[i]);
	s->n = s->refuse = s->refuse_code = 0;
}

void sink_close(struct sink *s)
{
	sink_reset(s);
	close(s->fd);
}

static void say(struct sink_peer *p, const char *line)
{
	if (send(p->fd, line, strlen(line), MSG_NOSIGNAL) < 0)
		hang_up(p);
}

/* Base64 text up to `end` as bytes into b. */
static void decode(const char *p, const char *end, struct buf *b)
{
	unsigned char out[4];
	char four[4];
	int k = 0;
	for (; p < end; p++) {
		if (*p == '\r' || *p == '\n')
			continue;
		four[k++] = *p;
		if (k < 4)
			continue;
		EVP_DecodeBlock(out, (unsigned char *)four, 4);
		buf_put(b, out, four[2] == '=' ? 1 : four[3] == '=' ? 2 : 3);
		k = 0;
	}
}

static void keep(struct sink *s, const char *to, char *msg)
{
	struct buf b;
	char *body = strstr(msg, "\r\n\r\n");
	if (s->n == SINK_MAILS || !body)
		abort();
	buf_init(&b, 1 * MIB);
	buf_put(&b, msg, (size_t)(body - msg));
	buf_puts(&b, "\nSUBJECT ");
	char *subject = strstr(msg, "\r\nSubject: ");
	for (char *w = subject; w && w < body && (w = strstr(w, "=?UTF-8?B?")) && w < body; w++) {
		char *end = strstr(w, "?=");
		decode(w + 10, end, &b);
		if (end[2] == '\r' && end[3] == '\n' && end[4] != ' ')
			break;
	}
	buf_puts(&b, "\nBODY\n");
	decode(body + 4, body + strlen(body), &b);
	str_copy(str_from(to), s->mails[s->n].to, sizeof s->mails[0].to);
	s->mails[s->n++].text = mem_strdup(buf_cstr(&b));
	buf_done(&b);
}

static void take_line(struct sink *s, struct sink_peer *p, const char *line)
{
	char reply[64];
	if (strncmp(line, "RCPT TO:<", 9) == 0) {
		if (s->refuse > 0) {
			s->refuse--;
			snprintf(reply, sizeof reply, "%d refused\r\n", s->refuse_code ? s->refuse_code : 451);
			say(p, reply);
			return;
		}
		snprintf(p->to, sizeof p->to, "%.*s", (int)strcspn(line + 9, ">"), line + 9);
	}
	if (strcmp(line, "DATA") == 0) {
		p->data = true;
		say(p, "354 go on\r\n");
	} else if (strcmp(line, "QUIT") == 0) {
		say(p, "221 bye\r\n");
	} else {
		say(p, "250 ok\r\n");
	}
}

static void take(struct sink *s, struct sink_peer *p)
{
	while (p->fd >= 0) {
		buf_cstr(&p->in);
		char *end = p->in.len ? strstr(p->in.ptr, p->data ? "\r\n.\r\n" : "\r\n") : NULL;
		if (!end)
			return;
		size_t used = (size_t)(end - p->in.ptr) + (p->data ? 5 : 2);
		*end = 0;
		if (p->data) {
			keep(s, p->to, p->in.ptr);
			p->data = false;
			say(p, "250 kept\r\n");
		} else {
			take_line(s, p, p->in.ptr);
		}
		if (p->fd >= 0)
			buf_drop(&p->in, used);
	}
}

void sink_work(struct sink *s)
{
	int fd;
	while ((fd = accept4(s->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		int i = 0;
		while (i < SINK_PEERS && s->peers[i].fd >= 0)
			i++;
		if (i == SINK_PEERS)
			abort();
		s->peers[i] = (struct sink_peer){ .fd = fd };
		buf_init(&s->peers[i].in, 1 * MIB);
		say(&s->peers[i], "220 sink\r\n");
	}
	for (int i = 0; i < SINK_PEERS; i++) {
		struct sink_peer *p = &s->peers[i];
		ssize_t n = -1;
		while (p->fd >= 0 && buf_room(&p->in, 4096) && (n = recv(p->fd, p->in.ptr + p->in.len, 4096, 0)) > 0)
			p->in.len += (size_t)n;
		if (p->fd >= 0)
			take(s, p);
		if (p->fd >= 0 && n == 0)
			hang_up(p);
	}
}

int sink_count(const struct sink *s, const char *to)
{
	int n = 0;
	for (int i = 0; i < s->n; i++)
		n += strcmp(s->mails[i].to, to) == 0;
	return n;
}

const char *sink_last(const struct sink *s, const char *to)
{
	for (int i = s->n - 1; i >= 0; i--)
		if (strcmp(s->mails[i].to, to) == 0)
			return s->mails[i].text;
	return "";
}

bool sink_has(const struct sink *s, const char *to, const char *words)
{
	for (int i = 0; i < s->n; i++)
		if (strcmp(s->mails[i].to, to) == 0 && strstr(s->mails[i].text, words))
			return true;
	return false;
}
