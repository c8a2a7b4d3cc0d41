/* Values as SQL, read back by SQLite; numbers and pages of b-trees. */

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "diff/btree.h"
#include "diff/value.h"
#include "tap.h"

static sqlite3 *db;

/* The value of an expression; its bytes stay until the next one. */
static struct value
evaluate(const char *expression, enum side_encoding encoding)
{
	static sqlite3_stmt *stmt;
	struct buf sql = {0};

	sqlite3_finalize(stmt);
	buf_addf(&sql, "SELECT %s", expression);
	if (sqlite3_prepare_v2(db, sql.data, -1, &stmt, NULL) != SQLITE_OK ||
	    sqlite3_step(stmt) != SQLITE_ROW) {
		printf("# %s: %s\n", sql.data, sqlite3_errmsg(db));
		buf_release(&sql);
		return (struct value){.type = -1};
	}
	buf_release(&sql);
	return value_of(stmt, 0, encoding);
}

static bool
comes_back(const struct value *v, enum side_encoding encoding)
{
	struct buf b = {0};
	struct value got;
	bool same;

	value_literal(&b, v, encoding, encoding);
	got = evaluate(b.data, encoding);
	same = value_same(v, &got);
	if (!same)
		printf("# %s\n", b.data);
	buf_release(&b);
	return same;
}

static uint64_t
random_bits(void)
{
	static uint64_t x = 88172645463325252;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

static void
check_reals(void)
{
	static const double some[] = {0.0, -0.0, 1.0, -1.0, 0.1, 1e15, 1e16,
	    123456789012345680.0, 9007199254740993.0, 5e-324, -5e-324,
	    2.2250738585072011e-308, 2.2250738585072014e-308,
	    1.7976931348623157e308, INFINITY, -INFINITY, 1e22, 1e23, 1e-5};
	unsigned wrong = 0;

	for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
		struct value v = {.type = SQLITE_FLOAT, .real = some[i]};

		ok(comes_back(&v, SIDE_UTF8), "%.17g comes back", some[i]);
	}
	for (int i = 0; i < 20000; i++) {
		struct value v = {.type = SQLITE_FLOAT};
		uint64_t bits = random_bits();

		/* One in four without an exponent: subnormal. */
		if (i % 4 == 0)
			bits &= ~(0x7ffULL << 52);
		memcpy(&v.real, &bits, sizeof(bits));
		if (isfinite(v.real))
			wrong += !comes_back(&v, SIDE_UTF8);
	}
	ok(wrong == 0, "20000 reals come back: %u do not", wrong);
}

static void
check_others(void)
{
	static const int64_t integers[] = {0, 1, -1, INT64_MAX, INT64_MIN};
	static const struct {
		const char *bytes;
		size_t len;
	} texts[] = {{"", 0}, {"a", 1}, {"it's '' it", 10}, {"a\0b", 3},
	    {"\xff", 1}, {"\xc3\xa4\n;--", 6}, {"a\r\nb", 4},
	    {"\xed\xa0\x80", 3}, {"\xf0\x9f\x98\x80", 4}};

	for (size_t i = 0; i < 5; i++) {
		struct value v = {
		    .type = SQLITE_INTEGER, .integer = integers[i]};

		ok(comes_back(&v, SIDE_UTF8), "integer %zu", i);
	}
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct value v = {.type = SQLITE_TEXT};

		v.bytes = texts[i].bytes;
		v.len = texts[i].len;
		ok(comes_back(&v, SIDE_UTF8), "text %zu", i);
		v.type = SQLITE_BLOB;
		ok(comes_back(&v, SIDE_UTF8), "blob %zu", i);
	}
}

/* In a database of UTF-16: all units, alone and in pairs. */
static void
check_wide(void)
{
	unsigned wrong = 0;

	for (uint32_t unit = 0; unit < 0x10000;
	     unit += unit < 0xd700 ? 97 : 1) {
		uint8_t bytes[4] = {(uint8_t)unit, (uint8_t)(unit >> 8),
		    (uint8_t)(unit * 3), (uint8_t)(0xd8 + unit % 8)};
		struct value v = {.type = SQLITE_TEXT, .bytes = bytes};

		v.len = unit % 2 ? 4 : 2;
		wrong += !comes_back(&v, SIDE_UTF16LE);
	}
	ok(wrong == 0, "texts of UTF-16 come back: %u do not", wrong);
}

static void
check_varints(void)
{
	static const struct {
		uint8_t bytes[9];
		unsigned len;
		uint64_t value;
	} cases[] = {{{0}, 1, 0}, {{0x7f}, 1, 127}, {{0x81, 0}, 2, 128},
	    {{0xff, 0x7f}, 2, 16383},
	    {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 9,
		UINT64_MAX},
	    {{0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01}, 9, 1}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const uint8_t *p = cases[i].bytes;
		uint64_t value = 99;

		ok(btree_varint(p, p + cases[i].len, &value) == cases[i].len &&
			value == cases[i].value &&
			btree_varint(p, p + cases[i].len - 1, &value) == 0,
		    "varint %zu, and cut short", i);
	}
}

int
main(void)
{
	struct buf b = {0};

	sqlite3_open(":memory:", &db);
	check_reals();
	check_others();
	check_varints();
	value_name(&b, "a\"b c");
	ok(strcmp(b.data, "\"a\"\"b c\"") == 0, "a name is quoted");
	buf_release(&b);
	(void)evaluate("NULL", SIDE_UTF8);
	sqlite3_close_v2(db);
	sqlite3_open(":memory:", &db);
	sqlite3_exec(db, "PRAGMA encoding = 'UTF-16le'", NULL, NULL, NULL);
	sqlite3_exec(db, "CREATE TABLE t(a)", NULL, NULL, NULL);
	check_wide();
	value_close();
	return tap_done();
}
