/* See acts.h. */
#include "incident/acts.h"

#include "incident/incident.h"

#include <string.h>

/* Japanese, English; below severity 2, from there on */
static const char *const server[2][2][ACTS_MAX] = {
	{ { "特にしていただくことはありません。", "気になることがあれば、下の連絡先に知らせてください。", NULL },
	  { "サイトやサーバーを管理している方(委託先を含む)に、すぐ連絡してください。",
	    "電源は切らず、書き換えられたページや記録も消さないでください(調べるための記録が消えます)。",
	    "公開を止めるかどうかは、監視窓口と相談して決めてください。" } },
	{ { "There is nothing you have to do.", "If something worries you, tell the watch.", NULL },
	  { "Call whoever looks after the site or server (a contractor, too) at once.",
	    "Leave it switched on, and delete neither changed pages nor records: they are needed to find out.",
	    "Decide with the watch whether it is taken off the Internet." } },
};
static const char *const mail[2][2][ACTS_MAX] = {
	{ { "受け取った方に、心当たりがあるか聞いてください。", "気になることがあれば、下の連絡先に知らせてください。", NULL },
	  { "受け取った方に、メールを開かず、リンクや添付ファイルに触れないよう、すぐに伝えてください。",
	    "開いた方がいるときは、その端末のネットワークのケーブルを抜くか、無線を切り、下の連絡先に知らせてください。電源は切らないでください。",
	    "メールは消さないでください(調べるための記録になります)。" } },
	{ { "Ask who received it whether they expected it.", "If something worries you, tell the watch.", NULL },
	  { "Tell those who received it at once not to open it, and to touch no link and no attachment.",
	    "If somebody opened it: unplug that terminal's network cable or switch its radio off, leave it switched on, and tell the watch.",
	    "Don't delete the mail: it is needed to find out." } },
};
static const char *const terminal[2][4][ACTS_MAX] = {
	{ { "特にしていただくことはありません。記録としてお知らせします。", NULL, NULL },
	  { "端末を使っている方に、心当たりがあるか聞いてください。", "気になることがあれば、下の連絡先に知らせてください。", NULL },
	  { "端末の使用をやめてもらい、ネットワークのケーブルを抜くか、無線を切ってください。",
	    "電源は切らないでください(調べるための記録が消えます)。",
	    "端末を使っていた方に、直前に開いたメールやファイルを聞いて、書きとめてください。" },
	  { "今すぐ、端末のネットワークのケーブルを抜くか、無線を切ってください。",
	    "電源は切らないでください(調べるための記録が消えます)。",
	    "端末を使っていた方に、直前に開いたメールやファイルを聞いて、書きとめてください。" } },
	{ { "There is nothing you have to do; it is told for the record.", NULL, NULL },
	  { "Ask who uses the terminal whether they know of it.", "If something worries you, tell the watch.", NULL },
	  { "Have its use stopped, and unplug its network cable or switch its radio off.", "Leave it switched on: what is needed to find out would be lost.",
	    "Ask who used it which mails and files they opened last, and write it down." },
	  { "Unplug the terminal's network cable or switch its radio off, now.", "Leave it switched on: what is needed to find out would be lost.",
	    "Ask who used it which mails and files they opened last, and write it down." } },
};

enum acts_about acts_about(const struct incident *i)
{
	if (i->terminal[0])
		return ACTS_TERMINAL;
	return strcmp(i->observable_type, "mail") == 0 ? ACTS_MAIL : strcmp(i->playbook, "inbound") == 0 ? ACTS_SERVER : ACTS_TERMINAL;
}

const char *const *acts_of(enum acts_about about, int severity, bool japanese)
{
	bool en = !japanese;
	severity = severity < 0 ? 0 : severity > 3 ? 3 : severity;
	return about == ACTS_SERVER ? server[en][severity >= 2] : about == ACTS_MAIL ? mail[en][severity >= 2] : terminal[en][severity];
}
