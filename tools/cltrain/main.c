/* main.c: the program `cltrain`: finds the verb and hands it the rest of the command line. */
#include <stdio.h>

#include "cltrain/cltrain.h"

int main(void)
{
    printf("cltrain %s\n", clt_version());
    return 0;
}
