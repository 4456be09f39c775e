/* From facts to the ranked findings of a diagnosis. */
#ifndef KEISOKU_DIAGNOSE_FINDINGS_H
#define KEISOKU_DIAGNOSE_FINDINGS_H

#include "diagnose/rules.h"

/* Into the diagnosis, in place of those that it has: of these, advice that does not hold now is gone, and no advice is
 * added; conclusions are drawn anew. 0 or ERR_NOMEM. */
int findings_make(const struct facts *facts, struct diagnosis *diagnosis);

#endif
