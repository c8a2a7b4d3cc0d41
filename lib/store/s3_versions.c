/*
 * s3_versions: see s3_versions.h.
 *
 * The versions of an object follow each other, the newest first, so that the
 * last one before the next object is the oldest.  A page may end between them.
 */

#include <stdlib.h>
#include <string.h>

#include "store/s3_list.h"
#include "store/s3_send.h"
#include "store/s3_versions.h"

/* No "+", as far as that can be: see s3_list.c. */
static void
page_query(struct buf *query, const char *prefix, bool delimited,
    const char *key, const char *version)
{
	if (delimited)
		s3_query(query, "delimiter", "/");
	s3_query(query, "encoding-type", "url");
	if (key)
		s3_query(query, "key-marker", key);
	s3_query(query, "max-keys", "1000");
	s3_query(query, "prefix", prefix);
	if (version && *version)
		s3_query(query, "version-id-marker", version);
	s3_query(query, "versions", "");
}

/* ---- listings ---- */

struct listing {
	const char *prefix, *asked;
	bool delimited, told, deeper; /* see s3_list.c */
	enum rc (*entry)(void *, const struct store_entry *);
	void *arg;
	char *name; /* of the object whose versions come; or NULL */
	struct store_entry oldest;
	enum rc rc;
};

static void
tell_oldest(struct listing *l)
{
	if (l->name && !l->rc) {
		l->oldest.name = l->name;
		l->rc = l->entry(l->arg, &l->oldest);
	}
	free(l->name);
	l->name = NULL;
}

static bool
take_version(void *arg, const struct s3xml_entry *x)
{
	struct listing *l = arg;
	char *name;

	if (x->len != strlen(x->key) ||
	    strncmp(x->key, l->prefix, strlen(l->prefix)) != 0 ||
	    !(name = s3_listed_name(x, l->prefix)))
		return true;
	if (l->delimited && strchr(name, '/')) {
		l->deeper = true;
		free(name);
		return true;
	}
	l->told = true;
	if (l->name && strcmp(l->name, name) == 0)
		free(l->name);
	else
		tell_oldest(l);
	l->name = name;
	l->oldest = (struct store_entry){
	    .size = x->size, .modified = x->modified, .is_dir = x->is_dir};
	return l->rc == RC_OK;
}

static enum rc
list_page(struct s3 *s, struct listing *l, const char *key, const char *version,
    struct s3xml_page *page)
{
	struct s3_request r = {.xml = true};
	struct buf query = {0};
	enum rc rc = s3_check_plus(s, key ? key : l->asked);

	if (rc == RC_OK && version)
		rc = s3_check_plus(s, version);
	page_query(&query, l->asked, l->delimited, key, version);
	if (rc == RC_OK)
		rc = s3_do(s, &r, "GET", NULL, query.data, s->name);
	if (rc == RC_OK &&
	    (!s3xml_page(page, &r.http.body) ||
		!s3xml_entries(page, &r.http.body, take_version, l)))
		rc = l->rc ? l->rc
			   : msg_fail(RC_DATA,
				 "%s: the listing of the versions in %s is "
				 "not one",
				 s->name, l->prefix);
	s3_request_release(&r);
	buf_release(&query);
	return rc;
}

/* Does the page lead on from where it began? */
static bool
goes_on(const struct s3xml_page *page, const char *key, const char *version)
{
	return page->next_key[0] &&
	       (!key || strcmp(page->next_key, key) != 0 ||
		   strcmp(page->next_version, version) != 0);
}

static enum rc
list_pages(struct s3 *s, struct listing *l)
{
	struct s3xml_page *page = xcalloc(1, sizeof(*page));
	char *key = NULL, *version = NULL;
	enum rc rc;

	while ((rc = list_page(s, l, key, version, page)) == RC_OK &&
	       page->truncated) {
		if (!goes_on(page, key, version)) {
			rc = msg_fail(RC_DATA,
			    "%s: the listing of the versions in %s does not "
			    "go on",
			    s->name, l->prefix);
			break;
		}
		free(key);
		free(version);
		key = xstrdup(page->next_key);
		version = xstrdup(page->next_version);
	}
	if (rc == RC_OK) {
		tell_oldest(l);
		rc = l->rc
			 ? l->rc
			 : s3_check_delimited(s, l->prefix, l->told, l->deeper);
	}
	free(l->name);
	free(key);
	free(version);
	free(page);
	return rc;
}

enum rc
s3_versions_list(struct s3 *s, const char *prefix, bool delimited,
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
		rc = list_pages(s, &l);
	else
		rc = msg_fail(RC_DATA, "%s: not a path in a store", prefix);
	free(asked);
	free(whole);
	return rc;
}

/* ---- one object ---- */

static void ask(struct s3_oldest *);

static bool
take_own(void *arg, const struct s3xml_entry *x)
{
	struct s3_oldest *o = arg;

	if (x->is_dir || strcmp(x->key, o->key) != 0)
		return true;
	free(o->version);
	o->version = xstrdup(x->version);
	return true;
}

/* Others begin with its name too, but come behind it. */
static bool
leads_on(struct s3_oldest *o, const struct s3xml_page *page)
{
	bool on =
	    page->truncated && strcmp(page->next_key, o->key) == 0 &&
	    (!o->next_key || strcmp(page->next_version, o->next_version) != 0);

	free(o->next_key);
	free(o->next_version);
	o->next_key = xstrdup(page->next_key);
	o->next_version = xstrdup(page->next_version);
	return on;
}

static void
listed(struct s3_request *r, enum rc rc)
{
	struct s3_oldest *o = (struct s3_oldest *)r;
	struct s3xml_page *page = xcalloc(1, sizeof(*page));
	bool on = false;

	if (rc == RC_OK &&
	    (!s3xml_page(page, &r->http.body) ||
		!s3xml_entries(page, &r->http.body, take_own, o)))
		rc = msg_fail(RC_DATA,
		    "%s: the listing of its versions is not one", o->object);
	if (rc == RC_OK)
		on = leads_on(o, page);
	free(page);
	if (on)
		ask(o);
	else
		o->done(o->arg, rc == RC_OK && !o->version ? RC_ABSENT : rc);
}

static void
ask(struct s3_oldest *o)
{
	struct s3 *s = o->req.s3;
	struct buf query = {0};
	enum rc rc = s3_check_plus(s, o->key);

	if (rc == RC_OK && o->next_version)
		rc = s3_check_plus(s, o->next_version);
	page_query(&query, o->key, false, o->next_key, o->next_version);
	if (rc == RC_OK)
		s3_send(s, &o->req, "GET", NULL, query.data, o->object);
	else
		o->done(o->arg, rc);
	buf_release(&query);
}

void
s3_oldest_start(struct s3_oldest *o, struct s3 *s, const char *object,
    void (*done)(void *, enum rc), void *arg)
{
	o->req.s3 = s;
	o->req.xml = true;
	o->req.done = listed;
	o->object = object;
	o->done = done;
	o->arg = arg;
	free(o->key);
	o->key = xasprintf("%s%s", s->prefix, object);
	ask(o);
}

void
s3_oldest_release(struct s3_oldest *o)
{
	s3_request_release(&o->req);
	free(o->key);
	free(o->version);
	free(o->next_key);
	free(o->next_version);
}
