/*
 * draw: a plan's segments as a picture: over frames, with the times of the
 * states on a second scale; gaps, what the plan of the newest state takes, and
 * what seg-plan -x would remove.
 */
#ifndef SEGTOOLS_DRAW_H
#define SEGTOOLS_DRAW_H

#include <stdbool.h>

#include "plan/plan.h"

/* What becomes of a segment. */
enum draw_role { DRAW_PLAN, DRAW_KEPT, DRAW_OBSOLETE };

struct draw {
	const struct plan *plan; /* solved; at least one segment */
	const char *namespace;
	const enum draw_role *role; /* of each segment */
};

/* To stdout: an SVG document without scripts, outside fonts or links. */
void draw_svg(const struct draw *);
/* To stdout: at most width columns, of which there is one, and 60 lines; what
 * there is no room for is shorter, or not there. */
void draw_text(const struct draw *, unsigned width, bool colour);

#endif
