/*
 * s3_list: see s3_list.h.
 *
 * No "+" in a query, as far as that can be: libcurl 8.14.0 to 8.18.x sign it
 * wrongly (curl issue 20543).  So the prefix of a listing ends before the first
 * "+", start-after skips what comes before it in order, and the rest is
 * filtered.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/s3_list.h"
#include "store/s3_send.h"

enum { PAGE = 1000 }; /* entries */

/* The greatest character: after it nothing that begins with what it follows. */
#define LAST_CHAR "\xF4\x8F\xBF\xBF"

struct listing {
	const char *prefix; /* in the bucket, whole */
	const char *asked;  /* prefix of the request: before a "+" */
	bool delimited;
	enum rc (*entry)(void *, const struct store_entry *);
	void *arg;
	uint64_t told; /* entries */
	bool deeper;   /* there was one that is none of a delimited listing */
	/* Of this page: the last object's key and directory's name, or NULL;
	 * are both in order? */
	char *last[2];
	bool unsorted;
	enum rc rc;
};

static void
note_last(struct listing *l, const struct s3xml_entry *e)
{
	char **last = &l->last[e->is_dir];

	if (*last && strcmp(*last, e->key) > 0)
		l->unsorted = true;
	free(*last);
	*last = xstrdup(e->key);
}

static void
forget_last(struct listing *l)
{
	for (int i = 0; i < 2; i++) {
		free(l->last[i]);
		l->last[i] = NULL;
	}
	l->unsorted = false;
}

/* After what a page in order held: its last object, and all that is in its last
 * directory; "" if it held nothing.  Malloced. */
static char *
end_of_page(const struct listing *l)
{
	const char *key = l->last[0] ? l->last[0] : "";
	char *dir =
	    l->last[1] ? xasprintf("%s" LAST_CHAR, l->last[1]) : xstrdup("");

	if (strcmp(dir, key) >= 0)
		return dir;
	free(dir);
	return xstrdup(key);
}

char *
s3_listed_name(const struct s3xml_entry *x, const char *prefix)
{
	size_t n = strlen(prefix);

	if (x->len == n || x->key[n] == '/' ||
	    (!x->is_dir && x->key[x->len - 1] == '/')) {
		msg_info("%s: a folder marker, skipped", x->key);
		return NULL;
	}
	return xstrndup(x->key + n, x->len - n - x->is_dir);
}

static bool
take_entry(void *arg, const struct s3xml_entry *x)
{
	struct listing *l = arg;
	struct store_entry e = {
	    .size = x->size, .modified = x->modified, .is_dir = x->is_dir};
	char *name;

	if (x->len != strlen(x->key) ||
	    strncmp(x->key, l->asked, strlen(l->asked)) != 0) {
		msg_info("%s: not below %s, skipped", x->key, l->prefix);
		return true;
	}
	note_last(l, x);
	if (strncmp(x->key, l->prefix, strlen(l->prefix)) != 0)
		return true; /* what the filter is for */
	name = s3_listed_name(x, l->prefix);
	if (!name)
		return true;
	if (l->delimited && strchr(name, '/')) {
		l->deeper = true;
		free(name);
		return true;
	}
	e.name = name;
	l->told++;
	l->rc = l->entry(l->arg, &e);
	free(name);
	return l->rc == RC_OK;
}

/* Where a page begins: the server's token, if there is one, else after a key.
 */
struct cursor {
	char *after;
	char *token;
};

/* One page, of at most so many entries. */
static enum rc
list_page(struct s3 *s, struct listing *l, unsigned most,
    const struct cursor *from, struct s3xml_page *page)
{
	struct s3_request r = {.xml = true};
	struct buf query = {0};
	char number[16];
	enum rc rc;

	snprintf(number, sizeof(number), "%u", most);
	if (from->token)
		s3_query(&query, "continuation-token", from->token);
	if (l->delimited)
		s3_query(&query, "delimiter", "/");
	s3_query(&query, "encoding-type", "url");
	s3_query(&query, "list-type", "2");
	s3_query(&query, "max-keys", number);
	s3_query(&query, "prefix", l->asked);
	if (!from->token && *from->after)
		s3_query(&query, "start-after", from->after);
	forget_last(l);
	rc = s3_do(s, &r, "GET", NULL, query.data, s->name);
	if (rc == RC_OK &&
	    (!s3xml_page(page, &r.http.body) ||
		!s3xml_entries(page, &r.http.body, take_entry, l)))
		rc = l->rc
			 ? l->rc
			 : msg_fail(RC_DATA, "%s: the listing of %s is not one",
			       s->name, l->prefix);
	s3_request_release(&r);
	buf_release(&query);
	return rc;
}

enum rc
s3_check_plus(const struct s3 *s, const char *value)
{
	const char *version = http_plus_fault();

	if (!version || !strchr(value, '+'))
		return RC_OK;
	return msg_fail(RC_SYSTEM,
	    "%s: libcurl %s cannot ask for %s, since it signs \"+\" wrongly; "
	    "8.19.0 and later can",
	    s->name, version, value);
}

/* A token means more, whatever is said beside it; but a page without entries
 * that is said to be the last one is. */
static bool
is_more(const struct s3xml_page *page)
{
	return page->truncated || (page->token[0] && page->entries);
}

/*
 * To the next page: after the last key, which takes no "+" where it need not;
 * but a server that does not list in order, or that does not know start-after
 * (and gives the first page again), is to say itself where it was.
 */
static enum rc
go_on(const struct s3 *s, const struct listing *l,
    const struct s3xml_page *page, struct cursor *c)
{
	char *after = end_of_page(l);
	bool on = !l->unsorted && !c->token && strcmp(after, c->after) > 0;

	if (!on) {
		on = page->token[0] &&
		     (!c->token || strcmp(c->token, page->token) != 0);
		free(c->token);
		c->token = on ? xstrdup(page->token) : NULL;
	}
	free(c->after);
	c->after = after;
	return on ? RC_OK
		  : msg_fail(RC_DATA, "%s: the listing of %s does not go on",
			s->name, l->prefix);
}

static enum rc
list_pages(struct s3 *s, struct listing *l, unsigned limit)
{
	bool filtered = strcmp(l->asked, l->prefix) != 0;
	struct cursor c = {.after = filtered
					? xasprintf("%s*" LAST_CHAR, l->asked)
					: xstrdup("")};
	char *end = xasprintf("%s" LAST_CHAR, l->prefix);
	unsigned most = limit && limit < PAGE ? limit : PAGE;
	struct s3xml_page page;
	enum rc rc = s3_check_plus(s, l->asked);

	while (rc == RC_OK) {
		rc = s3_check_plus(s, c.token ? c.token : c.after);
		if (rc == RC_OK)
			rc = list_page(s, l, most, &c, &page);
		if (rc || !is_more(&page) || (limit && l->told >= limit))
			break;
		rc = go_on(s, l, &page, &c);
		/* Beyond the prefix?  (Only a shorter one gets there.) */
		if (rc == RC_OK && !c.token && strcmp(c.after, end) > 0)
			break;
		most = PAGE;
	}
	free(c.after);
	free(c.token);
	free(end);
	return rc;
}

enum rc
s3_check_delimited(
    const struct s3 *s, const char *prefix, bool told, bool deeper)
{
	return told || !deeper
		   ? RC_OK
		   : msg_fail(RC_DATA,
			 "%s: the listing of %s has objects below it, and no "
			 "directory: the service does not know delimiters",
			 s->name, prefix);
}

enum rc
s3_list(struct s3 *s, const char *prefix, bool delimited, unsigned limit,
    enum rc (*entry)(void *, const struct store_entry *), void *arg)
{
	char *whole = xasprintf("%s%s", s->prefix, prefix);
	/* The directories below a shorter prefix would be others. */
	char *asked =
	    delimited ? xstrdup(whole) : xstrndup(whole, strcspn(whole, "+"));
	struct listing l = {.prefix = whole,
	    .asked = asked,
	    .delimited = delimited,
	    .entry = entry,
	    .arg = arg};
	enum rc rc;

	if (store_path_is_plain(prefix))
		rc = list_pages(s, &l, limit);
	else
		rc = msg_fail(RC_DATA, "%s: not a path in a store", prefix);
	if (rc == RC_OK)
		rc = s3_check_delimited(s, whole, l.told > 0, l.deeper);
	forget_last(&l);
	free(asked);
	free(whole);
	return rc;
}

enum rc
s3_list_page(struct s3 *s, const char *root, const char *after,
    enum rc (*entry)(void *, const struct store_entry *), void *arg, bool *more,
    bool *sorted)
{
	char *whole = xasprintf("%s%s", s->prefix, root);
	struct cursor c = {
	    .after = *after ? xasprintf("%s%s", whole, after) : xstrdup("")};
	struct listing l = {
	    .prefix = whole, .asked = whole, .entry = entry, .arg = arg};
	struct s3xml_page page;
	enum rc rc = s3_check_plus(s, whole);

	if (rc == RC_OK)
		rc = s3_check_plus(s, c.after);
	if (rc == RC_OK)
		rc = list_page(s, &l, PAGE, &c, &page);
	if (rc == RC_OK) {
		*more = is_more(&page);
		*sorted = !l.unsorted;
	}
	forget_last(&l);
	free(c.after);
	free(whole);
	return rc;
}
