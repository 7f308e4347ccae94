/* The live board in a terminal: organisations, engines, traffic, what was blocked and why, incidents with their
 * clocks, and the story's last lines. It asks controld like any other client; it can't change anything. */
#ifndef LAB_BOARD_H
#define LAB_BOARD_H

#include "lab/lab.h"

/* Draws one frame to fd, as large as its terminal. story: the file the story writes its lines to. */
int board_draw(const struct lab *l, int fd, const char *story, bool japanese, struct err *err);

#endif
