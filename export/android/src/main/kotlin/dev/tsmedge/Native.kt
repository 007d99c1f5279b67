package dev.tsmedge

import java.nio.ByteBuffer

/**
 * What `libtsm_model.so` offers to Java; see `tsm_jni.c`. Every `Int` that comes back is a status of `tsm_edge.h`,
 * 0 or below. A handle stands for a model with one stream; 0 is none.
 */
internal object Native {
    init {
        System.loadLibrary("tsm_model")
    }

    /** Version of the interface, frame height, frame width, classes, floats of a state, in this order. */
    @JvmStatic external fun sizes(sizes: IntArray): Int

    /** JSON as UTF-8. */
    @JvmStatic external fun metadata(): ByteArray

    /** UTF-8. */
    @JvmStatic external fun statusText(status: Int): ByteArray

    /** Give a path (UTF-8, no zero at its end) or a direct buffer; a message is ended by a zero. */
    @JvmStatic external fun open(
        path: ByteArray?,
        weights: ByteBuffer?,
        threads: Int,
        bigCoresFirst: Boolean,
        message: ByteArray,
        handle: LongArray,
    ): Int

    @JvmStatic external fun close(handle: Long)

    @JvmStatic external fun stepFrame(handle: Long, frame: FloatArray, logits: FloatArray): Int

    @JvmStatic external fun stepNv21(
        handle: Long,
        nv21: ByteArray,
        width: Int,
        height: Int,
        rotation: Int,
        logits: FloatArray,
    ): Int

    @JvmStatic external fun stepYuv420(
        handle: Long,
        y: ByteBuffer,
        u: ByteBuffer,
        v: ByteBuffer,
        width: Int,
        height: Int,
        yRowStride: Int,
        chromaRowStride: Int,
        chromaPixelStride: Int,
        rotation: Int,
        logits: FloatArray,
    ): Int

    @JvmStatic external fun stepRgba(
        handle: Long,
        rgba: ByteBuffer,
        width: Int,
        height: Int,
        rowStride: Int,
        rotation: Int,
        logits: FloatArray,
    ): Int

    @JvmStatic external fun reset(handle: Long): Int

    @JvmStatic external fun save(handle: Long, state: FloatArray): Int

    @JvmStatic external fun load(handle: Long, state: FloatArray): Int
}
