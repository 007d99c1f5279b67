package dev.tsmedge

/**
 * The library refused.
 *
 * @property status a `TSM_ERROR_*` of `tsm_edge.h`.
 */
class TsmException(val status: Int, message: String) : RuntimeException(message)
