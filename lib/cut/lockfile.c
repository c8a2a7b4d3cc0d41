/* lockfile: see lockfile.h. */

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <uuid/uuid.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/process.h"
#include "cut/lockfile.h"

#define PREFIX "cut.lock-"

enum { PAUSE = 20 /* ms, at least */, TEXT_MAX = 512 };

/* ---- the text ---- */

static bool
take_line(char **text, const char *name, char *to, size_t room)
{
	size_t n = strlen(name), len = strcspn(*text, "\n");

	if (strncmp(*text, name, n) != 0 || len - n >= room || !(*text)[len])
		return false;
	memcpy(to, *text + n, len - n);
	to[len - n] = 0;
	*text += len + 1;
	return true;
}

static bool
parse(struct process *p, char *text)
{
	char pid[24], started[24];

	*p = (struct process){0};
	if (!take_line(&text, "host ", p->host, sizeof(p->host)) ||
	    !take_line(&text, "boot ", p->boot, sizeof(p->boot)) ||
	    !take_line(&text, "pids ", p->pids, sizeof(p->pids)) ||
	    !take_line(&text, "pid ", pid, sizeof(pid)) ||
	    !take_line(&text, "started ", started, sizeof(started)))
		return false;
	p->pid = strtoull(pid, NULL, 10);
	p->started = strtoull(started, NULL, 10);
	return true;
}

/* Under its name only when all of it is there. */
static enum rc
make(const char *path)
{
	struct process self;
	struct buf text = {0};
	enum rc rc;

	process_self(&self);
	buf_addf(&text, "host %s\nboot %s\npids %s\npid %llu\nstarted %llu\n",
	    self.host, self.boot, self.pids, (unsigned long long)self.pid,
	    (unsigned long long)self.started);
	rc = file_put(path, 0, text.data, text.len);
	buf_release(&text);
	return rc;
}

/* ---- others ---- */

/* Of a file that is there: has somebody alive it?  What cannot be read is
 * somebody's. */
static bool
is_held(const char *path, char who[TEXT_MAX])
{
	char text[TEXT_MAX];
	struct process p;
	FILE *f = fopen(path, "re");
	size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;

	if (!f && errno == ENOENT)
		return false;
	if (f)
		fclose(f);
	text[n] = 0;
	if (!parse(&p, text)) {
		snprintf(who, TEXT_MAX, "somebody");
		return true;
	}
	if (process_is_dead(&p)) {
		msg_info("%s: of a process that is dead, removed", path);
		(void)unlink(path);
		return false;
	}
	snprintf(who, TEXT_MAX, "%s (process %llu)", p.host,
	    (unsigned long long)p.pid);
	return true;
}

/* *other: the lock of another who may be alive, malloced; NULL: there is none.
 */
static enum rc
look_for_others(
    const char *dir, const char *mine, char **other, char who[TEXT_MAX])
{
	DIR *d = opendir(dir);
	struct dirent *e;
	char *path;

	*other = NULL;
	if (!d)
		return errno == ENOENT ? RC_OK : msg_errno(dir);
	while (!*other && (errno = 0, e = readdir(d)) != NULL) {
		if (strncmp(e->d_name, PREFIX, strlen(PREFIX)) != 0)
			continue;
		path = xasprintf("%s/%s", dir, e->d_name);
		if ((mine && strcmp(path, mine) == 0) || !is_held(path, who))
			free(path);
		else
			*other = path;
	}
	if (!*other && errno) {
		enum rc rc = msg_errno(dir);

		closedir(d);
		return rc;
	}
	closedir(d);
	return RC_OK;
}

/* ---- taking it ---- */

/* Those who have found each other do not meet again. */
static void
pause_some(unsigned *waited)
{
	unsigned ms = PAUSE + (unsigned)(getpid() * 7 + (int)*waited) % PAUSE;

	nanosleep(&(struct timespec){.tv_nsec = ms * 1000000L}, NULL);
	*waited += ms;
}

enum rc
lockfile_take(char **mine, const char *dir, bool look, unsigned wait_ms)
{
	char text[37], who[TEXT_MAX], *other = NULL;
	unsigned waited = 0;
	uuid_t uuid;
	enum rc rc;

	for (;;) {
		*mine = NULL;
		if (!look) {
			uuid_generate(uuid);
			uuid_unparse_lower(uuid, text);
			*mine = xasprintf("%s/" PREFIX "%s", dir, text);
			rc = make(*mine);
			if (rc)
				break;
		}
		rc = look_for_others(dir, *mine, &other, who);
		if (rc || !other)
			break;
		lockfile_leave(*mine);
		*mine = NULL;
		if (waited >= wait_ms) {
			rc = msg_fail(RC_SYSTEM,
			    "%s: another seg-cut is at work: %s; remove it if "
			    "that is not so",
			    other, who);
			break;
		}
		free(other);
		other = NULL;
		pause_some(&waited);
	}
	free(other);
	if (rc) {
		lockfile_leave(*mine);
		*mine = NULL;
	}
	return rc;
}

void
lockfile_leave(char *mine)
{
	if (mine)
		(void)unlink(mine);
	free(mine);
}
