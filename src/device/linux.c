/* What programs of a Linux machine say by syslog: sshd, sudo, su, PAM, useradd; Postfix and Rspamd. Each program's sentences are read as
 * their sources print them; one that isn't known is kept as text under its program. */
#include "device/parsers.h"
#include "device/table.h"

static void logon(struct record *r, bool success, struct str user)
{
	r->class_uid = 3002;
	record_word(r, "activity_name", "Logon");
	record_word(r, "status", success ? "Success" : "Failure");
	record_text(r, "user.name", user);
}

/* "… from 203.0.113.9 port 2222 ssh2" */
static void from_port(struct record *r, struct str text)
{
	struct str s;
	if (text_after(text, " from ", " ", &s))
		record_endpoint(r, "src_endpoint", s);
	if (text_after(text, " port ", " ", &s))
		record_port(r, "src_endpoint", s);
}

static void ssh(struct record *r, struct str text)
{
	struct str user, how;
	if (str_starts(text, STR("Failed ")) && (text_after(text, " for invalid user ", " ", &user) || text_after(text, " for ", " ", &user)))
		logon(r, false, user);
	else if (str_starts(text, STR("Accepted ")) && text_after(text, " for ", " ", &user))
		logon(r, true, user);
	else if (str_starts(text, STR("Invalid user ")) && text_after(text, "Invalid user ", " ", &user))
		logon(r, false, user);
	else if (str_starts(text, STR("Disconnected from user ")) && text_after(text, " user ", " ", &user)) {
		r->class_uid = 3002;
		record_word(r, "activity_name", "Logoff");
		record_word(r, "status", "Success");
		record_text(r, "user.name", user);
		struct str rest, ip;
		if (text_after(text, " user ", "", &rest) && str_next(&rest, ' ', &user) && str_next(&rest, ' ', &ip))
			record_endpoint(r, "src_endpoint", ip);
	}
	from_port(r, text);
	if ((text_after(text, "Failed ", " ", &how) || text_after(text, "Accepted ", " ", &how)) && r->class_uid)
		record_text(r, "auth_protocol", how);
	if (r->class_uid)
		record_word(r, "service.name", "sshd");
}

static void pam(struct record *r, struct str text)
{
	struct str s;
	if (text_has(text, ": authentication failure;")) {
		logon(r, false, text_after(text, " user=", " ", &s) ? s : STR(""));
		if (text_after(text, " rhost=", " ", &s))
			record_endpoint(r, "src_endpoint", s);
	} else if (text_has(text, ": session opened for user ")) {
		logon(r, true, text_after(text, "session opened for user ", " (", &s) ? s : STR(""));
	} else if (text_has(text, ": session closed for user ")) {
		r->class_uid = 3002;
		record_word(r, "activity_name", "Logoff");
		record_word(r, "status", "Success");
		if (text_after(text, "session closed for user ", " (", &s))
			record_text(r, "user.name", s);
	}
	if (r->class_uid && text_after(text, "pam_unix(", ":)", &s))
		record_text(r, "service.name", s);
}

/* "alice : TTY=pts/0 ; PWD=/home/alice ; USER=root ; COMMAND=/usr/bin/id" */
static void sudo(struct record *r, struct str text)
{
	struct str rest = str_trim(text), who, s;
	if (!text_after(text, "COMMAND=", "", &s) || !str_next(&rest, ' ', &who))
		return;
	r->class_uid = 1007;
	record_word(r, "activity_name", "Launch");
	record_text(r, "actor.user", who);
	record_text(r, "process.cmd_line", s);
	if (text_after(text, "USER=", " ;", &s))
		record_text(r, "user.name", s);
	record_word(r, "status", text_has(text, "incorrect password") || text_has(text, "NOT in sudoers") || text_has(text, "not allowed") ? "Failure" : "Success");
}

static void accounts(struct record *r, struct str text)
{
	struct str s;
	if (text_after(text, "new user: name=", ",", &s) || text_after(text, "delete user '", "'", &s)) {
		r->class_uid = 3001;
		record_word(r, "activity_name", text_has(text, "new user") ? "Create" : "Delete");
		record_word(r, "status", "Success");
		record_text(r, "user.name", s);
	} else if (text_after(text, "password changed for ", " ", &s)) {
		r->class_uid = 3001;
		record_word(r, "activity_name", "Password Change");
		record_word(r, "status", "Success");
		record_text(r, "user.name", s);
	} else if (text_after(text, "add '", "'", &s) && text_has(text, "to group '")) {
		r->class_uid = 3006;
		record_word(r, "activity_name", "Add User");
		record_word(r, "status", "Success");
		record_text(r, "user.name", s);
		if (text_after(text, "to group '", "'", &s))
			record_text(r, "group.name", s);
	}
}

static void su(struct record *r, struct str text)
{
	struct str s;
	bool failed = text_has(text, "FAILED SU");
	if (!text_after(text, "(to ", ")", &s))
		return;
	logon(r, !failed, s);
	record_word(r, "service.name", "su");
	if (text_after(text, ") ", " ", &s))
		record_text(r, "actor.user", s);
}

/* ---- mail ---- */

/* "host.example[203.0.113.9]" or "[…]:25" behind `head` */
static void mail_client(struct record *r, struct str text, const char *head)
{
	struct str s, ip;
	if (!text_after(text, head, " ,;", &s))
		return;
	if (text_after(s, "[", "]", &ip)) {
		record_endpoint(r, "src_endpoint", ip);
		s.len = (size_t)(ip.ptr - s.ptr) - 1;
		if (!str_eq(s, STR("unknown")))
			record_text(r, "src_endpoint.hostname", s);
	}
}

static void mail_addresses(struct record *r, struct str text)
{
	struct str s;
	if (text_after(text, " from=<", ">", &s))
		record_text(r, "email.from", s);
	if (text_after(text, " to=<", ">", &s))
		record_text(r, "email.to", s);
}

/* "": it names none */
static struct str queue_id(struct record *r, struct str text)
{
	struct str rest = text, id;
	if (!str_next(&rest, ':', &id) || id.len <= 4 || id.len >= MAIL_QUEUE_ID || memchr(id.ptr, ' ', id.len) || str_eq(id, STR("NOQUEUE")) || str_eq(id, STR("warning")))
		return STR("");
	record_text(r, "email.uid", id);
	return id;
}

/* "QID: to=<a>, relay=h[ip]:25, …, dsn=2.0.0, status=sent (250 …)"; the sender as the queue manager named it. */
static void delivery(struct record *r, struct str text, struct str from)
{
	struct str s;
	if (!text_after(text, "status=", " ", &s))
		return;
	r->class_uid = 4009;
	record_word(r, "activity_name", "Send");
	record_text(r, "email.delivery", s);
	record_allowed(r, !str_eq(s, STR("bounced")));
	mail_addresses(r, text);
	record_text(r, "email.from", from);
	if (text_after(text, " relay=", ",", &s))
		record_text(r, "email.relay", s);
	if (text_after(text, " dsn=", ",", &s))
		record_text(r, "email.dsn", s);
	if (text_after(text, "status=", "", &s) && text_after(s, "(", "", &s) && s.len)
		record_text(r, "status_detail", (struct str){ s.ptr, s.len - (s.ptr[s.len - 1] == ')') });
}

static void smtpd(struct record *r, struct str text)
{
	struct str s;
	if (text_has(text, "authentication failed")) {
		logon(r, false, text_after(text, "sasl_username=", ", ", &s) ? s : STR(""));
		mail_client(r, text, "warning: ");
		record_word(r, "service.name", "smtp");
		if (text_after(text, "SASL ", " ", &s))
			record_text(r, "auth_protocol", s);
	} else if (text_has(text, "reject: ")) {
		r->class_uid = 4009;
		record_word(r, "activity_name", "Receive");
		record_allowed(r, false);
		mail_client(r, text, " from ");
		mail_addresses(r, text);
		if (text_after(text, "]: ", ";", &s))
			record_text(r, "status_detail", s);
	} else if (text_after(text, "sasl_username=", ", ", &s)) {
		logon(r, true, s);
		mail_client(r, text, "client=");
		record_word(r, "service.name", "smtp");
	} else if (text_has(text, "client=")) {
		r->class_uid = 4009;
		record_word(r, "activity_name", "Receive");
		record_allowed(r, true);
		mail_client(r, text, "client=");
	}
}

static void postfix(struct record *r, struct str program, const struct device_line *l)
{
	struct str s, text = l->text;
	r->product = "postfix";
	struct str id = queue_id(r, text);
	if (str_ends(program, STR("/smtpd")))
		smtpd(r, text);
	else if (str_ends(program, STR("/qmgr")) && text_has(text, " from=<")) {
		r->class_uid = 4009;
		record_word(r, "activity_name", "Receive");
		record_allowed(r, true);
		mail_addresses(r, text);
		if (text_after(text, " size=", ",", &s))
			record_decimal(r, "email.size", s);
		if (l->queue && text_after(text, " from=<", ">", &s))
			mail_queue_note(l->queue, id, s);
	} else {
		delivery(r, text, l->queue ? mail_queue_from(*l->queue, id) : STR(""));
	}
}

/* The mail's own id is whatever its sender wrote, and stands before all that Rspamd says: what is believed begins behind it, at the last name of a queue file. */
static struct str behind_mail_id(struct str text)
{
	static const char head[] = ">, qid: <";
	for (const char *at; text.len && (at = memmem(text.ptr, text.len, head, sizeof head - 1));)
		text = (struct str){ at + 3, text.len - (size_t)(at + 3 - text.ptr) };
	return text;
}

/* "…; task; rspamd_task_write_log: id: <…>, qid: <…>, ip: …, from: <…>, (default: T (reject): [15.0/15.0] [SYMBOL(1.0){…},…]), …" */
static void rspamd(struct record *r, struct str whole)
{
	struct str s, text = behind_mail_id(whole);
	r->product = "rspamd";
	if (!text_has(whole, "rspamd_task_write_log") || !text_after(text, " (default: ", "[", &s))
		return;
	struct str verdict;
	r->class_uid = 4009;
	record_word(r, "activity_name", "Scan");
	if (text_after(s, "(", ")", &verdict)) {
		record_text(r, "verdict_action", verdict);
		record_allowed(r, !str_eq(verdict, STR("reject")) && !str_eq(verdict, STR("soft reject")));
	} else {
		record_allowed(r, true);
	}
	if (text_after(text, "): [", "]", &s))
		record_text(r, "email.spam_score", s);
	if (text_after(text, "] [", "]", &s))
		record_text(r, "email.symbols", s);
	if (text_after(whole, "id: <", ">", &s))
		record_text(r, "email.message_uid", s);
	if (text_after(text, "qid: <", ">", &s))
		record_text(r, "email.uid", s);
	if (text_after(text, " ip: ", ",", &s))
		record_endpoint(r, "src_endpoint", s);
	if (text_after(text, " from: <", ">", &s))
		record_text(r, "email.from", s);
	if (text_after(text, " rcpts: <", ">", &s))
		record_text(r, "email.to", s);
	if (text_after(text, " user: ", ",", &s) && !str_eq(s, STR("unknown")))
		record_text(r, "user.name", s);
}

static const struct {
	const char *program, *service; /* service as Sigma's log sources name it */
	void (*read)(struct record *r, struct str text);
} programs[] = {
	{ "sshd", "sshd", ssh }, { "sshd-session", "sshd", ssh }, { "sudo", "sudo", sudo }, { "su", "auth", su }, { "useradd", "auth", accounts },
	{ "usermod", "auth", accounts }, { "userdel", "auth", accounts }, { "gpasswd", "auth", accounts }, { "passwd", "auth", accounts },
	{ "chpasswd", "auth", accounts }, { "cron", "cron", NULL }, { "CRON", "cron", NULL }, { "login", "auth", NULL }, { "systemd-logind", "auth", NULL },
	{ "vsftpd", "vsftpd", NULL }, { "clamd", "clamav", NULL }, { "auditd", "auditd", NULL }, { "named", "syslog", NULL },
	{ "chronyd", "ntp", NULL }, { 0 },
};

int linux_read(const struct device_line *l, struct record *r)
{
	struct str program = l->head->app, text = l->text;
	record_begin(r, "linux");
	record_text(r, "message", text);
	if (str_starts(program, STR("postfix"))) {
		postfix(r, program, l);
		return 0;
	}
	if (str_starts(program, STR("rspamd"))) {
		rspamd(r, text);
		return 0;
	}
	for (size_t i = 0; programs[i].program; i++)
		if (str_eq(program, str_from(programs[i].program))) {
			record_word(r, "log_name", programs[i].service);
			if (programs[i].read)
				programs[i].read(r, text);
			break;
		}
	if (!r->class_uid && text_has(text, "pam_unix("))
		pam(r, text);
	return 0;
}
