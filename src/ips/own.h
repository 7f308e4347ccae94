/* Our own signatures, the files of rules/ips, as they were when this was built: a rule each, comments left out. They are compiled in
 * so that what a description compiles to doesn't depend on the machine's files. */
#ifndef IPS_OWN_H
#define IPS_OWN_H

#include <stddef.h>

extern const char *const ips_own[];
extern const size_t ips_own_n;

#endif
