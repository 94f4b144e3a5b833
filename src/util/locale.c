/* locale.c: the C locale for the calling thread alone. */
#include "util/locale.h"

locale_t clt_locale_begin(void)
{
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    return c != (locale_t)0 ? uselocale(c) : (locale_t)0; /* no memory: it stays as it is */
}

void clt_locale_end(locale_t before)
{
    if (before != (locale_t)0) {
        freelocale(uselocale(before));
    }
}
