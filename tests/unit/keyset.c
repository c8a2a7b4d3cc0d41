/* keyset, against a plain look at every frame. */

#include <stdint.h>
#include <stdlib.h>

#include "plan/keyset.h"
#include "plan/nameset.h"
#include "tap.h"

enum { FRAMES = 16 };

static uint64_t state = 1;

static uint64_t
draw(uint64_t below)
{
	state = state * 6364136223846793005 + 1442695040888963407;
	return (state >> 33) % below;
}

static bool
covered(const struct keyset *s, uint64_t frame)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->key[i].start <= frame && frame <= s->key[i].end)
			return true;
	return false;
}

static uint64_t
greatest_missing(const struct keyset *b, const struct keyset *a)
{
	for (uint64_t f = FRAMES; f > 0; f--)
		if (covered(a, f) && !covered(b, f))
			return f;
	return 0;
}

/* Borders reached from start - 1, until nothing more is. */
static bool
chain(const struct keyset *s, uint64_t start, uint64_t end)
{
	bool reached[FRAMES + 1] = {false};

	reached[start - 1] = true;
	for (int round = 0; round < FRAMES; round++)
		for (size_t i = 0; i < s->n; i++)
			if (reached[s->key[i].start - 1])
				reached[s->key[i].end] = true;
	return end >= start && reached[end];
}

static void
fill(struct keyset *s, uint64_t n)
{
	while (n-- > 0) {
		struct key k = {.start = 1 + draw(FRAMES), .time = draw(2)};

		k.end = k.start + draw(FRAMES + 1 - k.start);
		keyset_add(s, &k);
		if (!keyset_has(s, &k))
			abort();
	}
}

static bool
in_order(const struct keyset *s)
{
	for (size_t i = 1; i < s->n; i++)
		if (key_cmp(&s->key[i - 1], &s->key[i]) >= 0)
			return false;
	return true;
}

static bool
same_chains(const struct keyset *s)
{
	for (uint64_t start = 1; start <= FRAMES; start++)
		for (uint64_t end = 1; end <= FRAMES; end++)
			if (keyset_chain(s, start, end) != chain(s, start, end))
				return false;
	return true;
}

static void
test_random(void)
{
	bool order = true, covers = true, chains = true;

	for (int round = 0; round < 3000; round++) {
		struct keyset a = {0}, b = {0};
		uint64_t missing = 0, wanted;

		fill(&a, draw(8));
		fill(&b, draw(12));
		order = order && in_order(&a) && in_order(&b);
		wanted = greatest_missing(&b, &a);
		if (keyset_covers(&b, &a, &missing) != (wanted == 0) ||
		    missing != wanted)
			covers = false;
		chains = chains && same_chains(&b);
		keyset_release(&a);
		keyset_release(&b);
	}
	ok(order, "keys are in order, each once");
	ok(covers, "what is covered, and the greatest frame that is not");
	ok(chains, "chains");
}

static void
test_borders(void)
{
	const struct key all = {1, UINT64_MAX, 0},
			 last = {UINT64_MAX, UINT64_MAX, UINT64_MAX};
	struct keyset a = {0}, b = {0};
	uint64_t missing;

	ok(keyset_newest(&a) == 0 && !keyset_chain(&a, 1, 1) &&
		keyset_covers(&a, &b, &missing),
	    "empty sets");
	keyset_add(&a, &last);
	ok(!keyset_covers(&b, &a, &missing) && missing == UINT64_MAX,
	    "nothing covers the last frame");
	keyset_add(&b, &all);
	ok(keyset_covers(&b, &a, &missing), "all frames cover the last");
	ok(!keyset_covers(&a, &b, &missing) && missing == UINT64_MAX - 1,
	    "the last does not cover all");
	ok(keyset_chain(&b, 1, UINT64_MAX) && !keyset_chain(&b, 2, UINT64_MAX),
	    "a chain over all frames");
	keyset_release(&a);
	keyset_release(&b);
}

static void
test_seen(void)
{
	struct nameset seen = {0};
	struct name name = {.namespace = "a", .key = {1, 1, 1}};
	bool fresh = true, again = false;

	for (uint64_t i = 0; i < 5000; i++) {
		name.key.end = i + 1;
		fresh = nameset_add(&seen, &name) && fresh;
	}
	for (uint64_t i = 0; i < 5000; i++) {
		name.key.end = i + 1;
		again = nameset_add(&seen, &name) || again;
	}
	ok(fresh && !again, "seen: each once");
	name.namespace[0] = 'b';
	ok(nameset_add(&seen, &name), "seen: another namespace");
	nameset_release(&seen);
}

static void
test_joined(void)
{
	struct keyset s = {0};

	msg_verbosity(-2);
	keyset_add(&s, &(struct key){.start = 1, .end = 5});
	keyset_add(&s, &(struct key){.start = 6, .end = 6});
	ok(keyset_joined(&s, "a") == RC_OK, "one after the other");
	keyset_add(&s, &(struct key){.start = 8, .end = 9});
	ok(keyset_joined(&s, "a") == RC_DATA, "a hole of one frame");
	keyset_release(&s);
	keyset_add(&s, &(struct key){.start = 1, .end = 5});
	keyset_add(&s, &(struct key){.start = 5, .end = 9});
	ok(keyset_joined(&s, "a") == RC_DATA, "an overlap of one frame");
	keyset_release(&s);
}

int
main(void)
{
	test_joined();
	test_random();
	test_borders();
	test_seen();
	return tap_done();
}
