/*
 * rec: streams of sets of records, seg-records(5).
 *
 * A set is zero or more records, one a line, then one line that ends it: an
 * empty one if the writer did all of the set, "!" if it could not.  A stream
 * that ends anywhere else was cut short.  cli.h has the one loop that reads
 * them; commands use this header for struct rec and the writer.
 */
#ifndef SEGTOOLS_REC_H
#define SEGTOOLS_REC_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/msg.h"
#include "format/key.h"

#define REC_UNKNOWN UINT64_MAX
enum { REC_CLAIM_MAX = 20 };

struct rec {
	const char *text; /* the first column, as read; NULL: NAMESPACE/KEY */
	bool is_path;     /* text is the path of a .seg or .idx */
	struct name name; /* what it says */
	/* NAMESPACE/claim-CLAIM, of seg-list -O: this, borrowed; else NULL.  The
	 * key has END (REC_UNKNOWN: none) and TIME alone. */
	const char *claim;
	/* NAMESPACE/KEY.zst, of seg-list -O: the compressed data of a segment
	 * that is there plain too, alone. */
	bool spare;
	uint64_t pages; /* REC_UNKNOWN: "-" */
	uint64_t bytes; /* of the data object */
};

/* Does it look like that of a compressed object: of so many bytes, nobody knows
 * how many pages? */
bool rec_is_compressed(const struct rec *);

/* What a command reads: names, paths, or either, by ".seg" and ".idx"; or names
 * of segments, claims and spare data. */
enum rec_form { REC_NAMES, REC_PATHS, REC_EITHER, REC_ANYTHING };

/* The reader. */
struct rec_reader;
enum rec_event {
	REC_RECORD, /* *rec holds until the next call */
	REC_BAD,    /* a malformed record, reported: the set fails */
	REC_END,    /* the set ended well */
	REC_FAILED, /* the set ended with "!" */
	REC_EOF,    /* the stream ended at a set's border, after >= 1 set */
	REC_CUT,    /* it was cut short; reported */
	REC_BROKEN /* it could not be read any further; reported: the set fails,
		     * and what would have come is not known (RC_SYSTEM) */
};

/* From a descriptor.  With eof_ends_set the whole input is one set. */
struct rec_reader *rec_reader_new(int fd, enum rec_form, bool eof_ends_set);
/* From operands, which form one set; NULL ends them. */
struct rec_reader *rec_reader_operands(char *const *operands, enum rec_form);
/* Called before each read of the descriptor, to keep transfers going until it
 * is readable.  May be NULL.  How that work goes is nothing to the reader: it
 * tells whoever began the work. */
void rec_reader_idle(
    struct rec_reader *, void (*idle)(void *arg, int fd), void *arg);
enum rec_event rec_next(struct rec_reader *, struct rec *);
/* The line of the "!" of a set that ended with REC_FAILED. */
uint64_t rec_reader_failed_at(const struct rec_reader *);
void rec_reader_free(struct rec_reader *);

/* What a first column says; false: nothing valid. */
bool rec_parse_text(struct rec *, const char *text, enum rec_form);

struct buf;
/* Adds a record's line; RC_USAGE, reported: it cannot be one.  And the line
 * that ends a set. */
enum rc rec_format(struct buf *, const struct rec *, bool json);
const char *rec_end_line(bool json, bool failed);

/* The writer: on stdout; buffered, flushed at the end of each set and by
 * rec_flush().  A failure to write is reported once and returned by each later
 * call (RC_SYSTEM). */
struct rec_writer {
	bool json;
	bool begun; /* something was written */
	enum rc rc;
	/* Told of each record that was written; may be NULL. */
	void (*wrote)(void *arg, const struct rec *);
	void *arg;
};
enum rc rec_write(struct rec_writer *, const struct rec *);
enum rc rec_end(struct rec_writer *, bool failed);
/* A namespace alone, a line that belongs to no set. */
enum rc rec_write_namespace(struct rec_writer *, const char *namespace);
enum rc rec_flush(struct rec_writer *);

#endif
