/*
 * secrecy: who may not read a file may not read what is written from it either.
 */
#ifndef SEGTOOLS_SECRECY_H
#define SEGTOOLS_SECRECY_H

#include <sys/stat.h>
#include <sys/types.h>

#define SECRECY_ANY_GROUP ((gid_t)-1)

/* All-zero: from nobody. */
struct secrecy {
	mode_t hidden; /* read permissions of group and others that are not
			* given: S_IRGRP, S_IROTH */
	gid_t group;   /* whose the group's are; SECRECY_ANY_GROUP: that of
			* whatever file */
};

/* Of the open file, or without one (-1) of that path; st is what it is. */
struct secrecy secrecy_of(int fd, const char *path, const struct stat *st);
/* Of a mode of which nobody knows the group. */
struct secrecy secrecy_of_mode(mode_t mode);

/* What is written comes from that as well. */
void secrecy_add(struct secrecy *, const struct secrecy *);

/*
 * The permissions of group and others that a file of that group is to lack.  Who
 * may not read may not write.  Of another group than the source's nobody knows
 * who is in both, or in neither: its members were others there, and the members
 * of the source's are others here.  So both get what both had.
 */
mode_t secrecy_lacks(const struct secrecy *, gid_t group);

#endif
