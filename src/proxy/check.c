/* See check.h. */
#include "proxy/check.h"

#include "base/clock.h"
#include "base/mem.h"
#include "proxy/txn.h"

#include <stdio.h>

#define VIA "via."

bool check_is_ours(const struct conf *c, const struct target *t)
{
	const char *host = strncmp(t->host, VIA, sizeof VIA - 1) == 0 ? t->host + sizeof VIA - 1 : t->host;
	return c->proxy_name[0] && strcmp(host, c->proxy_name) == 0;
}

static bool path_is(struct str path, const char *want)
{
	struct str bare;
	return str_next(&path, '?', &bare) && str_eq(bare, str_from(want));
}

bool check_is_page(const struct http_head *h)
{
	return (h->method == HTTP_GET || h->method == HTTP_HEAD) && path_is(h->target, "/check");
}

/* ---- the page ---- */

/* One question: a picture where it is right, these words where it isn't. */
static const struct question {
	const char *scheme, *path, *title_ja, *title_en, *bad_ja, *bad_en;
} questions[] = {
	{ "http", "/set.svg", "1. プロキシの設定", "1. Is the proxy set?",
	  "✗ 設定されていません。端末の「自動構成スクリプト」の設定を確認し、情報担当にご連絡ください。", "✗ No. Ask your IT staff to set the configuration script." },
	{ "https", "/trust.svg", "2. 認証局の証明書", "2. Does it trust the authority?",
	  "✗ 信頼していません (1. も ✗ のときは、先にそちらを直してください)。認証局の証明書を入れるよう、情報担当にご連絡ください。",
	  "✗ No (if 1. is ✗ too, mend that first). Ask your IT staff to install the authority's certificate." },
}, user_question = { "http", "/user.svg", "4. 利用者の確認", "4. Is your sign-in known?",
	  "✗ ドメインへのログインを確認できません。端末を一度ログオフし、職員用の利用者名でログインし直してください。直らないときは、情報担当にご連絡ください。",
	  "✗ No. Sign out of this terminal and in again by your own user name; if that doesn't help, ask your IT staff." };

static void put_question(struct buf *b, const struct question *q, const char *name)
{
	buf_printf(b, "<section><h2>%s</h2><p lang=\"en\">%s</p><p class=\"answer\"><img src=\"%s://" VIA "%s%s\" alt=\"%s %s\"></p></section>", q->title_ja, q->title_en,
	           q->scheme, name, q->path, q->bad_ja, q->bad_en);
}

void check_page(struct txn *t)
{
	char when[CLOCK_TEXT], ip[PREFIX_TEXT];
	struct buf b;
	clock_format_jst(clock_now_ms(), when);
	when[10] = ' ';
	when[16] = 0;
	buf_init(&b, PAGE_MAX);
	page_begin(&b, "この端末の設定の確認");
	buf_puts(&b, "<style>.answer{font-weight:700;color:#c5000f}img{max-width:100%;min-height:2rem}</style>"
	             "<section><h1 class=\"calm\">この端末の設定の確認</h1><p>下の項目がすべて ✓ で、3. の時刻が合っていれば、この端末は正しく設定されています。</p>"
	             "<p lang=\"en\">Is this terminal set right? All must show ✓, and the time in 3. must be right.</p></section>");
	for (size_t i = 0; i < ARRAY_LEN(questions); i++)
		put_question(&b, &questions[i], t->conf->proxy_name);
	buf_printf(&b, "<section><h2>3. 時刻</h2><p lang=\"en\">3. The time</p><p><strong>%s</strong></p><p>端末の時計と見比べてください。5 分以上違うときは、時計を直してください。"
	               "</p><p lang=\"en\">Compare it with this terminal's clock; set that right if it differs by five minutes.</p></section>", when);
	if (t->org->users && t->org->users->tickets)
		put_question(&b, &user_question, t->conf->proxy_name);
	buf_puts(&b, "<section><dl><dt>団体</dt><dd>");
	html_escape(&b, str_from(t->org->name));
	buf_printf(&b, "</dd><dt>端末</dt><dd>%s</dd></dl></section><footer>", prefix_format_addr(&t->terminal, ip));
	html_escape(&b, str_from(t->conf->service));
	page_end(&b);
	org_count(t->c->org, STAT_CHECK_PAGE, 1);
	txn_own(t, "check.page", "text/html; charset=utf-8", buf_view(&b));
	buf_done(&b);
}

/* ---- what it loads ---- */

bool check_asks_who(const struct txn *t)
{
	return !t->target.https && path_is(t->target.path, "/user.svg");
}

bool check_in_clear(const struct txn *t)
{
	const struct conf_users *u = t->org->users;
	return check_asks_who(t) && u && !u->clear && !t->c->fronted;
}

static void draw(struct txn *t, const char *rule, bool good, struct str ja, const char *en)
{
	struct buf b;
	int width = good ? 340 : 660;
	buf_init(&b, 2 * KIB);
	buf_printf(&b, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"56\" viewBox=\"0 0 %d 56\" font-family=\"'Noto Sans JP','Noto Sans CJK JP',sans-serif\" "
	               "fill=\"%s\"><text x=\"0\" y=\"24\" font-size=\"20\" font-weight=\"700\">%s ", width, width, good ? "#197a4b" : "#c5000f", good ? "✓" : "✗");
	html_escape(&b, ja);
	buf_printf(&b, "</text><text x=\"0\" y=\"48\" font-size=\"16\">%s</text></svg>\n", en);
	txn_own(t, rule, "image/svg+xml", buf_view(&b));
	buf_done(&b);
}

static void put_picture(struct txn *t, const char *rule, struct str ja, const char *en)
{
	draw(t, rule, true, ja, en);
}

void check_answer(struct txn *t)
{
	if (path_is(t->target.path, "/set.svg")) {
		put_picture(t, "check.set", STR("設定されています"), "Yes");
	} else if (t->target.https && path_is(t->target.path, "/trust.svg")) {
		org_count(t->c->org, STAT_CHECK_TRUST, 1);
		put_picture(t, "check.trust", STR("信頼しています"), "Yes");
	} else if (check_in_clear(t)) { /* nobody is asked: signing in again, as the page says else, would mend nothing */
		draw(t, "check.user", false, STR("暗号化せずに接続しています。プロキシの設定を「自動構成」にしてください"), "This terminal speaks to the proxy in clear. Set the proxy by the configuration script");
	} else if (check_asks_who(t) && t->user.name[0]) {
		put_picture(t, "check.user", str_from(t->user.name), "You are known by this name");
	} else if (path_is(t->target.path, "/check")) {
		check_page(t);
	} else {
		txn_deny(t, PAGE_FORBIDDEN, "check.nothing", "");
	}
}
