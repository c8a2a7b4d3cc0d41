/* sqlite: see sqlite.h. */

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "work/sqlite.h"

enum rc
sqlite_fail(sqlite3 *db, const char *object)
{
	int err = db ? sqlite3_errcode(db) & 0xff : SQLITE_NOMEM;
	int sys = db ? sqlite3_system_errno(db) : 0;
	const char *why = db ? sqlite3_errmsg(db) : "out of memory";
	enum rc rc = RC_DATA;

	switch (err) {
	case SQLITE_CANTOPEN:
		if (sys) {
			errno = sys;
			return msg_errno(object);
		}
		rc = RC_SYSTEM;
		break;
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_AUTH:
		rc = RC_USAGE;
		break;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_PROTOCOL:
	case SQLITE_IOERR:
	case SQLITE_FULL:
	case SQLITE_NOMEM:
	case SQLITE_INTERRUPT:
		rc = RC_SYSTEM;
		break;
	}
	return msg_fail(rc, "%s: %s", object, why);
}

char *
sqlite_uri(const char *path, const char *parameters)
{
	struct buf b = {0};
	char *real = realpath(path, NULL);

	buf_adds(&b, "file:");
	for (const char *p = real ? real : path; *p; p++) {
		if (isalnum((unsigned char)*p) || strchr("/._-", *p))
			buf_addc(&b, *p);
		else
			buf_addf(&b, "%%%02X", (unsigned char)*p);
	}
	buf_addf(&b, "?%s", parameters);
	free(real);
	return b.data;
}
