/* locale.h: numbers in texts have a point, whatever locale the program has chosen for itself. */
#ifndef CLT_UTIL_LOCALE_H
#define CLT_UTIL_LOCALE_H

#include <locale.h>

/* Gives the calling thread the C locale until clt_locale_end gets what this returned: for strtod
 * and printf, which write 0.5 as 0,5 where people do. Other threads keep theirs. */
locale_t clt_locale_begin(void);
void clt_locale_end(locale_t before);

#endif
