/* Chains: what seg-cut offers a store that was away (the shortest ones are
 * tested by keyset.c and plan.c). */

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "plan/chain.h"
#include "tap.h"

/* The longest chain from base, as "START-END ..." */
static void
longest(const struct key *key, uint64_t base, char *text, size_t room)
{
	struct chain_segment s[16] = {0};
	uint32_t last = CHAIN_NONE, order[16] = {0};
	size_t n = 0, m = 0, at = 0;

	for (; key[n].end; n++)
		s[n].key = key[n];
	chain_solve(s, n, base, CHAIN_LONGEST);
	for (size_t i = n; i > 0 && last == CHAIN_NONE; i--)
		last = s[i - 1].best;
	for (; last != CHAIN_NONE; last = s[last].prev)
		order[m++] = last;
	*text = 0;
	while (m-- > 0)
		at += (size_t)snprintf(text + at, room - at, "%s%llu-%llu",
		    at ? " " : "", (unsigned long long)s[order[m]].key.start,
		    (unsigned long long)s[order[m]].key.end);
}

static const struct {
	const char *what;
	struct key key[8]; /* in frame order, ended by zeros */
	uint64_t base;
	const char *want;
} rows[] = {
    {"nothing", {{0}}, 0, ""},
    {"all of it", {{1, 3, 0}, {4, 5, 0}, {6, 6, 0}}, 0, "1-3 4-5 6-6"},
    {"what is behind base", {{1, 3, 0}, {4, 5, 0}, {6, 6, 0}}, 3, "4-5 6-6"},
    {"nothing is missing", {{1, 3, 0}, {4, 5, 0}}, 5, ""},
    {"behind a hole", {{1, 3, 0}, {5, 6, 0}}, 0, "1-3"},
    {"a full cut leads on over a hole", {{1, 3, 0}, {5, 6, 0}, {1, 9, 0}}, 0,
	"1-3 1-9"},
    {"a full cut after cuts that go up too",
	{{1, 3, 0}, {4, 5, 0}, {1, 9, 0}, {10, 11, 0}}, 3, "4-5 1-9 10-11"},
    {"a full cut alone", {{1, 9, 0}}, 7, "1-9"},
    {"small steps rather than one large one", {{1, 3, 0}, {1, 5, 0}, {4, 5, 0}},
	0, "1-3 4-5"},
    {"further rather than in more steps",
	{{4, 4, 0}, {5, 5, 0}, {6, 6, 0}, {4, 9, 0}}, 3, "4-9"},
    {"what overlaps base does not lead on", {{3, 5, 0}, {6, 6, 0}}, 3, ""},
    {"the last frame of all", {{1, UINT64_MAX, 0}}, UINT64_MAX - 1,
	"1-18446744073709551615"},
};

int
main(void)
{
	char text[256];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		longest(rows[i].key, rows[i].base, text, sizeof(text));
		if (!ok(strcmp(text, rows[i].want) == 0, "%s", rows[i].what))
			printf("# got %s, wanted %s\n", text, rows[i].want);
	}
	return tap_done();
}
