/* tsm_sha256.h - SHA-256 (FIPS 180-4). Private to the library. */
#ifndef TSM_SHA256_H
#define TSM_SHA256_H

#include <stddef.h>
#include <stdint.h>

typedef struct tsm_sha256 {
  uint32_t state[8];
  uint64_t bytes;
  unsigned char block[64];
} tsm_sha256;

#define TSM_SHA256_HEX 64 /* digits, without the zero behind them */

void tsm_sha256_begin(tsm_sha256 *hash);
void tsm_sha256_add(tsm_sha256 *hash, const void *data, size_t bytes);
void tsm_sha256_end(tsm_sha256 *hash, char hex[TSM_SHA256_HEX + 1]);

#endif
