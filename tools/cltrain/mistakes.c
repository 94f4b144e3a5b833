/* mistakes.c: a sample that a model got wrong, as people read it. */
#include "mistakes.h"

#include "names.h"

cli_mistake cli_mistake_of(const clt_report *report, size_t k, const clt_dataset *dataset,
                           const clt_reading *reading, const clt_vocabulary *words)
{
    size_t sample = report->mistakes[k], classes = (size_t)report->class_count;
    size_t begin = dataset->offsets[sample], count = dataset->offsets[sample + 1] - begin;
    size_t seen = count < (size_t)reading->maxlen ? count : (size_t)reading->maxlen;
    cli_mistake m = {
        .sample = sample, .label = dataset->labels[sample], .predicted = report->predicted[sample]};

    m.probability = (double)report->probabilities[sample * classes + (size_t)m.predicted];
    begin += reading->truncating == CLT_PRE ? count - seen : 0;
    cli_add_words(&m.text, words, reading, dataset->ids + begin, seen);
    cli_bytes_add(&m.text, "", 1);
    return m;
}
