/* A store of objects (service.cold) that a change leaves while records lie there: they would be out of everybody's reach, and nobody would delete them when
 * their days are over. Requirement: S-23. */
#ifndef CHECK_LEFT_H
#define CHECK_LEFT_H

struct err;
/* from, to: the generations' directories. Reads where objects lie by the marks on the cold disk (cold/keeper.h); while that disk is away every segment that moved
 * counts as one. -E_STATE: there are some, and `to` doesn't name the store in its cold-left. */
int check_left(const char *from, const char *to, struct err *err);

#endif
