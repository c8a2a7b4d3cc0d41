/*
 * output: what happens to stdout.
 */
#ifndef SEGTOOLS_OUTPUT_H
#define SEGTOOLS_OUTPUT_H

#include "base/msg.h"

/* Something is about to be written to stdout: on a terminal it does not go behind
 * the line that tells of progress, which is drawn again later. */
void output_begin(void);
/* RC_SYSTEM if a write to stdout has failed.  That is reported once, by the
 * first of these calls; errno is then to be the write's. */
enum rc output_check(void);
/* Flush stdout and close it; a failure at any time is RC_SYSTEM.  Every
 * command ends with it. */
enum rc output_close(void);

#endif
