/* s3xml: see s3xml.h. */

#include <expat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "aws/s3xml.h"
#include "base/number.h"
#include "base/time.h"

enum { DEPTH_MAX = 8, PATH_LEN_MAX = 256 };

/* ---- elements ---- */

struct parse {
	XML_Parser parser;
	s3xml_element *element;
	void *arg;
	char path[PATH_LEN_MAX];
	size_t ends[DEPTH_MAX]; /* lengths of path, level by level */
	unsigned depth;
	struct buf text;
	bool good;
};

static void
give_up(struct parse *p)
{
	p->good = false;
	XML_StopParser(p->parser, XML_FALSE);
}

static void XMLCALL
on_start(void *arg, const char *name, const char **attributes)
{
	struct parse *p = arg;
	size_t at = p->depth ? p->ends[p->depth - 1] + 1 : 0, n = strlen(name);

	(void)attributes;
	if (p->depth == DEPTH_MAX || at + n >= sizeof(p->path)) {
		give_up(p);
		return;
	}
	if (at > 0)
		p->path[at - 1] = '/';
	memcpy(p->path + at, name, n + 1);
	p->ends[p->depth++] = at + n;
	buf_clear(&p->text);
}

static void XMLCALL
on_end(void *arg, const char *name)
{
	struct parse *p = arg;

	(void)name;
	/* The parser ends an empty element even if it was stopped at its
	 * beginning, which was not entered into path. */
	if (!p->good)
		return;
	buf_adds(&p->text, ""); /* data is there, and ends in NUL */
	if (!p->element(p->arg, p->path, p->text.data, p->text.len)) {
		give_up(p);
		return;
	}
	buf_clear(&p->text);
	p->depth--;
	p->path[p->depth ? p->ends[p->depth - 1] : 0] = 0;
}

static void XMLCALL
on_text(void *arg, const char *s, int len)
{
	struct parse *p = arg;

	if ((size_t)len > S3XML_TEXT_MAX - p->text.len)
		give_up(p);
	else
		buf_add(&p->text, s, (size_t)len);
}

static void XMLCALL
on_doctype(void *arg, const char *name, const char *sysid, const char *pubid,
    int internal)
{
	(void)name;
	(void)sysid;
	(void)pubid;
	(void)internal;
	give_up(arg);
}

bool
s3xml_parse(const char *data, size_t len, s3xml_element *element, void *arg)
{
	struct parse p = {.element = element, .arg = arg, .good = true};

	/* While completing an upload takes long, some servers send spaces. */
	while (len > 0 && strchr(" \t\r\n", *data)) {
		data++;
		len--;
	}
	if (len == 0 || len > INT32_MAX)
		return false;
	p.parser = XML_ParserCreate(NULL);
	if (!p.parser)
		return false;
	XML_SetUserData(p.parser, &p);
	XML_SetElementHandler(p.parser, on_start, on_end);
	XML_SetCharacterDataHandler(p.parser, on_text);
	XML_SetStartDoctypeDeclHandler(p.parser, on_doctype);
	if (XML_Parse(p.parser, data, (int)len, 1) != XML_STATUS_OK)
		p.good = false;
	XML_ParserFree(p.parser);
	buf_release(&p.text);
	return p.good;
}

static void
copy_text(char *to, size_t room, const char *text)
{
	snprintf(to, room, "%s", text);
}

/* ---- errors ---- */

static bool
take_error(void *arg, const char *path, const char *text, size_t len)
{
	struct s3xml_error *e = arg;

	(void)len;
	if (strcmp(path, "Error/Code") == 0)
		copy_text(e->code, sizeof(e->code), text);
	else if (strcmp(path, "Error/Message") == 0)
		copy_text(e->message, sizeof(e->message), text);
	else if (strcmp(path, "Error/Region") == 0)
		copy_text(e->region, sizeof(e->region), text);
	else if (strcmp(path, "Error/Header") == 0)
		copy_text(e->header, sizeof(e->header), text);
	return strncmp(path, "Error", 5) == 0;
}

bool
s3xml_error(struct s3xml_error *e, const struct buf *b)
{
	*e = (struct s3xml_error){0};
	return s3xml_parse(b->data, b->len, take_error, e) && e->code[0];
}

/* ---- listings ---- */

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/*
 * A key, of len bytes at most, and a NUL.  AWS writes a space as "+", others as
 * "%20"; all write "+" as "%2B".
 */
static bool
decode(bool encoded, const char *text, size_t len, char *key, size_t *out)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (encoded && c == '+') {
			c = ' ';
		} else if (encoded && c == '%') {
			if (len - i < 3 || hex(text[i + 1]) < 0 ||
			    hex(text[i + 2]) < 0)
				return false;
			c = (char)(hex(text[i + 1]) << 4 | hex(text[i + 2]));
			i += 2;
		}
		key[n++] = c;
	}
	key[n] = 0;
	*out = n;
	return true;
}

/* What follows the root in a listing of either kind; NULL: it is none. */
static const char *
in_listing(const char *path)
{
	size_t n = strcspn(path, "/");

	if ((n == 16 && strncmp(path, "ListBucketResult", n) == 0) ||
	    (n == 18 && strncmp(path, "ListVersionsResult", n) == 0))
		return path + n + (path[n] == '/');
	return NULL;
}

static bool
is_object(const char *at)
{
	return strcmp(at, "Contents") == 0 || strcmp(at, "Version") == 0;
}

static bool
is_prefix(const char *at)
{
	return strcmp(at, "CommonPrefixes") == 0;
}

static bool
take_page(void *arg, const char *path, const char *text, size_t len)
{
	struct s3xml_page *p = arg;
	const char *at = in_listing(path);

	if (!at)
		return false;
	if (strcmp(at, "IsTruncated") == 0)
		p->truncated = strcasecmp(text, "true") == 0;
	else if (is_object(at) || is_prefix(at))
		p->entries = true;
	else if (strcmp(at, "EncodingType") == 0)
		p->encoded = strcmp(text, "url") == 0;
	else if (strcmp(at, "NextContinuationToken") == 0 &&
		 len < sizeof(p->token))
		copy_text(p->token, sizeof(p->token), text);
	else if (strcmp(at, "NextKeyMarker") == 0 && len < sizeof(p->next_key))
		copy_text(p->next_key, sizeof(p->next_key), text);
	else if (strcmp(at, "NextVersionIdMarker") == 0 &&
		 len < sizeof(p->next_version))
		copy_text(p->next_version, sizeof(p->next_version), text);
	return true;
}

bool
s3xml_page(struct s3xml_page *p, const struct buf *b)
{
	size_t n;

	*p = (struct s3xml_page){0};
	return s3xml_parse(b->data, b->len, take_page, p) &&
	       decode(p->encoded, p->next_key, strlen(p->next_key), p->next_key,
		   &n);
}

struct entries {
	const struct s3xml_page *page;
	bool (*entry)(void *, const struct s3xml_entry *);
	void *arg;
	struct s3xml_entry e;
	char key[S3XML_TEXT_MAX + 1];
	char version[S3XML_VERSION_MAX];
	bool have_key, have_size;
};

static bool
take_key(struct entries *l, const char *text, size_t len)
{
	if (!decode(l->page->encoded, text, len, l->key, &l->e.len))
		return false;
	l->e.key = l->key;
	l->have_key = l->e.len > 0;
	return true;
}

static bool
end_entry(struct entries *l, bool is_dir)
{
	bool good = l->have_key && (is_dir || l->have_size);

	if (is_dir)
		good = good && l->key[l->e.len - 1] == '/';
	l->e.is_dir = is_dir;
	l->e.version = l->version;
	good = good && l->entry(l->arg, &l->e);
	l->have_key = l->have_size = false;
	l->version[0] = 0;
	l->e = (struct s3xml_entry){.modified = UINT64_MAX};
	return good;
}

/* The member of an entry that at is, or NULL. */
static const char *
in_object(const char *at)
{
	size_t n = strcspn(at, "/");

	if (at[n] && ((n == 8 && strncmp(at, "Contents", n) == 0) ||
			 (n == 7 && strncmp(at, "Version", n) == 0)))
		return at + n + 1;
	return NULL;
}

static bool
take_member(struct entries *l, const char *member, const char *text, size_t len)
{
	if (strcmp(member, "Key") == 0)
		return take_key(l, text, len);
	if (strcmp(member, "Size") == 0)
		return l->have_size = number_u64(text, len, &l->e.size);
	if (strcmp(member, "VersionId") == 0) {
		if (len >= sizeof(l->version))
			return false;
		copy_text(l->version, sizeof(l->version), text);
	}
	/* Services write it in many ways. */
	if (strcmp(member, "LastModified") == 0 &&
	    !time_parse(text, &l->e.modified))
		l->e.modified = UINT64_MAX;
	return true;
}

static bool
take_entry(void *arg, const char *path, const char *text, size_t len)
{
	struct entries *l = arg;
	const char *at = in_listing(path), *member = at ? in_object(at) : NULL;

	if (member)
		return take_member(l, member, text, len);
	if (at && strcmp(at, "CommonPrefixes/Prefix") == 0)
		return take_key(l, text, len);
	if (at && (is_object(at) || is_prefix(at)))
		return end_entry(l, is_prefix(at));
	return true;
}

bool
s3xml_entries(const struct s3xml_page *page, const struct buf *b,
    bool (*entry)(void *, const struct s3xml_entry *), void *arg)
{
	struct entries *l = xcalloc(1, sizeof(*l));
	bool good;

	l->page = page;
	l->e.modified = UINT64_MAX;
	l->entry = entry;
	l->arg = arg;
	good = s3xml_parse(b->data, b->len, take_entry, l);
	free(l);
	return good;
}

void
s3xml_escape(struct buf *b, const char *text)
{
	for (; *text; text++) {
		if (*text == '&')
			buf_adds(b, "&amp;");
		else if (*text == '<')
			buf_adds(b, "&lt;");
		else if (*text == '>')
			buf_adds(b, "&gt;");
		else
			buf_addc(b, *text);
	}
}
