/*
 * compress: see compress.h.
 *
 * Jobs stand in two queues under one lock: those that wait for a thread, and
 * those that ended, of which a descriptor tells the caller's thread.
 */

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/buf.h"
#include "format/checksum.h"
#include "publish/compress.h"
#include "store/store.h"

enum { THREADS_MAX = 64 };

struct queue {
	struct compress_job *head, **tail;
};

struct compress {
	int level;
	unsigned threads, started;
	unsigned running; /* jobs that are not told yet */
	int ended_fd;     /* readable when some ended */
	pthread_t thread[THREADS_MAX];

	pthread_mutex_t mutex; /* of what follows */
	pthread_cond_t more;
	struct queue waiting, ended;
	bool quit;
};

static void
queue_add(struct queue *q, struct compress_job *j)
{
	j->next = NULL;
	*q->tail = j;
	q->tail = &j->next;
}

static struct compress_job *
queue_take(struct queue *q)
{
	struct compress_job *j = q->head;

	if (j)
		q->head = j->next;
	if (!q->head)
		q->tail = &q->head;
	return j;
}

/* ---- a thread ---- */

static bool
is_given_up(struct compress *c)
{
	bool quit;

	pthread_mutex_lock(&c->mutex);
	quit = c->quit;
	pthread_mutex_unlock(&c->mutex);
	return quit;
}

struct feeding {
	struct compress *c;
	struct zseek_writer *w;
	struct compress_job *j;
	struct file_tail out;
};

static enum rc
compress_piece(void *arg, const void *data, size_t len)
{
	struct feeding *f = arg;
	const struct file_check *check = f->j->check;
	enum rc rc = check ? check->feed(check->arg, data, len) : RC_OK;

	if (rc == RC_OK)
		rc = zseek_writer_add(f->w, data, len);
	return rc == RC_OK && is_given_up(f->c) ? RC_SYSTEM : rc;
}

static enum rc
compressed_piece(void *arg, const void *data, size_t len)
{
	struct feeding *f = arg;

	f->j->crc = checksum_crc32(f->j->crc, data, len);
	return file_append(&f->out, data, len);
}

static enum rc
compress_file(
    struct compress *c, struct zseek_writer *w, struct compress_job *j)
{
	struct feeding feeding = {c, w, j, {.file = j->to}};
	uint64_t size = 0;
	enum rc rc = file_size(j->from, &size);

	zseek_writer_begin(w, compressed_piece, &feeding);
	file_sequential(j->from);
	if (rc == RC_OK && j->check)
		rc = j->check->begin(j->check->arg);
	if (rc == RC_OK)
		rc = file_feed(j->from, 0, size, compress_piece, &feeding);
	if (rc == RC_OK && j->check)
		rc = j->check->end(j->check->arg);
	return rc ? rc : zseek_writer_finish(w, &j->size);
}

static struct compress_job *
next_job(struct compress *c)
{
	struct compress_job *j;

	pthread_mutex_lock(&c->mutex);
	while (!(j = queue_take(&c->waiting)) && !c->quit)
		pthread_cond_wait(&c->more, &c->mutex);
	if (c->quit)
		j = NULL;
	pthread_mutex_unlock(&c->mutex);
	return j;
}

static void
tell_ended(struct compress *c, struct compress_job *j)
{
	const uint64_t one = 1;

	pthread_mutex_lock(&c->mutex);
	queue_add(&c->ended, j);
	while (write(c->ended_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
	pthread_mutex_unlock(&c->mutex);
}

static void *
work(void *arg)
{
	struct compress *c = arg;
	struct zseek_writer *w = zseek_writer_new(c->level, NULL, NULL);
	struct compress_job *j;

	while ((j = next_job(c))) {
		j->rc = compress_file(c, w, j);
		tell_ended(c, j);
	}
	zseek_writer_free(w);
	return NULL;
}

/* ---- the caller's ---- */

/* Those that this process may run on, as in a container. */
static unsigned
cores(void)
{
	cpu_set_t set;
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		n = CPU_COUNT(&set);
	return n > 0 ? (unsigned)n : 1;
}

struct compress *
compress_new(int level)
{
	struct compress *c = xcalloc(1, sizeof(*c));

	c->threads = cores() < THREADS_MAX ? cores() : THREADS_MAX;
	c->level = level;
	c->waiting.tail = &c->waiting.head;
	c->ended.tail = &c->ended.head;
	pthread_mutex_init(&c->mutex, NULL);
	pthread_cond_init(&c->more, NULL);
	c->ended_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (c->ended_fd < 0)
		exit(msg_errno("eventfd"));
	return c;
}

void
compress_free(struct compress *c)
{
	if (!c)
		return;
	pthread_mutex_lock(&c->mutex);
	c->quit = true;
	pthread_cond_broadcast(&c->more);
	pthread_mutex_unlock(&c->mutex);
	for (unsigned i = 0; i < c->started; i++)
		pthread_join(c->thread[i], NULL);
	close(c->ended_fd);
	pthread_cond_destroy(&c->more);
	pthread_mutex_destroy(&c->mutex);
	free(c);
}

/* One more, if all have something to do.  Signals are for the caller's. */
static enum rc
hire(struct compress *c)
{
	sigset_t all, before;
	int err;

	if (c->started == c->threads || c->started > c->running)
		return RC_OK;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&c->thread[c->started], NULL, work, c);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err == 0)
		c->started++;
	return c->started > 0
		   ? RC_OK
		   : msg_fail(RC_SYSTEM, "no thread: %s", strerror(err));
}

static enum rc
make_scratch(struct compress_job *j)
{
	struct secrecy secrecy = {0};
	struct stat st = {0};
	enum rc rc = file_scratch(&j->to);

	if (rc == RC_OK)
		rc = file_secrecy(j->from, &secrecy);
	if (rc)
		return rc;
	/* Its own secrecy is to be the same: of its group, if that may be, and
	 * whatever the umask, which is for the object.  It has no name. */
	if (fchown(file_fd(j->to), (uid_t)-1, secrecy.group) == 0)
		st.st_gid = secrecy.group;
	else if (fstat(file_fd(j->to), &st) != 0)
		return msg_errno(file_name(j->to));
	return file_chmod_as(j->to, 0644 & ~secrecy_lacks(&secrecy, st.st_gid));
}

void
compress_start(struct compress *c, struct compress_job *j)
{
	j->rc = make_scratch(j);
	if (j->rc == RC_OK)
		j->rc = hire(c);
	c->running++;
	if (j->rc) {
		tell_ended(c, j);
		return;
	}
	pthread_mutex_lock(&c->mutex);
	queue_add(&c->waiting, j);
	pthread_cond_signal(&c->more);
	pthread_mutex_unlock(&c->mutex);
}

/* Did any end? */
static bool
reap(struct compress *c)
{
	struct compress_job *j;
	uint64_t n;
	bool any = false;

	for (;; any = true) {
		pthread_mutex_lock(&c->mutex);
		j = queue_take(&c->ended);
		if (!j)
			(void)!read(c->ended_fd, &n, sizeof(n));
		pthread_mutex_unlock(&c->mutex);
		if (!j)
			return any;
		c->running--;
		j->done(j, j->rc);
	}
}

void
compress_step(struct compress *c, struct store *store)
{
	struct pollfd fd;

	if (!c || c->running == 0) {
		store_step(store);
		return;
	}
	if (reap(c))
		return;
	fd = (struct pollfd){.fd = c->ended_fd, .events = POLLIN};
	if (!store_step_or(store, c->ended_fd))
		(void)poll(&fd, 1, -1);
	(void)reap(c);
}
