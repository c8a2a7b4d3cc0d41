/* lastcut: see lastcut.h. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/acl.h"
#include "base/buf.h"
#include "base/bytes.h"
#include "base/directory.h"
#include "base/file.h"
#include "cut/lastcut.h"
#include "cut/lockfile.h"

enum {
	BLOCK = 4096,
	HASH = 16,
	PER_BLOCK = 255,
	NUMBER_AT = PER_BLOCK * HASH, /* u64: the block's number */
	SUM_AT = BLOCK - 8,           /* u64: XXH3-64 of what is before */
	LOCK_PAUSE = 20               /* ms */
};

/* Which namespace it is a memory of, as text.  Zeros: it does not know, being
 * of an earlier release. */
enum { NAMESPACE_AT = NUMBER_AT - NAMESPACE_MAX - 1 };

static const char magic[16] = "segtools cut 2\n";
/* Without what was added since. */
static const char magic_1[16] = "segtools cut 1\n";

struct lastcut {
	char *dir, *path, *next_path;
	char *namespace;
	char *lock; /* where fd cannot be locked, or NULL */
	bool look;  /* write nothing */
	int fd;     /* of cut.memory, locked */
	bool valid;
	struct lastcut_facts facts;

	/* The next memory in the making. */
	struct file *next;
	uint64_t next_len;
	bool fresh;
	uint64_t number; /* of the block in hand; 0: none */
	bool dirty;
	uint8_t block[BLOCK];
	struct seg_sum old_sum, new_sum; /* of the pages put */
};

/* ---- blocks ---- */

static void
block_seal(uint8_t *b, uint64_t number)
{
	put_le64(b + NUMBER_AT, number);
	put_le64(b + SUM_AT, XXH3_64bits(b, SUM_AT));
}

static bool
block_good(const uint8_t *b)
{
	return le64(b + SUM_AT) == XXH3_64bits(b, SUM_AT);
}

static bool
block_read(int fd, uint64_t number, uint8_t *b)
{
	ssize_t n;

	do
		n = pread(fd, b, BLOCK, (off_t)(number * BLOCK));
	while (n < 0 && errno == EINTR);
	return n == BLOCK && block_good(b) && le64(b + NUMBER_AT) == number;
}

static enum rc
block_write(struct lastcut *m, uint64_t number, const uint8_t *b)
{
	off_t at = (off_t)(number * BLOCK);
	ssize_t n;

	for (size_t done = 0; done<BLOCK; done += n> 0 ? (size_t)n : 0) {
		n = pwrite(m->fd, b + done, BLOCK - done, at + (off_t)done);
		if (n < 0 && errno != EINTR)
			return msg_errno(m->path);
	}
	return RC_OK;
}

static uint64_t
block_of(uint32_t page)
{
	return (page - 1) / PER_BLOCK + 1;
}

/* ---- the facts, block 0 ---- */

/* One list of the fields for both directions. */
struct coder {
	uint8_t *p;
	bool write;
};

static void
code64(struct coder *c, uint64_t *v)
{
	if (c->write)
		put_le64(c->p, *v);
	else
		*v = le64(c->p);
	c->p += 8;
}

static void
code32(struct coder *c, uint32_t *v)
{
	if (c->write)
		put_le32(c->p, *v);
	else
		*v = le32(c->p);
	c->p += 4;
}

static void
code_bytes(struct coder *c, void *v, size_t len)
{
	if (c->write)
		memcpy(c->p, v, len);
	else
		memcpy(v, c->p, len);
	c->p += len;
}

static void
code_stamp(struct coder *c, struct livedb_stamp *s)
{
	code64(c, &s->dev);
	code64(c, &s->ino);
	code64(c, &s->size);
	code64(c, &s->mtime);
	code64(c, &s->ctime);
}

static void
code_facts(struct coder *c, struct lastcut_facts *f)
{
	code64(c, &f->last.start);
	code64(c, &f->last.end);
	code64(c, &f->last.time);
	code64(c, &f->sum.high);
	code64(c, &f->sum.low);
	code64(c, &f->stored_end);
	code64(c, &f->store[0]);
	code64(c, &f->store[1]);
	code32(c, &f->db.page_size);
	code32(c, &f->db.size);
	code32(c, &f->db.wal.frame);
	code32(c, &f->db.wal.sum[0]);
	code32(c, &f->db.wal.sum[1]);
	code_bytes(c, f->db.wal.salt, WAL_SALT);
	code_stamp(c, &f->db.db);
	code_stamp(c, &f->db.log);
	code64(c, &f->db.seen);
	code_bytes(c, f->db.counters, LIVEDB_COUNTERS);
	code_bytes(c, f->db.boot, BOOT_ID);
	code32(c, &f->db.commits);
	code64(c, &f->compared);
	code32(c, &f->cuts);
}

enum { FLAG_SEGMENT = 1, FLAG_FRESH = 2 };

static void
facts_encode(uint8_t *b, const char *namespace,
    const struct lastcut_facts *facts, uint32_t flags)
{
	struct lastcut_facts f = *facts;
	struct coder c = {b + sizeof(magic) + 4, true};

	memset(b, 0, BLOCK);
	memcpy(b, magic, sizeof(magic));
	put_le32(b + sizeof(magic), flags);
	code_facts(&c, &f);
	strcpy((char *)b + NAMESPACE_AT, namespace);
	block_seal(b, 0);
}

static bool
facts_decode(uint8_t *b, struct lastcut_facts *f, uint32_t *flags)
{
	struct coder c = {b + sizeof(magic) + 4, false};

	/* What version 1 does not have is zero there. */
	if (memcmp(b, magic, sizeof(magic)) != 0 &&
	    memcmp(b, magic_1, sizeof(magic_1)) != 0)
		return false;
	*flags = le32(b + sizeof(magic));
	code_facts(&c, f);
	return seg_page_size_valid(f->db.page_size) && f->db.size > 0 &&
	       f->last.start >= 1 && f->last.start <= f->last.end;
}

bool
lastcut_parse(const uint8_t head[LASTCUT_HEAD], struct lastcut_facts *facts)
{
	uint8_t b[BLOCK];
	uint32_t flags;

	memcpy(b, head, BLOCK);
	return block_good(b) && le64(b + NUMBER_AT) == 0 &&
	       facts_decode(b, facts, &flags);
}

/* A block 0 of this namespace, not one that was moved here. */
static bool
is_ours(const struct lastcut *m, const uint8_t *b)
{
	const char *of = (const char *)b + NAMESPACE_AT;

	if (!*of || strncmp(of, m->namespace, NAMESPACE_MAX + 1) == 0)
		return true;
	msg_info("%s: of the namespace %.*s", m->path, NAMESPACE_MAX, of);
	return false;
}

/* ---- opening ---- */

static enum rc
lock(struct lastcut *m, unsigned wait_ms, bool *busy)
{
	int how = m->look ? LOCK_SH : LOCK_EX;
	struct timespec pause = {.tv_nsec = LOCK_PAUSE * 1000000L};

	for (unsigned waited = 0;; waited += LOCK_PAUSE) {
		if (flock(m->fd, how | LOCK_NB) == 0)
			return RC_OK;
		if (errno == ENOLCK || errno == ENOSYS || errno == EOPNOTSUPP)
			return lockfile_take(
			    &m->lock, m->dir, m->look, wait_ms);
		if (errno != EWOULDBLOCK && errno != EINTR)
			return msg_errno(m->path);
		if (waited >= wait_ms)
			break;
		nanosleep(&pause, NULL);
	}
	if (busy)
		*busy = true;
	return msg_fail(RC_SYSTEM, "%s: another seg-cut is at work", m->path);
}

static void
load(struct lastcut *m)
{
	uint8_t b[BLOCK];
	uint32_t flags;
	struct stat st;

	m->valid =
	    block_read(m->fd, 0, b) && facts_decode(b, &m->facts, &flags) &&
	    is_ours(m, b) && fstat(m->fd, &st) == 0 &&
	    (uint64_t)st.st_size >= (block_of(m->facts.db.size) + 1) * BLOCK;
}

static struct lastcut *
lastcut_new(const char *dir, bool look)
{
	struct lastcut *m = xcalloc(1, sizeof(*m));

	m->fd = -1;
	m->look = look;
	m->dir = xstrdup(dir);
	m->path = xasprintf("%s/%s", dir, CUT_MEMORY);
	m->next_path = xasprintf("%s/cut.next", dir);
	m->namespace = xstrdup(path_base(dir));
	return m;
}

enum rc
lastcut_open(struct lastcut **out, const char *dir, unsigned wait_ms,
    const struct secrecy *secrecy, bool *busy)
{
	struct lastcut *m = lastcut_new(dir, false);
	mode_t within = file_default_mode() & acl_within(dir);
	struct stat st;
	enum rc rc;

	*out = NULL;
	do
		m->fd = open(
		    m->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	while (m->fd < 0 && errno == EINTR);
	rc = m->fd < 0 ? msg_errno(m->path) : lock(m, wait_ms, busy);
	if (rc) {
		lastcut_free(m);
		return rc;
	}
	if (fstat(m->fd, &st) == 0)
		(void)fchmod(
		    m->fd, within & ~secrecy_lacks(secrecy, st.st_gid));
	load(m);
	*out = m;
	return RC_OK;
}

enum rc
lastcut_look(struct lastcut **out, const char *dir, unsigned wait_ms)
{
	struct lastcut *m = lastcut_new(dir, true);
	enum rc rc = RC_OK;

	*out = NULL;
	m->fd = open(m->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (m->fd >= 0)
		rc = lock(m, wait_ms, NULL);
	else if (errno != ENOENT)
		rc = msg_errno(m->path);
	if (rc) {
		lastcut_free(m);
		return rc;
	}
	if (m->fd >= 0)
		load(m);
	*out = m;
	return RC_OK;
}

void
lastcut_free(struct lastcut *m)
{
	if (!m)
		return;
	file_close(&m->next);
	if (m->fd >= 0)
		close(m->fd);
	lockfile_leave(m->lock);
	free(m->dir);
	free(m->namespace);
	free(m->path);
	free(m->next_path);
	free(m);
}

const struct lastcut_facts *
lastcut_facts(const struct lastcut *m)
{
	return m->valid ? &m->facts : NULL;
}

void
lastcut_forget(struct lastcut *m)
{
	m->valid = false;
}

/* ---- what a killed run left ---- */

enum rc
lastcut_pending(struct lastcut *m, struct key *key)
{
	struct lastcut_facts f;
	struct file *next;
	uint8_t b[BLOCK];
	uint32_t flags;
	uint64_t size;
	enum rc rc = file_open(&next, m->next_path);

	if (rc)
		return rc;
	memset(key, 0, sizeof(*key));
	rc = file_size(next, &size);
	if (rc == RC_OK && size >= BLOCK)
		rc = file_read(next, b, BLOCK, 0);
	file_close(&next);
	if (rc)
		return rc;
	if (size < BLOCK || !block_good(b) || !facts_decode(b, &f, &flags) ||
	    !is_ours(m, b)) {
		/* It was durable before it got its name: not of our making,
		 * or damaged.  So is then the memory. */
		msg_warn("%s: damaged, or of another namespace", m->next_path);
		m->valid = false;
		rc = m->look ? RC_OK : file_remove(m->next_path);
		return rc ? rc : RC_ABSENT;
	}
	if (flags & FLAG_SEGMENT)
		*key = f.last;
	return RC_OK;
}

/* The blocks behind block 0 first, so that it never speaks of what is not
 * there. */
static enum rc
apply_blocks(struct lastcut *m, struct file *next, uint64_t blocks)
{
	uint8_t b[BLOCK];
	enum rc rc = RC_OK;

	for (uint64_t i = 1; i < blocks && rc == RC_OK; i++) {
		rc = file_read(next, b, BLOCK, i * BLOCK);
		if (rc == RC_OK &&
		    (!block_good(b) || le64(b + NUMBER_AT) == 0 ||
			le64(b + NUMBER_AT) > block_of(UINT32_MAX)))
			rc = msg_fail(RC_DATA, "%s: damaged", m->next_path);
		if (rc == RC_OK)
			rc = block_write(m, le64(b + NUMBER_AT), b);
	}
	return rc;
}

static enum rc
make_durable(struct lastcut *m)
{
	int r;

	do
		r = fdatasync(m->fd);
	while (r != 0 && errno == EINTR);
	return r == 0 ? RC_OK : msg_errno(m->path);
}

static enum rc
apply(struct lastcut *m)
{
	uint8_t b[BLOCK];
	struct file *next;
	uint32_t flags = 0;
	uint64_t size = 0;
	enum rc rc = file_open(&next, m->next_path);

	if (rc)
		return rc == RC_ABSENT ? msg_errno(m->next_path) : rc;
	rc = file_size(next, &size);
	if (rc == RC_OK)
		rc = file_read(next, b, BLOCK, 0);
	if (rc == RC_OK && !facts_decode(b, &m->facts, &flags))
		rc = msg_fail(RC_DATA, "%s: damaged", m->next_path);
	if (rc == RC_OK && (flags & FLAG_FRESH))
		rc = fd_truncate(m->fd, m->path, 0);
	if (rc == RC_OK)
		rc = apply_blocks(m, next, size / BLOCK);
	if (rc == RC_OK)
		rc = block_write(m, 0, b);
	if (rc == RC_OK)
		rc = make_durable(m);
	file_close(&next);
	m->valid = rc == RC_OK;
	return rc;
}

enum rc
lastcut_settle(struct lastcut *m, bool keep)
{
	enum rc rc = keep ? apply(m) : file_remove(m->next_path);

	/* If it comes back, it is applied again: that it is gone need not be
	 * durable. */
	if (keep && rc == RC_OK && unlink(m->next_path) != 0 && errno != ENOENT)
		rc = msg_errno(m->next_path);
	return rc == RC_ABSENT ? RC_OK : rc;
}

/* ---- the next memory ---- */

enum rc
lastcut_begin(struct lastcut *m, bool fresh)
{
	lastcut_drop(m);
	m->fresh = fresh;
	m->next_len = BLOCK; /* block 0 comes last */
	memset(&m->old_sum, 0, sizeof(m->old_sum));
	memset(&m->new_sum, 0, sizeof(m->new_sum));
	if (m->look)
		return RC_OK;
	return file_create(&m->next, m->next_path, FILE_REPLACE | FILE_PRIVATE);
}

void
lastcut_drop(struct lastcut *m)
{
	file_close(&m->next);
	m->number = 0;
	m->dirty = false;
}

static enum rc
block_flush(struct lastcut *m)
{
	enum rc rc = RC_OK;

	if (m->dirty && !m->look) {
		block_seal(m->block, m->number);
		rc = file_write(m->next, m->block, BLOCK, m->next_len);
		m->next_len += BLOCK;
	}
	m->dirty = false;
	return rc;
}

/* Pages that the last cut had. */
static uint32_t
known_pages(const struct lastcut *m)
{
	return m->fresh || !m->valid ? 0 : m->facts.db.size;
}

static enum rc
block_get(struct lastcut *m, uint64_t number)
{
	enum rc rc;

	if (m->number == number)
		return RC_OK;
	rc = block_flush(m);
	if (rc)
		return rc;
	m->number = number;
	if (known_pages(m) > 0 && number <= block_of(known_pages(m)))
		return block_read(m->fd, number, m->block) ? RC_OK : RC_ABSENT;
	memset(m->block, 0, BLOCK);
	return RC_OK;
}

static void
sum_xor(struct seg_sum *sum, const struct seg_sum *x)
{
	sum->high ^= x->high;
	sum->low ^= x->low;
}

enum rc
lastcut_put(
    struct lastcut *m, uint32_t page, const struct seg_sum *hash, bool *changed)
{
	uint8_t *at = m->block + (page - 1) % PER_BLOCK * HASH;
	struct seg_sum old = {0, 0};
	enum rc rc = block_get(m, block_of(page));

	if (rc)
		return rc;
	*changed = page > known_pages(m);
	if (!*changed) {
		old.high = le64(at);
		old.low = le64(at + 8);
		*changed = old.high != hash->high || old.low != hash->low;
	}
	sum_xor(&m->old_sum, &old);
	sum_xor(&m->new_sum, hash);
	if (*changed) {
		put_le64(at, hash->high);
		put_le64(at + 8, hash->low);
		m->dirty = true;
	}
	return RC_OK;
}

enum rc
lastcut_sum(struct lastcut *m, uint32_t size, bool all, struct seg_sum *sum)
{
	enum rc rc;

	/* What a shrink cut off. */
	for (uint64_t page = (uint64_t)size + 1; page <= known_pages(m);
	     page++) {
		const uint8_t *at = m->block + (page - 1) % PER_BLOCK * HASH;

		rc = block_get(m, block_of((uint32_t)page));
		if (rc)
			return rc;
		sum_xor(&m->old_sum,
		    &(struct seg_sum){.high = le64(at), .low = le64(at + 8)});
	}
	rc = block_flush(m);
	if (rc)
		return rc;
	*sum = m->new_sum;
	if (known_pages(m) == 0)
		return RC_OK;
	if (all && (m->old_sum.high != m->facts.sum.high ||
		       m->old_sum.low != m->facts.sum.low))
		return RC_ABSENT;
	sum_xor(sum, &m->old_sum);
	sum_xor(sum, &m->facts.sum);
	return RC_OK;
}

enum rc
lastcut_next(struct lastcut *m, const struct lastcut_facts *facts, bool segment)
{
	uint8_t b[BLOCK];
	enum rc rc;

	facts_encode(b, m->namespace, facts,
	    (segment ? FLAG_SEGMENT : 0U) | (m->fresh ? FLAG_FRESH : 0U));
	rc = file_write(m->next, b, BLOCK, 0);
	return rc ? rc : file_commit(&m->next);
}
