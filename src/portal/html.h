/* HTML out, escaped by context. A page is written by html_put() only: literal templates with typed holes. There is no
 * hole that lets bytes through as they are, so that forgetting to escape can't happen; and the build refuses a hole where it doesn't belong
 * (tools/check-templates).
 *
 *   {t} const char *  text between tags           {a} const char *  inside a double-quoted attribute
 *   {u} const char *  one segment of a URL path   {w} enum word     a word of ours, in the reader's language
 *   {p} const char *  a path of ours, as a href   {n} int64_t       a number, with thousands separated
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
	X(REFRESHES, "5秒ごとに更新します。", "Refreshed every 5 seconds.") \
	X(LANGUAGE, "English", "日本語")                                                                         \
	X(BACK, "ボードに戻る", "Back to the board")                                                           \
	X(HAPPENED, "何が起きたか", "What happened")                                                          \
	X(WHICH, "どの端末か", "Which terminal")                                                               \
	X(WHOSE_MAIL, "誰に届いたか", "Whom it reached")                                              \
	X(DONE, "これまでの経過", "What was done so far")                                                    \
	X(TOLD, "連絡", "Notices")                                                                               \
	X(EVIDENCE, "証拠(記録の名前)", "Evidence (names of records)")                                        \
	X(NOT_FOUND, "見つかりません。", "Not found.")                                                       \
	X(NOT_UNDERSTOOD, "受け取れない形式です。", "This request can't be understood.")              \
	X(NOT_YOURS, "この画面を使う権限がありません。", "Your role has no use of this page.")    \
	X(FORM_OVER, "画面が古くなっています。もう一度開いてから操作してください。", "This page is too old. Open it again, then try.") \
	X(NAVIGATION, "メニュー", "Menu")                                                                    \
	X(SKIP, "本文へ移動", "Skip to the content")                                                        \
	X(SIGN_IN, "ログイン", "Sign in")                                                                    \
	X(SIGN_OUT, "ログアウト", "Sign out")                                                               \
	X(SIGNED_OUT, "ログアウトしました。", "You are signed out.")                                  \
	X(USER_NAME, "名前", "Name")                                                                           \
	X(PASSWORD, "パスワード", "Password")                                                               \
	X(APP_CODE, "確認コード(認証アプリの6桁)", "Code (six digits of your authenticator app)") \
	X(APP_CODE_LATER, "初めての方は空欄のままにしてください。", "Leave it empty the first time.") \
	X(SIGN_IN_NO, "ログインできません。名前・パスワード・確認コードのどれかが違うか、試行回数を超えたため15分間ロックされています。初回のパスワードは7日で無効になります。ほかの団体の回線からはログインできません。", "You can't sign in: the name, password or code is wrong, or the account is locked for 15 minutes after too many tries. A one-time password is good for a week. Another organisation's network won't do.") \
	X(SIGN_IN_BUSY, "いまログインの処理が混み合っています。少し待ってからもう一度お試しください。", "Too many people are signing in right now. Please wait a moment and try again.") \
	X(SIGN_IN_AWAY, "システムの不具合のため、いまはログインを確認できません。少し待ってからもう一度お試しください。続くときは運用窓口に電話でお知らせください。", "A fault of the system keeps sign-ins from being checked right now. Please try again in a moment; if it lasts, call the operations desk.") \
	X(NOT_ASKED_FOR, "パスワードや確認コードを電話やメールでお聞きすることはありません。", "Nobody will ever ask for your password or code by telephone or mail.") \
	X(ENROL, "初回の設定", "Your first time here")                                                   \
	X(ENROL_STEP_1, "1. スマートフォンの認証アプリで、この図を読み取ります。", "1. Read this picture with an authenticator app on your phone.") \
	X(ENROL_KEY, "読み取れないときは、アプリにこのキーを入力します。", "If that doesn't work, type this key into the app.") \
	X(ENROL_STEP_2, "2. ご自分のパスワードを決めます。", "2. Choose a password of your own.") \
	X(PASSWORD_RULES, "10文字以上で、英大文字・英小文字・数字・記号をすべて含めます。よくある言葉、ご自分の名前、過去5回のパスワードは使えません。", "At least 10 characters, with capital and small letters, digits and symbols. No well-known words, not your name, none of your last five.") \
	X(NOTHING, " ", " ") \
	X(KEY_LATER, "パスキーを登録した方は、空欄のまま進むとパスキーをお聞きします。", "If you have a passkey, leave it empty: you are asked for it next.") \
	X(KEY_ASK, "パスキーの確認", "Your passkey") \
	X(KEY_ASK_HINT, "ボタンを押し、画面の案内にしたがって、パスキー(セキュリティキーや端末の指紋・顔・暗証番号)で確認してください。", "Press the button, then follow your browser: touch the security key, or use this device's fingerprint, face or PIN.") \
	X(KEY_ASK_BUTTON, "パスキーで確認する", "Use the passkey") \
	X(KEY_SAID, "確認できませんでした。もう一度お試しください。", "That didn't work. Please try again.") \
	X(KEY_FAILED, "パスキーで確認できませんでした。もう一度、名前とパスワードから入力してください。パスキーを使えないときは、認証アプリの確認コードも入力してください。", "The passkey wasn't accepted. Start again with your name and password; if you can't use the passkey, type your app's code as well.") \
	X(KEY_NO_SCRIPT, "何も起きないときは、このブラウザではパスキーを使えません。ログイン画面に戻り、認証アプリの確認コードを入力してください。", "If nothing happens, this browser can't use passkeys: go back to the sign-in page and type your app's code.") \
	X(KEY_BACK, "ログイン画面に戻る", "Back to the sign-in page") \
	X(KEYS, "パスキー", "Passkeys") \
	X(KEYS_HINT, "登録すると、ログインのときに確認コードの代わりに使えます。なくしたときは、ここから消してください。", "A passkey takes the place of the code when you sign in. Remove one here when it is lost.") \
	X(KEY_LABEL, "名前(例: 庁舎の鍵)", "Its name, as you know it") \
	X(KEY_BEGIN, "パスキーを登録する", "Register a passkey") \
	X(KEY_REMOVE, "消す", "Remove") \
	X(KEY_ADDED, "登録", "registered") \
	X(KEY_USED, "最後に使用", "last used") \
	X(DONE_KEY, "パスキーを登録しました。", "The passkey is registered.") \
	X(DONE_KEYLESS, "パスキーを消しました。", "The passkey is removed.") \
	X(PASSWORD_AGAIN, "パスワード(もう一度)", "Password once more")                              \
	X(ENROL_STEP_3, "3. アプリに表示された6桁を入力します。", "3. Type the six digits that the app shows.") \
	X(ENROL_DO, "設定する", "Set it up")                                                                 \
	X(PW_LENGTH, "パスワードが短いか、長すぎます(10文字以上、128バイトまで)。", "The password is too short or too long (10 characters to 128 bytes).") \
	X(PW_KINDS, "英大文字・英小文字・数字・記号のどれかが足りません。", "Capital letters, small letters, digits or symbols are missing.") \
	X(PW_SIMPLE, "よくある言葉や並び、ご自分の名前でできたパスワードは使えません。", "It is made of well-known words, runs, or your own name.") \
	X(PW_USED, "過去に使ったパスワードは使えません。", "You have used this password before.") \
	X(PW_DIFFER, "二つのパスワードが同じではありません。", "The two passwords differ.")    \
	X(CODE_WRONG, "確認コードが違います。アプリの今の6桁を入力してください。", "The code is wrong. Type the six digits the app shows now.") \
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
	X(ALL_INCIDENTS, "インシデント一覧", "Incidents") \
	X(ALL_BLOCKS, "遮断", "Blocks") \
	X(CHANGES, "変更の承認", "Changes") \
	X(LOG, "ログ検索", "Log search") \
	X(FILTER_SEVERITY, "危険度がこれ以上", "Severity at least") \
	X(FILTER_OPEN, "終了分も表示する", "Closed ones too") \
	X(FILTER_ANY, "すべて", "All") \
	X(SHOW, "表示", "Show") \
	X(OLDER, "さらに前を表示", "Show earlier ones") \
	X(DO_NOW, "今すること(団体の方)", "What the organisation does now") \
	X(TODO, "いまお願いしたいこと", "What is asked of you now") \
	X(TODO_ACK, "お知らせの受領を確認する", "Confirm that a notice was received") \
	X(TODO_CONSENT, "遮断に同意するか決める", "Decide whether you consent to a block") \
	X(TODO_NONE, "いま、お願いすることはありません。", "Nothing is asked of you now.") \
	X(WHAT_TO_DO, "ここでできること", "What you can do here") \
	X(DO_ACK, "受領確認", "Confirm receipt") \
	X(ACK_HINT, "お知らせを受け取ったことを記録します。次の担当の方への連絡が止まります。", "Records that the notice was received. Nobody further is called.") \
	X(ACK_BUTTON, "受け取りました", "I have received it") \
	X(DO_NOTE, "経過の記入", "Add to the timeline") \
	X(NOTE_TEXT, "記入する内容", "What happened") \
	X(NOTE_STATE, "状態を進める", "Move the state") \
	X(NOTE_KEEP, "変えない", "Leave it") \
	X(NOTE_BUTTON, "記入する", "Add") \
	X(DO_JUDGE, "危険度の判断", "Judge the severity") \
	X(JUDGE_HINT, "お名前と理由が残ります。2以上は15分以内の緊急連絡が始まり、3は通信先の遮断も始まります。", "Your name and reason are kept. From 2 up the notice within 15 minutes begins; 3 also blocks the destination.") \
	X(JUDGE_BUTTON, "判断を記録する", "Record the judgement") \
	X(DO_BLOCK, "通信先の遮断", "Block a destination") \
	X(BLOCK_KIND, "種類", "Kind") \
	X(BLOCK_VALUE, "遮断先", "Destination") \
	X(BLOCK_HOURS, "時間(1〜8784)", "Hours (1 to 8784)") \
	X(BLOCK_BUTTON, "この団体で遮断する", "Block it for this organisation") \
	X(DO_CLOSE, "対応の終了", "Close") \
	X(CLOSE_BUTTON, "終了する", "Close it") \
	X(WHY, "理由", "Reason") \
	X(CONSENT, "同意して遮断する", "Consent and block") \
	X(DONE_CONSENT, "同意を記録しました。数秒で遮断が始まります。", "Your consent is recorded; the block acts within seconds.") \
	X(ACCOUNT, "アカウント", "Account") \
	X(ROLE, "役割", "Role") \
	X(ROLE_OPERATOR, "運用担当", "operator") \
	X(ROLE_ANALYST, "分析官", "analyst") \
	X(ROLE_APPROVER, "県の承認者", "approver of the prefecture") \
	X(ROLE_CLERK, "団体の担当者", "clerk of an organisation") \
	X(LEAK, "パスワードや認証アプリの情報が漏れたおそれがあるとき", "If your password or your app may be known to others") \
	X(LEAK_HINT, "このボタンを押すと、すぐにログインできなくなり、運用担当に伝わります。あらためて初回のパスワードをお渡しします。", "This button ends your sign-in at once and tells the operators. You will be given a new one-time password.") \
	X(LEAK_BUTTON, "届け出て、すぐに使えなくする", "Report it and lock my account") \
	X(LEAK_DONE, "届け出を受け付け、アカウントを止めました。運用担当に連絡してください。", "It is reported and your account is locked. Please call the operators.") \
	X(PROVISIONAL_IS, "暫定危険度(自動):", "Provisional severity, by the system:") \
	X(JUDGED_IS, "担当者の判断:", "Judged by a person:") \
	X(NEW_PASSWORD, "新しいパスワード", "A new password") \
	X(OLD_PASSWORD, "いまのパスワード", "Your password now") \
	X(OLD_WRONG, "いまのパスワードか確認コードが違います。", "Your password or the code is wrong.") \
	X(DONE_PASSWORD, "パスワードを変えました。ほかの端末でのログインは終わりました。", "Your password is changed. You are signed out everywhere else.") \
	X(STEPS, "手順と作業", "Steps and tasks") \
	X(STEP_OPEN, "未了", "open") \
	X(STEP_IS_DONE, "済み", "done") \
	X(STEP_DO, "済みにする", "Mark as done") \
	X(STEP_RESULT, "結果:", "Result:") \
	X(STEP_DONE, "済み", "Done") \
	X(DONE_STEP, "手順を済みにしました。", "The step is done.") \
	X(CALLS, "電話での連絡", "Calls") \
	X(CALL_ANSWERED, "応答あり", "answered") \
	X(CALL_NO_ANSWER, "応答なし", "no answer") \
	X(CALL_BUSY, "話し中", "busy") \
	X(CALL_MESSAGE, "伝言", "message left") \
	X(CALL_WRONG, "番号違い", "wrong number") \
	X(SUSPICION, "届け出", "Report") \
	X(SUSPICION_HINT, "不審なメールやページ、電話など、気になることを知らせてください。警報が出ていなくても受け付け、ほかに同じものを受け取った人がいないか記録を調べます。", "Tell us of a mail, page or call that worries you. It is taken up without any alert, and the log is searched for others who met the same.") \
	X(SUSPICION_KIND, "何がありましたか", "What was it") \
	X(KIND_MAIL, "メール", "a mail") \
	X(KIND_PAGE, "Webページ", "a web page") \
	X(KIND_FILE, "ファイル", "a file") \
	X(KIND_CALL, "電話", "a call") \
	X(KIND_OTHER, "そのほか", "something else") \
	X(SUSPICION_TEXT, "くわしく", "Tell us more") \
	X(REPORTER, "届け出る人", "Who reports it") \
	X(PHONE, "電話番号(任意)", "Telephone (optional)") \
	X(TERMINAL_ADDRESS, "端末のIPアドレス(わかれば)", "The terminal's IP address (if known)") \
	X(WHAT_IS_KNOWN, "手がかりの種類(わかれば)", "What is known of it (if anything)") \
	X(TYPE_NONE, "なし", "nothing") \
	X(TYPE_HOST, "サイトの名前", "name of the site") \
	X(TYPE_URL, "URL", "URL") \
	X(TYPE_MAIL, "メールアドレス", "mail address") \
	X(TYPE_IP, "IPアドレス", "IP address") \
	X(TYPE_HASH, "ファイルのハッシュ値", "hash of the file") \
	X(OBSERVABLE, "手がかり", "What it is") \
	X(SUSPICION_BUTTON, "届け出る", "Report it") \
	X(DONE_REPORT, "届け出を受け付けました。担当者が調べます。", "Your report is taken up; somebody will look into it.") \
	X(UNDO, "解除する", "Undo") \
	X(DONE_ACK, "受領を確認しました。", "Receipt is confirmed.") \
	X(DONE_NOTE, "記入しました。", "It is on the timeline.") \
	X(DONE_JUDGE, "判断を記録しました。", "The judgement is recorded.") \
	X(DONE_BLOCK, "遮断を指示しました。数秒で始まります。", "The block is ordered; it acts within seconds.") \
	X(DONE_UNDO, "解除を指示しました。数秒で終わります。", "The removal is ordered; it ends within seconds.") \
	X(DONE_CLOSE, "終了しました。", "It is closed.") \
	X(DONE_APPROVE, "承認しました。", "It is approved.") \
	X(NOT_DONE, "できませんでした。", "It could not be done.") \
	X(NO_INVALID, "入力した内容を確かめてください。", "Please look at what you entered.") \
	X(NO_DENIED, "権限がないか、許されない操作です。", "It isn't allowed, or not for you.") \
	X(NO_STATE, "いまの状態ではできません。", "It isn't possible as things stand.") \
	X(NO_EXISTS, "すでに行われています。", "It has been done already.") \
	X(NO_ANSWER, "応答がありません。少し待ってから、行われたかどうかを確かめてください。", "No answer. Please wait a little, then look whether it was done.") \
	X(GEN_CURRENT, "適用中", "in force") \
	X(GEN_PREVIOUS, "一つ前", "the one before") \
	X(GEN_COMPILED, "過去に適用", "was in force") \
	X(GEN_APPROVED, "承認済み", "approved") \
	X(GEN_SUBMITTED, "承認待ち", "waits for approval") \
	X(AUTHOR, "作成", "handed in by") \
	X(APPROVED_BY, "承認", "approved by") \
	X(CHANGES_HINT, "提出された変更です。承認は、提出した人とは別の人が行います。", "Changes that were handed in. Somebody else than their author approves them.") \
	X(CHANGE, "変更", "A change") \
	X(DIFFERENCES, "いま適用中の内容との違い", "What it changes against what is in force") \
	X(DO_APPROVE, "承認", "Approve") \
	X(APPROVE_HINT, "上の違いを確かめてから承認してください。お名前と時刻が残ります。承認だけでは適用されません。", "Look at the differences above first. Your name and the time are kept. Approving doesn't put it in force yet.") \
	X(ELSEWHERE, "この変更は、ほかの県の団体にも及びます。ここには担当の県の分だけを示しています。承認できるのは、すべての県を担当する承認者です。", "This change concerns bodies of other prefectures too; only your own prefecture's part is shown here. An approver for all prefectures has to approve it.") \
	X(APPROVE_BUTTON, "承認する", "Approve it") \
	X(QUERY, "検索する言葉", "Search for") \
	X(QUERY_HINT, "言葉のほか、次のように書けます。", "Words, or:") \
	X(COLUMNS, "検索に使える項目の一覧と例", "All the columns, with examples") \
	X(COLUMNS_HINT, "「項目:値」のように、間を空けずに書きます。例を押すと、その例で検索します。並べて書くと、すべてに当てはまる記録を探します。", "Written as column:value, without a blank. Pressing an example searches for it. Side by side means: all of them.") \
	X(COLUMN, "項目", "Column") \
	X(COLUMN_MEANS, "意味", "Meaning") \
	X(COLUMN_EXAMPLE, "例", "Example") \
	X(COLUMN_OTHER, "そのほか", "all others") \
	X(PERIOD, "期間", "Period") \
	X(SEARCH, "検索", "Search") \
	X(HOUR_1, "1時間", "1 hour") \
	X(HOUR_24, "24時間", "24 hours") \
	X(DAY_7, "7日", "7 days") \
	X(DAY_31, "31日", "31 days") \
	X(YEAR, "1年", "a year") \
	X(FOUND, "見つかった記録", "Records found") \
	X(FOUND_MORE, "ほかにもあります。言葉や期間を絞ってください。", "There are more. Narrow the words or the period.") \
	X(FOUND_INCOMPLETE, "時間切れで、次の時刻より前はまだ検索していません。言葉や期間を絞ってください。", "The time ran out: nothing before this was searched yet. Narrow the words or the period.") \
	X(COVERAGE, "検知の範囲", "Coverage") \
	X(COVERAGE_HINT, "検知ルールで見つけられる攻撃の技術(MITRE ATT&CK の番号)と、そのために必要なログです。過去30日に届いたログから、働かないルールを数えます。", "Techniques (numbers of MITRE ATT&CK) that the rules could find, and the records they need. Which rules can't fire is told by the records of the last 30 days.") \
	X(COVERAGE_RULES, "検知ルール", "Rules") \
	X(COVERAGE_TECHNIQUES, "見つけられる技術", "Techniques") \
	X(COVERAGE_TECHNIQUE, "技術", "Technique") \
	X(COVERAGE_BLIND, "働かないルール", "Can't fire") \
	X(COVERAGE_UNTAGGED, "技術の印のないルール", "Rules without a technique") \
	X(COVERAGE_SOURCES, "必要なログ", "Records needed") \
	X(COVERAGE_SOURCE, "ログ", "Records") \
	X(COVERAGE_THERE, "届いています", "they come") \
	X(COVERAGE_AWAY, "届いていません", "they don't come") \
	X(COVERAGE_WHICH, "どのルールか", "Which rules") \
	X(COVERAGE_BODIES, "団体ごと", "By organisation") \
	X(COVERAGE_MISSING, "届いていないログ", "Records that don't come") \
	X(COVERAGE_NO_RULES, "検知ルールの一覧を取得できません。", "The rules can't be had right now.") \
	X(COVERAGE_NOT_KNOWN, "届いたログの件数を取得できないため、働かないルールは分かりません。", "The counts of records can't be had, so it isn't known which rules can't fire.") \
	X(COVERAGE_LAYER, "ATT&CK Navigator で見るには、toride rules coverage --layer で書き出したファイルを使います。", "For ATT&CK Navigator, toride rules coverage --layer writes a file.") \
	X(COUNTS, "件数の推移", "Counts") \
	X(COUNTS_HINT, "届いた記録の件数です。名前を選ぶと、それだけに絞り込みます。", "How many records came. A name narrows the page to itself.") \
	X(COUNT_BY_HOUR, "1時間ごと", "By the hour") \
	X(COUNT_BY_DAY, "1日ごと", "By the day") \
	X(COUNT_PICTURE, "件数の棒グラフ。同じ数字が、下の「数字で見る」にあります。", "Bars of the counts; the numbers stand below.") \
	X(COUNT_NUMBERS, "数字で見る", "The numbers") \
	X(COUNT_WHEN, "時刻", "When") \
	X(COUNT_SUM, "合計", "In all") \
	X(COUNT_MOST, "最多", "Most") \
	X(COUNT_RECORDS, "件数", "Records") \
	X(COUNT_NONE, "この期間の記録はありません。", "No records of this period.") \
	X(COUNT_CLASS, "種類", "Kind") \
	X(COUNT_PRODUCT, "記録した機能・機器", "Recorded by") \
	X(COUNT_DISPOSITION, "処置", "What was done") \
	X(COUNT_RULE, "許可・遮断・検知を決めた規則", "Rule that decided") \
	X(COUNT_NOTHING, "(なし)", "(none)") \
	X(COUNT_REST, "そのほか", "Others") \
	X(COUNT_SERVICE, "クラウド全体", "The cloud itself") \
	X(COUNT_WIDER, "絞り込みをやめる", "Take this away") \
	X(COUNT_SEARCH, "記録を見る", "Its records") \
	X(COUNT_UP_TO, "数え終わった日までの件数です。きょうの分は、短い期間で見られます。最後の日:", "Counts of finished days; shorter periods show today. The last one:") \
	X(COUNT_AWAY, "いま件数を取得できません。少し待ってから、もう一度開いてください。", "The counts can't be had right now. Please wait a little, then open this page again.") \
	X(MONTH_13, "13か月", "13 months") \
	X(REFUSALS, "復号の例外の候補", "Decryption") \
	X(REFUSALS_HINT, "通信の検査 (復号) と相性の悪いプログラムと接続先です (過去30日)。自動で例外になるものはありません。", "Programs and sites that inspection doesn't get on with (last 30 days). None becomes an exception by itself.") \
	X(REFUSAL_NONE, "候補はありません。", "There are none.") \
	X(REFUSAL_SITE, "接続先", "Site") \
	X(REFUSAL_KIND, "起きていること", "What happens") \
	X(REFUSAL_PINNED, "端末のプログラムがクラウドの証明書を拒む", "A program refuses the cloud's certificate") \
	X(REFUSAL_CLIENT, "接続先が端末の電子証明書を求める", "The site wants the terminal's certificate") \
	X(REFUSAL_TERMINALS, "端末", "Terminals") \
	X(REFUSAL_TRUSTING, "認証局を信頼する端末", "… that trust the authority") \
	X(REFUSAL_OPENED, "同じプログラムで復号できた端末", "… the same program was opened for") \
	X(REFUSAL_TIMES, "回数", "Times") \
	X(REFUSAL_SINCE, "最初と最後", "First and last") \
	X(REFUSAL_EVIDENCE, "根拠", "Evidence") \
	X(REFUSAL_STRONG, "十分", "strong") \
	X(REFUSAL_WEAK, "まだ弱い", "weak") \
	X(REFUSAL_HOW, "業務に必要で、接続先に心当たりがあるときだけ、責任者・理由・期限を付けて例外を提出します。別の人が「変更の承認」で承認します。", "Where the work needs it and the site is known, hand in an exception with owner, reason and end. Another person approves it on the page of changes.") \
	X(SITES, "公開サイト", "Public sites") \
	X(SITE, "サイト", "Site") \
	X(CERTIFICATE, "証明書", "Certificate") \
	X(CERT_GOOD, "有効", "good") \
	X(CERT_SOON, "まもなく期限", "ends soon") \
	X(CERT_FAILED, "更新できていません", "renewal fails") \
	X(CERT_ENDED, "期限切れ", "ended") \
	X(CERT_NONE, "証明書なし", "none yet") \
	X(CERT_UNSERVED, "未反映", "not what visitors get") \
	X(CERT_ACME, "自動更新", "renewed by itself") \
	X(CERT_GIVEN, "購入した証明書", "bought") \
	X(CERT_UNWATCHED, "証明書は管理していません", "no certificate is watched") \
	X(SITE_REQUESTS, "要求数", "Requests") \
	X(SITE_CACHED, "キャッシュ(%)", "From cache (%)") \
	X(SITE_REFUSED, "該当なし等(4xx)", "Refused (4xx)") \
	X(SITE_FAILED, "失敗(5xx)", "Failed (5xx)") \
	X(SITE_WAF, "WAF遮断", "WAF blocked") \
	X(SITE_LIMITED, "回数制限", "Limited") \
	X(SITE_MB, "送信量(MB)", "Sent (MB)") \
	X(SITE_P50, "中央値(ミリ秒)", "Median (ms)") \
	X(SITE_P95, "95%(ミリ秒)", "95 % within (ms)") \
	X(NO_NUMBERS, "アクセスの集計を取得できません。", "The numbers of requests are not available.") \
	X(LOOKED, "改ざんの見張り", "Defacement watch") \
	X(LOOKED_HINT, "公開サイトのページが以前と同じかを、外から定期的に見ています。変わったと出たページが正しい更新なら、ページを開いて確かめてから「このままで正しい」を押してください。心当たりがなければ押さずに、監視センターへ電話してください。", "The public sites' pages are looked at from outside, again and again. Where one is told as changed and the change is yours, open the page, look at it, then say so here. If you know of no change, don't: call the watch.") \
	X(LOOKED_SAME, "変わりなし", "the same") \
	X(LOOKED_CHANGED, "改ざんの疑い", "changed") \
	X(LOOKED_LEARNING, "学習中", "learning") \
	X(LOOKED_UNSEEN, "見られない", "not seen") \
	X(LOOKED_AT, "最後に見た時刻", "last looked at") \
	X(LOOKED_LIKE, "以前のページと一致する割合", "as it was, by") \
	X(LOOKED_SAYS, "ページの文章", "it says") \
	X(LOOKED_RIGHT, "このままで正しい", "It is right as it is") \
	X(LOOKED_AWAY, "いま見張りの結果を取得できません。見張るページを一つも登録していないときも、この表示になります。", "The watch can't be asked right now; so it says, too, where no page is looked at.") \
	X(DONE_LOOKED, "正しいページとして登録しました。", "The page is taken as right from now on.") \
	X(HOLDS, "記録の保全", "Records held") \
	X(HOLD_HINT, "捜査や訴訟などの間、その団体の記録を保存期間が過ぎても消さずに残します。始めるのは一人でできますが、終えるには二人が必要です。", "While a case is under way none of that body's records is ended, however old. One person begins it; two end it.") \
	X(HOLD_ADD, "保全を始める", "Hold records") \
	X(HOLD_CASE, "事件・案件", "Case") \
	X(HOLD_WHY_END, "終える理由", "Why it may end") \
	X(HOLD_ASK, "終了を申請する", "Ask for its end") \
	X(HOLD_AGREE, "終了に同意する(申請した人とは別の人)", "Agree to its end (somebody else than who asked)") \
	X(HOLD_ASKED, "終了の申請中", "its end is asked for") \
	X(HOLD_UNREADABLE, "この保全のファイルが読み取れません。記録は消えずに保全されたままです。運用担当に知らせてください。", "This hold's file can't be read. The records stay held all the same. Please tell operations.") \
	X(DONE_HOLD, "記録の保全を始めました。", "The records are held.") \
	X(DONE_ASKED, "終了を申請しました。別の人が同意すると終わります。", "Its end is asked for: it ends once somebody else agrees.") \
	X(DONE_RELEASED, "保全を終えました。", "The hold has ended.") \
	X(SHIFT, "引継ぎ", "Hand-over") \
	X(SHIFT_OPEN, "まだ引き継がれていません", "nobody took it over yet") \
	X(SHIFT_TAKEN, "引継ぎ済み", "taken over") \
	X(SHIFT_TAKE, "引き継ぐ", "I take it over") \
	X(SHIFT_WRITE, "引継書を作る", "Write a hand-over") \
	X(SHIFT_HINT, "交代の時刻には自動で作られます。それ以外のときに渡す場合に使います。", "At the change of shifts it writes itself; this is for handing over at another time.") \
	X(SHIFT_TO, "渡す先", "To whom") \
	X(DONE_SHIFT, "引継書を作りました。", "The hand-over is written.") \
	X(DONE_TAKE, "引き継ぎました。", "You have taken over.") \
	X(PURGE, "古いページを消す", "Take out old pages") \
	X(PURGE_HINT, "ページを直したのに古い内容が表示されるときに使います。キャッシュから消え、次の閲覧で新しいページを取りに行きます。サイトそのものは消えません。", "For a page that was corrected and is still shown as it was: it leaves the cache and is fetched anew. The site itself isn't touched.") \
	X(PURGE_URL, "ページのURL(空欄ならサイト全体。末尾に * を付けると前方一致)", "The page's URL (empty: the whole site; * at its end: all that begin so)") \
	X(PURGE_BUTTON, "消す", "Take out") \
	X(DONE_PURGE, "古いページを消しました。", "The pages are out of the cache.") \
	X(DONE_UNKEPT, "キャッシュに該当するページはありませんでした。古い内容が見えるときは、URLを確かめてください。", "No such page was in the cache. If it is still shown as it was, please look at its URL again.") \
	X(LINK_OVER, "このリンクは使えません。お知らせのメールに返信してください。", "This link is no longer good. Please answer the notice by mail.") \
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
