/* Floods of HTTP/2 frames; see h2meter.h. */
#include "http/h2meter.h"

#include "base/err.h"

#include <string.h>

enum { DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION, PRIORITY_UPDATE = 16 /* RFC 9218 */ };
#define END_STREAM 0x1
#define END_HEADERS 0x4

/* What honest peers do, several times over: a browser that leaves a page resets its hundred streams at once, Firefox sends
 * PRIORITY with each request, gRPC pings. */
static const struct {
	const char *name;
	int64_t most, a_second;
} budget[H2_KINDS] = {
	[H2_RESETS] = { "resets", 300, 50 },         [H2_SETTINGS] = { "settings", 30, 1 },
	[H2_PINGS] = { "pings", 100, 10 },           [H2_PRIORITIES] = { "priorities", 1000, 200 },
	[H2_WINDOWS] = { "window updates", 4000, 1000 }, [H2_EMPTIES] = { "empty frames", 50, 5 },
	[H2_OTHERS] = { "unknown frames", 100, 10 },
};

void h2_meter_init(struct h2_meter *m, uint32_t skip, int64_t now_ms)
{
	*m = (struct h2_meter){ .skip = skip, .at = now_ms };
	for (unsigned k = 0; k < H2_KINDS; k++)
		m->tokens[k] = budget[k].most * 1000;
}

static void refill(struct h2_meter *m, int64_t now_ms)
{
	int64_t ms = now_ms > m->at ? now_ms - m->at : 0;
	m->at += ms;
	for (unsigned k = 0; ms && k < H2_KINDS; k++) {
		m->tokens[k] += ms * budget[k].a_second;
		if (m->tokens[k] > budget[k].most * 1000)
			m->tokens[k] = budget[k].most * 1000;
	}
}

int h2_meter_charge(struct h2_meter *m, enum h2_kind kind)
{
	m->tokens[kind] -= 1000;
	if (m->tokens[kind] < 0 && !m->why)
		m->why = budget[kind].name;
	return m->why ? -E_LIMIT : 0;
}

void h2_meter_sent(struct h2_meter *m, size_t n)
{
	m->tokens[H2_WINDOWS] += (int64_t)n * 1000 / 4096;
	if (m->tokens[H2_WINDOWS] > budget[H2_WINDOWS].most * 1000)
		m->tokens[H2_WINDOWS] = budget[H2_WINDOWS].most * 1000;
}

static int count_block(struct h2_meter *m, uint32_t len, uint8_t type)
{
	if (type != CONTINUATION)
		m->block_bytes = m->block_frames = 0;
	else
		m->block_frames++;
	m->block_bytes += len;
	if (m->block_bytes > H2_BLOCK_MAX || m->block_frames > H2_BLOCK_FRAMES)
		m->why = m->why ? m->why : "continuations";
	return m->why ? -E_LIMIT : 0;
}

static int count_frame(struct h2_meter *m)
{
	uint32_t len = (uint32_t)m->head[0] << 16 | (uint32_t)m->head[1] << 8 | m->head[2];
	uint8_t type = m->head[3], flags = m->head[4];
	m->skip = len;
	switch (type) {
	case DATA:
		return len == 0 && !(flags & END_STREAM) ? h2_meter_charge(m, H2_EMPTIES) : 0;
	case HEADERS:
	case CONTINUATION:
		return count_block(m, len, type);
	case PRIORITY:
	case PRIORITY_UPDATE:
		return h2_meter_charge(m, H2_PRIORITIES);
	case RST_STREAM:
		return h2_meter_charge(m, H2_RESETS);
	case SETTINGS:
		return h2_meter_charge(m, H2_SETTINGS);
	case PING:
		return h2_meter_charge(m, H2_PINGS);
	case WINDOW_UPDATE:
		return h2_meter_charge(m, H2_WINDOWS);
	default:
		return h2_meter_charge(m, H2_OTHERS);
	}
}

int h2_meter_feed(struct h2_meter *m, const void *bytes, size_t n, int64_t now_ms)
{
	const unsigned char *p = bytes;
	refill(m, now_ms);
	while (n && !m->why) {
		size_t k = m->skip ? m->skip : sizeof m->head - m->have;
		k = k < n ? k : n;
		if (m->skip) {
			m->skip -= (uint32_t)k;
		} else {
			memcpy(m->head + m->have, p, k);
			m->have = (uint8_t)(m->have + k);
		}
		if (m->have == sizeof m->head) {
			m->have = 0;
			count_frame(m);
		}
		p += k;
		n -= k;
	}
	return m->why ? -E_LIMIT : 0;
}
