/* s3_op: see s3_op.h. */

#include <stdlib.h>

#include "store/s3_op.h"
#include "store/s3_send.h"

struct s3_op *
s3_op_new(struct s3 *s, struct s3_ended *ended, struct store_xfer *x)
{
	struct s3_op *op = xcalloc(1, sizeof(*op));

	op->s3 = s;
	op->ended = ended;
	op->xfer = x;
	return op;
}

void
s3_op_end(struct s3_op *op, enum rc rc)
{
	op->rc = rc;
	op->next = NULL;
	*op->ended->tail = op;
	op->ended->tail = &op->next;
}

void
s3_op_free(struct s3_op *op)
{
	s3_request_release(&op->req);
	s3_oldest_release(&op->oldest);
	buf_release(&op->piece);
	if (op->kept)
		op->s3->kept -= op->size;
	free(op->kept);
	free(op);
}
