#ifndef ADJUTANT_CJEMALLOC_SHIM_H
#define ADJUTANT_CJEMALLOC_SHIM_H

#include <jemalloc/jemalloc.h>

#endif
