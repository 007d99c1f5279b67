package dev.tsmedge.example

import androidx.camera.core.ImageAnalysis
import androidx.camera.core.ImageProxy
import dev.tsmedge.TsmEdge

/**
 * Names what the camera sees, frame by frame.
 *
 * Give it to an `ImageAnalysis` with `STRATEGY_KEEP_ONLY_LATEST` and an executor of one thread, and close [network]
 * after that executor has ended. Images of `OUTPUT_IMAGE_FORMAT_YUV_420_888` are the default and the fastest.
 *
 * @param onLabel called on the executor with the mean of the last [window] frames: their label and its share of one.
 */
class GestureAnalyzer(
    private val network: TsmEdge,
    private val window: Int = 12,
    private val onLabel: (String, Float) -> Unit,
) : ImageAnalysis.Analyzer {
    private val recent = ArrayDeque<FloatArray>()

    override fun analyze(image: ImageProxy) {
        recent.addLast(image.use(::logits))
        if (recent.size > window) recent.removeFirst()
        val mean = FloatArray(TsmEdge.numClasses) { label -> recent.sumOf { it[label].toDouble() }.toFloat() / recent.size }
        val shares = TsmEdge.probabilities(mean)
        val best = shares.indices.maxByOrNull { shares[it] } ?: return
        onLabel(TsmEdge.labels[best], shares[best])
    }

    private fun logits(image: ImageProxy): FloatArray {
        val (y, u, v) = image.planes
        return network.stepYuv420(
            y.buffer, u.buffer, v.buffer, image.width, image.height,
            y.rowStride, u.rowStride, u.pixelStride, image.imageInfo.rotationDegrees,
        )
    }
}
