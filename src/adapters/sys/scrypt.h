/* scrypt (RFC 7914) over OpenSSL, as PHC strings: $scrypt$ln=15,r=8,p=1$<salt>$<hash>, both in base 64 without padding.
 *
 * New hashes have N = 2^15, r = 8, p = 1 and a 32-byte key. verify takes the parameters from the string, within limits, so
 * that they can be raised later without locking anybody out.
 */
#ifndef OPS_ADAPTERS_SYS_SCRYPT_H
#define OPS_ADAPTERS_SYS_SCRYPT_H

#include "ports/hasher.h"

struct ops_hasher *ops_scrypt_hasher(void); /* static; never freed */

#endif
