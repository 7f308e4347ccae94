/* HTML out, escaped by context. A page is written by html_put() only: literal templates with typed holes. There is no
 * hole that lets bytes through as they are, so that forgetting to escape can't happen.
 *
 *   {t} const char *  text between tags           {a} const char *  inside a double-quoted attribute
 *   {u} const char *  one segment of a URL path   {w} enum word     a word of ours, in the reader's language
 *   {n} int64_t       a number, with thousands separated
 *   {d} int64_t       ms UTC as date and time in Japan; "-" for 0
 * Anything else after { is a bug. Control characters become U+FFFD. */
#ifndef PORTAL_HTML_H
#define PORTAL_HTML_H

#include "base/buf.h"

#define HTML_MAX (4 * 1024 * 1024)

/* name, Japanese, English */
#define WORDS(X)                                                                                                     \
	X(BOARD, "監視ボード", "Watch board")                                                                    \
	X(ORGANISATIONS, "団体", "Organisations")                                                                \
	X(PROCESSES, "プロセスとエンジン", "Processes and engines")                                          \
	X(BLOCKS, "実施中の遮断", "Blocks in force")                                                           \
	X(BODIES, "団体", "organisations")                                                                       \
	X(BLOCKS_HERE, "この団体の遮断", "Blocks for this organisation")                                       \
	X(INCIDENTS, "インシデント", "Incidents")                                              \
	X(CODE, "コード", "Code")                                                                               \
	X(NAME, "名前", "Name")                                                                                  \
	X(STATE, "状態", "State")                                                                                \
	X(REQUESTS, "通信(件)", "Requests")                                                                    \
	X(VOLUME, "通信量(MB)", "Traffic (MB)")                                                                \
	X(DENIED, "拒否", "Denied")                                                                              \
	X(BLOCKED, "遮断", "Blocked")                                                                            \
	X(OPEN, "対応中", "Open incidents")                                                                     \
	X(RESTARTS, "再起動", "Restarts")                                                                       \
	X(MEMORY, "メモリ(MB)", "Memory (MB)")                                                                \
	X(SINCE, "開始", "Since")                                                                                \
	X(NUMBER, "受付番号", "Number")                                                                        \
	X(SEVERITY, "危険度", "Severity")                                                                       \
	X(PROVISIONAL, "暫定", "provisional")                                                                   \
	X(JUDGED, "判断", "judged")                                                                              \
	X(WHAT, "内容", "What")                                                                                  \
	X(TERMINAL, "端末", "Terminal")                                                                          \
	X(CLOCK, "連絡の時計", "Notice clock")                                                                 \
	X(RECEIVED_AT, "受付", "Received")                                                                      \
	X(TARGET, "遮断先", "Target")                                                                           \
	X(REASON, "理由", "Reason")                                                                              \
	X(UNTIL, "期限", "Until")                                                                                \
	X(CHECKED, "効いているか", "Does it hold")                                                          \
	X(REFUSED, "止めた通信", "refused")                                                                  \
	X(PASSED, "通った通信", "passed")                                                                    \
	X(NONE, "ありません。", "None.")                                                                       \
	X(UNKNOWN, "取得できません。", "Not available.")                                                     \
	X(READ_ONLY, "この画面は表示専用です。", "Read-only.") \
	X(REFRESHES, "5秒ごとに更新します。", "Refreshed every 5 seconds.") \
	X(LANGUAGE, "English", "日本語")                                                                         \
	X(BACK, "ボードに戻る", "Back to the board")                                                           \
	X(HAPPENED, "何が起きたか", "What happened")                                                          \
	X(WHICH, "どの端末か", "Which terminal")                                                               \
	X(DONE, "これまでの経過", "What was done so far")                                                    \
	X(TOLD, "連絡", "Notices")                                                                               \
	X(EVIDENCE, "証拠(記録の名前)", "Evidence (names of records)")                                        \
	X(NOT_FOUND, "見つかりません。", "Not found.")                                                       \
	X(NO_DATABASE, "インシデントの情報を取得できません。", "Incidents are not available.")         \
	X(ACKED, "受領確認済み", "receipt confirmed")                                                         \
	X(WAITING, "受領確認待ち", "waiting for receipt")                                                     \
	X(TELLING, "連絡中", "telling")                                                                         \
	X(NO_NOTICE, "連絡なし", "no notice")                                                                  \
	X(LATE, "期限超過", "late")                                                                             \
	X(LEFT, "次の連絡先まで 残り", "next contact in")                                                     \
	X(NOTICE_LEFT, "連絡期限まで 残り", "notice due in")                                               \
	X(NOT_KNOWN, "調べています。", "Being looked into.")                                                  \
	X(RECEIVED, "受付", "received")                                                                          \
	X(ANALYSING, "分析", "analysing")                                                                     \
	X(HANDLING, "対処", "handling")                                                                       \
	X(RECOVERING, "復旧", "recovering")                                                                   \
	X(CLOSED, "完了", "closed")                                                                              \
	X(PREPARING, "準備中", "preparing")                                                                     \
	X(MIGRATING, "移行中", "migrating")                                                                     \
	X(LIVE, "利用中", "live")                                                                                \
	X(WATCHED, "重点監視", "watched")                                                                       \
	X(LEAVING, "離脱中", "leaving")                                                                         \
	X(TIMES_ARE, "時刻は日本時間です。", "Times are in Japan Standard Time.")

enum word {
#define X(name, ja, en) WORD_##name,
	WORDS(X)
#undef X
		WORD_COUNT
};

struct html {
	struct buf b;
	bool ja;
};

void html_init(struct html *h, bool ja);
void html_done(struct html *h);
void html_put(struct html *h, const char *tmpl, ...);
const char *html_word(enum word w, bool ja);

#endif
