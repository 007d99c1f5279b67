package dev.tsmedge

import java.nio.ByteBuffer
import kotlin.math.exp
import org.json.JSONObject

/**
 * The network in `libtsm_model.so` and one camera's stream through it. A second camera is a second object.
 *
 * Each frame moves the stream on: `step*` takes the next picture and returns the logits, one number a class of
 * [labels]. A step takes tens of milliseconds, so call it from a camera's executor and not from the main thread.
 * Calls from several threads wait for each other.
 *
 * Close it: some 10 MB lie outside of Java's heap, and nothing frees them by itself (`java.lang.ref.Cleaner` came
 * with Android 13). After [close] every other call throws [IllegalStateException]; closing twice is harmless.
 */
class TsmEdge private constructor(private var handle: Long) : AutoCloseable {
    /**
     * Step with a picture in NV21: Y plane, then V and U in turn, no padding.
     *
     * @param nv21 width * height * 3 / 2 bytes, odd sizes rounded up.
     * @param rotationDegrees clockwise turn that makes the picture upright: 0, 90, 180 or 270.
     * @param logits where the answer goes, [numClasses] floats; a new array by default.
     * @return [logits].
     * @throws TsmException if sizes and rotation do not fit.
     */
    @JvmOverloads
    @Synchronized
    fun stepNv21(
        nv21: ByteArray,
        width: Int,
        height: Int,
        rotationDegrees: Int = 0,
        logits: FloatArray = FloatArray(numClasses),
    ): FloatArray {
        val status = Native.stepNv21(open(), nv21, width, height, rotationDegrees, logits)
        return answer(status, logits) { "NV21 $width x $height in ${nv21.size} bytes, rotation $rotationDegrees" }
    }

    /**
     * Step with the three planes of a picture in `YUV_420_888`, as `android.media.Image` and CameraX give them.
     *
     * @param y luma, direct; [u] and [v] are of half the size, direct, and share their strides.
     * @param yRowStride bytes from row to row.
     * @param chromaPixelStride bytes from pixel to pixel, 1 or 2.
     * @param rotationDegrees clockwise turn that makes the picture upright: 0, 90, 180 or 270.
     * @param logits where the answer goes, [numClasses] floats; a new array by default.
     * @return [logits].
     * @throws TsmException if sizes, strides and rotation do not fit.
     */
    @JvmOverloads
    @Synchronized
    fun stepYuv420(
        y: ByteBuffer,
        u: ByteBuffer,
        v: ByteBuffer,
        width: Int,
        height: Int,
        yRowStride: Int,
        chromaRowStride: Int,
        chromaPixelStride: Int,
        rotationDegrees: Int = 0,
        logits: FloatArray = FloatArray(numClasses),
    ): FloatArray {
        val status = Native.stepYuv420(
            open(), direct(y), direct(u), direct(v), width, height,
            yRowStride, chromaRowStride, chromaPixelStride, rotationDegrees, logits,
        )
        return answer(status, logits) {
            "YUV_420_888 $width x $height, rotation $rotationDegrees, " +
                "row strides $yRowStride and $chromaRowStride, pixel stride $chromaPixelStride, " +
                "planes of ${y.remaining()}, ${u.remaining()} and ${v.remaining()} bytes"
        }
    }

    /**
     * Step with a picture in RGBA, four bytes a pixel; alpha is not looked at.
     *
     * @param rgba direct, such as a CameraX plane or what `Bitmap.copyPixelsToBuffer` filled and `rewind` wound back.
     * @param rowStride bytes from row to row; 0 if rows follow each other.
     * @param rotationDegrees clockwise turn that makes the picture upright: 0, 90, 180 or 270.
     * @param logits where the answer goes, [numClasses] floats; a new array by default.
     * @return [logits].
     * @throws TsmException if sizes, stride and rotation do not fit.
     */
    @JvmOverloads
    @Synchronized
    fun stepRgba(
        rgba: ByteBuffer,
        width: Int,
        height: Int,
        rowStride: Int = 0,
        rotationDegrees: Int = 0,
        logits: FloatArray = FloatArray(numClasses),
    ): FloatArray {
        val status = Native.stepRgba(open(), direct(rgba), width, height, rowStride, rotationDegrees, logits)
        return answer(status, logits) {
            "RGBA $width x $height in ${rgba.remaining()} bytes, row stride $rowStride, rotation $rotationDegrees"
        }
    }

    /**
     * Step with a frame that is prepared already: (3, [frameHeight], [frameWidth]) floats, RGB, normalised.
     *
     * @throws TsmException if it has another size or holds NaN or infinity; the stream is as before.
     */
    @JvmOverloads
    @Synchronized
    fun stepFrame(frame: FloatArray, logits: FloatArray = FloatArray(numClasses)): FloatArray =
        answer(Native.stepFrame(open(), frame, logits), logits) { "a frame of ${frame.size} floats" }

    /** Forget all frames, as at the start of another video. */
    @Synchronized
    fun reset() = orThrow(Native.reset(open())) { "reset" }

    /** What the stream remembers, [stateFloats] floats: [load] puts another stream of this network in its place. */
    @Synchronized
    fun save(): FloatArray = FloatArray(stateFloats).also { orThrow(Native.save(open(), it)) { "save" } }

    /**
     * Go on where [save] was called.
     *
     * @throws TsmException if it has another size or holds NaN or infinity; the stream is as before.
     */
    @Synchronized
    fun load(state: FloatArray) = orThrow(Native.load(open(), state)) { "a state of ${state.size} floats" }

    /** Free the network. */
    @Synchronized
    override fun close() {
        Native.close(handle)
        handle = 0
    }

    private fun open(): Long {
        check(handle != 0L) { "this TsmEdge is closed; create another one" }
        return handle
    }

    private inline fun answer(status: Int, logits: FloatArray, given: () -> String): FloatArray {
        orThrow(status) { "${given()}, logits ${logits.size} of $numClasses" }
        return logits
    }

    companion object {
        /** Version of the interface that this file was written for. */
        const val ABI_VERSION = 2

        private val sizes = IntArray(5).also { sizes ->
            orThrow(Native.sizes(sizes)) { "sizes" }
            check(sizes[0] == ABI_VERSION) {
                "libtsm_model.so has interface ${sizes[0]}, these sources want $ABI_VERSION; " +
                    "copy library and sources from one bundle"
            }
        }

        /** Rows of the network's frame. */
        @JvmStatic val frameHeight: Int get() = sizes[1]

        /** Columns of the network's frame. */
        @JvmStatic val frameWidth: Int get() = sizes[2]

        /** Length of the logits. */
        @JvmStatic val numClasses: Int get() = sizes[3]

        /** Length of a saved state. */
        @JvmStatic val stateFloats: Int get() = sizes[4]

        /** Model, preprocessing, target and precision as one JSON object. */
        @JvmStatic val metadata: String by lazy { String(Native.metadata(), Charsets.UTF_8) }

        /** One name a class, in the order of the logits. */
        @JvmStatic val labels: List<String> by lazy {
            val names = JSONObject(metadata).getJSONObject("model").getJSONArray("labels")
            List(names.length()) { names.getString(it) }
        }

        /**
         * Open the network with the bundle's `weights.bin`, which is mapped into memory.
         *
         * @param threads 0 takes the bundle's own number, the big cores of its target; at most 64.
         * @param bigCoresFirst keep the threads on the phone's fastest cores.
         * @throws TsmException if the file cannot be read or belongs to another library.
         */
        @JvmStatic
        @JvmOverloads
        fun create(weightsPath: String, threads: Int = 0, bigCoresFirst: Boolean = true): TsmEdge =
            create(weightsPath.toByteArray(), null, threads, bigCoresFirst)

        /** The same with weights in memory: a direct buffer from its position to its limit. */
        @JvmStatic
        @JvmOverloads
        fun create(weights: ByteBuffer, threads: Int = 0, bigCoresFirst: Boolean = true): TsmEdge =
            create(null, direct(weights), threads, bigCoresFirst)

        /** Logits as shares of one, by softmax. */
        @JvmStatic
        fun probabilities(logits: FloatArray): FloatArray {
            val largest = logits.maxOrNull() ?: return logits
            val powers = FloatArray(logits.size) { exp(logits[it] - largest) }
            val sum = powers.sum()
            return FloatArray(logits.size) { powers[it] / sum }
        }

        private fun create(path: ByteArray?, weights: ByteBuffer?, threads: Int, bigFirst: Boolean): TsmEdge {
            val message = ByteArray(256)
            val handle = LongArray(1)
            val status = Native.open(path, weights, threads, bigFirst, message, handle)
            orThrow(status) { String(message, Charsets.UTF_8).substringBefore('\u0000') }
            return TsmEdge(handle[0])
        }

        private inline fun orThrow(status: Int, given: () -> String) {
            if (status == 0) return
            val text = String(Native.statusText(status), Charsets.UTF_8)
            throw TsmException(status, listOf(text, given()).filter { it.isNotEmpty() }.joinToString(": "))
        }

        /** The native side sees a buffer from its start to its end. */
        private fun direct(buffer: ByteBuffer): ByteBuffer {
            require(buffer.isDirect) { "the buffer lies in Java's heap; use ByteBuffer.allocateDirect" }
            return buffer.slice()
        }
    }
}
