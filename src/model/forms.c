/* The forms of text in a description; see forms.h. Stands below the schema table, which names one for each text. */
#include "model/forms.h"

#include "base/mem.h"
#include "model/category.h"
#include "model/model.h"

#include <string.h>

#define WRONG(name, e, j) static const struct text2 name = { e, j }

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool all(struct str s, const char *also, bool capitals)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];
		if (!digit(c) && !lower(c) && !(capitals && upper(c)) && (c == 0 || !strchr(also, c)))
			return false;
	}
	return true;
}

static bool all_digits(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!digit(s.ptr[i]))
			return false;
	return s.len > 0;
}

/* Control characters, C1 controls, U+2028 and U+2029, and the marks that turn the direction of writing
 * (U+202A–202E, U+2066–2069): the last let a page show another text than the one that is checked. */
static const struct text2 *check_line(struct str s)
{
	WRONG(bad, "holds a control character or a line break", "制御文字または改行が含まれています");
	for (size_t i = 0; i < s.len; i++) {
		const unsigned char *p = (const unsigned char *)s.ptr + i;
		if (p[0] < 0x20 || p[0] == 0x7f || (p[0] == 0xc2 && i + 1 < s.len && p[1] < 0xa0))
			return &bad;
		if (p[0] != 0xe2 || i + 2 >= s.len)
			continue;
		if ((p[1] == 0x80 && p[2] >= 0xa8 && p[2] <= 0xae) || (p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9))
			return &bad;
	}
	return NULL;
}

static bool label_ok(struct str l)
{
	return l.len >= 1 && l.len <= 63 && l.ptr[0] != '-' && l.ptr[l.len - 1] != '-' && all(l, "-", false);
}

static const struct text2 *check_host(struct str s)
{
	WRONG(case_, "must be written in lower case", "小文字で書いてください");
	WRONG(idn, "must be written with A-labels (xn--…)", "日本語ドメインは A ラベル (xn--…) で書いてください");
	WRONG(bad, "isn't a host name (RFC 1123)", "ホスト名として正しくありません (RFC 1123)");
	struct str rest = s, label, last = { 0 };
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] >= 0x80)
			return &idn;
		else if (upper(s.ptr[i]))
			return &case_;
	if (s.len == 0 || s.len > 253)
		return &bad;
	while (str_next(&rest, '.', &label)) {
		if (!label_ok(label))
			return &bad;
		last = label;
	}
	return all_digits(last) ? &bad : NULL; /* "10.1.0.300" is a mistyped address, not a name */
}

/* Labels of services and keys begin with an underscore (RFC 8552); a wildcard stands alone and first (RFC 4592 section 2.1.1). */
static const struct text2 *check_owner(struct str s)
{
	WRONG(bad, "isn't a name within a zone: @, or labels of a-z, 0-9, hyphen and _ (the first may be *)",
	      "ゾーン内の名前として正しくありません (@、または a–z・0–9・ハイフン・_。先頭だけ * も可)");
	struct str rest = s, label;
	if (str_eq(s, STR("@")))
		return NULL;
	for (bool first = true; str_next(&rest, '.', &label); first = false) {
		if (first && str_eq(label, STR("*")))
			continue;
		if (label.len && label.ptr[0] == '_')
			label = (struct str){ label.ptr + 1, label.len - 1 };
		if (!label.len || label.len > 62 || label.ptr[0] == '-' || label.ptr[label.len - 1] == '-' || !all(label, "-_", false))
			return &bad;
	}
	return s.len == 0 || s.len > 253 || s.ptr[s.len - 1] == '.' ? &bad : NULL;
}

static const struct text2 *check_ascii(struct str s)
{
	WRONG(bad, "holds a character that isn't printable ASCII", "印字できる ASCII 文字だけで書いてください");
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] < ' ' || s.ptr[i] > '~')
			return &bad;
	return NULL;
}

static const struct text2 *check_domain(struct str s)
{
	if (s.len && s.ptr[0] == '.')
		return check_host((struct str){ s.ptr + 1, s.len - 1 });
	return check_host(s);
}

static const struct text2 *check_fqdn(struct str s)
{
	WRONG(bad, "isn't a full host name: it has no dot", "完全なホスト名ではありません (ドットがありません)");
	const struct text2 *t = check_host(s);
	return t ? t : memchr(s.ptr, '.', s.len) ? NULL : &bad;
}

static const struct text2 *check_address(struct str s)
{
	WRONG(bad, "isn't an IPv4 or IPv6 address", "IPv4 または IPv6 アドレスとして正しくありません");
	struct prefix p;
	return s.len == 0 || memchr(s.ptr, '/', s.len) || prefix_parse(s, &p) < 0 ? &bad : NULL;
}

static const struct text2 *check_mailhost(struct str s)
{
	return check_address(s) ? check_host(s) : NULL;
}

static bool port_ok(struct str s)
{
	uint64_t v;
	return s.len && s.ptr[0] != '0' && str_to_u64(s, 65535, &v);
}

/* host, host:port, [v6] or [v6]:port */
static const struct text2 *check_authority(struct str s)
{
	WRONG(bad, "has no right host and port in its URL", "URL のホストまたはポートが正しくありません");
	const char *end = s.len && s.ptr[0] == '[' ? memchr(s.ptr, ']', s.len) : NULL;
	struct str host, rest = s;
	if (end) {
		host = (struct str){ s.ptr + 1, (size_t)(end - s.ptr - 1) };
		rest = (struct str){ end + 1, s.len - host.len - 2 };
		if (rest.len && (rest.ptr[0] != ':' || !port_ok((struct str){ rest.ptr + 1, rest.len - 1 })))
			return &bad;
		return check_address(host) ? &bad : NULL;
	}
	if (!str_next(&rest, ':', &host))
		return &bad;
	if (rest.ptr && !port_ok(rest))
		return &bad;
	return check_mailhost(host);
}

static const struct text2 *check_exact(struct str s)
{
	WRONG(form, "must be http:// or https://, a host, and a path that begins with /",
	      "http:// または https:// とホスト、/ で始まるパスで書いてください");
	WRONG(chars, "holds a character that no URL has (write it percent-encoded), or a fragment",
	      "URL に使えない文字またはフラグメントが含まれています (パーセント符号化してください)");
	size_t head = str_starts(s, STR("http://")) ? 7 : str_starts(s, STR("https://")) ? 8 : 0;
	struct str rest = { s.ptr + head, s.len - head };
	const char *slash = head && rest.len ? memchr(rest.ptr, '/', rest.len) : NULL;
	if (!slash)
		return &form;
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] <= ' ' || (unsigned char)s.ptr[i] >= 0x7f || strchr("\"<>\\^`{|}#", s.ptr[i]))
			return &chars;
	return check_authority((struct str){ rest.ptr, (size_t)(slash - rest.ptr) });
}

static bool has(struct str s, const char *what)
{
	return s.len && memmem(s.ptr, s.len, what, strlen(what)) != NULL;
}

static const struct text2 *check_exception(struct str s)
{
	return has(s, "://") ? check_exact(s) : check_domain(s);
}

static const struct text2 *check_url(struct str s)
{
	WRONG(cidr, "isn't an address or a CIDR without host bits", "アドレスまたは (ホスト部が 0 の) CIDR として正しくありません");
	struct prefix p;
	if (has(s, "://"))
		return check_exact(s);
	if (has(s, "/") || has(s, ":"))
		return prefix_parse(s, &p) < 0 ? &cidr : NULL;
	return prefix_parse(s, &p) < 0 ? check_domain(s) : NULL;
}

static const struct text2 *check_https(struct str s)
{
	WRONG(bad, "isn't an https URL", "https で始まる URL ではありません");
	return !s.len ? NULL : str_starts(s, STR("https://")) ? check_exact(s) : &bad;
}

static bool dots_ok(struct str s)
{
	return s.ptr[0] != '.' && s.ptr[s.len - 1] != '.' && !has(s, "..");
}

static const struct text2 *check_mail(struct str s)
{
	WRONG(bad, "isn't a mail address", "メールアドレスとして正しくありません");
	char host[256];
	struct str rest = s, local;
	if (!has(s, "@") || !str_next(&rest, '@', &local) || local.len < 1 || local.len > 64 || !dots_ok(local) ||
	    !all(local, ".!#$%&'*+/=?^_`{|}~-", true) || !str_copy(rest, host, sizeof host) || !strchr(host, '.'))
		return &bad;
	for (char *c = host; *c; c++)
		if (upper(*c))
			*c = (char)(*c + 32);
	return check_host(str_from(host)) ? &bad : NULL;
}

static const struct text2 *check_phone(struct str s)
{
	WRONG(bad, "isn't a telephone number: up to 24 digits, hyphens, spaces, + and parentheses",
	      "電話番号として正しくありません (数字・ハイフン・空白・+・括弧、24 文字まで)");
	for (size_t i = 0; i < s.len; i++)
		if (!digit(s.ptr[i]) && (s.ptr[i] == 0 || !strchr("-+() ", s.ptr[i])))
			return &bad;
	return s.len > 24 ? &bad : NULL;
}

static const struct text2 *check_interface(struct str s)
{
	WRONG(bad, "must be 1 to 15 of a-z, 0-9 and hyphen", "a–z・0–9・ハイフンの 1~15 文字で書いてください");
	return s.len < 1 || s.len > 15 || s.ptr[0] == '-' || !all(s, "-", false) ? &bad : NULL;
}

static const struct text2 *check_downloads(struct str s)
{
	WRONG(bad, "must be one of programs, scripts, macros, archives, disks, media", "programs・scripts・macros・archives・disks・media のどれかにしてください");
	static const char *const groups[] = { "programs", "scripts", "macros", "archives", "disks", "media" };
	for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
		if (str_eq(s, str_from(groups[i])))
			return NULL;
	return &bad;
}

static const struct text2 *check_kinds(struct str s)
{
	WRONG(bad, "must be one of documents, all, programs, scripts, macros, archives, disks, media", "documents・all・programs・scripts・macros・archives・disks・media のどれかにしてください");
	return str_eq(s, STR("documents")) || str_eq(s, STR("all")) || !check_downloads(s) ? NULL : &bad;
}

static const struct text2 *check_tenant(struct str s)
{
	WRONG(bad, "must be letters, digits, \".\", \"-\" and \"_\"", "英数字と . - _ で書いてください");
	return s.len < 1 || s.len > 253 || !all(s, "._-", true) ? &bad : NULL;
}

static const struct text2 *check_category(struct str s)
{
	WRONG(bad, "isn't a category (toride url categories lists them; a list's own begin with x-)",
	      "カテゴリの名前ではありません (toride url categories で一覧。独自のものは x- で始めます)");
	return url_category_ok(s) ? NULL : &bad;
}

static const struct text2 *check_id(struct str s)
{
	WRONG(bad, "must be 1 to 32 of letters, digits, _ and hyphen", "英数字・_・ハイフンの 1~32 文字で書いてください");
	WRONG(own, "is one of Toride's own rule names", "砦が使う規則名と同じです");
	static const char *const reserved[] = { "default-out", "default-in", "spoof", "lateral", "lgwan", "management",
		                             "bogon", "not-internet", "local", "doh", "quic" };
	for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
		if (str_eq(s, str_from(reserved[i])))
			return &own;
	return s.len < 1 || s.len > 32 || !all(s, "_-", true) ? &bad : NULL;
}

static const struct text2 *check_digest(struct str s)
{
	WRONG(bad, "must be \"sha256:\" and 64 hexadecimal digits", "\"sha256:\" に続く 16 進 64 桁で書いてください");
	unsigned char sum[32];
	if (s.len != 71 || !str_starts(s, STR("sha256:")))
		return &bad;
	for (size_t i = 7; i < s.len; i++)
		if (s.ptr[i] >= 'A' && s.ptr[i] <= 'F')
			return &bad;
	return hex_parse((struct str){ s.ptr + 7, 64 }, sum, sizeof sum) ? NULL : &bad;
}

static const struct text2 *check_date(struct str s)
{
	WRONG(bad, "isn't a day that exists, written 2026-12-29", "実在する日付を 2026-12-29 の形で書いてください");
	static const uint8_t days[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	uint64_t y, m, d;
	if (s.len != 10 || s.ptr[4] != '-' || s.ptr[7] != '-' || !str_to_u64((struct str){ s.ptr, 4 }, 2999, &y) ||
	    !str_to_u64((struct str){ s.ptr + 5, 2 }, 12, &m) || !str_to_u64((struct str){ s.ptr + 8, 2 }, 31, &d))
		return &bad;
	bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
	if (y < 2000 || m < 1 || d < 1 || d > days[m - 1] || (m == 2 && d == 29 && !leap))
		return &bad;
	return NULL;
}

/* Parts of letters, digits and ._- between slashes, none of them hidden or "..". */
static bool path_ok(struct str rest)
{
	struct str part;
	if (rest.len == 0)
		return false;
	while (str_next(&rest, '/', &part))
		if (part.len == 0 || part.ptr[0] == '.' || !all(part, "._-", true))
			return false;
	return true;
}

/* They stand between quotes in the language of the WAF's rules. */
static const struct text2 *check_url_path(struct str s)
{
	WRONG(bad, "must begin with / and hold letters, digits and /._~- only", "/ で始め、英数字と /._~- で書いてください");
	return s.len && (s.ptr[0] != '/' || !all(s, "/._~-", true)) ? &bad : NULL;
}

static const struct text2 *check_parameter(struct str s)
{
	WRONG(bad, "must be letters, digits and ._[]- only", "英数字と ._[]- で書いてください");
	return all(s, "._[]-", true) ? NULL : &bad;
}

/* The certificate stands in the description itself: compiling reads no other file. */
static const struct text2 *check_certificate(struct str s)
{
	WRONG(bad, "must be \"base64:\" and the certificate (the body of its PEM file) on one line",
	      "\"base64:\" に続けて証明書 (PEM の本文) を1行で書いてください");
	if (!str_starts(s, STR("base64:")) || s.len < 100)
		return &bad;
	return all((struct str){ s.ptr + 7, s.len - 7 }, "+/=", true) ? NULL : &bad;
}

/* "/" and a relative path; short enough for socket names below it (107 bytes). */
static const struct text2 *check_directory(struct str s)
{
	static const struct text2 bad = { "not an absolute path of at most 64 bytes", "64 バイト以内の絶対パスではありません" };
	return s.len < 2 || s.len > 64 || s.ptr[0] != '/' || !path_ok((struct str){ s.ptr + 1, s.len - 1 }) ? &bad : NULL;
}

static const struct text2 *check_loopback(struct str s)
{
	WRONG(bad, "must be a loopback address with its port, like 127.0.0.1:8480",
	      "127.0.0.1:8480 のように、ループバックアドレスとポートで書いてください");
	struct prefix p, v4;
	struct str rest = s, host;
	if (str_starts(s, STR("[::1]:")))
		return port_ok((struct str){ s.ptr + 6, s.len - 6 }) ? NULL : &bad;
	(void)prefix_parse(STR("127.0.0.0/8"), &v4);
	if (!str_next(&rest, ':', &host) || !rest.ptr || !port_ok(rest) || prefix_parse(host, &p) < 0 || p.len != 32 ||
	    !prefix_contains(&v4, &p))
		return &bad;
	return NULL;
}

/* Without TLS only where it never leaves the machine. */
static const struct text2 *check_page_url(struct str s)
{
	WRONG(bad, "must be like https://desk.example.jp, without a path", "https://desk.example.jp のように、パスなしで書いてください");
	struct str host, rest;
	if (s.len == 0)
		return NULL;
	if (str_starts(s, STR("http://")))
		return check_loopback((struct str){ s.ptr + 7, s.len - 7 }) ? &bad : NULL;
	if (!str_starts(s, STR("https://")))
		return &bad;
	rest = (struct str){ s.ptr + 8, s.len - 8 };
	if (!str_next(&rest, ':', &host) || check_host(host))
		return &bad;
	return rest.ptr && rest.len && !port_ok(rest) ? &bad : NULL;
}

static const struct text2 *check_server_url(struct str s)
{
	WRONG(bad, "must be like https://ch1.example.jp:8443, without a path", "https://ch1.example.jp:8443 のように、パスなしで書いてください");
	return str_starts(s, STR("https://")) && !check_page_url(s) ? NULL : &bad;
}

static const struct text2 *check_name(struct str s)
{
	WRONG(bad, "must be 1 to 48 of a-z, 0-9 and \"_\", a letter first", "英小文字で始まる英小文字・数字・_ の 48 文字以内で書いてください");
	bool ok = s.len >= 1 && s.len <= 48 && s.ptr[0] >= 'a' && s.ptr[0] <= 'z';
	for (size_t i = 0; ok && i < s.len; i++)
		ok = (s.ptr[i] >= 'a' && s.ptr[i] <= 'z') || digit(s.ptr[i]) || s.ptr[i] == '_';
	return ok ? NULL : &bad;
}

static bool hex_text(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!digit(s.ptr[i]) && !strchr("abcdefABCDEF", s.ptr[i] ? s.ptr[i] : ' '))
			return false;
	return s.len >= 40 && s.len % 2 == 0;
}

static const struct text2 *check_anchor(struct str s)
{
	WRONG(bad, "must be a DS record of the root: \". IN DS 20326 8 2 …\"", "ルートの DS レコード \". IN DS 20326 8 2 …\" の形で書いてください");
	struct str rest = s, word[8];
	size_t n = 0, i = 1;
	uint64_t v;
	if (s.len == 0)
		return NULL;
	while (n < 8 && str_next(&rest, ' ', &word[n]))
		n += word[n].len > 0;
	if (n < 6 || rest.ptr || !str_eq(word[0], STR(".")))
		return &bad;
	i += i < n && str_to_u64(word[i], UINT32_MAX, &v);
	i += i < n && str_eq(word[i], STR("IN"));
	if (n - i != 5 || !str_eq(word[i], STR("DS")) || !str_to_u64(word[i + 1], 65535, &v) ||
	    !str_to_u64(word[i + 2], 255, &v) || !str_to_u64(word[i + 3], 255, &v) || !hex_text(word[i + 4]))
		return &bad;
	return NULL;
}

/* 総務省 「全国地方公共団体コード」: 11 − ((6a+5b+4c+3d+2e) mod 11), of that the last digit. */
static const struct text2 *check_sha256(struct str s)
{
	WRONG(bad, "must be a SHA-256: 64 digits 0-9 and a-f", "SHA-256 (0~9 と a~f の 64 桁) で書いてください");
	if (s.len != 64)
		return &bad;
	for (size_t i = 0; i < s.len; i++)
		if (!strchr("0123456789abcdef", s.ptr[i]) || !s.ptr[i])
			return &bad;
	return NULL;
}

static const struct text2 *check_org_code(struct str s)
{
	WRONG(form, "must be six digits", "6 桁の数字で書いてください");
	WRONG(digit_, "has a wrong check digit", "検査数字が正しくありません");
	if (s.len != 6 || !all_digits(s))
		return &form;
	int sum = 0;
	for (int i = 0; i < 5; i++)
		sum += (6 - i) * (s.ptr[i] - '0');
	return s.ptr[5] - '0' == (11 - sum % 11) % 10 ? NULL : &digit_;
}

static const struct text2 *check_pref_code(struct str s)
{
	WRONG(bad, "must be a prefecture's number, 01 to 47", "都道府県番号 (01~47) で書いてください");
	uint64_t v;
	return s.len != 2 || !str_to_u64(s, 47, &v) || v < 1 ? &bad : NULL;
}

static const struct text2 *check_ldap(struct str s)
{
	WRONG(bad, "must be ldaps://name or ldap://name, perhaps with :port, and nothing behind it",
	      "ldaps://名前 または ldap://名前 (必要なら :ポート) の形で書いてください");
	struct str name, rest = s;
	uint64_t port;
	if (str_starts(s, STR("ldaps://")))
		rest.ptr += 8, rest.len -= 8;
	else if (str_starts(s, STR("ldap://")))
		rest.ptr += 7, rest.len -= 7;
	else
		return &bad;
	if (!str_next(&rest, ':', &name) || check_host(name) || (rest.ptr && rest.len && !str_to_u64(rest, 65535, &port)))
		return &bad;
	return name.ptr[name.len - 1] == ':' || s.ptr[s.len - 1] == ':' ? &bad : NULL;
}

static const struct text2 *check_wrapped(struct str s)
{
	WRONG(bad, "must be what toride directory secret or keytab printed, never the password or key itself", "toride directory secret または keytab が表示したものを書いてください (パスワードや鍵そのものは書きません)");
	if (!str_starts(s, STR("v1:")) || s.len < 3 + 56 || s.len % 2 == 0)
		return &bad;
	for (size_t i = 3; i < s.len; i++)
		if (!digit(s.ptr[i]) && !(s.ptr[i] >= 'a' && s.ptr[i] <= 'f'))
			return &bad;
	return NULL;
}

/* As proxy/ja4.h writes it: "t13d1516h2_8daaf6152771_e5627efa2ab1". QUIC's ("q…") pass nowhere here, so that a line of one would promise what it can't. */
static const struct text2 *check_ja4(struct str s)
{
	WRONG(bad, "must be a JA4 fingerprint of TLS over TCP, as events hold it in tls.ja4: t13d1516h2_8daaf6152771_e5627efa2ab1",
	      "TCP 上の TLS の JA4 指紋を、記録の tls.ja4 にある形 (t13d1516h2_8daaf6152771_e5627efa2ab1) で書いてください");
	static const char shape[] = "tvvsnnnnaa_xxxxxxxxxxxx_xxxxxxxxxxxx", *const versions[] = { "13", "12", "11", "10", "s3", "00" };
	bool known = false;
	if (s.len != sizeof shape - 1)
		return &bad;
	for (size_t i = 0; i < ARRAY_LEN(versions); i++)
		known |= memcmp(s.ptr + 1, versions[i], 2) == 0;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		bool ok = shape[i] == 'v' ? known : shape[i] == 's' ? c == 'd' || c == 'i' : shape[i] == 'n' ? digit(c) :
		          shape[i] == 'a' ? digit(c) || letter : shape[i] == 'x' ? digit(c) || (c >= 'a' && c <= 'f') : c == shape[i];
		if (!ok)
			return &bad;
	}
	return NULL;
}

#define DATE "[0-9]{4}-[0-9]{2}-[0-9]{2}"
const struct form form_line = { check_line, NULL };
const struct form form_host = { check_host, "^[a-z0-9-]{1,63}(\\.[a-z0-9-]{1,63})*$" };
const struct form form_owner = { check_owner, "^(@|(\\*|[a-z0-9_-]{1,63})(\\.[a-z0-9_-]{1,63})*)$" };
const struct form form_ascii = { check_ascii, "^[ -~]*$" };
const struct form form_domain = { check_domain, "^\\.?[a-z0-9-]{1,63}(\\.[a-z0-9-]{1,63})*$" };
const struct form form_fqdn = { check_fqdn, "^[a-z0-9-]{1,63}(\\.[a-z0-9-]{1,63})+$" };
const struct form form_path = { check_url_path, "^(/[A-Za-z0-9/._~-]*)?$" };
const struct form form_parameter = { check_parameter, "^[][A-Za-z0-9._-]*$" };
const struct form form_https = { check_https, "^(https://[!-~]+)?$" };
const struct form form_url = { check_url, "^[!-~]+$" };
const struct form form_endpoint = { check_exact, "^https?://[!-~]+$" };
const struct form form_exception = { check_exception, "^[!-~]+$" };
const struct form form_mail = { check_mail, "^[^@ ]{1,64}@[A-Za-z0-9.-]+\\.[A-Za-z0-9-]+$" };
const struct form form_phone = { check_phone, "^[-+() 0-9]{0,24}$" };
const struct form form_interface = { check_interface, "^[a-z0-9][a-z0-9-]{0,14}$" };
const struct form form_category = { check_category, "^[a-z0-9-]{1,31}$" };
const struct form form_kinds = { check_kinds, "^[a-z]+$" };
const struct form form_downloads = { check_downloads, "^[a-z]+$" };
const struct form form_ja4 = { check_ja4, "^t(13|12|11|10|s3|00)[di][0-9]{4}[0-9A-Za-z]{2}_[0-9a-f]{12}_[0-9a-f]{12}$" };
const struct form form_tenant = { check_tenant, "^[A-Za-z0-9._-]{1,253}$" };
const struct form form_id = { check_id, "^[A-Za-z0-9_-]{1,32}$" };
const struct form form_digest = { check_digest, "^sha256:[0-9a-f]{64}$" };
const struct form form_date = { check_date, "^" DATE "$" };
const struct form form_directory = { check_directory, "^/[A-Za-z0-9_-][A-Za-z0-9._/-]*$" };
const struct form form_certificate = { check_certificate, "^base64:[A-Za-z0-9+/=]+$" };
const struct form form_loopback = { check_loopback, "^(127\\.[0-9.]+|\\[::1\\]):[1-9][0-9]{0,4}$" };
const struct form form_page_url = { check_page_url, "^(|https://[a-z0-9.-]+(:[1-9][0-9]{0,4})?|http://(127\\.[0-9.]+|\\[::1\\]):[1-9][0-9]{0,4})$" };
const struct form form_server_url = { check_server_url, "^https://[a-z0-9.-]+(:[1-9][0-9]{0,4})?$" };
const struct form form_name = { check_name, "^[a-z][a-z0-9_]{0,47}$" };
const struct form form_mailhost = { check_mailhost, "^[a-z0-9.:-]+$" };
const struct form form_address = { check_address, "^[0-9A-Fa-f.:]+$" };
const struct form form_ldap = { check_ldap, "^ldaps?://[a-z0-9.-]+(:[1-9][0-9]{0,4})?$" };
const struct form form_wrapped = { check_wrapped, "^v1:([0-9a-f]{2})+$" };
const struct form form_anchor = { check_anchor, "^(|\\. .*DS .+)$" };
const struct form form_sha256 = { check_sha256, "^[0-9a-f]{64}$" };
const struct form form_org_code = { check_org_code, "^[0-9]{6}$" };
const struct form form_pref_code = { check_pref_code, "^[0-4][0-9]$" };
