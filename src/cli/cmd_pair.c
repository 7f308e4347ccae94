/* toride pair: which of two gateways carries the traffic, and letting the other one. */
#include "cli/cli.h"

#include "wire/ctl.h"

#include <stdio.h>

static int run_pair(int argc, char **argv)
{
	struct buf request, reply;
	struct err err = { 0 };
	(void)argv;
	if (argc != 0)
		return cli_usage(cli_pair);
	cli_request(&request, "status", NULL);
	int r = cli_ask(&request, &reply, 5000, &err);
	yyjson_doc *doc = r == 0 ? yyjson_read(reply.ptr, reply.len, 0) : NULL;
	struct str role = ctl_str(yyjson_doc_get_root(doc), "pair");
	int code = EXIT_DONE;
	if (r < 0)
		code = cli_error(&err);
	else if (str_eq(role, STR("active")))
		puts(say("active: このノードが通信を担っています", "active: this node carries the traffic"));
	else if (str_eq(role, STR("standby")))
		puts(say("standby: このノードは待機しています", "standby: this node stands by"));
	else
		puts(say("none: このノードは二重化されていません", "none: this node isn't one of a pair"));
	if (r == 0 && !str_eq(role, STR("active")) && !str_eq(role, STR("standby")))
		code = EXIT_REFUSED;
	yyjson_doc_free(doc);
	buf_done(&reply);
	return code;
}

static int run_yield(int argc, char **argv)
{
	struct buf request, reply;
	struct err err = { 0 };
	const char *as = cli_option(&argc, argv, "--as");
	if (argc != 0)
		return cli_usage(cli_pair);
	cli_request(&request, "pair.yield", as);
	int r = cli_ask(&request, &reply, 10000, &err);
	buf_done(&reply);
	return r < 0 ? cli_error(&err) : EXIT_DONE;
}

const struct cli_command cli_pair[] = {
	{ "pair", "toride pair", "whether this node carries the traffic or stands by; 1 when it isn't one of a pair",
	  "このノードが通信を担っているか待機中か（二重化されていなければ 1）", run_pair },
	{ "pair yield", "toride pair yield [--as NAME]", "let the other node carry the traffic (before an upgrade of this one); refused where this one stands by",
	  "もう一方のノードに通信を移す（このノードの更新の前など）", run_yield },
	{ 0 },
};
