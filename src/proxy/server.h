/* The process around the threads: configuration, signals, and RUN/proxy.sock where the block table comes in. */
#ifndef PROXY_SERVER_H
#define PROXY_SERVER_H

struct err;

/* Runs until SIGTERM or SIGINT. 0, or a negative code when it couldn't begin. */
int server_run(struct err *err);

#endif
