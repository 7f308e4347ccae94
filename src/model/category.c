/* The table of categories; see category.h. UT1 (Toulouse), Squid blacklists and the big public hosts files were read for
 * their names. */
#include "model/category.h"

#include "base/err.h"
#include "base/mem.h"

static const struct url_category table[] = {
	{ "malware", "マルウェア", "malware", " malicious virus ransomware trojan exploit " },
	{ "phishing", "フィッシング・詐欺", "phishing and fraud", " phish fraud scam arnaque spyware-phishing " },
	{ "c2", "不正な指令サーバー", "command and control", " cnc botnet c-and-c command-and-control " },
	{ "cryptojacking", "暗号資産の無断採掘", "cryptojacking", " cryptomining coinminer coinblocker " },
	{ "stalkerware", "監視ソフト", "stalkerware", " spyware " },
	{ "ddos", "攻撃の代行", "attack services", " booter stresser " },
	{ "hacking", "不正侵入の手口", "hacking", " hacker " },
	{ "warez", "違法な複製", "pirated software", " piracy crack " },
	{ "adult", "アダルト", "adult content", " porn mixed-adult sex lingerie nudity " },
	{ "dating", "出会い系", "dating", " encounters " },
	{ "gambling", "ギャンブル", "gambling", " arjel casino bet " },
	{ "violence", "暴力・差別", "violence and hate", " agressif aggressive hate gore " },
	{ "drugs", "薬物", "drugs", " drogue drug " },
	{ "weapons", "武器・危険物", "weapons and dangerous goods", " dangerous-material dangerous " },
	{ "sect", "カルト", "cults", " cult " },
	{ "games", "ゲーム", "games", " game gaming educational-games " },
	{ "social", "SNS", "social networks", " social-networks socialnet sns " },
	{ "chat", "チャット", "chat", " instant-messaging im " },
	{ "webmail", "Web メール", "web mail", " mail " },
	{ "filehosting", "ファイル共有・ストレージ", "file sharing and storage", " filesharing file-sharing fileshare storage torrent p2p " },
	{ "download", "ダウンロードサイト", "downloads", " downloads " },
	{ "video", "動画・音楽", "video and music", " audio-video streaming music radio movies " },
	{ "shopping", "買い物", "shopping", " ecommerce auction " },
	{ "finance", "金融", "banking and finance", " financial bank banking " },
	{ "bitcoin", "暗号資産", "cryptocurrency", " crypto cryptocurrency " },
	{ "health", "医療・健康", "health", " medical hospital " },
	{ "government", "行政", "government", " gov govt " },
	{ "news", "報道", "news", " press newspapers " },
	{ "blog", "ブログ・掲示板", "blogs and forums", " forums forum bbs blogs " },
	{ "sports", "スポーツ", "sports", " sport " },
	{ "celebrity", "芸能", "celebrities", " gossip " },
	{ "manga", "漫画", "comics", " comics " },
	{ "astrology", "占い", "astrology", " fortune " },
	{ "jobs", "求人", "job search", " jobsearch " },
	{ "ads", "広告・追跡", "advertising and tracking", " ad adv advertising publicite marketingware tracking tracker " },
	{ "anonymizer", "匿名化・VPN", "anonymisers and VPN", " vpn proxy redirector strict-redirector strong-redirector anonymous tor " },
	{ "doh", "暗号化 DNS", "DNS over HTTPS", " dns-over-https " },
	{ "dynamic-dns", "動的 DNS", "dynamic DNS", " dynamicdns ddns " },
	{ "shortener", "短縮 URL", "URL shorteners", " urlshortener url-shortener " },
	{ "remote-control", "遠隔操作", "remote control", " remote remote-access remotecontrol " },
	{ "new-domain", "登録されたばかりのドメイン", "newly registered domains", " nrd newly-registered " },
	{ "lookalike", "紛らわしい国際化ドメイン名", "look-alike international names", " homograph " },
	{ "parked", "休眠ドメイン", "parked domains", " reaffected parking " },
	{ "translation", "翻訳", "translation", " translators " },
	{ "search", "検索", "search engines", " searchengines " },
	{ "ai", "生成 AI", "generative AI", " genai llm " },
	{ "update", "ソフトウェア更新", "software updates", " updatesites " },
};

const struct url_category *url_category_table(size_t *ret_n)
{
	*ret_n = ARRAY_LEN(table);
	return table;
}

static bool among(const char *words, struct str name)
{
	struct str rest = str_from(words), word;
	while (str_next(&rest, ' ', &word))
		if (str_eq(word, name))
			return true;
	return false;
}

const struct url_category *url_category_find(struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(table) && name.len; i++)
		if (str_eq(str_from(table[i].name), name) || among(table[i].others, name))
			return &table[i];
	return NULL;
}

static bool name_ok(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!((s.ptr[i] >= 'a' && s.ptr[i] <= 'z') || (s.ptr[i] >= '0' && s.ptr[i] <= '9') || s.ptr[i] == '-'))
			return false;
	return s.len > 0 && s.len < CATEGORY_NAME;
}

bool url_category_ok(struct str name)
{
	const struct url_category *c = url_category_find(name);
	return c ? str_eq(name, str_from(c->name)) : name.len > 2 && str_starts(name, STR("x-")) && name_ok(name);
}

int url_category_name(struct str name, char dst[CATEGORY_NAME])
{
	char low[CATEGORY_NAME + 2] = "x-";
	if (name.len >= CATEGORY_NAME)
		return -E_INVALID;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];
		low[2 + i] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c == '_' || c == ' ' ? '-' : c);
	}
	struct str own = { low, name.len + 2 }, s = { low + 2, name.len };
	const struct url_category *c = url_category_find(s);
	if (!name_ok(s))
		return -E_INVALID;
	return str_copy(c ? str_from(c->name) : str_starts(s, STR("x-")) ? s : own, dst, CATEGORY_NAME) ? 0 : -E_INVALID;
}

const char *url_category_label(const char *name, bool ja)
{
	const struct url_category *c = url_category_find(str_from(name));
	return !c ? name : ja ? c->ja : c->en;
}
