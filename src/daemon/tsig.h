/* What servers sign with that aren't ours to change: secrets from the vault, as files of the run directory.
 *
 * The secret that the name servers sign their transfers with (TSIG, RFC 8945). Knot and NSD want it in a file beside their
 * configuration; it comes from the vault when they start and lies in the run directory only. */
#ifndef DAEMON_TSIG_H
#define DAEMON_TSIG_H

struct err;

/* Writes RUN/NAME/tsig.conf, in the syntax of that engine. In the child, as its user, before exec. */
int tsig_prepare(const char *name, struct err *err);

/* Writes RUN/bird/secrets: "define secret_N = ..." for each number that a description may name. */
int bgp_prepare(struct err *err);

#endif
