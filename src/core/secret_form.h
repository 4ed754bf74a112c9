/* What form a secret code has, wherever it comes from: a file, standard input, a variable, a flag, a prompt or a request. */
#ifndef OPS_CORE_SECRET_FORM_H
#define OPS_CORE_SECRET_FORM_H

#include "base/view.h"

/* Without one line end (LF, CRLF or CR) at the end, which editors, echo and Kubernetes secrets add. */
struct ops_view ops_secret_trimmed(struct ops_view text);

/* Why a trimmed text can be no secret code, to go on after "The secret code": "is empty"; NULL: it can. Static. */
const char *ops_secret_objection(struct ops_view code);

/* The same of a new one, which has to be typed and copied by people: blanks at its ends are refused too, since they get lost. */
const char *ops_secret_objection_to_new(struct ops_view code);

#endif
