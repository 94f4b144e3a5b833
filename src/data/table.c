/* table.c: CSV and TSV with a header (RFC 4180; Python's csv.reader(strict=True) of the dialects
 * excel and excel-tab). In a TSV that would be damaged more otherwise, a backslash before a quote
 * makes it one of the text: so R's write.table(qmethod = "escape") wrote Kaggle's
 * labeledTrainData.tsv.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "data/corpus.h"
#include "data/lines.h"
#include "util/memory.h"

/* Where reading stands. */
typedef struct table {
    char *at, *end;
    size_t line; /* of `at`, from 1 */
    char delimiter;
    bool escapes;   /* \" is a quote of the text, too */
    uint64_t again; /* bytes behind faults, which were read for a row and are read again */
    uint64_t again_most;
} table;

typedef struct field {
    char *text; /* without the quotes around it */
    size_t bytes;
    bool quotes; /* of its text, still as they are written */
} field;

typedef struct row {
    size_t line;   /* where it begins */
    size_t fields; /* how many */
    field text, label;
    const char *fault; /* NULL: none */
} row;

static const char UNENDED[] = "a quoted field does not end";
static const char STRAY[] =
    "a character behind a closing quote (a quote inside a quoted field is written twice)";
static const char HOPELESS[] =
    "quoted fields do not end where they should in too many rows before it; is this a table?";
static const char ESCAPED[] = "\\\" inside a quoted field, where a quote is written twice";

static bool is_line_end(char c)
{
    return c == '\n' || c == '\r';
}

/* Steps over LF, CR LF or CR. */
static void next_line(table *t)
{
    t->at += t->end - t->at > 1 && t->at[0] == '\r' && t->at[1] == '\n' ? 2 : 1;
    t->line++;
}

static size_t count_lines(const char *at, const char *end)
{
    size_t lines = 0;
    for (; at < end; at++) {
        lines += *at == '\n' || (*at == '\r' && at[1] != '\n');
    }
    return lines;
}

/* Is there a backslash in front of a quote of a field that begins at `text`? */
static bool is_escaped(const char *text, const char *quote)
{
    return quote > text && quote[-1] == '\\';
}

/* The rest of a field behind its opening quote. */
static const char *scan_quoted(table *t, const char *limit, field *f)
{
    f->text = t->at;
    for (;;) {
        char *quote = t->at < limit ? memchr(t->at, '"', (size_t)(limit - t->at)) : NULL;
        if (quote == NULL) {
            return UNENDED;
        }
        t->line += count_lines(t->at, quote);
        t->at = quote + 1;
        if (!t->escapes || !is_escaped(f->text, quote)) {
            if (t->at == t->end || *t->at != '"') {
                f->bytes = (size_t)(quote - f->text);
                return NULL;
            }
            t->at++; /* over the second */
        }
        f->quotes = true;
    }
}

/* One field, up to its delimiter or the end of its line. Quotes count at its beginning only. */
static const char *scan_field(table *t, const char *limit, field *f)
{
    const char *fault = NULL;
    *f = (field){.text = t->at};
    if (t->at < t->end && *t->at == '"') {
        t->at++;
        fault = scan_quoted(t, limit, f);
        if (fault != NULL) {
            return fault;
        }
    }
    char *behind = t->at;
    while (t->at < t->end && *t->at != t->delimiter && !is_line_end(*t->at)) {
        t->at++;
    }
    if (f->text == behind) {
        f->bytes = (size_t)(t->at - behind);
    } else if (t->at > behind) {
        fault = is_escaped(f->text, behind - 1) ? ESCAPED : STRAY;
    }
    return fault;
}

/* One row, blank lines before it skipped. After a field that does not end, or goes on behind its
 * closing quote, the next line is taken for the next row: the opening quote may be the mistake, and
 * what closed it that of a row far behind. */
static void scan_row(table *t, const clt_columns *columns, row *r)
{
    char *start = t->at;
    size_t left = (size_t)(t->end - start);
    const char *limit = start + (left < CLT_LINE_BYTES_MAX ? left : CLT_LINE_BYTES_MAX);
    *r = (row){.line = t->line};
    for (bool last = false; !last; r->fields++) {
        field f;
        const char *fault = scan_field(t, limit, &f);
        r->fault = r->fault != NULL ? r->fault : fault;
        if (fault != NULL) {
            t->again += (size_t)((fault == UNENDED ? limit : t->at) - start);
            for (t->at = start; t->at < t->end && !is_line_end(*t->at);) {
                t->at++;
            }
            t->line = r->line;
            last = true;
        } else {
            last = t->at == t->end || *t->at != t->delimiter;
            t->at += !last;
        }
        if (r->fields == columns->text) {
            r->text = f;
        } else if (r->fields == columns->label) {
            r->label = f;
        }
    }
    if ((size_t)(t->at - start) > CLT_LINE_BYTES_MAX) {
        r->fault = CLT_LINE_TOO_LONG;
    }
    if (t->at < t->end) {
        next_line(t);
    }
}

/* Writes a field with its quotes single; `to` may be its own text. Returns how many bytes. */
static size_t copy_field(const table *t, const field *f, char *to)
{
    const char *from = f->text, *end = from + f->bytes;
    size_t bytes = 0;
    while (from < end) {
        const char *quote = f->quotes ? memchr(from, '"', (size_t)(end - from)) : NULL;
        bool escaped = quote != NULL && t->escapes && is_escaped(f->text, quote);
        size_t part = (size_t)((quote != NULL ? quote - escaped : end) - from);
        memmove(to + bytes, from, part);
        bytes += part;
        from += part;
        if (quote != NULL) {
            to[bytes++] = '"';
            from = quote + (escaped ? 1 : 2);
        }
    }
    return bytes;
}

static void skip_blank_lines(table *t)
{
    while (t->at < t->end && is_line_end(*t->at)) {
        next_line(t);
    }
}

/* Finds the columns in the header at t->at, for this delimiter. */
static clt_status read_header(table *t, char delimiter, clt_columns *columns, clt_error *error)
{
    size_t left = (size_t)(t->end - t->at);
    const char *limit = t->at + (left < CLT_LINE_BYTES_MAX ? left : CLT_LINE_BYTES_MAX);
    t->delimiter = delimiter;
    for (bool last = false; !last;) {
        field f;
        const char *fault = scan_field(t, limit, &f);
        if (fault != NULL) {
            return clt_fail(error, CLT_INPUT, 0, "%s", fault);
        }
        char *name = clt_alloc(f.bytes, 1, "the name of a column", error);
        if (name == NULL) {
            return CLT_FAILED;
        }
        clt_columns_see(columns, name, copy_field(t, &f, name));
        free(name);
        last = t->at == t->end || *t->at != delimiter;
        t->at += !last;
    }
    if (t->at < t->end) {
        next_line(t);
    }
    return clt_columns_check(columns, error);
}

/* The delimiter is the one that gives the columns; the message is about the one that gives more. */
static clt_status find_columns(table *t, const clt_corpus_options *options, clt_columns *columns,
                               clt_error *error)
{
    static const char delimiters[] = {',', '\t'};
    table found[2];
    clt_columns seen[2] = {{.options = options}, {.options = options}};
    clt_error reasons[2];
    clt_status status[2];
    int best = 0;
    skip_blank_lines(t);
    for (int k = 0; k < 2; k++) {
        found[k] = *t;
        status[k] = read_header(&found[k], delimiters[k], &seen[k], &reasons[k]);
        if (status[k] != CLT_INPUT) {
            best = k;
            break;
        }
        best = seen[k].count > seen[best].count ? k : best;
    }
    if (status[best] == CLT_INPUT) {
        return clt_fail(error, CLT_INPUT, 0,
                        "line %zu: no form that is known: neither JSON lines ('{'), nor fastText "
                        "(__label__), nor a table's header: %s",
                        t->line, reasons[best].message);
    }
    if (status[best] != CLT_OK) {
        return clt_fail(error, status[best], 0, "%s", reasons[best].message);
    }
    *t = found[best];
    *columns = seen[best];
    return CLT_OK;
}

/* In a table of rows that all seem to go on to its end, reading each of them takes the square of
 * its size. */
static bool is_hopeless(const table *t)
{
    return t->again > t->again_most;
}

/* The rows that cannot be read with or without escapes; SIZE_MAX: too many to read on. */
static size_t count_bad(table t, const clt_columns *columns, bool escapes)
{
    size_t bad = 0;
    t.escapes = escapes;
    for (skip_blank_lines(&t); t.at < t.end; skip_blank_lines(&t)) {
        row r;
        scan_row(&t, columns, &r);
        bad += r.fault != NULL || r.fields != columns->count;
        if (is_hopeless(&t)) {
            return SIZE_MAX;
        }
    }
    return bad;
}

/* Is a damaged TSV no more so when a backslash before a quote makes it one of the text? Of one
 * without them both readings are the same. */
static bool has_escapes(const table *t, const clt_columns *columns)
{
    size_t bad = t->delimiter == '\t' ? count_bad(*t, columns, false) : 0;
    return bad > 0 && count_bad(*t, columns, true) <= bad;
}

static clt_status add_row(clt_corpus_builder *builder, const table *t, const clt_columns *columns,
                          row *r, clt_error *error)
{
    if (r->fault != NULL) {
        return clt_fail(error, CLT_INPUT, 0, "%s", r->fault);
    }
    if (r->fields != columns->count) {
        return clt_fail(error, CLT_INPUT, 0, "%zu fields, where the header has %zu", r->fields,
                        columns->count);
    }
    r->text.bytes = copy_field(t, &r->text, r->text.text);
    if (!builder->options->unlabelled) {
        r->label.bytes = copy_field(t, &r->label, r->label.text);
    }
    return clt_corpus_add(builder, r->line, r->text.text, r->text.bytes, r->label.text,
                          r->label.bytes, error);
}

clt_status clt_table_read(char *bytes, size_t size, const clt_corpus_options *options,
                          clt_corpus **corpus, clt_error *error)
{
    table t = {.at = bytes,
               .end = bytes + size,
               .line = 1,
               .again_most = 8 * (uint64_t)size + CLT_LINE_BYTES_MAX};
    clt_columns columns = {0};
    clt_corpus_builder builder;
    clt_status status = clt_corpus_start(&builder, options, bytes, size, error);
    if (status != CLT_OK) {
        return status;
    }
    CLT_TRY(find_columns(&t, options, &columns, error));
    t.escapes = has_escapes(&t, &columns);
    for (skip_blank_lines(&t); t.at < t.end; skip_blank_lines(&t)) {
        row r;
        if (is_hopeless(&t)) {
            status = clt_fail(error, CLT_INPUT, 0, "line %zu: %s", t.line, HOPELESS);
            goto done;
        }
        scan_row(&t, &columns, &r);
        status = add_row(&builder, &t, &columns, &r, &builder.bad);
        CLT_TRY(clt_corpus_bad_row(&builder, r.line, status, error));
    }
    CLT_TRY(clt_corpus_finish(&builder, corpus, error));
done:
    clt_corpus_abandon(&builder);
    return status;
}
