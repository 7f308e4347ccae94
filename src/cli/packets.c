/* See packets.h. */
#include "cli/packets.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "model/packet.h"

#include <stdio.h>
#include <string.h>

#define QUESTIONS_MAX (64u * MIB)

static void put_json(struct str q, const struct decision *d, struct buf *b)
{
	static const char *const fates[] = { "pass", "service", "refuse", "drop" };
	char path[64], words[1024], server[PREFIX_TEXT];
	buf_putc(b, '{');
	json_field(b, "packet", q);
	json_field_s(b, "decision", d->fate <= PACKET_SERVICE ? "allow" : "deny");
	json_field_s(b, "fate", fates[d->fate]);
	json_field_s(b, "org", d->org ? d->org->code : "-");
	json_field_s(b, "rule", d->id);
	json_field_s(b, "path", decision_path(d, path));
	json_field_s(b, "comment", d->comment);
	if (d->door) {
		json_field_s(b, "server", prefix_format_addr(&d->door->server, server));
		json_field_u64(b, "server_port", d->door->server_port);
	}
	decision_words(d, false, words, sizeof words);
	json_field_s(b, "reason", words);
	decision_words(d, true, words, sizeof words);
	json_field_s(b, "reason_ja", words);
	buf_puts(b, "}\n");
}

struct session {
	const struct model *m;
	struct policy_sets sets;
	int64_t now;
	bool json, single;
};

static int answer(const struct session *s, struct str q)
{
	struct packet p;
	struct decision d;
	struct err err = { 0 };
	struct buf b;
	char words[1024];
	if (packet_parse(s->m, q, s->now, &p, &err) < 0) {
		cli_error(&err);
		return EXIT_USAGE;
	}
	packet_decide(s->m, &s->sets, &p, &d);
	buf_init(&b, 16 * KIB);
	decision_words(&d, cli_japanese(), words, sizeof words);
	if (s->json)
		put_json(q, &d, &b);
	else if (s->single)
		buf_printf(&b, "%s\n", words);
	else
		buf_printf(&b, STR_FMT "\n  %s\n", STR_ARG(q), words);
	bool ok = !b.failed && fwrite(b.ptr, 1, b.len, stdout) == b.len;
	buf_done(&b);
	return !ok ? EXIT_COULD_NOT : s->single && d.fate > PACKET_SERVICE ? EXIT_REFUSED : EXIT_DONE;
}

static int answer_file(const struct session *s, const char *file)
{
	struct buf b;
	struct str rest, line;
	struct err err = { 0 };
	int code = EXIT_DONE;
	buf_init(&b, QUESTIONS_MAX);
	if (fs_read(strcmp(file, "-") == 0 ? "/dev/stdin" : file, &b, &err) < 0)
		code = cli_error(&err);
	for (rest = buf_view(&b); code == EXIT_DONE && rest.len;) {
		str_next(&rest, '\n', &line);
		line = str_trim(line);
		if (line.len && line.ptr[0] != '#')
			code = answer(s, line);
	}
	buf_done(&b);
	return code;
}

int cli_packets(const struct model *m, const char *question, const char *file, bool json)
{
	struct arena a;
	struct session s = { .m = m, .now = clock_now_ms(), .json = json, .single = !file };
	arena_init(&a, 64 * MIB);
	int code = policy_sets(m, &a, &s.sets) < 0 ? cli_error(&(struct err){ .code = E_NOMEM, .msg = "no memory" })
	           : file                          ? answer_file(&s, file)
	                                           : answer(&s, str_from(question));
	if (code != EXIT_COULD_NOT && fflush(stdout) != 0)
		code = EXIT_COULD_NOT;
	arena_done(&a);
	return code;
}
