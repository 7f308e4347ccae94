/* toride-proxyd: the inspecting web proxy. All of it is in src/proxy. */
#include "base/err.h"
#include "base/log.h"
#include "proxy/server.h"

int main(void)
{
	struct err err = { 0 };
	if (server_run(&err) < 0) {
		log_err(LOG_LEVEL_ERROR, "", "start", &err);
		return 4;
	}
	return 0;
}
