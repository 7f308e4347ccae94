/* The rows of who may use the proxy: the directory that knows an organisation's people, and whom it needn't ask about; see schema.h. */
#include "model/schema_rows.h"

static const struct word fails[] = {
	{ "closed", FAIL_CLOSED, { "nobody gets through", "通さない" } },
	{ "open", FAIL_OPEN, { "everybody gets through, without a name", "利用者名なしで通す" } },
	{ .word = NULL },
};

static const struct object user_group_object = {
	"user_group", { "user group", "利用者グループ" }, "name", sizeof(struct user_group),
	(const struct field[]){
		{ "name", FIELD_TEXT, .required = true, AT(user_group, name), .form = &form_id, .max = USER_GROUP_NAME - 1,
		  SAYS("名前", "規則から呼ぶ名前。記録にも残ります。", "What rules call it; stands in the records.") },
		{ "dn", FIELD_TEXT, .required = true, AT(user_group, dn), .form = &form_line, .max = 500,
		  SAYS("識別名", "ディレクトリでのグループの識別名 (DN)。入れ子のグループも含みます。", "Its entry in the directory (DN); groups inside it count.") },
		END,
	},
};

const struct object schema_proxy_users = {
	"proxy_users", { "users of the proxy", "利用者の確認" }, NULL, sizeof(struct proxy_users),
	(const struct field[]){
		{ "directory", FIELD_TEXT, AT(proxy_users, directory), .form = &form_ldap, .max = 300,
		  SAYS("ディレクトリ", "ldaps://名前、または ldap://名前 (StartTLS で暗号化)。空は利用者を確認しません。",
		       "ldaps://name, or ldap://name (StartTLS is used). Empty: nobody is asked who he is.") },
		{ "servers", FIELD_ADDRESS, LIST(proxy_users, servers), .max_entries = 4,
		  SAYS("サーバ", "ディレクトリのアドレス。団体の内部ネットワークにあるもの。応答がなければ次を使います。",
		       "Its addresses, inside the organisation's own networks; the next where one doesn't answer.") },
		{ "ca", FIELD_TEXT, LIST(proxy_users, ca), .form = &form_certificate, .max = 8000, .max_entries = 10,
		  SAYS("認証局", "ディレクトリの証明書を発行した認証局。", "Certificates of the authorities that certify its name.") },
		{ "base", FIELD_TEXT, AT(proxy_users, base), .form = &form_line, .max = 500,
		  SAYS("検索の起点", "利用者を探す場所の識別名。", "The DN below which people are looked for.") },
		{ "filter", FIELD_TEXT, AT(proxy_users, filter), .form = &form_line, .max = 500, .def = "\"(sAMAccountName=%u)\"",
		  SAYS("検索条件", "利用者を探す条件。%u が入力された利用者名に変わります。", "By what they are found; %u stands for the name that was typed.") },
		{ "name_attribute", FIELD_TEXT, AT(proxy_users, name_attribute), .form = &form_id, .def = "\"sAMAccountName\"",
		  SAYS("利用者名の属性", "記録に残す利用者名の属性。", "The attribute that stands in the records as the user's name.") },
		{ "groups_attribute", FIELD_TEXT, AT(proxy_users, groups_attribute), .form = &form_id, .def = "\"memberOf\"",
		  SAYS("グループの属性", "所属するグループの識別名を持つ属性。", "The attribute that holds the DNs of the groups one is in.") },
		{ "bind_dn", FIELD_TEXT, AT(proxy_users, bind_dn), .form = &form_line, .max = 500,
		  SAYS("検索用の識別名", "利用者を探すための、閲覧だけができる識別名。", "Who looks people up: an account that may read and nothing else.") },
		{ "bind_secret", FIELD_TEXT, AT(proxy_users, bind_secret), .form = &form_wrapped, .max = 1000,
		  SAYS("検索用のパスワード", "toride directory secret が鍵保管庫で包んで表示したもの。パスワードそのものは書きません。",
		       "Its password as toride directory secret prints it, wrapped by the vault; never the password itself.") },
		{ "bind_as", FIELD_TEXT, AT(proxy_users, bind_as), .form = &form_line, .max = 300,
		  SAYS("本人として検索", "検索用の識別名を使わず、本人として接続するときの名前。例: %u@saga.local", "In place of bind_dn: people look themselves up, by this name; like %u@saga.local.") },
		{ "keytab", FIELD_TEXT, AT(proxy_users, keytab), .form = &form_wrapped, .max = 1200,
		  SAYS("Kerberos の鍵", "プロキシの Kerberos の鍵 (keytab) を toride directory keytab が包んで表示したもの。書くと、ドメインにログイン済みの端末では入力が要りません。",
		       "The proxy's keytab as toride directory keytab prints it, wrapped by the vault: terminals signed in to the domain are asked for nothing.") },
		{ "passwords", FIELD_BOOL, AT(proxy_users, passwords), .def = "true",
		  SAYS("パスワードを尋ねる", "利用者名とパスワードも受け取るか。keytab があれば、Kerberos を使えない端末だけが尋ねられます。",
		       "Whether names and passwords are taken too; with a keytab, only where a terminal has no ticket.") },
		{ "groups", FIELD_OBJECT, LIST(proxy_users, groups), .sub = &user_group_object, .max_entries = USER_GROUPS_MAX,
		  SAYS("グループ", "規則で使うグループ。", "The groups that rules may name.") },
		{ "realm", FIELD_TEXT, AT(proxy_users, realm), .form = &form_ascii, .max = 60,
		  SAYS("入力欄の表示", "ブラウザが利用者名を尋ねるときの表示 (英数字)。空は団体の英語名。", "What a browser shows as it asks; empty: the organisation's English name.") },
		{ "exempt_terminals", FIELD_PREFIX, LIST(proxy_users, exempt_terminals), .max_entries = 1000,
		  SAYS("確認しない端末", "利用者を確認しない端末とネットワーク (下位プロキシ、サーバなど)。", "Terminals and networks that needn't say who they are: child proxies, servers.") },
		{ "exempt_destinations", FIELD_TEXT, LIST(proxy_users, exempt_destinations), .form = &form_domain, .max = 254, .max_entries = 1000,
		  SAYS("確認しない宛先", "利用者を確認しないホスト名と .ドメイン (更新プログラムなど)。", "Hosts and .domains for which nobody needs to: updates of programs.") },
		{ "fail", FIELD_ENUM, AT(proxy_users, fail), .words = fails, .def = "\"closed\"",
		  SAYS("応答がないとき", "ディレクトリから応答がないときの扱い。", "What happens while no directory answers.") },
		{ "clear", FIELD_BOOL, AT(proxy_users, clear),
		  SAYS("暗号化なしで受ける", "パスワードを、暗号化しないプロキシ接続でも受け取るか。盗み見られるおそれがあるため、TLS を使えない端末があるときだけにします。",
		       "Whether passwords are taken over the unencrypted proxy port too, where anybody on the way can read them: only for terminals that can't do TLS.") },
		END,
	},
};
