/* progress: see progress.h. */

#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/msg.h"
#include "base/number.h"
#include "base/time.h"
#include "cli/progress.h"

enum { PROGRESS_AFTER = 1000, PROGRESS_EVERY = 200 };

void
progress_begin(struct progress *p, const char *unit, uint64_t total)
{
	*p = (struct progress){.unit = unit, .total = total};
	if (isatty(STDERR_FILENO) && !msg_is_quiet())
		p->began = p->drawn = time_monotonic();
}

/* "12.3 MiB" or "12 objects". */
static void
amount(struct buf *b, double n, const char *unit)
{
	static const char *const prefix[] = {"", "Ki", "Mi", "Gi", "Ti"};
	uint64_t whole = (uint64_t)(n + .5);
	size_t i = 0;

	if (strcmp(unit, "B") != 0) {
		buf_addf(b, "%llu %s%s", (unsigned long long)whole, unit,
		    number_s(whole));
		return;
	}
	for (; n >= 1024 && i < 4; i++)
		n /= 1024;
	buf_addf(b, "%.*f %sB", i ? 1 : 0, n, prefix[i]);
}

static void
draw(struct progress *p, uint64_t now)
{
	struct buf b = {0};
	double seconds = (double)(now - p->began) / 1000;
	double rate = seconds > 0 ? (double)p->done / seconds : 0;

	/* What is done twice, or was not foreseen. */
	if (p->total && p->total < p->done)
		p->total = p->done;
	buf_addf(&b, "%s: ", msg_name());
	amount(&b, (double)p->done, p->unit);
	if (p->total) {
		buf_adds(&b, " of ");
		amount(&b, (double)p->total, p->unit);
		buf_addf(&b, " (%u%%)",
		    (unsigned)((double)p->done * 100 / (double)p->total));
	}
	buf_adds(&b, ", ");
	amount(&b, rate, p->unit);
	buf_adds(&b, "/s");
	if (p->total > p->done && rate > 0) {
		uint64_t left = (uint64_t)((double)(p->total - p->done) / rate);

		buf_addf(&b, ", %llu:%02llu left",
		    (unsigned long long)(left / 60),
		    (unsigned long long)(left % 60));
	}
	msg_status(b.data);
	buf_release(&b);
}

void
progress_add(struct progress *p, uint64_t n)
{
	uint64_t now;

	p->done += n;
	if (!p->began)
		return;
	now = time_monotonic();
	if (now - p->began < PROGRESS_AFTER || now - p->drawn < PROGRESS_EVERY)
		return;
	p->drawn = now;
	draw(p, now);
}

void
progress_moved(void *progress, uint64_t n)
{
	progress_add(progress, n);
}

void
progress_end(struct progress *p)
{
	if (p->began)
		msg_status(NULL);
	p->began = 0;
}
