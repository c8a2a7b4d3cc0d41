/*
 * credentials: who we are to a service, now and in runs of days.  Looked for in
 * the order of segtools(7), CREDENTIALS; the first source that is set up counts.
 *
 * Keys that expire are fetched anew five minutes before that.  While they are
 * good, a failure of that is a notice.  Secrets are in no message.
 */
#ifndef SEGTOOLS_CREDENTIALS_H
#define SEGTOOLS_CREDENTIALS_H

#include <stdbool.h>

#include "aws/keys.h"

struct credentials;

/* None, or none that can be used: RC_USAGE, naming what was looked at;
 * RC_SYSTEM: it may pass.  aws is borrowed. */
enum rc credentials_new(
    struct credentials **, const struct aws *, unsigned retry_for);
void credentials_free(struct credentials *);

/* Valid until the next of the two below that changes them. */
const struct keys *credentials_keys(const struct credentials *);
/* Which keys these are: another number after each change. */
unsigned credentials_generation(const struct credentials *);

/* Fetch them anew, if it is time for that. */
void credentials_refresh(struct credentials *);
/*
 * The service says that the keys of that generation have expired.  RC_OK: there
 * are others, try again.  RC_ABSENT: there are none, and what it says holds.
 * Else they could not be fetched, reported once.
 */
enum rc credentials_expired(struct credentials *, unsigned generation);
/* The service takes them. */
void credentials_taken(struct credentials *, unsigned generation);
/* Have they expired by what their source said? */
bool credentials_are_old(const struct credentials *);

#endif
