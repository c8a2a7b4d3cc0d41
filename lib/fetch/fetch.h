/*
 * fetch: segments from a store into a work directory, many at a time.
 *
 * Each is whole when it gets its names: data and index are verified first.
 * What is there and whole is not transferred; what is partial is resumed and,
 * if that does not verify, transferred from the start.  A body that does not
 * verify is transferred once more.  An index that is missing or wrong beside
 * good data is made from the data.
 *
 * Small files are made durable many at a time, so that done() may come late;
 * fetch_poll() and fetch_finish() bring it.
 */
#ifndef SEGTOOLS_FETCH_H
#define SEGTOOLS_FETCH_H

#include "fetch/fetch_job.h"

struct fetch;
struct fetch *fetch_new(const struct fetch_opts *);
/* Begin one; zstd_first: it seems to be compressed in the store.  Waits for
 * others if there are too many.  The greatest status that done() returned is
 * passed on; so it is by the next two. */
enum rc fetch_add(struct fetch *, const struct name *, bool zstd_first);
/* Go on until fd is readable. */
enum rc fetch_poll(struct fetch *, int fd);
/* Wait for all. */
enum rc fetch_finish(struct fetch *);
/* Removes what earlier killed runs left where segments were fetched to. */
void fetch_free(struct fetch *);

#endif
