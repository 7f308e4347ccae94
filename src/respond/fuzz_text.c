/* Facts as attackers write them (hosts, file names, titles; one a line) in a notice: the mail has the header lines it should and
 * no other, each line ends in CR LF, and its body is one text of base64. */
#include "respond/mime.h"
#include "respond/text.h"

#include "base/err.h"
#include "base/mem.h"

#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const headers[] = { "From: ", "To: ", "Subject: ", "Date: ", "Message-ID: ", "MIME-Version: ", "Content-Type: ",
	                               "Content-Transfer-Encoding: ", "Auto-Submitted: ", "X-Toride-Reference: ", " " };

static void check(struct str mail)
{
	struct str rest = mail, line;
	bool in_body = false;
	while (rest.len && str_next(&rest, '\n', &line)) {
		if (line.len == 0 || line.ptr[line.len - 1] != '\r' || memchr(line.ptr, '\r', line.len - 1) || memchr(line.ptr, 0, line.len))
			bug("a line of its own: " STR_FMT, STR_ARG(line));
		line.len--;
		bool known = in_body;
		for (size_t i = 0; !known && i < ARRAY_LEN(headers); i++)
			known = str_starts(line, str_from(headers[i]));
		in_body |= line.len == 0;
		if (!known && line.len)
			bug("a header that isn't ours: " STR_FMT, STR_ARG(line));
	}
	if (!in_body)
		bug("no body");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char text[8][512];
	struct str rest = { (const char *)data, size }, one;
	struct buf subject, body, mail;
	struct err err = { 0 };
	if (size == 0)
		return 0;
	memset(text, 0, sizeof text);
	for (size_t i = 0; i < ARRAY_LEN(text) && rest.len && str_next(&rest, '\n', &one); i++)
		snprintf(text[i], sizeof text[i], "%.*s", (int)(one.len < sizeof text[i] ? one.len : sizeof text[i] - 1), one.ptr);
	struct notice_facts f = { .kind = (enum notice_kind)(data[0] % (NOTICE_CALLS + 1)), .service = "試験", .desk_mail = "soc@toride.example",
		.org_name = text[0], .contact = text[1], .number = "I-20261122-0001", .reference = "I-20261122-0001-N1", .title_ja = text[2],
		.reason_ja = text[3], .severity = 3, .terminal = text[4], .terminal_name = text[5], .target = text[6], .judged_by = text[7],
		.judged_reason = text[3], .block_id = "B-20261122-0001", .blocking = data[0] & 64, .refused = 3, .happened_ms = 1795386357708 };
	buf_init(&subject, 64 * KIB);
	buf_init(&body, MIB);
	buf_init(&mail, 4 * MIB);
	notice_subject(&f, &subject);
	notice_body(&f, &body);
	struct mime_mail m = { "soc@toride.example", text[0], "joho1@412015.lg.example", text[1], buf_cstr(&subject), buf_cstr(&body), "I-20261122-0001-N1",
		1795386357708 };
	if (!subject.failed && !body.failed && mime_format(&m, &mail, &err) == 0 && !mail.failed)
		check(buf_view(&mail));
	mime_is_address(text[0]);
	buf_done(&subject);
	buf_done(&body);
	buf_done(&mail);
	return 0;
}
