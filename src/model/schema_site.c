/* The rows of a public site; part of the table of the description (schema.h). F-14, F-15, M-014, M-020. */
#include "model/schema_rows.h"

#include "base/mem.h"

static const struct word waf_modes[] = {
	{ "block", WAF_BLOCK, { "block", "防御" } },
	{ "detect", WAF_DETECT, { "detect only", "検知のみ" } },
	{ .word = NULL },
};

static const struct object origin_object = {
	"site_origin", { "origin server", "配信元サーバ" }, NULL, sizeof(struct site_origin),
	(const struct field[]){
		{ "addr", FIELD_ADDRESS, .required = true, AT(site_origin, addr),
		  SAYS("アドレス", "配信元のアドレス。団体内、または庁外のサーバ。", "Its address: inside the organisation, or a server elsewhere.") },
		{ "port", FIELD_UINT, AT(site_origin, port), .min = 1, .max = 65535, .def = "80",
		  SAYS("ポート", "配信元のポート。", "Its port.") },
		{ "weight", FIELD_UINT, AT(site_origin, weight), .min = 1, .max = 100, .def = "1",
		  SAYS("重み", "配信元が複数あるときの割合。", "Its share where there are several.") },
		{ "backup", FIELD_BOOL, AT(site_origin, backup),
		  SAYS("予備", "他がすべて応答しないときだけ使います。", "Used only when none of the others answers.") },
		END,
	},
};

static const struct object exclusion_object = {
	"waf_exclusion", { "WAF exclusion", "WAF の除外" }, NULL, sizeof(struct waf_exclusion),
	(const struct field[]){
		{ "rule", FIELD_UINT, .required = true, AT(waf_exclusion, rule), .min = 911000, .max = 979999,
		  SAYS("規則番号", "適用しない CRS の規則番号。", "The number of the CRS rule that isn't applied.") },
		{ "path", FIELD_TEXT, AT(waf_exclusion, path), .form = &form_path, .max = 200,
		  SAYS("パス", "この文字列で始まるパスに限ります。空はサイト全体。", "Only paths that begin so; empty: the whole site.") },
		{ "parameter", FIELD_TEXT, AT(waf_exclusion, parameter), .form = &form_parameter, .max = 64,
		  SAYS("項目", "このフォーム項目に限ります。空はすべて。", "Only this parameter; empty: all.") },
		{ "owner", FIELD_TEXT, .required = true, AT(waf_exclusion, owner), .form = &form_line, .max = 100,
		  SAYS("責任者", "除外に責任を持つ人または部署。", "Who answers for it.") },
		{ "reason", FIELD_TEXT, .required = true, AT(waf_exclusion, reason), .form = &form_line, .max = 300,
		  SAYS("理由", "除外が必要な理由。", "Why it is needed.") },
		{ "expires", FIELD_TIME, .required = true, AT(waf_exclusion, expires_ms),
		  SAYS("期限", "除外が終わる時刻 (RFC 3339)。必ず期限を付けます。", "When it ends (RFC 3339); every exclusion ends.") },
		END,
	},
};

const struct object schema_site = {
	"site", { "public site", "公開サイト" }, "name", sizeof(struct site),
	(const struct field[]){
		{ "name", FIELD_TEXT, .required = true, AT(site, name), .form = &form_fqdn, .max = 253,
		  SAYS("ホスト名", "サイトの完全なホスト名。", "The site's full host name.") },
		{ "title", FIELD_TEXT, .required = true, AT(site, title), .form = &form_line, .max = 100,
		  SAYS("名称", "サイトの呼び名。", "What people call it.") },
		{ "aliases", FIELD_TEXT, LIST(site, aliases), .form = &form_fqdn, .max = 253, .max_entries = 20,
		  SAYS("別名", "同じサイトへ導く別のホスト名。", "Other names of the same site.") },
		{ "origins", FIELD_OBJECT, .required = true, LIST(site, origins), .sub = &origin_object, .max_entries = 16,
		  SAYS("配信元", "ページの元があるサーバ。", "The servers its pages come from.") },
		{ "waf", FIELD_ENUM, AT(site, waf), .words = waf_modes, .def = "\"block\"",
		  SAYS("WAF の動作", "攻撃を止めるか、検知だけか。", "Whether attacks are stopped or only told.") },
		{ "paranoia", FIELD_UINT, AT(site, paranoia), .min = 1, .max = 4, .def = "1",
		  SAYS("WAF の厳しさ", "CRS の paranoia level (1~4)。", "The paranoia level of the CRS, 1 to 4.") },
		{ "exclusions", FIELD_OBJECT, LIST(site, exclusions), .sub = &exclusion_object, .max_entries = 100,
		  SAYS("WAF の除外", "誤検知の除外。責任者と期限を付けます。", "What isn't applied here, with owner and end.") },
		{ "certificate", FIELD_TEXT, LIST(site, certificate), .form = &form_certificate, .max = 8000, .max_entries = 8,
		  SAYS("証明書", "サイトの証明書、続いて中間証明書。鍵は `toride site csr` がヴォルトの中に作ります。空は HTTP のみ。",
		       "The site's certificate, then intermediate ones; `toride site csr` makes the key in the vault. Empty: HTTP only.") },
		{ "acme", FIELD_BOOL, AT(site, acme),
		  SAYS("証明書の自動取得", "証明書を ACME (RFC 8555) で取得し、期限の前に自動で更新します。`certificate` は空にします。",
		       "The certificate is got and renewed by ACME (RFC 8555); `certificate` stays empty.") },
		{ "cache_s", FIELD_UINT, AT(site, cache_s), .max = 86400,
		  SAYS("キャッシュ (秒)", "配信元が指定しないページを保つ秒数。0 は保たない。クッキーや認証のある要求には使いません。",
		       "Seconds a page is kept where its origin says nothing; 0: never. Not for requests with cookies or credentials.") },
		{ "disaster", FIELD_BOOL, AT(site, disaster),
		  SAYS("防災サイト", "配信元が応答しないとき、取得時刻を示して前のページを出します。クッキーは使えません。",
		       "When the origin is gone the last page is shown with the time it was fetched. It has no cookies.") },
		{ "stale_s", FIELD_UINT, AT(site, stale_s), .min = 1, .max = 3600, .def = "600",
		  SAYS("古いページを出す時間 (秒)", "防災サイトの配信元が応答しないとき、保つ秒数を過ぎたページをこの時間まで出します。過ぎると、つながらない旨の画面になります。",
		       "Seconds a disaster site's page may still be shown after it ceased to be fresh, while its origin is gone; then visitors get the waiting page.") },
		{ "look", FIELD_TEXT, LIST(site, look), .form = &form_path, .max = 200, .max_entries = 20,
		  SAYS("改ざんの監視", "改ざんがないか利用者と同じ方法で定期的に見るページのパス。空は監視なし。", "Paths of pages that are looked at, as a visitor sees them, for defacement. Empty: none.") },
		{ "look_every_s", FIELD_UINT, AT(site, look_every_s), .min = 2, .max = 86400, .def = "300",
		  SAYS("改ざんを見る間隔 (秒)", "監視するページを見る間隔。", "Seconds between two looks at a page.") },
		{ "body_max_mib", FIELD_UINT, AT(site, body_max_mib), .min = 1, .max = 100, .def = "10",
		  SAYS("投稿上限 (MiB)", "利用者が送れる大きさ。", "The largest request body.") },
		END,
	},
};
