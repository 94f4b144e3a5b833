/* error.h: how every function of CLTrain reports failure.
 *
 * Functions that can fail return a clt_status and take a caller-owned clt_error last. NULL is
 * allowed there. The library never prints, exits or aborts. */
#ifndef CLTRAIN_ERROR_H
#define CLTRAIN_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

/* What went wrong. The numbers 1 to 6 are also the exit codes of the program `cltrain`. */
typedef enum clt_status {
    CLT_OK = 0,
    CLT_FAILED = 1,   /* anything else: an output that cannot be written, no memory */
    CLT_USAGE = 2,    /* an argument, a flag or a model string that makes no sense */
    CLT_DEVICE = 3,   /* no usable device, or the choice matches none or several */
    CLT_KERNEL = 4,   /* a kernel does not build, or computes wrong answers */
    CLT_INPUT = 5,    /* an input that cannot be opened, read or trusted */
    CLT_DIVERGED = 6, /* the loss or a gradient is NaN or infinite */
    CLT_STOPPED = 7   /* the caller's callback asked to stop; what was done is kept */
} clt_status;

#define CLT_ERROR_MESSAGE_SIZE 1024

/* The last failure. Set only when a function returns something other than CLT_OK. */
typedef struct clt_error {
    clt_status status;
    int native;                           /* errno, OpenCL's or CLBlast's code, or 0 */
    char message[CLT_ERROR_MESSAGE_SIZE]; /* one line: what, where, the value, what to do */
} clt_error;

#if defined(__GNUC__)
#define CLT_NODISCARD __attribute__((warn_unused_result))
#else
#define CLT_NODISCARD
#endif

/* What the library wants to tell while it works. Called on the thread that called the library. */
typedef enum clt_log_level {
    CLT_LOG_NOTE, /* worth a line to the user, e.g. a product that was wrong and its replacement */
    CLT_LOG_COMPILE /* a kernel is about to be compiled; `line` names it. Shown as progress. */
} clt_log_level;

typedef struct clt_log {
    void (*line)(void *user, clt_log_level level, const char *line); /* NULL: silent */
    void *user;
} clt_log;

#ifdef __cplusplus
}
#endif
#endif
