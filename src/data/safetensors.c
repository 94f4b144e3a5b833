/* safetensors.c: reads and writes the container of models. Reading trusts nothing: the header is
 * checked completely, against the real length of the file, before any tensor is read. */
#include "data/safetensors.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/file.h"
#include "util/memory.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "tensors are stored little-endian and copied as they are"
#endif

/* The format allows 100 MB. Parsed JSON takes up to 80 times its text ("[{},{},..."), and a hostile
 * file must not take 1 GB; a real header is a few kilobytes. */
#define HEADER_MAX ((size_t)4 << 20)
#define METADATA_VALUE_MAX ((size_t)1 << 20)
#define DATA_MAX ((uint64_t)16 << 30)
#define ALIGNMENT ((size_t)8)
#define METADATA_KEY "__metadata__"

/* How much of a name from a file a message shows. */
#define SHOWN "%.80s"

static const struct {
    const char *name;
    size_t bytes;
} dtypes[] = {
    [CLT_F32] = {"F32", 4}, [CLT_F64] = {"F64", 8}, [CLT_I32] = {"I32", 4},
    [CLT_I64] = {"I64", 8}, [CLT_U8] = {"U8", 1},
};
#define DTYPE_COUNT (sizeof dtypes / sizeof *dtypes)

/* What an opened file owns: names and metadata are strings of the JSON tree. */
typedef struct contents {
    json_t *header;
    unsigned char *data;
} contents;

/* A tensor and where its bytes lie behind the header. */
typedef struct placed_tensor {
    clt_stored_tensor tensor;
    uint64_t begin, end;
} placed_tensor;

static size_t align(size_t bytes)
{
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* The bytes of a dtype and shape; false when they do not fit. */
static bool tensor_bytes(const clt_stored_tensor *tensor, size_t *bytes)
{
    *bytes = dtypes[tensor->dtype].bytes;
    for (int k = 0; k < tensor->rank; k++) {
        /* not clt_mul: where size_t has 32 bits it would cut the length first */
        if (__builtin_mul_overflow(*bytes, tensor->shape[k], bytes)) {
            return false;
        }
    }
    return true;
}

static clt_status read_at(int descriptor, const char *path, void *memory, size_t bytes,
                          uint64_t offset, clt_error *error)
{
    size_t have = 0;
    while (have < bytes) {
        ssize_t got =
            pread(descriptor, (char *)memory + have, bytes - have, (off_t)(offset + have));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            int code = errno;
            return clt_fail(error, CLT_INPUT, code, "cannot read %s: %s", path, strerror(code));
        }
        if (got == 0) {
            return clt_fail(error, CLT_INPUT, 0, "%s: ends at byte %" PRIu64 " of %" PRIu64, path,
                            offset + have, offset + bytes);
        }
        have += (size_t)got;
    }
    return CLT_OK;
}

static clt_status open_regular(const char *path, int *descriptor, uint64_t *bytes, clt_error *error)
{
    struct stat info;
    /* O_NONBLOCK: opening a pipe must not wait for its other end. */
    *descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (*descriptor < 0) {
        int code = errno;
        return clt_fail(error, CLT_INPUT, code, "cannot open %s: %s", path, strerror(code));
    }
    if (fstat(*descriptor, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size < 0) {
        return clt_fail(error, CLT_INPUT, 0, "%s: not a regular file", path);
    }
    *bytes = (uint64_t)info.st_size;
    return CLT_OK;
}

/* Reads and parses the header. *data_start: the offset of the first tensor byte. */
static clt_status read_header(int descriptor, const char *path, uint64_t file_bytes,
                              json_t **header, uint64_t *data_start, clt_error *error)
{
    clt_status status = CLT_OK;
    unsigned char prefix[8];
    char *text = NULL;
    uint64_t length = 0;
    json_error_t where;
    if (file_bytes < sizeof prefix) {
        return clt_fail(error, CLT_INPUT, 0,
                        "%s: %" PRIu64 " bytes are too few for a safetensors file", path,
                        file_bytes);
    }
    CLT_TRY(read_at(descriptor, path, prefix, sizeof prefix, 0, error));
    for (size_t k = 0; k < sizeof prefix; k++) {
        length |= (uint64_t)prefix[k] << 8 * k;
    }
    if (length > HEADER_MAX) {
        status = clt_fail(error, CLT_INPUT, 0,
                          "%s: not a safetensors file, or damaged: its header claims %" PRIu64
                          " bytes, more than the limit of %zu",
                          path, length, HEADER_MAX);
        goto done;
    }
    if (length > file_bytes - sizeof prefix) {
        status =
            clt_fail(error, CLT_INPUT, 0,
                     "%s: cut short: its header claims %" PRIu64 " bytes, %" PRIu64 " are there",
                     path, length, file_bytes - sizeof prefix);
        goto done;
    }
    text = clt_alloc((size_t)length + 1, 1, "a safetensors header", error);
    if (text == NULL) {
        status = CLT_FAILED;
        goto done;
    }
    CLT_TRY(read_at(descriptor, path, text, (size_t)length, sizeof prefix, error));
    if (text[0] != '{') {
        status =
            clt_fail(error, CLT_INPUT, 0, "%s: byte 8: the header begins with 0x%02x, not with '{'",
                     path, (unsigned char)text[0]);
        goto done;
    }
    *header = json_loadb(text, (size_t)length, JSON_REJECT_DUPLICATES, &where);
    if (*header == NULL) {
        status = clt_fail(error, CLT_INPUT, 0, "%s: byte %d: the header is not valid JSON: %s",
                          path, (int)sizeof prefix + where.position, where.text);
        goto done;
    }
    *data_start = sizeof prefix + length;
done:
    free(text);
    return status;
}

static clt_status parse_metadata(const char *path, json_t *object, clt_safetensors *file,
                                 clt_error *error)
{
    const char *key;
    json_t *value;
    if (!json_is_object(object)) {
        return clt_fail(error, CLT_INPUT, 0, "%s: " METADATA_KEY " is not an object", path);
    }
    file->metadata = clt_alloc(json_object_size(object), sizeof *file->metadata, "metadata", error);
    if (file->metadata == NULL) {
        return CLT_FAILED;
    }
    json_object_foreach(object, key, value)
    {
        if (!json_is_string(value)) {
            return clt_fail(error, CLT_INPUT, 0, "%s: metadata '" SHOWN "' is not a string", path,
                            key);
        }
        if (json_string_length(value) > METADATA_VALUE_MAX) {
            return clt_fail(error, CLT_INPUT, 0,
                            "%s: metadata '" SHOWN "' has %zu bytes, more than the limit of %zu",
                            path, key, json_string_length(value), METADATA_VALUE_MAX);
        }
        file->metadata[file->metadata_count++] =
            (clt_metadata){.key = key, .value = json_string_value(value)};
    }
    return CLT_OK;
}

static clt_status parse_dtype(const char *path, const char *name, const json_t *value,
                              clt_dtype *dtype, clt_error *error)
{
    const char *text = json_is_string(value) ? json_string_value(value) : "(not a string)";
    for (size_t k = 0; k < DTYPE_COUNT; k++) {
        if (strcmp(text, dtypes[k].name) == 0) {
            *dtype = (clt_dtype)k;
            return CLT_OK;
        }
    }
    return clt_fail(error, CLT_INPUT, 0,
                    "%s: tensor '" SHOWN "': dtype " SHOWN ", not F32, F64, I32, I64 or U8", path,
                    name, text);
}

/* `values` must be an array of at most `limit` integers >= 0. */
static clt_status parse_counts(const char *path, const char *name, const char *what,
                               const json_t *values, size_t limit, uint64_t *counts,
                               clt_error *error)
{
    if (!json_is_array(values) || json_array_size(values) > limit) {
        return clt_fail(error, CLT_INPUT, 0,
                        "%s: tensor '" SHOWN "': %s is not an array of at most %zu integers", path,
                        name, what, limit);
    }
    for (size_t k = 0; k < json_array_size(values); k++) {
        const json_t *value = json_array_get(values, k);
        if (!json_is_integer(value) || json_integer_value(value) < 0) {
            return clt_fail(error, CLT_INPUT, 0,
                            "%s: tensor '" SHOWN "': %s[%zu] is not an integer of 0 or more", path,
                            name, what, k);
        }
        counts[k] = (uint64_t)json_integer_value(value);
    }
    return CLT_OK;
}

/* One entry of the header. Whether the byte range is in the file is a question for place_tensors.
 */
static clt_status parse_tensor(const char *path, const char *name, const json_t *entry,
                               placed_tensor *placed, clt_error *error)
{
    clt_status status = CLT_OK;
    clt_stored_tensor *tensor = &placed->tensor;
    const json_t *shape = json_object_get(entry, "shape");
    const json_t *range = json_object_get(entry, "data_offsets");
    uint64_t offsets[2];
    /* The three members are looked for by name: three that are not these fail as missing. */
    if (!json_is_object(entry) || json_object_size(entry) != 3) {
        return clt_fail(error, CLT_INPUT, 0,
                        "%s: tensor '" SHOWN "' is not {dtype, shape, data_offsets}", path, name);
    }
    tensor->name = name;
    CLT_TRY(parse_dtype(path, name, json_object_get(entry, "dtype"), &tensor->dtype, error));
    CLT_TRY(parse_counts(path, name, "shape", shape, CLT_TENSOR_RANK_MAX, tensor->shape, error));
    tensor->rank = (int)json_array_size(shape);
    CLT_TRY(parse_counts(path, name, "data_offsets", range, 2, offsets, error));
    if (json_array_size(range) != 2 || offsets[0] > offsets[1]) {
        status = clt_fail(error, CLT_INPUT, 0,
                          "%s: tensor '" SHOWN "': data_offsets is not [begin, end]", path, name);
        goto done;
    }
    placed->begin = offsets[0];
    placed->end = offsets[1];
    if (!tensor_bytes(tensor, &tensor->bytes) || tensor->bytes != offsets[1] - offsets[0]) {
        status = clt_fail(error, CLT_INPUT, 0,
                          "%s: tensor '" SHOWN "': its shape does not take the %" PRIu64
                          " bytes of its data_offsets [%" PRIu64 ", %" PRIu64 "]",
                          path, name, offsets[1] - offsets[0], offsets[0], offsets[1]);
    }
done:
    return status;
}

static int by_offset(const void *left, const void *right)
{
    const placed_tensor *a = left, *b = right;
    if (a->begin != b->begin) {
        return a->begin < b->begin ? -1 : 1;
    }
    if (a->end != b->end) {
        return a->end < b->end ? -1 : 1;
    }
    return strcmp(a->tensor.name, b->tensor.name);
}

/* Sorts by place, and refuses holes, overlaps, and a file that is not exactly as long. */
static clt_status place_tensors(const char *path, placed_tensor *placed, size_t count,
                                uint64_t data_bytes, clt_error *error)
{
    uint64_t expected = 0;
    qsort(placed, count, sizeof *placed, by_offset);
    for (size_t k = 0; k < count; k++) {
        if (placed[k].begin != expected) {
            return clt_fail(error, CLT_INPUT, 0,
                            "%s: tensor '" SHOWN "': its data begins at %" PRIu64 ", %s %" PRIu64,
                            path, placed[k].tensor.name, placed[k].begin,
                            placed[k].begin < expected ? "inside the data before, which ends at"
                                                       : "after a hole that begins at",
                            expected);
        }
        expected = placed[k].end;
        if (expected > data_bytes) {
            return clt_fail(error, CLT_INPUT, 0,
                            "%s: tensor '" SHOWN "': its data ends at %" PRIu64
                            ", the file has %" PRIu64 " bytes of data",
                            path, placed[k].tensor.name, expected, data_bytes);
        }
    }
    if (expected != data_bytes) {
        return clt_fail(error, CLT_INPUT, 0,
                        "%s: %" PRIu64 " bytes of data, the tensors take %" PRIu64, path,
                        data_bytes, expected);
    }
    if (data_bytes > DATA_MAX) {
        return clt_fail(error, CLT_INPUT, 0,
                        "%s: %" PRIu64 " bytes of data, more than the limit of %" PRIu64, path,
                        data_bytes, DATA_MAX);
    }
    return CLT_OK;
}

static clt_status parse_header(const char *path, json_t *header, uint64_t data_bytes,
                               clt_safetensors *file, placed_tensor **placed, clt_error *error)
{
    clt_status status = CLT_OK;
    const char *key;
    json_t *value;
    *placed = clt_alloc(json_object_size(header), sizeof **placed, "tensors", error);
    if (*placed == NULL) {
        return CLT_FAILED;
    }
    json_object_foreach(header, key, value)
    {
        if (strcmp(key, METADATA_KEY) == 0) {
            CLT_TRY(parse_metadata(path, value, file, error));
        } else {
            CLT_TRY(parse_tensor(path, key, value, *placed + file->tensor_count, error));
            file->tensor_count++;
        }
    }
    CLT_TRY(place_tensors(path, *placed, file->tensor_count, data_bytes, error));
done:
    return status;
}

/* Each tensor is read to an aligned place of its own: in the file it may begin at any byte. */
static clt_status read_tensors(int descriptor, const char *path, uint64_t data_start,
                               const placed_tensor *placed, clt_safetensors *file,
                               unsigned char **data, clt_error *error)
{
    uint64_t total = 0; /* below DATA_MAX + 8 * count */
    for (size_t k = 0; k < file->tensor_count; k++) {
        total += align(placed[k].tensor.bytes);
    }
    if (total > SIZE_MAX) {
        return clt_fail(error, CLT_FAILED, 0, "%s: %" PRIu64 " bytes of tensors do not fit here",
                        path, total);
    }
    *data = clt_alloc((size_t)total, 1, "tensors", error);
    file->tensors = clt_alloc(file->tensor_count, sizeof *file->tensors, "tensors", error);
    if (*data == NULL || file->tensors == NULL) {
        return CLT_FAILED;
    }
    unsigned char *next = *data;
    for (size_t k = 0; k < file->tensor_count; k++) {
        file->tensors[k] = placed[k].tensor;
        file->tensors[k].data = next;
        clt_status status = read_at(descriptor, path, next, placed[k].tensor.bytes,
                                    data_start + placed[k].begin, error);
        if (status != CLT_OK) {
            return status;
        }
        next += align(placed[k].tensor.bytes);
    }
    return CLT_OK;
}

clt_status clt_safetensors_open(const char *path, clt_safetensors *file, clt_error *error)
{
    clt_status status = CLT_OK;
    int descriptor = -1;
    uint64_t file_bytes = 0, data_start = 0;
    placed_tensor *placed = NULL;
    *file = (clt_safetensors){0};
    contents *memory = clt_alloc(1, sizeof *memory, "a safetensors file", error);
    if (memory == NULL) {
        return CLT_FAILED;
    }
    file->memory = memory;
    CLT_TRY(open_regular(path, &descriptor, &file_bytes, error));
    CLT_TRY(read_header(descriptor, path, file_bytes, &memory->header, &data_start, error));
    CLT_TRY(parse_header(path, memory->header, file_bytes - data_start, file, &placed, error));
    CLT_TRY(read_tensors(descriptor, path, data_start, placed, file, &memory->data, error));
done:
    free(placed);
    if (descriptor >= 0) {
        close(descriptor);
    }
    if (status != CLT_OK) {
        clt_safetensors_close(file);
    }
    return status;
}

void clt_safetensors_close(clt_safetensors *file)
{
    contents *memory = file->memory;
    if (memory != NULL) {
        json_decref(memory->header);
        free(memory->data);
        free(memory);
    }
    free(file->tensors);
    free(file->metadata);
    *file = (clt_safetensors){0};
}

const clt_stored_tensor *clt_safetensors_find(const clt_safetensors *file, const char *name)
{
    for (size_t k = 0; k < file->tensor_count; k++) {
        if (strcmp(file->tensors[k].name, name) == 0) {
            return &file->tensors[k];
        }
    }
    return NULL;
}

const char *clt_safetensors_metadata(const clt_safetensors *file, const char *key)
{
    for (size_t k = 0; k < file->metadata_count; k++) {
        if (strcmp(file->metadata[k].key, key) == 0) {
            return file->metadata[k].value;
        }
    }
    return NULL;
}

/* Puts `value` (taken over, NULL when it could not be made) under a key that is not there yet. */
static clt_status put(const char *path, json_t *object, const char *key, json_t *value,
                      clt_error *error)
{
    if (json_object_get(object, key) != NULL) {
        json_decref(value);
        return clt_fail(error, CLT_FAILED, 0, "cannot write %s: the name '" SHOWN "' occurs twice",
                        path, key);
    }
    if (json_object_set_new(object, key, value) != 0) {
        return clt_fail(error, CLT_FAILED, 0,
                        "cannot write %s: '" SHOWN "' or its value is not UTF-8, or no memory is "
                        "left",
                        path, key);
    }
    return CLT_OK;
}

/* The header as a JSON tree. jansson keeps the order in which members are added. */
static clt_status build_header(const char *path, json_t *root, const clt_stored_tensor *tensors,
                               size_t tensor_count, const clt_metadata *metadata,
                               size_t metadata_count, clt_error *error)
{
    clt_status status = CLT_OK;
    size_t offset = 0;
    if (metadata_count > 0) {
        json_t *object = json_object();
        CLT_TRY(put(path, root, METADATA_KEY, object, error));
        for (size_t k = 0; k < metadata_count; k++) {
            if (strlen(metadata[k].value) > METADATA_VALUE_MAX) {
                status = clt_fail(error, CLT_FAILED, 0,
                                  "cannot write %s: metadata '" SHOWN "' is longer than %zu bytes",
                                  path, metadata[k].key, METADATA_VALUE_MAX);
                goto done;
            }
            CLT_TRY(put(path, object, metadata[k].key, json_string(metadata[k].value), error));
        }
    }
    for (size_t k = 0; k < tensor_count; k++) {
        const clt_stored_tensor *tensor = &tensors[k];
        size_t bytes, end;
        if (!tensor_bytes(tensor, &bytes) || bytes != tensor->bytes ||
            !clt_add(offset, bytes, &end) || end > DATA_MAX) {
            status = clt_fail(error, CLT_FAILED, 0,
                              "cannot write %s: tensor '" SHOWN "': %zu bytes do not match its "
                              "shape, or all tensors are over %" PRIu64 " bytes",
                              path, tensor->name, tensor->bytes, DATA_MAX);
            goto done;
        }
        json_t *shape = json_array();
        for (int d = 0; d < tensor->rank; d++) {
            /* A failure to append leaves a shorter shape; it is told by the size below. */
            (void)json_array_append_new(shape, json_integer((json_int_t)tensor->shape[d]));
        }
        if (json_array_size(shape) != (size_t)tensor->rank) {
            json_decref(shape);
            status = clt_fail_memory(error, bytes, "a safetensors header");
            goto done;
        }
        CLT_TRY(put(path, root, tensor->name,
                    json_pack("{s:s, s:o, s:[I, I]}", "dtype", dtypes[tensor->dtype].name, "shape",
                              shape, "data_offsets", (json_int_t)offset, (json_int_t)end),
                    error));
        offset = end;
    }
done:
    return status;
}

/* The header's text with the 8-byte length before it and spaces after it, freed with free(). */
static clt_status print_header(const char *path, const json_t *root, unsigned char **text,
                               size_t *bytes, clt_error *error)
{
    size_t length = json_dumpb(root, NULL, 0, JSON_COMPACT), padded = align(length);
    if (length == 0 || padded > HEADER_MAX) {
        return clt_fail(error, CLT_FAILED, 0,
                        "cannot write %s: a header of %zu bytes, the limit is %zu", path, length,
                        HEADER_MAX);
    }
    *bytes = 8 + padded;
    *text = clt_alloc(*bytes, 1, "a safetensors header", error);
    if (*text == NULL) {
        return CLT_FAILED;
    }
    for (size_t k = 0; k < 8; k++) {
        (*text)[k] = (unsigned char)((uint64_t)padded >> 8 * k);
    }
    memset(*text + 8, ' ', padded);
    (void)json_dumpb(root, (char *)*text + 8, padded, JSON_COMPACT);
    return CLT_OK;
}

clt_status clt_safetensors_save(const char *path, const clt_stored_tensor *tensors,
                                size_t tensor_count, const clt_metadata *metadata,
                                size_t metadata_count, clt_error *error)
{
    clt_status status = CLT_OK;
    clt_file file = {0};
    unsigned char *text = NULL;
    size_t bytes = 0;
    json_t *root = json_object();
    CLT_TRY(build_header(path, root, tensors, tensor_count, metadata, metadata_count, error));
    CLT_TRY(print_header(path, root, &text, &bytes, error));
    CLT_TRY(clt_file_create(path, &file, error));
    bool written = fwrite(text, 1, bytes, file.stream) == bytes;
    for (size_t k = 0; k < tensor_count && written; k++) {
        written = tensors[k].bytes == 0 ||
                  fwrite(tensors[k].data, 1, tensors[k].bytes, file.stream) == tensors[k].bytes;
    }
    if (!written) {
        int code = errno;
        status = clt_fail(error, CLT_FAILED, code, "cannot write %s: %s", path, strerror(code));
        goto done;
    }
    CLT_TRY(clt_file_commit(&file, error));
done:
    clt_file_abandon(&file);
    free(text);
    json_decref(root);
    return status;
}
