/* A decision in words that its asker can act on; see packet.h. */
#include "model/packet.h"

#include "base/buf.h"
#include "base/mem.h"
#include "model/forms.h"

#include <stdio.h>

static const struct {
	const char *id;
	struct text2 why;
} whys[] = {
	{ "management", { "management networks are never reached", "運用網には決して届きません" } },
	{ "lgwan", { "LGWAN is never reached through this service", "このサービスから LGWAN には決して届きません" } },
	{ "lateral", { "another organisation, or the inside of the service, is never reached", "他団体とサービスの内部には決して届きません" } },
	{ "bogon", { "the destination isn't an address of the Internet", "宛先はインターネットのアドレスではありません" } },
	{ "not-internet", { "the destination doesn't lie behind an uplink", "宛先は上位回線の先にありません" } },
	{ "doh", { "public resolvers by HTTPS or TLS aren't used from inside", "公開の DoH・DoT サーバは使えません" } },
	{ "quic", { "QUIC is refused so that browsers use the proxy", "QUIC は拒否します (ブラウザはプロキシを使います)" } },
	{ "default-out", { "no rule of the organisation allows it", "これを許可する団体の規則がありません" } },
	{ "default-in", { "nothing of the organisation is published there", "ここに公開されている団体のサーバはありません" } },
	{ "local", { "the node offers no such service", "ゲートウェイはこのサービスを提供していません" } },
	{ "spoof", { "the source isn't an address of the organisation it comes from", "送信元が、来た団体のアドレスではありません" } },
	{ "spoof-wan4", { "the Internet claims an inside address as source", "インターネットから内部のアドレスが名乗られています" } },
	{ "spoof-wan6", { "the Internet claims an inside address as source", "インターネットから内部のアドレスが名乗られています" } },
	{ "default-node", { "the gateway itself answers nothing from the Internet", "ゲートウェイ自身はインターネットに応答しません" } },
	{ "default-forward", { "the destination is nobody's public address", "宛先はどの団体の公開アドレスでもありません" } },
	{ "proxy", { "the web proxy takes it (and decides by URL)", "プロキシが受け付けます (URL による判断はプロキシが行います)" } },
	{ "resolver", { "the resolver answers", "DNS サーバが答えます" } },
	{ "name-server", { "the name server answers", "外部 DNS サーバが答えます" } },
	{ "desk", { "the desk's pages answer", "窓口の画面が答えます" } },
	{ "time", { "the time server answers", "時刻サーバが答えます" } },
	{ "sites", { "the public sites take it (and decide by name and WAF)", "公開サイトが受け付けます (名前と WAF による判断はそこで行います)" } },
	{ "echo", { "the gateway answers a ping", "ゲートウェイが ping に答えます" } },
};

static const char *why(const struct decision *d, bool ja)
{
	if (d->rule || d->publish)
		return d->rule ? d->rule->comment : d->publish->comment;
	for (size_t i = 0; i < ARRAY_LEN(whys); i++)
		if (strcmp(whys[i].id, d->id) == 0)
			return ja ? whys[i].why.ja : whys[i].why.en;
	return "";
}

static const char *verb(enum packet_fate f, bool ja)
{
	static const struct text2 verbs[] = { { "allowed", "許可" }, { "allowed", "許可" }, { "denied (refused at once)", "拒否 (すぐに断ります)" },
		                              { "denied (dropped)", "拒否 (応答しません)" } };
	return ja ? verbs[f].ja : verbs[f].en;
}

const char *decision_path(const struct decision *d, char dst[64])
{
	if (!d->rule && !d->publish)
		dst[0] = 0;
	else
		snprintf(dst, 64, "orgs[%s].%s[%zu]", d->org->code, d->rule ? "fw" : "publish", d->at);
	return dst;
}

void decision_words(const struct decision *d, bool ja, char *dst, size_t size)
{
	char path[64], server[PREFIX_TEXT], to[128] = "";
	decision_path(d, path);
	if (d->door && d->fate == PACKET_PASS)
		snprintf(to, sizeof to, ja ? "、サーバ %s ポート %u へ" : ", to the server %s port %u", prefix_format_addr(&d->door->server, server),
		         d->door->server_port);
	struct buf b;
	buf_init(&b, 2 * KIB);
	buf_printf(&b, ja ? "%s: 規則 %s" : "%s: rule %s", verb(d->fate, ja), d->id);
	if (d->org)
		buf_printf(&b, ja ? " (団体 %s%s%s)" : " (organisation %s%s%s)", d->org->code, path[0] ? ", " : "", path);
	buf_printf(&b, ja ? " — %s%s" : ": %s%s", why(d, ja), to);
	snprintf(dst, size, "%s", buf_cstr(&b));
	buf_done(&b);
}
