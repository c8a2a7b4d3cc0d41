/* secrecy: see secrecy.h. */

#include "base/acl.h"
#include "base/secrecy.h"

static const mode_t readers = S_IRGRP | S_IROTH;

struct secrecy
secrecy_of(int fd, const char *path, const struct stat *st)
{
	return (struct secrecy){
	    .hidden = ~acl_mode(fd, path, st->st_mode) & readers,
	    .group = st->st_gid};
}

struct secrecy
secrecy_of_mode(mode_t mode)
{
	return (struct secrecy){
	    .hidden = ~mode & readers, .group = SECRECY_ANY_GROUP};
}

static mode_t
hidden_from(const struct secrecy *s, gid_t group)
{
	return !s->hidden || s->group == SECRECY_ANY_GROUP || s->group == group
		   ? s->hidden
		   : readers;
}

void
secrecy_add(struct secrecy *s, const struct secrecy *more)
{
	mode_t hidden;

	if (!s->hidden || s->group == SECRECY_ANY_GROUP) {
		s->hidden |= more->hidden;
		if (more->hidden)
			s->group = more->group;
		return;
	}
	hidden = hidden_from(more, s->group);
	s->hidden |= hidden;
}

mode_t
secrecy_lacks(const struct secrecy *s, gid_t group)
{
	mode_t hidden = hidden_from(s, group);

	return hidden | hidden >> 1;
}
