/*
 * unpack: see unpack.h.
 *
 * A pair waits in a tree by its name while one of its two members has not come;
 * then it is ready, and with some others, since each fsync takes its time, it
 * gets its names: at the latest when the input makes us wait.
 */

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/directory.h"
#include "base/file.h"
#include "base/number.h"
#include "format/check.h"
#include "pack/tarread.h"
#include "pack/unpack.h"
#include "segment/adopt.h"
#include "segment/pagesum.h"
#include "segment/segpair.h"

enum {
	/* Pairs of which one member has come: a file is open for each. */
	WAITING_MAX = 16384,
	/* Two for each that is ready, and two more while it gets its names. */
	FILES_READY = 4,
	SHARE = 4, /* they have a quarter of the files that may be open */
	/* No index is longer: nodes for four bytes of a page number. */
	INDEX_MIN = 64 << 10,
	INDEX_PER_PAGE = 128
};

/* Of an index whose data has not come. */
#define INDEX_MAX (UINT64_C(4) << 30)

struct pair {
	struct name name; /* first: the tree compares it */
	bool came[2];     /* by enum part */
	bool bad;         /* one of the two was, and that was said */
	struct file *file[2];
	bool later; /* layout */
	struct pagesum_value sum;
	uint64_t pages, bytes;
};

struct unpack {
	const struct unpack_opts *o;
	struct tarread *in;
	struct pagesum *sum;
	void *tree;
	size_t waiting, waiting_max;
	struct pair *ready[ADOPT_MAX];
	size_t n_ready, ready_max;
	enum rc rc;    /* of all sets that have ended */
	enum rc set;   /* of this one */
	enum rc stop;  /* if there is no point in going on */
	bool in_set;   /* something of this one has come */
	bool any_set;  /* one has ended in this stream */
	uint64_t sets; /* that have ended */
};

/* ---- pairs ---- */

static int
by_name(const void *a, const void *b)
{
	const struct name *x = a, *y = b;
	int c = strcmp(x->namespace, y->namespace);

	return c ? c : key_cmp(&x->key, &y->key);
}

static void
pair_free(void *arg)
{
	struct pair *p = arg;

	file_close(&p->file[PART_SEGMENT]);
	file_close(&p->file[PART_INDEX]);
	free(p);
}

/* The one that waits, or a new one; NULL: too many wait, reported. */
static struct pair *
find_pair(struct unpack *u, const struct name *name)
{
	struct pair **at = tfind(name, &u->tree, by_name), *p;

	if (at)
		return *at;
	if (u->waiting == u->waiting_max) {
		u->stop = msg_fail(RC_SYSTEM,
		    "standard input: no more than %zu file%s can wait for a "
		    ".seg or .idx: tar --sort=name puts the two side by side",
		    u->waiting, number_s(u->waiting));
		return NULL;
	}
	p = xcalloc(1, sizeof(*p));
	p->name = *name;
	if (!tsearch(p, &u->tree, by_name))
		exit(msg_fail(RC_SYSTEM, "out of memory"));
	u->waiting++;
	return p;
}

static void
leave_tree(struct unpack *u, struct pair *p)
{
	(void)tdelete(p, &u->tree, by_name);
	u->waiting--;
}

/* ---- a member arrives ---- */

static enum rc
create(struct file **f, const char *dir, const char *path,
    const struct tar_member *m, const struct name *name)
{
	struct secrecy secrecy = secrecy_of_mode(m->mode);
	enum rc rc = dir_make_below(dir, name->namespace);

	if (rc == RC_OK)
		rc = file_create(f, path, FILE_PRIVATE);
	return rc ? rc : file_chmod(*f, &secrecy);
}

/* The bytes of a member into a temporary file of path; check: of its data. */
static enum rc
receive(struct unpack *u, struct file **f, const char *path,
    const struct tar_member *m, const struct name *name,
    struct seg_check *check)
{
	const void *data;
	uint64_t at = 0;
	size_t n;
	enum rc rc;

	while ((rc = tarread_data(u->in, &data, &n)) == RC_OK && n > 0) {
		if (check)
			rc = seg_check_feed(check, data, n);
		if (rc == RC_OK && !*f)
			rc = create(f, u->o->dir, path, m, name);
		if (rc == RC_OK)
			rc = file_write(*f, data, n, at);
		if (rc)
			break;
		at += n;
		if (u->o->moved)
			u->o->moved(u->o->arg, n);
	}
	return rc;
}

static enum rc
on_frame(void *arg, uint32_t position, uint32_t page, uint64_t frame_no)
{
	(void)frame_no;
	pagesum_add(arg, page, position);
	return RC_OK;
}

static enum rc
receive_data(struct unpack *u, struct pair *p, const char *path,
    const struct tar_member *m)
{
	struct seg_check *check =
	    seg_check_new(path, &p->name.key, m->size, on_frame, u->sum);
	struct seg_header header;
	enum rc rc;

	pagesum_reset(u->sum);
	rc = receive(u, &p->file[PART_SEGMENT], path, m, &p->name, check);
	if (rc == RC_OK)
		rc = seg_check_end(check, &header);
	seg_check_free(check);
	if (rc)
		return rc;
	p->later = header.layout == SEG_LATER;
	p->sum = pagesum_end(u->sum);
	p->pages = header.frames;
	p->bytes = seg_size(&header);
	return RC_OK;
}

static enum rc
receive_index(struct unpack *u, struct pair *p, const char *path,
    const struct tar_member *m)
{
	if (m->size == 0 || m->size > INDEX_MAX)
		return msg_fail(RC_DATA, "%s: too %s for an index", path,
		    m->size ? "long" : "short");
	return receive(u, &p->file[PART_INDEX], path, m, &p->name, NULL);
}

/* ---- both are there ---- */

/* Data and index, each good by itself, of one segment? */
static enum rc
compare(struct unpack *u, struct pair *p)
{
	struct file *seg = p->file[PART_SEGMENT], *idx = p->file[PART_INDEX];
	struct pagesum_value sum = {0};
	struct file_map map;
	enum rc rc = file_map(&map, idx, INDEX_MIN + p->pages * INDEX_PER_PAGE);

	if (rc)
		return rc;
	rc = pagesum_index(u->sum, file_name(idx), map.data, map.len, &sum);
	file_unmap(&map);
	if (rc || memcmp(&sum, &p->sum, sizeof(sum)) == 0)
		return rc;
	/*
	 * In the later layout frames come in any order, and more than one of a
	 * page: only another look can tell.  In the old one it says what is
	 * wrong.
	 */
	rc = segpair_check(seg, idx, &p->name.key, NULL, NULL);
	return rc || p->later ? rc : RC_DATA;
}

/* Names for what is ready, and then their records. */
static void
publish(struct unpack *u)
{
	struct adopt adopt[ADOPT_MAX];
	struct rec rec = {.is_path = true};
	char *path;

	for (size_t i = 0; i < u->n_ready; i++) {
		struct pair *p = u->ready[i];

		adopt[i] = (struct adopt){
		    .name = p->name, .file = {p->file[0], p->file[1]}};
		p->file[0] = p->file[1] = NULL;
	}
	adopt_pairs(adopt, u->n_ready);
	for (size_t i = 0; i < u->n_ready; i++) {
		struct pair *p = u->ready[i];

		rec.text = path = name_path(u->o->dir, &p->name, PART_SEGMENT);
		rec.name = p->name;
		rec.pages = p->pages;
		rec.bytes = p->bytes;
		if (adopt[i].rc == RC_OK && u->stop == RC_OK)
			u->stop = u->o->record(u->o->arg, &rec);
		u->set = rc_max(u->set, adopt[i].rc);
		free(path);
		pair_free(p);
	}
	u->n_ready = 0;
}

static bool
is_ready(const struct unpack *u, const struct name *name)
{
	for (size_t i = 0; i < u->n_ready; i++)
		if (by_name(name, u->ready[i]) == 0)
			return true;
	return false;
}

/* The second of the two has come. */
static void
complete(struct unpack *u, struct pair *p)
{
	enum rc rc = p->bad ? RC_OK : compare(u, p);

	leave_tree(u, p);
	u->set = rc_max(u->set, rc);
	if (p->bad || rc) {
		pair_free(p);
		return;
	}
	u->ready[u->n_ready++] = p;
	if (u->n_ready == u->ready_max)
		publish(u);
}

/* ---- members ---- */

static enum rc
take_file(struct unpack *u, const struct tar_member *m, const struct name *name,
    enum part part)
{
	struct pair *p;
	char *path;
	enum rc rc;

	/* It comes again: what it was must be there to be compared with. */
	if (is_ready(u, name))
		publish(u);
	p = find_pair(u, name);
	if (!p)
		return u->stop;
	if (p->came[part])
		return msg_fail(RC_DATA, "%s: twice in its set", m->path);
	p->came[part] = true;
	path = name_path(u->o->dir, name, part);
	rc = part == PART_SEGMENT ? receive_data(u, p, path, m)
				  : receive_index(u, p, path, m);
	free(path);
	if (rc) {
		p->bad = true;
		file_close(&p->file[PART_SEGMENT]);
		file_close(&p->file[PART_INDEX]);
	}
	if (p->came[PART_SEGMENT] && p->came[PART_INDEX])
		complete(u, p);
	return rc;
}

/* Exactly NAMESPACE/KEY.seg or .idx. */
static bool
parse_path(const char *path, struct name *name, enum part *part)
{
	char text[NAMESPACE_MAX + 1 + KEY_LEN + 1];
	size_t len = strlen(path);

	if (len < 4 || len - 4 >= sizeof(text))
		return false;
	len -= 4;
	if (strcmp(path + len, ".seg") == 0)
		*part = PART_SEGMENT;
	else if (strcmp(path + len, ".idx") == 0)
		*part = PART_INDEX;
	else
		return false;
	memcpy(text, path, len);
	text[len] = 0;
	return name_parse(name, text) &&
	       !names_end_of_set(name->namespace, strlen(name->namespace));
}

/* Directories are passed over, but one that leads elsewhere is a sign that so
 * does the rest. */
static bool
leads_out(const char *path)
{
	size_t n;

	if (*path == '/')
		return true;
	for (; *path; path += n + (path[n] == '/')) {
		n = strcspn(path, "/");
		if (n == 2 && memcmp(path, "..", 2) == 0)
			return true;
	}
	return false;
}

static enum rc
refuse(const struct tar_member *m, const char *why)
{
	return msg_fail(RC_DATA, "%.300s: %s", m->path, why);
}

/* ---- sets and the whole ---- */

/* Pairs of which one member has not come. */
static void
drop_waiting(struct unpack *u, bool say)
{
	struct pair *p;
	enum part part;
	char *path;

	while (u->tree) {
		p = *(struct pair **)u->tree; /* at the root */
		leave_tree(u, p);
		part = p->came[PART_SEGMENT] ? PART_SEGMENT : PART_INDEX;
		if (say && !p->bad) {
			path = name_path(u->o->dir, &p->name, part);
			u->set =
			    msg_fail(RC_DATA, "%s: its .%s is not in its set",
				path, part == PART_SEGMENT ? "idx" : "seg");
			free(path);
		}
		pair_free(p);
	}
}

static void
end_set(struct unpack *u, bool failed)
{
	publish(u);
	drop_waiting(u, !failed);
	u->sets++;
	if (failed)
		u->set = msg_fail(rc_max(u->set, RC_DATA),
		    "standard input: set %llu had failed before",
		    (unsigned long long)u->sets);
	if (u->stop == RC_OK)
		u->stop = u->o->end(u->o->arg, u->set != RC_OK);
	u->rc = rc_max(u->rc, u->set);
	u->set = RC_OK;
	u->in_set = false;
	u->any_set = true;
}

/* The zero blocks have come. */
static bool
end_stream(struct unpack *u)
{
	if (u->in_set || !u->any_set) {
		u->rc = msg_fail(rc_max(u->rc, RC_DATA),
		    "standard input: cut short %s",
		    u->in_set ? "inside a set" : "before the first set");
		return false;
	}
	u->any_set = false;
	return true;
}

static void
take_member(struct unpack *u, const struct tar_member *m)
{
	struct name name;
	enum part part;
	enum rc rc = RC_OK;

	if (m->kind == TAR_DIRECTORY && !leads_out(m->path))
		return;
	u->in_set = true;
	if (m->kind == TAR_DIRECTORY)
		rc = refuse(m, "a path that leads out");
	else if (m->kind == TAR_OTHER)
		rc = refuse(m, m->what);
	else if (names_end_of_set(m->path, strlen(m->path)) && m->size == 0)
		end_set(u, strcmp(m->path, SET_FAILED) == 0);
	else if (!parse_path(m->path, &name, &part))
		rc = refuse(m, "not the path of a segment's file");
	else
		rc = take_file(u, m, &name, part);
	u->set = rc_max(u->set, rc);
}

static void
on_idle(void *arg)
{
	struct unpack *u = arg;

	publish(u);
	if (u->stop == RC_OK)
		u->stop = u->o->idle(u->o->arg);
}

/* How many pairs may be on their way, by the files that may be open. */
static void
set_limits(struct unpack *u)
{
	u->ready_max = fd_room(SHARE * FILES_READY, 0);
	if (u->ready_max > ADOPT_MAX)
		u->ready_max = ADOPT_MAX;
	u->waiting_max = fd_room(1, FILES_READY * u->ready_max);
	if (u->waiting_max > WAITING_MAX)
		u->waiting_max = WAITING_MAX;
}

static void
read_stream(struct unpack *u)
{
	enum tar_event event = TAR_MEMBER;
	struct tar_member m;

	while (u->stop == RC_OK) {
		event = tarread_next(u->in, &m);
		if (event == TAR_MEMBER)
			take_member(u, &m);
		else if (event != TAR_ZEROS || !end_stream(u))
			break;
	}
	publish(u);
	if (event == TAR_ERROR)
		u->stop = rc_max(u->stop, RC_SYSTEM);
	if (u->stop)
		(void)u->o->end(u->o->arg, true);
	if (event == TAR_CUT)
		u->rc = rc_max(u->rc, RC_DATA);
	u->rc = rc_max(u->rc, rc_max(u->set, u->stop));
}

enum rc
unpack_run(const struct unpack_opts *o)
{
	struct unpack u = {.o = o};

	set_limits(&u);
	u.in = tarread_new(o->fd, on_idle, &u);
	u.sum = pagesum_new();
	read_stream(&u);
	drop_waiting(&u, false);
	tarread_free(u.in);
	pagesum_free(u.sum);
	return u.rc;
}
