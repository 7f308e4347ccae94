/* Commands about public sites. */
#include "cli/cli.h"

#include "base/buf.h"
#include "wire/ctl.h"

#include <stdio.h>
#include <stdlib.h>

static int run_csr(int argc, char **argv)
{
	const char *as = cli_option(&argc, argv, "--as");
	struct buf request, reply;
	struct err err = { 0 };
	if (argc < 1)
		return cli_usage(&cli_site[0]);
	cli_request(&request, "site.csr", as);
	json_key(&request, "names");
	for (int i = 0; i < argc; i++) {
		buf_puts(&request, i ? "," : "[");
		json_str(&request, str_from(argv[i]));
	}
	buf_putc(&request, ']');
	int r = cli_ask(&request, &reply, 30000, &err);
	yyjson_doc *doc = r == 0 ? yyjson_read(reply.ptr, reply.len, 0) : NULL;
	struct str csr = ctl_str(yyjson_doc_get_root(doc), "csr");
	if (r == 0)
		printf(STR_FMT, STR_ARG(csr));
	int code = r < 0 ? cli_error(&err) : csr.len ? EXIT_DONE : EXIT_COULD_NOT;
	yyjson_doc_free(doc);
	buf_done(&reply);
	return code;
}

const struct cli_command cli_site[] = {
	{ "site csr", "toride site csr NAME [ALIAS...] [--as WHO]", "makes a site's key in the vault; prints the request for its certificate",
	  "サイトの鍵をヴォルトの中に作り、証明書の申請 (CSR) を示します", run_csr },
	{ 0 },
};
