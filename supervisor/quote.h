/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SUPERVISOR_QUOTE_H
#define BH_SUPERVISOR_QUOTE_H

/* quote.h: ids inside error messages, which are short and must stay UTF-8. */

/* For `"'%.*s'", bh_quote_size(id), id`: the bytes of a valid UTF-8 text to
 * show, few enough to leave room for the reason, and no code point cut. */
int bh_quote_size(const char *text);

#endif
