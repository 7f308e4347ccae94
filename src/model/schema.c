/* The table of the description; see schema.h. Here organisations and prefectures, and how rows are found; the service is in schema_service.c. Long because
 * it is all that people can say of an organisation. */
#include "model/schema_rows.h"

#include "base/mem.h"

static const struct word kinds[] = {
	{ "prefecture", ORG_PREFECTURE, { "prefecture", "都道府県" } },
	{ "city", ORG_CITY, { "city", "市" } },
	{ "town", ORG_TOWN, { "town", "町" } },
	{ "village", ORG_VILLAGE, { "village", "村" } },
	{ "union", ORG_UNION, { "union", "組合・広域連合" } },
	{ .word = NULL },
};
static const struct word states[] = {
	{ "preparing", STATE_PREPARING, { "preparing", "準備中" } },
	{ "migrating", STATE_MIGRATING, { "migrating", "移行中" } },
	{ "live", STATE_LIVE, { "live", "稼働中" } },
	{ "watched", STATE_WATCHED, { "watched", "重点監視中" } },
	{ "leaving", STATE_LEAVING, { "leaving", "離脱中" } },
	{ .word = NULL },
};
static const struct word models[] = {
	{ "alpha", MODEL_ALPHA, { "α", "αモデル" } },
	{ "alpha2", MODEL_ALPHA2, { "α′", "α′モデル" } },
	{ "beta", MODEL_BETA, { "β", "βモデル" } },
	{ "beta2", MODEL_BETA2, { "β′", "β′モデル" } },
	{ .word = NULL },
};
static const struct word patterns[] = {
	{ "A", 'A', { "A", "A" } },
	{ "B", 'B', { "B", "B" } },
	{ .word = NULL },
};
static const struct word actions[] = {
	{ "deny", FW_DENY, { "deny", "拒否" } },
	{ "allow", FW_ALLOW, { "allow", "許可" } },
	{ .word = NULL },
};
static const struct word directions[] = {
	{ "out", FW_OUT, { "outbound", "外向き" } },
	{ "in", FW_IN, { "inbound", "内向き" } },
	{ .word = NULL },
};
static const struct word protocols[] = {
	{ "any", 0, { "any", "すべて" } },
	{ "icmp", IPPROTO_ICMP, { "ICMP", "ICMP" } },
	{ "tcp", IPPROTO_TCP, { "TCP", "TCP" } },
	{ "udp", IPPROTO_UDP, { "UDP", "UDP" } },
	{ .word = NULL },
};
static const struct word transports[] = {
	{ "tcp", IPPROTO_TCP, { "TCP", "TCP" } },
	{ "udp", IPPROTO_UDP, { "UDP", "UDP" } },
	{ .word = NULL },
};
static const struct word weekdays[] = {
	{ "sun", 0, { "Sunday", "日曜" } },  { "mon", 1, { "Monday", "月曜" } },   { "tue", 2, { "Tuesday", "火曜" } },
	{ "wed", 3, { "Wednesday", "水曜" } }, { "thu", 4, { "Thursday", "木曜" } }, { "fri", 5, { "Friday", "金曜" } },
	{ "sat", 6, { "Saturday", "土曜" } }, { .word = NULL },
};
static const struct word modes[] = {
	{ "blacklist", URL_BLACKLIST, { "black list", "ブラックリスト方式" } },
	{ "whitelist_only", URL_WHITELIST_ONLY, { "white list only", "ホワイトリストのみ" } },
	{ .word = NULL },
};
static const struct word category_actions[] = {
	{ "deny", URL_DENY, { "deny", "拒否" } },
	{ "allow", URL_ALLOW, { "allow", "許可" } },
	{ "coach", URL_COACH, { "warn, then allow", "警告してから許可" } },
	{ "override", URL_OVERRIDE, { "allow with a reason", "理由を書けば許可" } },
	{ .word = NULL },
};
static const struct word days[] = {
	{ "all", URL_DAYS_ALL, { "every day", "毎日" } },
	{ "weekdays", URL_DAYS_WEEKDAYS, { "Monday to Friday", "月~金" } },
	{ "weekend", URL_DAYS_WEEKEND, { "Saturday and Sunday", "土日" } },
	{ .word = NULL },
};
static const struct word fails[] = {
	{ "closed", FAIL_CLOSED, { "closed", "遮断する" } },
	{ "open", FAIL_OPEN, { "open", "通す" } },
	{ .word = NULL },
};

static const struct word revocation_modes[] = {
	{ "soft", REVOCATION_SOFT, { "asked; silence lets through", "確認する (応答がなければ通す)" } },
	{ "hard", REVOCATION_HARD, { "asked; silence refuses", "確認する (応答がなければ止める)" } },
	{ "off", REVOCATION_OFF, { "not asked", "確認しない" } },
	{ .word = NULL },
};

static const struct word ips_modes[] = {
	{ "off", IPS_OFF, { "off", "検査しない" } },
	{ "detect", IPS_DETECT, { "detect only", "検知のみ" } },
	{ "prevent", IPS_PREVENT, { "detect and drop", "検知して遮断" } },
	{ .word = NULL },
};
static const struct word desk_words[] = {
	{ "off", DESK_OFF, { "nobody", "使わない" } },
	{ "own", DESK_OWN, { "its own clerks", "この団体の担当者のみ" } },
	{ "all", DESK_ALL, { "its own clerks, the prefecture and the operators", "この団体の担当者と、県・運用者" } },
	{ .word = NULL },
};

static const struct object contact_object = {
	"contact", { "contact", "連絡先" }, "mail", sizeof(struct contact),
	(const struct field[]){
		{ "order", FIELD_UINT, .required = true, AT(contact, order), .min = 1, .max = 99,
		  SAYS("順位", "1 が最初に連絡を受け、応答がなければ次の順位へ進みます。", "1 is asked first; silence moves on to the next.") },
		{ "name", FIELD_TEXT, .required = true, AT(contact, name), .form = &form_line, .max = 100,
		  SAYS("氏名・部署", "連絡先の部署名や氏名。", "Who this is.") },
		{ "mail", FIELD_TEXT, .required = true, AT(contact, mail), .form = &form_mail, .max = 254,
		  SAYS("メール", "通報を受けるメールアドレス。", "Where notices are sent.") },
		{ "phone", FIELD_TEXT, AT(contact, phone), .form = &form_phone,
		  SAYS("電話", "電話番号。", "Telephone number.") },
		{ "sms", FIELD_TEXT, AT(contact, sms), .form = &form_phone,
		  SAYS("SMS", "SMS でも知らせる電話番号。", "Number told by SMS, too.") },
		{ "voice", FIELD_TEXT, AT(contact, voice), .form = &form_phone,
		  SAYS("自動音声", "自動音声の電話でも知らせる番号。", "Number called by voice, too.") },
		{ "webhook", FIELD_TEXT, AT(contact, webhook), .form = &form_id,
		  SAYS("Webhook", "知らせを渡す Webhook (service.gateways の名前)。", "The webhook (a name of service.gateways) told, too.") },
		{ "min_severity", FIELD_UINT, AT(contact, min_severity), .max = 3,
		  SAYS("通報する危険度", "この危険度 (0~3) 以上を通報します。", "Told from this severity (0–3) up.") },
		END,
	},
};

const struct object schema_address_group = {
	"address_group", { "address group", "アドレスグループ" }, "name", sizeof(struct address_group),
	(const struct field[]){
		{ "name", FIELD_TEXT, .required = true, AT(address_group, name), .form = &form_id,
		  SAYS("名前", "規則から呼ぶ名前。", "What rules call it.") },
		{ "members", FIELD_PREFIX, .required = true, LIST(address_group, members), .max_entries = 1000,
		  SAYS("ネットワーク", "含まれるアドレスとネットワーク。", "The addresses and networks in it.") },
		END,
	},
};

#define PORTS(at) \
	{ "protocol", FIELD_ENUM, at(protocol), .words = protocols, .def = "\"any\"", \
	  SAYS("プロトコル", "通信プロトコル。", "The protocol.") }, \
	{ "port_low", FIELD_UINT, at(port_low), .max = 65535, \
	  SAYS("ポート(始)", "宛先ポートの始まり。0 はすべて。", "First destination port; 0: any.") }, \
	{ "port_high", FIELD_UINT, at(port_high), .max = 65535, \
	  SAYS("ポート(終)", "宛先ポートの終わり。省略すると始まりと同じ。", "Last destination port; left out: the same as the first.") }
#define OF_GROUP(m) AT(fw_ports, m)
#define OF_RULE(m) AT(fw_rule, ports.m)
static const struct object ports_object = {
	"ports", { "protocol and ports", "プロトコルとポート" }, NULL, sizeof(struct fw_ports),
	(const struct field[]){ PORTS(OF_GROUP), END },
};

const struct object schema_service_group = {
	"service_group", { "service group", "サービスグループ" }, "name", sizeof(struct service_group),
	(const struct field[]){
		{ "name", FIELD_TEXT, .required = true, AT(service_group, name), .form = &form_id,
		  SAYS("名前", "規則から呼ぶ名前。", "What rules call it.") },
		{ "members", FIELD_OBJECT, .required = true, LIST(service_group, members), .sub = &ports_object, .max_entries = 100,
		  SAYS("サービス", "含まれるプロトコルとポート。", "The protocols and ports in it.") },
		END,
	},
};

static const struct object window_object = {
	"window", { "times of the week", "曜日と時間帯" }, NULL, sizeof(struct window),
	(const struct field[]){
		{ "days", FIELD_ENUM, .required = true, LIST(window, days), .words = weekdays, .max_entries = 7,
		  SAYS("曜日", "有効な曜日。", "On which days.") },
		{ "open", FIELD_MINUTE, AT(window, open_minute), .def = "\"0:00\"",
		  SAYS("開始", "有効になる時刻 (日本時間)。", "When it begins, Asia/Tokyo.") },
		{ "close", FIELD_MINUTE, AT(window, close_minute), .def = "\"24:00\"",
		  SAYS("終了", "無効になる時刻 (日本時間)。夜をまたぐときは 2 つに分けます。", "When it ends, Asia/Tokyo; a night is two windows.") },
		END,
	},
};

const struct object schema_schedule = {
	"schedule", { "schedule", "スケジュール" }, "name", sizeof(struct schedule),
	(const struct field[]){
		{ "name", FIELD_TEXT, .required = true, AT(schedule, name), .form = &form_id,
		  SAYS("名前", "規則から呼ぶ名前。", "What rules call it.") },
		{ "windows", FIELD_OBJECT, .required = true, LIST(schedule, windows), .sub = &window_object, .max_entries = 20,
		  SAYS("時間帯", "有効な曜日と時間帯。", "When what names it is in force.") },
		END,
	},
};

static const struct object limits_object = {
	"limits", { "limits", "制限" }, NULL, sizeof(struct limits),
	(const struct field[]){
		{ "per_source", FIELD_UINT, AT(limits, per_source), .max = 1000000,
		  SAYS("送信元ごとの同時接続", "1 つの送信元が同時に持てる接続の数。0 は無制限。", "Connections a source may hold at once; 0: no limit.") },
		{ "total", FIELD_UINT, AT(limits, total), .max = 100000,
		  SAYS("同時接続の合計", "この規則で同時に持てる接続の数。0 は無制限。", "Connections at once by this rule; 0: no limit.") },
		{ "new_per_second", FIELD_UINT, AT(limits, new_per_second), .max = 1000000,
		  SAYS("送信元ごとの毎秒接続", "1 つの送信元が 1 秒に始められる接続の数。0 は無制限。", "Connections a source may open a second; 0: no limit.") },
		{ "prefix_per_second", FIELD_UINT, AT(limits, prefix_per_second), .max = 1000000,
		  SAYS("近隣ごとの毎秒接続", "/24 (IPv6 は /48) の送信元が合わせて 1 秒に始められる接続の数。0 は無制限。",
		       "Connections all sources of a /24 (IPv6: /48) together may open a second; 0: no limit.") },
		{ "attack_per_second", FIELD_UINT, AT(limits, attack_per_second), .max = 1000000,
		  SAYS("攻撃とみなす毎秒接続", "全体で 1 秒にこれを超える接続が始まると攻撃とみなします。0 は判定しません。",
		       "More connections a second by all mean an attack; 0: never.") },
		{ "attack_per_source", FIELD_UINT, AT(limits, attack_per_source), .max = 1000000,
		  SAYS("攻撃中の送信元ごとの毎秒接続", "攻撃中に 1 つの送信元が 1 秒に始められる接続の数。超えた送信元は 5 分間遮断します。0 は 5。",
		       "Under attack, connections a source may open a second; one that tries more is shut out for five minutes; 0: 5.") },
		{ "attack_hold_s", FIELD_UINT, AT(limits, attack_hold_s), .max = 86400,
		  SAYS("攻撃終了までの秒数", "攻撃とみなす接続がこの秒数なければ攻撃は終わりです。0 は 60。", "The attack is over when this many seconds pass without; 0: 60.") },
		END,
	},
};

#define GROUP_NAMES(st, m, label, ja, en) \
	{ #m, FIELD_TEXT, LIST(st, m), .form = &form_id, .max_entries = 100, SAYS(label, ja, en) }
#define SCHEDULED(st) \
	{ "schedule", FIELD_TEXT, AT(st, schedule), .form = &form_id, \
	  SAYS("スケジュール", "有効な時間帯の名前。空は常に有効。", "The schedule it is in force by; empty: always.") }, \
	{ "limits", FIELD_OBJECT, AT(st, limits), .sub = &limits_object, SAYS("制限", "接続の制限。", "Limits of its connections.") }

static const struct object rule_object = {
	"fw_rule", { "firewall rule", "ファイアウォール規則" }, "id", sizeof(struct fw_rule),
	(const struct field[]){
		{ "id", FIELD_TEXT, .required = true, AT(fw_rule, id), .form = &form_id,
		  SAYS("規則番号", "団体の中で一意の名前。拒否ログに記録されます。", "Unique within the organisation; stands in the deny log.") },
		{ "direction", FIELD_ENUM, .required = true, AT(fw_rule, direction), .words = directions,
		  SAYS("方向", "団体から見た通信の方向。", "As seen from the organisation.") },
		{ "action", FIELD_ENUM, .required = true, AT(fw_rule, action), .words = actions,
		  SAYS("動作", "許可または拒否。", "What happens.") },
		{ "from", FIELD_PREFIX, LIST(fw_rule, from), .max_entries = 100,
		  SAYS("送信元", "送信元のネットワーク。空はすべて。", "Source networks; empty: any.") },
		{ "to", FIELD_PREFIX, LIST(fw_rule, to), .max_entries = 100,
		  SAYS("宛先", "宛先のネットワーク。空はインターネットのすべてを表し、他団体・LGWAN・運用網は決して含みません。",
		       "Destination networks; empty: the Internet, never other organisations, LGWAN or management.") },
		GROUP_NAMES(fw_rule, from_groups, "送信元グループ", "送信元に加えるアドレスグループ。", "Address groups beside from."),
		GROUP_NAMES(fw_rule, to_groups, "宛先グループ", "宛先に加えるアドレスグループ。", "Address groups beside to."),
		GROUP_NAMES(fw_rule, services, "サービス", "プロトコルとポートの代わりに使うサービスグループ。", "Service groups in place of protocol and ports."),
		PORTS(OF_RULE),
		SCHEDULED(fw_rule),
		{ "comment", FIELD_TEXT, .required = true, AT(fw_rule, comment), .form = &form_line, .max = 300,
		  SAYS("目的", "規則の目的。", "What the rule is for.") },
		{ "owner", FIELD_TEXT, .required = true, AT(fw_rule, owner), .form = &form_line, .max = 100,
		  SAYS("責任者", "規則に責任を持つ人または部署。", "Who answers for the rule.") },
		{ "expires", FIELD_TIME, AT(fw_rule, expires_ms),
		  SAYS("期限", "この時刻 (RFC 3339) 以降は無効。空は無期限。", "Void from this time (RFC 3339); empty: never.") },
		END,
	},
};

static const struct object publish_object = {
	"publish", { "published server", "公開サーバ" }, "id", sizeof(struct publish),
	(const struct field[]){
		{ "id", FIELD_TEXT, .required = true, AT(publish, id), .form = &form_id,
		  SAYS("番号", "規則番号とも重ならない名前。記録に残ります。", "Unique among its rules too; stands in the records.") },
		{ "address", FIELD_ADDRESS, .required = true, AT(publish, address),
		  SAYS("公開アドレス", "この団体だけのグローバルアドレス。", "A global address, the organisation's alone.") },
		{ "protocol", FIELD_ENUM, AT(publish, protocol), .words = transports, .def = "\"tcp\"",
		  SAYS("プロトコル", "通信プロトコル。", "The protocol.") },
		{ "port", FIELD_UINT, .required = true, AT(publish, port), .min = 1, .max = 65535,
		  SAYS("公開ポート", "インターネットから見えるポート。", "The port the Internet sees.") },
		{ "server", FIELD_ADDRESS, .required = true, AT(publish, server),
		  SAYS("サーバ", "団体の内部ネットワークにあるサーバ。", "The server, inside the organisation's own networks.") },
		{ "server_port", FIELD_UINT, AT(publish, server_port), .max = 65535,
		  SAYS("サーバのポート", "サーバのポート。省略すると公開ポートと同じ。", "Its port; left out: the same as port.") },
		{ "from", FIELD_PREFIX, LIST(publish, from), .max_entries = 100,
		  SAYS("送信元", "許可する送信元。空はインターネットのすべて。", "Who may connect; empty: the whole Internet.") },
		GROUP_NAMES(publish, from_groups, "送信元グループ", "送信元に加えるアドレスグループ。", "Address groups beside from."),
		SCHEDULED(publish),
		{ "comment", FIELD_TEXT, .required = true, AT(publish, comment), .form = &form_line, .max = 300,
		  SAYS("目的", "公開の目的。", "What it is for.") },
		{ "owner", FIELD_TEXT, .required = true, AT(publish, owner), .form = &form_line, .max = 100,
		  SAYS("責任者", "公開に責任を持つ人または部署。", "Who answers for it.") },
		{ "expires", FIELD_TIME, AT(publish, expires_ms),
		  SAYS("期限", "この時刻 (RFC 3339) 以降は公開しません。空は無期限。", "Not published from this time (RFC 3339); empty: no end.") },
		END,
	},
};

static const struct object decrypt_exception_object = {
	"decrypt_exception", { "decryption exception", "復号の例外" }, "name", sizeof(struct decrypt_exception),
	(const struct field[]){
		{ "name", FIELD_TEXT, .required = true, AT(decrypt_exception, name), .form = &form_domain, .max = 254,
		  SAYS("対象", "ホスト名または .ドメイン。", "A host or a .domain.") },
		{ "owner", FIELD_TEXT, .required = true, AT(decrypt_exception, owner), .form = &form_line, .max = 100,
		  SAYS("責任者", "例外に責任を持つ人または部署。", "Who answers for the exception.") },
		{ "reason", FIELD_TEXT, .required = true, AT(decrypt_exception, reason), .form = &form_line, .max = 300,
		  SAYS("理由", "例外が必要な理由。", "Why it is needed.") },
		{ "expires", FIELD_TIME, .required = true, AT(decrypt_exception, expires_ms),
		  SAYS("期限", "例外が終わる時刻 (RFC 3339)。開いている通信もこの時刻に切れます。", "When it ends (RFC 3339); connections that are open then are cut.") },
		END,
	},
};

static const struct object exception_object = {
	"url_exception", { "URL exception", "URL 例外" }, "pattern", sizeof(struct url_exception),
	(const struct field[]){
		{ "pattern", FIELD_TEXT, .required = true, AT(url_exception, pattern), .form = &form_exception, .max = 2000,
		  SAYS("対象", "ホスト名、.ドメイン、または http(s):// からの完全な URL。", "A host, a .domain, or an exact http(s) URL.") },
		{ "allow", FIELD_BOOL, .required = true, AT(url_exception, allow),
		  SAYS("許可", "true で許可、false で拒否。", "true allows, false denies.") },
		{ "owner", FIELD_TEXT, .required = true, AT(url_exception, owner), .form = &form_line, .max = 100,
		  SAYS("責任者", "例外に責任を持つ人または部署。", "Who answers for the exception.") },
		{ "reason", FIELD_TEXT, .required = true, AT(url_exception, reason), .form = &form_line, .max = 300,
		  SAYS("理由", "例外が必要な理由。", "Why it is needed.") },
		{ "expires", FIELD_TIME, .required = true, AT(url_exception, expires_ms),
		  SAYS("期限", "例外が終わる時刻 (RFC 3339)。必ず期限を付けます。", "When it ends (RFC 3339); every exception ends.") },
		END,
	},
};

static const struct object category_rule_object = {
	"url_category_rule", { "category rule", "カテゴリ規則" }, "id", sizeof(struct url_category_rule),
	(const struct field[]){
		{ "id", FIELD_TEXT, .required = true, AT(url_category_rule, id), .form = &form_id,
		  SAYS("規則番号", "団体の中で一意の名前。記録と画面に出ます。", "Unique within the organisation; stands in records and on pages.") },
		{ "categories", FIELD_TEXT, .required = true, LIST(url_category_rule, categories), .form = &form_category, .max = 31, .max_entries = 64,
		  SAYS("カテゴリ", "対象のカテゴリ (toride url categories で一覧)。独自のものは x- で始まります。",
		       "The categories meant (toride url categories lists them); a list's own begin with x-.") },
		{ "action", FIELD_ENUM, .required = true, AT(url_category_rule, action), .words = category_actions,
		  SAYS("動作", "deny は拒否、allow は許可。coach は注意の画面から、override は理由を書いて、利用者が 1 時間だけ開けます (復号している通信に限ります)。",
		       "deny, allow; coach: after a warning; override: after giving a reason, for an hour (both where traffic is decrypted).") },
		{ "days", FIELD_ENUM, AT(url_category_rule, days), .words = days, .def = "\"all\"",
		  SAYS("曜日", "規則が効く曜日。", "The days on which it holds.") },
		{ "from", FIELD_MINUTE, AT(url_category_rule, from_minute), .def = "\"0:00\"",
		  SAYS("開始時刻", "規則が効き始める時刻。終了時刻と同じなら終日。", "From what time it holds; the same as to: all day.") },
		{ "to", FIELD_MINUTE, AT(url_category_rule, to_minute), .def = "\"0:00\"",
		  SAYS("終了時刻", "規則が終わる時刻。開始より前なら翌日まで。", "Until when; before from: until the next day.") },
		{ "terminals", FIELD_PREFIX, LIST(url_category_rule, terminals), .max_entries = 1000,
		  SAYS("対象端末", "対象の端末またはネットワーク。空はすべて。", "The terminals or networks meant; empty: all.") },
		{ "groups", FIELD_TEXT, LIST(url_category_rule, groups), .form = &form_id, .max_entries = USER_GROUPS_MAX,
		  SAYS("対象グループ", "対象の利用者グループ (proxy_users.groups の名前)。空はすべて。", "The groups of users meant (names of proxy_users.groups); empty: all.") },
		END,
	},
};

static const struct object group_list_object = {
	"url_group_list", { "lists for groups", "グループのリスト" }, "id", sizeof(struct url_group_list),
	(const struct field[]){
		{ "id", FIELD_TEXT, .required = true, AT(url_group_list, id), .form = &form_id,
		  SAYS("番号", "団体の中で一意の名前。記録と画面に出ます。", "Unique within the organisation; stands in records and on pages.") },
		{ "groups", FIELD_TEXT, .required = true, LIST(url_group_list, groups), .form = &form_id, .max_entries = USER_GROUPS_MAX,
		  SAYS("対象グループ", "対象の利用者グループ (proxy_users.groups の名前)。", "The groups of users meant (names of proxy_users.groups).") },
		{ "black", FIELD_TEXT, LIST(url_group_list, black), .form = &form_url, .max = 2000,
		  SAYS("ブラックリスト", "このグループに拒否する宛先。", "What these are denied.") },
		{ "white", FIELD_TEXT, LIST(url_group_list, white), .form = &form_url, .max = 2000,
		  SAYS("ホワイトリスト", "このグループに許可する宛先。ブラックリストより先に見ます。", "What these are allowed; looked at before what they are denied.") },
		END,
	},
};

static const struct object url_object = {
	"url_policy", { "URL policy", "URL フィルタ方針" }, NULL, sizeof(struct url_policy),
	(const struct field[]){
		{ "mode", FIELD_ENUM, AT(url_policy, mode), .words = modes, .def = "\"blacklist\"",
		  SAYS("方式", "ブラックリスト方式、またはホワイトリストのみ。", "Deny what is listed, or allow only what is listed.") },
		{ "black", FIELD_TEXT, LIST(url_policy, black), .form = &form_url, .max = 2000,
		  SAYS("ブラックリスト", "拒否する宛先: ホスト名、.ドメイン、完全な URL、アドレス、CIDR。",
		       "What is denied: a host, a .domain, an exact URL, an address or a CIDR.") },
		{ "white", FIELD_TEXT, LIST(url_policy, white), .form = &form_url, .max = 2000,
		  SAYS("ホワイトリスト", "許可する宛先。形式はブラックリストと同じ。", "What is allowed; the same forms.") },
		{ "exceptions", FIELD_OBJECT, LIST(url_policy, exceptions), .sub = &exception_object,
		  SAYS("例外", "責任者と期限のある例外。", "Exceptions with owner and end.") },
		{ "categories", FIELD_OBJECT, LIST(url_policy, categories), .sub = &category_rule_object, .max_entries = 100,
		  SAYS("カテゴリ規則", "カテゴリごとの許可と拒否。上から順に、最初に合うものが効きます。", "By category; the first that holds decides.") },
		{ "group_lists", FIELD_OBJECT, LIST(url_policy, group_lists), .sub = &group_list_object, .max_entries = 100,
		  SAYS("グループのリスト", "利用者グループごとの許可と拒否。団体のリストより先に、上から順に見ます。", "By groups of users, before the organisation's own lists; the first that says anything decides.") },
		{ "safe_search", FIELD_BOOL, AT(url_policy, safe_search),
		  SAYS("セーフサーチ", "検索サイトと YouTube を、不適切な結果を除く設定に固定します (復号している通信に限ります)。",
		       "Search engines and YouTube are held to their strict mode (where traffic is decrypted).") },
		{ "upload_max_mib", FIELD_UINT, AT(url_policy, upload_max_mib), .max = 4096,
		  SAYS("送信上限 (MiB)", "一度に送信できる大きさ。0 は 4096。", "The most that one request may send; 0: 4096.") },
		{ "deny_downloads", FIELD_TEXT, LIST(url_policy, deny_downloads), .form = &form_downloads, .max = 20, .max_entries = 10,
		  SAYS("受け取らない種類", "圧縮ファイルの中も含め、内容から判定した種類: programs (プログラム)、scripts (スクリプト)、macros (マクロ入り文書)、archives (圧縮ファイル)、disks (ディスクイメージ)、media (動画・音声)。",
		       "Kinds by content that aren't delivered, also inside archives: programs, scripts, macros (documents with), archives, disks, media.") },
		{ "websockets", FIELD_TEXT, LIST(url_policy, websockets), .form = &form_domain, .max = 254, .max_entries = 200,
		  SAYS("WebSocket を許す宛先", "WebSocket での通信を通すホスト名と .ドメイン。流れるメッセージは、ファイルと同じ設定で検査します。空は通しません。",
		       "Hosts and .domains whose WebSockets pass; each message is inspected, by the settings that hold for files. Empty: none.") },
		{ "deny_uploads", FIELD_TEXT, LIST(url_policy, deny_uploads), .form = &form_downloads, .max = 20, .max_entries = 10,
		  SAYS("送らない種類", "圧縮ファイルの中も含め、送信を止める種類。値は受け取らない種類と同じ。",
		       "Kinds by content that aren't sent, also inside archives; the same words as deny_downloads.") },
		{ "deny_ja4", FIELD_TEXT, LIST(url_policy, deny_ja4), .form = &form_ja4, .max = 36, .max_entries = 1000,
		  SAYS("拒否するプログラム", "TLS の話し方 (JA4 指紋) で見分けて拒否するプログラム。復号しない通信でも効きます。端末のブラウザの指紋を書くと、全員が使えなくなります。",
		       "Programs refused by how they speak TLS (JA4), decrypted or not. The fingerprint of the terminals' own browser shuts everybody out.") },
		END,
	},
};

static const struct object tenants_object = {
	"tenants", { "tenant restriction", "テナント制限" }, NULL, sizeof(struct tenants),
	(const struct field[]){
		{ "microsoft", FIELD_TEXT, LIST(tenants, microsoft), .form = &form_tenant, .max = 253, .max_entries = 50,
		  SAYS("Microsoft 365", "利用を許すテナントのドメインまたは ID。空は制限なし。", "Domains or ids of the tenants allowed; empty: any.") },
		{ "microsoft_context", FIELD_TEXT, AT(tenants, microsoft_context), .form = &form_tenant, .max = 253,
		  SAYS("自ディレクトリ ID", "制限を設定する自団体のディレクトリ (テナント) ID。", "The id of the own directory, which sets the restriction.") },
		{ "google", FIELD_TEXT, LIST(tenants, google), .form = &form_tenant, .max = 253, .max_entries = 50,
		  SAYS("Google Workspace", "利用を許すドメイン。空は制限なし。", "Domains allowed; empty: any.") },
		{ "slack", FIELD_TEXT, LIST(tenants, slack), .form = &form_tenant, .max = 253, .max_entries = 50,
		  SAYS("Slack", "利用を許すワークスペースまたは OrG の ID。空は制限なし。", "Ids of the workspaces allowed; empty: any.") },
		{ "slack_requester", FIELD_TEXT, AT(tenants, slack_requester), .form = &form_tenant, .max = 253,
		  SAYS("自ワークスペース ID", "制限を設定する自団体のワークスペースまたは OrG の ID。", "The id of the own workspace, which sets the restriction.") },
		END,
	},
};

static const struct object terminal_object = {
	"terminal", { "registered terminal", "登録端末" }, "addr", sizeof(struct terminal),
	(const struct field[]){
		{ "addr", FIELD_ADDRESS, .required = true, AT(terminal, addr),
		  SAYS("アドレス", "端末のアドレス。団体のネットワーク内に限ります。", "Its address, inside the organisation's own networks.") },
		{ "name", FIELD_TEXT, .required = true, AT(terminal, name), .form = &form_line, .max = 100,
		  SAYS("端末名", "端末の名前。", "What it is called.") },
		END,
	},
};

static const struct object calendar_object = {
	"calendar", { "working hours", "開庁日時" }, NULL, sizeof(struct holiday_calendar),
	(const struct field[]){
		{ "open", FIELD_MINUTE, AT(holiday_calendar, open_minute), .def = "\"8:30\"",
		  SAYS("開庁時刻", "開庁時刻。", "When the office opens.") },
		{ "close", FIELD_MINUTE, AT(holiday_calendar, close_minute), .def = "\"17:15\"",
		  SAYS("閉庁時刻", "閉庁時刻。", "When it closes.") },
		{ "closed", FIELD_TEXT, LIST(holiday_calendar, closed), .form = &form_date, .max_entries = 1000,
		  SAYS("閉庁日", "国民の祝日のほかに閉庁する日。", "Days it stays closed beside national holidays.") },
		END,
	},
};

static const struct object consent_object = {
	"consent", { "prior consent", "事前承認" }, NULL, sizeof(struct consent),
	(const struct field[]){
		{ "given", FIELD_BOOL, AT(consent, given),
		  SAYS("承認", "他団体のために決めた遮断を、この団体でも直ちに行ってよいか。", "Whether blocks decided for others apply here at once.") },
		{ "min_severity", FIELD_UINT, AT(consent, min_severity), .max = 3, .def = "3",
		  SAYS("危険度", "この危険度 (0~3) 以上の遮断に限ります。", "From this severity (0–3) up.") },
		{ "by", FIELD_TEXT, AT(consent, by), .form = &form_line, .max = 100,
		  SAYS("承認者", "承認した人。", "Who gave it.") },
		{ "date", FIELD_TEXT, AT(consent, date), .form = &form_date,
		  SAYS("承認日", "承認した日。", "When it was given.") },
		END,
	},
};

static const struct word record_types[] = {
	{ "A", ZONE_A, { "A", "A" } },
	{ "AAAA", ZONE_AAAA, { "AAAA", "AAAA" } },
	{ "CAA", ZONE_CAA, { "CAA", "CAA" } },
	{ "CNAME", ZONE_CNAME, { "CNAME", "CNAME" } },
	{ "DS", ZONE_DS, { "DS", "DS" } },
	{ "MX", ZONE_MX, { "MX", "MX" } },
	{ "NS", ZONE_NS, { "NS", "NS" } },
	{ "PTR", ZONE_PTR, { "PTR", "PTR" } },
	{ "SRV", ZONE_SRV, { "SRV", "SRV" } },
	{ "TLSA", ZONE_TLSA, { "TLSA", "TLSA" } },
	{ "TXT", ZONE_TXT, { "TXT", "TXT" } },
	{ .word = NULL },
};
static const struct object record_object = {
	"zone_record", { "DNS record", "DNS レコード" }, "name", sizeof(struct zone_record),
	(const struct field[]){
		{ "name", FIELD_TEXT, .required = true, AT(zone_record, name), .form = &form_owner, .max = 253,
		  SAYS("名前", "ゾーンの中の名前。ゾーン自身は @。", "Its name within the zone; @ is the zone itself.") },
		{ "type", FIELD_ENUM, .required = true, AT(zone_record, type), .words = record_types,
		  SAYS("種類", "レコードの種類。", "Its type.") },
		{ "ttl", FIELD_UINT, AT(zone_record, ttl), .max = 86400,
		  SAYS("TTL (秒)", "ほかの DNS サーバが覚えておく秒数。0 はゾーンの TTL。", "How long others may remember it, in seconds; 0: as the zone.") },
		{ "data", FIELD_TEXT, .required = true, AT(zone_record, data), .form = &form_ascii, .max = 4000,
		  SAYS("値", "種類ごとの値。中の名前は末尾の点を付けずにすべて書きます。",
		       "Its value by type; names in it are written whole, without a dot at the end.") },
		END,
	},
};

static const struct object secondary_object = {
	"zone_secondary", { "outside secondary", "外部のセカンダリ" }, "name", sizeof(struct zone_secondary),
	(const struct field[]){
		{ "name", FIELD_TEXT, .required = true, AT(zone_secondary, name), .form = &form_host, .max = 200,
		  SAYS("名前", "その DNS サーバの名前。ゾーンの NS に加わります。ゾーンの中の名前なら、アドレスも書かれます。",
		       "That server's name, which joins the zone's NS; its address too where the name lies in the zone.") },
		{ "address", FIELD_ADDRESS, .required = true, AT(zone_secondary, address),
		  SAYS("アドレス", "変更を知らせ (NOTIFY)、ゾーンを渡す相手のアドレス。", "The address that is told of changes (NOTIFY) and given the zone.") },
		{ "secret", FIELD_UINT, .required = true, AT(zone_secondary, secret), .min = 1, .max = SECONDARY_SECRETS,
		  SAYS("合言葉の番号", "転送を署名する鍵 (TSIG) の番号。サーバごとに別の番号を使い、替えるときは番号を替えます。鍵は toride zone secret が示します。",
		       "Number of the key that signs transfers (TSIG); each server has another, and a new number is a new key. toride zone secret shows it.") },
		END,
	},
};

static const struct object zone_object = {
	"dns_zone", { "DNS zone", "DNS ゾーン" }, "name", sizeof(struct dns_zone),
	(const struct field[]){
		{ "name", FIELD_TEXT, .required = true, AT(dns_zone, name), .form = &form_host, .max = 200,
		  SAYS("ゾーン名", "外部に公開するゾーン。子のゾーンも別のゾーンとして書きます。",
		       "A zone shown to the Internet; a sub-zone is a zone of its own.") },
		{ "ttl", FIELD_UINT, AT(dns_zone, ttl), .min = 30, .max = 86400, .def = "3600",
		  SAYS("TTL (秒)", "個別に書かないレコードの TTL。", "The TTL of records that name none.") },
		{ "parents", FIELD_ADDRESS, LIST(dns_zone, parents), .max_entries = 8,
		  SAYS("親の DNS サーバ", "新しい KSK を使う前に DS を確かめる親ゾーンの DNS サーバ。空なら KSK は自動で交換しません。",
		       "The parent's name servers, asked for the DS record before a new key-signing key counts; empty: it isn't rolled by itself.") },
		{ "secondaries", FIELD_OBJECT, LIST(dns_zone, secondaries), .sub = &secondary_object, .max_entries = 8,
		  SAYS("外部のセカンダリ", "このゾーンを一緒に公開する、クラウドの外の DNS サーバ。空はなし。", "Name servers outside of the cloud that serve the zone too; empty: none.") },
		{ "records", FIELD_OBJECT, LIST(dns_zone, records), .sub = &record_object, .max_entries = 10000,
		  SAYS("レコード", "ゾーンの内容。SOA、ゾーン自身の NS、DNSSEC の署名はクラウドが書きます。",
		       "What is in it; SOA, the zone's own NS and the signatures are written by the cloud.") },
		END,
	},
};

static const struct object dns_object = {
	"dns_policy", { "resolver", "DNS の利用" }, NULL, sizeof(struct dns_policy),
	(const struct field[]){
		{ "safe_search", FIELD_BOOL, AT(dns_policy, safe_search),
		  SAYS("セーフサーチ", "検索サイトと動画サイトを制限付きの名前で案内します。", "Search engines and video sites are answered by their restricted names.") },
		{ "encrypted", FIELD_BOOL, AT(dns_policy, encrypted),
		  SAYS("暗号化 DNS", "DNS over TLS (853) と DNS over HTTPS (443, /dns-query) でも受け付けます。",
		       "Questions are taken by TLS (853) and HTTPS (443, /dns-query) too.") },
		END,
	},
};

static const struct word log_formats[] = {
	{ "auto", LOG_AUTO, { "by what it looks like", "内容から判定" } },
	{ "syslog", LOG_SYSLOG, { "syslog", "syslog" } },
	{ "json", LOG_JSON, { "JSON", "JSON" } },
	{ "cef", LOG_CEF, { "CEF", "CEF" } },
	{ "leef", LOG_LEEF, { "LEEF", "LEEF" } },
	{ "fortigate", LOG_FORTIGATE, { "FortiGate", "FortiGate" } },
	{ "paloalto", LOG_PALOALTO, { "PAN-OS", "PAN-OS" } },
	{ "asa", LOG_ASA, { "Cisco ASA", "Cisco ASA" } },
	{ "squid", LOG_SQUID, { "Squid", "Squid" } },
	{ "windows", LOG_WINDOWS, { "Windows events (JSON)", "Windows イベント (JSON)" } },
	{ "linux", LOG_LINUX, { "Linux and mail server", "Linux・メールサーバ" } },
	{ .word = NULL },
};
static const struct word log_zones[] = {
	{ "jst", LOG_JST, { "Japan (+09:00)", "日本時間" } },
	{ "utc", LOG_UTC, { "UTC", "UTC" } },
	{ .word = NULL },
};
static const struct object log_source_object = {
	"log_source", { "device that sends its log", "ログを送る機器" }, "name", sizeof(struct log_source),
	(const struct field[]){
		{ "name", FIELD_TEXT, .required = true, AT(log_source, name), .form = &form_id, .max = 24,
		  SAYS("名前", "団体の中で一意の名前。記録に残ります。", "Unique within the organisation; stands in its records.") },
		{ "addr", FIELD_ADDRESS, .required = true, AT(log_source, addr),
		  SAYS("アドレス", "機器の送信元アドレス。団体のネットワーク内、または団体のルータ。", "What it sends from: inside the organisation's own networks, or its router.") },
		{ "hostname", FIELD_TEXT, AT(log_source, hostname), .form = &form_tenant, .max = 253,
		  SAYS("ホスト名", "中継サーバの後ろにある機器だけに書きます。ログの HOSTNAME がこの名前の行をこの機器のものとします。addr は中継サーバのアドレスで、中継サーバ自身も登録します。",
		       "Only of a device behind a relay: lines whose HOSTNAME is this are its. addr is then the relay's, which is registered too, without hostname.") },
		{ "format", FIELD_ENUM, AT(log_source, format), .words = log_formats, .def = "\"auto\"",
		  SAYS("形式", "ログの形式。", "How its lines are written.") },
		{ "zone", FIELD_ENUM, AT(log_source, zone), .words = log_zones, .def = "\"jst\"",
		  SAYS("時刻の地域", "時刻に地域の書かれていないログの読み方。", "How times are read that name no zone.") },
		{ "silent_s", FIELD_UINT, AT(log_source, silent_s), .max = 2678400, .def = "3600",
		  SAYS("途絶の警報 (秒)", "この秒数なにも届かないと警報を出します。0 は出しません。", "An alarm when nothing came for so many seconds; 0: never.") },
		{ "certificate", FIELD_TEXT, AT(log_source, certificate), .form = &form_sha256, .max = 64,
		  SAYS("証明書", "機器の証明書の SHA-256 (16 進)。書くと TLS (RFC 5425) だけで受け付けます。空はどの方法でも受け付けます。",
		       "SHA-256 (hex) of its certificate: then it is believed by TLS (RFC 5425) alone; empty: by any transport.") },
		END,
	},
};

/* The words are those of a query (index/query.h). */
static const struct word record_classes[] = {
	{ "http", CLASS_HTTP, { "web requests", "Web の通信" } },
	{ "dns", CLASS_DNS, { "DNS questions", "DNS の問い合わせ" } },
	{ "network", CLASS_NETWORK, { "packets", "通信 (ファイアウォール)" } },
	{ "email", CLASS_MAIL, { "mails", "メール" } },
	{ "finding", CLASS_FINDING, { "findings", "検知" } },
	{ "authentication", CLASS_LOGIN, { "sign-ins", "認証" } },
	{ "process", CLASS_PROCESS, { "programs on terminals", "端末のプログラム" } },
	{ "api", CLASS_API, { "what people did at the cloud", "クラウドでの操作" } },
	{ "lifecycle", CLASS_LIFECYCLE, { "programs' starts and ends", "プログラムの開始と終了" } },
	{ .word = NULL },
};
static const struct object class_retention_object = {
	"retention", { "retention of a class", "種別ごとの保存" }, "class", sizeof(struct class_retention),
	(const struct field[]){
		{ "class", FIELD_ENUM, .required = true, AT(class_retention, class), .words = record_classes,
		  SAYS("種別", "記録の種別。", "Which kind of record.") },
		{ "days", FIELD_UINT, .required = true, AT(class_retention, days), .min = 1, .max = 3660,
		  SAYS("日数", "この種別の記録を保存する日数。過ぎると消え、戻せません。", "How many days they are kept; then they are destroyed for good.") },
		END,
	},
};

#define OPTION(m, label, ja, en) { #m, FIELD_BOOL, AT(options, m), SAYS(label, ja, en) }
static const struct object options_object = {
	"options", { "options", "オプション" }, NULL, sizeof(struct options),
	(const struct field[]){
		OPTION(ad_monitoring, "AD 監視", "Active Directory の監視。", "Active Directory is watched."),
		OPTION(tls_decryption, "TLS 復号", "TLS 通信を復号して検査。", "TLS is decrypted and inspected."),
		OPTION(mail_sanitize_a, "メール無害化 A", "メール無害化 A 方式。", "Mail sanitising, profile A."),
		OPTION(mail_sanitize_b, "メール無害化 B", "メール無害化 B 方式。", "Mail sanitising, profile B."),
		OPTION(file_sanitize, "ファイル無害化", "ファイル無害化。", "File sanitising."),
		OPTION(tamper_detection, "改ざん検知", "公開サイトの改ざん検知。", "Tamper detection of public sites."),
		OPTION(remote_desktop, "画面転送", "インターネット接続系の画面転送。", "Screen transfer for browsing."),
		OPTION(edr, "EDR", "端末の EDR。", "EDR on terminals."),
		END,
	},
};

const struct object schema_org = {
	"org", { "organisation", "団体" }, "code", sizeof(struct org),
	(const struct field[]){
		{ "code", FIELD_CODE, .required = true, AT(org, code), .form = &form_org_code,
		  SAYS("団体コード", "全国地方公共団体コード (検査数字を含む 6 桁)。ファイル名と同じ。",
		       "The national six-digit code with check digit; the same as the file's name.") },
		{ "index", FIELD_UINT, .required = true, AT(org, index), .min = 1, .max = 16381,
		  SAYS("参加番号", "参加順の番号。他団体と重ならず、変えません。", "Number by order of joining; unique, never changed.") },
		{ "name", FIELD_TEXT, .required = true, AT(org, name), .form = &form_line, .max = 100,
		  SAYS("団体名", "団体の名称。", "Its name.") },
		{ "name_en", FIELD_TEXT, AT(org, name_en), .form = &form_line, .max = 100,
		  SAYS("英語名", "英語名。省略すると団体名と同じ。", "Its name in English; left out: the same as name.") },
		{ "kind", FIELD_ENUM, .required = true, AT(org, kind), .words = kinds,
		  SAYS("種別", "団体の種別。", "What it is.") },
		{ "state", FIELD_ENUM, .required = true, AT(org, state), .words = states,
		  SAYS("状態", "接続の状態。", "Where it stands between joining and leaving.") },
		{ "model", FIELD_ENUM, .required = true, AT(org, model), .words = models,
		  SAYS("ネットワークモデル", "三層分離のモデル。", "Its network model.") },
		{ "prefecture", FIELD_PREFECTURE, AT(org, prefecture),
		  SAYS("都道府県", "都道府県番号。省略すると団体コードの先頭 2 桁。", "Its prefecture's number; left out: the code's first two digits.") },
		{ "interface", FIELD_TEXT, .required = true, AT(org, interface), .form = &form_interface,
		  SAYS("接続口", "この団体の通信が入るゲートウェイの接続口。", "The gateway's interface it comes in by.") },
		{ "pattern", FIELD_ENUM, .required = true, AT(org, pattern), .words = patterns,
		  SAYS("接続パターン", "接続パターン。", "Connection pattern.") },
		{ "prefixes", FIELD_PREFIX, .required = true, LIST(org, prefixes), .max_entries = 1000,
		  SAYS("内部ネットワーク", "団体内のネットワーク。他団体と重なってもかまいません。", "Its inside networks; they may overlap those of others.") },
		{ "router4", FIELD_ADDRESS, .family = 4, .required = true, AT(org, router4),
		  SAYS("ルータ (IPv4)", "接続リンク上の団体側ルータ。", "Its router on the attachment link.") },
		{ "router6", FIELD_ADDRESS, .family = 6, AT(org, router6),
		  SAYS("ルータ (IPv6)", "接続リンク上の団体側ルータ (ULA)。", "The same by IPv6: a unique local address (RFC 4193).") },
		{ "global4", FIELD_ADDRESS, .family = 4, .required = true, AT(org, global4),
		  SAYS("送信元アドレス (IPv4)", "インターネットへ出るときの、この団体だけの送信元。", "Its own source address towards the Internet.") },
		{ "global6", FIELD_ADDRESS, .family = 6, AT(org, global6),
		  SAYS("送信元アドレス (IPv6)", "同じく IPv6。", "The same by IPv6.") },
		{ "terminals", FIELD_OBJECT, LIST(org, terminals), .sub = &terminal_object,
		  SAYS("登録端末", "登録端末の一覧。", "Registered terminals.") },
		{ "registered_only", FIELD_BOOL, AT(org, registered_only),
		  SAYS("登録端末限定", "登録端末だけがインターネットを利用できます。", "Only registered terminals may use the proxy.") },
		{ "transparent", FIELD_BOOL, AT(org, transparent),
		  SAYS("透過プロキシ", "プロキシの設定がない端末の HTTP (80) と HTTPS (443) も、プロキシに通します。設定がある端末はこれまでどおりです。",
		       "HTTP (80) and HTTPS (443) of terminals that know of no proxy go through it too. Those that know of it go on as before.") },
		{ "child_proxies", FIELD_ADDRESS, LIST(org, child_proxies), .max_entries = 100,
		  SAYS("下位プロキシ", "X-Forwarded-For を信じる団体内のプロキシ。", "Its own proxies, whose X-Forwarded-For is believed.") },
		{ "terminal_servers", FIELD_ADDRESS, LIST(org, terminal_servers), .max_entries = 100,
		  SAYS("ターミナルサーバ", "多くの職員が 1 つのアドレスで同時に使うサーバ (仮想デスクトップ、ブラウザ分離など)。プロキシの 1 端末あたりの上限を、このアドレスには当てはめません。",
		       "Servers at whose one address many people work at a time (remote desktops, isolated browsers). What one terminal may have of the proxy doesn't bound them.") },
		{ "guaranteed_mbps", FIELD_UINT, .required = true, AT(org, guaranteed_mbps), .min = 1, .max = 400000,
		  SAYS("保証帯域 (Mbps)", "保証帯域。", "Guaranteed bandwidth.") },
		{ "ceiling_mbps", FIELD_UINT, .required = true, AT(org, ceiling_mbps), .min = 1, .max = 400000,
		  SAYS("上限帯域 (Mbps)", "上限帯域。", "The ceiling.") },
		{ "burst_mbps", FIELD_UINT, .required = true, AT(org, burst_mbps), .min = 1, .max = 400000,
		  SAYS("瞬間最大帯域 (Mbps)", "瞬間的に許す帯域。", "What a short burst may reach.") },
		{ "burst_s", FIELD_UINT, AT(org, burst_s), .min = 1, .max = 250, .def = "10",
		  SAYS("瞬間最大の長さ (秒)", "瞬間最大帯域を続けて使える秒数。使い切ると上限帯域に下がり、使わない間に回復します。",
		       "How many seconds the burst lasts; then the ceiling holds, and it comes back while less is used.") },
		{ "staff", FIELD_UINT, AT(org, staff), .max = 1000000, SAYS("職員数", "職員数。", "Staff.") },
		{ "users", FIELD_UINT, AT(org, users), .max = 1000000, SAYS("利用者数", "利用者数。", "Users.") },
		{ "options", FIELD_OBJECT, AT(org, options), .sub = &options_object,
		  SAYS("オプション", "契約したオプション。", "The options it bought.") },
		{ "contacts", FIELD_OBJECT, .required = true, LIST(org, contacts), .sub = &contact_object, .max_entries = 99,
		  SAYS("連絡先", "通報の連絡先。順位 1 が必要です。", "Who is told; order 1 must be there.") },
		{ "calendar", FIELD_OBJECT, AT(org, calendar), .sub = &calendar_object,
		  SAYS("開庁日時", "開庁時間と閉庁日。", "Working hours and closed days.") },
		{ "demarcation", FIELD_TEXT, AT(org, demarcation), .form = &form_line,
		  SAYS("責任分界点", "責任分界点の説明。", "Where our duty ends and theirs begins, in words.") },
		GROUPS(org),
		{ "fw", FIELD_OBJECT, LIST(org, fw), .sub = &rule_object, .max_entries = 10000,
		  SAYS("ファイアウォール", "団体の規則。上から順に、最初に合うものが効きます。", "Its rules; the first that matches counts.") },
		{ "publish", FIELD_OBJECT, LIST(org, publish), .sub = &publish_object, .max_entries = 1000,
		  SAYS("公開サーバ", "インターネットから届く団体のサーバ。", "Its servers that the Internet reaches.") },
		{ "inspections", FIELD_OBJECT, LIST(org, inspections), .sub = &schema_inspection, .max_entries = 10,
		  SAYS("追加の検査", "受け取るファイルを、種類ごとに無害化やサンドボックスへ順に渡し、返ってきたものを届けます。答えがないときは scan_fail に従います。",
		       "Sanitisers and sandboxes that files of some kinds go through, in this order; what comes back is delivered. Without an answer scan_fail decides.") },
		{ "breakout", FIELD_OBJECT, AT(org, breakout), .sub = &schema_org_breakout,
		  SAYS("ブレイクアウト", "クラウドサービスへの通信を、別の回線から送ります。", "Which named services it reaches by the breakout line.") },
		{ "url", FIELD_OBJECT, AT(org, url), .sub = &url_object, SAYS("URL フィルタ", "URL フィルタの方針。", "Its URL policy.") },
		{ "proxy_users", FIELD_OBJECT, AT(org, proxy_users), .sub = &schema_proxy_users,
		  SAYS("利用者の確認", "プロキシの利用者を、団体のディレクトリ (LDAP・Active Directory) のパスワードで確認します。",
		       "Who uses the proxy says who he is, by the password of the organisation's own directory (LDAP, Active Directory).") },
		{ "tenants", FIELD_OBJECT, AT(org, tenants), .sub = &tenants_object,
		  SAYS("テナント制限", "クラウドサービスで使える組織を限ります (復号している通信に限ります)。",
		       "Whose accounts of cloud services may be used (where traffic is decrypted).") },
		{ "ips", FIELD_ENUM, AT(org, ips), .words = ips_modes, .def = "\"detect\"",
		  SAYS("侵入検知・防止", "検査する回線での、この団体の通信の扱い。", "What is done with its traffic on inspected lines.") },
		{ "no_decrypt", FIELD_TEXT, LIST(org, no_decrypt), .form = &form_domain, .max = 254,
		  SAYS("復号しない宛先", "復号せずに通すホスト名と .ドメイン。", "Hosts and .domains that are passed undecrypted.") },
		{ "no_decrypt_categories", FIELD_TEXT, LIST(org, no_decrypt_categories), .form = &form_category, .max = 31, .max_entries = 64,
		  SAYS("復号しないカテゴリ", "復号せずに通すカテゴリ (finance、health、government など。toride url categories で一覧)。サーバー証明書はクラウドが先に検証します。",
		       "Categories that are passed undecrypted (finance, health, government …; toride url categories lists them); their servers' certificates are verified first.") },
		{ "decrypt_exceptions", FIELD_OBJECT, LIST(org, decrypt_exceptions), .sub = &decrypt_exception_object, .max_entries = 500,
		  SAYS("復号の例外", "責任者・理由・期限を付けて、一時的に復号しない宛先。期限のない宛先は「復号しない宛先」に書きます。", "What isn't decrypted for a time, with owner, reason and end. What has no end stands in no_decrypt.") },
		{ "revocation", FIELD_ENUM, AT(org, revocation), .words = revocation_modes, .def = "\"soft\"",
		  SAYS("失効の確認", "接続先の証明書が失効していないかを、発行した認証局に尋ねるか。", "Whether authorities are asked if an origin's certificate was revoked.") },
		{ "scan_fail", FIELD_ENUM, AT(org, scan_fail), .words = fails, .def = "\"closed\"",
		  SAYS("検査不能時", "判定が得られないページの扱い。", "What happens to a page when no verdict can be had.") },
		{ "scan_max_mib", FIELD_UINT, AT(org, scan_max_mib), .min = 1, .max = 4096, .def = "100",
		  SAYS("検査上限 (MiB)", "これより大きいものは検査できないものとして扱います。", "Larger bodies count as unscannable.") },
		{ "progress_after_s", FIELD_UINT, AT(org, progress_after_s), .max = 60, .def = "5",
		  SAYS("進み具合の表示 (秒)", "ファイルの受け取りと検査がこれより長くかかるとき、ブラウザに進み具合のページを出します。0 は出しません。",
		       "Where receiving and scanning a file takes longer, the browser gets a page with the progress. 0: never.") },
		{ "trickle_after_s", FIELD_UINT, AT(org, trickle_after_s), .max = 300, .def = "0",
		  SAYS("プログラムへの先渡し (秒)", "ファイルの受け取りと検査がこれより長くかかるとき、ブラウザ以外のプログラムに、判定の前に先頭の少量だけを少しずつ渡して接続を保ちます。0 は渡しません。",
		       "Where it takes longer, other programs get a few bytes from the beginning before the verdict, so that they don't give up. 0: never.") },
		{ "unscannable_allow", FIELD_BOOL, AT(org, unscannable_allow),
		  SAYS("検査できないものを通す", "大きすぎる、壊れているなどで検査できないものを通すか。", "Whether what can't be scanned (too large, broken) is passed.") },
		{ "encrypted_allow", FIELD_BOOL, AT(org, encrypted_allow),
		  SAYS("パスワード付きを通す", "パスワード付きの ZIP や文書など、開けないため検査できないものを通すか。",
		       "Whether what opens with a password only (zip, documents) is passed, though nobody could look inside.") },
		{ "encrypted_ask", FIELD_BOOL, AT(org, encrypted_ask),
		  SAYS("パスワードを尋ねる", "パスワード付きの ZIP を受け取る人に、パスワードを尋ねるページを出し、中身を検査してから渡します。",
		       "Who fetches a zip with a password is asked for it by a page; what is in it is scanned before it is handed over.") },
		{ "scan_uploads", FIELD_BOOL, AT(org, scan_uploads), .def = "true",
		  SAYS("送信の検査", "端末から送るファイルも、受け取るものと同じ規則で検査します。",
		       "What terminals send is scanned too, by the same rules as what they fetch.") },
		{ "consent", FIELD_OBJECT, AT(org, consent), .sub = &consent_object,
		  SAYS("事前承認", "遮断の事前承認。", "Prior consent to blocks.") },
		{ "sites", FIELD_OBJECT, LIST(org, sites), .sub = &schema_site, .max_entries = SITES_MAX,
		  SAYS("公開サイト", "クラウドを通して公開する Web サイト。", "Its web sites that are published through the cloud.") },
		{ "retention_days", FIELD_UINT, AT(org, retention_days), .min = 1, .max = 3660, .def = "396",
		  SAYS("保存日数", "記録を保存する日数。過ぎると消え、戻せません。", "How many days records are kept; then they are destroyed for good.") },
		{ "retention", FIELD_OBJECT, LIST(org, retention), .sub = &class_retention_object, .max_entries = RECORD_CLASSES,
		  SAYS("種別ごとの保存日数", "retention_days より短く、または長く保存する種別。設定したあとの記録から別の系列に封印され、それぞれの日数で消えます。",
		       "Classes that are kept for longer or shorter. From then on their records are sealed in a series of their own, which ends after its own days.") },
		{ "hot_days", FIELD_UINT, AT(org, hot_days), .max = 3660, .def = "0",
		  SAYS("手元に置く日数", "この日数を過ぎた記録を、もう一つのディスク(STATE/segments-cold)へ移します。0 なら移しません。検索も検証も移したあと変わりません。",
		       "After so many days records move to the other disk (STATE/segments-cold); 0: they stay. Searching and verifying them goes on as before.") },
		{ "packet_days", FIELD_UINT, AT(org, packet_days), .max = 396, .def = "0",
		  SAYS("警報のパケットの保存日数", "侵入検知・防止が警報を出した通信のパケット (警報のものと、同じ通信の続き) を、証拠として残す日数。職員や住民の通信の中身を含みます。0 なら残しません。",
		       "How many days the packets that an intrusion alert was raised for, and those that follow them, are kept as evidence: what people wrote and read is in them. 0: none is kept.") },
		{ "zones", FIELD_OBJECT, LIST(org, zones), .sub = &zone_object, .max_entries = 1000,
		  SAYS("DNS ゾーン", "外部 DNS で公開するゾーン。", "Its zones on the authoritative name servers.") },
		{ "dns", FIELD_OBJECT, AT(org, dns), .sub = &dns_object, SAYS("DNS の利用", "端末が使う DNS。", "What its terminals' questions get.") },
		{ "desk", FIELD_ENUM, AT(org, desk), .words = desk_words, .def = "\"own\"",
		  SAYS("窓口の画面", "この団体の回線から窓口の画面にログインできる人。", "Who may sign in at the desk from this organisation's network.") },
		{ "log_sources", FIELD_OBJECT, LIST(org, log_sources), .sub = &log_source_object, .max_entries = 500,
		  SAYS("ログを送る機器", "団体のファイアウォール、AD サーバ、プロキシなど、ログを集める機器。",
		       "Its own devices whose logs are collected: firewalls, AD servers, proxies.") },
		END,
	},
};

const struct object schema_prefecture = {
	"prefecture", { "prefecture", "都道府県" }, "code", sizeof(struct prefecture),
	(const struct field[]){
		{ "code", FIELD_CODE, .required = true, AT(prefecture, code), .form = &form_pref_code,
		  SAYS("都道府県番号", "都道府県番号 (01~47)。ファイル名と同じ。", "Its number, 01 to 47; the same as the file's name.") },
		{ "name", FIELD_TEXT, .required = true, AT(prefecture, name), .form = &form_line, .max = 100,
		  SAYS("名称", "都道府県の名称。", "Its name.") },
		{ "name_en", FIELD_TEXT, AT(prefecture, name_en), .form = &form_line, .max = 100,
		  SAYS("英語名", "英語名。省略すると名称と同じ。", "Its name in English; left out: the same as name.") },
		{ "contacts", FIELD_OBJECT, .required = true, LIST(prefecture, contacts), .sub = &contact_object, .max_entries = 99,
		  SAYS("連絡先", "県への報告先。", "Who is informed at the prefecture.") },
		END,
	},
};

const struct field *schema_field(const struct object *o, struct str name)
{
	SCHEMA_EACH(f, o)
		if (str_eq(str_from(f->name), name))
			return f;
	return NULL;
}

#define NEAR_MAX 32
/* Levenshtein distance of two short words. */
static unsigned distance(struct str a, struct str b)
{
	unsigned row[NEAR_MAX + 1];
	for (unsigned j = 0; j <= b.len; j++)
		row[j] = j;
	for (unsigned i = 1; i <= a.len; i++) {
		unsigned corner = row[0];
		row[0] = i;
		for (unsigned j = 1; j <= b.len; j++) {
			unsigned best = corner + (a.ptr[i - 1] != b.ptr[j - 1]);
			corner = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[b.len];
}

const struct field *schema_nearest(const struct object *o, struct str name)
{
	const struct field *best = NULL;
	unsigned least = name.len < 6 ? 2 : 4; /* one change in a short word, three in a long one */
	if (name.len > NEAR_MAX)
		return NULL;
	SCHEMA_EACH(f, o) {
		struct str n = str_from(f->name);
		bool head = name.len >= 4 && (str_starts(n, name) || str_starts(name, n));
		unsigned d = n.len > NEAR_MAX ? least : head ? 1 : distance(name, n);
		if (d < least) {
			least = d;
			best = f;
		}
	}
	return best;
}

const char *label_en(const struct field *f, char dst[64])
{
	size_t i = 0;
	for (; f->name[i] && i < 63; i++)
		dst[i] = f->name[i] == '_' ? ' ' : f->name[i];
	dst[i] = 0;
	return dst;
}

const struct word *word_of_value(const struct word *w, int value)
{
	for (; w->word; w++)
		if (w->value == value)
			return w;
	return NULL;
}

uint32_t uint_get(const struct field *f, const void *at)
{
	return f->size == 1 ? *(const uint8_t *)at : f->size == 2 ? *(const uint16_t *)at : *(const uint32_t *)at;
}

void uint_set(const struct field *f, void *at, uint32_t v)
{
	if (f->size == 1)
		*(uint8_t *)at = (uint8_t)v;
	else if (f->size == 2)
		*(uint16_t *)at = (uint16_t)v;
	else
		*(uint32_t *)at = v;
}
