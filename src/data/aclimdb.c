/* aclimdb.c: which files are reviews, and in what order. */
#include "data/aclimdb.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "data/corpus.h"
#include "data/lines.h"
#include "data/utf8.h"
#include "util/file.h"
#include "util/memory.h"

enum { TRAIN, TEST, PARTS };
enum { NEG, POS, CLASSES };
static const char *const part_names[] = {"train", "test"};
static const char *const class_names[] = {"neg", "pos"};

static const char SOUGHT[] = "(train|test)/(neg|pos)/ID_RATING.txt";
static const char NOT_REGULAR[] = "a link or a device, where only regular files are read";

typedef struct review {
    char *name; /* ID_RATING.txt */
    int label;
    uint32_t sample; /* in the order of reading */
} review;

typedef struct part {
    clt_corpus_builder builder;
    review *reviews;
    size_t count, room;
} part;

static clt_status start(part parts[PARTS], const clt_corpus_options *options, clt_error *error)
{
    clt_status status = clt_corpus_start(&parts[TRAIN].builder, options, NULL, 0, error);
    return status != CLT_OK ? status
                            : clt_corpus_start(&parts[TEST].builder, options, NULL, 0, error);
}

static void free_part(part *p)
{
    for (size_t k = 0; k < p->count; k++) {
        free(p->reviews[k].name);
    }
    free(p->reviews);
    clt_corpus_abandon(&p->builder);
}

/* ID_RATING.txt */
static bool is_review(const char *name)
{
    static const char digits[] = "0123456789";
    size_t id = strspn(name, digits);
    if (id == 0 || name[id] != '_') {
        return false;
    }
    size_t rating = strspn(name + id + 1, digits);
    return rating > 0 && strcmp(name + id + 1 + rating, ".txt") == 0;
}

/* The index of the name that `path` begins with, before a slash; -1: none. *rest: behind it. */
static int match_folder(const char *path, const char *const names[2], const char **rest)
{
    for (int k = 0; k < 2; k++) {
        size_t length = strlen(names[k]);
        if (strncmp(path, names[k], length) == 0 && path[length] == '/') {
            *rest = path + length + 1;
            return k;
        }
    }
    return -1;
}

static bool match_review(const char *path, int *which, int *label, const char **name)
{
    const char *rest;
    *which = match_folder(path, part_names, &rest);
    *label = *which >= 0 ? match_folder(rest, class_names, name) : -1;
    return *label >= 0 && is_review(*name);
}

/* Whether a member is a review, inside a top folder or not. */
static bool find_review(const char *path, int *which, int *label, const char **name)
{
    path += strncmp(path, "./", 2) == 0 ? 2 : 0;
    if (match_review(path, which, label, name)) {
        return true;
    }
    const char *slash = strchr(path, '/');
    return slash != NULL && match_review(slash + 1, which, label, name);
}

/* Takes the text over. */
static clt_status add_review(part *p, int label, const char *name, char *text, size_t bytes,
                             clt_error *error)
{
    clt_status status = CLT_OK;
    CLT_TRY(clt_utf8_repair(&text, &bytes, error));
    size_t skip = clt_utf8_mark(text, bytes);
    if (p->count == p->room) {
        size_t room = 2 * p->room + 256;
        CLT_TRY(
            clt_resize((void **)&p->reviews, room, sizeof *p->reviews, "names of reviews", error));
        p->room = room;
    }
    review *r = &p->reviews[p->count];
    *r = (review){clt_strdup(name, error), label, (uint32_t)p->count};
    if (r->name == NULL) {
        status = CLT_FAILED;
        goto done;
    }
    p->count++;
    CLT_TRY(clt_corpus_add(&p->builder, 0, text + skip, bytes - skip, class_names[label],
                           strlen(class_names[label]), error));
done:
    free(text);
    return status;
}

static int compare_reviews(const void *a, const void *b)
{
    const review *left = a, *right = b;
    return left->label != right->label ? left->label - right->label
                                       : strcmp(left->name, right->name);
}

/* The reviews of a part in their order. */
static clt_status finish_part(part *p, int which, clt_corpus **corpus, clt_error *error)
{
    clt_corpus *made = NULL;
    uint32_t *order = NULL;
    clt_status status = CLT_OK;
    qsort(p->reviews, p->count, sizeof *p->reviews, compare_reviews);
    for (size_t k = 1; k < p->count; k++) {
        if (compare_reviews(&p->reviews[k - 1], &p->reviews[k]) == 0) {
            status = clt_fail(error, CLT_INPUT, 0, "%s/%s/%s comes twice", part_names[which],
                              class_names[p->reviews[k].label], p->reviews[k].name);
            goto done;
        }
    }
    order = clt_alloc(p->count, sizeof *order, "an order of reviews", error);
    if (order == NULL) {
        status = CLT_FAILED;
        goto done;
    }
    for (size_t k = 0; k < p->count; k++) {
        order[k] = p->reviews[k].sample;
    }
    CLT_TRY(clt_corpus_finish(&p->builder, &made, error));
    CLT_TRY(clt_corpus_select(made, order, p->count, corpus, error));
done:
    clt_corpus_free(made);
    free(order);
    return status;
}

/* names: what was found, for the message when it is not what was looked for. */
static clt_status finish(part parts[PARTS], const char *names, clt_corpus **train,
                         clt_corpus **test, clt_error *error)
{
    clt_corpus *made[PARTS] = {NULL};
    clt_status status = CLT_OK;
    if (parts[TRAIN].count == 0) {
        return clt_fail(error, CLT_INPUT, 0,
                        "no training reviews: looked for files like %s, found %s", SOUGHT,
                        names[0] != 0 ? names : "nothing");
    }
    for (int k = 0; k < PARTS; k++) {
        if (parts[k].count > 0) {
            CLT_TRY(finish_part(&parts[k], k, &made[k], error));
        }
    }
    if (made[TEST] != NULL && made[TEST]->labels != NULL) {
        status = clt_corpus_use_classes(made[TEST], (const char *const *)made[TRAIN]->classes,
                                        made[TRAIN]->class_count, error);
        if (status != CLT_OK) {
            clt_error_prefix(error, "test");
            goto done;
        }
    }
    *train = made[TRAIN];
    *test = made[TEST];
    made[TRAIN] = made[TEST] = NULL;
done:
    clt_corpus_free(made[TRAIN]);
    clt_corpus_free(made[TEST]);
    return status;
}

/* What is in a folder, for a message. */
static void list_folder(const char *path, clt_names *names)
{
    DIR *folder = opendir(path);
    const struct dirent *entry;
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] != '.') {
            clt_names_add(names, entry->d_name, strlen(entry->d_name));
        }
    }
    if (folder != NULL) {
        closedir(folder);
    }
}

/* The reviews of one class of one part; a folder that is not there has none. */
static clt_status read_class(const char *path, part *p, int label, clt_error *error)
{
    clt_status status = CLT_OK;
    struct dirent *entry;
    DIR *folder = opendir(path);
    if (folder == NULL && errno == ENOENT) {
        return CLT_OK;
    }
    if (folder == NULL) {
        int code = errno;
        return clt_fail(error, CLT_INPUT, code, "cannot open %s: %s", path, strerror(code));
    }
    while (errno = 0, (entry = readdir(folder)) != NULL) {
        char file[4096], *text;
        size_t bytes;
        struct stat info;
        int length = snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        if (length >= (int)sizeof file) {
            status = clt_fail(error, CLT_INPUT, 0, "%s: the name is too long", path);
            goto done;
        }
        if (lstat(file, &info) != 0) {
            int code = errno;
            status = clt_fail(error, CLT_INPUT, code, "cannot read %s: %s", file, strerror(code));
            goto done;
        }
        if (!(S_ISREG(info.st_mode) || S_ISDIR(info.st_mode))) {
            status = clt_fail(error, CLT_INPUT, 0, "%s: %s", file, NOT_REGULAR);
            goto done;
        }
        if (S_ISREG(info.st_mode) && is_review(entry->d_name)) {
            CLT_TRY(clt_file_read(file, CLT_LINE_BYTES_MAX, &text, &bytes, error));
            CLT_TRY(add_review(p, label, entry->d_name, text, bytes, error));
        }
    }
    if (errno != 0) {
        int code = errno;
        status = clt_fail(error, CLT_INPUT, code, "cannot read %s: %s", path, strerror(code));
    }
done:
    closedir(folder);
    return status;
}

clt_status clt_aclimdb_read_folder(const char *path, const clt_corpus_options *options,
                                   clt_corpus **train, clt_corpus **test, clt_error *error)
{
    part parts[PARTS] = {0};
    clt_names names = {0};
    clt_status status = CLT_OK;
    CLT_TRY(start(parts, options, error));
    for (int k = 0; k < PARTS; k++) {
        for (int label = 0; label < CLASSES; label++) {
            char folder[4096];
            int length = snprintf(folder, sizeof folder, "%s/%s/%s", path, part_names[k],
                                  class_names[label]);
            if (length >= (int)sizeof folder) {
                status = clt_fail(error, CLT_INPUT, 0, "the name is too long");
                goto done;
            }
            CLT_TRY(read_class(folder, &parts[k], label, error));
        }
    }
    list_folder(path, &names);
    CLT_TRY(finish(parts, names.text, train, test, error));
done:
    free_part(&parts[TRAIN]);
    free_part(&parts[TEST]);
    return status;
}

/* The text of the current member. */
static clt_status read_member(struct archive *archive, struct archive_entry *entry, char **text,
                              size_t *bytes, clt_error *error)
{
    la_int64_t size = archive_entry_size(entry), offset;
    const void *block;
    size_t have = 0, got;
    clt_status status = CLT_OK;
    int result;
    *text = NULL;
    if (size < 0 || size > (la_int64_t)CLT_LINE_BYTES_MAX) {
        return clt_fail(error, CLT_INPUT, 0, CLT_LINE_TOO_LONG);
    }
    *text = clt_alloc((size_t)size, 1, "a review", error);
    if (*text == NULL) {
        return CLT_FAILED;
    }
    while ((result = archive_read_data_block(archive, &block, &got, &offset)) == ARCHIVE_OK) {
        if (offset != (la_int64_t)have || got > (size_t)size - have) {
            status = clt_fail(error, CLT_INPUT, 0, "a file with holes");
            goto done;
        }
        memcpy(*text + have, block, got);
        have += got;
    }
    if (result != ARCHIVE_EOF || have != (size_t)size) {
        const char *reason = archive_error_string(archive);
        status = clt_fail(error, CLT_INPUT, 0, "%s",
                          reason != NULL ? reason : "shorter than the archive says");
        goto done;
    }
    *bytes = have;
done:
    if (status != CLT_OK) {
        free(*text);
        *text = NULL;
    }
    return status;
}

static clt_status add_member(part parts[PARTS], clt_names *names, struct archive *archive,
                             struct archive_entry *entry, clt_error *error)
{
    const char *path = archive_entry_pathname(entry), *name;
    int which, label;
    clt_status status = CLT_OK;
    char *text;
    size_t bytes = 0;
    path = path != NULL ? path : "a member";
    if (archive_entry_hardlink(entry) != NULL ||
        (archive_entry_filetype(entry) != AE_IFREG && archive_entry_filetype(entry) != AE_IFDIR)) {
        return clt_fail(error, CLT_INPUT, 0, "%s: %s", path, NOT_REGULAR);
    }
    clt_names_add(names, path, strlen(path));
    if (archive_entry_filetype(entry) != AE_IFREG || !find_review(path, &which, &label, &name)) {
        return CLT_OK;
    }
    CLT_TRY(read_member(archive, entry, &text, &bytes, error));
    CLT_TRY(add_review(&parts[which], label, name, text, bytes, error));
done:
    if (status == CLT_INPUT) {
        clt_error_prefix(error, "%s", path);
    }
    return status;
}

/* A plain tar that ends elsewhere has lost members, which libarchive does not mind; gzip minds. */
static bool is_cut(const char *bytes, size_t size)
{
    static const char zeros[512];
    bool plain = size >= 2 && memcmp(bytes, "\x1f\x8b", 2) != 0;
    return plain &&
           (size < sizeof zeros || memcmp(bytes + size - sizeof zeros, zeros, sizeof zeros) != 0);
}

/* The reviews of all members, in the order of the archive. */
static clt_status read_members(const char *bytes, size_t size, part parts[PARTS], clt_names *names,
                               clt_error *error)
{
    struct archive_entry *entry;
    clt_status status = CLT_OK;
    int result = ARCHIVE_FATAL;
    struct archive *archive = archive_read_new();
    if (archive == NULL) {
        return clt_fail_memory(error, size, "an archive");
    }
    if (archive_read_support_filter_gzip(archive) == ARCHIVE_OK &&
        archive_read_support_format_tar(archive) == ARCHIVE_OK &&
        archive_read_open_memory(archive, bytes, size) == ARCHIVE_OK) {
        while ((result = archive_read_next_header(archive, &entry)) == ARCHIVE_OK ||
               result == ARCHIVE_WARN) {
            CLT_TRY(add_member(parts, names, archive, entry, error));
        }
    }
    if (result != ARCHIVE_EOF) {
        const char *reason = archive_error_string(archive);
        status =
            clt_fail(error, CLT_INPUT, 0,
                     "a damaged archive, or a packed file that is no tar, to be unpacked first: %s",
                     reason != NULL ? reason : "no reason is known");
    } else if (is_cut(bytes, size)) {
        status = clt_fail(error, CLT_INPUT, 0, "byte %zu: an archive that is cut short", size);
    }
done:
    archive_read_free(archive);
    return status;
}

clt_status clt_aclimdb_read_archive(char *bytes, size_t size, const clt_corpus_options *options,
                                    clt_corpus **train, clt_corpus **test, clt_error *error)
{
    part parts[PARTS] = {0};
    clt_names names = {0};
    clt_status status = CLT_OK;
    CLT_TRY(start(parts, options, error));
    CLT_TRY(read_members(bytes, size, parts, &names, error));
    free(bytes); /* before the reviews are copied into their order */
    bytes = NULL;
    CLT_TRY(finish(parts, names.text, train, test, error));
done:
    free(bytes);
    free_part(&parts[TRAIN]);
    free_part(&parts[TEST]);
    return status;
}
