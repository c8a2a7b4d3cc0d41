/* json_object(): what it gives, and what it refuses. */

#include <string.h>

#include "base/buf.h"
#include "base/json_read.h"
#include "tap.h"

static bool
note(void *arg, const struct json_member *m)
{
	buf_addf(arg, "%s=%s%s;", m->name, m->is_string ? "'" : "",
	    m->value ? m->value : "?");
	return strcmp(m->name, "stop") != 0;
}

static const struct {
	const char *text, *want; /* NULL: refused */
} cases[] = {
    {"{}", ""},
    {" {\t}\r\n", ""},
    {"{\"a\":\"b\"}", "a='b;"},
    {"{ \"a\" : \"\" , \"\" : \"x y\" }", "a=';='x y;"},
    {"{\"a\":0,\"b\":-1.5e+3,\"c\":10}", "a=0;b=-1.5e+3;c=10;"},
    {"{\"a\":true,\"b\":false,\"c\":null}", "a=?;b=?;c=?;"},
    {"{\"a\":[1,{\"b\":\"c\"},[]],\"d\":{}}", "a=?;d=?;"},
    {"{\"a\":\"\\\"\\\\\\/\\n\\u0041\\u00e4\\u20ac\"}",
	"a='\"\\/\nA\xc3\xa4\xe2\x82\xac;"},
    {"{\"a\":\"\\ud83d\\ude00\"}", "a='\xf0\x9f\x98\x80;"},
    {"{\"a\":\"\xc3\xa4\"}", "a='\xc3\xa4;"},
    {"{\"stop\":1,\"b\":2}", NULL},
    {"", NULL},
    {"[]", NULL},
    {"\"a\"", NULL},
    {"{", NULL},
    {"{\"a\"}", NULL},
    {"{\"a\":}", NULL},
    {"{\"a\":1,}", NULL},
    {"{\"a\":1 \"b\":2}", NULL},
    {"{a:1}", NULL},
    {"{'a':1}", NULL},
    {"{\"a\":1}x", NULL},
    {"{\"a\":1}{}", NULL},
    {"{\"a\":01}", NULL},
    {"{\"a\":+1}", NULL},
    {"{\"a\":.5}", NULL},
    {"{\"a\":1.}", NULL},
    {"{\"a\":1e}", NULL},
    {"{\"a\":-}", NULL},
    {"{\"a\":tru}", NULL},
    {"{\"a\":NaN}", NULL},
    {"{\"a\":\"b", NULL},
    {"{\"a\":\"\\", NULL},
    {"{\"a\":\"\\x\"}", NULL},
    {"{\"a\":\"\\u12\"}", NULL},
    {"{\"a\":\"\\u12g4\"}", NULL},
    {"{\"a\":\"\\u0000\"}", NULL},
    {"{\"a\":\"\\ud83d\"}", NULL},
    {"{\"a\":\"\\ud83d\\u0041\"}", NULL},
    {"{\"a\":\"\\ude00\"}", NULL},
    {"{\"a\":\"\n\"}", NULL},
    {"{\"a\":\"\xff\"}", NULL},
    {"{\"a\":[1,]}", NULL},
    {"{\"a\":[1}", NULL},
    {"{\"a\":{\"b\"}}", NULL},
    {"\xEF\xBB\xBF{}", NULL},
};

/* So many arrays in each other. */
static bool
takes_depth(unsigned depth)
{
	struct buf b = {0}, got = {0};
	bool good;

	buf_adds(&b, "{\"a\":");
	for (unsigned i = 0; i < depth; i++)
		buf_addc(&b, '[');
	for (unsigned i = 0; i < depth; i++)
		buf_addc(&b, ']');
	buf_addc(&b, '}');
	good = json_object(b.data, b.len, note, &got);
	buf_release(&b);
	buf_release(&got);
	return good;
}

int
main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf got = {0};
		bool good = json_object(
		    cases[i].text, strlen(cases[i].text), note, &got);

		buf_adds(&got, "");
		ok(cases[i].want ? good && strcmp(got.data, cases[i].want) == 0
				 : !good,
		    "case %zu", i);
		buf_release(&got);
	}
	ok(!json_object("{\"a\":\"\0\"}", 9, note, NULL), "a NUL");
	ok(takes_depth(10), "some depth");
	ok(!takes_depth(100000), "not any");
	return tap_done();
}
