/* The table of outcomes; see severity.h. The stage of an attack comes from its ATT&CK technique, the outcome from
 * what the records say. First matching row wins; the last row of a stage has no condition. */
#include "incident/severity.h"

#include "base/mem.h"

#include <stdio.h>

enum stage { STAGE_NONE, STAGE_OTHER, STAGE_RECON, STAGE_DELIVERY, STAGE_IMPACT, STAGE_ACCESS, STAGE_EXFIL, STAGE_C2 };

static const struct {
	const char *technique; /* and its sub-techniques */
	enum stage stage;
} techniques[] = {
	{ "T1071", STAGE_C2 },       { "T1568", STAGE_C2 },       { "T1572", STAGE_C2 },       { "T1573", STAGE_C2 },
	{ "T1090", STAGE_C2 },       { "T1095", STAGE_C2 },       { "T1102", STAGE_C2 },       { "T1571", STAGE_C2 },
	{ "T1008", STAGE_C2 },       { "T1001", STAGE_C2 },       { "T1132", STAGE_C2 },       { "T1104", STAGE_C2 },
	{ "T1219", STAGE_C2 },       { "T1041", STAGE_EXFIL },    { "T1048", STAGE_EXFIL },    { "T1567", STAGE_EXFIL },
	{ "T1020", STAGE_EXFIL },    { "T1030", STAGE_EXFIL },    { "T1029", STAGE_EXFIL },    { "T1486", STAGE_IMPACT },
	{ "T1485", STAGE_IMPACT },   { "T1490", STAGE_IMPACT },   { "T1491", STAGE_IMPACT },   { "T1110", STAGE_ACCESS },
	{ "T1566", STAGE_DELIVERY }, { "T1189", STAGE_DELIVERY },
	{ "T1204", STAGE_DELIVERY }, { "T1105", STAGE_DELIVERY }, { "T1195", STAGE_DELIVERY }, { "T1608", STAGE_DELIVERY },
	{ "T1046", STAGE_RECON },    { "T1018", STAGE_RECON },    { "T1595", STAGE_RECON },    { "T1590", STAGE_RECON },
	{ "T1592", STAGE_RECON },
};

#define ANY_ACTION 255

/* What is among the observables. */
enum met { ANYTHING, FILE_SEEN /* a file's hash */, MAIL_SEEN };

static const struct {
	enum stage stage;
	uint8_t action;
	uint64_t at_least; /* events */
	enum met met;
	uint8_t level;
	struct severity_reason reason;
} outcomes[] = {
	{ STAGE_C2, FINDING_ALLOWED, SEVERITY_REPEATED, ANYTHING, 3,
	  { "c2_allowed_repeated", "指令サーバーとの通信が繰り返し成立しています。端末が操られている状態です。",
	    "Connections to a command server got through repeatedly: the terminal is under control." } },
	{ STAGE_C2, FINDING_ALLOWED, 0, ANYTHING, 2,
	  { "c2_allowed", "指令サーバーとみられる通信が成立しました。感染の可能性が高い状態です。",
	    "A connection to a suspected command server got through: infection is likely." } },
	{ STAGE_C2, FINDING_DENIED, 0, ANYTHING, 1,
	  { "c2_denied", "指令サーバーとみられる通信はすべて止まっています。端末の確認は必要です。",
	    "All connections to the suspected command server were refused; the terminal should be checked." } },
	{ STAGE_EXFIL, FINDING_ALLOWED, SEVERITY_REPEATED, ANYTHING, 3,
	  { "exfil_allowed_repeated", "外部への持ち出しとみられる通信が繰り返し成立しています。",
	    "Transfers that look like exfiltration got through repeatedly." } },
	{ STAGE_EXFIL, FINDING_ALLOWED, 0, ANYTHING, 2,
	  { "exfil_allowed", "外部への持ち出しとみられる通信が成立しました。", "A transfer that looks like exfiltration got through." } },
	{ STAGE_ACCESS, FINDING_ALLOWED, 0, ANYTHING, 3,
	  { "access_gained", "パスワードが破られ、ログオンが成立しました。", "A password was found: the logon succeeded." } },
	{ STAGE_IMPACT, FINDING_ALLOWED, 0, ANYTHING, 3,
	  { "impact", "被害が発生しています。", "Damage is being done." } },
	{ STAGE_DELIVERY, FINDING_ALLOWED, 0, FILE_SEEN, 3,
	  { "malware_delivered", "不正なファイルが端末に届きました。", "A malicious file was delivered to the terminal." } },
	{ STAGE_DELIVERY, FINDING_ALLOWED, 0, MAIL_SEEN, 2,
	  { "mail_delivered", "不審なメールが受信箱に届きました。開かれていないことを確認できていません。",
	    "A suspicious mail reached a mailbox; that nobody opened it isn't confirmed." } },
	{ STAGE_DELIVERY, FINDING_DENIED, 0, MAIL_SEEN, 1,
	  { "mail_stopped", "不審なメールは、受信箱に届く前にすべて止まりました。", "Suspicious mail was stopped before it reached a mailbox." } },
	{ STAGE_DELIVERY, FINDING_ALLOWED, 0, ANYTHING, 2,
	  { "delivery_allowed", "不正なサイトへの接続が成立しました。感染していないことを確認できていません。",
	    "A connection to a malicious site got through; that nothing was infected isn't confirmed." } },
	{ STAGE_NONE, FINDING_DENIED, 0, ANYTHING, 0,
	  { "no_attack_denied", "攻撃を示すものはなく、通信も止まっています。", "No attack is described, and it was refused." } },
	{ STAGE_NONE, FINDING_ALLOWED, 0, FILE_SEEN, 2,
	  { "untagged_file_allowed", "検知されたファイルが端末に届きました。規則に攻撃の種類の記載がないため、担当者の判断が必要です。",
	    "The file that was found reached the terminal. The rule names no technique: a person must judge." } },
	{ STAGE_NONE, FINDING_ALLOWED, SEVERITY_REPEATED, ANYTHING, 2,
	  { "untagged_allowed_repeated", "検知された通信が繰り返し成立しています。規則に攻撃の種類の記載がないため、担当者の判断が必要です。",
	    "What was found got through repeatedly. The rule names no technique: a person must judge." } },
	{ STAGE_NONE, FINDING_ALLOWED, 0, ANYTHING, 2,
	  { "untagged_allowed", "検知された通信が成立しました。規則に攻撃の種類の記載がなく、攻撃が失敗したことを確認できていません。",
	    "What was found got through. The rule names no technique; that it was harmless isn't confirmed." } },
	{ STAGE_NONE, ANY_ACTION, 0, ANYTHING, 1,
	  { "no_attack", "攻撃とは確認できませんが、普段と異なる通信です。", "Not known to be an attack, but unusual." } },
	/* whatever the stage: refused is failed, anything else isn't known to have failed */
	{ STAGE_OTHER, FINDING_DENIED, 0, ANYTHING, 1,
	  { "attack_denied", "攻撃とみられる通信はすべて止まっています。", "All of what looks like an attack was refused." } },
	{ STAGE_OTHER, FINDING_ALLOWED, 0, ANYTHING, 2,
	  { "attack_allowed", "攻撃とみられる通信が通りました。失敗したことを確認できていません。",
	    "What looks like an attack got through; that it failed isn't confirmed." } },
	{ STAGE_OTHER, FINDING_UNKNOWN, 0, ANYTHING, 2,
	  { "outcome_unknown", "攻撃とみられますが、結果が記録から分かりません。", "It looks like an attack, and the records don't tell its outcome." } },
};

/* Why a person's entry has the severity it has. */
static const struct severity_reason entered[] = {
	{ "by_hand", "人が登録した危険度です。", "Entered by a person." },
	{ "reported", "団体からの申告です。被害があるかはまだ分かりません。", "Reported by a person; whether harm was done isn't known yet." },
	{ "target_vulnerable", "狙われた機器に、この攻撃が使う弱点があります。", "The target has the weakness this attack uses." },
	{ "target_safe", "資産一覧によると、狙われた機器にこの攻撃が使う弱点はありません。", "By the asset list the target hasn't the weakness this attack uses." },
	{ "target_weak", "狙われた機器に、知られている弱点があります。", "The target has known weaknesses." },
	{ "met_elsewhere", "他団体で見つかった不審な相手先との通信が、記録から見つかりました。",
	  "The log shows traffic with what was found suspicious at another organisation." },
};

static bool is_technique(const char *attack, const char *technique)
{
	size_t n = strlen(technique);
	return strncmp(attack, technique, n) == 0 && (attack[n] == 0 || attack[n] == '.');
}

/* The furthest stage any of its techniques stands for. */
static enum stage stage_of(const struct finding *f)
{
	enum stage best = f->n_attacks ? STAGE_OTHER : STAGE_NONE;
	for (size_t i = 0; i < f->n_attacks; i++)
		for (size_t k = 0; k < ARRAY_LEN(techniques); k++)
			if (is_technique(f->attacks[i], techniques[k].technique) && techniques[k].stage > best)
				best = techniques[k].stage;
	return best;
}

static bool has(const struct finding *f, enum met met)
{
	enum observable_type type = met == FILE_SEEN ? OBSERVABLE_HASH : OBSERVABLE_MAIL;
	for (size_t i = 0; i < f->n_observables; i++)
		if (f->observables[i].type == type)
			return true;
	return met == ANYTHING;
}

struct severity severity_of(const struct finding *f)
{
	enum stage stage = stage_of(f);
	for (size_t i = 0; i < ARRAY_LEN(outcomes); i++) {
		bool same = outcomes[i].stage == stage || (outcomes[i].stage == STAGE_OTHER && stage != STAGE_NONE);
		if (same && (outcomes[i].action == ANY_ACTION || outcomes[i].action == f->action) &&
		    f->count >= outcomes[i].at_least && has(f, outcomes[i].met))
			return (struct severity){ outcomes[i].level, &outcomes[i].reason };
	}
	return (struct severity){ 2, &outcomes[ARRAY_LEN(outcomes) - 1].reason };
}

const char *severity_reason_words(const char *code, bool ja)
{
	for (size_t i = 0; i < ARRAY_LEN(outcomes); i++)
		if (strcmp(outcomes[i].reason.code, code) == 0)
			return ja ? outcomes[i].reason.ja : outcomes[i].reason.en;
	for (size_t i = 0; i < ARRAY_LEN(entered); i++)
		if (strcmp(entered[i].code, code) == 0)
			return ja ? entered[i].ja : entered[i].en;
	return code;
}

const char *severity_reason_json(const char *code, char *dst, size_t size)
{
	snprintf(dst, size, "[{\"code\":\"%s\",\"text_ja\":\"%s\",\"text\":\"%s\"}]", code, severity_reason_words(code, true),
	         severity_reason_words(code, false)); /* static words without quotes */
	return dst;
}

/* What let an attack pass tells more than that it passed: the server may have had nothing by that name. No answer proves a failure. */
static void put_answer(const struct finding *f, struct buf *b)
{
	static const char *const words[][2] = {
		{ "攻撃が届いた可能性があります。", "the attack may have reached what it was for." },
		{ "サーバーが受け付けていないため失敗した可能性が高いものの、確かめられていません。", "it didn't take it, so the attack is likely to have failed, which isn't confirmed." },
		{ "攻撃がサーバーに影響した可能性があります。", "the attack may have had an effect on the server." },
	};
	unsigned kind = f->http_status < 400 ? 0 : f->http_status < 500 ? 1 : 2;
	char text[300];
	buf_puts(b, ",{");
	json_field_s(b, "code", "answered");
	snprintf(text, sizeof text, "公開サイトのサーバーは応答%uを返しました。%s", f->http_status, words[kind][0]);
	json_field_s(b, "text_ja", text);
	snprintf(text, sizeof text, "The public site's server answered %u: %s", f->http_status, words[kind][1]);
	json_field_s(b, "text", text);
	json_field_u64(b, "http_status", f->http_status);
	buf_putc(b, '}');
}

void severity_format(const struct severity *s, const struct finding *f, struct buf *b)
{
	buf_puts(b, "[{");
	json_field_s(b, "code", s->reason->code);
	json_field_s(b, "text_ja", s->reason->ja);
	json_field_s(b, "text", s->reason->en);
	json_field_s(b, "finding", f->uid);
	json_field_u64(b, "count", f->count);
	buf_putc(b, '}');
	if (f->http_status && f->action == FINDING_ALLOWED)
		put_answer(f, b);
	buf_putc(b, ']');
}

const char *severity_name(int level, bool ja)
{
	static const char *const names[][2] = {
		{ "0 Low", "危険度0(低)" }, { "1 Medium", "危険度1(中)" }, { "2 High", "危険度2(高)" }, { "3 Critical", "危険度3(重大)" }
	};
	return level >= 0 && level <= 3 ? names[level][ja] : "-";
}

const char *severity_meaning(int level, bool ja)
{
	static const char *const words[][2] = {
		{ "no attack, or nothing came of it", "攻撃ではない、または影響がない" },
		{ "an attack that is known to have failed", "攻撃はあったが、失敗したと確かめられた" },
		{ "an attack that probably succeeded, or isn't known to have failed", "攻撃が成功した可能性が高い、または失敗を確かめられていない" },
		{ "an attack that succeeded", "攻撃が成功し、被害が出ている" },
	};
	return level >= 0 && level <= 3 ? words[level][ja] : "";
}
