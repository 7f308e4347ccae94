/* See words.h. */
#include "wire/words.h"

#include "base/mem.h" /* ARRAY_LEN */

#include <string.h>

static const struct {
	enum words_of what;
	const char *code, *ja, *en;
} words[] = {
	{ WORDS_STATE, "received", "受付", "received" },
	{ WORDS_STATE, "analysing", "分析", "analysing" },
	{ WORDS_STATE, "handling", "対処", "handling" },
	{ WORDS_STATE, "recovering", "復旧", "recovering" },
	{ WORDS_STATE, "closed", "完了", "closed" },
	{ WORDS_OBSERVABLE, "hostname", "名前", "name" },
	{ WORDS_OBSERVABLE, "name", "名前", "name" },
	{ WORDS_OBSERVABLE, "ip", "アドレス", "address" },
	{ WORDS_OBSERVABLE, "address", "アドレス", "address" },
	{ WORDS_OBSERVABLE, "url", "URL", "URL" },
	{ WORDS_OBSERVABLE, "hash", "ファイルのハッシュ値", "file hash" },
	{ WORDS_OBSERVABLE, "terminal", "端末", "terminal" },
	{ WORDS_BLOCK, "ordered", "指示済み", "ordered" },
	{ WORDS_BLOCK, "requested", "団体の確認待ち", "consent asked" },
	{ WORDS_BLOCK, "active", "実施中", "in force" },
	{ WORDS_BLOCK, "removing", "解除の途中", "being removed" },
	{ WORDS_BLOCK, "removed", "解除済み", "removed" },
	{ WORDS_BLOCK, "expired", "期限切れ", "expired" },
	{ WORDS_BLOCK, "failed", "失敗", "failed" },
	{ WORDS_STEP, "first", "第一連絡先", "first contact" },
	{ WORDS_STEP, "second", "第二連絡先", "second contact" },
	{ WORDS_STEP, "third", "第三連絡先", "third contact" },
	{ WORDS_STEP, "raised", "危険度の引き上げ", "severity raised" },
	{ WORDS_STEP, "judged", "担当者の判断", "judgement" },
	{ WORDS_STEP, "prefecture", "県への報告", "prefecture" },
	{ WORDS_STEP, "block", "遮断のお知らせ", "block" },
	{ WORDS_STEP, "consent", "遮断の確認", "consent" },
	{ WORDS_STEP, "unblock", "遮断の解除", "unblock" },
	{ WORDS_STEP, "leak", "遮断が効いていない", "block doesn't hold" },
	{ WORDS_STEP, "calls", "端末が通信を続けている", "terminal keeps calling" },
	{ WORDS_MAIL, "queued", "送信待ち", "waiting" },
	{ WORDS_MAIL, "sent", "送信済み", "sent" },
	{ WORDS_MAIL, "failed", "送信失敗", "failed" },
	{ WORDS_MAIL, "cancelled", "取りやめ", "cancelled" },
	{ WORDS_REPORT, "first", "速報", "the first report" },
	{ WORDS_REPORT, "follow", "続報", "a follow-up report" },
	{ WORDS_REPORT, "final", "確報", "the final report" },
	{ WORDS_REFUSAL, "bad_name", "名前として正しくありません", "not a host name" },
	{ WORDS_REFUSAL, "bad_address", "アドレスとして正しくありません", "not an address" },
	{ WORDS_REFUSAL, "bad_url", "URLとして正しくありません", "not a URL" },
	{ WORDS_REFUSAL, "bad_terminal", "端末のアドレスとして正しくありません", "not the address of one terminal" },
	{ WORDS_REFUSAL, "bad_kind", "種類が正しくありません", "no such kind" },
	{ WORDS_REFUSAL, "too_wide", "範囲が広すぎます", "far too wide" },
	{ WORDS_REFUSAL, "too_long", "相手先の表記が長すぎます", "too long" },
	{ WORDS_REFUSAL, "own_name", "このサービス自身の名前です", "a name of this service itself" },
	{ WORDS_REFUSAL, "own_address", "このサービス自身または団体のアドレスです", "an address of this service or of an organisation" },
	{ WORDS_REFUSAL, "white_listed", "団体の許可リストにあります", "on the organisation's white list" },
	{ WORDS_REFUSAL, "shared_address", "このアドレスは複数の名前で共用されており、名前が分かりません",
	  "several names share this address, and the name isn't known" },
	{ WORDS_REFUSAL, "order_refused", "遮断を実施する部分が指示を受け付けませんでした", "the part that blocks refused the order" },
	{ WORDS_REFUSAL, "order_unanswered", "遮断を実施する部分が繰り返し応答しませんでした",
	  "the part that blocks didn't answer, again and again" },
	{ WORDS_REASON, "severity3", "危険度3の通信先のため", "contacted in an incident of severity 3" },
	{ WORDS_REASON, "shared", "別の団体で危険な通信先が見つかったため", "found dangerous at another organisation" },
	{ WORDS_CHECK, "stopped", "通信が止まったことを確認済み", "the traffic has stopped" },
	{ WORDS_CHECK, "no_attempt", "遮断後、通信の試みはまだありません", "no attempt since" },
	{ WORDS_CHECK, "still_passing", "遮断が効いていません。至急確認してください", "still passing: look at it now" },
	{ WORDS_PROCESS, "waiting", "設定待ち", "waiting" },
	{ WORDS_PROCESS, "missing", "未導入", "not installed" },
	{ WORDS_PROCESS, "starting", "起動中", "starting" },
	{ WORDS_PROCESS, "ready", "稼働中", "ready" },
	{ WORDS_PROCESS, "backoff", "再起動待ち", "waiting to restart" },
	{ WORDS_PROCESS, "stopping", "停止中", "stopping" },
	{ WORDS_PROCESS, "stopped", "停止", "stopped" },
	{ WORDS_OBSERVABLE, "mail", "メール", "mail" },
	{ WORDS_SUSPICION, "page", "不審なページ", "a page" },
	{ WORDS_SUSPICION, "mail", "不審なメール", "a mail" },
	{ WORDS_SUSPICION, "file", "不審なファイル", "a file" },
	{ WORDS_SUSPICION, "call", "不審な電話", "a telephone call" },
	{ WORDS_SUSPICION, "other", "その他", "something else" },
	{ WORDS_INQUIRY, "waiting", "調べています", "under way" },
	{ WORDS_INQUIRY, "done", "済み", "done" },
	{ WORDS_INQUIRY, "failed", "調べられませんでした", "failed" },
	{ WORDS_ACTOR, "toride", "自動", "automatic" },
};

const char *words_of(enum words_of what, const char *code, bool ja)
{
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (words[i].what == what && strcmp(words[i].code, code) == 0)
			return ja ? words[i].ja : words[i].en;
	return code;
}
