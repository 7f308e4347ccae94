/* See text.h. Short sentences, no loan words where a Japanese one exists, the most urgent act first. */
#include "respond/text.h"

#include "incident/acts.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

void notice_time(int64_t ms, char dst[40])
{
	char t[CLOCK_TEXT];
	clock_format_jst(ms, t);
	snprintf(dst, 40, "%d月%d日 %.2s時%.2s分", (t[5] - '0') * 10 + t[6] - '0', (t[8] - '0') * 10 + t[9] - '0', t + 11, t + 14);
}

static const char *urgency(int severity)
{
	static const char *const words[] = { "参考", "確認のお願い", "至急", "緊急" };
	return words[severity < 0 ? 0 : severity > 3 ? 3 : severity];
}

void notice_subject(const struct notice_facts *f, struct buf *b)
{
	switch (f->kind) {
	case NOTICE_BLOCK:
		buf_printf(b, "【お知らせ】危険な通信先を遮断しました(%s)", f->block_id);
		return;
	case NOTICE_OWN_BLOCK:
		buf_printf(b, "【お知らせ】通信先を遮断しました(%s)", f->block_id);
		return;
	case NOTICE_ISOLATE:
		buf_printf(b, "【至急】端末をインターネットから切り離しました(%s)", f->block_id);
		return;
	case NOTICE_RELEASE:
		buf_printf(b, "【お知らせ】端末の切り離しを解除しました(%s)", f->block_id);
		return;
	case NOTICE_HELD:
		buf_printf(b, "【至急・監視担当】遮断の判断が必要です(%s)", f->block_id);
		return;
	case NOTICE_CONSENT:
		buf_printf(b, "【確認のお願い】危険な通信先の遮断について(%s)", f->block_id);
		return;
	case NOTICE_UNBLOCK:
		buf_printf(b, "【お知らせ】通信の遮断を解除しました(%s)", f->block_id);
		return;
	case NOTICE_LEAK:
		buf_printf(b, "【緊急・監視担当】遮断が効いていません(%s)", f->block_id);
		return;
	case NOTICE_CALLS:
		buf_printf(b, "【%s】端末がまだ危険な通信を試みています 受付番号 %s", urgency(f->severity), f->number);
		return;
	case NOTICE_MEDIUM:
		buf_printf(b, "【%s】失敗した攻撃のお知らせ 危険度%d 受付番号 %s", urgency(f->severity), f->severity, f->number);
		return;
	case NOTICE_PREFECTURE:
		buf_printf(b, "【県への報告】%s 危険度%d 受付番号 %s", f->org_name, f->severity, f->number);
		return;
	case NOTICE_ESCALATION:
		buf_printf(b, "【%s・再連絡】セキュリティのお知らせ 危険度%d 受付番号 %s", urgency(f->severity), f->severity, f->number);
		return;
	default:
		buf_printf(b, "【%s】セキュリティのお知らせ 危険度%d 受付番号 %s", urgency(f->severity), f->severity, f->number);
	}
}

static void put_terminal(const struct notice_facts *f, struct buf *b)
{
	if (f->terminal[0] && f->terminal_name[0])
		buf_printf(b, "%s(IPアドレス %s)", f->terminal_name, f->terminal);
	else if (f->terminal[0])
		buf_printf(b, "IPアドレス %s の端末", f->terminal);
	else if (f->mail)
		buf_puts(b, f->mailboxes[0] ? f->mailboxes : "まだ分かっていません。調べています。");
	else
		buf_puts(b, f->server ? "外部に公開しているサイトまたはサーバーです。庁内の端末ではありません。" : "まだ特定できていません。調べています。");
}

static void put_happened(const struct notice_facts *f, struct buf *b)
{
	char when[40];
	notice_time(f->happened_ms, when);
	buf_printf(b, "■ 何が起きたか\n  %s\n  %s\n  時刻: %s\n", f->title_ja, f->reason_ja, when);
	if (f->target[0])
		buf_printf(b, f->server ? "  関係するサイト・アドレス: %s\n" : f->mail ? "  差出人など: %s (メールを開かないでください)\n" : "  相手先: %s (開かないでください)\n", f->target);
	if (f->blocking)
		buf_puts(b, "  この相手先との通信は、こちらで止める手配をしました。ほかの通信はそのまま使えます。\n");
	if (f->refused)
		buf_printf(b, "  止めたあとも、この相手先への通信が%lld回試みられました(止めた回数)。端末はまだつながっています。\n", (long long)f->refused);
	if (f->kind == NOTICE_JUDGED)
		buf_printf(b, "  担当者 %s の判断: 危険度%d。%s\n", f->judged_by, f->severity, f->judged_reason);
	buf_puts(b, f->server ? "\n■ どの機器か\n  " : f->mail ? "\n■ 誰に届いたか\n  " : "\n■ どの端末か\n  ");
	put_terminal(f, b);
	buf_putc(b, '\n');
}

/* In Japanese, as the whole notice is. */
static const char *const *asked_of(const struct notice_facts *f)
{
	return acts_of(f->server ? ACTS_SERVER : f->mail ? ACTS_MAIL : ACTS_TERMINAL, f->severity, true);
}

static void list_acts(const struct notice_facts *f, struct buf *b)
{
	const char *const *list = asked_of(f);
	for (int i = 0; i < ACTS_MAX && list[i]; i++)
		buf_printf(b, "  %d. %s\n", i + 1, list[i]);
}

static void put_acts(const struct notice_facts *f, struct buf *b)
{
	buf_puts(b, "\n■ 今すること\n");
	list_acts(f, b);
}

static void put_end(const struct notice_facts *f, struct buf *b)
{
	buf_printf(b, "\n■ 連絡先\n  %s 監視窓口\n  メール: %s(このメールへの返信でかまいません)\n", f->service, f->desk_mail);
	if (f->number[0])
		buf_printf(b, "\n■ 受付番号\n  %s(お問い合わせの際にお知らせください)\n", f->number);
	buf_printf(b, "\n整理番号: %s\n同じ整理番号のメールが二度届いたときは、同じ内容です。一通だけお読みください。\n", f->reference);
}

static void body_alert(const struct notice_facts *f, struct buf *b)
{
	char by[40];
	if (f->kind == NOTICE_ESCALATION)
		buf_puts(b, "先にお知らせした件で、受け取りの確認がまだ取れていません。そのため、あなたに連絡しています。\n\n");
	put_happened(f, b);
	put_acts(f, b);
	notice_time(f->answer_by_ms, by);
	buf_printf(b, "\n■ いつまでに\n  %sまでに、このお知らせを受け取ったことを連絡してください。\n", by);
	if (f->ack_url && f->ack_url[0])
		buf_printf(b, "  次のページを開いて「受け取りました」を押すと、それで確認になります(ログインは要りません)。\n  %s\n", f->ack_url);
	if (f->severity >= 2)
		buf_puts(b, "  連絡がないときは、次の担当の方に連絡します。\n");
}

static void body_medium(const struct notice_facts *f, struct buf *b)
{
	buf_puts(b, "貴団体への攻撃が見つかりましたが、失敗に終わったことを確かめています。被害は見つかっていません。\n\n");
	put_happened(f, b);
	put_acts(f, b);
	buf_puts(b, "\n■ いつまでに\n  急ぎません。このお知らせへの返事はいりません。\n");
}

static void put_block_end(const struct notice_facts *f, struct buf *b)
{
	buf_printf(b, "\n遮断番号: %s\n", f->block_id);
}

static void body_own_block(const struct notice_facts *f, struct buf *b)
{
	char until[40];
	notice_time(f->expires_ms, until);
	buf_printf(b, "■ 何をしたか\n  次の通信先だけを止めました。ほかの通信はそのまま使えます。\n  通信先: %s\n  理由: %s\n", f->target, f->reason_ja);
	buf_printf(b, "\n■ 今すること\n  特にしていただくことはありません。\n  業務に支障があるときは、下の連絡先に知らせてください。すぐに解除できます。\n\n■ いつまで\n  %sまで止めます。\n", until);
	put_block_end(f, b);
}

static void body_isolate(const struct notice_facts *f, struct buf *b)
{
	char until[40];
	notice_time(f->expires_ms, until);
	buf_puts(b, "■ 何をしたか\n  次の端末を、インターネットから切り離しました。ほかの端末はそのまま使えます。\n  端末: ");
	put_terminal(f, b);
	buf_printf(b, "\n  理由: %s\n\n■ 今すること\n  1. この端末を使わないよう、使っている方に伝えてください。\n"
	              "  2. 庁内のネットワークからは切り離していません。ケーブルを抜くか、無線を切ってください。\n"
	              "  3. 電源は切らないでください(調べるための記録が消えます)。\n\n■ いつまで\n  %sまで切り離します。確認が済みしだい解除します。\n", f->reason_ja, until);
	put_block_end(f, b);
}

static void body_release(const struct notice_facts *f, struct buf *b)
{
	buf_puts(b, "■ 何をしたか\n  切り離していた端末を、元どおりインターネットを使えるようにしました。\n  端末: ");
	put_terminal(f, b);
	buf_puts(b, "\n\n■ 今すること\n  特にしていただくことはありません。おかしな動きがあれば、下の連絡先に知らせてください。\n");
	put_block_end(f, b);
}

static void body_held(const struct notice_facts *f, struct buf *b)
{
	buf_printf(b, "自動の遮断を見合わせました。担当者の判断が必要です。\n\n■ 何が起きたか\n  団体: %s\n  相手先: %s\n", f->org_name, f->target);
	if (f->reason_ja[0])
		buf_printf(b, "  このアドレスは複数の名前で使われています: %s\n  アドレスでは止めません。名前を確かめて、名前で止めてください。\n", f->reason_ja);
	else
		buf_printf(b, "  過去30日に %lld団体の%lld台がこの相手先を使っています。止めると業務に影響します。\n", (long long)f->orgs, (long long)f->terminals);
	buf_printf(b, "\n■ 今すること\n  1. 相手先を確かめてください。\n  2. 止めるとき: %s%s\n  3. 止めないとき: toride block remove %s\n",
	           f->reason_ja[0] ? "toride block add 名前 --kind name …" : "toride block consent ", f->reason_ja[0] ? "" : f->block_id, f->block_id);
	put_block_end(f, b);
}

static void body_block(const struct notice_facts *f, struct buf *b)
{
	char until[40];
	notice_time(f->expires_ms, until);
	buf_puts(b, "■ 何が起きたか\n  このクラウドを使う別の団体で、危険な通信先が見つかりました。\n");
	buf_printf(b, "  通信先: %s (開かないでください)\n\n■ 今すること\n", f->target);
	if (f->kind == NOTICE_BLOCK)
		buf_printf(b, "  事前の承認にもとづき、貴団体でもこの通信先だけを止めました。特にしていただくことはありません。\n"
		              "  業務に支障があるときは、下の連絡先に知らせてください。すぐに解除できます。\n\n■ いつまで\n  %sまで止めます。\n", until);
	else if (f->kind == NOTICE_CONSENT)
		buf_printf(b, "  貴団体でもこの通信先だけを止めてよいか、返信してください。止めるまでは通信できる状態です。\n\n"
		              "■ いつまでに\n  できるだけ早くお願いします。止めた場合の期限は %s です。\n", until);
	else
		buf_puts(b, "  止めていた通信先を、元どおり使えるようにしました。特にしていただくことはありません。\n");
	buf_printf(b, "\n遮断番号: %s\n", f->block_id);
}

static void body_calls(const struct notice_facts *f, struct buf *b)
{
	buf_puts(b, "先にお知らせした端末が、止めた相手先への通信をまだ試み続けています。\n\n■ 何が起きたか\n");
	buf_printf(b, "  相手先: %s (開かないでください)\n  遮断してから止めた通信: %lld回\n\n■ どの端末か\n  ", f->target, (long long)f->refused);
	put_terminal(f, b);
	buf_puts(b, "\n\n■ 今すること\n  1. 端末がまだネットワークにつながっています。ケーブルを抜くか、無線を切ってください。\n"
	            "  2. 電源は切らないでください(調べるための記録が消えます)。\n"
	            "  3. すでに外したときは、同じ番号のアドレスを使うほかの端末がないか、下の連絡先に知らせてください。\n");
	buf_printf(b, "\n■ いつまでに\n  できるだけ早くお願いします。\n\n遮断番号: %s\n", f->block_id);
}

static void body_leak(const struct notice_facts *f, struct buf *b)
{
	buf_printf(b, "遮断が効いていません。この遮断が始まったあとに、止めたはずの通信が通りました。\n\n■ 何が起きたか\n"
	              "  団体: %s\n  相手先: %s\n  遮断番号: %s\n  通った通信: %lld回  止めた通信: %lld回\n",
	           f->org_name, f->target, f->block_id, (long long)f->passed, (long long)f->refused);
	buf_puts(b, "\n■ 今すること\n  1. 端末をネットワークから外すよう、団体に電話で依頼してください。\n"
	            "  2. ノードで次を実行し、遮断の状態と通信の記録を確かめてください。\n"
	            "     toride status / toride block list / nft list table inet toride_block\n");
}

void notice_body(const struct notice_facts *f, struct buf *b)
{
	buf_printf(b, "%s\n%s 様\n\n%sの監視窓口です。\n\n", f->kind == NOTICE_PREFECTURE || f->kind == NOTICE_LEAK || f->kind == NOTICE_HELD ? "" : f->org_name, f->contact, f->service);
	switch (f->kind) {
	case NOTICE_BLOCK:
	case NOTICE_CONSENT:
	case NOTICE_UNBLOCK:
		body_block(f, b);
		break;
	case NOTICE_OWN_BLOCK:
		body_own_block(f, b);
		break;
	case NOTICE_ISOLATE:
		body_isolate(f, b);
		break;
	case NOTICE_RELEASE:
		body_release(f, b);
		break;
	case NOTICE_HELD:
		body_held(f, b);
		break;
	case NOTICE_LEAK:
		body_leak(f, b);
		break;
	case NOTICE_CALLS:
		body_calls(f, b);
		break;
	case NOTICE_MEDIUM:
		body_medium(f, b);
		break;
	case NOTICE_PREFECTURE:
		buf_printf(b, "%sで次のことが起きました。団体には監視窓口から直接連絡しています。\n\n", f->org_name);
		put_happened(f, b);
		buf_puts(b, "\n■ 今すること\n  特にしていただくことはありません。団体から相談があれば、下の連絡先に知らせてください。\n");
		break;
	default:
		body_alert(f, b);
	}
	put_end(f, b);
}

void notice_call_sheet(const struct notice_facts *f, const char *phone, struct buf *b)
{
	buf_printf(b, "電話での連絡(読み上げ文)\n電話番号: %s  相手: %s %s 様\n\n", phone[0] ? phone : "(登録なし)", f->org_name, f->contact);
	buf_printf(b, "「%sの監視窓口です。受付番号 %s、危険度%dの件でお電話しました。\n", f->service, f->number, f->severity);
	buf_printf(b, "  %s\n", f->reason_ja);
	if (f->server && f->target[0])
		buf_printf(b, "  関係するサイト・アドレスは %s です。\n", f->target);
	buf_puts(b, f->server ? "  対象は、" : f->mail ? "  メールの宛先は、" : "  端末は、");
	put_terminal(f, b);
	buf_puts(b, "\n  していただきたいことは次のとおりです。\n");
	list_acts(f, b);
	buf_puts(b, "  復唱をお願いします。お名前をお聞かせください。」\n\n");
	buf_printf(b, "記録: 相手の名前を聞き、かけるたびに結果を残す(受け取りの確認が取れたら --ack)\n"
		   "  toride incident call %s --to 相手の名前 --result answered --ack\n"
		   "  つながらないとき: --result no_answer(出ない) busy(話し中) left_message(伝言) wrong_number(番号違い)\n", f->number);
}

void notice_short(const struct notice_facts *f, struct buf *b)
{
	const char *name = f->terminal_name[0] ? f->terminal_name : f->terminal;
	notice_subject(f, b);
	if (f->terminal[0])
		buf_printf(b, "。端末: %.*s", str_head(name, 60), name);
	if (f->kind == NOTICE_ALERT || f->kind == NOTICE_ESCALATION || f->kind == NOTICE_JUDGED)
		buf_printf(b, "。%s受け取りの確認を %s へ返信してください", f->severity >= 2 ? asked_of(f)[0] : "", f->desk_mail);
	buf_printf(b, "。%s 整理番号 %s", f->service, f->reference);
}
