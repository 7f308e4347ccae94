/* See clean.h. A table of conversations; each is told with the words an honest program uses, near to what signatures look for where
 * honest traffic comes near to it (programs as programs, encoded query strings, tools that update themselves). */
#include "ips/clean.h"

#include "base/err.h"
#include "base/mem.h"
#include "ips/frame.h"

#include <arpa/inet.h>
#include <stdio.h>

#define START_S 1764288000u

struct capture {
	struct buf *out;
	uint64_t time_us;
	uint16_t port; /* of the next conversation */
};

static void put_le32(struct buf *b, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		buf_putc(b, (char)(v >> 8 * i));
}

static void put_frame(const uint8_t *frame, size_t n, void *user)
{
	struct capture *c = user;
	c->time_us += 1000;
	put_le32(c->out, START_S + (uint32_t)(c->time_us / 1000000));
	put_le32(c->out, (uint32_t)(c->time_us % 1000000));
	put_le32(c->out, (uint32_t)n);
	put_le32(c->out, (uint32_t)n);
	buf_put(c->out, frame, n);
}

static struct frame_end at(const char *addr, uint16_t port)
{
	struct frame_end e = { .family = 4, .port = port };
	inet_pton(AF_INET, addr, e.addr);
	return e;
}

struct turn {
	bool server; /* who says it */
	struct str what;
};

/* outward: the body's people ask; else the Internet asks the body. */
static void converse(struct capture *c, bool outward, uint16_t port, const struct turn *turns, size_t n)
{
	struct talk t = { .end = { at(outward ? CLEAN_BODY : CLEAN_WORLD, c->port), at(outward ? CLEAN_WORLD : CLEAN_BODY, port) },
		          .seq = { 1000u * c->port, 7000u * c->port }, .out = put_frame, .user = c };
	c->port++;
	talk_open(&t);
	for (size_t i = 0; i < n; i++)
		talk_say(&t, turns[i].server, turns[i].what.ptr, turns[i].what.len);
	talk_close(&t);
}

/* ---- web ---- */

struct page {
	bool outward;
	const char *method, *target, *host, *headers, *body; /* of the request; headers end in CRLF each */
	const char *type, *head, *text;                      /* of the answer: its first bytes, and what is repeated behind them */
	unsigned times, code;
};

#define BROWSER "User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36\r\nAccept-Language: ja\r\n"
#define FORM "Content-Type: application/x-www-form-urlencoded\r\n"
#define DOS "\x4d\x5a\x90This program cannot be run in DOS mode.\r\r\n$"

static const struct page browsing[] = {
	{ true, "GET", "/", "www.news.example", BROWSER, "", "text/html; charset=UTF-8", "<!doctype html><html lang=ja><title>ニュース</title>", "<p>きょうの天気は晴れです。</p>", 200, 200 },
	{ true, "GET", "/search?q=%E4%BD%8F%E6%B0%91%E7%A5%A8+%E6%A7%98%E5%BC%8F&ie=UTF-8", "www.search.example", BROWSER, "", "text/html", "<html>", "<li>住民票の写し</li>", 80, 200 },
	{ true, "GET", "/js/app.min.js?v=1.2.3", "cdn.example", BROWSER, "", "application/javascript", "!function(e){\"use strict\";", "e.a=function(t){return decodeURIComponent(t)};", 300, 200 },
	{ true, "GET", "/css/base.css", "cdn.example", BROWSER, "", "text/css", "@charset \"UTF-8\";", ".a{color:#333}", 400, 200 },
	{ true, "GET", "/img/map.png", "www.news.example", BROWSER, "", "image/png", "\x89PNG\r\n\x1a\n", "\1\2\3\4\5", 3000, 200 },
	{ true, "GET", "/img/photo.jpg", "www.news.example", BROWSER, "", "image/jpeg", "\xff\xd8\xff\xe0", "\x10\x20\x33\x7f", 4000, 200 },
	{ true, "GET", "/doc/tebiki.pdf", "www.pref.example", BROWSER, "", "application/pdf", "%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "1 0 obj<</Type/Page>>endobj\n", 600, 200 },
	{ true, "GET", "/youshiki.xlsx", "www.pref.example", BROWSER, "", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "PK\3\4\24", "xl/worksheets/sheet1.xml", 300, 200 },
	{ true, "POST", "/api/v1/save", "app.saas.example", BROWSER "Content-Type: application/json\r\n", "{\"name\":\"佐藤\",\"memo\":\"9時から会議\",\"tags\":[\"a\",\"b\"]}", "application/json", "{\"ok\":true}", " ", 1, 200 },
	{ true, "GET", "/missing", "www.news.example", BROWSER, "", "text/html", "<h1>404</h1>", " ", 1, 404 },
	{ true, "HEAD", "/", "www.news.example", BROWSER, "", "text/html", "", "", 0, 304 },
};
static const struct page updates[] = {
	{ true, "GET", "/setup/viewer-12.4.exe", "download.vendor.example", BROWSER, "", "application/octet-stream", DOS, "\x8b\x45\x0c", 6000, 200 },
	{ true, "GET", "/v9/windowsupdate/a/selfupdate.cab", "update.vendor.example", "User-Agent: Windows-Update-Agent/10.0.10011.16384 Client-Protocol/2.33\r\n", "", "application/vnd.ms-cab-compressed", "MSCF", "\5\6\7", 5000, 200 },
	{ true, "GET", "/d/updt/2026/11/kb.cab", "au.vendor.example", "User-Agent: Microsoft-Delivery-Optimization/10.0\r\nRange: bytes=0-1048575\r\n", "", "application/octet-stream", "MSCF", "\1", 9000, 206 },
	{ true, "GET", "/pki/crl/products/root.crl", "crl.vendor.example", "User-Agent: Microsoft-CryptoAPI/10.0\r\n", "", "application/pkix-crl", "0\x82", "\3\2\1", 300, 200 },
	{ true, "POST", "/ocsp", "ocsp.ca.example", "User-Agent: Microsoft-CryptoAPI/10.0\r\nContent-Type: application/ocsp-request\r\n", "0Q0O0M0K0I0", "application/ocsp-response", "0\x82\3", "\1\2", 200, 200 },
	{ true, "GET", "/debian/dists/stable/InRelease", "deb.vendor.example", "User-Agent: Debian APT-HTTP/1.3 (2.6.1)\r\n", "", "text/plain", "-----BEGIN PGP SIGNED MESSAGE-----\n", "0123456789abcdef main/binary\n", 200, 200 },
	{ true, "GET", "/pattern/daily-27000.cdiff", "av.vendor.example", "User-Agent: ClamAV/1.0.7 (OS: Linux, ARCH: x86_64)\r\n", "", "application/octet-stream", "ClamAV-Diff:", "ADD 44d88612fea8a8f36de82e1278abb02f\n", 200, 200 },
	{ true, "GET", "/wpad.dat", "wpad.city.example", "User-Agent: WinHttp-Autoproxy-Service/5.1\r\n", "", "application/x-ns-proxy-autoconfig", "function FindProxyForURL(u,h){", "return \"DIRECT\";", 1, 200 },
};
static const struct page visitors[] = {
	{ false, "GET", "/kurashi/gomi/index.html", "www.city.example", BROWSER, "", "text/html; charset=UTF-8", "<html lang=ja>", "<p>燃えるごみは火曜日です。</p>", 150, 200 },
	{ false, "GET", "/cgi-bin/search.cgi?kw=%8Fz%96%AF%90%C5&from=0", "www.city.example", BROWSER, "", "text/html", "<html>", "<li>住民税</li>", 40, 200 },
	{ false, "POST", "/form/soudan.php", "www.city.example", BROWSER FORM, "name=%E4%BD%90%E8%97%A4&mail=a%40b.example&text=%28%E7%9B%B8%E8%AB%87%29+1%3D1%3F+select+%E3%81%AE%E5%8D%94%E4%BC%9A", "text/html", "<p>受け付けました</p>", " ", 1, 200 },
	{ false, "POST", "/yoyaku/login", "www.city.example", BROWSER FORM, "id=U0012345&password=abcDEF%2112", "text/html", "<p>ようこそ</p>", " ", 1, 302 },
	{ false, "GET", "/wp-content/uploads/2026/11/kouhou.pdf", "www.city.example", BROWSER, "", "application/pdf", "%PDF-1.4\n", "stream\n", 800, 200 },
	{ false, "GET", "/robots.txt", "www.city.example", "User-Agent: Mozilla/5.0 (compatible; Searchbot/2.1; +http://search.example/bot.html)\r\n", "", "text/plain", "User-agent: *\n", "Disallow: /cgi-bin/\n", 3, 200 },
	{ false, "GET", "/opendata/shisetsu.csv", "www.city.example", "User-Agent: curl/8.5.0\r\nAccept: */*\r\n", "", "text/csv", "no,name,lat,lon\n", "1,\"中央公民館\",34.7,136.5\n", 200, 200 },
	{ false, "OPTIONS", "/", "www.city.example", "User-Agent: Microsoft Office Existence Discovery\r\n", "", "text/plain", "", "", 0, 200 },
};

static void put_answer(struct buf *b, const struct page *p)
{
	size_t head = strlen(p->head), text = strlen(p->text);
	buf_printf(b, "HTTP/1.1 %u %s\r\nServer: nginx\r\nDate: Sat, 28 Nov 2026 00:00:00 GMT\r\nContent-Type: %s\r\n", p->code,
	           p->code == 200 ? "OK" : p->code == 404 ? "Not Found" : p->code == 302 ? "Found" : p->code == 206 ? "Partial Content" : "Not Modified", p->type);
	if (p->code != 304)
		buf_printf(b, "Content-Length: %zu\r\n", head + text * p->times);
	buf_puts(b, "\r\n");
	buf_puts(b, p->head);
	for (unsigned i = 0; i < p->times; i++)
		buf_puts(b, p->text);
}

static void visit(struct capture *c, const struct page *p)
{
	struct buf rq, as;
	buf_init(&rq, MIB);
	buf_init(&as, MIB);
	buf_printf(&rq, "%s %s HTTP/1.1\r\nHost: %s\r\n%sAccept: */*\r\n", p->method, p->target, p->host, p->headers);
	if (*p->body)
		buf_printf(&rq, "Content-Length: %zu\r\n", strlen(p->body));
	buf_printf(&rq, "\r\n%s", p->body);
	put_answer(&as, p);
	const struct turn turns[] = { { false, buf_view(&rq) }, { true, buf_view(&as) } };
	converse(c, p->outward, 80, turns, ARRAY_LEN(turns));
	if (rq.failed || as.failed)
		c->out->failed = -E_NOMEM;
	buf_done(&rq);
	buf_done(&as);
}

/* ---- mail, names, the rest ---- */

#define US(s) { false, { s, sizeof(s) - 1 } }
#define THEM(s) { true, { s, sizeof(s) - 1 } }

static const struct turn mail_out[] = {
	THEM("220 mx.news.example ESMTP\r\n"), US("EHLO mail.city.example\r\n"), THEM("250-mx.news.example\r\n250-8BITMIME\r\n250 SIZE 20480000\r\n"),
	US("MAIL FROM:<kouhou@city.example> SIZE=1200\r\n"), THEM("250 2.1.0 Ok\r\n"), US("RCPT TO:<desk@news.example>\r\n"), THEM("250 2.1.5 Ok\r\n"),
	US("DATA\r\n"), THEM("354 End data with <CR><LF>.<CR><LF>\r\n"),
	US("From: kouhou@city.example\r\nTo: desk@news.example\r\nSubject: =?ISO-2022-JP?B?GyRCOS1KcxsoQg==?=\r\nMIME-Version: 1.0\r\n"
	   "Content-Type: multipart/mixed; boundary=\"b1\"\r\n\r\n--b1\r\nContent-Type: text/plain; charset=ISO-2022-JP\r\n\r\n\033$B$*@$OC$K$J$j$^$9\033(B\r\n"
	   "--b1\r\nContent-Type: application/pdf; name=\"kouhou.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERi0xLjQKJeLjz9MKMSAwIG9iago8PD4+CmVuZG9iago=\r\n"
	   "--b1--\r\n.\r\n"),
	THEM("250 2.0.0 Ok: queued as 4XyZ\r\n"), US("QUIT\r\n"), THEM("221 2.0.0 Bye\r\n"),
};
static const struct turn ssh_out[] = { THEM("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n"), US("SSH-2.0-OpenSSH_9.2p1\r\n") };
static const struct turn ftp_out[] = { THEM("220 ready\r\n"), US("USER anonymous\r\n"), THEM("331 password please\r\n"), US("PASS a@city.example\r\n"),
	                               THEM("230 welcome\r\n"), US("PWD\r\n"), THEM("257 \"/\"\r\n"), US("QUIT\r\n"), THEM("221 bye\r\n") };

/* A client hello of TLS 1.2 (RFC 5246 section 7.4.1.2) that asks for the name. */
static void put_hello(struct buf *b, const char *name)
{
	static const char suites[] = "\xc0\x2b\xc0\x2f\xc0\x2c\xc0\x30\x00\x9c\x00\x9d";
	size_t n = strlen(name), extension = n + 9, body = 2 + 32 + 1 + 2 + (sizeof suites - 1) + 2 + 2 + extension;
	buf_printf(b, "\x16\x03%c%c%c\x01%c%c%c\x03\x03", 1, (char)((body + 4) >> 8), (char)(body + 4), 0, (char)(body >> 8), (char)body);
	for (int i = 0; i < 32; i++)
		buf_putc(b, (char)(i * 7 + 1));
	buf_printf(b, "%c%c%c", 0, 0, (char)(sizeof suites - 1));
	buf_put(b, suites, sizeof suites - 1);
	buf_printf(b, "%c%c%c%c", 1, 0, (char)(extension >> 8), (char)extension);
	buf_printf(b, "%c%c%c%c%c%c%c%c%c%s", 0, 0, (char)((n + 5) >> 8), (char)(n + 5), (char)((n + 3) >> 8), (char)(n + 3), 0, (char)(n >> 8), (char)n, name);
}

static void tls(struct capture *c, const char *name)
{
	struct buf b;
	buf_init(&b, 4 * KIB);
	put_hello(&b, name);
	const struct turn turns[] = { { false, buf_view(&b) }, THEM("\x15\x03\x03\x00\x02\x02\x28") }; /* refused: nobody has a key here */
	converse(c, true, 443, turns, ARRAY_LEN(turns));
	if (b.failed)
		c->out->failed = -E_NOMEM;
	buf_done(&b);
}

static void datagram(struct capture *c, uint16_t from, uint16_t to, bool back, const void *p, size_t n)
{
	uint8_t frame[FRAME_MAX];
	const struct frame f = { .from = back ? at(CLEAN_WORLD, to) : at(CLEAN_BODY, from), .to = back ? at(CLEAN_BODY, from) : at(CLEAN_WORLD, to),
		                 .ident = from, .payload = p, .n = n };
	put_frame(frame, frame_udp(&f, frame), c);
}

/* A question and its answer (RFC 1035 section 4). */
static void ask(struct capture *c, uint16_t ident, const char *name, uint8_t type, const char *data, size_t n)
{
	uint8_t m[512] = { (uint8_t)(ident >> 8), (uint8_t)ident, 1, 0, 0, 1 };
	size_t at_name = 12;
	for (struct str rest = str_from(name), label; rest.len && str_next(&rest, '.', &label);) {
		m[at_name++] = (uint8_t)label.len;
		memcpy(m + at_name, label.ptr, label.len);
		at_name += label.len;
	}
	memcpy(m + at_name, (uint8_t[]){ 0, 0, type, 0, 1 }, 5);
	at_name += 5;
	datagram(c, (uint16_t)(20000 + ident), 53, false, m, at_name);
	m[2] = 0x81;
	m[3] = 0x80;
	m[7] = 1;
	memcpy(m + at_name, (uint8_t[]){ 0xc0, 12, 0, type, 0, 1, 0, 0, 1, 44, 0, (uint8_t)n }, 12);
	memcpy(m + at_name + 12, data, n);
	datagram(c, (uint16_t)(20000 + ident), 53, true, m, at_name + 12 + n);
}

static void names(struct capture *c)
{
	static const char *const asked[] = { "www.news.example", "www.pref.example", "cdn.example", "app.saas.example", "update.vendor.example",
		                             "xn--eckwd4c7c.example", "time.vendor.example", "10.66.19.198.in-addr.arpa" };
	for (uint16_t i = 0; i < ARRAY_LEN(asked); i++)
		ask(c, (uint16_t)(2 * i + 1), asked[i], 1, "\xc6\x13\0\x42", 4);
	ask(c, 100, "news.example", 16, "\x16v=spf1 include:_a -all", 23);
	ask(c, 101, "city.example", 15, "\0\x0a\2mx\xc0\x0c", 7);
}

static void others(struct capture *c)
{
	static const uint8_t ntp[48] = { 0x23, 0, 6, 0xec };
	uint8_t frame[FRAME_MAX], padding[56] = { 1, 2, 3, 4 };
	converse(c, true, 22, ssh_out, ARRAY_LEN(ssh_out));
	converse(c, true, 21, ftp_out, ARRAY_LEN(ftp_out));
	tls(c, "www.bank.example");
	tls(c, "app.saas.example");
	datagram(c, 123, 123, false, ntp, sizeof ntp);
	datagram(c, 123, 123, true, ntp, sizeof ntp);
	for (uint16_t i = 0; i < 20; i++) {
		const struct frame f = { .from = at(CLEAN_BODY, 0), .to = at(CLEAN_WORLD, 0), .ident = i, .payload = padding, .n = sizeof padding };
		put_frame(frame, frame_echo(&f, frame), c);
	}
}

const char *const clean_names[] = { "browsing", "updates", "visitors", "mail", "names", "others", NULL };

int clean_capture(const char *name, struct buf *b)
{
	static const struct {
		const struct page *list;
		size_t n;
	} pages[] = { { browsing, ARRAY_LEN(browsing) }, { updates, ARRAY_LEN(updates) }, { visitors, ARRAY_LEN(visitors) } };
	static const uint8_t head[] = { 0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 1, 0, 0, 0 };
	size_t which = 0;
	while (clean_names[which] && strcmp(clean_names[which], name) != 0)
		which++;
	if (!clean_names[which])
		return -E_NOT_FOUND;
	struct capture c = { .out = b, .port = (uint16_t)(30000 + 1000 * which) };
	buf_put(b, head, sizeof head);
	for (size_t i = 0; which < ARRAY_LEN(pages) && i < pages[which].n; i++)
		visit(&c, &pages[which].list[i]);
	if (which == 3)
		converse(&c, true, 25, mail_out, ARRAY_LEN(mail_out));
	else if (which == 4)
		names(&c);
	else if (which == 5)
		others(&c);
	return b->failed;
}
