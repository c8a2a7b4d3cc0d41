/*
 * driver: what a kind of store implements, and what it may call.  store.h is
 * for users; which kinds there are, open.c alone knows.
 */
#ifndef SEGTOOLS_DRIVER_H
#define SEGTOOLS_DRIVER_H

#include <stdbool.h>

#include "store/store.h"

/* impl is the first argument of all; see store.h for what each does. */
struct store_ops {
	enum rc (*list)(void *impl, const char *prefix, bool delimited,
	    unsigned limit,
	    enum rc (*entry)(void *, const struct store_entry *), void *arg);
	/* NULL: as list, each by itself. */
	enum rc (*list_along)(void *impl, const char *root, const char *prefix,
	    enum rc (*entry)(void *, const struct store_entry *), void *arg);
	void (*start)(void *impl, struct store_xfer *);
	void (*wait)(void *impl, unsigned max, int fd);
	unsigned (*running)(const void *impl);     /* or queued */
	bool (*is_exclusive)(const void *impl);    /* NULL: it is */
	bool (*is_missing)(const void *impl);      /* NULL: known when opened */
	enum rc (*retains)(void *impl, bool *may); /* NULL: nothing */
	/* NULL: whatever is done is so for good. */
	enum rc (*settle)(void *impl, const char *object);
	bool fails_in_part;
	void (*free)(void *impl);
};

/* A store called where, of an opened impl, which it owns from here on. */
struct store *store_new(const char *where, const struct store_opts *,
    const struct store_ops *, void *impl);

/* The object of a GET ends before the range that was asked for. */
enum rc store_too_short(struct store_xfer *, const char *name);

/* Nothing but plain components, so that a path stays where it should, whatever
 * a name says; an object's does not end in "/" either. */
bool store_path_is_plain(const char *path);
bool store_object_is_plain(const char *object);

#endif
