/*
 * draw: see draw.h.
 *
 * Segments lie in lanes: the widest of those that begin at a frame first, each in
 * the first lane that is free where it begins, so that a merge is above its
 * parts.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/number.h"
#include "base/time.h"
#include "base/utf8.h"
#include "plan/draw.h"

enum {
	LANES = 40, /* what lies deeper shares the last one */
	/* SVG */
	WIDTH = 1000,
	MARGIN = 20,
	TOP = 84,
	LANE = 16,
	BAR = 11,
	TICKS = 5,
	/* text: LANES, and nine lines at most around them */
	DATE = 10,
	MOMENT = 19 /* a date and the time of day */
};

/* ---- lanes ---- */

struct bar {
	const struct chain_segment *s;
	enum draw_role role;
	unsigned lane;
};

struct picture {
	const struct draw *d;
	struct bar *bar;
	size_t n;
	unsigned lanes;
	uint64_t end; /* of the greatest frame */
};

/* By START; of one START the widest first. */
static int
bar_cmp(const void *a, const void *b)
{
	const struct key *x = &((const struct bar *)a)->s->key;
	const struct key *y = &((const struct bar *)b)->s->key;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->end > y->end ? -1 : x->end < y->end;
}

static void
picture_init(struct picture *p, const struct draw *d)
{
	uint64_t taken[LANES] = {0}; /* the last frame of each lane */

	*p = (struct picture){.d = d, .n = d->plan->n};
	p->bar = xcalloc(p->n, sizeof(*p->bar));
	for (size_t i = 0; i < p->n; i++)
		p->bar[i] =
		    (struct bar){.s = &d->plan->s[i], .role = d->role[i]};
	qsort(p->bar, p->n, sizeof(*p->bar), bar_cmp);
	for (size_t i = 0; i < p->n; i++) {
		const struct key *k = &p->bar[i].s->key;
		unsigned lane = 0;

		while (lane < LANES - 1 && taken[lane] >= k->start)
			lane++;
		p->bar[i].lane = lane;
		if (k->end > taken[lane])
			taken[lane] = k->end;
		if (lane >= p->lanes)
			p->lanes = lane + 1;
		if (k->end > p->end)
			p->end = k->end;
	}
}

static void
picture_release(struct picture *p)
{
	free(p->bar);
}

/* Where the border behind a frame is, of width. */
static double
place(const struct picture *p, uint64_t frame, double width)
{
	return width * ((double)frame / (double)p->end);
}

/* A round number of frames for about TICKS steps. */
static uint64_t
step_of(uint64_t end)
{
	uint64_t step = 1;

	while (end / step > TICKS) {
		if (step > UINT64_MAX / 10)
			return step;
		if (end / (2 * step) <= TICKS)
			return 2 * step;
		if (end / (5 * step) <= TICKS)
			return 5 * step;
		step *= 10;
	}
	return step;
}

/* The TIME of the state with the greatest END up to frame; 0: there is none. */
static uint64_t
time_at(const struct plan *p, uint64_t frame)
{
	uint64_t time = 0;

	for (size_t i = 0; i < p->n && p->s[i].key.end <= frame; i++)
		time = p->s[i].key.time;
	return time;
}

struct sum {
	size_t n;
	uint64_t bytes;
	bool unknown; /* some of the bytes */
};

static void
add_bytes(uint64_t *bytes, bool *unknown, uint64_t n)
{
	if (n == UINT64_MAX)
		*unknown = true;
	else
		*bytes += n;
}

static void
sums(const struct picture *p, struct sum sum[3])
{
	memset(sum, 0, 3 * sizeof(*sum));
	for (size_t i = 0; i < p->n; i++) {
		struct sum *s = &sum[p->bar[i].role];

		s->n++;
		add_bytes(&s->bytes, &s->unknown, p->bar[i].s->bytes);
	}
}

static const char *const meaning[] = {
    "restores the newest state", "kept for other states", "-x removes it"};

/* ---- SVG ---- */

/* Text of a document: "&", "<" and quotes are written as entities. */
static void
put_xml(const char *text)
{
	for (; *text; text++) {
		if (strchr("&<>\"'", *text))
			printf("&#%d;", *text);
		else
			putchar(*text);
	}
}

static const char *const svg_class[] = {"plan", "kept", "gone"};

/* "12.3 MiB" */
static void
put_bytes(uint64_t n, bool unknown)
{
	static const char *const unit[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
	double v = (double)n;
	size_t i = 0;

	if (unknown) {
		printf("? bytes");
		return;
	}
	for (; v >= 1024 && i < 4; i++)
		v /= 1024;
	printf("%.*f %s", i ? 1 : 0, v, n == 1 ? "byte" : unit[i]);
}

/* Segments that are drawn as one: neighbours in a lane that could not be told
 * from each other. */
struct group {
	size_t n; /* 0: none */
	uint64_t start, end, time, bytes;
	bool unknown; /* some of the bytes */
	enum draw_role role;
	unsigned lane;
};

static double
group_width(const struct picture *p, const struct group *g)
{
	double w = WIDTH - 2 * MARGIN;

	return place(p, g->end, w) - place(p, g->start - 1, w);
}

static void
svg_group(const struct picture *p, struct group *g)
{
	double x = place(p, g->start - 1, WIDTH - 2 * MARGIN);
	double w = group_width(p, g);
	char time[TIME_TEXT_MAX];

	if (g->n == 0)
		return;
	/* A hair between neighbours, where there is room for one. */
	w = w > 3 ? w - 1 : w < 1 ? 1 : w;
	printf("<rect class=\"%s\" x=\"%.2f\" y=\"%u\" width=\"%.2f\" "
	       "height=\"%d\"><title>",
	    svg_class[g->role], MARGIN + x, TOP + g->lane * LANE, w, BAR);
	if (g->n > 1)
		printf("%zu segment%s, ", g->n, number_s(g->n));
	printf("%" PRIu64 "-%" PRIu64 " %s, ", g->start, g->end,
	    time_text(g->time, time));
	put_bytes(g->bytes, g->unknown);
	printf("</title></rect>\n");
	g->n = 0;
}

static bool
joins(const struct picture *p, const struct group *g, const struct bar *b)
{
	return g->n > 0 && g->role == b->role &&
	       g->end + 1 == b->s->key.start && group_width(p, g) < 1;
}

/* However many segments there are, no more than the width has room for. */
static void
svg_bars(const struct picture *p)
{
	struct group lane[LANES] = {0};

	for (size_t i = 0; i < p->n; i++) {
		const struct bar *b = &p->bar[i];
		struct group *g = &lane[b->lane];

		if (!joins(p, g, b)) {
			svg_group(p, g);
			*g = (struct group){.start = b->s->key.start,
			    .role = b->role,
			    .lane = b->lane};
		}
		g->n++;
		g->end = b->s->key.end;
		g->time = b->s->key.time;
		add_bytes(&g->bytes, &g->unknown, b->s->bytes);
	}
	for (size_t i = 0; i < LANES; i++)
		svg_group(p, &lane[i]);
}

static void
svg_gap(void *arg, uint64_t first, uint64_t last)
{
	const struct picture *p = arg;
	double w = WIDTH - 2 * MARGIN;
	double x = place(p, first - 1, w), to = place(p, last, w);
	char text[FRAMES_TEXT_MAX];

	printf("<rect class=\"gap\" x=\"%.2f\" y=\"%d\" width=\"%.2f\" "
	       "height=\"%u\"><title>%s</title></rect>\n",
	    MARGIN + x, TOP - 6, to - x < 1 ? 1 : to - x, p->lanes * LANE + 6,
	    frames_missing(first, last, text));
}

static void
svg_tick(const struct picture *p, uint64_t frame, bool last)
{
	double x = MARGIN + place(p, frame, WIDTH - 2 * MARGIN);
	unsigned bottom = TOP + p->lanes * LANE;
	uint64_t time = time_at(p->d->plan, frame);
	const char *anchor = last ? "end" : frame == 0 ? "start" : "middle";
	char text[TIME_TEXT_MAX];

	printf("<path class=\"tick\" d=\"M%.2f %d V%u\"/>\n", x, TOP - 6,
	    bottom + 4);
	printf("<text x=\"%.2f\" y=\"%u\" text-anchor=\"%s\">%" PRIu64
	       "</text>\n",
	    x, bottom + 18, anchor, frame);
	if (time && time_text(time, text)[1])
		printf("<text class=\"time\" x=\"%.2f\" y=\"%u\" "
		       "text-anchor=\"%s\">%.10s %.5s</text>\n",
		    x, bottom + 32, anchor, text, text + 11);
}

static void
svg_ticks(const struct picture *p)
{
	uint64_t step = step_of(p->end);

	for (uint64_t f = 0; f < p->end; f += step) {
		/* Not where the last one has its text. */
		if (p->end - f >= step - step / 4)
			svg_tick(p, f, false);
		if (p->end - f <= step)
			break;
	}
	svg_tick(p, p->end, true);
}

static void
svg_legend(const struct picture *p)
{
	static const int x[] = {MARGIN, 340, 640, 890};
	struct sum sum[3];

	sums(p, sum);
	for (unsigned i = 0; i < 3; i++) {
		printf("<rect class=\"%s\" x=\"%d\" y=\"44\" width=\"14\" "
		       "height=\"%d\"/>\n<text x=\"%d\" y=\"54\">%s: %zu, ",
		    svg_class[i], x[i], BAR, x[i] + 19, meaning[i], sum[i].n);
		put_bytes(sum[i].bytes, sum[i].unknown);
		printf("</text>\n");
	}
	printf("<rect class=\"gap\" x=\"%d\" y=\"44\" width=\"14\" "
	       "height=\"%d\"/>\n<text x=\"%d\" y=\"54\">missing</text>\n",
	    x[3], BAR, x[3] + 19);
}

void
draw_svg(const struct draw *d)
{
	static const char style[] =
	    "text{font:12px sans-serif;fill:#333}"
	    ".title{font-size:16px;font-weight:bold}.time{fill:#777}"
	    "rect{shape-rendering:crispEdges}.plan{fill:#1b6ca8}.kept{fill:#"
	    "7fb685}.gone{fill:#c9c9c9}"
	    ".gap{fill:#d1495b;fill-opacity:.45}"
	    ".tick{stroke:#999;stroke-width:.6;fill:none}";
	struct picture p;
	unsigned height;

	picture_init(&p, d);
	height = TOP + p.lanes * LANE + 44;
	printf("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" "
	       "height=\"%u\" viewBox=\"0 0 %d %u\" role=\"img\">\n"
	       "<title>",
	    WIDTH, height, WIDTH, height);
	put_xml(d->namespace);
	printf(": its segments</title>\n<style>%s</style>\n"
	       "<rect width=\"%d\" height=\"%u\" fill=\"#fff\"/>\n"
	       "<text class=\"title\" x=\"%d\" y=\"26\">",
	    style, WIDTH, height, MARGIN);
	put_xml(d->namespace);
	printf(": %zu segment%s, frames up to %" PRIu64 "</text>\n", p.n,
	    number_s(p.n), p.end);
	svg_legend(&p);
	svg_ticks(&p);
	svg_bars(&p);
	plan_gaps(d->plan, p.end, svg_gap, &p);
	printf("<text x=\"%d\" y=\"%d\" text-anchor=\"end\">frames and times "
	       "(UTC)</text>\n</svg>\n",
	    WIDTH - MARGIN, TOP - 12);
	picture_release(&p);
}

/* ---- text ---- */

static const char mark[] = {'#', '=', '.', '!', ' '};
static const char *const tint[] = {
    "\033[34m", "\033[32m", "\033[90m", "\033[31m", ""};
enum { GAP = 3, NOTHING = 4 };

/* One line of marks, each an index into mark[]. */
struct line {
	unsigned char *cell;
	bool *edge; /* a segment begins here, behind another one */
};

static void
fill(const struct picture *p, unsigned width, struct line *l, uint64_t start,
    uint64_t end, unsigned char what)
{
	unsigned from = (unsigned)place(p, start - 1, width);
	unsigned to = (unsigned)place(p, end, width);

	from = from < width ? from : width - 1;
	to = to > from ? to : from + 1;
	l->edge[from] = true;
	for (unsigned i = from; i < to && i < width; i++)
		/* What a restore takes is seen, whatever shares the place. */
		if (what < l->cell[i])
			l->cell[i] = what;
}

static void
put_line(const struct line *l, unsigned width, bool colour)
{
	unsigned end = width, was = NOTHING;

	while (end > 0 && l->cell[end - 1] == NOTHING)
		end--;
	for (unsigned i = 0; i < end; i++) {
		unsigned is = l->cell[i];

		if (colour && is != was)
			printf("\033[0m%s", tint[is]);
		was = is;
		putchar(is < GAP && l->edge[i] &&
				(i + 1 < width && l->cell[i + 1] == is &&
				    !l->edge[i + 1])
			    ? '|'
			    : mark[is]);
	}
	printf("%s\n", colour && end > 0 ? "\033[0m" : "");
}

static void
text_lane(const struct picture *p, unsigned lane, struct line *l,
    unsigned width, bool colour)
{
	memset(l->cell, NOTHING, width);
	memset(l->edge, 0, width * sizeof(*l->edge));
	for (size_t i = 0; i < p->n; i++)
		if (p->bar[i].lane == lane)
			fill(p, width, l, p->bar[i].s->key.start,
			    p->bar[i].s->key.end,
			    (unsigned char)p->bar[i].role);
	put_line(l, width, colour);
}

struct gap_line {
	const struct picture *p;
	struct line l;
	unsigned width;
	bool any;
};

static void
text_gap(void *arg, uint64_t first, uint64_t last)
{
	struct gap_line *g = arg;

	g->any = true;
	fill(g->p, g->width, &g->l, first, last, GAP);
}

static void
text_gaps(const struct picture *p, struct line *l, unsigned width, bool colour)
{
	struct gap_line g = {.p = p, .l = *l, .width = width};

	memset(l->cell, NOTHING, width);
	memset(l->edge, 0, width * sizeof(*l->edge));
	plan_gaps(p->d->plan, p->end, text_gap, &g);
	if (g.any)
		put_line(l, width, colour);
}

/* The first and the last time, one below the other where there is no room for
 * both in a line; of the day where there is none for more. */
static void
text_times(const struct picture *p, unsigned width)
{
	const struct plan *plan = p->d->plan;
	char from[TIME_TEXT_MAX], to[TIME_TEXT_MAX];
	int most = width < MOMENT ? DATE : MOMENT, w = (int)width;

	if (width < DATE)
		return;
	time_text(plan->s[0].key.time, from);
	time_text(time_at(plan, p->end), to);
	from[DATE] = from[1] ? ' ' : 0;
	to[DATE] = to[1] ? ' ' : 0;
	if (w > 2 * MOMENT)
		printf("%-*.*s%*.*s\n", most, most, from, w - most, most, to);
	else
		printf("%.*s\n%*.*s\n", most, from, w, most, to);
}

static void
text_scale(const struct picture *p, unsigned width)
{
	char end[NUMBER_MAX + 1];
	int n = snprintf(end, sizeof(end), "%" PRIu64, p->end);

	printf("1%*s\n", (int)width - 1, n < (int)width ? end : "");
	text_times(p, width);
}

enum { FORMS = 4, LEGEND_MAX = 128 };

/* What is behind a mark, the longest form first; its length. */
static unsigned
legend(unsigned form, unsigned i, const struct sum *s, char text[LEGEND_MAX])
{
	static const char *const word[] = {"newest", "kept", "-x"};
	char bytes[40];
	int n;

	if (s->unknown)
		snprintf(bytes, sizeof(bytes), ", ? bytes");
	else
		snprintf(bytes, sizeof(bytes), ", %" PRIu64 " byte%s", s->bytes,
		    number_s(s->bytes));
	if (form == 0)
		n = snprintf(
		    text, LEGEND_MAX, " %-26s %zu%s", meaning[i], s->n, bytes);
	else if (form < FORMS - 1)
		n = snprintf(text, LEGEND_MAX, " %-6s %zu%s", word[i], s->n,
		    form == 1 ? bytes : "");
	else
		n = snprintf(text, LEGEND_MAX, " %zu", s->n);
	return (unsigned)n;
}

/* In the first form that fits; of a narrower terminal nothing but the marks. */
static void
text_legend(const struct picture *p, unsigned width, bool colour)
{
	char text[LEGEND_MAX];
	struct sum sum[3];
	unsigned form = 0, i = 0;

	sums(p, sum);
	while (form < FORMS && i < 3) {
		if (1 + legend(form, i, &sum[i], text) <= width) {
			i++;
		} else {
			form++;
			i = 0;
		}
	}
	for (i = 0; i < 3; i++) {
		if (form < FORMS)
			legend(form, i, &sum[i], text);
		else
			text[0] = 0;
		printf("%s%c%s%s\n", colour ? tint[i] : "", mark[i],
		    colour ? "\033[0m" : "", text);
	}
}

/* How wide a character may be: those that some terminals show in one column and
 * others in two are taken for wide. */
static unsigned
columns_of(uint32_t code)
{
	return code < 0x1100 ? 1 : 2;
}

/* The namespace, cut where the line ends, and if there is room for more than a
 * few of its characters how many segments it has. */
static void
text_title(const struct picture *p, unsigned width)
{
	enum { FEW = 8 };
	char rest[64];
	const char *s = p->d->namespace;
	size_t left = strlen(s), n;
	unsigned room = (unsigned)snprintf(
	    rest, sizeof(rest), ": %zu segment%s", p->n, number_s(p->n));
	uint32_t code;

	if (room + FEW > width && room + left > width)
		rest[0] = 0;
	room = width - (unsigned)strlen(rest);
	for (; (n = utf8_next(s, left, &code)) > 0; s += n, left -= n) {
		if (columns_of(code) > room)
			break;
		room -= columns_of(code);
		fwrite(s, 1, n, stdout);
	}
	printf("%s\n", rest);
}

void
draw_text(const struct draw *d, unsigned width, bool colour)
{
	struct picture p;
	struct line l;

	l.cell = xcalloc(width, sizeof(*l.cell));
	l.edge = xcalloc(width, sizeof(*l.edge));
	picture_init(&p, d);
	text_title(&p, width);
	for (unsigned lane = 0; lane < p.lanes; lane++)
		text_lane(&p, lane, &l, width, colour);
	text_gaps(&p, &l, width, colour);
	text_scale(&p, width);
	text_legend(&p, width, colour);
	picture_release(&p);
	free(l.cell);
	free(l.edge);
}
