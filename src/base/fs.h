/* Files: whole reads with a ceiling, atomic synced writes. Fault tests can make any call here fail. */
#ifndef BASE_FS_H
#define BASE_FS_H

#include "base/buf.h"

#include <stdbool.h>
#include <sys/types.h>

struct err;

/* Reads the whole file into b (initialised by the caller; its ceiling counts). */
int fs_read(const char *path, struct buf *b, struct err *err);
/* Writes a temporary file beside, syncs it, renames it over path, syncs the directory. */
int fs_write(const char *path, struct str data, mode_t mode, struct err *err);
int fs_mkdirs(const char *path, mode_t mode, struct err *err); /* like mkdir -p */
int fs_rmtree(const char *path, struct err *err);              /* path need not exist; follows no links */
int fs_sync_dir(const char *path, struct err *err);
int fs_sync_parent(const char *path, struct err *err); /* of the directory that path stands in */
bool fs_exists(const char *path);
/* Calls fn for each name in the directory, sorted, without "." and ".."; stops at fn's first non-zero
 * and returns it. */
int fs_list(const char *path, int (*fn)(const char *name, void *user), void *user, struct err *err);
/* write(2) until all is out. */
int fs_write_all(int fd, const void *p, size_t n, struct err *err);

/* Tests: the n-th system call made through this file fails with `error` (an errno); 0 switches it off. */
void fs_fail_at(long n, int error);
long fs_count(void);
/* For other files that make fallible system calls: true (errno set) when this one must fail. */
bool fs_fault(void);

#endif
