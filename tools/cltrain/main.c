/* main.c: the program `cltrain`: finds the verb and hands it the rest of the command line. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "output.h"
#include "verbs.h"

const cli_verb *const cli_verbs[] = {&cli_fit,     &cli_evaluate, &cli_predict, &cli_data,
                                     &cli_summary, &cli_vocab,    &cli_devices, &cli_selftest,
                                     &cli_bench,   &cli_tune,     &cli_help,    NULL};

const cli_verb *cli_find_verb(const char *name)
{
    const char *names[sizeof cli_verbs / sizeof cli_verbs[0]];
    size_t count = 0;

    for (; cli_verbs[count] != NULL; count++) {
        names[count] = cli_verbs[count]->name;
        if (strcmp(name, names[count]) == 0) {
            return cli_verbs[count];
        }
    }
    names[count] = NULL;
    const char *nearest = cli_nearest(name, names);
    if (nearest != NULL) {
        cli_fail_usage(NULL, "unknown verb \"%s\"; did you mean %s?", name, nearest);
    } else {
        cli_fail_usage(NULL,
                       "unknown verb \"%s\"; choose from fit, evaluate, predict, data, "
                       "summary, vocab, devices, selftest, bench, tune, help",
                       name);
    }
    return NULL;
}

int cli_fail_model(const cli_command *command, const clt_error *error)
{
    const char *message = error->message;

    if (strncmp(message, "model: ", 7) == 0) {
        message += 7; /* the flag says it */
    }
    return cli_fail_usage(command->verb, "--model %.200s: %s", command->settings.model, message);
}

static int run(int argc, char **argv)
{
    cli_command command;

    if (argc < 2) {
        cli_print_usage(stderr);
        return CLT_USAGE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("cltrain %s\n", clt_version());
        return CLT_OK;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        cli_print_usage(stdout);
        return CLT_OK;
    }
    const cli_verb *verb = cli_find_verb(argv[1]);
    if (verb == NULL || !cli_parse(verb, argc - 2, argv + 2, &command)) {
        return CLT_USAGE;
    }
    if (command.settings.help) {
        cli_print_help(verb);
        return CLT_OK;
    }
    return verb->run(&command);
}

int main(int argc, char **argv)
{
    /* A closed pipe and a file over the limit are write errors, with a line and exit code 1. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    return cli_close_stdout(run(argc, argv));
}
