#ifndef ADJUTANT_CLIBPQ_SHIM_H
#define ADJUTANT_CLIBPQ_SHIM_H

#include <libpq-fe.h>
/* The C library's module for Swift leaves it out. */
#include <sys/eventfd.h>

#endif
