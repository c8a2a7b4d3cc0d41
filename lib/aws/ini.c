/* ini: see ini.h. */

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "aws/ini.h"
#include "base/buf.h"
#include "base/file.h"

enum { FILE_LIMIT = 1 << 20 };

static const char blank[] = " \t\r\f\v";

/* What has been read of a file: the last option is told when it has ended. */
struct ini {
	void (*take)(void *, const struct ini_option *);
	void *arg;
	char *section, *key; /* or NULL */
	struct buf value;
	size_t indent; /* of section and key */
};

static char *
trim(char *s)
{
	size_t n;

	s += strspn(s, blank);
	for (n = strlen(s); n > 0 && strchr(blank, s[n - 1]); n--)
		;
	s[n] = 0;
	return s;
}

static char *
lower(char *s)
{
	for (char *p = s; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return s;
}

/* Cut "KEY = VALUE" in two at the first of the delimiters; false: there is
 * none, or no key. */
static bool
split(char *text, const char *delimiters, char **key, char **value)
{
	char *at = strpbrk(text, delimiters);

	if (!at)
		return false;
	*at = 0;
	*key = trim(text);
	*value = trim(at + 1);
	return **key != 0;
}

/* ---- options ---- */

/* The lines of a value that began on the next line. */
static void
tell_nested(struct ini *i, char *value)
{
	char *next, *key, *text;

	for (; value; value = next) {
		next = strchr(value, '\n');
		if (next)
			*next++ = 0;
		if (split(value, "=", &key, &text))
			i->take(
			    i->arg, &(struct ini_option){.section = i->section,
					.parent = i->key,
					.key = lower(key),
					.value = text});
	}
}

static void
end_option(struct ini *i)
{
	struct buf *v = &i->value;

	if (!i->key)
		return;
	buf_adds(v, "");
	while (v->len > 0 && v->data[v->len - 1] == '\n')
		v->data[--v->len] = 0;
	if (v->data[0] == '\n')
		tell_nested(i, v->data + 1);
	else
		i->take(i->arg, &(struct ini_option){.section = i->section,
				    .key = i->key,
				    .value = v->data});
	free(i->key);
	i->key = NULL;
	buf_clear(v);
}

static void
begin_section(struct ini *i, char *text, char *end)
{
	end_option(i);
	*end = 0;
	free(i->section);
	i->section = xstrdup(trim(text + 1));
}

static void
begin_option(struct ini *i, char *text)
{
	char *key, *value;

	end_option(i);
	if (!i->section || !split(text, "=:", &key, &value))
		return;
	i->key = xstrdup(lower(key));
	buf_adds(&i->value, value);
}

/* ---- lines ---- */

static void
take_line(struct ini *i, char *line)
{
	size_t indent = strspn(line, blank);
	char *text = trim(line), *end;

	if (*text == '#' || *text == ';')
		return;
	if (i->key && (!*text || indent > i->indent)) {
		buf_addc(&i->value, '\n');
		buf_adds(&i->value, text);
		return;
	}
	if (!*text)
		return;
	i->indent = indent;
	if (*text == '[' && (end = strchr(text, ']')))
		begin_section(i, text, end);
	else
		begin_option(i, text);
}

/* A line ends in "\n", "\r\n" or "\r". */
static void
take_text(struct ini *i, const char *p, const char *end)
{
	if (end - p >= 3 && memcmp(p, "\xEF\xBB\xBF", 3) == 0)
		p += 3;
	while (p < end) {
		size_t n = 0;
		char *line;

		while (p + n < end && p[n] != '\n' && p[n] != '\r')
			n++;
		line = xstrndup(p, n);
		take_line(i, line);
		free(line);
		p += n;
		if (p < end && *p++ == '\r' && p < end && *p == '\n')
			p++;
	}
	end_option(i);
}

/* ---- the file ---- */

static bool
is_readable(const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
		return false;
	if (access(path, R_OK) == 0)
		return true;
	msg_info("%s: %s, passed over", path, strerror(errno));
	return false;
}

enum rc
ini_read(const char *path, void (*take)(void *, const struct ini_option *),
    void *arg)
{
	struct ini i = {.take = take, .arg = arg};
	struct file *f = NULL;
	struct file_map map = {0};
	enum rc rc;

	if (!is_readable(path))
		return RC_OK;
	rc = file_open(&f, path);
	if (rc)
		return rc == RC_ABSENT ? RC_OK : RC_USAGE;
	rc = file_map(&map, f, FILE_LIMIT);
	if (rc == RC_OK)
		take_text(&i, map.data, (const char *)map.data + map.len);
	free(i.section);
	buf_release(&i.value);
	file_unmap(&map);
	file_close(&f);
	return rc ? RC_USAGE : RC_OK;
}
