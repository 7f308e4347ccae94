/* What receiver.c, udp.c and stream.c share. */
#ifndef RECV_PARTS_H
#define RECV_PARTS_H

#include "device/frame.h"
#include "recv/receiver.h"
#include "recv/source.h"

#include <netinet/in.h>
#include <sys/socket.h>

enum socket_kind { SOCKET_UDP, SOCKET_TCP, SOCKET_TLS, SOCKETS };

struct body;
struct listening {
	uv_poll_t poll;
	struct body *body;
	enum socket_kind kind;
	int fd;
	uint32_t drops; /* as the kernel told last */
};

struct stream;
/* A body's side of the receiver. Lives until its sockets and connections are closed. */
struct body {
	struct origin origin;
	struct receiver *receiver;
	struct body *next;
	unsigned ifindex;
	uint64_t version;    /* of its sources: what was looked up before is stale */
	struct listening *sockets[2][SOCKETS]; /* by family 4, 6 */
	struct stream *streams;
	size_t n_streams;
	bool gone, warned;
	int64_t said_second; /* of the last connection dropped */
	int64_t drops_told_ms;
	uint64_t drops_untold;
};

struct receiver {
	struct receiver_opts o;
	struct conf_addr addr[2];
	uint16_t port, tls_port;
	struct body *bodies;
	bool held; /* nothing is read */
	int64_t now_ms, mono_ms; /* as of the turn under way: receiver_clock() */
	size_t n_streams;
	_Atomic uint64_t *streams, *rejected, *slow, *broken;
};

bool receiver_full(const struct receiver *r);
/* Where a turn begins: lines that are read together came at one time, and two clocks a line would cost it a twentieth of its work. */
void receiver_clock(struct receiver *r);
void peer_of(const struct sockaddr_storage *ss, struct conf_addr *ret, char ip[48]);

/* udp.c: all that is there, up to a turn. */
void udp_work(struct listening *l);
void udp_drops(struct listening *l);
/* stream.c */
void stream_accept(struct listening *l);
void streams_settled(struct body *b);
void streams_tick(struct body *b);
void streams_drop(struct body *b);
void streams_watch(struct body *b);

#endif
