/* corpus_open.c: what form a file has, by its content. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/aclimdb.h"
#include "data/corpus.h"
#include "data/lines.h"
#include "data/utf8.h"
#include "util/file.h"
#include "util/memory.h"

/* What cannot be read here, by its first bytes; NULL: nothing that is known. */
static const char *foreign_form(const char *bytes, size_t size)
{
    static const struct {
        const char *magic, *form;
    } forms[] = {
        {"PK\3\4", "a zip: only Keras's imdb.npz is read from one, and not from standard input"},
        {"\xfd\x37zXZ", "compressed by xz: of compressed files only .tar.gz is read"},
        {"\x28\xb5\x2f\xfd", "compressed by zstd: of compressed files only .tar.gz is read"},
        {"BZh", "compressed by bzip2: of compressed files only .tar.gz is read"},
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
    static const char label[] = CLT_LABEL_PREFIX;
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

/* gzip, or a tar header's "ustar" (POSIX) or "ustar  " (GNU). */
static bool is_archive(const char *bytes, size_t size)
{
    enum { TAR_MAGIC = 257 };
    return (size > 2 && memcmp(bytes, "\x1f\x8b", 2) == 0) ||
           (size > TAR_MAGIC + 5 && memcmp(bytes + TAR_MAGIC, "ustar", 5) == 0);
}

static clt_status read_text(char *bytes, size_t size, const clt_corpus_options *options,
                            clt_corpus **corpus, clt_error *error)
{
    clt_status status = clt_utf8_repair(&bytes, &size, error);
    if (status != CLT_OK) {
        free(bytes);
        return status;
    }
    size_t mark = clt_utf8_mark(bytes, size);
    if (mark > 0) {
        size -= mark;
        memmove(bytes, bytes + mark, size);
    }
    return find_reader(bytes, size)(bytes, size, options, corpus, error);
}

clt_status clt_corpus_read(char *bytes, size_t size, const clt_corpus_options *options,
                           clt_corpus **train, clt_corpus **test, clt_error *error)
{
    const char *foreign = foreign_form(bytes, size);
    *test = NULL;
    if (is_archive(bytes, size)) {
        return clt_aclimdb_read_archive(bytes, size, options, train, test, error);
    }
    if (foreign == NULL && size > 0) {
        return read_text(bytes, size, options, train, error);
    }
    free(bytes);
    return clt_fail(error, CLT_INPUT, 0, "%s", size == 0 ? "it is empty" : foreign);
}

bool clt_data_is_npz(const char *path)
{
    char magic[4] = "";
    struct stat info; /* opening a pipe would wait for its other end */
    bool regular = stat(path, &info) == 0 && S_ISREG(info.st_mode);
    FILE *file = regular ? fopen(path, "rb") : NULL;
    bool is = file != NULL && fread(magic, 1, sizeof magic, file) == sizeof magic &&
              memcmp(magic, "PK\3\4", sizeof magic) == 0;
    if (file != NULL) {
        fclose(file);
    }
    return is;
}

clt_status clt_corpus_open(const char *path, const clt_corpus_options *options, clt_corpus **train,
                           clt_corpus **test, clt_error *error)
{
    static const clt_corpus_options none = {0};
    bool from_input = strcmp(path, "-") == 0;
    const char *name = from_input ? "standard input" : path;
    size_t limit = SIZE_MAX > UINT32_MAX ? (size_t)CLT_CORPUS_BYTES_MAX : SIZE_MAX / 4;
    struct stat info;
    char *bytes;
    size_t size;
    clt_status status = CLT_OK;
    options = options != NULL ? options : &none;
    if (!from_input && stat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
        status = clt_aclimdb_read_folder(path, options, train, test, error);
    } else {
        status = from_input ? clt_file_read_rest(STDIN_FILENO, name, limit, &bytes, &size, error)
                            : clt_file_read(path, limit, &bytes, &size, error);
        if (status != CLT_OK) {
            return status; /* with the path */
        }
        status = clt_corpus_read(bytes, size, options, train, test, error);
    }
    if (status == CLT_INPUT) {
        clt_error_prefix(error, "%s", name);
    }
    return status;
}
