/* toride signatures import (cmd_signatures.c): a row of cmd_scan.c's table. */
#ifndef CLI_SIGNATURES_H
#define CLI_SIGNATURES_H

int cmd_signatures_import(int argc, char **argv);

#endif
