/* The rows of what is asked of other lines and of those at their other end: the breakout (which services, by which line, for whom), and
 * whom announcements of what to drop go to; see schema.h. */
#include "model/schema_rows.h"

static const struct object breakout_service_object = {
	"breakout_service", { "service to break out", "ブレイクアウト対象" }, "name", sizeof(struct breakout_service),
	(const struct field[]){
		{ "name", FIELD_TEXT, .required = true, AT(breakout_service, name), .form = &form_id,
		  SAYS("名前", "団体の設定から呼ぶ名前。", "What organisations call it.") },
		{ "title", FIELD_TEXT, .required = true, AT(breakout_service, title), .form = &form_line, .max = 100,
		  SAYS("サービス名", "人が呼ぶ名前。", "What people call it.") },
		{ "addresses", FIELD_TEXT, AT(breakout_service, addresses), .form = &form_digest,
		  SAYS("アドレスリスト", "取り込んだアドレスリストのダイジェスト (toride fw feed import が表示)。", "Digest of the imported list of its addresses, as toride fw feed import prints it.") },
		{ "names", FIELD_TEXT, LIST(breakout_service, names), .form = &form_domain, .max = 254, .max_entries = 1000,
		  SAYS("名前", "プロキシを通るときに見分けるホスト名と .ドメイン。", "Hosts and .domains by which the proxy knows it.") },
		{ "comment", FIELD_TEXT, .required = true, AT(breakout_service, comment), .form = &form_line, .max = 300,
		  SAYS("説明", "リストの出所と日付。", "Where addresses and names come from, and of when they are.") },
		END,
	},
};

const struct object schema_breakout = {
	"breakout", { "breakout", "ブレイクアウト" }, NULL, sizeof(struct breakout),
	(const struct field[]){
		{ "line", FIELD_TEXT, AT(breakout, line), .form = &form_interface,
		  SAYS("回線", "使う上位回線の名前。優先順位が最も高い回線は選べません。", "The uplink used; not the one that carries everything else.") },
		{ "services", FIELD_OBJECT, LIST(breakout, services), .sub = &breakout_service_object, .max_entries = 50,
		  SAYS("対象", "対象にできるサービス。", "The services that organisations may choose from.") },
		END,
	},
};

const struct object schema_inspector = {
	"inspector", { "sanitiser or sandbox", "無害化・サンドボックス" }, "name", sizeof(struct inspector),
	(const struct field[]){
		{ "name", FIELD_TEXT, .required = true, AT(inspector, name), .form = &form_id,
		  SAYS("名前", "団体の設定から呼ぶ名前。記録にも残ります。", "What organisations and records call it.") },
		{ "address", FIELD_ADDRESS, .required = true, AT(inspector, address),
		  SAYS("アドレス", "サーバのアドレス。", "Its address.") },
		{ "port", FIELD_UINT, AT(inspector, port), .min = 1, .max = 65535, .def = "1344",
		  SAYS("ポート", "ICAP のポート。", "Its port for ICAP.") },
		{ "path", FIELD_TEXT, .required = true, AT(inspector, path), .form = &form_directory, .max = 200,
		  SAYS("パス", "RESPMOD のサービス。例: /respmod。", "Its service for RESPMOD, such as /respmod.") },
		{ "timeout_s", FIELD_UINT, AT(inspector, timeout_s), .min = 1, .max = 600, .def = "60",
		  SAYS("待ち時間 (秒)", "答えをこれより長くは待ちません。", "An answer isn't waited for longer.") },
		END,
	},
};

const struct object schema_inspection = {
	"inspection", { "further inspection", "追加の検査" }, "inspector", sizeof(struct inspection),
	(const struct field[]){
		{ "inspector", FIELD_TEXT, .required = true, AT(inspection, inspector), .form = &form_id,
		  SAYS("検査", "service.inspectors の名前。", "A name of service.inspectors.") },
		{ "kinds", FIELD_TEXT, .required = true, LIST(inspection, kinds), .form = &form_kinds, .max = 20, .max_entries = 10,
		  SAYS("種類", "渡すファイルの種類 (内容から判定): documents (文書)、all (すべて)、programs、scripts、macros、archives、disks、media。",
		       "Kinds of files that go there, by content: documents, all, programs, scripts, macros, archives, disks, media.") },
		END,
	},
};

static const struct object breakout_use_object = {
	"breakout_use", { "service broken out", "利用するサービス" }, "service", sizeof(struct breakout_use),
	(const struct field[]){
		{ "service", FIELD_TEXT, .required = true, AT(breakout_use, service), .form = &form_id,
		  SAYS("サービス", "service.breakout.services の名前。", "A name of service.breakout.services.") },
		{ "owner", FIELD_TEXT, .required = true, AT(breakout_use, owner), .form = &form_line, .max = 100,
		  SAYS("責任者", "利用に責任を持つ人または部署。", "Who answers for it.") },
		{ "reason", FIELD_TEXT, .required = true, AT(breakout_use, reason), .form = &form_line, .max = 300,
		  SAYS("理由", "必要な理由。", "Why it is needed.") },
		{ "expires", FIELD_TIME, .required = true, AT(breakout_use, expires_ms),
		  SAYS("期限", "終わる時刻 (RFC 3339)。以降は通常の回線に戻ります。", "When it ends (RFC 3339); then the ordinary line is used again.") },
		END,
	},
};

const struct object schema_org_breakout = {
	"org_breakout", { "breakout", "ブレイクアウト" }, NULL, sizeof(struct org_breakout),
	(const struct field[]){
		{ "global4", FIELD_ADDRESS, .family = 4, AT(org_breakout, global4),
		  SAYS("送信元アドレス (IPv4)", "ブレイクアウトの、この団体だけの送信元。", "Its own source address on the breakout line.") },
		{ "global6", FIELD_ADDRESS, .family = 6, AT(org_breakout, global6),
		  SAYS("送信元アドレス (IPv6)", "同じく IPv6。空なら IPv6 は通常の回線のまま。", "The same by IPv6; empty: IPv6 stays on the ordinary line.") },
		{ "guaranteed_mbps", FIELD_UINT, AT(org_breakout, guaranteed_mbps), .min = 1, .max = 400000, .def = "1",
		  SAYS("保証帯域 (Mbps)", "ブレイクアウト回線での保証帯域。", "Guaranteed bandwidth of the breakout line.") },
		{ "ceiling_mbps", FIELD_UINT, AT(org_breakout, ceiling_mbps), .min = 1, .max = 400000, .def = "10",
		  SAYS("上限帯域 (Mbps)", "ブレイクアウトの上限帯域。", "The ceiling of what breaks out.") },
		{ "burst_mbps", FIELD_UINT, AT(org_breakout, burst_mbps), .min = 1, .max = 400000, .def = "100",
		  SAYS("瞬間最大帯域 (Mbps)", "瞬間的に許す帯域。", "What a short burst may reach.") },
		{ "burst_s", FIELD_UINT, AT(org_breakout, burst_s), .min = 1, .max = 250, .def = "10",
		  SAYS("瞬間最大の長さ (秒)", "瞬間最大帯域を続けて使える秒数。", "How many seconds the burst lasts.") },
		{ "services", FIELD_OBJECT, LIST(org_breakout, services), .sub = &breakout_use_object, .max_entries = 50,
		  SAYS("サービス", "ブレイクアウトするサービス。空はなし。", "Which services break out; empty: none.") },
		END,
	},
};

static const struct object peer_object = {
	"bgp_peer", { "upstream router", "上位ルータ" }, "name", sizeof(struct bgp_peer),
	(const struct field[]){
		{ "name", FIELD_TEXT, .required = true, AT(bgp_peer, name), .form = &form_id,
		  SAYS("名前", "上位ルータの名前。", "What people call it.") },
		{ "address", FIELD_ADDRESS, .required = true, AT(bgp_peer, address),
		  SAYS("アドレス", "上位回線のネットワークにあるルータのアドレス。", "Its address, in an uplink's network.") },
		{ "as", FIELD_UINT, .required = true, AT(bgp_peer, as), .min = 1, .max = 4294967294,
		  SAYS("AS 番号", "上位の AS 番号。", "Its autonomous system.") },
		{ "flowspec", FIELD_BOOL, AT(bgp_peer, flowspec),
		  SAYS("FlowSpec", "一部の通信だけを止める依頼 (RFC 8955) も受け付けるか。", "Whether it takes single flows too (RFC 8955).") },
		{ "secret", FIELD_UINT, AT(bgp_peer, secret), .max = BGP_SECRETS,
		  SAYS("合言葉の番号", "セッションを署名する合言葉 (TCP MD5) の番号。ルータごとに別の番号を使い、替えるときは番号を替えます。値は toride lines secret が示します。0 は署名しません。",
		       "Number of the secret the session is signed with (TCP MD5); each router has another, and a new number is a new secret. toride lines secret shows it. 0: not signed.") },
		END,
	},
};

const struct object schema_mitigation = {
	"mitigation", { "mitigation upstream", "上位での緩和" }, NULL, sizeof(struct mitigation),
	(const struct field[]){
		{ "as", FIELD_UINT, AT(mitigation, as), .max = 4294967294,
		  SAYS("AS 番号", "こちらの AS 番号。", "Our autonomous system.") },
		{ "peers", FIELD_OBJECT, LIST(mitigation, peers), .sub = &peer_object, .max_entries = BGP_PEERS_MAX,
		  SAYS("上位ルータ", "止めてほしい通信を伝える上位のルータ。空は伝えません。", "The upstream's routers that are told what to drop; empty: none.") },
		{ "guard", FIELD_PREFIX, LIST(mitigation, guard), .max_entries = 1000,
		  SAYS("対象外", "誰が指示しても決して伝えないアドレス。", "Addresses that are never announced, whoever orders it.") },
		END,
	},
};
