/*
 * process: which process this is, so that another can tell later, on the same
 * machine, that it is dead.
 */
#ifndef SEGTOOLS_PROCESS_H
#define SEGTOOLS_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

enum { PROCESS_HOST_MAX = 65, PROCESS_ID_MAX = 64 };

struct process {
	char host[PROCESS_HOST_MAX];
	char boot[PROCESS_ID_MAX]; /* of the machine: another after each */
	char pids[PROCESS_ID_MAX]; /* among which pid counts: a container's */
	uint64_t pid;
	uint64_t started; /* in ticks since the boot; 0: not known */
};

void process_self(struct process *);
bool process_same(const struct process *, const struct process *);

/*
 * Is it known to be dead?  Only where it ran on this machine since that was
 * started, under pids that are ours: of all others nothing is known.
 */
bool process_is_dead(const struct process *);

#endif
