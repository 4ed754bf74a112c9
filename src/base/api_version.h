/* The version of the stack's interfaces, which every HTTP answer carries. */
#ifndef OPS_BASE_API_VERSION_H
#define OPS_BASE_API_VERSION_H

#define OPS_API_VERSION_HEADER "X-API-Version"
#define OPS_API_VERSION "2026-03-04"

#endif
