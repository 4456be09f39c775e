/* From facts to the ranked findings of a diagnosis. */
#ifndef KEISOKU_DIAGNOSE_FINDINGS_H
#define KEISOKU_DIAGNOSE_FINDINGS_H

#include "diagnose/rules.h"

int findings_make(const struct facts *facts, struct diagnosis *diagnosis);

#endif
