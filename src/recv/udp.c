/* Datagrams (RFC 5426); see receiver.h. */
#include "recv/parts.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <linux/sock_diag.h>
#include <stdio.h>
#include <string.h>

#define BATCH 32
#define TURNS 4 /* batches a turn, so that a flood of one body doesn't starve the others */
#define DATAGRAM 65536u

void udp_work(struct listening *l)
{
	static char room[BATCH][DATAGRAM]; /* one thread */
	static struct sockaddr_storage from[BATCH];
	struct mmsghdr m[BATCH];
	struct iovec v[BATCH];
	for (int turn = 0; turn < TURNS && !receiver_full(l->body->receiver); turn++) {
		for (int i = 0; i < BATCH; i++) {
			v[i] = (struct iovec){ room[i], DATAGRAM };
			m[i] = (struct mmsghdr){ .msg_hdr = { .msg_name = &from[i], .msg_namelen = sizeof from[i], .msg_iov = &v[i], .msg_iovlen = 1 } };
		}
		int n = recvmmsg(l->fd, m, BATCH, MSG_DONTWAIT, NULL);
		for (int i = 0; i < n; i++) {
			struct conf_addr peer;
			char ip[48];
			peer_of(&from[i], &peer, ip);
			struct arrival a = { .line = { room[i], m[i].msg_len }, .cut = m[i].msg_hdr.msg_flags & MSG_TRUNC, .peer = &peer, .peer_ip = ip,
			                     .now_ms = l->body->receiver->now_ms, .mono_ms = l->body->receiver->mono_ms };
			/* A whole batch fits the ring beyond RECEIVER_BEHIND; should it not, there is nobody to wait for us. */
			if (m[i].msg_len && origin_take(&l->body->origin, origin_find(&l->body->origin, &peer), &a, l->body->receiver->o.events) < 0)
				stats_add(l->body->origin.refused, 1);
		}
		if (n < BATCH)
			return;
	}
}

#define TELL_MS 60000

/* The counter SO_RXQ_OVFL gives with the next datagram, without waiting for one. */
void udp_drops(struct listening *l)
{
	uint32_t info[SK_MEMINFO_VARS] = { 0 };
	socklen_t n = sizeof info;
	struct body *b = l->body;
	char message[240];
	if (getsockopt(l->fd, SOL_SOCKET, SO_MEMINFO, info, &n) == 0) {
		uint32_t fresh = info[SK_MEMINFO_DROPS] - l->drops;
		l->drops = info[SK_MEMINFO_DROPS];
		stats_add(b->origin.dropped, fresh);
		b->drops_untold += fresh;
	}
	int64_t now = clock_mono_ms();
	if (!b->drops_untold || (b->drops_told_ms && now - b->drops_told_ms < TELL_MS))
		return;
	struct buf e;
	snprintf(message, sizeof message, "%llu log lines by UDP came faster than they were taken and are lost (UDP のログ %llu 件を受け切れず失いました)",
	         (unsigned long long)b->drops_untold, (unsigned long long)b->drops_untold);
	log_warn(b->origin.code, "udp", "%s", message);
	buf_init(&e, 4 * KIB);
	event_app(&e, "recvd", "log-udp", "Alarm", message);
	if (events_put(b->receiver->o.events, str_from(b->origin.code), buf_view(&e)) == 0) {
		b->drops_untold = 0;
		b->drops_told_ms = now;
	}
	buf_done(&e);
}
