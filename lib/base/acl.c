/*
 * acl: see acl.h.
 *
 * As Linux stores them (linux/posix_acl_xattr.h): a version, then entries of
 * tag, permissions and id, in little endian.
 */

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/xattr.h>

#include "base/acl.h"
#include "base/bytes.h"

static const char access_list[] = "system.posix_acl_access";
static const char default_list[] = "system.posix_acl_default";

enum {
	HEAD = 4,
	ENTRY = 8,
	LIST_MAX = 64 << 10, /* of a value of an attribute */
	VERSION = 2,
	GROUP = 0x04,
	MASK = 0x10,
	OTHERS = 0x20
};

/* What the entry with that tag gives; or else, where there is none. */
static mode_t
given(const uint8_t *list, ssize_t len, unsigned tag, mode_t otherwise)
{
	if (len < HEAD || le32(list) != VERSION)
		return otherwise;
	for (ssize_t at = HEAD; at + ENTRY <= len; at += ENTRY)
		if (le16(list + at) == tag)
			return le16(list + at + 2) & 07;
	return otherwise;
}

mode_t
acl_mode(int fd, const char *path, mode_t mode)
{
	uint8_t list[LIST_MAX];
	ssize_t len = fd >= 0 ? fgetxattr(fd, access_list, list, sizeof(list))
			      : getxattr(path, access_list, list, sizeof(list));

	return mode & (~(mode_t)070 | given(list, len, GROUP, 07) << 3);
}

mode_t
acl_within(const char *dir)
{
	uint8_t list[LIST_MAX];
	ssize_t len = getxattr(dir, default_list, list, sizeof(list));

	/* A mask is what the group's bits of a mode then are. */
	mode_t group = given(list, len, MASK, given(list, len, GROUP, 07));

	return 0700 | group << 3 | given(list, len, OTHERS, 07);
}

static bool
no_list(int err)
{
	return err == ENODATA || err == EOPNOTSUPP || err == ENOSYS;
}

bool
acl_copy(const char *from, int to)
{
	uint8_t list[LIST_MAX];
	ssize_t len = lgetxattr(from, access_list, list, sizeof(list));

	if (len >= 0)
		return fsetxattr(to, access_list, list, (size_t)len, 0) == 0;
	if (!no_list(errno))
		return false;
	return fremovexattr(to, access_list) == 0 || no_list(errno);
}
