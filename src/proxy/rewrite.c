/* Heads as they are passed on: hop-by-hop headers stay here (RFC 9110 7.6.1), nothing inside the organisation is told
 * to the Internet (Via, X-Forwarded-For), and the origin is asked for codings we can look into. */
#include "proxy/conn.h"

#include "base/mem.h"

/* Range is taken off: a piece of a file tells the scanner nothing, and pieces put together are a way round it. */
static bool stays_here(uint8_t id)
{
	switch (id) {
	case H_CONNECTION:
	case H_PROXY_CONNECTION:
	case H_KEEP_ALIVE:
	case H_TE:
	case H_TRAILER:
	case H_TRANSFER_ENCODING:
	case H_UPGRADE:
	case H_PROXY_AUTHORIZATION:
	case H_PROXY_AUTHENTICATE:
	case H_VIA:
	case H_CONTENT_LENGTH:
		return true;
	default:
		return false;
	}
}

static bool not_to_origin(uint8_t id)
{
	switch (id) {
	case H_HOST:
	case H_X_FORWARDED_FOR:
	case H_FORWARDED:
	case H_EXPECT:
	case H_ACCEPT_ENCODING:
	case H_RANGE:
	case H_IF_RANGE:
	case H_WEBSOCKET_EXTENSIONS: /* compression, of which socket.c knows nothing */
		return true;
	default:
		return stays_here(id);
	}
}

static void put_header(struct buf *b, const struct http_header *h)
{
	buf_str(b, h->name);
	buf_put(b, ": ", 2);
	buf_str(b, h->value);
	buf_put(b, "\r\n", 2);
}

static bool named_by_connection(const struct http_head *h, bool has_connection, const struct http_header *x)
{
	return has_connection && http_has_token(h, H_CONNECTION, x->name);
}

/* Does the client take this coding? ("br", "br;q=0.8"; a q of 0 refuses. "*": gzip, which everybody knows.) */
static bool takes(const struct http_head *h, struct str coding)
{
	bool any = str_eq(coding, STR("gzip"));
	for (size_t i = 0; i < h->n; i++) {
		struct str rest = h->h[i].value, one, name;
		if (h->h[i].id != H_ACCEPT_ENCODING)
			continue;
		while (str_next(&rest, ',', &one)) {
			struct str q = str_trim(one);
			str_next(&q, ';', &name);
			q = q.ptr ? str_trim(q) : STR("");
			bool zero = str_case_starts(q, STR("q=0")) && !memchr("123456789", q.len > 4 ? q.ptr[4] : '0', 9);
			if ((str_case_eq(str_trim(name), coding) || (any && str_eq(str_trim(name), STR("*")))) && !zero)
				return true;
		}
	}
	return false;
}

/* Of what the client takes, what is opened here (coding.h). */
static void put_codings(struct txn *t, const struct http_head *h)
{
	static const struct str codings[] = { STR("gzip"), STR("br"), STR("zstd") };
	struct buf *b = &t->request;
	t->codings = 1u << CODING_NONE;
	buf_puts(b, "Accept-Encoding: ");
	for (size_t i = 0; i < ARRAY_LEN(codings); i++)
		if (takes(h, codings[i])) {
			buf_puts(b, t->codings & ~(1u << CODING_NONE) ? ", " : "");
			buf_str(b, codings[i]);
			t->codings |= 1u << hold_coding(codings[i]);
		}
	buf_puts(b, t->codings & ~(1u << CODING_NONE) ? "\r\n" : "identity\r\n");
}

bool rewrite_asked(const struct txn *t, enum hold_coding coding)
{
	return t->codings & 1u << coding;
}

void rewrite_request(struct txn *t, const struct http_head *h)
{
	struct buf *b = &t->request;
	char host[TARGET_AUTHORITY];
	target_authority(&t->target, host);
	bool has_connection = http_get(h, H_CONNECTION).ptr != NULL;
	buf_puts(b, llhttp_method_name((llhttp_method_t)h->method));
	buf_putc(b, ' ');
	if (t->target.path.ptr[0] == '?')
		buf_putc(b, '/');
	adjust_path(&t->org->adjust, t->target.host, t->target.path, b);
	buf_puts(b, " HTTP/1.1\r\nHost: ");
	buf_puts(b, host);
	buf_puts(b, "\r\n");
	for (size_t i = 0; i < h->n; i++)
		if (!not_to_origin(h->h[i].id) && !named_by_connection(h, has_connection, &h->h[i]) &&
		    !(h->h[i].id == H_OTHER && adjust_reserved(h->h[i].name)))
			put_header(b, &h->h[i]);
	adjust_headers(&t->org->adjust, t->target.host, b);
	if (t->upgrade)
		buf_puts(b, "Connection: Upgrade\r\nUpgrade: websocket\r\n");
	else if (t->te)
		buf_puts(b, "Connection: TE\r\nTE: trailers\r\n");
	put_codings(t, h);
	if (h->chunked)
		buf_puts(b, "Transfer-Encoding: chunked\r\n");
	else if (h->has_length)
		buf_printf(b, "Content-Length: %llu\r\n", (unsigned long long)h->length);
	buf_puts(b, "\r\n");
}

void rewrite_response(struct txn *t, const struct http_head *h)
{
	struct buf *b = &t->head;
	bool has_connection = http_get(h, H_CONNECTION).ptr != NULL;
	char status[4] = { (char)('0' + h->status / 100), (char)('0' + h->status / 10 % 10), (char)('0' + h->status % 10), ' ' };
	buf_reset(b);
	buf_puts(b, "HTTP/1.1 ");
	buf_put(b, status, 4);
	buf_str(b, h->reason);
	buf_puts(b, "\r\n");
	for (size_t i = 0; i < h->n; i++) {
		uint8_t id = h->h[i].id;
		/* Alt-Svc would send the terminal round us over UDP. */
		if (stays_here(id) || id == H_ALT_SVC || named_by_connection(h, has_connection, &h->h[i]))
			continue;
		put_header(b, &h->h[i]);
	}
}

/* Lines that say what the content was, not what it is now. */
static bool of_content(struct str line, bool type, bool disposition)
{
	static const struct str names[] = { STR("content-encoding:"), STR("etag:"), STR("last-modified:"), STR("content-md5:"), STR("digest:"), STR("content-digest:"),
		                            STR("repr-digest:"), STR("accept-ranges:"), STR("content-range:"), STR("trailer:") };
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_case_starts(line, names[i]))
			return true;
	return (type && str_case_starts(line, STR("content-type:"))) || (disposition && str_case_starts(line, STR("content-disposition:")));
}

void rewrite_replaced(struct buf *head, const char *type, const char *disposition)
{
	struct buf old = *head;
	struct str rest = buf_view(&old), line;
	buf_init(head, old.max);
	while (str_next(&rest, '\n', &line))
		if (line.len && !of_content(line, *type, *disposition)) {
			buf_str(head, line);
			buf_putc(head, '\n');
		}
	if (*type)
		buf_printf(head, "Content-Type: %s\r\n", type);
	if (*disposition)
		buf_printf(head, "Content-Disposition: %s\r\n", disposition);
	buf_done(&old);
}

void rewrite_end(struct txn *t, bool has_length, uint64_t length)
{
	struct buf *b = &t->head;
	if (has_length) {
		buf_puts(b, "Content-Length: ");
		buf_u64(b, length);
		buf_puts(b, "\r\n");
	} else if (t->chunk_out) {
		buf_puts(b, "Transfer-Encoding: chunked\r\n");
	}
	if (!t->keep)
		buf_puts(b, "Connection: close\r\n");
	else if (t->minor == 0)
		buf_puts(b, "Connection: keep-alive\r\n");
	buf_puts(b, "\r\n");
}

enum hold_coding rewrite_coding(const struct http_head *h)
{
	char all[128];
	struct str v;
	return http_combine(h, H_CONTENT_ENCODING, all, sizeof all, &v) < 0 ? CODING_UNKNOWN : hold_coding(v);
}
