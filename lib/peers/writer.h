/*
 * writer: who publishes: a UUID that each work directory keeps in which seg-cut
 * makes cuts, in the file DIR/.segtools-writer.  It goes with copies of the
 * directory.
 */
#ifndef SEGTOOLS_WRITER_H
#define SEGTOOLS_WRITER_H

#include "peers/claim.h"

#define WRITER_FILE ".segtools-writer"

/*
 * That of the work directory of a segment file, DIR/NAMESPACE/KEY.seg: DIR is
 * what lies above the file's directory.  It is made when it is first asked for.
 * Where nothing is cut, or DIR cannot be written, one for this process alone.
 */
void writer_of(const char *seg_path, char uuid[CLAIM_WRITER_MAX]);

#endif
