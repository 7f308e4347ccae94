/* The tables; see playbook.h. The words are those of the specification's three cases and six duties, said to the person who does them. */
#include "incident/playbook.h"

#include "base/mem.h"

static const struct playbook_step infection[] = {
	{ "analyse", "soc", "不審な通信か、または感染かを解析する", "Analyse: is it suspicious traffic, or an infection?" },
	{ "identify_terminal", "soc", "端末を特定する(多段プロキシでは XFF を使う)", "Identify the terminal (by XFF behind a child proxy)" },
	{ "report_org", "soc", "団体の担当者に報告する", "Report to the organisation" },
	{ "advise_user", "soc", "端末を使う人がすることを知らせる", "Tell what the terminal's user has to do" },
	{ "contain", "soc", "危険な通信だけを止める", "Stop the dangerous traffic, and only that" },
	{ "check_device", "org", "端末を検査し、結果を知らせる", "Examine the terminal and tell the result" },
	{ "recover", "org", "端末を元に戻し、使い始める", "Put the terminal back into use" },
};
static const struct playbook_step inbound[] = {
	{ "analyse", "soc", "不審な通信かを解析する", "Analyse: is the traffic suspicious?" },
	{ "report_org", "soc", "ただちに団体の担当者に報告する", "Report to the organisation at once" },
	{ "identify_source", "soc", "通信元を特定する", "Identify where it comes from" },
	{ "advise_source", "soc", "通信元に対する対処方法を報告する", "Report how to deal with the source" },
	{ "check_target", "soc", "狙われた機器に弱点があるかを、害を与えずに確かめる", "See, without harming it, whether the target is vulnerable" },
	{ "contain", "soc", "危険な通信だけを止める", "Stop the dangerous traffic, and only that" },
	{ "recover", "org", "機器を調べ、元に戻す", "Examine the target and put it back into use" },
};
static const struct playbook_step outbound[] = {
	{ "analyse", "soc", "不審な通信かを解析する", "Analyse: is the traffic suspicious?" },
	{ "identify_source", "soc", "通信元の端末を特定する(多段プロキシでは XFF を使う)", "Identify the terminal it comes from (by XFF behind a child proxy)" },
	{ "identify_destination", "soc", "通信先を特定する", "Identify where it goes" },
	{ "report_org", "soc", "団体の担当者に報告する", "Report to the organisation" },
	{ "advise_source", "soc", "通信元に対する対処方法を報告する", "Report how to deal with the source" },
	{ "advise_destination", "soc", "通信先に対する対処方法を報告する", "Report how to deal with the destination" },
	{ "contain", "soc", "危険な通信だけを止める", "Stop the dangerous traffic, and only that" },
	{ "recover", "org", "端末を調べ、元に戻す", "Examine the terminal and put it back into use" },
};

const struct playbook playbooks[] = {
	{ "infection", "① 不審な通信・マルウェア感染", "(1) Suspicious traffic or an infection", infection, ARRAY_LEN(infection) },
	{ "inbound", "② 外部から内部への不審な通信", "(2) Suspicious traffic from outside", inbound, ARRAY_LEN(inbound) },
	{ "outbound", "③ 内部から外部への不審な通信", "(3) Suspicious traffic to the outside", outbound, ARRAY_LEN(outbound) },
};
const size_t playbooks_n = ARRAY_LEN(playbooks);

const struct playbook_step duties[] = {
	{ "prompt_report", "soc", "① すみやかに第一報を入れる", "(1) Report promptly" },
	{ "investigate", "soc", "② 影響を積極的に調べる", "(2) Investigate the effect actively" },
	{ "report_result", "soc", "③ 分かったことをできるだけ早く報告する(申告だけのときも)", "(3) Report as soon as possible, on a mere suspicion too" },
	{ "provide_logs", "soc", "④ 記録を集め、分析のための情報を渡す", "(4) Collect logs and give what the analysis needs" },
	{ "report_before_stop", "soc", "⑤ サービスを止める前に団体に報告し、終わったら戻す", "(5) Report before a service is stopped; restore it afterwards" },
	{ "version_up", "noc", "⑥ 必要な更新をすみやかに行う", "(6) Bring versions up to date promptly" },
};
const size_t duties_n = ARRAY_LEN(duties);

static const struct {
	const char *code, *ja, *en;
} kinds[] = {
	{ "dispatch", "現地での対応", "On-site dispatch" },
	{ "stop", "サービスの停止", "Stopping a service" },
	{ "restore", "サービスの再開", "Restoring a service" },
	{ "ask", "問い合わせへの回答", "Answering a question" },
	{ "other", "その他の作業", "Other work" },
}, roles[] = {
	{ "soc", "監視担当(SOC)", "SOC" },
	{ "noc", "運用担当(NOC)", "NOC" },
	{ "org", "団体", "the organisation" },
	{ "prefecture", "県", "the prefecture" },
};

const struct playbook *playbook_find(const char *code)
{
	for (size_t i = 0; i < playbooks_n; i++)
		if (strcmp(playbooks[i].code, code) == 0)
			return &playbooks[i];
	return NULL;
}

/* Techniques by case; what isn't named goes by direction. */
static const struct {
	const char *technique;
	const char *playbook;
} cases[] = {
	{ "T1190", "inbound" },   { "T1110", "inbound" },   { "T1133", "inbound" },   { "T1595", "inbound" },   { "T1590", "inbound" },
	{ "T1592", "inbound" },   { "T1498", "inbound" },   { "T1499", "inbound" },   { "T1491", "inbound" },   { "T1041", "outbound" },
	{ "T1048", "outbound" },  { "T1567", "outbound" },  { "T1020", "outbound" },  { "T1030", "outbound" },  { "T1029", "outbound" },
	{ "T1566", "infection" }, { "T1189", "infection" }, { "T1204", "infection" }, { "T1105", "infection" }, { "T1195", "infection" },
	{ "T1486", "infection" }, { "T1485", "infection" }, { "T1490", "infection" }, { "T1071", "infection" }, { "T1568", "infection" },
	{ "T1572", "infection" }, { "T1573", "infection" }, { "T1571", "infection" }, { "T1102", "infection" }, { "T1095", "infection" },
};

const struct playbook *playbook_of(const struct finding *f)
{
	for (size_t i = 0; i < f->n_attacks; i++)
		for (size_t k = 0; k < ARRAY_LEN(cases); k++)
			if (strncmp(f->attacks[i], cases[k].technique, strlen(cases[k].technique)) == 0)
				return playbook_find(cases[k].playbook);
	for (size_t i = 0; i < f->n_observables; i++)
		if (f->observables[i].type == OBSERVABLE_HASH)
			return playbook_find("infection");
	return playbook_find(f->terminal[0] ? "outbound" : "inbound");
}

const char *playbook_words(const char *code, bool ja)
{
	for (size_t p = 0; p < playbooks_n; p++) {
		if (strcmp(playbooks[p].code, code) == 0)
			return ja ? playbooks[p].ja : playbooks[p].en;
		for (size_t i = 0; i < playbooks[p].n; i++)
			if (strcmp(playbooks[p].steps[i].code, code) == 0)
				return ja ? playbooks[p].steps[i].ja : playbooks[p].steps[i].en;
	}
	for (size_t i = 0; i < duties_n; i++)
		if (strcmp(duties[i].code, code) == 0)
			return ja ? duties[i].ja : duties[i].en;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (strcmp(kinds[i].code, code) == 0)
			return ja ? kinds[i].ja : kinds[i].en;
	for (size_t i = 0; i < ARRAY_LEN(roles); i++)
		if (strcmp(roles[i].code, code) == 0)
			return ja ? roles[i].ja : roles[i].en;
	return code;
}

bool task_kind_known(const char *kind)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (strcmp(kinds[i].code, kind) == 0)
			return true;
	return false;
}

bool task_role_known(const char *role)
{
	for (size_t i = 0; i < ARRAY_LEN(roles); i++)
		if (strcmp(roles[i].code, role) == 0)
			return true;
	return false;
}
