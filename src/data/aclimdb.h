/* aclimdb.h: the Large Movie Review Dataset as it is published (Maas et al. 2011), a folder or its
 * .tar.gz: a review a file, (train|test)/(neg|pos)/ID_RATING.txt, inside a top folder or not. All
 * else (unsup, bags of words, lists of addresses) is left alone. */
#ifndef CLT_DATA_ACLIMDB_H
#define CLT_DATA_ACLIMDB_H

#include "cltrain/corpus.h"
#include "util/error.h"

/* Reviews are in the order of Keras's text_dataset_from_directory(shuffle=False): neg before pos,
 * names in byte order; so a folder and its archive give the same corpus. Links and devices are
 * refused. Errors: CLT_INPUT with the file or member; as clt_corpus_open.
 *
 * test     out; NULL when there are no reviews of that part. */
CLT_NODISCARD clt_status clt_aclimdb_read_folder(const char *path,
                                                 const clt_corpus_options *options,
                                                 clt_corpus **train, clt_corpus **test,
                                                 clt_error *error);

/* From a tar archive in memory, perhaps packed by gzip; takes the bytes over in any case. */
CLT_NODISCARD clt_status clt_aclimdb_read_archive(char *bytes, size_t size,
                                                  const clt_corpus_options *options,
                                                  clt_corpus **train, clt_corpus **test,
                                                  clt_error *error);

#endif
