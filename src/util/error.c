/* error.c: fills a clt_error. */
#include "util/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cltrain/cltrain.h"

const char *clt_version(void)
{
    return CLT_VERSION;
}

/* A message is one line on a terminal, whatever an untrusted file put into it. */
static void make_printable(char *text)
{
    for (unsigned char *c = (unsigned char *)text; *c != 0; c++) {
        if (*c < 0x20 || *c == 0x7f) {
            *c = ' ';
        }
    }
}

clt_status clt_fail(clt_error *error, clt_status status, int native, const char *format, ...)
{
    if (error != NULL) {
        va_list arguments;
        error->status = status;
        error->native = native;
        va_start(arguments, format);
        vsnprintf(error->message, sizeof error->message, format, arguments);
        va_end(arguments);
        make_printable(error->message);
    }
    return status;
}

clt_status clt_fail_memory(clt_error *error, size_t bytes, const char *what)
{
    return clt_fail(error, CLT_FAILED, 0, "out of memory (%zu bytes for %s)", bytes, what);
}

void clt_error_prefix(clt_error *error, const char *format, ...)
{
    char text[2 * CLT_ERROR_MESSAGE_SIZE];
    if (error == NULL) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, CLT_ERROR_MESSAGE_SIZE, format, arguments);
    va_end(arguments);
    size_t used = length < 0 ? 0 : (size_t)length;
    used = used < CLT_ERROR_MESSAGE_SIZE ? used : CLT_ERROR_MESSAGE_SIZE - 1;
    snprintf(text + used, sizeof text - used, ": %s", error->message);
    text[CLT_ERROR_MESSAGE_SIZE - 1] = 0;
    memcpy(error->message, text, CLT_ERROR_MESSAGE_SIZE);
    make_printable(error->message);
}
