/* Block and error pages; see page.h. The words are a table, so that each can be read and corrected in one place. */
#include "proxy/page.h"

#include "base/clock.h"
#include "base/mem.h"
#include "model/category.h"
#include "proxy/grant.h"
#include "proxy/parcel.h"

#include <stdio.h>

struct words {
	unsigned status;
	const char *reason;
	const char *title_ja, *why_ja, *do_ja;
	const char *title_en, *why_en, *do_en;
};

#define ASK_JA "業務に必要なときは、この画面の受付番号を添えて、情報システム担当にご連絡ください。"
#define ASK_EN "If you need this page for your work, contact your IT staff and give them the reference number."
#define RETRY_JA "少し時間をおいてから、もう一度お試しください。続くときは、受付番号を添えて情報システム担当にご連絡ください。"
#define RETRY_EN "Wait a little and try again. If it goes on, contact your IT staff with the reference number."

static const struct words words[PAGE_COUNT] = {
	[PAGE_URL] = { 403, "Forbidden", "このページの閲覧は制限されています",
	               "接続先が、あなたの団体の閲覧制限の対象になっています。", ASK_JA, "This page is restricted",
	               "Your organisation's rules do not allow this destination.", ASK_EN },
	[PAGE_BLOCK] = { 403, "Forbidden", "安全のため、この接続先への通信を遮断しています",
	                 "不正な通信が疑われるため、この接続先または端末の通信を一時的に止めています。",
	                 "操作をやめ、この画面を閉じずに、受付番号を情報システム担当にすぐお知らせください。",
	                 "Traffic to this destination is blocked for safety",
	                 "Malicious traffic is suspected, so this destination or terminal is blocked for now.",
	                 "Stop what you are doing, leave this page open and give the reference number to your IT staff at once." },
	[PAGE_MALWARE] = { 403, "Forbidden", "ウイルスが見つかったため、受け取りを止めました",
	                   "ダウンロードしようとした内容から、不正なプログラムが検出されました。端末には届いていません。",
	                   "同じファイルを別の方法で入手しないでください。受付番号を情報システム担当にお知らせください。",
	                   "Malware was found and stopped",
	                   "Malicious software was found in what you were about to download. It did not reach your terminal.",
	                   "Do not try to get the same file another way. Give the reference number to your IT staff." },
	[PAGE_UNSCANNABLE] = { 403, "Forbidden", "検査できない内容のため、受け取りを止めました",
	                       "大きすぎる、壊れているなどの理由で、安全かどうかを確認できませんでした。", ASK_JA,
	                       "Stopped because it cannot be inspected",
	                       "It is too large, broken or otherwise unreadable, so its safety could not be checked.", ASK_EN },
	[PAGE_INSPECTION] = { 403, "Forbidden", "追加の検査で、受け取りを止めました",
	                      "あなたの団体が使う無害化またはサンドボックスの検査が、このファイルの受け取りを認めませんでした。端末には届いていません。",
	                      "業務に必要なときは、受付番号を添えて情報システム担当にご連絡ください。",
	                      "Stopped by a further inspection",
	                      "The sanitiser or sandbox that your organisation uses did not let this file pass. It did not reach your terminal.",
	                      "If your work needs it, give the reference number to your IT staff." },
	[PAGE_ENCRYPTED] = { 403, "Forbidden", "パスワード付きのファイルのため、受け取りを止めました",
	                     "ファイルまたはその中身がパスワードで保護されており、安全かどうかを確認できませんでした。",
	                     "パスワードの付いていないファイルを送ってもらうよう、相手に依頼してください。業務に必要なときは、受付番号を添えて情報システム担当にご連絡ください。",
	                     "Stopped because it is protected by a password",
	                     "The file, or something in it, opens with a password only, so its safety could not be checked.",
	                     "Ask the sender for a file without a password. If your work needs it, give the reference number to your IT staff." },
	[PAGE_NO_VERDICT] = { 503, "Service Unavailable", "安全確認ができなかったため、受け取りを止めました",
	                      "検査の仕組みから、時間内に結果が得られませんでした。", RETRY_JA,
	                      "Stopped because it could not be checked", "The inspection gave no result in time.", RETRY_EN },
	[PAGE_TERMINAL] = { 403, "Forbidden", "この端末は登録されていません",
	                    "あなたの団体では、登録された端末だけがインターネットを利用できます。",
	                    "情報システム担当に、端末の登録をご依頼ください。", "This terminal is not registered",
	                    "In your organisation only registered terminals may use the Internet.",
	                    "Ask your IT staff to register this terminal." },
	[PAGE_PROGRAM] = { 403, "Forbidden", "このプログラムでの通信は制限されています",
	                   "通信のしかたが、使わないことになっているプログラムと同じです。ほかのブラウザやアプリでは利用できることがあります。",
	                   "心当たりのないときや、業務に必要なときは、この画面の受付番号を添えて、情報システム担当にご連絡ください。", "This program may not be used",
	                   "It speaks like a program that is not to be used here. Another browser or application may work.",
	                   "If you know of no such program, or need it for your work, contact your IT staff with the reference number." },
	[PAGE_PORT] = { 403, "Forbidden", "この接続方法は許可されていません",
	                "許可されていないポート番号への接続です。", ASK_JA, "This kind of connection is not allowed",
	                "The connection is to a port that is not permitted.", ASK_EN },
	[PAGE_PROTOCOL] = { 400, "Bad Request", "通信の内容が正しくありません",
	                    "端末から届いた要求に、規格に合わない部分がありました。安全のため中継していません。",
	                    "ブラウザーを最新の版にしてください。続くときは、受付番号を情報システム担当にお知らせください。",
	                    "The request is malformed",
	                    "What your terminal sent does not follow the standard. For safety it was not passed on.",
	                    "Update your browser. If it goes on, give the reference number to your IT staff." },
	[PAGE_MISDIRECTED] = { 421, "Misdirected Request", "接続先が、この通信の相手と違います",
	                       "ほかの接続先のために開いた通信で届いたため、中継していません。",
	                       "ページを開き直してください。続くときは、受付番号を情報システム担当にお知らせください。",
	                       "This connection is for another destination",
	                       "The request came over a connection that was opened for another destination, so it was not passed on.",
	                       "Open the page again. If it goes on, give the reference number to your IT staff." },
	[PAGE_METHOD] = { 405, "Method Not Allowed", "この操作は許可されていません",
	                  "中継していない種類の要求です。", ASK_JA, "This operation is not allowed",
	                  "This kind of request is not passed on.", ASK_EN },
	[PAGE_UPLOAD] = { 413, "Content Too Large", "送信するデータが大きすぎます",
	                  "一度に送信できる大きさを超えています。", ASK_JA, "What you are sending is too large",
	                  "It is larger than what may be sent at once.", ASK_EN },
	[PAGE_UPLOAD_MALWARE] = { 403, "Forbidden", "ウイルスが見つかったため、送信を止めました",
	                          "送信しようとした内容から、不正なプログラムが検出されました。相手には届いていません。",
	                          "そのファイルを開いたり、別の方法で送ったりしないでください。受付番号を情報システム担当にすぐお知らせください。",
	                          "Malware was found in what you were sending",
	                          "Malicious software was found in what you were about to send. It did not reach the other side.",
	                          "Do not open the file or send it another way. Give the reference number to your IT staff at once." },
	[PAGE_UPLOAD_KIND] = { 403, "Forbidden", "この種類のファイルは送信できません",
	                       "あなたの団体では、この種類のファイルをインターネットへ送らないことになっています。内容から判定した種類です。", ASK_JA,
	                       "Files of this kind are not sent", "Your organisation does not send files of this kind to the Internet. "
	                       "The kind was found from the contents.", ASK_EN },
	[PAGE_UPLOAD_UNSCANNED] = { 403, "Forbidden", "検査できない内容のため、送信を止めました",
	                            "大きすぎる、パスワードが付いている、壊れているなどの理由で、安全かどうかを確認できませんでした。相手には届いていません。", ASK_JA,
	                            "Not sent because it cannot be inspected",
	                            "It is too large, protected by a password or unreadable, so its safety could not be checked. It did not reach the other side.", ASK_EN },
	[PAGE_FORBIDDEN] = { 403, "Forbidden", "この接続先には中継できません",
	                     "接続先がインターネット上のものではありません。組織内部の宛先には中継しません。", ASK_JA,
	                     "This destination is not reachable through here",
	                     "The destination is not on the Internet. Inside destinations are not relayed.", ASK_EN },
	[PAGE_DNS] = { 502, "Bad Gateway", "接続先が見つかりません",
	               "入力したアドレスの名前が、インターネット上で見つかりませんでした。",
	               "アドレスに間違いがないか、お確かめください。", "The destination was not found",
	               "The name in the address could not be found on the Internet.", "Check the address for mistakes." },
	[PAGE_CONNECT] = { 502, "Bad Gateway", "接続先に接続できません",
	                   "接続先のサーバーが、接続を受け付けませんでした。", RETRY_JA, "The destination cannot be reached",
	                   "The server there did not accept the connection.", RETRY_EN },
	[PAGE_TIMEOUT] = { 504, "Gateway Timeout", "接続先から応答がありません",
	                   "接続先のサーバーから、時間内に応答がありませんでした。", RETRY_JA,
	                   "The destination does not answer", "The server there gave no answer in time.", RETRY_EN },
	[PAGE_TLS] = { 502, "Bad Gateway", "接続先の安全性を確認できません",
	               "接続先のサーバー証明書の検証に失敗しました。なりすましのおそれがあるため、接続していません。", ASK_JA,
	               "The destination's identity could not be verified",
	               "Checking the server's certificate failed. It may be an impostor, so no connection was made.", ASK_EN },
	[PAGE_CLIENT_CERT] = { 502, "Bad Gateway", "端末の電子証明書が必要な接続先です",
	               "接続先は端末の電子証明書を求めていますが、通信を検査しているあいだは渡せません。",
	               "業務に必要なときは、この画面の受付番号を添えて、情報システム担当に復号の例外の登録をご依頼ください。",
	               "This destination wants a certificate of your terminal",
	               "The server there asks for your terminal's own certificate, which can't be handed on while traffic is inspected.",
	               "If you need it for your work, ask your IT staff for an exception of decryption and give them the reference number." },
	[PAGE_ORIGIN] = { 502, "Bad Gateway", "接続先の応答が正しくありません",
	                  "接続先のサーバーの応答が途中で切れたか、規格に合っていませんでした。", RETRY_JA,
	                  "The destination's answer is faulty",
	                  "The server's answer was cut short or does not follow the standard.", RETRY_EN },
	[PAGE_BUSY] = { 503, "Service Unavailable", "混み合っています", "利用が集中しているため、処理できませんでした。",
	                RETRY_JA, "Too busy", "Too many requests at the moment.", RETRY_EN },
	[PAGE_SHARE] = { 503, "Service Unavailable", "一度に利用できる分を超えました",
	                 "この端末または団体が同時にダウンロードしている量が、割り当てを超えています。",
	                 "進行中のダウンロードが終わるのを待ってから、もう一度お試しください。", "Your share is used up",
	                 "What this terminal or your organisation is downloading at the same time exceeds its share.",
	                 "Wait until the downloads that are running have ended, then try again." },
	[PAGE_KIND] = { 403, "Forbidden", "この種類のファイルは受け取れません",
	                "あなたの団体では、この種類のファイルをインターネットから受け取らないことになっています。内容から判定した種類です。", ASK_JA,
	                "Files of this kind are not delivered", "Your organisation does not take files of this kind from the Internet. "
	                "The kind was found from the contents.", ASK_EN },
	[PAGE_COACH] = { 403, "Forbidden", "業務に必要なページですか",
	                 "接続先は、あなたの団体で注意が必要とされている分類です。開くと、その記録が残ります。",
	                 "業務に必要なときだけ、下のボタンで開いてください。1 時間、この分類のページを開けます。", "Do you need this page for your work?",
	                 "The destination is of a category that your organisation wants to be used with care. Opening it is recorded.",
	                 "Open it by the button only if your work needs it. It stays open for an hour.", },
	[PAGE_OVERRIDE] = { 403, "Forbidden", "このページは、理由を書けば開けます",
	                    "接続先の分類は、あなたの団体では制限されています。この端末では、理由を記録して開くことができます。",
	                    "業務上の理由を書いて、下のボタンで開いてください。1 時間、この分類のページを開けます。", "This page opens with a reason",
	                    "Your organisation restricts the category of this destination. From this terminal it may be opened; the reason is recorded.",
	                    "Write why your work needs it and press the button. It stays open for an hour." },
	[PAGE_WAIT] = { 200, "OK", "ファイルを受け取っています", "不正なプログラムが含まれていないかを確かめてから、お渡しします。",
	                "このページを開いたままお待ちください。確認が終わると、ダウンロードが始まります。", "The file is on its way",
	                "It is handed to you once it is known to hold no malicious software.",
	                "Leave this page open. The download begins when the check is done." },
	[PAGE_WAIT_READY] = { 200, "OK", "安全の確認が終わりました", "まもなくダウンロードが始まります。",
	                      "始まらないときは、下のリンクを押してください。お渡しは 1 回だけです。", "The file was checked",
	                      "The download begins in a moment.", "If it doesn't, press the link. The file is handed over once." },
	[PAGE_WAIT_LOCKED] = { 200, "OK", "パスワードの付いたファイルです", "中身を確認できないため、このままではお渡しできません。パスワードを入力すると、中身を検査してからお渡しします。",
	                       "パスワードは検査にだけ使い、残しません。送り主から別に知らされたものを入力してください。", "The file has a password",
	                       "What is in it can't be seen, so it isn't handed over as it is. Enter the password: it is checked, then handed over.",
	                       "The password is used for the check only and not kept." },
	[PAGE_LOGIN] = { 407, "Proxy Authentication Required", "利用者名とパスワードが必要です",
	                 "インターネットの利用には、職員用の利用者名とパスワードの確認が必要です。入力されていないか、正しくありません。",
	                 "ページをもう一度開き、表示される欄に、パソコンへのログインと同じ利用者名とパスワードを入力してください。", "Sign in to use the Internet",
	                 "Your user name and password are needed. They were not given, or are not right.",
	                 "Open the page again and enter those you use for your computer." },
	[PAGE_LOGIN_DOMAIN] = { 407, "Proxy Authentication Required", "端末がドメインにログインしていません",
	                        "インターネットの利用には、この端末がドメイン (庁内のネットワーク) にログインしていることの確認が必要です。端末から、その証明が届きませんでした。",
	                        "端末を一度ログオフし、職員用の利用者名でログインし直してください。それでも表示されるときは、情報担当に受付番号をお知らせください。",
	                        "This terminal isn't signed in to the domain",
	                        "To use the Internet, it has to be signed in to your organisation's domain. It showed no proof of that.",
	                        "Sign out, sign in again by your own user name, and try again. If it stays so, give the number to your IT staff." },
	[PAGE_LOGIN_CLEAR] = { 403, "Forbidden", "この端末の設定では利用できません",
	                       "この端末は、プロキシに暗号化せずに接続しています。パスワードを盗み見られるおそれがあるため、利用者の確認を行いません。",
	                       "プロキシの設定を「自動構成 (PAC)」にするよう、情報担当にご連絡ください。", "This terminal's proxy setting can't be used",
	                       "It connects to the proxy unencrypted, where others could read your password, so you are not asked for it.",
	                       "Ask your IT staff to set the proxy by the configuration script (PAC)." },
	[PAGE_LOGIN_LOCKED] = { 403, "Forbidden", "しばらく利用できません",
	                        "誤ったパスワードが続けて入力されたため、この利用者名または端末からの利用を 15 分間止めています。",
	                        "15 分ほど待ってから、もう一度お試しください。入力した覚えがないときは、情報担当に受付番号をお知らせください。", "Locked for a while",
	                        "Too many wrong passwords were entered for this name or from this terminal. It is locked for 15 minutes.",
	                        "Wait and try again. If it wasn't you, give the number to your IT staff." },
	[PAGE_LOGIN_DOWN] = { 503, "Service Unavailable", "利用者を確認できません",
	                      "利用者名とパスワードを確認するサーバーから、応答がありません。", RETRY_JA, "You can't be signed in now",
	                      "The server that knows user names and passwords does not answer.", RETRY_EN },
	[PAGE_LOGIN_TICKET] = { 403, "Forbidden", "端末のログインを確認できません",
	                        "インターネットの利用には、この端末がドメイン (庁内のネットワーク) にログインしていることの確認が必要です。確認できませんでした。",
	                        "端末を一度ログオフし、職員用の利用者名でログインし直してください。それでも表示されるときは、情報担当に受付番号をお知らせください。",
	                        "Your sign-in can't be confirmed",
	                        "To use the Internet, this terminal has to be signed in to your organisation's domain. That could not be confirmed.",
	                        "Sign out, sign in again by your own user name, and try again. If it stays so, give the number to your IT staff." },
	[PAGE_LOGIN_CLOCK] = { 403, "Forbidden", "端末の時計がずれています",
	                       "この端末の日付または時刻が 5 分以上ずれているため、ログインを確認できません。",
	                       "画面の右下などに表示される日付と時刻を確かめ、正しく直してから、もう一度お試しください。直せないときは、情報担当に受付番号をお知らせください。",
	                       "This terminal's clock is off", "Its date or time is wrong by more than five minutes, so your sign-in can't be confirmed.",
	                       "Set its clock right and try again. If you can't, give the number to your IT staff." },
	[PAGE_WAIT_GONE] = { 410, "Gone", "このファイルの受け取りは終わっています", "すでにお渡ししたか、時間が過ぎたか、途中で取りやめになりました。",
	                     "必要なときは、もとのページに戻って、もう一度ダウンロードしてください。", "This file isn't here any more",
	                     "It was handed over, its time ran out, or it was given up.",
	                     "If you need it, go back to the page it came from and download it again." },
};

unsigned page_status(enum page_kind kind)
{
	return words[kind].status;
}

const char *page_reason(enum page_kind kind)
{
	return words[kind].reason;
}

void html_escape(struct buf *b, struct str s)
{
	size_t from = 0;
	for (size_t i = 0; i < s.len; i++) {
		const char *e = NULL;
		unsigned char c = (unsigned char)s.ptr[i];
		switch (c) {
		case '&': e = "&amp;"; break;
		case '<': e = "&lt;"; break;
		case '>': e = "&gt;"; break;
		case '"': e = "&quot;"; break;
		case '\'': e = "&#39;"; break;
		default:
			if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
				e = "\xef\xbf\xbd";
		}
		if (!e)
			continue;
		buf_put(b, s.ptr + from, i - from);
		buf_puts(b, e);
		from = i + 1;
	}
	buf_put(b, s.ptr + from, s.len - from);
}

static const char head[] =
	"<!DOCTYPE html>\n<html lang=\"ja\"><head><meta charset=\"utf-8\">"
	"<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><meta name=\"robots\" content=\"noindex\"><title>";
static const char style[] =
	"</title><style>"
	":root{color-scheme:light dark}*{box-sizing:border-box}"
	"body{margin:0;font:16px/1.7 \"Noto Sans JP\",\"Hiragino Sans\",\"Yu Gothic UI\",sans-serif;color:#1a1a1c;background:#f8f8fb}"
	"main{max-width:44rem;margin:0 auto;padding:1.5rem 1rem 3rem}"
	"section{background:#fff;border:1px solid #d8d8db;border-radius:8px;padding:1.25rem;margin-top:1rem}"
	"h1{font-size:1.375rem;line-height:1.5;margin:0 0 .75rem;border-left:6px solid #c5000f;padding-left:.75rem}"
	"h2{font-size:1.125rem;line-height:1.5;margin:0 0 .5rem}p{margin:.5rem 0}"
	"dl{margin:1rem 0 0;display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1rem}"
	"dt{color:#4d4d4d}dd{margin:0;overflow-wrap:anywhere}"
	"dd.ref{font:700 1.125rem/1.5 ui-monospace,monospace}footer{color:#4d4d4d;font-size:.875rem;margin-top:1rem}"
	"form{margin:1rem 0 0}input:not([type]),input[type=password]{font:inherit;width:100%;padding:.5rem;border:1px solid #767676;border-radius:6px}"
	"button{font:inherit;padding:.5rem 1rem;border:0;border-radius:6px;background:#0017c1;color:#fff}a{color:#0017c1}"
	"@media(max-width:30rem){dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.5rem}}"
	"@media(prefers-color-scheme:dark){body{background:#1a1a1c;color:#f8f8fb}section{background:#26262b;border-color:#4d4d4d}"
	"dt,footer{color:#b3b3b3}a{color:#9db7f9}}"
	"h1.calm{border-color:#0017c1}progress{width:100%;height:1.25rem;accent-color:#0017c1}"
	"</style>";
static const char begin[] = "</head><body><main>";

/* Why an origin couldn't be verified, by OpenSSL's words for it (page_test.c knows if those change). */
static const char *verify_words(const struct page *p, bool ja)
{
	static const struct {
		const char *head, *ja, *en;
	} all[] = {
		{ "certificate revoked", "サーバー証明書が、発行した認証局によって失効させられています", "The certificate was revoked by the authority that issued it" },
		{ "an authority in between is revoked", "サーバー証明書を発行した認証局が、その上の認証局によって失効させられています", "The authority that issued the certificate was itself revoked" },
		{ "OCSP verification ", "失効していないことの証明が必要な証明書ですが、サーバーが有効な証明を示しません", "The certificate must come with proof that it isn't revoked, and the server shows none that holds" },
		{ "revocation is unknown", "サーバー証明書が失効していないことを、発行した認証局に確認できません", "The authority that issued the certificate doesn't say whether it was revoked" },
		{ "certificate has expired", "サーバー証明書の有効期限が切れています", "The certificate has expired" },
		{ "certificate is not yet valid", "サーバー証明書の有効期間がまだ始まっていません", "The certificate isn't valid yet" },
		{ "hostname mismatch", "サーバー証明書が、この接続先の名前のものではありません", "The certificate is for another name" },
		{ "IP address mismatch", "サーバー証明書が、この接続先のアドレスのものではありません", "The certificate is for another address" },
		{ "self-signed certificate", "サーバー証明書が、信頼できる認証局から発行されていません", "No trusted authority issued the certificate" },
		{ "unable to get ", "サーバー証明書を発行した認証局を確認できません", "The authority that issued the certificate isn't known" },
		{ "unable to verify the first certificate", "サーバー証明書を発行した認証局を確認できません", "The authority that issued the certificate isn't known" },
		{ "invalid CA certificate", "認証局ではない証明書が、サーバー証明書を発行しています", "The certificate was issued by one that is no authority" },
		{ "CA signature digest algorithm too weak", "サーバー証明書の署名方式が古く、安全ではありません", "The certificate is signed by an outdated method" },
		{ "EE certificate key too weak", "サーバー証明書の鍵が短すぎ、安全ではありません", "The certificate's key is too weak" },
		{ "CA certificate key too weak", "認証局の鍵が短すぎ、安全ではありません", "The authority's key is too weak" },
		{ "unsuitable certificate purpose", "サーバー用の証明書ではありません", "The certificate isn't one for servers" },
		{ "unsupported protocol", "接続先が、古い方式の暗号化通信 (TLS 1.1 以前) しか使えません", "The server speaks outdated versions of TLS only" },
		{ "tlsv1 alert protocol version", "接続先が、古い方式の暗号化通信 (TLS 1.1 以前) しか使えません", "The server speaks outdated versions of TLS only" },
		{ "sslv3 alert handshake failure", "接続先と、安全な暗号方式で合意できません", "There is no safe cipher that the server speaks too" },
	};
	for (size_t i = 0; p->kind == PAGE_TLS && i < ARRAY_LEN(all); i++)
		if (strncmp(p->detail, all[i].head, strlen(all[i].head)) == 0)
			return ja ? all[i].ja : all[i].en;
	return "";
}

static void term(struct buf *b, const char *name, struct str value)
{
	if (value.len == 0)
		return;
	buf_puts(b, "<dt>");
	buf_puts(b, name);
	buf_puts(b, "</dt><dd>");
	html_escape(b, value);
	buf_puts(b, "</dd>");
}

/* What decided, for who never saw a rule; events have its name. */
static const char *rule_words(const char *rule, bool ja)
{
	static const struct {
		const char *head, *ja, *en;
	} all[] = {
		{ "service.black[", "クラウド全体の閲覧禁止リスト", "The whole cloud's list of forbidden destinations" },
		{ "service.deny_categories[", "クラウド全体で禁止している分類", "A category forbidden in the whole cloud" },
		{ "url.black[", "あなたの団体の閲覧禁止リスト", "Your organisation's list of forbidden destinations" },
		{ "url.group_black[", "あなたの部署などのグループの閲覧禁止リスト", "Your group's list of forbidden destinations" },
		{ "url.categories[", "あなたの団体の、分類ごとの規則", "Your organisation's rule for this category" },
		{ "url.exceptions[", "あなたの団体が期限を付けて決めた例外", "An exception of your organisation, for a time" },
		{ "url.white_only", "あなたの団体の許可リストにない接続先", "Not on your organisation's list of allowed destinations" },
		{ "url.invalid", "アドレスの書き方の誤り", "The address is not well formed" },
		{ "websocket", "この接続先では使えない通信方式 (WebSocket)", "WebSockets are not allowed there" },
		{ "doh", "外部の名前解決 (DNS over HTTPS)", "Names are resolved elsewhere (DNS over HTTPS)" },
		{ "block:", "緊急の遮断", "An urgent block" },
	};
	for (size_t i = 0; rule && i < ARRAY_LEN(all); i++)
		if (strncmp(rule, all[i].head, strlen(all[i].head)) == 0)
			return ja ? all[i].ja : all[i].en;
	return "";
}

/* A page need not show more of a URL than a person can read. */
static struct str shorten(struct str s)
{
	if (s.len > 400)
		s.len = 400;
	return s;
}

/* A mail to who may release it, with number and address filled in. */
static void release_link(struct buf *b, const struct page *p)
{
	if (!p->release || !p->release[0] || (p->kind != PAGE_URL && p->kind != PAGE_CLIENT_CERT && p->kind != PAGE_KIND && p->kind != PAGE_UNSCANNABLE && p->kind != PAGE_ENCRYPTED && p->kind != PAGE_UPLOAD_KIND && p->kind != PAGE_UPLOAD_UNSCANNED && p->kind != PAGE_OVERRIDE))
		return;
	buf_puts(b, "<p><a href=\"mailto:");
	for (const char *c = p->release; *c; c++)
		if (*c == '@')
			buf_putc(b, '@');
		else
			buf_percent(b, (struct str){ c, 1 });
	buf_puts(b, "?subject=");
	buf_percent(b, STR("閲覧制限の解除の申請 "));
	buf_percent(b, str_from(p->ref));
	buf_puts(b, "&amp;body=");
	buf_percent(b, STR("受付番号: "));
	buf_percent(b, str_from(p->ref));
	buf_percent(b, STR("\r\n接続先: "));
	buf_percent(b, shorten(p->url));
	buf_percent(b, STR("\r\n業務上の理由: \r\n"));
	buf_puts(b, "\">解除を申請する (メール) / Request release</a></p>");
}

static void hidden(struct buf *b, const char *name, struct str value)
{
	buf_printf(b, "<input type=\"hidden\" name=\"%s\" value=\"", name);
	html_escape(b, value);
	buf_puts(b, "\">");
}

static void open_form(struct buf *b, const struct page *p)
{
	if ((p->kind != PAGE_COACH && p->kind != PAGE_OVERRIDE) || !p->token)
		return;
	buf_puts(b, "<form action=\"" GRANT_PATH "\" method=\"get\">");
	hidden(b, "t", str_from(p->token));
	hidden(b, "k", str_from(p->rule));
	hidden(b, "u", p->back.len && p->back.len < 2000 ? p->back : STR("/"));
	if (p->kind == PAGE_OVERRIDE)
		buf_puts(b, "<p><label>業務上の理由 / Reason<br><input name=\"r\" required minlength=\"2\" maxlength=\"60\" autocomplete=\"off\"></label></p>");
	buf_puts(b, "<p><button>業務に必要なので開く / Open it</button></p></form>");
}

/* ---- a file that is waited for ---- */

static void wait_link(struct buf *b, const struct page *p)
{
	buf_puts(b, PARCEL_PATH "?t=");
	html_escape(b, str_from(p->wait->token));
	if (p->kind == PAGE_WAIT_READY)
		buf_puts(b, "&amp;get");
}

/* Without a script: the page asks for itself again, and in the end for the file, which leaves the page where it is. */
static void refresh(struct buf *b, const struct page *p)
{
	if (!p->wait || p->kind == PAGE_WAIT_LOCKED)
		return;
	buf_printf(b, "<meta http-equiv=\"refresh\" content=\"%d;url=", p->kind == PAGE_WAIT_READY ? 1 : 2);
	wait_link(b, p);
	buf_puts(b, "\">");
}

static void megabytes(struct buf *b, uint64_t n)
{
	buf_printf(b, "%llu.%llu MB", (unsigned long long)(n / 1000000), (unsigned long long)(n / 100000 % 10));
}

static void progress(struct buf *b, const struct page *p)
{
	const struct page_wait *w = p->wait;
	if (!w)
		return;
	if (p->kind == PAGE_WAIT_READY) {
		buf_puts(b, "<p><a href=\"");
		wait_link(b, p);
		buf_puts(b, "\">ファイルを受け取る / Get the file</a></p>");
		return;
	}
	if (p->kind == PAGE_WAIT_LOCKED) {
		if (w->wrong)
			buf_puts(b, "<p role=\"alert\"><strong>パスワードが違うようです。もう一度入力してください。 / That password doesn't open it.</strong></p>");
		buf_puts(b, "<form action=\"");
		wait_link(b, p);
		buf_puts(b, "\" method=\"post\"><p><label>パスワード / Password<br><input type=\"password\" name=\"p\" required maxlength=\"60\" autocomplete=\"off\"></label></p>"
		            "<p><button>検査して受け取る / Check and get it</button></p></form>");
		return;
	}
	unsigned percent = w->total && w->received <= w->total ? (unsigned)(w->received * 100 / w->total) : 0;
	bool known = w->total && !w->judging;
	buf_puts(b, "<p><progress max=\"100\" aria-label=\"進み具合 / Progress\"");
	if (known)
		buf_printf(b, " value=\"%u\"", percent);
	buf_puts(b, "></progress></p><p role=\"status\">");
	buf_puts(b, w->judging ? "受け取り完了、安全を確認しています / Received, being checked: " : "受け取り中 / Receiving: ");
	megabytes(b, w->received);
	if (known) {
		buf_puts(b, " / ");
		megabytes(b, w->total);
		buf_printf(b, " (%u %%)", percent);
	}
	buf_puts(b, "</p>");
}

void page_begin(struct buf *b, const char *title)
{
	buf_puts(b, head);
	buf_puts(b, title);
	buf_puts(b, style);
	buf_puts(b, begin);
}

void page_end(struct buf *b)
{
	buf_puts(b, "</footer></main></body></html>\n");
}

void page_format(struct buf *b, const struct page *p)
{
	const struct words *w = &words[p->kind];
	char when[CLOCK_TEXT];
	clock_format_jst(p->now_ms, when);
	when[19] = 0;
	when[10] = ' ';
	buf_puts(b, head);
	buf_puts(b, w->title_ja);
	buf_puts(b, style);
	refresh(b, p);
	buf_puts(b, begin);
	buf_printf(b, "<section><h1%s>%s</h1><p>%s</p><p>%s</p>", p->wait ? " class=\"calm\"" : "", w->title_ja, w->why_ja, w->do_ja);
	progress(b, p);
	if (p->part_gone)
		buf_puts(b, "<p><strong>先ほどの受け取りでは、このファイルの一部が端末に届いています。届いた分は開かずに削除し、受付番号をすぐにお知らせください。</strong></p>");
	buf_puts(b, "<dl><dt>受付番号</dt><dd class=\"ref\">");
	html_escape(b, str_from(p->ref));
	buf_puts(b, "</dd>");
	term(b, "ファイル", str_from(p->wait ? p->wait->name : ""));
	term(b, "接続先", shorten(p->url));
	term(b, "分類", str_from(url_category_label(p->category, true)));
	term(b, "制限の根拠", str_from(rule_words(p->decided, true)));
	term(b, "理由", str_from(verify_words(p, true)));
	term(b, "団体", str_from(p->org));
	term(b, "日時", str_from(when));
	term(b, "詳細", str_from(p->detail));
	buf_puts(b, "</dl>");
	open_form(b, p);
	release_link(b, p);
	buf_printf(b, "</section><section lang=\"en\"><h2>%s</h2><p>%s</p><p>%s</p>", w->title_en, w->why_en, w->do_en);
	if (p->part_gone)
		buf_puts(b, "<p><strong>A part of this file reached your terminal a moment ago. Delete it unopened and give the number to your IT staff at once.</strong></p>");
	buf_puts(b, "<dl><dt>Reference</dt><dd class=\"ref\">");
	html_escape(b, str_from(p->ref));
	buf_puts(b, "</dd>");
	term(b, "Category", str_from(url_category_label(p->category, false)));
	term(b, "Decided by", str_from(rule_words(p->decided, false)));
	term(b, "Reason", str_from(verify_words(p, false)));
	term(b, "Organisation", str_from(p->org_en));
	buf_puts(b, "</dl></section><footer>");
	html_escape(b, str_from(p->service));
	buf_puts(b, "</footer></main></body></html>\n");
}

void page_ref(int64_t now_ms, char dst[PAGE_REF])
{
	static const char letters[] = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"; /* without 0 O 1 I */
	char when[CLOCK_TEXT];
	clock_format_jst(now_ms, when);
	uint64_t r = rnd_u64();
	int n = snprintf(dst, PAGE_REF, "P-%.4s%.2s%.2s-", when, when + 5, when + 8);
	for (int i = 0; i < 6; i++, r >>= 5)
		dst[n + i] = letters[r & 31];
	dst[n + 6] = 0;
}
