/* The segments of a set: each once, in order, whatever order they came in. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/strings.h"
#include "plan/segset.h"
#include "tap.h"

static void
test_strings(void)
{
	struct strings s = {0};
	char text[16];
	bool good = true;

	for (int round = 0; round < 2; round++)
		for (uint32_t i = 0; i < 10000; i++) {
			snprintf(text, sizeof(text), "n%u", i);
			good = good && strings_add(&s, text) == i;
		}
	ok(good && s.n == 10000, "10000 texts, each once");
	ok(strings_add(&s, "") == 10000 && !*s.text[10000], "an empty one");
	strings_release(&s);
}

/* Add END..END of a namespace or, with a "/", of a directory. */
static bool
add(struct segset *s, const char *place, uint64_t end)
{
	const struct key key = {.start = end, .end = end, .time = 7};
	char text[KEY_LEN + 1], name[400];
	struct rec rec;

	snprintf(name, sizeof(name), "%s/%s%s", place, key_text(&key, text),
	    strchr(place, '/') ? ".idx" : "");
	return rec_parse_text(&rec, name, REC_EITHER) &&
	       segset_add(s, &rec) != NULL;
}

/* What is in the set, one a line: NAMESPACE END, PATH for files. */
static void
expect(const struct segset *s, const char *want)
{
	struct buf got = {0};

	buf_adds(&got, "");
	for (size_t i = 0; i < s->n; i++) {
		const struct segset_item *it = &s->item[i];
		struct name name;
		char *path;

		segset_name(s, it, &name);
		buf_addf(&got, "%s %llu", name.namespace,
		    (unsigned long long)name.key.end);
		if (segset_is_file(s, it)) {
			path = segset_path(s, it, PART_SEGMENT);
			buf_addf(&got, " %.*s",
			    (int)(strlen(path) - KEY_LEN - 4), path);
			free(path);
		}
		buf_addc(&got, ';');
	}
	ok(strcmp(got.data, want) == 0, "%s, got %s", want, got.data);
	buf_release(&got);
}

int
main(void)
{
	struct segset s = {0};
	bool good = true;

	test_strings();
	good = add(&s, "n-b", 2) && add(&s, "n", 9) && add(&s, "./w/n", 9) &&
	       add(&s, "n", 1) && add(&s, "n-b", 1) && add(&s, "../n", 3);
	ok(good, "names and files");
	ok(!add(&s, "n", 9) && !add(&s, "./w/n", 9) && !add(&s, "n-b", 1),
	    "that are there already");
	segset_sort(&s);
	expect(&s, "n 1;n 3 ../n/;n 9;n 9 ./w/n/;n-b 1;n-b 2;");
	ok(segset_same_name(&s, &s.item[2], &s.item[3]) &&
		segset_same_namespace(&s, &s.item[1], &s.item[2]) &&
		!segset_same_namespace(&s, &s.item[3], &s.item[4]),
	    "one namespace, two places");
	segset_truncate(&s, 1);
	expect(&s, "n 1;");
	segset_release(&s);
	for (uint64_t i = 1; good && i <= 20000; i++)
		good = add(&s, i % 2 ? "a" : "b", i);
	for (uint64_t i = 1; good && i <= 20000; i++)
		good = !add(&s, i % 2 ? "a" : "b", i);
	ok(good && s.n == 20000, "20000, each once");
	segset_release(&s);
	return tap_done();
}
