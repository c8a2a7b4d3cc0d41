/* The rules that protect what is in a store, as tables. */

#include <stdio.h>
#include <string.h>

#include "plan/rules.h"
#include "tap.h"

/* Keys as "START-END@TIME", TIME = END if left out. */
static void
add_keys(struct keyset *s, const char *text)
{
	unsigned long long start, end, time;
	int n;

	while (sscanf(text, "%llu-%llu%n", &start, &end, &n) == 2) {
		text += n;
		time = end;
		if (*text == '@' && sscanf(text, "@%llu%n", &time, &n) == 1)
			text += n;
		keyset_add(s, &(struct key){start, end, time});
	}
}

static struct key
key_of(const char *text)
{
	struct keyset s = {0};
	struct key key = {0};

	add_keys(&s, text);
	if (s.n > 0)
		key = s.key[0];
	keyset_release(&s);
	return key;
}

static const struct {
	const char *known, *key;
	unsigned pages;
	enum rules_fit fit;
	const char *what;
} fits[] = {
    {"", "1-5", 5, RULES_EXTENDS, "the first cut"},
    {"", "1-9", 3, RULES_EXTENDS, "a first one that was merged"},
    {"", "2-9", 8, RULES_NOT, "a first one that does not begin at 1"},
    {"1-5", "6-9", 4, RULES_EXTENDS, "the next cut"},
    {"1-5", "6-9", 2, RULES_EXTENDS, "the next one, merged from several"},
    {"1-5", "1-5", 5, RULES_THERE, "the same once more"},
    {"1-5", "1-5@6", 5, RULES_NOT, "the same frames at another TIME"},
    {"1-5", "7-9", 3, RULES_NOT, "a gap"},
    {"1-5", "5-9", 5, RULES_NOT, "an overlap"},
    {"1-5 6-9", "6-8", 3, RULES_NOT, "a shorter one after the same END"},
    {"1-5 6-9", "6-10", 5, RULES_NOT, "a longer one after the same END"},
    {"1-5 6-9", "1-12", 3, RULES_EXTENDS, "a full cut"},
    {"1-5 6-9", "1-11", 3, RULES_NOT, "a full cut of a state gone on from"},
    {"1-5 6-9", "1-15", 3, RULES_EXTENDS,
	"a full cut after cuts that got lost"},
    {"1-5 6-9", "1-10", 200, RULES_NOT, "more pages than frame numbers"},
    {"1-5 6-9 10-12", "6-12", 4, RULES_MERGES, "a merge"},
    {"1-5 6-9 10-12", "6-12@11", 4, RULES_NOT, "a merge with another TIME"},
    {"1-5 6-9 10-12", "7-12", 4, RULES_NOT, "a merge of half a segment"},
    {"1-5 6-9 10-12", "5-12", 4, RULES_NOT, "a merge that overlaps"},
    {"1-5 7-9", "1-9", 4, RULES_NOT, "a merge over a hole"},
    {"1-9 10-12", "6-9", 4, RULES_NOT, "a part of what was merged"},
};

static void
test_fit(void)
{
	for (size_t i = 0; i < sizeof(fits) / sizeof(fits[0]); i++) {
		struct keyset known = {0};
		struct key key = key_of(fits[i].key);
		const char *why;
		size_t same = 99;
		enum rules_fit fit;

		add_keys(&known, fits[i].known);
		fit = rules_fit(&known, &key, fits[i].pages, &same, &why);
		ok(fit == fits[i].fit && !why == (fit != RULES_NOT) &&
			(fit != RULES_MERGES ||
			    (same < known.n &&
				known.key[same].time == key.time)),
		    "%s: %s", fits[i].what, why ? why : "fits");
		keyset_release(&known);
	}
}

static const struct {
	const char *known, *ours, *other, *what;
	uint64_t base;
} forks[] = {
    {"1-5 6-9", "6-9", "", "ours alone", 5},
    {"1-5 6-9 10-12", "6-9", "", "and what continues it", 5},
    {"1-5 6-9 6-8", "6-9", "6-8", "a shorter one", 5},
    {"1-5 6-9 6-10", "6-9", "6-10", "a longer one", 5},
    {"1-5 6-9 6-9@8", "6-9", "6-9@8", "one of the same frames", 5},
    {"1-5 6-9 10-12 6-12", "6-9", "", "a merge of it and the next", 5},
    {"1-5 6-9 1-9", "6-9", "", "a merge of it and what was before", 5},
    {"1-5 6-9 1-9@8", "6-9", "1-9@8", "a full cut of the same END", 5},
    {"1-5 6-9 1-8", "6-9", "1-8", "a full cut", 5},
    {"1-5 1-9 6-8", "1-9", "6-8", "of a full cut: an incremental one", 5},
    {"1-5 1-9 10-12", "1-9", "", "of a full cut: the next", 5},
    {"1-5 6-7 8-9 6-9", "6-9", "6-7", "of a part of it nothing is known", 5},
};

static void
test_forked(void)
{
	for (size_t i = 0; i < sizeof(forks) / sizeof(forks[0]); i++) {
		struct keyset known = {0};
		struct key ours = key_of(forks[i].ours), other = {0}, want;
		bool forked;

		add_keys(&known, forks[i].known);
		forked = rules_forked(&known, &ours, forks[i].base, &other);
		if (*forks[i].other) {
			want = key_of(forks[i].other);
			ok(forked && key_cmp(&want, &other) == 0,
			    "forked by %s", forks[i].what);
		} else {
			ok(!forked, "no fork: %s", forks[i].what);
		}
		keyset_release(&known);
	}
}

static const struct {
	const char *before, *after, *what;
	enum rules_removal judged;
	uint64_t missing;
} removals[] = {
    {"1-5 6-9", "1-5 6-9", "nothing", RULES_MAY_GO, 0},
    {"1-5 6-9 1-9", "1-9", "what a merge covers", RULES_MAY_GO, 0},
    {"1-5 6-9 1-9", "1-5 6-9", "the merge", RULES_MAY_GO, 0},
    {"1-5 6-9 1-9", "6-9", "the merge and a part", RULES_LAST_COVER, 5},
    {"1-5 6-9", "1-5", "the newest", RULES_LAST_COVER, 9},
    {"1-5 6-9", "", "all", RULES_LAST_COVER, 9},
    {"", "", "of nothing", RULES_MAY_GO, 0},
    {"1-5 6-9 4-9", "1-5 4-9", "the way, with all covered", RULES_LAST_WAY, 0},
    {"1-5 7-9 6-7", "1-5 7-9 6-7", "without a way before", RULES_MAY_GO, 0},
    {"1-5 6-9 10-10 1-9", "10-10 1-9", "older parts", RULES_MAY_GO, 0},
    {"1-5 6-9 10-10 1-9", "10-10 6-9", "base of all", RULES_LAST_COVER, 5},
};

static void
test_removal(void)
{
	for (size_t i = 0; i < sizeof(removals) / sizeof(removals[0]); i++) {
		struct keyset before = {0}, after = {0};
		uint64_t missing = 0;

		add_keys(&before, removals[i].before);
		add_keys(&after, removals[i].after);
		ok(rules_removal(&before, &after, &missing) ==
			    removals[i].judged &&
			(removals[i].judged != RULES_LAST_COVER ||
			    missing == removals[i].missing),
		    "removed: %s", removals[i].what);
		keyset_release(&before);
		keyset_release(&after);
	}
}

int
main(void)
{
	test_fit();
	test_forked();
	test_removal();
	return tap_done();
}
