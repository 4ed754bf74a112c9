/* What the pages of an errand come to: counters that stay true whatever a removal leaves unsaid. */
#ifndef OPS_APP_ERRAND_COUNT_H
#define OPS_APP_ERRAND_COUNT_H

#include "app/errand.h"

/* Moves the keys that may be removed to the front of the page that was just read, in their order, and counts. */
void ops_errand_sort_page(struct ops_errand *errand);

/* Sorts the outcomes of a batch: what was not taken waits at the front for another round. */
void ops_errand_note_outcomes(struct ops_page_in_hand *hand, const enum ops_removal *outcomes, size_t count);

/* How much of the task's receipt is still there. */
enum ops_status ops_errand_recount(struct ops_errand *errand, struct ops_recount *ret_there,
                                   struct ops_error *error) OPS_MUST_USE;

/* Every try is used up, or the target refused some: the target itself says what is still there. */
enum ops_status ops_errand_count_truly(struct ops_errand *errand, struct ops_error *error) OPS_MUST_USE;

/* The page is done with: its counts become the task's, and the cursor moves past it. OPS_LIMIT, OPS_NO_MEMORY. */
enum ops_status ops_errand_account_page(struct ops_errand *errand) OPS_MUST_USE;

/* Names the keys of the batch in hand that were refused without a word of the target's own. */
void ops_errand_name_refused(struct ops_page_in_hand *hand, const enum ops_removal *outcomes, size_t count, const char *why);
/* Names the keys that were not taken, however often they were tried. */
void ops_errand_name_left(struct ops_page_in_hand *hand);

/* The removal of a page can't be finished. What is known to be gone is counted; what the target can't tell now stays in the
 * receipt, and is counted before the vacuum ends (app/settle.h). */
enum ops_status ops_errand_account_unfinished(struct ops_errand *errand) OPS_MUST_USE;

#endif
