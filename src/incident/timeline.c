/* See timeline.h. %1 to %3 stand for the values as they are; with a letter before the digit they are codes, shown in
 * the reader's language (`kinds_of_words`), %L is a severity, %W the reason of one. A row written by an earlier Toride holds
 * words where a code is now: they are shown as they are. */
#include "incident/timeline.h"

#include "base/err.h"
#include "base/mem.h"
#include "incident/playbook.h"
#include "incident/severity.h"
#include "wire/words.h"

#include <yyjson.h>

static const struct {
	const char *kind, *ja, *en;
} kinds[] = {
	{ "opened", "受付番号 %1 で受け付けました(検知: %2)。", "Opened as %1 (detection: %3)." },
	{ "opened_by_hand", "%1 として手動で受け付けました: %2", "Opened by hand as %1: %2" },
	{ "finding", "検知が加わりました: %1(%2件の記録)", "A further finding: %3 (%2 records)" },
	{ "repeat", "同じ検知が続いています(%1回目)。", "The same finding goes on (number %1)." },
	{ "severity", "暫定の評価を%L1から%L2に変えました: %W3", "Provisional severity went from %L1 to %L2: %W3" },
	{ "provisional", "暫定の評価は%L1です: %W2", "Provisional severity %L1: %W2" },
	{ "judged", "%1 が%L2と判断しました: %3", "%1 judged the severity to be %L2: %3" },
	{ "state", "状態を「%S1」から「%S2」に進めました。", "State went from %S1 to %S2." },
	{ "report", "%R1を記録しました。", "Recorded: %R1." },
	{ "note", "%1", "%1" },
	{ "notice_queued", "%1 への連絡を始めました(整理番号 %2)。", "Notice to %1 was started (reference %2)." },
	{ "notice_sent", "%1 へのメールを中継サーバーが受け取りました(整理番号 %2)。",
	  "The relay took the mail to %1 (reference %2)." },
	{ "notice_retry", "%1 へのメールを送れませんでした。再送します: %2", "The mail to %1 could not be sent, trying again: %2" },
	{ "notice_failed", "%1 へのメールを送れませんでした。電話で連絡してください: %2",
	  "The mail to %1 could not be sent; call by telephone: %2" },
	{ "gateway_sent", "%1 への%H3を中継が受け付けました(整理番号 %2)。", "A gateway took the %H3 to %1 (reference %2)." },
	{ "gateway_retry", "%1 への%H3を送れませんでした。再送します: %2", "The %H3 to %1 could not be sent, trying again: %2" },
	{ "gateway_failed", "%1 への%H3を送れませんでした: %2", "The %H3 to %1 could not be sent: %2" },
	{ "notice_cancelled", "受領確認があったため、%1 への未送信の連絡を取りやめました。",
	  "The notice to %1 was cancelled: receipt was confirmed before it went out." },
	{ "no_contact", "危険度 %1 の連絡先が登録されていません。電話などで連絡してください。",
	  "No contact is registered for severity %1: reach the organisation by other means." },
	{ "notice_late", "緊急連絡の期限(%1)を過ぎました。", "The deadline of the notice (%1) has passed." },
	{ "escalated", "受領確認がないため、次の連絡先に進みました(%1回目)。", "No receipt was confirmed: on to the next contact (step %1)." },
	{ "acked", "%1 が受領を確認しました。", "%1 confirmed receipt." },
	{ "block_ordered", "遮断を指示しました: %1(%K2 %3)", "A block was ordered: %1 (%K2 %3)" },
	{ "block_active", "遮断が始まりました: %1(該当の通信から %2 ミリ秒)", "The block is in force: %1 (%2 ms after the event)" },
	{ "block_failed", "遮断できませんでした: %1: %G2", "The block could not be set: %1: %G2" },
	{ "block_refused", "自動では遮断しません: %1: %G2", "Not blocked by the system: %1: %G2" },
	{ "block_stopped", "遮断を確認しました: %1: 遮断後の通信%2件をすべて止めました(通った通信 0件)。",
	  "The block holds: %1: %2 calls since were refused, 0 passed." },
	{ "block_no_attempt", "遮断の確認: %1: 遮断後、この相手先への通信の試みはまだありません。", "Block checked: %1: no attempt since it is in force." },
	{ "block_still_passing", "【要対応】遮断が効いていません: %1: 遮断後に%2件の通信が通りました(止めた通信 %3件)。",
	  "ACT NOW: the block doesn't hold: %1: %2 calls passed since (%3 refused)." },
	{ "block_calls", "端末は遮断後も通信を試み続けています: %1: %2件をすべて止めました。%3 に連絡します。",
	  "The terminal keeps calling: %1: %2 calls refused. %3 is told." },
	{ "block_replayed", "遮断の影響: %1: 過去30日にこの相手先を使った端末 %2台、通った通信 %3件", "What the block would have hit in 30 days: %1: %2 terminals, %3 calls that passed" },
	{ "block_held", "自動の遮断を見合わせました: %1: %G2", "Held back from the system's own block: %1: %G2" },
	{ "block_removed", "遮断を解除しました: %1(%2)", "The block was removed: %1 (%2)" },
	{ "block_expired", "遮断の期限が来ました: %1", "The block expired: %1" },
	{ "block_shared", "他団体 %1 件に適用し、%2 件に確認を求めました。", "Applied for %1 other organisations; asked %2 for consent." },
	{ "block_consented", "%1 が遮断に同意しました: %2", "%1 consented to the block %2." },
	{ "target", "資産一覧と照合しました: %W1 %2", "Held against the asset list: %W1 %2" },
	{ "playbook", "対応の手順: %T1", "Procedure: %T1" },
	{ "task_done", "済み: %T1 %2", "Done: %T1 %2" },
	{ "task_added", "作業を加えました: %T1 %2(担当 %3)", "Task added: %T1 %2 (owner %3)" },
	{ "task_owner", "担当を決めました: %T1: %2", "Owner of \"%T1\": %2" },
	{ "reported", "%1 から申告がありました(%E2): %3", "Reported by %1 (%E2): %3" },
	{ "attached", "証拠のファイルを加えました: %1(SHA-256 %2)", "Evidence attached: %1 (SHA-256 %2)" },
	{ "call", "%1 に電話しました: %A2 %3", "Called %1: %A2 %3" },
	{ "unanswered", "受領確認がまだありません。連絡を繰り返しています(%1回目)。", "Still no receipt: notices go on (step %1)." },
	{ "inquiry", "記録を調べ始めました: %1(%2日分)", "The log is searched for %1 (%2 days)" },
	{ "inquiry_done", "記録を調べました: %1: 当団体の端末 %2台、ほかの団体 %3", "The log was searched for %1: terminals here %2, other organisations %3" },
	{ "inquiry_mail", "記録を調べました: %1: 当団体で受け取った宛先 %2件、ほかの団体 %3", "The log was searched for %1: mailboxes here %2, other organisations %3" },
	{ "inquiry_failed", "記録を調べられませんでした: %1: %2", "The log could not be searched for %1: %2" },
	{ "spread", "同じ相手先との通信が見つかった他団体 %1 件に連絡を始めました。", "Opened for %1 other organisations that met the same." },
	{ "closed", "%1 が対応を終えました: %2", "Closed by %1: %2" },
};

static int find(const char *kind)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (strcmp(kinds[i].kind, kind) == 0)
			return (int)i;
	return -1;
}

static const struct store_sql add = {
	"timeline_add", "INSERT INTO incident_event(incident, org, at_ms, actor, kind, args) VALUES ($1, $2, $3, $4, $5, $6)"
};

int timeline_add(struct store *s, int64_t incident, const char *org, int64_t at_ms, const char *actor, const char *kind,
                 const char *a1, const char *a2, const char *a3, struct err *err)
{
	const char *v[TIMELINE_ARGS] = { a1, a2, a3 };
	struct store_args a = { 0 };
	struct buf b;
	if (find(kind) < 0)
		bug("timeline kind %s", kind);
	buf_init(&b, 64 * KIB);
	buf_putc(&b, '[');
	for (size_t i = 0; i < TIMELINE_ARGS && v[i]; i++) {
		if (i)
			buf_putc(&b, ',');
		json_str(&b, str_from(v[i]));
	}
	buf_putc(&b, ']');
	store_int(&a, incident);
	store_text(&a, org);
	store_int(&a, at_ms);
	store_text(&a, actor);
	store_text(&a, kind);
	store_text(&a, buf_cstr(&b));
	int r = b.failed ? err_set(err, (enum err_code)-b.failed, "timeline", "too long") : store_run(s, &add, &a, NULL, err);
	buf_done(&b);
	return r;
}

static const struct {
	char letter;
	enum words_of what;
} kinds_of_words[] = { { 'S', WORDS_STATE }, { 'R', WORDS_REPORT }, { 'K', WORDS_OBSERVABLE }, { 'G', WORDS_REFUSAL }, { 'C', WORDS_CHECK }, { 'E', WORDS_SUSPICION }, { 'A', WORDS_CALL }, { 'H', WORDS_CHANNEL } };

/* letter 0: as it is. */
static const char *say(char letter, const char *v, bool ja)
{
	if (letter == 'L' && v[0] >= '0' && v[0] <= '3' && !v[1])
		return severity_name(v[0] - '0', ja);
	if (letter == 'T')
		return playbook_words(v, ja);
	if (letter == 'W')
		return severity_reason_words(v, ja);
	for (size_t i = 0; i < ARRAY_LEN(kinds_of_words); i++)
		if (kinds_of_words[i].letter == letter)
			return words_of(kinds_of_words[i].what, v, ja);
	return v;
}

void timeline_words(const char *kind, const char *args, bool ja, struct buf *b)
{
	int k = find(kind);
	yyjson_doc *doc = yyjson_read(args, strlen(args), 0);
	yyjson_val *list = yyjson_doc_get_root(doc);
	const char *p = k < 0 ? kind : ja ? kinds[k].ja : kinds[k].en;
	for (; *p; p++) {
		char letter = *p == '%' && p[1] >= 'A' && p[1] <= 'Z' ? p[1] : 0;
		const char *digit = p + 1 + (letter != 0);
		if (*p != '%' || *digit < '1' || *digit > '0' + TIMELINE_ARGS) {
			buf_putc(b, *p);
			continue;
		}
		yyjson_val *v = yyjson_arr_get(list, (size_t)(*digit - '1'));
		if (yyjson_is_str(v))
			buf_puts(b, say(letter, yyjson_get_str(v), ja));
		p = digit;
	}
	yyjson_doc_free(doc);
}
