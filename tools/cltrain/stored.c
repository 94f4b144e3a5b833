/* stored.c: fit.json. */
#define _XOPEN_SOURCE 700 /* realpath */
#include "stored.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "output.h"

#define NAME "fit.json"
#define FORMAT "cltrain-fit-1"

static clt_status fail(clt_error *error, clt_status status, const char *folder, const char *reason)
{
    return cli_set_error(error, status, "%s%.600s/" NAME ": %.200s",
                         status == CLT_FAILED ? "cannot write " : "", folder, reason);
}

/* What an environment variable chooses belongs to the run as an option does. */
static const char *const variables[] = {"CLTRAIN_DEVICE", "CLTRAIN_PLAN"};
enum { VARIABLES = sizeof variables / sizeof variables[0] };

static void store(void *user, const char *name, const char *text)
{
    /* A value that is not UTF-8 is left out, and noticed below. */
    (void)json_object_set_new(user, name, json_string(text));
}

static void count(void *user, const char *name, const char *text)
{
    (void)name;
    (void)text;
    ++*(size_t *)user;
}

clt_status cli_store(const char *folder, const cli_command *command,
                     const cli_fingerprints *fingerprints, bool finished, clt_error *error)
{
    json_t *settings = json_object();
    json_t *root = json_pack("{s:s, s:s, s:b, s:O}", "format", FORMAT, "version", clt_version(),
                             "finished", (int)finished, "settings", settings);
    char *place = getcwd(NULL, 0), *text = NULL;
    size_t expected = 0;
    cli_bytes bytes = {0};
    clt_status status = CLT_OK;

    cli_store_options(command, CLI_UNSTORED, store, settings);
    cli_store_options(command, CLI_UNSTORED, count, &expected);
    if (place != NULL) {
        (void)json_object_set_new(root, "folder", json_string(place));
    }
    for (int k = 0; k < CLI_FINGERPRINTS; k++) {
        const char *text = fingerprints->text[k];
        if (text[0] != '\0') {
            (void)json_object_set_new(root, cli_fingerprint_name(k), json_string(text));
        }
    }
    for (int k = 0; k < VARIABLES; k++) {
        const char *value = getenv(variables[k]);
        if (value != NULL && value[0] != '\0') {
            (void)json_object_set_new(root, variables[k], json_string(value));
        }
    }
    if (root != NULL && json_object_size(settings) == expected) {
        text = json_dumps(root, JSON_INDENT(2));
    }
    if (text == NULL) {
        status = fail(error, CLT_FAILED, folder, "a setting is not UTF-8, or no memory is left");
    } else {
        cli_bytes_add(&bytes, text, strlen(text));
        cli_bytes_add(&bytes, "\n", 1);
        status = cli_write_file(folder, NAME, &bytes, error);
    }
    cli_bytes_free(&bytes);
    free(text);
    free(place);
    json_decref(root);
    json_decref(settings);
    return status;
}

clt_status cli_stored_open(const char *folder, cli_stored *stored, clt_error *error)
{
    char *path = cli_join(folder, NAME);
    json_error_t where = {.text = "out of memory"};
    const char *format = NULL;

    *stored = (cli_stored){0};
    json_t *root = path != NULL ? json_load_file(path, JSON_REJECT_DUPLICATES, &where) : NULL;
    free(path);
    if (root == NULL) {
        return fail(error, CLT_INPUT, folder, where.text);
    }
    (void)json_unpack(root, "{s:s}", "format", &format);
    json_t *settings = json_object_get(root, "settings");
    if (format == NULL || strcmp(format, FORMAT) != 0 || !json_is_object(settings)) {
        json_decref(root);
        return fail(error, CLT_INPUT, folder,
                    "it is not what `cltrain fit` writes: no settings of "
                    "format " FORMAT);
    }
    stored->root = root;
    stored->finished = json_is_true(json_object_get(root, "finished"));
    for (int k = 0; k < CLI_FINGERPRINTS; k++) {
        char *to = stored->fingerprints.text[k];
        const char *from = json_string_value(json_object_get(root, cli_fingerprint_name(k)));
        snprintf(to, sizeof stored->fingerprints.text[k], "%s", from != NULL ? from : "");
    }
    return CLT_OK;
}

void cli_go_on(const char *folder, const char *data, char *text, size_t room)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "+-./:=@_%,";
    const char *quote = folder[strspn(folder, plain)] == '\0' ? "" : "'";
    size_t used = (size_t)snprintf(text, room, "cltrain fit --resume %s", quote);

    for (; *folder != '\0' && used + sizeof "'\\''" < room; folder++) {
        if (*folder == '\'') {
            used += (size_t)snprintf(text + used, room - used, "'\\'");
        }
        text[used++] = *folder;
    }
    snprintf(text + used, room - used, "%s%s", quote,
             strcmp(data, "-") == 0 ? ", with the same data on standard input" : "");
}

void cli_stored_close(cli_stored *stored)
{
    json_decref(stored->root);
    *stored = (cli_stored){0};
}

/* Goes to the folder of the run's beginning. A file that is not found there is named later. */
static char *move(const char *folder, const char *to)
{
    char *here = getcwd(NULL, 0), *whole = realpath(folder, NULL);
    bool moved =
        to != NULL && here != NULL && whole != NULL && strcmp(to, here) != 0 && chdir(to) == 0;

    free(here);
    if (moved) {
        return whole;
    }
    free(whole);
    return strdup(folder);
}

clt_status cli_restore(const char *folder, const cli_stored *stored, cli_command *command,
                       char **place, clt_error *error)
{
    const char *name;
    json_t *value;

    json_object_foreach(json_object_get(stored->root, "settings"), name, value)
    {
        clt_error reason;
        const char *text = json_string_value(value);
        if (text == NULL) {
            return fail(error, CLT_INPUT, folder, "a setting is not a string");
        }
        if (cli_restore_option(command, name, text, &reason) != CLT_OK) {
            return fail(error, CLT_INPUT, folder, reason.message);
        }
    }
    for (int k = 0; k < VARIABLES; k++) {
        const char *variable = variables[k];
        const char *text = json_string_value(json_object_get(stored->root, variable));
        if (text != NULL && getenv(variable) == NULL) {
            setenv(variable, text, 1);
        }
    }
    if (command->settings.data == NULL) {
        return fail(error, CLT_INPUT, folder, "it does not say what data the run is on");
    }
    *place = move(folder, json_string_value(json_object_get(stored->root, "folder")));
    return *place != NULL ? CLT_OK : fail(error, CLT_FAILED, folder, "no memory is left");
}

void cli_unstore(const char *folder)
{
    char *path = cli_join(folder, NAME);

    if (path != NULL) {
        unlink(path);
    }
    free(path);
}
