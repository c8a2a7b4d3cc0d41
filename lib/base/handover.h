/*
 * handover: a file that its owner is about to remove becomes another's by a
 * second name, instead of a copy.
 */
#ifndef SEGTOOLS_HANDOVER_H
#define SEGTOOLS_HANDOVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/file.h"

/* What a file was when it was looked at, as a hash: by it is seen that it is the
 * same and nobody has written to it since. */
struct handover_stamp {
	uint64_t hash;
};
enum rc handover_look(struct file *, struct handover_stamp *);

/*
 * Give f, which was opened for reading and was as seen before its contents were
 * verified, the name to, where nothing must be yet.  As a copy made now it gets
 * the mode that secrecy asks for and the time, and is durable before it has the
 * name; the directory, which is swept (temporary.h), is the caller's to sync, and
 * the old name his to remove.
 *
 *   HANDED_NOT    it has to be copied: the file system cannot, or the file is
 *                 not as a copy would be
 *   HANDED        done
 *   HANDED_TAKEN  the name is there already
 *
 * Copied is what somebody has open for writing or has written to; what is had
 * by a symbolic link or has other names, by which it could still be changed; and
 * what would have another owner, group or access list if it were made there.
 */
enum handed { HANDED_NOT, HANDED, HANDED_TAKEN };
/* Would it be, as far as that can be told?  For who verifies what is not copied
 * before, and what is copied on its way. */
bool handover_may(
    struct file *f, const struct handover_stamp *seen, const char *to);
enum rc handover(struct file *f, const struct handover_stamp *seen,
    const char *to, enum handed *);

#endif
