/*
 * remote_read: the indexes and headers of a remote_set, read, a few at a time:
 * which frame of which source each page of the merge is.
 */
#ifndef SEGTOOLS_REMOTE_READ_H
#define SEGTOOLS_REMOTE_READ_H

#include "remote/remote_set.h"

/* Read all that is needed, anew if it was done before.  RC_ABSENT: a source is
 * wrong. */
enum rc remote_read(struct remote_set *);

/* The same in two steps: what was begun goes on while the store is driven. */
void remote_read_begin(struct remote_set *);
bool remote_read_is_there(const struct remote_set *); /* finish() won't wait */
enum rc remote_read_finish(struct remote_set *);
void remote_read_give_up(struct remote_set *); /* if it was begun */

#endif
