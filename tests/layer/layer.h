/* layer.h: what a test asks the OpenCL layer of layer.c, when both are in one process. */
#ifndef CLT_TESTS_LAYER_H
#define CLT_TESTS_LAYER_H

/* How often the process has called the OpenCL function `name`; 0 before the loader took the layer
 * in. Also "call": all of them together; "event": commands that made one; "wait": transfers that
 * wait for the device; "same argument": clSetKernelArg with what was set there before. */
unsigned long clt_layer_count(const char *name);

/* Call `k` of `name` from now on, 1 being the next, gives `code` back and does nothing. k 0: none.
 */
void clt_layer_fail(const char *name, unsigned long k, int code);

#endif
