/*
 * acl: access control lists of POSIX, where a file or directory has one.
 */
#ifndef SEGTOOLS_ACL_H
#define SEGTOOLS_ACL_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * The permissions of a file of that mode as they are for its owner, its group
 * and others: with a list, the group's bits of a mode are what the list gives
 * at most to anybody, and not what it gives to the group.  Of the open file, or
 * without one (-1) of that path.
 */
mode_t acl_mode(int fd, const char *path, mode_t mode);

/* What a file that is made in the directory may be at most: 0777, or less where
 * it has a list for what is made in it. */
mode_t acl_within(const char *dir);

/* The open file to gets the list that from has, or loses its own.  False: it
 * cannot (errno). */
bool acl_copy(const char *from, int to);

#endif
