/* corpus_open.c: what form a file has, by its content. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "data/corpus.h"
#include "data/lines.h"
#include "data/utf8.h"
#include "util/file.h"
#include "util/memory.h"

/* Of a file; Yelp's reviews, the largest that people train on, have 5.3 GB. */
static const uint64_t FILE_BYTES_MAX = UINT64_C(1) << 33;

static const char STANDARD_INPUT[] = "standard input";

/* What cannot be read here, by its first bytes; NULL: nothing that is known. */
static const char *foreign_form(const char *bytes, size_t size)
{
    static const struct {
        const char *magic, *form;
    } forms[] = {
        {"PK\3\4", "a zip: only Keras's imdb.npz is read from one, and not from standard input"},
        {"\xff\xfe", "UTF-16: save it as UTF-8"},
        {"\xfe\xff", "UTF-16: save it as UTF-8"},
    };
    for (size_t k = 0; k < sizeof forms / sizeof *forms; k++) {
        size_t length = strlen(forms[k].magic);
        if (size >= length && memcmp(bytes, forms[k].magic, length) == 0) {
            return forms[k].form;
        }
    }
    return NULL;
}

typedef clt_status (*reader)(char *bytes, size_t size, const clt_corpus_options *options,
                             clt_corpus **corpus, clt_error *error);

/* What reads a text that begins like this. A table is what nothing else is: it says what it lacks.
 */
static reader find_reader(const char *bytes, size_t size)
{
    static const char label[] = "__label__";
    clt_lines lines = {bytes, bytes + size, 0};
    const char *line;
    size_t length;
    if (!clt_lines_next(&lines, &line, &length)) {
        return clt_table_read;
    }
    if (line[0] == '{') {
        return clt_json_lines_read;
    }
    return length >= strlen(label) && memcmp(line, label, strlen(label)) == 0 ? clt_fasttext_read
                                                                              : clt_table_read;
}

static clt_status read_text(char *bytes, size_t size, const clt_corpus_options *options,
                            clt_corpus **corpus, clt_error *error)
{
    static const char mark[] = "\xef\xbb\xbf";
    clt_status status = clt_utf8_repair(&bytes, &size, error);
    if (status != CLT_OK) {
        free(bytes);
        return status;
    }
    if (size >= 3 && memcmp(bytes, mark, 3) == 0) {
        size -= 3;
        memmove(bytes, bytes + 3, size);
    }
    return find_reader(bytes, size)(bytes, size, options, corpus, error);
}

clt_status clt_corpus_read(char *bytes, size_t size, const clt_corpus_options *options,
                           clt_corpus **train, clt_corpus **test, clt_error *error)
{
    const char *foreign = foreign_form(bytes, size);
    *test = NULL;
    if (foreign == NULL && size > 0) {
        return read_text(bytes, size, options, train, error);
    }
    free(bytes);
    return clt_fail(error, CLT_INPUT, 0, "%s", size == 0 ? "it is empty" : foreign);
}

clt_status clt_corpus_open(const char *path, const clt_corpus_options *options, clt_corpus **train,
                           clt_corpus **test, clt_error *error)
{
    static const clt_corpus_options none = {0};
    bool from_input = strcmp(path, "-") == 0;
    const char *name = from_input ? STANDARD_INPUT : path;
    size_t limit = SIZE_MAX > UINT32_MAX ? (size_t)FILE_BYTES_MAX : SIZE_MAX / 4;
    char *bytes;
    size_t size;
    clt_status status = from_input
                            ? clt_file_read_rest(STDIN_FILENO, name, limit, &bytes, &size, error)
                            : clt_file_read(path, limit, &bytes, &size, error);
    if (status != CLT_OK) {
        return status;
    }
    status = clt_corpus_read(bytes, size, options != NULL ? options : &none, train, test, error);
    if (status == CLT_INPUT) {
        clt_error_prefix(error, "%s", name);
    }
    return status;
}
