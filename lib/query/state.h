/*
 * state: the database that a plan stands for, page by page, where it lies:
 * nothing is restored.
 *
 * The indexes say where the newest version of each page is; a page is fetched
 * from there by a ranged request when it is asked for, together with those that
 * a scan will ask for next.  Checked are indexes, the newest header, and of each
 * frame that it is the page that its index promises, with a frame number of its
 * segment; not the content of a page, which has no checksum of its own.
 *
 * The other headers are not asked for, lest each segment cost a request
 * (remote_met.h).  So an earlier size is not known: cut off is what lies beyond
 * the newest.  A page that was beyond an earlier size, is within the newest, and
 * was not written in between keeps its old bytes here, where a restore of all
 * headers has zeros.  No query can tell: SQLite writes a page that it takes
 * again before it reads it, and one that it never wrote again is a leaf of the
 * free list, whose bytes mean nothing; a merge that forgot the size in between
 * has the same bytes.
 *
 * Memory: 36 bytes a segment, what o.cache says, some MiB; 12 bytes a page of
 * the database in a scratch file.
 */
#ifndef SEGTOOLS_STATE_H
#define SEGTOOLS_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plan/keyset.h"
#include "plan/stored.h"
#include "remote/disk_cache.h"
#include "store/store.h"

struct state_opts {
	struct store *store;
	const char *cluster;
	uint64_t cache;          /* bytes of pages that are kept in memory */
	struct disk_cache *disk; /* or NULL */
	struct stored *stored;   /* or NULL */
};

/*
 * The keys of a namespace, from frame 1 on without a hole (else RC_DATA, which
 * says where); copied.  All of *o must outlive the state.
 */
struct state;
enum rc state_open(struct state **, const struct state_opts *o,
    const char *namespace, const struct keyset *keys);
void state_close(struct state *); /* NULL-safe */
/* The same in two steps: what was begun goes on while the store is driven.
 * Nothing else may be asked of the state in between. */
enum rc state_begin(struct state **, const struct state_opts *o,
    const char *namespace, const struct keyset *keys);
enum rc state_finish(struct state *);
/* If that would not wait: have what will be asked for first fetched, of a small
 * database all. */
void state_advance(struct state *);

uint32_t state_page_size(const struct state *);
uint32_t state_pages(const struct state *); /* what the database has */
uint64_t state_end(const struct state *);   /* frame */

/* A page, from 1 on: borrowed until the next one.  What no segment has is
 * zeros.  What failed is reported, and may be asked for again. */
enum rc state_page(struct state *, uint32_t page, const uint8_t **bytes);

/* Pages that will be asked for soon: on their way from now on, as far as there
 * is room for them. */
enum rc state_prefetch(struct state *, const uint32_t *page, size_t n);

/* The first page behind this one that a segment has; 0: there is none. */
uint32_t state_next_page(const struct state *, uint32_t page);

/*
 * Of two states of one namespace and page size: is the page the same frame of
 * the same segment in both, or in none?  If not its bytes may be the same all
 * the same.
 */
bool state_same_page(const struct state *, const struct state *, uint32_t page);
/* Have such pages fetched by other alone, which must outlive the state. */
void state_share(struct state *, struct state *other);

#endif
