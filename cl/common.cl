/* common.cl: what every kernel file may use. */
