/* s3xml: documents as services send them, and as they should not. */

#include <stdlib.h>
#include <string.h>

#include "aws/s3xml.h"
#include "tap.h"

#define DECL "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"

static struct buf
text(const char *s)
{
	struct buf b = {0};

	buf_adds(&b, s);
	return b;
}

static bool
note_entry(void *arg, const struct s3xml_entry *e)
{
	buf_addf(arg, "%.*s %llu %llu %d\n", (int)e->len, e->key,
	    (unsigned long long)e->size, (unsigned long long)e->modified,
	    e->is_dir);
	return true;
}

/* The entries of a listing, a line each; NULL: it is none. */
static bool
lists(const char *document, const char *want, bool truncated)
{
	struct buf b = text(document), got = text("");
	struct s3xml_page page;
	bool good =
	    s3xml_page(&page, &b) && s3xml_entries(&page, &b, note_entry, &got);

	if (want)
		good = good && strcmp(got.data, want) == 0 &&
		       page.truncated == truncated;
	else
		good = !good;
	buf_release(&b);
	buf_release(&got);
	return good;
}

#define LIST(x) \
	DECL "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-" \
	     "01/\">" x "</ListBucketResult>"
#define CONTENTS(key) \
	"<Contents><Key>" key "</Key>" \
	"<LastModified>1970-01-01T00:00:01.000Z</LastModified>" \
	"<ETag>&quot;0&quot;</ETag><Size>7</Size>" \
	"<Owner><ID>i</ID></Owner></Contents>"
#define URL "<EncodingType>url</EncodingType>"

static void
test_listings(void)
{
	ok(lists(LIST("<IsTruncated>false</IsTruncated>"), "", false),
	    "nothing");
	ok(lists(LIST("<IsTruncated>true</IsTruncated>" CONTENTS("a&amp;b%2F")
			 CONTENTS("c+d")),
	       "a&b%2F 7 1000 0\nc+d 7 1000 0\n", true),
	    "keys as they are");
	ok(lists(LIST(CONTENTS("a%2Fb%26+c%20%2Bd") URL),
	       "a/b& c +d 7 1000 0\n", false),
	    "keys that are encoded, said so behind them");
	ok(lists(LIST("<CommonPrefixes><Prefix>a/b/</Prefix>"
		      "</CommonPrefixes><Prefix>a/</Prefix>"),
	       "a/b/ 0 18446744073709551615 1\n", false),
	    "directories");
	ok(lists(" \n" LIST(CONTENTS("k")), "k 7 1000 0\n", false),
	    "space in front");
	ok(lists(LIST(CONTENTS("a%2") URL), NULL, false), "half an escape");
	ok(lists(LIST(CONTENTS("a%zz") URL), NULL, false), "no escape");
	ok(lists(LIST("<Contents><Key>k</Key></Contents>"), NULL, false),
	    "an entry without a size");
	ok(lists(LIST("<Contents><Key>k</Key><Size>-1</Size><LastModified>"
		      "1970-01-01T00:00:01Z</LastModified></Contents>"),
	       NULL, false),
	    "a size that is none");
	ok(lists(LIST("<Contents><Key>k</Key><Size>1</Size><LastModified>"
		      "yesterday</LastModified></Contents>"),
	       "k 1 18446744073709551615 0\n", false),
	    "a time that is none");
	ok(lists(
	       LIST("<Contents><Key>k</Key><Size>1</Size></Contents>" CONTENTS(
		   "l")),
	       "k 1 18446744073709551615 0\nl 7 1000 0\n", false),
	    "no time");
	ok(lists(LIST("<Contents><Size>1</Size><LastModified>1970-01-01T"
		      "00:00:01Z</LastModified></Contents>"),
	       NULL, false),
	    "an entry without a key");
	ok(lists(LIST("<CommonPrefixes><Prefix>a</Prefix></CommonPrefixes>"),
	       NULL, false),
	    "a directory that is none");
	ok(lists("<html><body>Welcome</body></html>", NULL, false),
	    "another document");
	ok(lists("", NULL, false), "no document");
	ok(lists("{}", NULL, false), "no XML");
	ok(lists(LIST(CONTENTS("k")) "x", NULL, false), "something behind it");
	ok(lists("<ListBucketResult>" CONTENTS("k"), NULL, false), "cut short");
}

#define VERSIONS(x) "<ListVersionsResult>" x "</ListVersionsResult>"
#define VERSION(key, id) \
	"<Version><Key>" key "</Key><VersionId>" id "</VersionId>" \
	"<Size>7</Size></Version>"

static bool
note_version(void *arg, const struct s3xml_entry *e)
{
	buf_addf(arg, "%s@%s ", e->key, e->version);
	return true;
}

static void
test_versions(void)
{
	struct buf got = text("");
	struct buf b = text(VERSIONS(
	    "<NextKeyMarker>a%2Fb+%2B</NextKeyMarker><NextVersionIdMarker>v+/="
	    "</NextVersionIdMarker><DeleteMarker><Key>k</Key><VersionId>v3"
	    "</VersionId></DeleteMarker>" VERSION("k", "v2")
		VERSION("k", "") "<CommonPrefixes><Prefix>d/</Prefix>"
				 "</CommonPrefixes>" URL));
	struct s3xml_page page;

	ok(s3xml_page(&page, &b) && strcmp(page.next_key, "a/b +") == 0 &&
		strcmp(page.next_version, "v+/=") == 0,
	    "versions: where the next page begins");
	ok(s3xml_entries(&page, &b, note_version, &got) &&
		strcmp(got.data, "k@v2 k@ d/@ ") == 0,
	    "versions, without markers");
	buf_release(&b);
	b = text(VERSIONS(URL "<NextKeyMarker>a%2</NextKeyMarker>"));
	ok(!s3xml_page(&page, &b), "a marker with half an escape");
	buf_release(&b);
	buf_release(&got);
}

static void
test_hostile(void)
{
	struct buf deep = text("<ListBucketResult>"), wide = deep;

	ok(lists("<!DOCTYPE a [<!ENTITY b \"c\">]><ListBucketResult>&b;"
		 "</ListBucketResult>",
	       NULL, false),
	    "a document type");
	wide = text("<ListBucketResult><Name>");
	for (int i = 0; i < 10000; i++) {
		buf_adds(&deep, "<a>");
		buf_adds(&wide, "1234567890");
	}
	buf_adds(&wide, "</Name></ListBucketResult>");
	ok(lists(deep.data, NULL, false), "elements in elements");
	ok(lists(wide.data, NULL, false), "text without end");
	buf_release(&deep);
	buf_release(&wide);
}

/* <ListBucketResult> with an element in it whose name has len letters, and in
 * that what else is said. */
static bool
named(size_t len, const char *inner)
{
	struct buf b = text("<ListBucketResult><");
	char *name = xcalloc(len + 1, 1);
	bool good;

	memset(name, 'n', len);
	buf_addf(&b, "%s>%s</%s></ListBucketResult>", name, inner, name);
	good = lists(b.data, "", false);
	free(name);
	buf_release(&b);
	return good;
}

/* Paths of 255 letters are taken: no step may go beyond. */
static void
test_long_names(void)
{
	size_t most = 255 - strlen("ListBucketResult/");
	struct buf b = {0};

	ok(named(most, ""), "a path as long as it may be");
	ok(!named(most + 1, ""), "a longer one");
	ok(named(most - 2, "<a></a>"), "the same in two steps");
	ok(!named(most - 1, "<a></a>"), "a longer one in two steps");
	buf_adds(&b, "<");
	for (int i = 0; i < 5000; i++)
		buf_adds(&b, "n");
	buf_adds(&b, "/>");
	ok(lists(b.data, NULL, false), "a long name alone");
	ok(!named(most, b.data), "a long name behind the longest path");
	buf_release(&b);
}

static void
test_errors(void)
{
	struct buf b = text(DECL "<Error><Code>NoSuchBucket</Code><Message>Not "
				 "&lt;here&gt;</Message><Region>r</Region>"
				 "</Error>");
	struct s3xml_error e;

	ok(s3xml_error(&e, &b) && strcmp(e.code, "NoSuchBucket") == 0 &&
		strcmp(e.message, "Not <here>") == 0 &&
		strcmp(e.region, "r") == 0,
	    "an error");
	buf_release(&b);
	b = text("<Error><Message>x</Message></Error>");
	ok(!s3xml_error(&e, &b), "an error without a code");
	buf_release(&b);
	b = text(LIST(""));
	ok(!s3xml_error(&e, &b), "no error");
	buf_release(&b);
}

static void
test_escape(void)
{
	struct buf b = {0};

	s3xml_escape(&b, "a<b>&\"c'é+");
	ok(strcmp(b.data, "a&lt;b&gt;&amp;\"c'é+") == 0, "escaped");
	buf_release(&b);
}

int
main(void)
{
	test_listings();
	test_versions();
	test_hostile();
	test_long_names();
	test_errors();
	test_escape();
	return tap_done();
}
